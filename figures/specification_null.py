"""How often so many specifications would be significant by chance: one permutation for all, as they share seeds.

Where rules are compared, their labels are permuted within each seed; where gap and curvature are correlated, the gaps
are dealt anew, over all runs or (within rules) by whole seeds. Each draw is the same for every specification, so that
the dependence between specifications stays. The tests are those of figures.kinds, worked out for all draws at once, but
that the rank-sum test is the approximation throughout (Simonsohn, Simmons, Nelson 2020, inference by permutation).
"""

import warnings
from typing import Dict, List, NamedTuple, Tuple

import numpy as np
import pandas as pd
from scipy import stats

from figures.groups import EXPLODED
from figures.statistics import _ranks  # another name would change the verdicts' committed rule

SIGNIFICANCE = 0.05
EXPLODES = -np.inf


class Sample(NamedTuple):
    """The numbers of a specification's runs, [rules, units], a unit being a seed; nan where there is none.

    value: what rules are compared by; infinite for a run that diverged, EXPLODES if it did so at once: a seed of which
    both rules of a comparison explode is left out of it.
    """

    rules: Tuple[str, ...]
    value: np.ndarray
    eigenvalue: np.ndarray
    gap: np.ndarray


class Chance(NamedTuple):
    """share: of specifications significant for the claim, on average under the null. p_for, p_against: how often so
    many or more are. nan where the null says nothing, as for an equality."""

    share: float
    p_for: float
    p_against: float


NO_CHANCE = Chance(np.nan, np.nan, np.nan)


def chance(
    kind: str, samples: List[Sample], pairs: List[Tuple[str, ...]], draws: int, random: np.random.RandomState
) -> Chance:
    """Chance of the specifications' joint result. samples, pairs: of each judged specification, its numbers (the same
    rules and units in all) and its groups' rules."""
    if kind not in DRAWN or not samples:
        return NO_CHANCE
    shape = samples[0].value.shape
    # the first draw is what was seen: every run keeps its place
    keys = np.concatenate([np.arange(np.prod(shape)).reshape(1, *shape), random.random_sample((draws, *shape))])
    signs = np.stack([DRAWN[kind](sample, pair, keys) for sample, pair in zip(samples, pairs)], axis=-1)
    counts = {sign: (signs == sign).sum(axis=-1) for sign in (1, -1)}
    p_for, p_against = ((1 + (n[1:] >= n[0]).sum()) / (1 + draws) for n in (counts[1], counts[-1]))
    return Chance(float(counts[1][1:].mean() / len(samples)), float(p_for), float(p_against))


