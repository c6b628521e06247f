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
    """(ghat . g) / (g . g) [R] of gradients given as lists of tensors [R, ...]; 0 where the exact one vanishes.

    In the precision of the tensors. The only definition: training, measures and figures take rho from here.
    """
    return tf.math.divide_no_nan(dot(approximate, exact), dot(exact, exact))


def together(exact, approximate):
    """One rho over W_x and W_h."""
    both = rho(exact, approximate)
    return both, both, None


def each(exact, approximate):
    """A rho for W_x and another for W_h."""
    W_x, W_h = (rho([g], [ghat]) for g, ghat in zip(exact, approximate))
    return W_x, W_h, None


def with_readout(exact, approximate):
    """The rho over W_x and W_h, for w and c as well."""
    both = rho(exact, approximate)
    return both, both, both


STEP_LENGTHS = {"together": together, "each": each, "with_readout": with_readout}


def rescale(exact, approximate, step_length):
    """The factors of W_x, W_h and the readout by one of STEP_LENGTHS, each [R] or None for 1."""
    return STEP_LENGTHS[step_length](exact, approximate)


RULE = Rule(backward, symmetric, rescale)
