"""The statistic of each kind of claim that holds runs to a number, or two groups to equality.

As in figures.kinds, but that most give a band (band_low, band_high) that the 95 % interval is held to, and a p that is
small where the runs are inside.
"""

from typing import Callable, Dict, List

import numpy as np
from scipy import stats
from statsmodels.stats.proportion import binom_test, proportion_confint

from figures import statistics
from figures.bootstrap import interval
from figures.groups import Group, performances
from figures.measures import is_logarithmic


def _scaled(values: np.ndarray, measure: str) -> np.ndarray:
    """The values as they are compared: of a logarithmic measure the logarithms, without those that have none."""
    return np.log(values[values > 0]) if is_logarithmic(measure) else values


def similar(groups: List[Group], claim: dict, settings: dict, random: np.random.RandomState) -> dict:
    """Two groups' geometric means are within a factor of each other: two one-sided tests."""
    margin, logs = float(np.log(claim["margin"])), [np.log(group.values[group.values > 0]) for group in groups]
    if min(map(len, logs)) < 2:
        return {"detail": "a group has no two positive values"}
    p, low, high = statistics.equivalence(logs[0], logs[1], margin)
    return {
        "effect_name": "log ratio of geometric means",
        "effect": float(logs[0].mean() - logs[1].mean()),
        "low": low,
        "high": high,
        "test": f"equivalence within a factor of {claim['margin']:g} (two one-sided Welch t tests)",
        "p": p,
        "band_low": -margin,
        "band_high": margin,
    }


def comparable(groups: List[Group], claim: dict, settings: dict, random: np.random.RandomState) -> dict:
    """Two groups' mean training performances are within the margin of each other: two one-sided tests."""
    samples, margin = [performances(group) for group in groups[:2]], claim["margin"]
    if min(map(len, samples)) < 2:
        return {"detail": "a group has no two training performances"}
    p, low, high = statistics.equivalence(samples[0], samples[1], margin)
    error = groups[0].table.performance.iloc[0] == "mean_squared_error"
    return {
        "effect_name": "difference of mean " + ("errors over the target's variance" if error else "accuracies"),
        "effect": float(samples[0].mean() - samples[1].mean()),
        "low": low,
        "high": high,
        "test": "equivalence (two one-sided Welch t tests)",
        "p": p,
        "band_low": -margin,
        "band_high": margin,
    }


def about(groups: List[Group], claim: dict, settings: dict, random: np.random.RandomState) -> dict:
    """The mean is within the margin of a published number that has no spread: two one-sided tests.

    Of a logarithmic measure it is the geometric mean, and the margin a factor.
    """
    values, logarithmic = _scaled(groups[0].values, claim["measure"]), is_logarithmic(claim["measure"])
    if len(values) < 2:
        return {"detail": "no two values"}
    expected, margin = np.log([claim["published"], claim["margin"]]) if logarithmic else _number(claim)
    p, low, high = statistics.equivalence_to(values, expected, margin)
    return {
        "effect_name": "log of the geometric mean" if logarithmic else "mean",
        "effect": float(values.mean()),
        "low": low,
        "high": high,
        "test": "equivalence (two one-sided t tests)",
        "p": p,
        "band_low": float(expected - margin),
        "band_high": float(expected + margin),
        "detail": f"differs from {claim['published']:g} by {values.mean() - expected:.3g}",
    }


def _number(claim: dict) -> tuple:
    return claim["published"], claim["margin"]


