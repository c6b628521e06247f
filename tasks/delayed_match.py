"""Delayed match to sample: two binary cues, a delay apart; do they match? (paper, A.3)

A cue is shown on one of two input units, the first for a cue of 1, the second for a cue of 0. Half of the units adapt,
on the time scale of the task.
"""

import functools
import itertools
from typing import Callable, NamedTuple

import numpy as np

from tasks import Data, Example, Task, full_batch_data, initialisation_of, leak


class Parameters(NamedTuple):
    """All that can be varied; times in steps."""

    units: int = 100  # paper, A.3
    adaptive_units: int = 50  # paper, A.3
    tau_b: float = 20.0  # of the adaptive threshold: the length of a trial; ours
    cue_steps: int = 2  # paper, A.3
    delay: int = 16  # of the training trials; paper, A.3
    max_test_delay: int = 32  # test: every delay from `delay` to this; paper, A.3, whose random draws we average
    cue_size: float = 1.0  # of the input while a cue is shown; ours
    recurrent_gain: float = 1.0  # of W_h; the library [190]; ours
    input_distribution: str = "gaussian"  # of W_x; the library [190]; ours
    input_scale: float = 1.0  # the library [190]; ours
    readout_distribution: str = "glorot"  # of w; published code
    readout_scale: float = 1.0  # published code
    feedback_distribution: str = "as_readout"  # of rflo's feedback; ours
    self_connections: bool = False  # whether the diagonal of W_h is free; published code
    alpha: float = 0.0  # paper, A.3
    l2: float = 0.0  # ours
    iterations: int = 10000  # at most; ours


def trials(parameters: Parameters, delay: int, steps: int) -> Example:
    """The four cue pairs with that delay, ending at step `steps`: x [steps, 4, 2], y [1, 4, 2] (match, no match).

    What comes before is silence, in which a network that starts from zero stays at zero: the trial alone decides.
    """
    pairs = list(itertools.product((0, 1), repeat=2))
    x = np.zeros((steps, len(pairs), 2), np.float32)
    second = steps - parameters.cue_steps
    first = second - delay - parameters.cue_steps
    for trial, pair in enumerate(pairs):
        for start, cue in zip((first, second), pair):
            x[start : start + parameters.cue_steps, trial, 1 - cue] = parameters.cue_size
    y = np.array([[1, 0] if one == other else [0, 1] for one, other in pairs], np.float32)
    return Example(x, y[np.newaxis])


def data(parameters: Parameters, random: Callable) -> Data:
    """The same four training trials in every run; the test is every longer delay, each pair once, without chance."""
    trained, longest = _length(parameters, parameters.delay), _length(parameters, parameters.max_test_delay)
    training = trials(parameters, parameters.delay, trained)
    delays = range(parameters.delay, parameters.max_test_delay + 1)
    test = [trials(parameters, delay, longest) for delay in delays]
    sets = {
        "training": trials(parameters, parameters.delay, longest),
        "test": Example(*[np.concatenate(arrays, axis=1) for arrays in zip(*test)]),
    }
    return full_batch_data(training, sets)


def _length(parameters: Parameters, delay: int) -> int:
    return 2 * parameters.cue_steps + delay


def task(parameters: Parameters) -> Task:
    """Delayed match to sample with these parameters. Raises ValueError if no test delay is left."""
    if parameters.max_test_delay < parameters.delay:
        raise ValueError(f"max_test_delay is {parameters.max_test_delay}; expected at least {parameters.delay}")
    steps = _length(parameters, parameters.delay)
    return Task(
        label="Delayed match to sample",
        inputs=2,
        units=parameters.units,
        adaptive_units=parameters.adaptive_units,
        outputs=2,
        steps=steps,
        evaluation_steps=_length(parameters, parameters.max_test_delay),
        supervised_steps=(steps,),
        loss="cross_entropy",
        performance="accuracy",
        alpha=parameters.alpha,
        beta=leak(parameters.tau_b),
        l2=parameters.l2,
        batch_size=None,
        iterations={"default": parameters.iterations},
        until_stable=True,
        ensemble_size=10,
        data=functools.partial(data, parameters),
        initialisation=initialisation_of(parameters),
    )
