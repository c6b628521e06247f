"""Tests, effect sizes and bootstrap intervals: arrays in, numbers out.

Every effect size works along the last axis, so that one function gives the estimate ([n]) and its bootstrap draws
([draws, n]) alike. Intervals are percentile bootstrap, 95 %.
"""

import itertools
import zlib
from typing import Callable, List, Sequence, Tuple

import numpy as np
from scipy import special, stats

DRAWS = 2000
MAX_ARRANGEMENTS = 20000  # up to 8 against 8 values the rank-sum test is exact


def generator(key: str) -> np.random.RandomState:
    """Random numbers that depend on `key` alone: the same claim has the same interval, whatever else is judged."""
    return np.random.RandomState(zlib.crc32(key.encode()))


def resample(values: np.ndarray, random: np.random.RandomState) -> np.ndarray:
    """[DRAWS, n, ...]: n of `values` [n, ...] with replacement, DRAWS times."""
    return values[random.randint(len(values), size=(DRAWS, len(values)))]


def percentile_interval(draws: np.ndarray) -> Tuple[float, float]:
    """The middle 95 % of `draws`; draws without a value (0/0) are left out."""
    kept = draws[~np.isnan(draws)]
    return tuple(float(bound) for bound in np.percentile(kept, [2.5, 97.5])) if len(kept) else (np.nan, np.nan)


def interval(effect: Callable, samples: Sequence[np.ndarray], random: np.random.RandomState) -> Tuple[float, float]:
    """Interval of effect(*samples), the samples [n_i] resampled independently."""
    if min(len(sample) for sample in samples) < 2:
        return np.nan, np.nan
    return percentile_interval(effect(*[resample(sample, random) for sample in samples]))


def mean(values: np.ndarray) -> np.ndarray:
    """Mean along the last axis, as an effect for `interval`."""
    return values.mean(axis=-1)


def dominance(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Rank-biserial correlation: of all pairs (one of each), the share with first > second less that with <."""
    differences = np.sign(first[..., :, None] - second[..., None, :])
    return differences.mean(axis=(-2, -1))


def paired_dominance(differences: np.ndarray) -> np.ndarray:
    """Rank-biserial correlation of pairs, the effect size of Wilcoxon's test, from their differences.

    The sum of the ranks of |differences| with the sign of each, over the sum without signs; pairs that do not differ
    have no rank, and where no pair differs it is 0.
    """
    signs, sizes = np.sign(differences), np.abs(differences)
    ranks = stats.rankdata(sizes, axis=-1) - (sizes == 0).sum(axis=-1, keepdims=True)
    signed = (signs * ranks).sum(axis=-1)
    return signed / np.maximum((np.abs(signs) * ranks).sum(axis=-1), 1)


def log_sd_ratio(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Natural logarithm of sd(first) / sd(second); infinite where one of them is constant, nan where both are."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(first.std(axis=-1, ddof=1)) - np.log(second.std(axis=-1, ddof=1))


def mean_difference(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Difference of the means; of logarithms, that of the geometric means."""
    return first.mean(axis=-1) - second.mean(axis=-1)


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
    if len(values) < 2:
        return np.nan
    if not np.ptp(values):
        return float(values[0] == threshold)
    return float(stats.ttest_1samp(values, threshold).pvalue)


def equivalence_p(first: np.ndarray, second: np.ndarray, margin: float) -> float:
    """Two one-sided Welch t tests that the means differ by less than `margin` either way; the larger p."""
    if min(len(first), len(second)) < 2:
        return np.nan
    variances = [sample.var(ddof=1) / len(sample) for sample in (first, second)]
    error, difference = np.sqrt(sum(variances)), mean_difference(first, second)
    if error == 0:
        return float(abs(difference) >= margin)
    freedom = sum(variances) ** 2 / sum(v**2 / (len(s) - 1) for v, s in zip(variances, (first, second)))
    return float(stats.t.sf((margin - abs(difference)) / error, freedom))


def share_interval(count: int, n: int) -> Tuple[float, float]:
    """95 % interval of a share of which `count` of n were seen (Clopper and Pearson 1934)."""
    low = stats.beta.ppf(0.025, count, n - count + 1) if count else 0.0
    high = stats.beta.ppf(0.975, count + 1, n - count) if count < n else 1.0
    return float(low), float(high)


def share_below_p(count: int, n: int, margin: float) -> float:
    """One-sided exact binomial test that the share of which `count` of n were seen is below `margin`."""
    return float(stats.binom.cdf(count, n, margin))


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
    ranks = stats.rankdata(points, axis=-2)
    centred = ranks - ranks.mean(axis=-2, keepdims=True)
    with np.errstate(invalid="ignore"):
        return centred.prod(axis=-1).sum(axis=-1) / np.sqrt((centred**2).sum(axis=-2).prod(axis=-1))


def holm(p_values: Sequence[float]) -> List[float]:
    """Step-down corrected p; nan (no test) is left out of the count and stays nan."""
    p = np.array(p_values, dtype=float)
    corrected = np.full(len(p), np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    ordered = tested[np.argsort(p[tested], kind="stable")]
    factors = len(ordered) - np.arange(len(ordered))
    corrected[ordered] = np.minimum(1, np.maximum.accumulate(p[ordered] * factors)) if len(ordered) else []
    return corrected.tolist()
