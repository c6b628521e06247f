"""The product of a Hessian with a vector, by tf.gradients of tf.gradients."""

import tensorflow as tf


def gradient_of(loss: tf.Tensor, variable: tf.Tensor) -> tf.Tensor:
    """dL/dvariable, in the variable's shape. Raises ValueError if the loss does not depend on the variable."""
    gradient = tf.gradients(loss, variable)[0]
    if gradient is None:
        raise ValueError(f"the loss {loss.name} does not depend on {variable.name}")
    return gradient


def hessian_vector_product(gradient: tf.Tensor, variable: tf.Tensor, vector: tf.Tensor) -> tf.Tensor:
    """H v in the variable's shape: the gradient of sum(gradient * stop_gradient(vector)).

    gradient: `gradient_of` the loss. Built once outside a loop, it lets each product inside the loop run the
    second-order part alone. A loss that is linear in the variable has the product zero.
    """
    product = tf.gradients(gradient, variable, grad_ys=tf.stop_gradient(vector))[0]
    return tf.zeros_like(variable) if product is None else product
