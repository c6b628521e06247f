"""The leading eigenvalue of an ensemble's Hessians by power iteration (PyHessian's Algorithm 2), within the graph."""

from typing import NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf

from hessian.product import gradient_of, hessian_vector_product

TOLERANCE = 1e-6  # on the change of the eigenvalue; published code
MAX_ITERATIONS = 500
MAX_RESIDUAL = 1e-2  # beyond it, a settled |Hv| is not an eigenvalue: two of equal magnitude, opposite sign
# Single precision cannot settle more finely than this share of the eigenvalue: 4 units in the last place.
RELATIVE_TOLERANCE = 4 * float(np.finfo(np.float32).eps)


class LeadingEigenvalue(NamedTuple):
    """One value per replica, each [R]; eigenvector [R, ...] of unit length.

    eigenvalue: |Hv|. rayleigh: v.Hv, which has the sign. residual: |Hv - rayleigh v| / |Hv|, 0 for a zero Hessian and
    NaN where |Hv| is not finite. settled: stopped by the tolerance, the paper's own criterion. converged: settled, with
    a residual of at most MAX_RESIDUAL (ours).
    """

    eigenvalue: tf.Tensor
    rayleigh: tf.Tensor
    residual: tf.Tensor
    iterations: tf.Tensor
    settled: tf.Tensor
    converged: tf.Tensor
    eigenvector: tf.Tensor


class Progress(NamedTuple):
    """State of a power iteration: estimates so far, the next direction [R, ...], which replicas are done [R]."""

    found: LeadingEigenvalue
    direction: tf.Tensor
    done: tf.Tensor


def leading_eigenvalue(
    loss: tf.Tensor, variable: tf.Tensor, start: tf.Tensor, max_iterations: int = MAX_ITERATIONS
) -> LeadingEigenvalue:
    """Power iteration on the Hessian of each replica's loss, all replicas in one tf.while_loop.

    loss: scalar or [R]; replica r's part depends on variable[r] alone. variable: [R, ...]. start: [R, ...], not zero.
    The gradient that the products differentiate is built outside the loop: the forward pass and the first backward pass
    run once per call. A replica that has stopped keeps its values while others continue; one whose product is not
    finite stops at once, not converged.

    It stops when |Hv| changes by less than max(TOLERANCE, RELATIVE_TOLERANCE |Hv|). TOLERANCE is absolute, as in the
    published code: where all eigenvalues are of its size or smaller, the iteration stops at its second product, and the
    residual, which is relative, tells whether that was an eigenvalue. Scale such a loss up.
    """
    return power_iteration(loss, variable, beginning(start), max_iterations).found


def beginning(start: tf.Tensor) -> Progress:
    """Before the first product; start: [R, ...], not zero."""
    replicas = tf.shape(start)[0]
    nothing, never = tf.zeros([replicas], start.dtype), tf.zeros([replicas], tf.bool)
    direction = _over(start, _norm(start))
    found = LeadingEigenvalue(
        eigenvalue=nothing + np.inf,
        rayleigh=nothing,
        residual=nothing,
        iterations=tf.zeros([replicas], tf.int32),
        settled=never,
        converged=never,
        eigenvector=direction,
    )
    return Progress(found, direction, never)


def power_iteration(
    loss: tf.Tensor, variable: tf.Tensor, progress: Progress, max_products: int, min_running: int = 0
) -> Progress:
    """At most `max_products` further products, until at most `min_running` replicas are not done, as
    `leading_eigenvalue` says.

    Called again with only the replicas that are not done, it spares the products of those that are.
    """
    gradient = gradient_of(loss, variable)

    def running(found, direction, done):
        return tf.math.count_nonzero(tf.logical_not(done), dtype=tf.int32) > min_running

    def iterate(found, direction, done):
        product = hessian_vector_product(gradient, variable, direction)
        new = _estimate(product, direction, found)
        settled = _settled(new.eigenvalue, found.eigenvalue)
        new = new._replace(settled=settled, converged=tf.logical_and(settled, new.residual <= MAX_RESIDUAL))
        kept = LeadingEigenvalue(*[tf.where(done, old, now) for old, now in zip(found, new)])
        length = tf.where(new.eigenvalue > 0, new.eigenvalue, tf.ones_like(new.eigenvalue))
        zero = tf.equal(new.eigenvalue, 0)
        onward = tf.where(zero, direction, _over(product, length))
        hopeless = tf.logical_not(tf.math.is_finite(new.eigenvalue))
        return kept, onward, done | settled | hopeless

    return Progress(
        *tf.while_loop(
            running, iterate, tuple(progress), maximum_iterations=max_products, back_prop=False, parallel_iterations=1
        )
    )


def _estimate(product, direction, before) -> LeadingEigenvalue:
    """The estimate of the leading eigenvalue from the product of the Hessian with a unit vector."""
    eigenvalue = _norm(product)
    rayleigh = tf.reduce_sum(product * direction, axis=_inner(direction))
    off = _norm(product - direction * _spread(rayleigh, direction))
    zero = tf.equal(eigenvalue, 0)
    relative = tf.where(zero, tf.zeros_like(off), off / tf.where(zero, tf.ones_like(off), eigenvalue))
    residual = tf.where(
        tf.math.is_finite(eigenvalue), relative, tf.fill(tf.shape(off), off.dtype.as_numpy_dtype(np.nan))
    )
    return before._replace(
        eigenvalue=eigenvalue,
        rayleigh=rayleigh,
        residual=residual,
        iterations=before.iterations + 1,
        eigenvector=direction,
    )


def _settled(now, before):
    return tf.abs(now - before) < tf.maximum(tf.constant(TOLERANCE, now.dtype), RELATIVE_TOLERANCE * now)


def _inner(tensor):
    """All axes but the replica's."""
    return list(range(1, tensor.shape.ndims))


def _norm(tensor):
    """Euclidean length of each replica's part [R]; scaled, for squares leave float32 at 1e-23 and at 1e19.

    The root is taken in double precision: TensorFlow's single-precision one rounds a replica's by its place among them.
    """
    largest = tf.reduce_max(tf.abs(tensor), axis=_inner(tensor))
    scale = tf.where(largest > 0, largest, tf.ones_like(largest))
    squares = tf.reduce_sum(tf.square(_over(tensor, scale)), axis=_inner(tensor))
    return scale * tf.cast(tf.sqrt(tf.cast(squares, tf.float64)), tensor.dtype)


def _spread(values, like):
    """[R] -> [R, 1, ...], to be broadcast over a replica's part."""
    return tf.reshape(values, [-1] + [1] * len(_inner(like)))


def _over(tensor, lengths):
    return tensor / _spread(lengths, tensor)
