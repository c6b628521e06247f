"""Real-time recurrent learning, Eq. 14 and 15: the exact gradient by forward sensitivities; a check of bptt.

Local in time, not in space: each unit would need to know how every weight acts on every unit, B N^3 numbers in all, so
it is for small networks. Also the model for an online rule: `_gradient` runs forward in time once, carries nothing but
the present sensitivities, and adds to the gradient as the signals arrive.
"""

import tensorflow.compat.v1 as tf

from rules import Rule, symmetric

MAX_UNITS = 50


def check(steps, units):
    """Refuses networks whose sensitivities would not fit into memory."""
    if units > MAX_UNITS:
        raise ValueError(f"rtrl holds N^3 numbers per example: at most {MAX_UNITS} units, not {units}")


def backward(recurrence, signals):
    """sum_{l,t} dL/df_{l,t} df_{l,t}/dW (Eq. 14); the second factor is carried forward in time (Eq. 15)."""
    rates = [recurrence.f(t) for t in range(1, recurrence.steps)]
    silent = tf.zeros_like(recurrence.f(1))
    return (
        _gradient(recurrence, signals, recurrence.inputs()),
        _gradient(recurrence, signals, [silent] + rates),
    )


def _gradient(recurrence, signals, presynaptic):
    """dL/dW [R, J, N] of the weights from `presynaptic`: x_t or f_t for t = 0 .. T - 1, each [R, B, J]."""
    cell, W_h = recurrence.cell, recurrence.W_h
    dtype, units = W_h.dtype, W_h.shape[1].value
    adaptive = tf.constant(cell.adaptive or [0] * units, dtype)
    weights = W_h[:, tf.newaxis, tf.newaxis]  # [R, 1, 1, N, N]
    dh = db = df = tf.zeros([1, 1, 1, 1, units], dtype)  # d(h, b, f)_l / dW_ji as [R, B, J, N (i), N (l)]
    total = 0
    for t, source in enumerate(presynaptic, 1):
        direct = source[:, :, :, tf.newaxis, tf.newaxis] * tf.eye(units, dtype=dtype)
        across = tf.matmul(df, weights)
        dh, db = cell.alpha * dh + (1 - cell.alpha) * (direct + across), cell.beta * db + (1 - cell.beta) * df
        df = recurrence.psi(t)[:, :, tf.newaxis, tf.newaxis] * (dh - adaptive * db)
        if t in signals:
            total += tf.reduce_sum(signals[t][:, :, tf.newaxis, tf.newaxis] * df, axis=[1, 4])
    return total


RULE = Rule(backward, symmetric, check=check)
