"""Initial weights: what the paper leaves open about them is a parameter of the task."""

from typing import NamedTuple

import numpy as np


class Weights(NamedTuple):
    """The trained parameters, with a leading replica axis in an ensemble.

    W_x [R, N_in, N] input weights, W_h [R, N, N] recurrent weights, W_h[j, i] from unit j to unit i, w [R, N, N_out]
    readout weights, c [R, 1, N_out] readout bias.
    """

    W_x: object
    W_h: object
    w: object
    c: object


class Initialisation(NamedTuple):
    """How the weights are drawn.

    recurrent_gain: W_h is Gaussian of sd recurrent_gain / sqrt(N). self_connections: whether it keeps its diagonal.
    input_distribution: W_x is "gaussian" of sd input_scale / sqrt(N_in), or "uniform" in +- input_scale.
    readout_distribution: w is "glorot", uniform in +- readout_scale sqrt(6 / (N + N_out)), or "uniform" in
    +- readout_scale / sqrt(N). feedback_distribution: rflo's fixed feedback is drawn "as_readout", or "gaussian" of sd
    1 / sqrt(N_out).
    """

    recurrent_gain: float = 1.0
    input_distribution: str = "gaussian"
    input_scale: float = 1.0
    readout_distribution: str = "glorot"
    readout_scale: float = 1.0
    feedback_distribution: str = "as_readout"
    self_connections: bool = False


DEFAULT = Initialisation()


def initial_weights(
    random: np.random.RandomState,
    inputs: int,
    units: int,
    outputs: int,
    initialisation: Initialisation = DEFAULT,
    dtype: str = "float32",
) -> Weights:
    """Weights of one network, without the replica axis; c is zero, [1, N_out]."""
    given = initialisation
    if given.input_distribution == "gaussian":
        W_x = random.normal(0, given.input_scale / np.sqrt(inputs), (inputs, units))
    else:
        W_x = random.uniform(-given.input_scale, given.input_scale, (inputs, units))
    W_h = random.normal(0, given.recurrent_gain / np.sqrt(units), (units, units))
    if not given.self_connections:
        W_h = W_h * (1 - np.eye(units))
    w = _readout(random, units, outputs, given)
    return Weights(*(array.astype(dtype) for array in (W_x, W_h, w, np.zeros((1, outputs)))))


def fixed_feedback(
    random: np.random.RandomState, units: int, outputs: int, initialisation: Initialisation = DEFAULT
) -> np.ndarray:
    """The random feedback weights of rflo [N, N_out], which are not trained."""
    if initialisation.feedback_distribution == "gaussian":
        return random.normal(0, 1 / np.sqrt(outputs), (units, outputs))
    return _readout(random, units, outputs, initialisation)


def _readout(random, units, outputs, given):
    square = 6 / (units + outputs) if given.readout_distribution == "glorot" else 1 / units
    bound = given.readout_scale * np.sqrt(square)
    return random.uniform(-bound, bound, (units, outputs))
