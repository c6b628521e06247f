"""The network as a whole: weights and a batch -> outputs -> loss, once for learning and once for the Hessian.

`learning_loss` and `plain_loss` share the forward pass, so their activations are bit-identical. The first has a
learning rule's backward pass in place of the exact one, the second is a plain graph, differentiable twice.
"""

from typing import Callable, NamedTuple, Sequence, Tuple

import tensorflow.compat.v1 as tf

from models.algebra import merge_time, product, stack_time
from models.cells import Cell, connections
from models.initialisation import Weights
from models.losses import l2_penalty
from models.recurrence import Recurrence
from models.twice_differentiable import twice_differentiable_rates


class Network(NamedTuple):
    """What is fixed about a network and its loss.

    cell: its cell. loss: outputs, targets -> [R] (models.losses). supervised_steps: the supervised times t in 1 .. T.
    l2: factor of the L2 penalty on W_x, W_h and w.
    """

    cell: Cell
    loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    supervised_steps: Tuple[int, ...]
    l2: float = 0.0


class Batch(NamedTuple):
    """x [R or 1, T, B, N_in]; y [R or 1, K, B, N_out], one-hot or real, at the K supervised time steps."""

    x: tf.Tensor
    y: tf.Tensor


class Losses(NamedTuple):
    """outputs [R, K * B, N_out]; data [R], the loss without, and total [R], the loss with the L2 penalty."""

    outputs: tf.Tensor
    data: tf.Tensor
    total: tf.Tensor


def plain_loss(network: Network, weights: Weights, batch: Batch) -> Losses:
    """The loss as a plain graph: exact gradients of any order."""
    W_h = connections(network.cell, weights.W_h)
    found = twice_differentiable_rates(Recurrence(network.cell, batch.x, weights.W_x, W_h))
    rates = stack_time([found[t - 1] for t in network.supervised_steps])
    return _losses(network, weights, W_h, product(rates, weights.w) + weights.c, batch)


def learning_loss(
    network: Network,
    weights: Weights,
    batch: Batch,
    backward: Callable[[Recurrence, dict], Tuple[tf.Tensor, tf.Tensor]],
    feedback: tf.Tensor,
) -> Losses:
    """The same loss with a learning rule's gradient for W_x and W_h; the readout's gradient is exact.

    backward: from a finished recurrence and the signals {t: s_t [R, B, N]} to (dL/dW_x, dL/dW_h).
    feedback: [R, N, N_out], the weights through which the readout's error reaches the units; w itself if symmetric.
    """
    W_h = connections(network.cell, weights.W_h)
    rates = recurrent_op(network.cell, batch.x, weights.W_x, W_h, network.supervised_steps, backward)
    outputs = readout_op(stack_time(rates), weights.w, weights.c, feedback)
    return _losses(network, weights, W_h, outputs, batch)


def recurrent_op(
    cell: Cell,
    x: tf.Tensor,
    W_x: tf.Tensor,
    W_h: tf.Tensor,
    supervised_steps: Sequence[int],
    backward: Callable[[Recurrence, dict], Tuple[tf.Tensor, tf.Tensor]],
) -> Sequence[tf.Tensor]:
    """Rates [R, B, N] at the supervised time steps, with `backward` for a gradient."""

    @tf.custom_gradient
    def rates(W_x, W_h):
        recurrence = Recurrence(cell, x, W_x, W_h)

        def gradient(*signals):
            return backward(recurrence, dict(zip(supervised_steps, signals)))

        return [recurrence.f(t) for t in supervised_steps], gradient

    return rates(W_x, W_h)


def readout_op(f: tf.Tensor, w: tf.Tensor, c: tf.Tensor, feedback: tf.Tensor) -> tf.Tensor:
    """yhat = f w + c (Eq. 12), whose error goes back to the units through `feedback` instead of w."""

    @tf.custom_gradient
    def outputs(f, w, c):
        def gradient(error):
            return (
                product(error, feedback, transpose_b=True),
                product(f, error, transpose_a=True),
                tf.reduce_sum(error, axis=1, keepdims=True),
            )

        return product(f, w) + c, gradient

    return outputs(f, w, c)


def _losses(network, weights, W_h, outputs, batch) -> Losses:
    data = network.loss(outputs, merge_time(batch.y))
    penalty = network.l2 * l2_penalty(weights.W_x, W_h, weights.w)
    return Losses(outputs, data, data + penalty)
