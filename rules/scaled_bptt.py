"""BPTT with the three-factor rule's step length ("Three-factor, theory"), for Figure 4.

The update of W_x and W_h, penalty included, is rho times the exact gradient, where ghat = rho g + e with e orthogonal
to g (Eq. 6) splits the three-factor rule's gradient at the same weights and batch. Neither local nor meant to be: it
asks whether the step length along the gradient alone explains where the three-factor rule settles (Eq. 36).
"""

import tensorflow.compat.v1 as tf

from rules import Rule, symmetric
from rules.bptt import backward


def dot(one, other):
    """Sum of products over lists of tensors [R, ...] -> [R]."""
    return tf.add_n([tf.reduce_sum(a * b, axis=[1, 2]) for a, b in zip(one, other)])


def rho(exact, approximate):
    """(ghat . g) / (g . g) [R] of gradients given as lists of tensors [R, ...]; 0 where the exact one vanishes."""
    return tf.math.divide_no_nan(dot(approximate, exact), dot(exact, exact))


def rescale(exact, approximate):
    """rho g, over both matrices together."""
    factor = rho(exact, approximate)[:, tf.newaxis, tf.newaxis]
    return [factor * gradient for gradient in exact]


RULE = Rule(backward, symmetric, rescale)
