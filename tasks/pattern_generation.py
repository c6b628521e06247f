"""Pattern generation: driven by one fixed random input, the network traces a sum of four sinusoids (paper, A.3)."""

import functools
from typing import Callable, NamedTuple, Tuple

import numpy as np

from tasks import Data, Example, Task, full_batch_data, initialisation_of


class Parameters(NamedTuple):
    """All that can be varied."""

    units: int = 30  # paper, A.3
    steps: int = 50  # paper, A.3
    periods: Tuple[float, float, float, float] = (10.0, 40.0, 70.0, 100.0)  # in steps; paper, A.3
    min_amplitude: float = 0.5  # amplitudes are uniform between these two; ours
    max_amplitude: float = 2.0  # ours
    target_seed: int = 0  # of amplitudes and phases, the same for all runs; ours
    input_sd: float = 1.0  # paper: Gaussian; the scale and that it is one sequence a run are ours
    max_test_noise_sd: float = 0.2  # sigma is uniform between 0 and this, one a run; paper, A.3
    fixed_test_noise_sd: float = 0.1  # of the gap that is compared between runs of unlike sigma; ours
    test_draws: int = 100  # of the noise; ours
    recurrent_gain: float = 1.0  # of W_h; the library [190]; ours
    input_distribution: str = "gaussian"  # of W_x; the library [190]; ours
    input_scale: float = 1.0  # the library [190]; ours
    readout_distribution: str = "glorot"  # of w; published code
    readout_scale: float = 1.0  # published code
    feedback_distribution: str = "as_readout"  # of rflo's feedback; ours
    self_connections: bool = False  # whether the diagonal of W_h is free; published code
    alpha: float = 0.0  # paper, A.3
    l2: float = 0.0  # ours
    iterations: int = 20000  # at most; ours


def target(parameters: Parameters) -> np.ndarray:
    """The pattern [T]: sum over periods P of a sin(2 pi t / P + phase), phases uniform, t = 1 .. T."""
    random = np.random.RandomState(parameters.target_seed)
    amplitudes = random.uniform(parameters.min_amplitude, parameters.max_amplitude, len(parameters.periods))
    phases = random.uniform(0, 2 * np.pi, len(parameters.periods))
    time = np.arange(1, parameters.steps + 1)[:, np.newaxis]
    return np.sum(amplitudes * np.sin(2 * np.pi * time / np.array(parameters.periods) + phases), axis=1)


def data(parameters: Parameters, random: Callable) -> Data:
    """One input sequence a seed; the test adds noise to it, with a sigma a seed, in draws that stay the same."""
    shape = (parameters.steps, 1, 1)
    y = target(parameters).reshape(shape).astype(np.float32)
    x = random("input").normal(0, parameters.input_sd, shape)
    noise = random("test_noise").normal(size=(parameters.steps, parameters.test_draws, 1))
    sigma = random("test_sigma").uniform(0, parameters.max_test_noise_sd)
    training = Example(x.astype(np.float32), y)
    repeated = np.repeat(y, parameters.test_draws, axis=1)

    def perturbed(sd):
        return Example((x + sd * noise).astype(np.float32), repeated)

    sets = {
        "training": training,
        "test": perturbed(sigma),
        "fixed_noise": perturbed(parameters.fixed_test_noise_sd),
    }
    return full_batch_data(training, sets)


def task(parameters: Parameters) -> Task:
    """Pattern generation with these parameters."""
    return Task(
        label="Pattern generation",
        inputs=1,
        units=parameters.units,
        adaptive_units=0,
        outputs=1,
        steps=parameters.steps,
        evaluation_steps=parameters.steps,
        supervised_steps=tuple(range(1, parameters.steps + 1)),
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
    )
