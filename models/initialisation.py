"""Initial weights, as in the published code."""

from typing import NamedTuple

import numpy as np


class Weights(NamedTuple):
    """The trained parameters, with a leading replica axis wherever a population is meant.

    W_x [R, N_in, N] input weights, W_h [R, N, N] recurrent weights, zero diagonal, W_h[j, i] from unit j to unit i,
    w [R, N, N_out] readout weights, c [R, 1, N_out] readout bias.
    """

    W_x: object
    W_h: object
    w: object
    c: object


def initial_weights(
    random: np.random.RandomState, inputs: int, units: int, outputs: int, dtype: str = "float32"
) -> Weights:
    """Weights of one network, without the replica axis; c is [1, N_out].

    W_x Gaussian of sd sqrt(2 / N_in), W_h of sd sqrt(2 / N) without diagonal, w Glorot uniform, c zero.
    """
    W_x = random.normal(0, np.sqrt(2 / inputs), (inputs, units))
    W_h = random.normal(0, np.sqrt(2 / units), (units, units)) * (1 - np.eye(units))
    w = glorot_uniform(random, units, outputs)
    return Weights(*(array.astype(dtype) for array in (W_x, W_h, w, np.zeros((1, outputs)))))


def glorot_uniform(random: np.random.RandomState, rows: int, columns: int) -> np.ndarray:
    """Uniform in +- sqrt(6 / (rows + columns)) [rows, columns]: w, and the fixed random feedback drawn as w is."""
    bound = np.sqrt(6 / (rows + columns))
    return random.uniform(-bound, bound, (rows, columns))
