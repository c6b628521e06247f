"""The specifications of a results folder, judged: each claim under every choice that the paper leaves open.

A specification is one way to run a block that varies (experiments.plan.variations), at one level of each choice that is
read off the same runs: where training is taken to end, how the gap is measured, and, where a claim has several
comparisons, which rule is compared. Significance is that of the specification alone, p < 0.05 without correction.
"""

import functools
import itertools
from typing import Callable, Dict, Iterator, List, NamedTuple, Tuple

import numpy as np
import pandas as pd

from figures.bootstrap import generator
from figures.claims import read_published
from figures.groups import Group, groups_of
from figures.kinds import KINDS, POOLED
from figures.labels import TASKS, rule_label
from figures.read_off import read_off_values
from figures.runs import Results, RunsError

CLAIMS = ("curvature_higher", "gap_larger", "gap_more_variable", "gap_follows_curvature")
CLAIMS += ("gap_follows_curvature_within", "step_length_explains", "scaled_bptt_sharper")
# {choice: {level: how it changes the name of a measure}} of what is read off runs; levels of an experiment file
READ_OFF: Dict[str, Dict[str, str]] = {
    "end": {"end": "{}", "matched loss": "{}_at_matched_loss", "quarter of the cap": "{}_at_quarter"},
    "measure": {"accuracy": "gap", "loss": "loss_gap"},
}
OF_A_RULE = {"step_length": "scaled_bptt", "feedback_distribution": "rflo"}  # choices that change one rule alone
OF_THE_TEST = ("measure", "test", "test_noise", "test_noise_sd")  # choices that change the gap alone
JUDGED = ("for", "neither", "against")
NOT_JUDGED = {
    "too few": "too few runs have a value",
    "diverged": "too many runs diverged",
    "failed": "runs failed or are missing",
    "not built": "cannot be built",
}


class Block(NamedTuple):
    """A block that varies. rules: those that any of its specifications has finished; ways: {specification: entry of
    selection.json}; read_off: {choice: levels}, the main level first."""

    task: str
    rules: Tuple[str, ...]
    ways: Dict[str, dict]
    read_off: Dict[str, List[str]]


class Point(NamedTuple):
    """One specification of one claim. choices: {choice: level}; sample: "specification | levels read off", which names
    the runs' numbers; rules: the rules of its groups; outcome: as a kind of claim gives it, or without an effect."""

    claim: str
    task: str
    specification: str
    kind: str
    choices: Dict[str, str]
    sample: str
    rules: Tuple[str, ...]
    main: bool
    status: str
    outcome: dict


def blocks(results: Results) -> List[Block]:
    """The blocks that vary, in the order of the paper's tasks; those of which nothing has finished are left out.

    Raises RunsError for a choice or level to be read off that is unknown.
    """
    found = []
    for of in dict.fromkeys(way["of"] for way in results.specifications.values()):
        ways = {name: way for name, way in results.specifications.items() if way["of"] == of}
        ensembles = [results.ensembles[name] for way in ways.values() for name in _ensembles(results, way)]
        read_off = results.read_off.get(of, {})
        _check(of, read_off)
        if ensembles:
            rules = tuple(dict.fromkeys(one.config["rule"] for one in ensembles))
            found.append(Block(ensembles[0].config["task"], rules, ways, read_off))
    names = list(TASKS)
    return sorted(found, key=lambda block: names.index(block.task) if block.task in names else len(names))


def _ensembles(results: Results, way: dict) -> List[str]:
    names = [name for block in way["blocks"] for name in results.blocks.get(block, [])]
    return [name for name in names if name in results.ensembles]


def _check(of: str, read_off: Dict[str, List[str]]) -> None:
    for choice, levels in read_off.items():
        if choice not in READ_OFF:
            raise RunsError(f"block {of}: unknown choice '{choice}' to read off; known: {', '.join(READ_OFF)}")
        for level in levels:
            if level not in READ_OFF[choice]:
                raise RunsError(
                    f"block {of}: unknown level '{level}' of {choice}; known: {', '.join(READ_OFF[choice])}"
                )


def claims_of(block: Block) -> List[dict]:
    """The claims, as in published.json, that the block's rules allow: in `groups` the comparisons that can be made."""
    found = []
    by_name = {claim["id"]: claim for claim in read_published()["claims"]}
    for claim in [by_name[name] for name in CLAIMS]:
        groups = [[rule for rule in _rules(names) if rule in block.rules] for names in claim["groups"]]
        needed = [2 if claim["kind"] in POOLED else len(names) for names in claim["groups"]]
        possible = [rules for rules, least in zip(groups, needed) if len(rules) >= least]
        if possible:
            found.append(dict(claim, groups=possible))
    return found


def _rules(groups: List[str]) -> List[str]:
    return [name.split(":")[1] for name in groups]


