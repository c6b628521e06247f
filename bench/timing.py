"""Wall time of calls, and where and on what it was measured."""

import os
import time
from typing import Callable

import numpy as np
import tensorflow.compat.v1 as tf

from experiments import HOME
from experiments.evidence.provenance import commit_of


def pin_to_one_core() -> None:
    """Keeps this process on the first core that it may use, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def circumstances() -> str:
    """One line: the commit, TensorFlow's version, the core, and what else was running."""
    core = min(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else "any"
    load = ", ".join(f"{average:.1f}" for average in os.getloadavg())
    return f"commit {commit_of(HOME)}, TensorFlow {tf.__version__}, core {core}, load average {load} at the start"


def milliseconds(call: Callable) -> float:
    """Wall time of one call."""
    begun = time.perf_counter()
    call()
    return 1e3 * (time.perf_counter() - begun)


def in_turns(repeats: int, *calls: Callable) -> np.ndarray:
    """Milliseconds [repeats, calls] of calls made one after the other, again and again, after an unmeasured round."""
    for call in calls:
        call()
    return np.array([[milliseconds(call) for call in calls] for _ in range(repeats)])


def report(name: str, measured: np.ndarray, against: str, reference: np.ndarray) -> None:
    """Prints the median ratio of neighbours, and the medians themselves."""
    ratio = np.median(measured / reference)
    print(
        f"{name:36} {ratio:5.2f} x {against:23} ({np.median(measured):.2f} ms, {np.median(reference):.2f} ms)",
        flush=True,
    )
