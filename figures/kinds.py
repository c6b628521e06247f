"""The statistic of each kind of claim: groups of runs in; effect, interval and test out.

Each function takes (groups, claim, settings, random), claim and settings as in published.json, and gives what it adds
to the claim's row: effect_name, effect, its interval (low, high), test, detail, and what figures.verdicts judges by:
either a test's p, with `negligible`, the margin around no effect, or a band (band_low, band_high) that the interval is
held to, with or without a test.
"""

from typing import Callable, Dict, List, NamedTuple

import numpy as np
import pandas as pd

from figures import statistics
from figures.measures import LOGARITHMIC, curvature_and_gap, finite
from figures.runs import KEY


class Group(NamedTuple):
    """One group of a claim. values: the finite ones; table: all runs of role, task and rule, with `value`."""

    label: str
    values: np.ndarray
    table: pd.DataFrame

    @property
    def diverged(self) -> int:
        """How many runs diverged; they have no value."""
        return int((self.table.status == "diverged").sum())

    @property
    def runs(self) -> set:
        """Which runs these are, as (run, seed, learning rate)."""
        return set(self.table[KEY].itertuples(index=False, name=None))

    @property
    def capped(self) -> int:
        """How many of those with a value ended at their cap of iterations without being stable."""
        return len(finite(self.table.value[self.table.status == "capped"]))


def performances(group: Group, performance: str) -> np.ndarray:
    """End training performances of the runs that did not diverge; the logarithms of errors."""
    ended = group.table[group.table.status != "diverged"]
    kept = finite(pd.to_numeric(ended.end_training_performance, errors="coerce"))
    return np.log(kept[kept > 0]) if performance == "mean_squared_error" else kept


def comparable_margin(performance: str, settings: dict) -> float:
    """How far apart mean performances, in the units of `performances`, are still comparable."""
    margin = settings["comparable"][performance]
    return np.log(margin) if performance == "mean_squared_error" else margin


def _greater(groups, claim, settings, random):
    if groups[0].runs == groups[1].runs:  # two measures of the same runs are not independent samples
        return _greater_in_pairs(groups, claim, settings, random)
    first, second = groups[0].values, groups[1].values
    low, high = statistics.interval(statistics.dominance, [first, second], random)
    pairs = _pairs(groups[0], groups[1], ["seed"], claim["measure"] in LOGARITHMIC)
    return {
        "effect_name": "rank-biserial correlation",
        "effect": float(statistics.dominance(first, second)),
        "low": low,
        "high": high,
        "test": "Mann-Whitney U",
        "p": statistics.rank_sum_p(first, second),
        "negligible": settings["negligible"]["greater"],
        "detail": f"Wilcoxon over {len(pairs)} pairs: p = {statistics.paired_p(pairs):.3g}" if len(pairs) else "",
    }


def _greater_in_pairs(groups, claim, settings, random):
    pairs = _pairs(groups[0], groups[1], KEY, claim["measure"] in LOGARITHMIC)
    low, high = statistics.interval(statistics.paired_dominance, [pairs], random)
    return {
        "effect_name": "rank-biserial correlation of pairs",
        "effect": float(statistics.paired_dominance(pairs)),
        "low": low,
        "high": high,
        "test": "Wilcoxon signed rank",
        "p": statistics.paired_p(pairs),
        "negligible": settings["negligible"]["greater"],
        "detail": f"paired: two measures of the same {len(pairs)} runs",
    }


def _pairs(first: Group, second: Group, on: List[str], logarithmic: bool) -> np.ndarray:
    """First minus second over what both have of `on`, such as seeds; none where that is not one run of each."""
    sides = [group.table.dropna(subset=["value"]).set_index(on).value.astype(float) for group in (first, second)]
    if not all(side.index.is_unique for side in sides):
        return np.array([])
    together = pd.concat(sides, axis=1, join="inner").values
    if logarithmic:
        together = np.log(together[(together > 0).all(axis=1)])
    return together[:, 0] - together[:, 1]