def values_of(results: Results, block: Block) -> Callable:
    """values(specification, levels read off) -> its runs with end_eigenvalue and end_gap as read off at these levels,
    none where it has none; each is worked out once."""
    groups = {name: way["blocks"] for name, way in block.ways.items()}
    own = results._replace(groups=groups)

    @functools.lru_cache(maxsize=None)
    def column(name: str, measure: str) -> pd.DataFrame:
        return read_off_values(own, name, measure)

    def values(name: str, levels: Dict[str, str]) -> pd.DataFrame:
        end = READ_OFF["end"][levels.get("end", "end")]
        gap = READ_OFF["measure"][levels.get("measure", "accuracy")]
        table = column(name, end.format("eigenvalue"))
        return table.assign(end_eigenvalue=table.value, end_gap=column(name, end.format(gap)).value)

    return values


def points(block: Block, values: Callable, claim: dict, settings: dict) -> Iterator[Point]:
    """Every specification of a claim on a block's task, main ones first. values: as values_of gives it.

    A choice that no comparison of the claim depends on is not one of its choices. Specifications that differ only in
    what their own comparison does not depend on are one, at the main level of that.
    """
    read_off = {choice: levels for choice, levels in block.read_off.items() if _matters(choice, claim, ())}
    main_levels, seen = tuple(levels[0] for levels in read_off.values()), set()
    # main first: it is kept of those that are one
    ways = sorted(block.ways.items(), key=lambda named: named[1]["kind"] != "main")
    main = ways[0][1]["choices"]
    own = [choice for choice in main if any(_matters(choice, claim, rules) for rules in claim["groups"])]
    for (name, way), levels, rules in itertools.product(ways, itertools.product(*read_off.values()), claim["groups"]):
        read = dict(zip(read_off, levels))
        choices = {one: way["choices"][one] if _matters(one, claim, rules) else main[one] for one in own}
        choices.update(read)
        if len(claim["groups"]) > 1:
            choices["rule"] = rule_label(rules[0])
        if tuple(choices.items()) in seen:
            continue
        seen.add(tuple(choices.items()))
        groups = compared(values(name, read), block.task, claim, rules)
        status, outcome = _judged(way, groups, claim, settings, f"{claim['id']} {name} {levels} {rules}")
        is_main = way["kind"] == "main" and levels == main_levels and rules == claim["groups"][0]
        sample = " | ".join([name, *levels])
        yield Point(claim["id"], block.task, name, way["kind"], choices, sample, tuple(rules), is_main, status, outcome)


def _matters(choice: str, claim: dict, rules: List[str]) -> bool:
    """Whether anything that the claim compares, of runs of these rules, can depend on the choice."""
    if choice in OF_A_RULE:
        return OF_A_RULE[choice] in rules
    return choice not in OF_THE_TEST or claim["measure"] == "gap"


def compared(table: pd.DataFrame, task: str, claim: dict, rules: List[str]) -> List[Group]:
    """The groups of runs of a specification that a claim compares, from its runs with what was read off."""
    survived = table[f"end_{claim['measure']}"].where(table.status != "diverged")
    given = table.assign(value=pd.to_numeric(survived, errors="coerce"))
    return groups_of(lambda *_: given, task, [f"main:{rule}" for rule in rules], [claim["measure"]] * len(rules))


def _judged(way: dict, groups: List[Group], claim: dict, settings: dict, key: str) -> Tuple[str, dict]:
    """(status, outcome) of one specification; the outcome is empty where it is not judged."""
    if not way["blocks"]:
        return "not built", {}
    if any(group.table.empty and not group.left_out for group in groups):
        return "failed", {}
    if any(group.table.empty or group.diverged > settings["max_diverged"] * len(group.table) for group in groups):
        return "diverged", {}
    if min(len(group.values) for group in groups) < settings["min_runs"]:
        return "too few", {}
    outcome = KINDS[claim["kind"]](groups, claim, settings, generator(key))
    if not np.isfinite(outcome.get("effect", np.nan)):
        return "too few", {}
    return _direction(outcome, claim, settings["significance"]), outcome


def _direction(outcome: dict, claim: dict, significance: float) -> str:
    if claim["kind"] == "similar":
        apart = outcome["high"] < outcome["band_low"] or outcome["low"] > outcome["band_high"]
        return "for" if outcome["p"] < significance else "against" if apart else "neither"
    if not outcome["p"] < significance:
        return "neither"
    return "for" if outcome["effect"] > 0 else "against"


def as_claimed(table: pd.DataFrame) -> pd.Series:
    """Whether each judged specification's effect has the claimed sign; of an equality: is within its margin."""
    inside = (table.effect > table.band_low) & (table.effect < table.band_high)
    return inside.where(table.band_low.notna(), table.effect > 0).astype(bool)


def table_of(found: List[Point]) -> pd.DataFrame:
    """One row per specification: claim, task, specification, kind, main, status, effect, low, high, p, band_low,
    band_high, and a column per choice, its name with `choice: ` before it."""
    rows = []
    for point in found:
        numbers = {name: point.outcome.get(name, np.nan) for name in ("effect", "low", "high", "p")}
        numbers.update({name: point.outcome.get(name, np.nan) for name in ("band_low", "band_high")})
        own = {f"choice: {choice}": level for choice, level in point.choices.items()}
        identity = point._asdict()
        kept = {name: identity[name] for name in ("claim", "task", "specification", "kind", "main", "status")}
        rows.append({**kept, "rules": " / ".join(point.rules), **numbers, **own})
    return pd.DataFrame(rows)
