"""The statistic of each kind of claim about differences: groups of runs in; effect, interval and test out.

Each function takes (groups, claim, settings, random), claim and settings as in published.json, and gives what it adds
to the claim's row: effect_name, effect, its 95 % interval (low, high), the margin around no effect within which it is
negligible, test, p, and a detail. figures.values has the kinds that hold runs to a number, KINDS has all.
"""

from typing import Callable, Dict, List

import numpy as np
import pandas as pd

from figures import statistics, values
from figures.bootstrap import interval
from figures.groups import Group
from figures.measures import curvature_and_gap, finite, is_logarithmic
from figures.runs import KEY


def greater(groups: List[Group], claim: dict, settings: dict, random: np.random.RandomState) -> dict:
    """The first group's values exceed the second's: rank-sum test, or signed ranks if they are of the same runs."""
    if groups[0].runs == groups[1].runs:
        return _greater_in_pairs(groups, claim, settings, random)
    first, second = groups[0].ranked, groups[1].ranked
    low, high = interval(statistics.dominance, [first, second], random, settings["bootstrap_draws"])
    pairs = _pairs(groups[0], groups[1], ["seed"], is_logarithmic(claim["measure"]))
    survivors = [group.values for group in groups[:2]]
    return {
        "effect_name": "rank-biserial correlation",
        "effect": float(statistics.dominance(first, second)),
        "low": low,
        "high": high,
        "test": "Mann-Whitney U",
        "p": statistics.rank_sum_p(first, second),
        "detail": f"Wilcoxon over {len(pairs)} pairs: p = {statistics.paired_p(pairs):.3g}" if len(pairs) else "",
        "survivors": _among_survivors(*survivors) if len(first) + len(second) > sum(map(len, survivors)) else "",
    }


def smaller(groups: List[Group], claim: dict, settings: dict, random: np.random.RandomState) -> dict:
    """The first group's values are below the second's: `greater` the other way round."""
    return greater(groups[::-1], claim, settings, random)


def _among_survivors(first: np.ndarray, second: np.ndarray) -> str:
    effect, p = statistics.dominance(first, second), statistics.rank_sum_p(first, second)
    return f"among the {len(first)} and {len(second)} runs that did not diverge: {effect:.3g}, p = {p:.3g}"


def _greater_in_pairs(groups, claim, settings, random):
    pairs = _pairs(groups[0], groups[1], KEY, is_logarithmic(claim["measure"]))
    low, high = interval(statistics.paired_dominance, [pairs], random, settings["bootstrap_draws"])
    return {
        "effect_name": "rank-biserial correlation of pairs",
        "effect": float(statistics.paired_dominance(pairs)) if len(pairs) else np.nan,
        "low": low,
        "high": high,
        "test": "Wilcoxon signed rank",
        "p": statistics.paired_p(pairs),
        "detail": f"paired: two measures of the same {len(pairs)} runs",
    }


def _pairs(first: Group, second: Group, on: List[str], logarithmic: bool) -> np.ndarray:
    """First minus second over what both have of `on`, such as seeds; none where that is not one run of each.

    A diverged run has its worst value; two of them do not differ.
    """
    sides = []
    for group in (first, second):
        value = group.table.value.astype(float)
        value = value.mask(value.isna() & (group.table.status == "diverged"), group.worst)
        sides.append(value.groupby([group.table[name] for name in on]).agg(["size", "first"]).dropna())
    if any((side["size"] > 1).any() for side in sides):
        return np.array([])
    together = pd.concat([side["first"] for side in sides], axis=1, join="inner").values.astype(float)
    if logarithmic:
        together = np.log(together[(together > 0).all(axis=1)])
    same = together[:, 0] == together[:, 1]
    with np.errstate(invalid="ignore"):
        return np.where(same, 0.0, together[:, 0] - together[:, 1])


def more_variable(groups: List[Group], claim: dict, settings: dict, random: np.random.RandomState) -> dict:
    """The first group's values spread more than the second's, among the runs that did not diverge."""
    first, second = groups[0].values, groups[1].values
    low, high = interval(statistics.log_sd_ratio, [first, second], random, settings["bootstrap_draws"])
    return {
        "effect_name": "log ratio of standard deviations",
        "effect": float(statistics.log_sd_ratio(first, second)),
        "low": low,
        "high": high,
        "test": "Brown-Forsythe",
        "p": statistics.brown_forsythe_p(first, second),
        "detail": "; ".join(_other_spreads(groups)),
    }