def _relabelled(sample: Sample, pair: Tuple[str, ...], keys: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """The two groups [draws, units] of a pair when rules are ordered by their keys within each unit."""
    orders = np.argsort(keys, axis=1)
    values = np.take_along_axis(np.broadcast_to(sample.value, keys.shape), orders, axis=1)
    first, second = (values[:, sample.rules.index(rule)] for rule in pair)
    out = (first == EXPLODES) & (second == EXPLODES)
    first, second = (np.where(out, np.nan, np.where(one == EXPLODES, np.inf, one)) for one in (first, second))
    return first, second


def _greater(sample: Sample, pair: Tuple[str, ...], keys: np.ndarray) -> np.ndarray:
    return rank_sum_sign(*_relabelled(sample, pair, keys))


def _more_variable(sample: Sample, pair: Tuple[str, ...], keys: np.ndarray) -> np.ndarray:
    finite = sample._replace(value=np.where(np.isfinite(sample.value), sample.value, np.nan))
    return spread_sign(*_relabelled(finite, pair, keys))


def _correlates(sample: Sample, pair: Tuple[str, ...], keys: np.ndarray) -> np.ndarray:
    known = np.isfinite(sample.eigenvalue) & np.isfinite(sample.gap)
    return correlation_sign(sample.eigenvalue[known], sample.gap[known][np.argsort(keys[:, known], axis=-1)])


def _correlates_within(sample: Sample, pair: Tuple[str, ...], keys: np.ndarray) -> np.ndarray:
    known = np.isfinite(sample.eigenvalue) & np.isfinite(sample.gap)
    strata = known.any(axis=1)
    units = known[strata].all(axis=0)
    ranks = [stats.rankdata(one[strata][:, units], axis=1) for one in (sample.eigenvalue, sample.gap)]
    x, y = [one - one.mean(axis=1, keepdims=True) for one in ranks]
    orders = np.argsort(keys[:, 0, units], axis=-1)
    sums = np.einsum("rs,rns->n", x, y[:, orders])
    # a draw's p is its place among all draws, which are the permutations of each of them alike
    sizes = np.sort(np.abs(sums))
    p = (len(sizes) - np.searchsorted(sizes, np.abs(sums) - 0.125)) / len(sizes)
    return np.where(p < SIGNIFICANCE, np.sign(sums), 0)


DRAWN = {
    "greater": _greater,
    "more_variable": _more_variable,
    "correlates": _correlates,
    "correlates_within": _correlates_within,
}


def rank_sum_sign(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """1 or -1 where rows of first [draws, n] are significantly above or below those of second [draws, m], else 0.

    Mann-Whitney U by its normal approximation, ties and continuity corrected; nan is no value.
    """
    ranks = _ranks(np.concatenate([first, second], axis=-1))
    n, m = (np.isfinite(part).sum(axis=-1) for part in np.split(ranks, [first.shape[-1]], axis=-1))
    total = n + m
    distance = np.nansum(ranks[:, : first.shape[-1]], axis=-1) - n * (total + 1) / 2
    spread = np.nansum((ranks - (total[:, np.newaxis] + 1) / 2) ** 2, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        z = (np.abs(distance) - 0.5) / np.sqrt(n * m / (total * (total - 1)) * spread)
        return np.where(2 * stats.norm.sf(z) < SIGNIFICANCE, np.sign(distance), 0)


def spread_sign(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The same of spreads: Brown-Forsythe's test, and the sign of the difference of standard deviations."""
    samples = (first, second)
    with warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's of rows with no value, which are not significant
        apart = [np.abs(one - np.nanmedian(one, axis=-1, keepdims=True)) for one in samples]
        sizes = [np.isfinite(one).sum(axis=-1) for one in samples]
        means = [np.nanmean(one, axis=-1) for one in apart]
        squares = sum(np.nansum((one - mean[:, np.newaxis]) ** 2, axis=-1) for one, mean in zip(apart, means))
        freedom = sum(sizes) - 2
        t = (means[0] - means[1]) / np.sqrt(squares / freedom * (1 / sizes[0] + 1 / sizes[1]))
        sign = np.sign(np.nanstd(first, axis=-1, ddof=1) - np.nanstd(second, axis=-1, ddof=1))
        return np.where(2 * stats.t.sf(np.abs(t), np.maximum(freedom, 1)) < SIGNIFICANCE, sign, 0)


def correlation_sign(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The sign of the correlation of x [n] with each row of y [draws, n] where both Spearman's and Pearson's are
    significant, else 0; the sign is Spearman's."""
    found = []
    for one, many in ((stats.rankdata(x), _ranks(y)), (x, y)):
        one, many = one - one.mean(), many - many.mean(axis=-1, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            r = many.dot(one) / np.sqrt((one**2).sum() * (many**2).sum(axis=-1))
            t = np.abs(r) * np.sqrt((len(x) - 2) / (1 - r**2))
        found.append((np.sign(r), 2 * stats.t.sf(t, len(x) - 2)))
    (sign, p_spearman), (_, p_pearson) = found
    return np.where(np.maximum(p_spearman, p_pearson) < SIGNIFICANCE, sign, 0)


def sample_of(rules: Tuple[str, ...], groups: list, units: Dict[tuple, int]) -> Sample:
    """The numbers of a specification's groups, one per rule, at the places of their units (seed, position)."""
    shape = (len(rules), len(units))
    value, eigenvalue, gap = (np.full(shape, np.nan) for _ in range(3))
    for place, group in enumerate(groups):
        table = group.table
        at = [units[unit] for unit in units_of(table)]
        survived = (table.status != "diverged").values
        lost = np.where(pd.to_numeric(table.diverged_at, errors="coerce") <= EXPLODED, EXPLODES, np.inf)
        value[place, at] = np.where(survived, table.value.values.astype(float), lost)
        numbers = table.end_eigenvalue.where(table.status != "diverged")
        eigenvalue[place, at] = np.log10(numbers.where(numbers > 0).values.astype(float))
        gap[place, at] = np.where(survived, table.end_gap.values.astype(float), np.nan)
    return Sample(rules, value, eigenvalue, gap)


def units_of(table) -> List[tuple]:
    """(seed, position among the seed's runs) of each run."""
    return list(zip(table.seed, table.groupby("seed").cumcount()))
