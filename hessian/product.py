"""The product of a Hessian with a vector, by tf.gradients of tf.gradients."""

import tensorflow.compat.v1 as tf


def gradient_of(loss: tf.Tensor, variable: tf.Tensor) -> tf.Tensor:
    """dL/dvariable, in the variable's shape.

    Raises ValueError if the loss does not depend on the variable, or only through an operation without a gradient.
    """
    gradient = _gradient(loss, variable)
    if gradient is None:
        raise ValueError(f"the loss {loss.name} does not depend on {variable.name}")
    return tf.convert_to_tensor(gradient)  # of tf.gather it is a sparse IndexedSlices


def hessian_vector_product(gradient: tf.Tensor, variable: tf.Tensor, vector: tf.Tensor) -> tf.Tensor:
    """H v in the variable's shape: the gradient of sum(gradient * stop_gradient(vector)).

    gradient: `gradient_of` the loss. If it is built outside a loop, each product inside the loop runs only the
    second-order part. A loss that is linear in the variable has the product zero. Raises ValueError if an
    operation of the loss has no second gradient, as TensorFlow 1's sparse softmax cross-entropy and its while loops, so
    that recurrent networks are to be unrolled.
    """
    product = _gradient(gradient, variable, grad_ys=tf.stop_gradient(vector))
    return tf.zeros_like(variable) if product is None else tf.convert_to_tensor(product)


def _gradient(of, variable, **options):
    try:
        return tf.gradients(of, variable, **options)[0]
    except (LookupError, TypeError) as error:  # an operation without a gradient, or with a disabled one; a while loop
        raise ValueError(f"no gradient of {of.name} in {variable.name}: {' '.join(str(error).split())}")
