"""Effect sizes and tests: arrays in, numbers out. What scipy and statsmodels have is called where it is needed.

Effect sizes work along the last axis, as figures.bootstrap asks; those of points [..., n, 2] along the one before it. A
value may be infinite, as that of a run that diverged: ranks know which of two values is larger all the same.
"""

import itertools
from typing import Tuple

import numpy as np
import pandas as pd
from scipy import special, stats
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW, ttost_ind

MAX_ARRANGEMENTS = 20000  # up to 8 against 8 values the rank-sum test is exact


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks along the last axis, ties averaged: scipy.stats.rankdata's, which takes one row at a time."""
    largest = np.finfo(float).max  # pandas gives an infinite value no rank
    rows = pd.DataFrame(np.clip(values, -largest, largest).reshape(-1, values.shape[-1]))
    return rows.rank(axis=1).values.reshape(values.shape)


def mean(values: np.ndarray) -> np.ndarray:
    """Mean along the last axis, as an effect size."""
    return values.mean(axis=-1)


def dominance(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Rank-biserial correlation: of all pairs (one of each), the share with first > second less that with <."""
    n, m = first.shape[-1], second.shape[-1]
    before = np.broadcast(first[..., 0], second[..., 0]).shape
    together = np.concatenate([np.broadcast_to(first, before + (n,)), np.broadcast_to(second, before + (m,))], axis=-1)
    ranks = _ranks(together)[..., :n].sum(axis=-1)
    return 2 * (ranks - n * (n + 1) / 2) / (n * m) - 1  # U counts the pairs with first > second, ties half


def paired_dominance(differences: np.ndarray) -> np.ndarray:
    """Rank-biserial correlation of pairs, the effect size of Wilcoxon's test, from their differences.

    The sum of the ranks of |differences| with the sign of each, over the sum without signs; pairs that do not differ
    have no rank, and where no pair differs it is 0.
    """
    signs, sizes = np.sign(differences), np.abs(differences)
    ranks = _ranks(sizes) - (sizes == 0).sum(axis=-1, keepdims=True)
    signed = (signs * ranks).sum(axis=-1)
    return signed / np.maximum((np.abs(signs) * ranks).sum(axis=-1), 1)


def log_sd_ratio(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Natural logarithm of sd(first) / sd(second); infinite where one of them is constant, nan where both are."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(first.std(axis=-1, ddof=1)) - np.log(second.std(axis=-1, ddof=1))


def remainder(first: np.ndarray, second: np.ndarray, third: np.ndarray) -> np.ndarray:
    """How far the second's mean lies above the third's, less how far the first's lies above the second's."""
    return 2 * second.mean(axis=-1) - third.mean(axis=-1) - first.mean(axis=-1)


def rank_sum_p(first: np.ndarray, second: np.ndarray) -> float:
    """Two-sided Mann-Whitney U: exact over all arrangements (ties too) for small samples, else its approximation."""
    ranks = stats.rankdata(np.concatenate([first, second]))
    if len(set(ranks)) == 1:
        return 1.0
    if special.comb(len(ranks), len(first)) > MAX_ARRANGEMENTS:
        return float(stats.mannwhitneyu(first, second, alternative="two-sided").pvalue)
    sums = np.array(list(itertools.combinations(ranks, len(first)))).sum(axis=1)
    expected = len(first) * ranks.mean()
    # rank sums are multiples of 1/2, so a quarter separates "as far" from "less far" whatever the rounding
    return float(np.mean(np.abs(sums - expected) > abs(ranks[: len(first)].sum() - expected) - 0.25))


def paired_p(differences: np.ndarray) -> float:
    """Two-sided Wilcoxon signed-rank over pairs; 1 where no pair differs, nan without pairs."""
    if not len(differences):
        return np.nan
    return float(stats.wilcoxon(differences).pvalue) if np.any(differences) else 1.0


def brown_forsythe_p(first: np.ndarray, second: np.ndarray) -> float:
    """Equality of spread, from the absolute deviations from the medians; 1 where neither sample varies."""
    deviations = [np.abs(sample - np.median(sample)) for sample in (first, second)]
    if not any(np.ptp(deviation) for deviation in deviations):
        return 1.0 if np.isclose(*[deviation.mean() for deviation in deviations]) else 0.0
    return float(stats.levene(first, second, center="median").pvalue)


def one_sample_p(values: np.ndarray, threshold: float) -> float:
    """Two-sided t test of the mean against a threshold; values that do not vary are at it (1) or not (0)."""
    if not np.ptp(values):
        return float(values[0] == threshold)
    return float(stats.ttest_1samp(values, threshold).pvalue)


def remainder_p(first: np.ndarray, second: np.ndarray, third: np.ndarray) -> float:
    """Two-sided Welch test that `remainder` is zero, its degrees of freedom by Satterthwaite; 0 or 1 without spread."""
    samples, weights = (first, second, third), np.array([1.0, 4.0, 1.0])  # the squares of the contrast -1, 2, -1
    parts = weights * [sample.var(ddof=1) / len(sample) for sample in samples]
    effect = float(remainder(*samples))
    if parts.sum() == 0:
        return float(effect == 0)
    freedom = parts.sum() ** 2 / np.sum(parts**2 / [len(sample) - 1 for sample in samples])
    return float(2 * stats.t.sf(abs(effect) / np.sqrt(parts.sum()), freedom))


def equivalence(first: np.ndarray, second: np.ndarray, margin: float) -> Tuple[float, float, float]:
    """(p, low, high): two one-sided Welch t tests that the means differ by less than `margin` either way, and the 95 %
    interval of the difference. Samples without spread differ by less (0) or do not (1)."""
    difference = float(first.mean() - second.mean())
    if not np.ptp(first) and not np.ptp(second):
        return float(abs(difference) >= margin), difference, difference
    low, high = CompareMeans(DescrStatsW(first), DescrStatsW(second)).tconfint_diff(0.05, usevar="unequal")
    return float(ttost_ind(first, second, -margin, margin, usevar="unequal")[0]), float(low), float(high)


def equivalence_to(values: np.ndarray, expected: float, margin: float) -> Tuple[float, float, float]:
    """(p, low, high): two one-sided t tests that the mean is within `margin` of `expected`, and its 95 % interval."""
    if not np.ptp(values):
        return float(abs(values[0] - expected) >= margin), float(values[0]), float(values[0])
    described = DescrStatsW(values)
    low, high = described.tconfint_mean(0.05)
    return float(described.ttost_mean(expected - margin, expected + margin)[0]), float(low), float(high)


def correlations(x: np.ndarray, y: np.ndarray) -> dict:
    """Pearson's and Spearman's r and p; nan with fewer than 3 points or where a variable is constant."""
    if len(x) < 3 or not np.ptp(x) or not np.ptp(y):
        return dict.fromkeys(("pearson", "pearson_p", "spearman", "spearman_p"), np.nan)
    pearson, spearman = stats.pearsonr(x, y), stats.spearmanr(x, y)
    return {
        "pearson": float(pearson[0]),
        "pearson_p": float(pearson[1]),
        "spearman": float(spearman[0]),
        "spearman_p": float(spearman[1]),
    }


def rank_correlation(points: np.ndarray) -> np.ndarray:
    """Spearman's r of [..., n, 2] points, along n; nan where a variable is constant."""
    return stratified_rank_correlation(points[..., np.newaxis, :])


def stratified_rank_correlation(points: np.ndarray) -> np.ndarray:
    """Correlation of ranks within strata: points [..., n, strata, 2] are ranked along n; nan where one is constant."""
    ranks = _ranks(np.moveaxis(points, -3, -1))
    centred = np.moveaxis(ranks - ranks.mean(axis=-1, keepdims=True), -1, -3)
    with np.errstate(invalid="ignore"):
        return centred.prod(axis=-1).sum(axis=(-2, -1)) / np.sqrt((centred**2).sum(axis=(-3, -2)).prod(axis=-1))


def stratified_permutation_p(points: np.ndarray, random: np.random.RandomState, permutations: int) -> float:
    """Two-sided permutation test of `stratified_rank_correlation` of points [n, strata, 2].

    The n clusters, such as seeds, are permuted whole: each keeps the dependence between its strata, and no point leaves
    its stratum. nan where a variable is constant.
    """
    ranks = stats.rankdata(points, axis=0)
    x, y = np.moveaxis(ranks - ranks.mean(axis=0), -1, 0)
    if not np.any(x) or not np.any(y):
        return np.nan
    orders = np.argsort(random.random_sample((permutations, len(x))), axis=1)
    drawn = np.einsum("ij,nij->n", x, y[orders])
    # the sums are of multiples of 1/4: what differs by less is the same, whatever the rounding
    return float((1 + np.sum(np.abs(drawn) > abs(np.sum(x * y)) - 0.125)) / (1 + permutations))