def _more_variable(groups, claim, settings, random):
    first, second = groups[0].values, groups[1].values
    low, high = statistics.interval(statistics.log_sd_ratio, [first, second], random)
    return {
        "effect_name": "log ratio of standard deviations",
        "effect": float(statistics.log_sd_ratio(first, second)),
        "low": low,
        "high": high,
        "test": "Brown-Forsythe",
        "p": statistics.brown_forsythe_p(first, second),
        "negligible": float(np.log(settings["negligible"]["more_variable"])),
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


def _correlates(groups, claim, settings, random):
    points = [curvature_and_gap(group.table) for group in groups]
    pooled = np.concatenate(points)
    found = statistics.correlations(pooled[:, 0], pooled[:, 1])
    low, high = statistics.interval(statistics.rank_correlation, [pooled], random)
    within = [_within(group, own) for group, own in zip(groups, points)] if len(groups) > 1 else []
    return {
        "effect_name": "Spearman's r",
        "effect": found["spearman"],
        "low": low,
        "high": high,
        "test": "Spearman and Pearson (log eigenvalue), the larger p",
        "p": max(found["spearman_p"], found["pearson_p"]),
        "negligible": settings["negligible"]["correlates"],
        "detail": "; ".join([f"n = {len(pooled)}, Pearson's r = {found['pearson']:.3g}", *within]),
    }


def _within(group: Group, points: np.ndarray) -> str:
    found = statistics.correlations(points[:, 0], points[:, 1])
    return f"within {group.label}: r = {found['spearman']:.3g}, p = {found['spearman_p']:.3g}"


def _similar(groups, claim, settings, random):
    logs = [np.log(group.values[group.values > 0]) for group in groups]
    if min(len(log) for log in logs) < 2:
        return {"detail": "a group has no positive eigenvalues"}
    margin = float(np.log(settings["similar_factor"]))
    low, high = statistics.interval(statistics.mean_difference, logs[:2], random)
    nearer = statistics.interval(_nearer, logs, random)
    return {
        "effect_name": "log ratio of geometric means",
        "effect": float(statistics.mean_difference(*logs[:2])),
        "low": low,
        "high": high,
        "test": f"equivalence within a factor of {settings['similar_factor']:g} (two one-sided Welch t tests)",
        "p": statistics.equivalence_p(logs[0], logs[1], margin),
        "band_low": -margin,
        "band_high": margin,
        "nearer_low": nearer[0],
        "nearer_high": nearer[1],
        "detail": f"nearer to {groups[1].label} than to {groups[2].label} by {_nearer(*logs):.3g}"
        f" [{nearer[0]:.3g}, {nearer[1]:.3g}] in log eigenvalue",
    }


def _nearer(first: np.ndarray, second: np.ndarray, third: np.ndarray) -> np.ndarray:
    """By how much the first's mean is nearer to the second's than to the third's."""
    return np.abs(statistics.mean_difference(first, third)) - np.abs(statistics.mean_difference(first, second))


def _comparable(groups, claim, settings, random):
    performance = groups[0].table.performance.iloc[0]
    samples, margin = [performances(g, performance) for g in groups[:2]], comparable_margin(performance, settings)
    if min(len(sample) for sample in samples) < 2:
        return {"detail": "a group has no positive errors"}
    low, high = statistics.interval(statistics.mean_difference, samples, random)
    error = performance == "mean_squared_error"
    return {
        "effect_name": "log ratio of geometric mean errors" if error else "difference of mean accuracies",
        "effect": float(statistics.mean_difference(*samples)),
        "low": low,
        "high": high,
        "test": "equivalence (two one-sided Welch t tests)",
        "p": statistics.equivalence_p(samples[0], samples[1], margin),
        "band_low": -margin,
        "band_high": margin,
    }


def _value(groups, claim, settings, random):
    values, published = groups[0].values, claim["published"]
    reach = "published_sd" if "published_sd" in claim else "margin"
    low, high = statistics.interval(statistics.mean, [values], random)
    return {
        "effect_name": "mean",
        "effect": float(values.mean()),
        "low": low,
        "high": high,
        "test": f"interval of the mean within {'the published sd' if reach == 'published_sd' else 'our margin'}",
        "band_low": published - claim[reach],
        "band_high": published + claim[reach],
        "detail": f"differs from the published mean by {values.mean() - published:.3g}",
    }


def _against_threshold(sign: int) -> Callable:
    def outcome(groups, claim, settings, random):
        values, threshold, scale = groups[0].values, claim["threshold"], ""
        if claim["measure"] in LOGARITHMIC:
            # an eigenvalue of zero lies below any bound; the smallest positive number says so and keeps its logarithm
            values, threshold, scale = np.log(np.maximum(values, np.finfo(np.float32).tiny)), np.log(threshold), "log "
        low, high = sorted(
            sign * (bound - threshold) for bound in statistics.interval(statistics.mean, [values], random)
        )
        return {
            "effect_name": f"mean {scale}distance on the claimed side of {claim['threshold']:g}",
            "effect": float(sign * (values.mean() - threshold)),
            "low": low,
            "high": high,
            "test": "one-sample t",
            "p": statistics.one_sample_p(values, threshold),
            "negligible": 0.0,
            "detail": f"{int(np.sum(sign * (values - threshold) > 0))} of {len(values)} runs on the claimed side",
        }

    return outcome


def _within_bound(groups, claim, settings, random):
    """A bound on every run: how many end beyond it counts, not how far their mean lies within it."""
    values, most = groups[0].values, settings["max_beyond"]
    count, n = int((values > claim["threshold"]).sum()), len(values)
    low, high = statistics.share_interval(count, n)
    return {
        "effect_name": "share of runs beyond the bound",
        "effect": count / n,
        "low": low,
        "high": high,
        "test": f"share beyond less than {most:.0%} (exact binomial)",
        "p": statistics.share_below_p(count, n, most),
        "band_low": 0.0,
        "band_high": most,
        "detail": f"{n - count} of {n} runs end within",
    }


def _all_converged(groups, claim, settings, random):
    share = np.concatenate([group.values for group in groups])
    return {
        "effect_name": "share of power iterations that converged",
        "effect": float(share.mean()),
        "low": float(share.min()),
        "high": float(share.max()),
        "test": "none: one exception refutes it (the interval is the worst and the best run)",
        "band_low": 1.0,
        "band_high": 1.0,
        "detail": f"{int((share < 1).sum())} of {len(share)} runs have an evaluation that did not converge",
    }


def _reported(groups, claim, settings, random):
    values = np.concatenate([group.values for group in groups])
    low, high = statistics.interval(statistics.mean, [values], random)
    return {"effect_name": "mean", "effect": float(values.mean()), "low": low, "high": high, "test": "none"}


KINDS: Dict[str, Callable] = {
    "greater": _greater,
    "more_variable": _more_variable,
    "correlates": _correlates,
    "similar": _similar,
    "comparable": _comparable,
    "value": _value,
    "at_least": _against_threshold(1),
    "at_most": _against_threshold(-1),
    "within": _within_bound,
    "all_converged": _all_converged,
    "reported": _reported,
}
COMPARING = ("greater", "more_variable", "correlates", "similar")  # rules, which is fair at comparable performance
POOLED = ("correlates", "all_converged", "reported")  # over whatever groups there are, not one against another
