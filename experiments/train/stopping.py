"""A run ends when both its loss and its leading eigenvalue are stable (paper, A.3; the criterion is ours)."""

from typing import Sequence

import numpy as np


def is_stable(losses: Sequence[float], eigenvalues: Sequence[float], window: int, tolerance: float) -> bool:
    """Whether both medians over the last `window` evaluations are within `tolerance`, relative, of those before.

    losses, eigenvalues: one value per evaluation, oldest first; false with fewer than two windows of them.
    """
    return all(len(values) >= 2 * window and _change(values, window) < tolerance for values in (losses, eigenvalues))


def _change(values, window):
    before, now = np.median(values[-2 * window : -window]), np.median(values[-window:])
    if before == now:
        return 0.0
    return abs(now - before) / max(abs(now), abs(before))