def compatible(groups: List[Group], claim: dict, settings: dict, random: np.random.RandomState) -> dict:
    """Ours and a published mean and standard deviation may be of one population: Welch's test.

    Eigenvalues on the log, the published moments being those of a log-normal variable: variance ln(1 + sd^2 / mean^2),
    mean ln(mean) less half of it. sensitive: whether a difference of a factor of 2 would have been significant.
    """
    values, n = _scaled(groups[0].values, claim["measure"]), claim["published_n"]
    if len(values) < 2:
        return {"detail": "no two values"}
    mean, sd, factor = claim["published"], claim["published_sd"], claim["published"]  # of 2: as much again
    if is_logarithmic(claim["measure"]):
        variance = np.log1p((sd / mean) ** 2)
        mean, sd, factor = np.log(mean) - variance / 2, np.sqrt(variance), np.log(2)
    own = values.std(ddof=1)
    _, p = stats.ttest_ind_from_stats(values.mean(), own, len(values), mean, sd, n, equal_var=False)
    parts = np.array([own**2 / len(values), sd**2 / n])
    freedom = parts.sum() ** 2 / np.sum(parts**2 / [len(values) - 1, n - 1])
    reach = float(stats.t.ppf(0.975, freedom) * np.sqrt(parts.sum()))
    difference = float(values.mean() - mean)
    scale = "log " if is_logarithmic(claim["measure"]) else ""
    return {
        "effect_name": f"difference from the published {scale}mean",
        "effect": difference,
        "low": difference - reach,
        "high": difference + reach,
        "test": "Welch's t test from the published mean, standard deviation and number of runs",
        "p": float(p),
        "sensitive": bool(reach <= factor),
        "detail": f"a difference beyond {reach:.3g} is significant; a factor of 2 is one of {factor:.3g}",
    }


def _against_threshold(sign: int) -> Callable:
    def outcome(groups, claim, settings, random):
        values, threshold = _scaled(groups[0].values, claim["measure"]), claim["threshold"]
        if len(values) < 2:
            return {"detail": "no two values"}
        threshold = np.log(threshold) if is_logarithmic(claim["measure"]) else threshold
        distance = sign * (values - threshold)
        low, high = interval(statistics.mean, [distance], random, settings["bootstrap_draws"])
        scale = "log " if is_logarithmic(claim["measure"]) else ""
        return {
            "effect_name": f"mean {scale}distance on the claimed side of {claim['threshold']:g}",
            "effect": float(distance.mean()),
            "low": low,
            "high": high,
            "test": "one-sample t",
            "p": statistics.one_sample_p(values, threshold),
            "detail": f"{int(np.sum(distance > 0))} of {len(values)} runs on the claimed side",
        }

    return outcome


def within(groups: List[Group], claim: dict, settings: dict, random: np.random.RandomState) -> dict:
    """Runs end within a bound: how many end beyond it counts, not how far their mean lies within.

    A seed's runs at several learning rates start from one network: they count once, by the one farthest out.
    """
    values, margin = _farthest_of_each_seed(groups[0]), claim["margin"]
    beyond, n = int((values > claim["threshold"]).sum()), len(values)
    low, high = proportion_confint(beyond, n, alpha=0.05, method="beta")
    return {
        "effect_name": "share of seeds beyond the bound",
        "effect": beyond / n,
        "low": float(low),
        "high": float(high),
        "test": f"share beyond less than {margin:.0%} (exact binomial)",
        "p": float(binom_test(beyond, n, margin, alternative="smaller")),
        "band_low": 0.0,
        "band_high": margin,
        "detail": f"{n - beyond} of {n} seeds end within",
    }


def _farthest_of_each_seed(group: Group) -> np.ndarray:
    """The largest value of each seed that has one."""
    return group.table.value.astype(float).groupby(group.table.seed).max().dropna().values


def all_of_them(groups: List[Group], claim: dict, settings: dict, random: np.random.RandomState) -> dict:
    """A share is 1 in every run of every group: one exception refutes it."""
    share = np.concatenate([group.values for group in groups])
    return {
        "effect_name": "mean share",
        "effect": float(share.mean()),
        "low": float(share.min()),
        "high": float(share.max()),
        "test": "none: one exception refutes it (the interval is the worst and the best run)",
        "detail": f"{int((share < 1).sum())} of {len(share)} runs have an exception",
    }


def reported(groups: List[Group], claim: dict, settings: dict, random: np.random.RandomState) -> dict:
    """The mean, for the record."""
    values = np.concatenate([group.values for group in groups])
    low, high = interval(statistics.mean, [values], random, settings["bootstrap_draws"])
    return {"effect_name": "mean", "effect": float(values.mean()), "low": low, "high": high, "test": "none"}


KINDS: Dict[str, Callable] = {
    "similar": similar,
    "comparable": comparable,
    "about": about,
    "compatible": compatible,
    "at_least": _against_threshold(1),
    "at_most": _against_threshold(-1),
    "within": within,
    "all": all_of_them,
    "reported": reported,
}
