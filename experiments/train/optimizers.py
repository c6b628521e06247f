"""Plain SGD and Adam with one learning rate per replica, which tf.train's optimizers do not support.

An optimizer is two functions. `slots(variables)` makes the variables that it needs besides the weights. `step(weights,
gradients, slots, rate)` returns the new weights and the new slots as tensors, for the caller to assign. All are
[R, ...], the learning rates `rate` [R].
"""

from typing import Callable, List, NamedTuple, Tuple

import tensorflow.compat.v1 as tf

from models.algebra import square_root

ADAM_BETA1, ADAM_BETA2, ADAM_EPSILON = 0.9, 0.999, 1e-8  # Kingma and Ba (2015)
Tensors = List[tf.Tensor]


class Optimizer(NamedTuple):
    """slots(variables) -> variables; step(weights, gradients, slots, rate) -> (new weights, new slots)."""

    slots: Callable
    step: Callable


def sgd_step(weights: Tensors, gradients: Tensors, slots: Tensors, rate: tf.Tensor) -> Tuple[Tensors, Tensors]:
    """W - rate * gradient."""
    return [W - _spread(rate, W) * g for W, g in zip(weights, gradients)], []


def adam_slots(variables: List[tf.Variable]) -> List[tf.Variable]:
    """The number of steps of each replica [R, 1, 1], first and second moments."""
    count = _variable(tf.zeros([variables[0].shape[0].value, 1, 1], variables[0].dtype.base_dtype))
    moments = [_variable(tf.zeros(v.shape, v.dtype.base_dtype)) for _ in range(2) for v in variables]
    return [count] + moments


def adam_step(weights: Tensors, gradients: Tensors, slots: Tensors, rate: tf.Tensor) -> Tuple[Tensors, Tensors]:
    """Adam with bias correction."""
    count, first, second = slots[0] + 1, slots[1 : 1 + len(weights)], slots[1 + len(weights) :]
    first = [ADAM_BETA1 * m + (1 - ADAM_BETA1) * g for m, g in zip(first, gradients)]
    second = [ADAM_BETA2 * v + (1 - ADAM_BETA2) * tf.square(g) for v, g in zip(second, gradients)]
    taken = tf.cast(count, tf.float64)  # TensorFlow 2's single-precision power rounds by a replica's place among others
    correction = tf.sqrt(1 - ADAM_BETA2**taken) / (1 - ADAM_BETA1**taken)
    scale = rate[:, tf.newaxis, tf.newaxis] * tf.cast(correction, rate.dtype)
    new = [W - scale * m / (square_root(v) + ADAM_EPSILON) for W, m, v in zip(weights, first, second)]
    return new, [count] + first + second


def _spread(rate: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    return tf.reshape(rate, [-1] + [1] * (like.shape.ndims - 1))


def _variable(start: tf.Tensor) -> tf.Variable:
    return tf.Variable(start, trainable=False, use_resource=True)


OPTIMIZERS = {
    "sgd": Optimizer(lambda variables: [], sgd_step),
    "adam": Optimizer(adam_slots, adam_step),
}
