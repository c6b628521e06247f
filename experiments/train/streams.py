"""Random numbers keyed by (seed, purpose) and nothing else: common to all rules, and with no state to save."""

import hashlib
from typing import Callable

import numpy as np


def random_stream(seed: int) -> Callable[..., np.random.RandomState]:
    """A function (purpose, *index) -> RandomState, the same whenever it is asked for the same."""

    def stream(purpose: str, *index: int) -> np.random.RandomState:
        key = "/".join(str(part) for part in (seed, purpose) + index)
        return np.random.RandomState(np.frombuffer(hashlib.sha256(key.encode()).digest(), np.uint32))

    return stream
