"""The losses of Eq. 13, per replica, and the measures of performance that go with them.

Shapes: outputs [R, K * B, N_out] and targets [R or 1, K * B, N_out], K supervised time steps, time before batch.
"""

import tensorflow.compat.v1 as tf


def squared_error(outputs: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Sum of squares over outputs and steps / (2 K B) -> [R]. Eq. 13, regression."""
    return 0.5 * mean_squared_error(outputs, targets)


def cross_entropy(outputs: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Cross-entropy of one-hot targets, mean over batch and supervised time steps -> [R]. Eq. 13, classification."""
    return -tf.reduce_mean(tf.reduce_sum(targets * _log_softmax(outputs), axis=2), axis=1)


def _log_softmax(outputs):
    """In an ensemble computed in double precision; models.algebra.square_root says why, also of exp and log."""
    if outputs.shape[0].value == 1:
        return tf.nn.log_softmax(outputs)
    return tf.cast(tf.nn.log_softmax(tf.cast(outputs, tf.float64)), outputs.dtype)


def binary_cross_entropy(outputs: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Cross-entropy of logistic outputs with targets 0 or 1, mean over batch and supervised time steps -> [R].

    Computed in double precision; models.algebra.square_root says why, also of exp and log.
    """
    logits, labels = tf.cast(outputs, tf.float64), tf.cast(targets, tf.float64)
    labels += tf.zeros_like(logits)  # the targets may be common to the replicas
    entropy = tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)
    return tf.cast(tf.reduce_mean(tf.reduce_sum(entropy, axis=2), axis=1), outputs.dtype)


def mean_squared_error(outputs: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Squared error summed over outputs, mean over steps and batch -> [R]."""
    return tf.reduce_mean(tf.reduce_sum(tf.square(outputs - targets), axis=2), axis=1)


def accuracy(outputs: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Share of rows classified right -> [R]: by the largest output, or by the sign of a single logistic one."""
    if outputs.shape[2].value == 1:
        hit = tf.equal(outputs[:, :, 0] > 0, targets[:, :, 0] > 0.5)
    else:
        hit = tf.equal(tf.argmax(outputs, axis=2), tf.argmax(targets, axis=2))
    return tf.reduce_mean(tf.cast(hit, outputs.dtype), axis=1)


def l2_penalty(*weights: tf.Tensor) -> tf.Tensor:
    """Half the sum of squares of each replica's weights -> [R]."""
    return 0.5 * tf.add_n([tf.reduce_sum(tf.square(weight), axis=[1, 2]) for weight in weights])