def _other_spreads(groups: List[Group]) -> List[str]:
    """Spreads beside the claim's own, as a larger gap may be a more variable one: at fixed noise, and of the log."""
    fixed = [finite(pd.to_numeric(g.table.end_fixed_noise_gap.where(g.table.status != "diverged"))) for g in groups]
    logs = [np.log(group.values[group.values > 0]) for group in groups]
    said = []
    for what, (first, second) in (("gap at noise of sd 0.1", fixed), ("log gap", logs)):
        if min(len(first), len(second)) >= 2:
            ratio = np.exp(statistics.log_sd_ratio(first, second))
            said.append(f"sd of the {what} x {ratio:.3g}, p = {statistics.brown_forsythe_p(first, second):.3g}")
    return said


def correlates(groups: List[Group], claim: dict, settings: dict, random: np.random.RandomState) -> dict:
    """Gap and eigenvalue correlate over the runs of all groups together.

    Diverged runs have neither; to count them as the worst of both would make a correlation by itself.
    """
    points = np.concatenate([curvature_and_gap(group.table) for group in groups])
    found = statistics.correlations(points[:, 0], points[:, 1])
    low, high = interval(statistics.rank_correlation, [points], random, settings["bootstrap_draws"])
    return {
        "effect_name": "Spearman's r",
        "effect": found["spearman"],
        "low": low,
        "high": high,
        "test": "Spearman and Pearson (log eigenvalue), the larger p",
        "p": max(found["spearman_p"], found["pearson_p"]),
        "detail": f"n = {len(points)}, Pearson's r = {found['pearson']:.3g}",
    }


def correlates_within(groups: List[Group], claim: dict, settings: dict, random: np.random.RandomState) -> dict:
    """Gap and eigenvalue correlate within each rule and learning rate: permutation stratified by them.

    A seed's runs, which share initial weights and noise under all of them, are permuted together; a seed that lacks one
    is left out.
    """
    points = _by_seed_and_stratum(groups)
    enough = len(points) > 2
    low, high = np.nan, np.nan
    if enough:
        low, high = interval(statistics.stratified_rank_correlation, [points], random, settings["bootstrap_draws"])
    return {
        "effect_name": "correlation of ranks within rules",
        "effect": float(statistics.stratified_rank_correlation(points)) if enough else np.nan,
        "low": low,
        "high": high,
        "test": f"{settings['permutations']} permutations of seeds, stratified",
        "p": statistics.stratified_permutation_p(points, random, settings["permutations"]) if enough else np.nan,
        "detail": f"{points.shape[0]} seeds with a run in each of {points.shape[1]} strata",
    }


def _by_seed_and_stratum(groups: List[Group]) -> np.ndarray:
    """[seeds, strata, 2]: log10 of the eigenvalue, and the gap, of the seeds that have both in every stratum.

    Strata are groups and learning rates; one that no run of survives is none.
    """
    columns = []
    for group in groups:
        ended = group.table[group.table.status != "diverged"]
        gap, eigenvalue = ended.end_gap.astype(float), ended.end_eigenvalue.astype(float)
        own = pd.DataFrame({"x": np.log10(eigenvalue.where(eigenvalue > 0)), "y": gap, "rate": ended.learning_rate})
        own = own.set_index(ended.seed).dropna()
        columns += [part[["x", "y"]] for _, part in own.groupby("rate")]
    if not columns:
        return np.empty((0, 0, 2))
    together = pd.concat(columns, axis=1, join="inner").sort_index()
    return together.values.reshape(len(together), len(columns), 2)


def smaller_part(groups: List[Group], claim: dict, settings: dict, random: np.random.RandomState) -> dict:
    """From the first group to the second is a smaller step than from the second to the third: a slight improvement."""
    samples = [group.values for group in groups]
    low, high = interval(statistics.remainder, samples, random, settings["bootstrap_draws"])
    first, second, third = (sample.mean() for sample in samples)
    return {
        "effect_name": "what remains less what was gained, in the measure's units",
        "effect": float(statistics.remainder(*samples)),
        "low": low,
        "high": high,
        "test": "Welch test of the contrast of three means",
        "p": statistics.remainder_p(*samples),
        "detail": f"gained {first - second:.3g}, remaining {second - third:.3g}",
    }


DIFFERENCES: Dict[str, Callable] = {
    "greater": greater,
    "smaller": smaller,
    "more_variable": more_variable,
    "correlates": correlates,
    "correlates_within": correlates_within,
    "smaller_part": smaller_part,
}
KINDS: Dict[str, Callable] = {**DIFFERENCES, **values.KINDS}
COMPARING = (*DIFFERENCES, "similar")  # rules, which is fair at comparable training performance
POOLED = ("correlates", "correlates_within", "all", "reported")  # over whatever groups there are
UNTESTED = ("compatible", "all", "reported")  # no p in a family
