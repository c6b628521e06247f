"""What defines a run. Its hash names the run's folder: whatever changes a number is in here, and nothing else is."""

import hashlib
import json
from typing import List, NamedTuple, Optional

from rules import get_rule
from tasks import get_task

VERSION = 1  # of the results: raised when the same configuration would give other numbers
OPTIMIZERS = ("sgd", "adam")
MATRICES = ("W_h", "W_x")


class ConfigError(ValueError):
    """A configuration that cannot be run; its message is one line for the user."""


class Config(NamedTuple):
    """One population: the same task, rule and settings for every seed.

    batch_size: None for the full batch of tasks that have no other. evaluate_every: iterations between evaluations;
    the first is before training, the last after it. hessian_of: the matrix whose Hessian is measured. threads: of
    TensorFlow, whose summation order depends on them.
    """

    task: str
    rule: str
    seeds: List[int]
    learning_rate: float
    batch_size: Optional[int]
    optimizer: str
    iterations: int
    evaluate_every: int
    hessian_of: str
    threads: int


def make_config(
    task: str,
    rule: str,
    seeds: List[int],
    learning_rate: float = 1e-2,
    batch_size: Optional[int] = None,
    optimizer: str = "sgd",
    iterations: Optional[int] = None,
    evaluate_every: int = 250,
    hessian_of: str = "W_h",
    threads: int = 1,
) -> Config:
    """A checked configuration, with the task's defaults filled in. Raises ConfigError."""
    definition = _found(get_task, task)
    _found(get_rule, rule)
    if rule.startswith("truncated_bptt") and not _number(rule) < definition.steps:
        raise ConfigError(f"{rule} leaves nothing of {definition.steps} steps; at most {definition.steps - 1}")
    if iterations is None:
        iterations = definition.iterations.get(rule, definition.iterations["default"])
    if batch_size is None:
        batch_size = definition.batch_size
    _one_of("optimizer", optimizer, OPTIMIZERS)
    _one_of("hessian_of", hessian_of, MATRICES)
    counts = {"iterations": iterations, "evaluate_every": evaluate_every, "threads": threads}
    if batch_size is not None:
        counts["batch_size"] = batch_size
    for name, value in counts.items():
        if not _is_integer(value) or value < 1:
            raise ConfigError(f"{name} is {value}; expected a whole number of at least 1")
    if not seeds or not all(_is_integer(seed) and seed >= 0 for seed in seeds) or len(set(seeds)) < len(seeds):
        raise ConfigError(f"seeds are {seeds}; expected different whole numbers from 0 up")
    if not isinstance(learning_rate, (int, float)) or not 0 < learning_rate < float("inf"):
        raise ConfigError(f"learning_rate is {learning_rate}; expected a number above 0")
    return Config(
        task,
        rule,
        list(seeds),
        float(learning_rate),
        batch_size,
        optimizer,
        iterations,
        evaluate_every,
        hessian_of,
        threads,
    )


def as_dict(config: Config) -> dict:
    """The configuration with the task's constants, for config.json: all that the results are a function of."""
    task = get_task(config.task)
    constants = {name: value for name, value in task._asdict().items() if name not in ("data", "iterations")}
    return dict(config._asdict(), version=VERSION, task_constants=constants)


def config_hash(config: Config) -> str:
    """12 hexadecimal digits that name the configuration."""
    return hashlib.sha256(json.dumps(as_dict(config), sort_keys=True).encode()).hexdigest()[:12]


def _found(find, name):
    try:
        return find(name)
    except ValueError as error:
        raise ConfigError(str(error))


def _one_of(name, value, known):
    if value not in known:
        raise ConfigError(f"unknown {name} '{value}'; known: {', '.join(known)}")


def _number(rule: str) -> int:
    """The number in a rule's name, as in truncated_bptt(14)."""
    return int(rule.split("(")[1].rstrip(")"))


def _is_integer(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
