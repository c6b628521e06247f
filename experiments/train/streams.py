"""Random numbers keyed by (seed, purpose) alone: the same for all rules, without any state to save."""

import hashlib
from typing import Callable

import numpy as np


def random_stream(seed: int) -> Callable[..., np.random.RandomState]:
    """A function (purpose, *index) -> RandomState; the same arguments always give the same numbers."""

    def stream(purpose: str, *index: int) -> np.random.RandomState:
        key = "/".join(str(part) for part in (seed, purpose) + index)
        return np.random.RandomState(np.frombuffer(hashlib.sha256(key.encode()).digest(), np.uint32))

    return stream
