"""What a person calls a run: its task, rule and seeds, and only as much more as tells it from the others."""

from collections import Counter
from functools import lru_cache
from typing import Dict, List

from experiments.plan.config import Config, make_config


def run_names(runs: Dict[str, Config]) -> Dict[str, str]:
    """{hash: name}; learning rates, settings that are not the usual ones, and the hash only where they are needed."""
    names: Dict[str, str] = {}
    for describe in (_base, _with_learning_rate, _with_settings, _with_hash):
        tried = {run: describe(run, config) for run, config in runs.items() if run not in names}
        count = Counter(tried.values())
        names.update({run: name for run, name in tried.items() if count[name] == 1})
    return names


def _base(_, config: Config) -> str:
    return f"{config.task} {config.rule} {_seeds(sorted(config.seeds))}"


def _seeds(seeds: List[int]) -> str:
    first, last, count = seeds[0], seeds[-1], len(seeds)
    if count == 1:
        return f"seed {first}"
    return f"seeds {first} to {last}" if last - first == count - 1 else f"{count} seeds"


def _with_learning_rate(run: str, config: Config) -> str:
    rates = config.learning_rates
    return f"{_base(run, config)} at " + (f"{rates[0]:g}" if len(rates) == 1 else f"{len(rates)} learning rates")


def _with_settings(run: str, config: Config) -> str:
    usual = _usual(config.task, config.rule)
    names = [name for name in Config._fields if name not in ("seeds", "learning_rates", "parameters")]
    changed = {name: getattr(config, name) for name in names if getattr(config, name) != getattr(usual, name)}
    changed.update({name: v for name, v in config.parameters.items() if usual.parameters.get(name) != v})
    return " ".join([_with_learning_rate(run, config)] + [f"{name} {value}" for name, value in changed.items()])


@lru_cache(maxsize=None)
def _usual(task: str, rule: str) -> Config:
    return make_config(task, rule, [0], [1.0])


def _with_hash(run: str, config: Config) -> str:
    return f"{_with_settings(run, config)} ({run})"
