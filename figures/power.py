"""What a comparison could have seen: the smallest effect that its test finds in 80 % of experiments of that size.

By the tests' normal approximations: rank sum (Noether 1987, J. Am. Stat. Assoc. 82, 645), signed rank, Spearman's r by
Fisher's z (Fieller, Hartley, Pearson 1957, Biometrika 44, 470), and the sd of the log sd of normal values.
"""

from typing import Callable, Dict, Optional, Sequence

import numpy as np
from scipy import special, stats

POWER = 0.8
MIN_RUNS = 4  # below this none of the approximations says anything


def detectable(kind: str, sizes: Sequence[int], paired: bool, alpha: float) -> Optional[float]:
    """The smallest effect found with 80 % power by the test of a kind of claim, in the units of its effect.

    kind: as in published.json. sizes: runs in each group. paired: whether the groups are two measures of the same runs.
    alpha: the level of the two-sided test. None for kinds that are not tests against no effect, and for too few runs.
    """
    rank_test = kind in ("greater", "smaller")
    spread = _SPREADS.get("paired" if paired and rank_test else kind)
    if spread is None or not sizes or min(sizes) < MIN_RUNS:
        return None
    reach = (stats.norm.isf(alpha / 2) + stats.norm.ppf(POWER)) * spread(sizes)
    if kind == "correlates":
        return float(np.tanh(reach))
    return float(min(reach, 1.0) if rank_test else reach)


def smallest_p(sizes: Sequence[int], paired: bool) -> float:
    """The two-sided p of the rank test, exact and without ties, when the groups separate completely."""
    orders = 2 ** sizes[0] if paired else special.comb(sum(sizes[:2]), sizes[0], exact=True)
    return 2 / orders


def runs_needed(seen: float, detectable_now: float, smallest_group: int) -> Optional[int]:
    """Runs per group with which an effect as large as the one seen would be found, as spread falls with 1/sqrt(n)."""
    if not seen or not detectable_now:
        return None
    return int(np.ceil(smallest_group * (detectable_now / abs(seen)) ** 2))


def _rank_sum(sizes: Sequence[int]) -> float:
    """Sd of the rank-biserial correlation of two groups that do not differ."""
    first, second = sizes[:2]
    return np.sqrt((first + second + 1) / (3 * first * second))


def _signed_rank(sizes: Sequence[int]) -> float:
    n = sizes[0]
    return np.sqrt(2 * (2 * n + 1) / (3 * n * (n + 1)))


def _log_sd_ratio(sizes: Sequence[int]) -> float:
    return np.sqrt(sum(1 / (2 * (n - 1)) for n in sizes[:2]))


def _fisher_z(sizes: Sequence[int]) -> float:
    return np.sqrt(1.06 / (sum(sizes) - 3))


_SPREADS: Dict[str, Callable] = {
    "greater": _rank_sum,
    "smaller": _rank_sum,
    "paired": _signed_rank,
    "more_variable": _log_sd_ratio,
    "correlates": _fisher_z,
}
