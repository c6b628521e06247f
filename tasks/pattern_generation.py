"""Pattern generation: driven by one fixed random input, the network traces a sum of four sinusoids (paper, A.3)."""

import functools
from typing import Callable, NamedTuple, Tuple

import numpy as np

from tasks import Data, Example, Parameter, Task, full_batch_data, initialisation_of
from tasks import _parameters as shared


class Parameters(NamedTuple):
    """All that can be varied."""

    units: int = shared.UNITS._replace(default=30)
    steps: int = Parameter(50, "paper", "length of the pattern; A.3", maximum=1000)
    periods: Tuple[float, float, float, float] = Parameter(
        (10.0, 40.0, 70.0, 100.0), "paper", "of the sinusoids, in steps; A.3", minimum=1
    )
    min_amplitude: float = Parameter(0.5, "ours", "amplitudes are uniform from here to max_amplitude")
    max_amplitude: float = Parameter(2.0, "ours", "amplitudes are uniform from min_amplitude to here")
    target_seed: int = Parameter(
        0, "ours", "of amplitudes and phases, the same for all runs", minimum=0, maximum=2**32 - 1
    )
    supervised: str = Parameter("all", "paper", "time steps; last is Theorem 1's own case", choices=("all", "last"))
    input_sd: float = Parameter(1.0, "ours", "of the Gaussian input (paper, A.3), one sequence per run")
    test_noise: str = Parameter(
        "drawn", "paper", "sigma per run (A.3); fixed is fixed_test_noise_sd", choices=("drawn", "fixed")
    )
    max_test_noise_sd: float = Parameter(0.2, "paper", "a drawn sigma is uniform from 0 to here; A.3")
    fixed_test_noise_sd: float = Parameter(0.1, "ours", "sigma at which the gaps of runs are compared")
    test_draws: int = Parameter(100, "ours", "of the noise, over which the test error is averaged", maximum=10000)
    recurrent_gain: float = shared.RECURRENT_GAIN
    input_distribution: str = shared.INPUT_DISTRIBUTION
    input_scale: float = shared.INPUT_SCALE
    readout_distribution: str = shared.READOUT_DISTRIBUTION
    readout_scale: float = shared.READOUT_SCALE
    feedback_distribution: str = shared.FEEDBACK_DISTRIBUTION
    self_connections: bool = shared.SELF_CONNECTIONS
    alpha: float = shared.ALPHA
    l2: float = shared.L2
    iterations: int = shared.ITERATIONS._replace(default=20000)


def target(parameters: Parameters) -> np.ndarray:
    """The pattern [T]: sum over periods P of a sin(2 pi t / P + phase), phases uniform, t = 1 .. T."""
    random = np.random.RandomState(parameters.target_seed)
    amplitudes = random.uniform(parameters.min_amplitude, parameters.max_amplitude, len(parameters.periods))
    phases = random.uniform(0, 2 * np.pi, len(parameters.periods))
    time = np.arange(1, parameters.steps + 1)[:, np.newaxis]
    return np.sum(amplitudes * np.sin(2 * np.pi * time / np.array(parameters.periods) + phases), axis=1)


def data(parameters: Parameters, random: Callable) -> Data:
    """One input sequence per seed; the test adds noise to it, one sigma and one set of draws per seed."""
    times = np.array(_supervised_steps(parameters)) - 1
    y = target(parameters)[times].reshape(-1, 1, 1).astype(np.float32)
    x = random("input").normal(0, parameters.input_sd, (parameters.steps, 1, 1))
    noise = random("test_noise").normal(size=(parameters.steps, parameters.test_draws, 1))
    sigma = random("test_sigma").uniform(0, parameters.max_test_noise_sd)
    training = Example(x.astype(np.float32), y)
    repeated = np.repeat(y, parameters.test_draws, axis=1)

    def perturbed(sd):
        return Example((x + sd * noise).astype(np.float32), repeated)

    sets = {
        "training": training,
        "test": perturbed(parameters.fixed_test_noise_sd if parameters.test_noise == "fixed" else sigma),
        "fixed_noise": perturbed(parameters.fixed_test_noise_sd),
    }
    return full_batch_data(training, sets)


def _supervised_steps(parameters: Parameters) -> Tuple[int, ...]:
    first = 1 if parameters.supervised == "all" else parameters.steps
    return tuple(range(first, parameters.steps + 1))


def task(parameters: Parameters) -> Task:
    """Pattern generation with these parameters. Raises ValueError if no amplitude is left."""
    if parameters.min_amplitude > parameters.max_amplitude:
        raise ValueError(f"min_amplitude is {parameters.min_amplitude}; expected at most {parameters.max_amplitude}")
    return Task(
        inputs=1,
        units=parameters.units,
        adaptive_units=0,
        outputs=1,
        steps=parameters.steps,
        evaluation_steps=parameters.steps,
        supervised_steps=_supervised_steps(parameters),
        loss="squared_error",
        performance="mean_squared_error",
        alpha=parameters.alpha,
        beta=0.0,
        l2=parameters.l2,
        batch_size=None,
        iterations={"default": parameters.iterations},
        until_stable=True,
        ensemble_size=30,
        data=functools.partial(data, parameters),
        initialisation=initialisation_of(parameters),
        target_variance=float(np.var(target(parameters))),
    )
