"""The experiment files: which runs and measures they ask for, and which figure is drawn from which of them.

note: shown on every figure
reduced: whether these are too few runs, or too short ones, for a verdict
blocks:
  NAME:
    task: pattern_generation
    rules: [bptt, three_factor]
    seeds: 30                       # that many from 0 up, or a list
    learning_rates: [0.01]          # or rates: chosen (the default), or chosen_on_test
    learning_rate_multiple: 3                # of the chosen rate
    decays: 30                      # how often the rate is multiplied by decay_factor over the rule's length
    settings: {iterations: 2000}    # any other field of experiments.plan.config.Config
    measures: [spectrum]            # of experiments.measure
figures:
  figure3: {main: [NAME, NAME]}     # a figure's roles, and the blocks that play them
bptt_validation_accuracy: 0.85      # the least that a BPTT run on sequential MNIST must reach; may be left out
"""

from pathlib import Path
from typing import Dict, List, NamedTuple, Sequence

import yaml

from experiments.measure.measures import MEASURES
from experiments.plan.config import Config, ConfigError, config_hash, make_config, make_ensembles
from experiments.plan.learning_rates import chosen_learning_rates

BLOCK_KEYS = (
    "task",
    "rules",
    "seeds",
    "learning_rates",
    "rates",
    "learning_rate_multiple",
    "decays",
    "settings",
    "measures",
)
PLAN_KEYS = ("note", "reduced", "blocks", "figures", "bptt_validation_accuracy")
DEFAULTS = {"note": "", "reduced": False, "bptt_validation_accuracy": 0.0}
NOT_SETTINGS = ("task", "rule", "seeds", "learning_rates")  # a block has keys of its own for them
RATES = ("chosen", "chosen_on_test")
MAX_SEEDS = 10000  # given as a number; more is a slip, and would fill the memory
ROLES = {f"figure{number}": ("main",) for number in (2, 3, 4, 6, 7, 8, 9, 10, 11)}
ROLES.update(
    figure5=("main", "uniform", "scheduled"),
    figure12=("rates", "triple"),
    table1=("early",),
    bounds=("main", "measured"),
)
ROLES["claims"] = ("input_weights", "batch_64", "batch_1024", "training_batch_hessian", "test_chosen")


class Plan(NamedTuple):
    """An experiment file, worked out.

    runs: {hash: configuration}. blocks: {name: hashes}. measures: {name: measures of the block's runs}. figures:
    {figure: {role: names of blocks}}. min_accuracy: of BPTT on sequential MNIST; 0 where the file does not say.
    """

    note: str
    reduced: bool
    runs: Dict[str, Config]
    blocks: Dict[str, List[str]]
    measures: Dict[str, List[str]]
    figures: Dict[str, Dict[str, List[str]]]
    min_accuracy: float


def read_plan(path: Path) -> Plan:
    """The plan of an experiment file. Raises ConfigError, one line, for whatever is wrong in it."""
    try:
        found = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read: {' '.join(str(error).split())}")
    _check_keys(found, PLAN_KEYS, f"{path}")
    runs, blocks, measures = {}, {}, {}
    for name, block in _mapping(found.get("blocks"), f"blocks in {path}").items():
        _check_keys(block, BLOCK_KEYS, f"block {name} in {path}")
        try:
            configs = {config_hash(config): config for config in block_runs(block)}
        except ConfigError as error:
            raise ConfigError(f"block {name} in {path}: {error}")
        runs.update(configs)
        blocks[name], measures[name] = list(configs), _known_measures(block, name, path)
    figures = _figures(found.get("figures", {}), blocks, path)
    note, reduced, least = (found.get(key, value) for key, value in DEFAULTS.items())
    if not isinstance(note, str) or not isinstance(reduced, bool):
        raise ConfigError(f"note and reduced in {path}: expected text, and true or false")
    if not _is_number(least) or not 0 <= least <= 1:
        raise ConfigError(f"bptt_validation_accuracy in {path} is {least!r}; expected a number from 0 to 1")
    return Plan(note, reduced, runs, blocks, measures, figures, least)


def only_tasks(plan: Plan, tasks: Sequence[str]) -> Plan:
    """The part of a plan that is on these tasks. Raises ConfigError if the plan has none of one of them."""
    known = sorted({config.task for config in plan.runs.values()})
    for task in tasks:
        if task not in known:
            raise ConfigError(f"unknown task '{task}' here; known: {', '.join(known)}")
    runs = {name: config for name, config in plan.runs.items() if config.task in tasks}
    blocks = {block: [name for name in names if name in runs] for block, names in plan.blocks.items()}
    blocks = {block: names for block, names in blocks.items() if names}
    figures = {
        figure: {role: [block for block in names if block in blocks] for role, names in roles.items()}
        for figure, roles in plan.figures.items()
    }
    return plan._replace(runs=runs, blocks=blocks, figures=figures)


