"""Products over an ensemble, stacking in time, and structural zeros.

Shapes: R replicas, B batch, T time steps, N units. A *stacked* tensor is [R, T * B, N], time before batch, so that one
matrix product serves all steps. A structural zero is ``None`` and never enters the graph, so that what a rule does not
need costs nothing.
"""

from typing import List, Optional

import tensorflow.compat.v1 as tf

MaybeZero = Optional[tf.Tensor]


def product(a: tf.Tensor, b: tf.Tensor, transpose_a: bool = False, transpose_b: bool = False) -> tf.Tensor:
    """Matrix product replica by replica: [R or 1, m, k] x [R or 1, k, n] -> [R, m, n].

    A single replica goes through the two-dimensional kernel, which is the faster one in TensorFlow 1.14.
    """
    if a.shape[0].value == 1 and b.shape[0].value == 1:
        flat = tf.matmul(tf.squeeze(a, 0), tf.squeeze(b, 0), transpose_a=transpose_a, transpose_b=transpose_b)
        return tf.expand_dims(flat, 0)
    return tf.matmul(a, b, transpose_a=transpose_a, transpose_b=transpose_b)


def product_over_time(a: List[tf.Tensor], b: List[tf.Tensor]) -> tf.Tensor:
    """sum_t a_t^T b_t [R, m, n], of tensors [R, B, m] and [R, B, n].

    One product of all that is stacked. A single replica's matrices are large: there the copying that stacks them costs
    more than a product per step.
    """
    if a[0].shape[0].value == 1 and b[0].shape[0].value == 1:
        return tf.add_n([product(one, other, transpose_a=True) for one, other in zip(a, b)])
    return product(stack_time(a), stack_time(b), transpose_a=True)


def total(*terms: MaybeZero) -> MaybeZero:
    """Sum of the terms that are not structurally zero; ``None`` if all are."""
    present = [term for term in terms if term is not None]
    if not present:
        return None
    result = present[0]
    for term in present[1:]:
        result = result + term
    return result


def scaled(factor: float, term: MaybeZero) -> MaybeZero:
    """``factor * term`` without products by zero or one."""
    if term is None or factor == 0:
        return None
    return term if factor == 1 else factor * term


def masked(mask: tf.Tensor, term: MaybeZero) -> MaybeZero:
    """``mask * term``, or ``None`` if the term is structurally zero."""
    return None if term is None else mask * term


def stack_time(steps: List[tf.Tensor]) -> tf.Tensor:
    """List of K tensors [R, B, N] -> stacked [R, K * B, N]."""
    return steps[0] if len(steps) == 1 else tf.concat(steps, axis=1)


def split_time(stacked: tf.Tensor, steps: int) -> List[tf.Tensor]:
    """Stacked [R, K * B, N] -> list of K tensors [R, B, N]. Along the first axis TensorFlow splits without copying."""
    if steps == 1:
        return [stacked]
    if stacked.shape[0].value == 1:
        return [tf.expand_dims(part, 0) for part in tf.split(tf.squeeze(stacked, 0), steps, axis=0)]
    return tf.split(stacked, steps, axis=1)


def merge_time(steps: tf.Tensor) -> tf.Tensor:
    """[R, T, B, N] -> stacked [R, T * B, N]; R and B may be unknown when the graph is built."""
    replicas, units = steps.shape[0].value, steps.shape[3].value
    if replicas is not None:  # TensorFlow infers the rest, and leaves out what it would compute for unknown shapes
        return tf.reshape(steps, [replicas, -1, units])
    merged = tf.reshape(steps, tf.stack([tf.shape(steps)[0], -1, units]))
    merged.set_shape([None, None, units])
    return merged


def drop_first_step(stacked: tf.Tensor, steps: int) -> tf.Tensor:
    """Stacked [R, K * B, N] -> [R, (K - 1) * B, N]; without copying for a single replica."""
    batch = tf.shape(stacked)[1] // steps
    if stacked.shape[0].value == 1:
        return tf.expand_dims(tf.squeeze(stacked, 0)[batch:], 0)
    return stacked[:, batch:]


def square_root(values: tf.Tensor) -> tf.Tensor:
    """Elementwise, in double precision.

    TensorFlow 1.14's single-precision root rounds differently inside a vector register and for the elements left over
    at the end, so that a replica's bits would depend on how many replicas share its ensemble.
    """
    return tf.cast(tf.sqrt(tf.cast(values, tf.float64)), values.dtype)
