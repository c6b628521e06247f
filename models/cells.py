"""The two rate cells: Eq. 10 (plain) and Eq. 11 (adaptive threshold)."""

from typing import NamedTuple, Optional, Sequence, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from models.algebra import MaybeZero, masked, product, scaled, total


class Cell(NamedTuple):
    """The constants of a cell.

    alpha: leak exp(-dt / tau_m) of the hidden state h.
    beta: leak exp(-dt / tau_b) of the threshold b; unused where no unit adapts.
    adaptive: a [N], 1 for units with an adaptive threshold, 0 for the others; None for the plain cell (Eq. 10).
    self_connections: whether a unit's rate acts on its own hidden state, by the diagonal of W_h, which is zero if not.
    """

    alpha: float = 0.0
    beta: float = 0.0
    adaptive: Optional[Tuple[int, ...]] = None
    self_connections: bool = False


def make_cell(
    units: int, adaptive_units: int = 0, alpha: float = 0.0, beta: float = 0.0, self_connections: bool = False
) -> Cell:
    """The cell of `units` units of which the last `adaptive_units` adapt.

    Raises ValueError if a leak is outside [0, 1) or there are more adaptive units than units.
    """
    if units < 1 or not 0 <= adaptive_units <= units:
        raise ValueError(f"adaptive units: {adaptive_units} of {units}; expected 0 to {units}")
    for name, leak in (("alpha", alpha), ("beta", beta)):
        if not 0 <= leak < 1:
            raise ValueError(f"{name} is {leak}; expected 0 <= {name} < 1")
    if adaptive_units == 0:
        return Cell(alpha, self_connections=self_connections)
    return Cell(alpha, beta, (0,) * (units - adaptive_units) + (1,) * adaptive_units, self_connections)


class State(NamedTuple):
    """h_t, b_t and f_t, each [R, B, N]; None stands for zero, as at t = 0."""

    h: MaybeZero = None
    b: MaybeZero = None
    f: MaybeZero = None


def connections(cell: Cell, W_h: tf.Tensor) -> tf.Tensor:
    """W_h [R, N, N] as the cell uses it: without self-connections its diagonal, and that of its gradient, is zero."""
    return W_h if cell.self_connections else without_diagonal(W_h)


def without_diagonal(W_h: tf.Tensor) -> tf.Tensor:
    """W_h [R, N, N] with its diagonal masked to zero."""
    return W_h * (1 - tf.eye(W_h.shape[1].value, dtype=W_h.dtype))


def step(cell: Cell, state: State, drive: tf.Tensor, W_h: tf.Tensor) -> State:
    """One step of Eq. 10 or 11.

    drive: x_t W_x [R, B, N]. W_h: [R, N, N], from row to column. Returns the state at t + 1.
    """
    recurrent = None if state.f is None else product(state.f, W_h)
    h = total(scaled(cell.alpha, state.h), scaled(1 - cell.alpha, total(recurrent, drive)))
    if cell.adaptive is None:
        return State(h, None, relu(h))
    b = total(scaled(cell.beta, state.b), scaled(1 - cell.beta, state.f))
    threshold = masked(adaptive_mask(cell, h.dtype), b)
    return State(h, b, relu(h if threshold is None else h - threshold))


def adaptive_mask(cell: Cell, dtype: tf.DType) -> tf.Tensor:
    """a as a constant [N]."""
    return tf.constant(np.array(cell.adaptive, dtype.as_numpy_dtype))


@tf.custom_gradient
def relu(u: tf.Tensor):
    """max(u, 0), differentiable any number of times, with derivative psi.

    TensorFlow 1.14's own ReluGrad is not vectorised and takes as long as a recurrent product.
    """
    f = tf.nn.relu(u)
    slope = psi(f)
    return f, lambda df: df * slope


def psi(f: tf.Tensor) -> tf.Tensor:
    """1 where the rate is positive, else 0, which is f'(h - a b); constant under differentiation.

    ceil(min(f, 1)) is exact and, unlike a comparison, vectorised in TensorFlow 1.14.
    """
    return tf.stop_gradient(tf.math.ceil(tf.minimum(f, 1)))


def unroll(cell: Cell, drives: Sequence[tf.Tensor], W_h: tf.Tensor) -> Tuple[tf.Tensor, ...]:
    """The rates f_1 .. f_T, each [R, B, N], from the drives x_0 W_x .. x_{T-1} W_x and h_0 = b_0 = 0."""
    state, rates = State(), []
    for drive in drives:
        state = step(cell, state, drive, W_h)
        rates.append(state.f)
    return tuple(rates)
