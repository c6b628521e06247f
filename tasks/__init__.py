"""The tasks, found by name. One module a task; a new file in this folder is a new task.

A task module has `TASK`, a `Task`, and nothing outside its own file needs to know more about it.
"""

import importlib
import pkgutil
from typing import Callable, Dict, Iterable, List, NamedTuple, Tuple

import numpy as np


class Task(NamedTuple):
    """What a network and a training run need to know of a task; all constants of the paper's table.

    label: as in the paper's figures. inputs, units, adaptive_units, outputs: sizes. steps: T of a training example.
    loss_steps: times in 1 .. T that carry loss. loss, performance: names in models.losses. alpha, beta: leaks.
    l2: factor of the L2 penalty. batch_size: default; None where the training batch is the whole set.
    iterations: default length {rule: iterations}, with "default" for the others.
    data(random) -> Data: `random(purpose, *index)` gives a numpy RandomState keyed by the run's seed and the purpose.
    """

    label: str
    inputs: int
    units: int
    adaptive_units: int
    outputs: int
    steps: int
    loss_steps: Tuple[int, ...]
    loss: str
    performance: str
    alpha: float
    beta: float
    l2: float
    batch_size: int
    iterations: Dict[str, int]
    data: Callable


class Example(NamedTuple):
    """Arrays of B examples: x [T, B, N_in], y [K, B, N_out] at the K steps that carry loss."""

    x: np.ndarray
    y: np.ndarray


class DataFileError(Exception):
    """A data file is missing or damaged; the message is one line that names it."""


def stack_examples(examples: Iterable[Example]) -> Example:
    """One Example a replica -> one with the leading replica axis: x [R, T, B, N_in], y [R, K, B, N_out]."""
    return Example(*[np.stack(arrays) for arrays in zip(*examples)])


class Data(NamedTuple):
    """The data of one run.

    training_examples: how many there are. batch(iteration, size) -> the training batch of that iteration, a function
    of its arguments alone. hessian_batch: Example on which curvature is measured. sets: {"training" | "validation" |
    "test": function that yields Examples, together the whole set}.
    """

    training_examples: int
    batch: Callable
    hessian_batch: Example
    sets: Dict[str, Callable]


def known_tasks() -> List[str]:
    """Names of the modules in this folder, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def get_task(name: str) -> Task:
    """The task of that name. Raises ValueError that lists the known ones."""
    if name not in known_tasks():
        raise ValueError(f"unknown task '{name}'; known: {', '.join(known_tasks())}")
    return importlib.import_module(f"tasks.{name}").TASK
