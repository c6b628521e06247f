"""Bias-corrected and accelerated bootstrap intervals, 95 % (Efron 1987; two and more samples: Efron, Tibshirani 1993).

An effect size is a function of samples [..., n] that works along their last axis, so that it gives the estimate
(samples [n]), its bootstrap draws ([draws, n]) and its jackknife ([n, n - 1]) alike. A sample of points, or of clusters
of them, has further axes behind the one that is resampled; its effect size then works along that axis.
"""

import zlib
from typing import Callable, Sequence, Tuple

import numpy as np
from scipy import stats

Interval = Tuple[float, float]
NO_INTERVAL = (np.nan, np.nan)
TAILS = np.array([0.025, 0.975])


def generator(key: str) -> np.random.RandomState:
    """Random numbers that depend on `key` alone: the same claim has the same interval, whatever else is judged."""
    return np.random.RandomState(zlib.crc32(key.encode()))


def interval(
    effect: Callable, samples: Sequence[np.ndarray], random: np.random.RandomState, draws: int = 2000
) -> Interval:
    """95 % BCa interval of effect(*samples), the samples [n, ...] resampled independently.

    nan where a sample has fewer than two values or the effect is not defined; the percentile interval where every draw
    lies on the same side of the estimate, so that there is no bias to correct by.
    """
    if min(len(sample) for sample in samples) < 2:
        return NO_INTERVAL
    estimate = float(effect(*samples))
    found = effect(*[sample[random.randint(len(sample), size=(draws, len(sample)))] for sample in samples])
    found = found[~np.isnan(found)]
    if np.isnan(estimate) or not len(found):
        return NO_INTERVAL
    below = ((found < estimate).sum() + 0.5 * (found == estimate).sum()) / len(found)  # half of the ties, as draws are
    if not 0 < below < 1:
        return _percentiles(found, TAILS)
    bias, acceleration = stats.norm.ppf(below), _acceleration(effect, samples)
    shifted = bias + stats.norm.ppf(TAILS)
    return _percentiles(found, stats.norm.cdf(bias + shifted / (1 - acceleration * shifted)))


def _percentiles(draws: np.ndarray, shares: np.ndarray) -> Interval:
    low, high = np.percentile(draws, 100 * shares)
    return float(low), float(high)


def _acceleration(effect: Callable, samples: Sequence[np.ndarray]) -> float:
    """A sixth of the skewness of the effect's influence values, from leaving out each value of each sample in turn."""
    cubes, squares = 0.0, 0.0
    for position, sample in enumerate(samples):
        n = len(sample)
        left_out = effect(*[_each_left_out(one) if k == position else one for k, one in enumerate(samples)])
        influence = (n - 1) * (left_out.mean() - left_out) / n
        cubes, squares = cubes + np.sum(influence**3), squares + np.sum(influence**2)
    found = cubes / (6 * squares**1.5) if squares > 0 else 0.0
    return float(found) if np.isfinite(found) else 0.0


def _each_left_out(sample: np.ndarray) -> np.ndarray:
    """[n, n - 1, ...]: the sample [n, ...] without its first value, without its second, and so on."""
    others = np.arange(len(sample) - 1)
    return sample[others + (others >= np.arange(len(sample))[:, np.newaxis])]
