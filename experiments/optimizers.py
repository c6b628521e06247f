"""Plain SGD and Adam with a learning rate a replica, which tf.train's optimizers do not take."""

from typing import List, Tuple

import tensorflow as tf

ADAM_BETA1, ADAM_BETA2, ADAM_EPSILON = 0.9, 0.999, 1e-8  # Kingma and Ba (2015)


def sgd(
    variables: List[tf.Variable], gradients: List[tf.Tensor], rate: tf.Tensor
) -> Tuple[List[tf.Variable], tf.Operation]:
    """variable -= rate * gradient. rate: [R, 1, 1]. Returns (no slots, update)."""
    return [], tf.group(*[v.assign_sub(rate * g) for v, g in zip(variables, gradients)])


def adam(
    variables: List[tf.Variable], gradients: List[tf.Tensor], rate: tf.Tensor
) -> Tuple[List[tf.Variable], tf.Operation]:
    """Adam with bias correction. Returns (slots to be saved with the weights, update)."""
    count = tf.Variable(0.0, dtype=rate.dtype.base_dtype, trainable=False, use_resource=True)
    first = [_zeros_like(v) for v in variables]
    second = [_zeros_like(v) for v in variables]
    step = count.assign_add(1.0)
    correction = tf.sqrt(1 - ADAM_BETA2**step) / (1 - ADAM_BETA1**step)
    updates = []
    for variable, gradient, m, v in zip(variables, gradients, first, second):
        new_m = m.assign(ADAM_BETA1 * m + (1 - ADAM_BETA1) * gradient)
        new_v = v.assign(ADAM_BETA2 * v + (1 - ADAM_BETA2) * tf.square(gradient))
        updates.append(variable.assign_sub(rate * correction * new_m / (tf.sqrt(new_v) + ADAM_EPSILON)))
    return [count] + first + second, tf.group(*updates)


def _zeros_like(variable: tf.Variable) -> tf.Variable:
    return tf.Variable(tf.zeros(variable.shape, variable.dtype.base_dtype), trainable=False, use_resource=True)


OPTIMIZERS = {"sgd": sgd, "adam": adam}
