"""Delayed match to sample: two binary cues, a delay apart; do they match? (paper, A.3)

A cue is shown on one of two input units, the first for a cue of 1, the second for a cue of 0. Half of the units adapt,
on the time scale of the task.
"""

import functools
import itertools
from typing import Callable, NamedTuple, Sequence

import numpy as np

from tasks import Data, Example, Parameter, Task, full_batch_data, initialisation_of, leak
from tasks import _parameters as shared


class Output(NamedTuple):
    """How many output units there are, and their loss (models.losses)."""

    size: int
    loss: str


OUTPUTS = {"softmax": Output(2, "cross_entropy"), "sigmoid": Output(1, "binary_cross_entropy")}


class Parameters(NamedTuple):
    """All that can be varied; times in steps."""

    units: int = shared.UNITS
    adaptive_units: int = Parameter(50, "paper", "of these; A.3", minimum=0)
    tau_b: float = Parameter(
        20.0, "ours", "time constant of the threshold: the length of a trial", minimum=0.01, maximum=1e6
    )
    cue_steps: int = Parameter(2, "paper", "length of a cue; A.3", maximum=1000)
    delay: int = Parameter(16, "paper", "between the cues of training trials; A.3", minimum=0, maximum=1000)
    max_test_delay: int = Parameter(32, "paper", "the longest of the test; A.3", minimum=0, maximum=1000)
    test: str = Parameter(
        "all_delays",
        "ours",
        "from delay to max_test_delay, averaged; or one of them, drawn per run; or all but the trained one",
        choices=("all_delays", "one_delay", "longer_delays"),
    )
    output: str = Parameter("softmax", "ours", "over two outputs; or one logistic output", choices=tuple(OUTPUTS))
    cue_size: float = Parameter(1.0, "ours", "of the input while a cue is shown")
    recurrent_gain: float = shared.RECURRENT_GAIN
    input_distribution: str = shared.INPUT_DISTRIBUTION
    input_scale: float = shared.INPUT_SCALE
    readout_distribution: str = shared.READOUT_DISTRIBUTION
    readout_scale: float = shared.READOUT_SCALE
    feedback_distribution: str = shared.FEEDBACK_DISTRIBUTION
    self_connections: bool = shared.SELF_CONNECTIONS
    alpha: float = shared.ALPHA
    l2: float = shared.L2
    iterations: int = shared.ITERATIONS


def trials(parameters: Parameters, delay: int, steps: int) -> Example:
    """The four cue pairs with that delay, ending at step `steps`: x [steps, 4, 2], y [1, 4, N_out].

    y is one-hot (match, no match), or for one logistic output 1 for a match.

    The steps before the trial are silent, and a network at rest stays at rest, so they change nothing.
    """
    pairs = list(itertools.product((0, 1), repeat=2))
    x = np.zeros((steps, len(pairs), 2), np.float32)
    second = steps - parameters.cue_steps
    first = second - delay - parameters.cue_steps
    for trial, pair in enumerate(pairs):
        for start, cue in zip((first, second), pair):
            x[start : start + parameters.cue_steps, trial, 1 - cue] = parameters.cue_size
    y = np.array([[1, 0] if one == other else [0, 1] for one, other in pairs], np.float32)
    return Example(x, y[np.newaxis, :, : OUTPUTS[parameters.output].size])


def data(parameters: Parameters, random: Callable) -> Data:
    """The same four training trials in every run; the test has each pair once at each of its delays."""
    trained, longest = _length(parameters, parameters.delay), _length(parameters, parameters.max_test_delay)
    training = trials(parameters, parameters.delay, trained)
    test = [trials(parameters, delay, longest) for delay in _test_delays(parameters, random)]
    sets = {
        "training": trials(parameters, parameters.delay, longest),
        "test": Example(*[np.concatenate(arrays, axis=1) for arrays in zip(*test)]),
    }
    return full_batch_data(training, sets)


def _test_delays(parameters: Parameters, random: Callable) -> Sequence[int]:
    delays = range(parameters.delay, parameters.max_test_delay + 1)
    if parameters.test == "one_delay":
        return [random("test_delay").choice(delays)]
    return delays[1:] if parameters.test == "longer_delays" else delays


def _length(parameters: Parameters, delay: int) -> int:
    return 2 * parameters.cue_steps + delay


def task(parameters: Parameters) -> Task:
    """Delayed match to sample with these parameters. Raises ValueError if no test delay or too few units are left."""
    min_test_delay = parameters.delay + (parameters.test == "longer_delays")
    if parameters.max_test_delay < min_test_delay:
        raise ValueError(f"max_test_delay is {parameters.max_test_delay}; expected at least {min_test_delay}")
    if parameters.adaptive_units > parameters.units:
        raise ValueError(f"adaptive_units is {parameters.adaptive_units}; expected at most {parameters.units} (units)")
    output = OUTPUTS[parameters.output]
    steps = _length(parameters, parameters.delay)
    return Task(
        inputs=2,
        units=parameters.units,
        adaptive_units=parameters.adaptive_units,
        outputs=output.size,
        steps=steps,
        evaluation_steps=_length(parameters, parameters.max_test_delay),
        supervised_steps=(steps,),
        loss=output.loss,
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
