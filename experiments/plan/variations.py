"""`vary`, a key of a block: the same runs under other choices of what the paper leaves open (a specification curve).

    vary:
      choices:                                # each choice with its levels, the main one first
        recurrent_gain: [1, 1.41421356]       # of a setting, a parameter of the task, learning_rates, decays
        input_weights:                        # or by name, where a level changes several
          gaussian: {}
          uniform: {input_distribution: uniform, input_scale: 0.1}
      random: {count: 48, seed: 0}            # so many combinations drawn at random from all levels; may be left out
      read_off: {end: [end, matched_loss]}    # choices that need no runs of their own, for the figures; may be left out

It makes the main specification, each further level on its own, and the random combinations, none of them twice. A
combination that cannot be run is recorded as such.
"""

import json
from typing import Any, Dict, List, NamedTuple

import numpy as np

from experiments.plan.config import ConfigError
from experiments.plan.settings import SETTINGS
from tasks import task_parameters

BLOCK_KEYS = ("learning_rates", "learning_rate_of", "learning_rate_multiple", "decays")  # that can be varied
Levels = Dict[str, Dict[str, Dict[str, Any]]]  # {choice: {level: {what it changes: value}}}


class Specification(NamedTuple):
    """One way to run a block: its name in the plan, what it is, the level of each choice, and the block without `vary`.

    kind: "main", "alone" (one choice differs from main) or "random".
    """

    name: str
    kind: str
    choices: Dict[str, str]
    block: Dict[str, Any]


def specifications(name: str, block: dict) -> List[Specification]:
    """All specifications of a block; of one that varies nothing, itself. Raises ConfigError."""
    if "vary" not in block:
        return [Specification(name, "main", {}, block)]
    levels = {choice: _levels(choice, given) for choice, given in block["vary"]["choices"].items()}
    _check_names(levels, block["task"])
    main = {choice: next(iter(found)) for choice, found in levels.items()}
    alone = [(choice, level) for choice, found in levels.items() for level in found if level != main[choice]]
    found = {"main": main, **{f"{choice}={level}": dict(main, **{choice: level}) for choice, level in alone}}
    kinds = ["main"] + ["alone"] * len(alone)
    random = block["vary"].get("random", {"count": 0, "seed": 0})
    for number, choices in enumerate(_drawn(levels, list(found.values()), **random), 1):
        found[f"random {number}"] = choices
        kinds.append("random")
    return [
        Specification(f"{name} {which}", kind, choices, _changed(block, levels, choices))
        for kind, (which, choices) in zip(kinds, found.items())
    ]


def _levels(choice: str, given: Any) -> Dict[str, Dict[str, Any]]:
    if isinstance(given, dict):
        return given
    return {value if isinstance(value, str) else json.dumps(value): {choice: value} for value in given}


def _check_names(levels: Levels, task: str) -> None:
    try:
        parameters = task_parameters(task)._fields
    except ValueError as error:
        raise ConfigError(str(error))
    known = [*(setting.name for setting in SETTINGS), *BLOCK_KEYS, *parameters]
    changed_by: Dict[str, str] = {}
    for choice, found in levels.items():
        for name in {name for changes in found.values() for name in changes}:
            if name not in known:
                raise ConfigError(f"vary: unknown setting or parameter '{name}' in {choice}; known: {', '.join(known)}")
            if name in changed_by:
                raise ConfigError(f"vary: both {changed_by[name]} and {choice} change {name}; expected one choice")
            changed_by[name] = choice


def _drawn(levels: Levels, taken: List[dict], count: int, seed: int) -> List[dict]:
    """`count` combinations that are not taken, each level of a choice as likely as the others."""
    left = int(np.prod([len(found) for found in levels.values()])) - len(taken)
    if count > left:
        raise ConfigError(f"vary: count is {count}; expected at most {left}, for there are no more combinations")
    random, drawn = np.random.RandomState(seed), []
    while len(drawn) < count:
        choices = {choice: list(found)[random.randint(len(found))] for choice, found in levels.items()}
        if choices not in taken + drawn:
            drawn.append(choices)
    return drawn


def _changed(block: dict, levels: Levels, choices: Dict[str, str]) -> dict:
    """The block at these levels, without `vary`."""
    changed = {key: value for key, value in block.items() if key != "vary"}
    settings = dict(block.get("settings", {}))
    parameters = dict(settings.get("parameters") or {})
    names = {setting.name for setting in SETTINGS}
    for choice, level in choices.items():
        for name, value in levels[choice][level].items():
            part = changed if name in BLOCK_KEYS else settings if name in names else parameters
            part[name] = value
    return dict(changed, settings=dict(settings, parameters=parameters))
