"""What experiments.measure and experiments.inspect share: the tools of hessian/ on this project's networks."""

from typing import Callable, NamedTuple, Optional

import numpy as np
import tensorflow as tf

from hessian.flatness import relative_flatness_of_softmax, relative_flatness_of_squared_error
from hessian.spectrum import Eigenpairs, top_eigenpairs
from models.algebra import product, stack_time
from models.initialisation import Weights
from models.network import Batch, Network, without_diagonal
from models.recurrence import Recurrence

DENSE_UP_TO = 900  # weights; one block of as many products and LAPACK, which nothing can keep from converging


class Readout(NamedTuple):
    """What the readout receives and gives at the steps that carry loss: features [R, M, N], outputs [R, M, N_out]."""

    features: tf.Tensor
    outputs: tf.Tensor


def readout(network: Network, weights: Weights, batch: Batch) -> Readout:
    """The plain forward pass as far as the outputs (Eq. 10-12)."""
    recurrence = Recurrence(network.cell, batch.x, weights.W_x, without_diagonal(weights.W_h))
    features = stack_time([recurrence.f(t) for t in network.loss_steps])
    return Readout(features, product(features, weights.w) + weights.c)


def relative_flatness(loss: str, features: np.ndarray, readout_weights: np.ndarray, outputs: np.ndarray) -> float:
    """Of one network, by the closed form of its loss (a name in models.losses). Arrays without the replica axis."""
    if loss == "cross_entropy":
        return relative_flatness_of_softmax(features, readout_weights, outputs)
    return relative_flatness_of_squared_error(features, readout_weights)


def spectrum(operator, k: int, progress: Optional[Callable[[int], None]] = None) -> Eigenpairs:
    """The k leading eigenpairs: the whole matrix of a small network, ARPACK for others. Raises ValueError."""
    method = "dense" if operator.shape[0] <= DENSE_UP_TO else "arpack"
    return top_eigenpairs(operator, k, method, progress=progress)