def block_runs(block: dict) -> List[Config]:
    """The configurations of one block. Raises ConfigError."""
    missing = [name for name in ("task", "rules", "seeds") if name not in block]
    if missing:
        raise ConfigError(f"no {missing[0]} given")
    seeds = block["seeds"]
    if _is_number(seeds):
        seeds = _first_seeds(seeds)
    configs = []
    for rule in _names(block["rules"], "rules"):
        settings = dict(_mapping(block.get("settings", {}), "settings"))
        for name in NOT_SETTINGS:
            if name in settings:
                raise ConfigError(f"{name} stands among the settings; a block names it itself")
        config = make_config(block["task"], rule, seeds, [1.0], **settings)  # all but the rates
        rates = _rates(block, config)
        if "decays" in block:
            settings["decay_every"] = _decay_every(block["decays"], config.iterations)
        configs += make_ensembles(block["task"], rule, seeds, rates, **settings)
    return configs


def _first_seeds(number) -> List[int]:
    if not isinstance(number, int) or not 1 <= number <= MAX_SEEDS:
        raise ConfigError(f"seeds is {number}; expected a list, or a number from 1 to {MAX_SEEDS}")
    return list(range(number))


def _rates(block: dict, config: Config):
    """The learning rates of a block for the rule of `config`; None leaves the choice to the configuration's default."""
    if "learning_rates" in block:
        for name in ("rates", "learning_rate_multiple"):
            if name in block:
                raise ConfigError(f"{name} stands beside learning_rates; it is of the chosen rate")
        return block["learning_rates"]
    which, multiple = block.get("rates", "chosen"), block.get("learning_rate_multiple", 1)
    if which not in RATES:
        raise ConfigError(f"unknown rates '{which}'; known: {', '.join(RATES)}")
    if not _is_number(multiple) or multiple <= 0:
        raise ConfigError(f"learning_rate_multiple is {multiple!r}; expected a number above 0")
    if multiple == 1 and which == "chosen":
        return None
    name = "learning_rate" if which == "chosen" else "learning_rate_on_test"
    try:
        rates = chosen_learning_rates(config.task, config.rule, config.optimizer, config.batch_size)
    except ValueError as error:
        raise ConfigError(str(error))
    if name not in rates:
        raise ConfigError(
            f"no learning rate was chosen for {config.rule}: give learning_rates, or run experiments.sweep"
        )
    return [float(f"{multiple * rates[name]:.12g}")]


def _decay_every(decays, iterations: int) -> int:
    if not isinstance(decays, int) or isinstance(decays, bool) or decays < 1:
        raise ConfigError(f"decays is {decays!r}; expected a whole number of at least 1")
    return max(1, iterations // decays)


def _figures(found, blocks, path) -> Dict[str, Dict[str, List[str]]]:
    figures = {}
    for figure, roles in _mapping(found, f"figures in {path}").items():
        if figure not in ROLES:
            raise ConfigError(f"unknown figure '{figure}' in {path}; known: {', '.join(ROLES)}")
        figures[figure] = {}
        for role, names in _mapping(roles, f"{figure} in {path}").items():
            if role not in ROLES[figure]:
                raise ConfigError(f"unknown role '{role}' of {figure} in {path}; known: {', '.join(ROLES[figure])}")
            for name in _names(names, f"{role} of {figure}"):
                if name not in blocks:
                    raise ConfigError(f"unknown block '{name}' in {path}, {figure}; known: {', '.join(blocks)}")
            figures[figure][role] = list(names)
    return figures


def _known_measures(block, name, path) -> List[str]:
    found = _names(block.get("measures", []), f"measures of block {name} in {path}")
    for measure in found:
        if measure not in MEASURES:
            raise ConfigError(f"unknown measure '{measure}' in block {name} in {path}; known: {', '.join(MEASURES)}")
    return found


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _mapping(value, what) -> dict:
    if not isinstance(value, dict):
        raise ConfigError(f"{what}: expected names and values")
    for name in value:
        if not isinstance(name, str):
            raise ConfigError(f"{what}: the name {name!r} is not text; put it in quotes")
    return value


def _names(value, what) -> List[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ConfigError(f"{what}: expected a list of names")
    return value


def _check_keys(found, known, what) -> None:
    for key in _mapping(found, what):
        if key not in known:
            raise ConfigError(f"unknown key '{key}' in {what}; known: {', '.join(known)}")
