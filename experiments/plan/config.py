"""What defines a run. Its hash names the run's folder: it covers all that changes a number, and nothing else."""

import hashlib
import json
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from experiments.plan.framework import TENSORFLOW
from experiments.plan.learning_rates import chosen_learning_rate
from experiments.plan.settings import SETTINGS, positive
from experiments.plan.source import source_hashes
from rules import RESCALED_BY, get_rule
from tasks import Task, get_task, task_parameters

# Of the results: raised when models/, hessian/, experiments/train or what all rules or all tasks share (__init__.py,
# _*.py) changes so that the same configuration gives other numbers. The modules of rules and tasks are in `source`.
VERSION = 3
FULL_BATCH = 0  # the batch_size that stands for the whole training set


class ConfigError(ValueError):
    """A configuration that cannot be run; the message is one line for the user."""


# One ensemble: runs that share task, rule and settings, one for each seed and learning rate. parameters: all of the
# task's. The fields between come from experiments.plan.settings, which documents them.
Config = NamedTuple(
    "Config",
    [("task", str), ("rule", str), ("seeds", List[int]), ("learning_rates", List[float])]
    + [(setting.name, setting.kind) for setting in SETTINGS]
    + [("parameters", Dict[str, Any])],
)


def members(config: Config) -> List[Tuple[int, float]]:
    """(seed, learning rate) of each run, in the order of the replica axis."""
    return [(seed, rate) for rate in config.learning_rates for seed in config.seeds]


def task_of(config: Config) -> Task:
    """The task with the configuration's parameters."""
    return get_task(config.task, config.parameters)


def make_config(
    task: str, rule: str, seeds: Sequence[int], learning_rates: Optional[Sequence[float]] = None, **settings: Any
) -> Config:
    """A checked configuration of one ensemble, with the defaults of task and rule filled in.

    settings: any further field of Config; None stands for the default. learning_rates: by default what
    experiments.sweep chose, or 0.01 where it has not been run. Raises ConfigError.
    """
    given = {name: value for name, value in settings.items() if value is not None}
    for name in given:
        if name not in Config._fields:
            raise ConfigError(f"unknown setting '{name}'; known: {', '.join(Config._fields)}")
    parameters = given.pop("parameters", {})
    if not isinstance(parameters, dict):
        raise ConfigError(f"parameters are {parameters!r}; expected names and values")
    definition = _found(get_task, task, parameters)
    checked_rule = _found(get_rule, rule)
    if checked_rule.check is not None:
        _found(checked_rule.check, definition.steps, definition.units)
    of_task = {
        "batch_size": FULL_BATCH if definition.batch_size is None else definition.batch_size,
        "iterations": definition.iterations.get(rule, definition.iterations["default"]),
        "until_stable": definition.until_stable,
    }
    defaults = {setting.name: of_task.get(setting.name, setting.default) for setting in SETTINGS}
    values = {
        setting.name: _found(setting.checked, given.get(setting.name, defaults[setting.name])) for setting in SETTINGS
    }
    if definition.batch_size is None and values["batch_size"] != FULL_BATCH:
        raise ConfigError(
            f"batch_size is {values['batch_size']}; {task} trains on its full batch: leave it out or set it to 0"
        )
    if definition.batch_size is not None and values["batch_size"] == FULL_BATCH:
        raise ConfigError(f"batch_size is 0; expected a whole number of at least 1 for {task}")
    if learning_rates is None:
        learning_rates = [_found(chosen_learning_rate, task, rule, values["optimizer"], values["batch_size"])]
    return Config(
        task=task,
        rule=rule,
        seeds=_different("seeds", seeds, lambda seed: _is_integer(seed) and seed >= 0, "whole numbers from 0 up"),
        learning_rates=[_found(positive, "learning_rate", rate) for rate in _list("learning_rates", learning_rates)],
        parameters=_found(task_parameters, task, parameters)._asdict(),
        **values,
    )


def make_ensembles(
    task: str, rule: str, seeds: Sequence[int], learning_rates: Optional[Sequence[float]] = None, **settings: Any
) -> List[Config]:
    """The product of seeds and learning rates, as ensembles of the size that suits the task. Raises ConfigError."""
    whole = make_config(task, rule, seeds, learning_rates, **settings)
    if len(set(whole.learning_rates)) < len(whole.learning_rates):
        raise ConfigError(f"learning_rates are {whole.learning_rates}; expected different numbers")
    size, rates = task_of(whole).ensemble_size, whole.learning_rates
    groups = [rates] if len(rates) <= size else [[rate] for rate in rates]
    size = max(1, size // len(groups[0]))
    return [
        whole._replace(seeds=whole.seeds[start : start + size], learning_rates=group)
        for group in groups
        for start in range(0, len(whole.seeds), size)
    ]


def as_dict(config: Config) -> dict:
    """All that the results are a function of, for config.json: the configuration, the task's constants, the source, and
    TensorFlow's major version, whose rounding differs."""
    task = task_of(config)
    constants = {name: value for name, value in task._asdict().items() if name not in ("data", "iterations")}
    found = dict(config._asdict(), version=VERSION, tensorflow=TENSORFLOW)
    return dict(found, task_constants=constants, source=source_of(config))


def source_of(config: Config) -> Dict[str, str]:
    """{module: hash of its source} of the rule, the task, and what these import from rules/ and tasks/."""
    modules = [f"rules.{config.rule.partition('(')[0]}", f"tasks.{config.task}"]
    if get_rule(config.rule).rescale is not None:
        modules.append(f"rules.{RESCALED_BY}")
    found = source_hashes(modules, ("rules", "tasks"))
    return {name: value for name, value in found.items() if "." in name and "._" not in name}


def from_dict(stored: dict) -> Config:
    """The configuration that `as_dict` gave. Raises ConfigError if it is damaged, or of another version or source."""
    if not isinstance(stored, dict) or stored.get("version") != VERSION:
        raise ConfigError(f"the configuration is not of version {VERSION}")
    missing = [name for name in Config._fields if name not in stored]
    if missing:
        raise ConfigError(f"the configuration has no {', '.join(missing)}")
    config = make_config(**{name: stored[name] for name in Config._fields})
    now, then = source_of(config), stored.get("source")
    if now != then:
        changed = [name for name in now if not isinstance(then, dict) or then.get(name) != now[name]]
        raise ConfigError(f"the source of {', '.join(changed or then)} has changed since")
    return config


def config_hash(config: Config) -> str:
    """12 hexadecimal digits that name the configuration."""
    return stored_hash(as_dict(config))


def stored_hash(stored: dict) -> str:
    """The same of what `as_dict` gave, or of config.json, whatever code made it."""
    return hashlib.sha256(json.dumps(stored, sort_keys=True).encode()).hexdigest()[:12]


def _found(find, *arguments):
    try:
        return find(*arguments)
    except ValueError as error:
        raise ConfigError(str(error))


def _list(name, values) -> list:
    if not isinstance(values, (list, tuple)) or not values:
        raise ConfigError(f"{name} are {values!r}; expected a list")
    return list(values)


def _different(name, values, valid, expected) -> list:
    found = _list(name, values)
    if not all(valid(value) for value in found) or len(set(found)) < len(found):
        raise ConfigError(f"{name} are {found}; expected different {expected}")
    return found


def _is_integer(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
