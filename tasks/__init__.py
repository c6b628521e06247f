"""The tasks, found by name. One module per task; a new file in this folder is a new task.

A task module has `Parameters`, a NamedTuple of all that can be varied, and `task(parameters) -> Task`. The default of a
parameter is a value, or a `Parameter` that also says its range and source. Nothing outside its own file needs to know
more about a task.
"""

import functools
import importlib
import math
import pkgutil
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np

from tasks._parameters import Parameter, declared

# A gap is sign * (training - test performance), so that a larger gap is always worse.
GAP_SIGN = {"accuracy": 1, "mean_squared_error": -1}


class Task(NamedTuple):
    """What a network and a training run need to know of a task.

    inputs, units, adaptive_units, outputs: sizes. steps: T of a training example. evaluation_steps: T of those of
    `Data.sets`, at least `steps`; their supervised time steps are as far from the end. supervised_steps: in 1 .. T.
    loss, performance: names in models.losses. alpha, beta: leaks. l2: factor of the L2 penalty.
    batch_size: default; None where every training batch is the whole set.
    iterations: default length {rule: iterations}, with "default" for the other rules. until_stable: whether by default
    a run ends when its loss and eigenvalue are stable; `iterations` is then the cap.
    ensemble_size: how many runs one process trains side by side at most; 1 where one process per run is faster.
    data(random) -> Data: `random(purpose, *index)` gives a numpy RandomState keyed by the run's seed and the purpose.
    initialisation: what differs from the defaults of models.initialisation.Initialisation.
    target_variance: of a regression's target, by which verdicts judge whether errors are comparable; else None.
    """

    inputs: int
    units: int
    adaptive_units: int
    outputs: int
    steps: int
    evaluation_steps: int
    supervised_steps: Tuple[int, ...]
    loss: str
    performance: str
    alpha: float
    beta: float
    l2: float
    batch_size: Optional[int]
    iterations: Dict[str, int]
    until_stable: bool
    ensemble_size: int
    data: Callable
    initialisation: Dict[str, Any] = {}
    target_variance: Optional[float] = None


class Example(NamedTuple):
    """Arrays of B examples: x [T, B, N_in], y [K, B, N_out] at the K supervised time steps."""

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
    of its arguments alone; the whole set for size None. hessian_batch(which, iteration) -> the examples on which
    curvature is measured then; `which` is the setting hessian_on. sets: {name: function that yields Examples, together
    the whole set}; "training" and "test" are required, "validation" is optional; the gap to any further set is recorded
    under that set's name.
    training_sample: as an entry of sets, the part of the training set on which training performance is measured before
    the end of training; None where the set is small enough to be evaluated whole every time.
    """

    training_examples: int
    batch: Callable
    hessian_batch: Callable
    sets: Dict[str, Callable]
    training_sample: Optional[Callable] = None


def full_batch_data(training: Example, sets: Dict[str, Example]) -> Data:
    """The data of a task that trains on its whole training set at every step, and measures curvature on it too.

    sets: as in `Data`, each in one piece.
    """
    return Data(
        training_examples=training.x.shape[1],
        batch=lambda iteration, size: training,
        hessian_batch=lambda which, iteration: training,
        sets={name: functools.partial(_in_one_piece, example) for name, example in sets.items()},
    )


def _in_one_piece(example: Example) -> Iterator[Example]:
    yield example


INITIALISATION = (
    "recurrent_gain",
    "input_distribution",
    "input_scale",
    "readout_distribution",
    "readout_scale",
    "feedback_distribution",
    "self_connections",
)


def initialisation_of(parameters: NamedTuple) -> Dict[str, Any]:
    """The initialisation's parameters among a task's."""
    return {name: value for name, value in parameters._asdict().items() if name in INITIALISATION}


def leak(time_constant: float, time_step: float = 1.0) -> float:
    """exp(-dt / tau) for a time constant in the unit of the time step."""
    return math.exp(-time_step / time_constant)


def known_tasks() -> List[str]:
    """Names of the modules in this folder, sorted; a name with a leading underscore is no task."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def declared_parameters(name: str) -> Dict[str, Parameter]:
    """{parameter: what it may be} of a task. Raises ValueError for an unknown task."""
    if name not in known_tasks():
        raise ValueError(f"unknown task '{name}'; known: {', '.join(known_tasks())}")
    return declared(importlib.import_module(f"tasks.{name}").Parameters)


def task_parameters(name: str, changed: Optional[Dict[str, Any]] = None) -> NamedTuple:
    """The task's parameters, with some `changed`. Raises ValueError that says what is valid."""
    known, values = declared_parameters(name), {}
    for key in changed or {}:
        if key not in known:
            raise ValueError(f"unknown parameter '{key}' of {name}; known: {', '.join(known)}")
    for key, parameter in known.items():
        value = (changed or {}).get(key, parameter.default)
        try:
            values[key] = parameter.checked(value)
        except ValueError as error:
            raise ValueError(f"parameter {key} of {name} is {value!r}; {error}")
    return importlib.import_module(f"tasks.{name}").Parameters(**values)


def get_task(name: str, changed: Optional[Dict[str, Any]] = None) -> Task:
    """The task of that name, with some parameters `changed`.

    Raises ValueError as `task_parameters`, or where parameters do not go together.
    """
    parameters = task_parameters(name, changed)
    return importlib.import_module(f"tasks.{name}").task(parameters)
