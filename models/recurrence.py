"""A finished forward pass and the pieces from which learning rules build their backward pass.

Time runs as in the paper: rates f_t and hidden states h_t for t = 1 .. T, input x_t for t = 0 .. T - 1, x_t acting on
h_{t+1}. Gradients that are structurally zero are ``None`` and are not in the graph.
"""

from typing import Callable, Dict, List, NamedTuple, Sequence, Tuple

import tensorflow.compat.v1 as tf

from models.algebra import (
    MaybeZero,
    drop_first_step,
    masked,
    merge_time,
    product,
    product_over_time,
    scaled,
    split_time,
    stack_time,
    total,
)
from models.cells import Cell, adaptive_mask, psi, unroll, without_diagonal


class Adjoint(NamedTuple):
    """delta = dL/dh_t and gamma = dL/db_t, each [R, B, N] or None for zero."""

    delta: MaybeZero = None
    gamma: MaybeZero = None


class Recurrence:
    """The forward pass of a recurrent layer: input x and weights -> rates f_1 .. f_T.

    cell: the cell's constants.
    x: [R or 1, T, B, N_in]; T static. W_x: [R, N_in, N]. W_h: [R, N, N], with zero diagonal unless the cell has
    self-connections.
    """

    def __init__(self, cell: Cell, x: tf.Tensor, W_x: tf.Tensor, W_h: tf.Tensor):
        self.cell, self.W_x, self.W_h = cell, W_x, W_h
        self.steps = x.shape[1].value
        self.x = merge_time(x)
        self.drives = split_time(product(self.x, W_x), self.steps)
        self._rates = unroll(cell, self.drives, W_h)
        self._psi = [psi(f) for f in self._rates]
        self.adaptive = None if cell.adaptive is None else adaptive_mask(cell, W_h.dtype)
        between_units, self._own_weights = W_h, None
        if cell.self_connections:
            between_units, self._own_weights = without_diagonal(W_h), tf.matrix_diag_part(W_h)[:, tf.newaxis]
        self._between_units_transposed = tf.transpose(between_units, [0, 2, 1])

    def f(self, *steps: int) -> tf.Tensor:
        """Rates at t = 1 .. T: [R, B, N], stacked to [R, K * B, N] for K steps."""
        return stack_time([self._rates[t - 1] for t in steps])

    def psi(self, *steps: int) -> tf.Tensor:
        """Derivative of the rates, in the same shape: 1 where h_t - a b_t > 0, else 0."""
        return self._psi[steps[0] - 1] if len(steps) == 1 else psi(self.f(*steps))

    def inputs(self) -> List[tf.Tensor]:
        """x_0 .. x_{T-1}, each [R or 1, B, N_in]."""
        return split_time(self.x, self.steps)

    def across(self, delta: MaybeZero) -> MaybeZero:
        """From dL/dh_{t+1} to f_t of other units, which is not local: (1 - alpha) delta W_h^T without its diagonal."""
        if delta is None:
            return None
        return scaled(1 - self.cell.alpha, product(delta, self._between_units_transposed))

    def step_back(self, steps: Sequence[int], arriving: MaybeZero, later: Adjoint) -> Adjoint:
        """One step back in time along a unit's own states h and b, its self-connection included.

        From `arriving`, the gradient that reaches f_t from the readout and from other units, and the adjoint of the
        unit's own states at t + 1, to the adjoint of its own states at t; for several t at once if all is stacked.
        """
        alpha, beta, adaptive = self.cell.alpha, self.cell.beta, self.cell.adaptive
        at_rate = total(arriving, scaled(1 - beta, later.gamma), self._to_itself(later.delta))
        at_state = None if at_rate is None else masked(self.psi(*steps), at_rate)
        delta = total(at_state, scaled(alpha, later.delta))
        if adaptive is None:
            return Adjoint(delta)
        at_threshold = masked(-self.adaptive, at_state)
        return Adjoint(delta, total(at_threshold, scaled(beta, later.gamma)))

    def _to_itself(self, delta: MaybeZero) -> MaybeZero:
        """From dL/dh_{i,t+1} to f_{i,t}: (1 - alpha) W_h[i, i] delta_i, which is local."""
        if self._own_weights is None:
            return None
        return scaled(1 - self.cell.alpha, masked(self._own_weights, delta))

    def sweep(
        self, signals: Dict[int, tf.Tensor], crossing: Callable[[int, Adjoint], MaybeZero]
    ) -> Dict[int, MaybeZero]:
        """delta_t for t = T .. 1.

        What arrives at f_t is the direct signal s_t (signals, at the supervised time steps) and what other units send
        back, `crossing(t, later)`, where `later` is the adjoint at t + 1.
        """
        deltas, later = {}, Adjoint()
        for t in range(self.steps, 0, -1):
            later = self.step_back([t], total(signals.get(t), crossing(t, later)), later)
            deltas[t] = later.delta
        return deltas

    def rounds(self, signals: Dict[int, tf.Tensor], count: int) -> Dict[int, tf.Tensor]:
        """delta_t where each signal goes back through at most `count` steps, its own included, along every path.

        Each round carries the gradients from all supervised time steps, stacked, one step further back in one product.
        """
        steps = sorted(signals)
        adjoint = self.step_back(steps, stack_time([signals[t] for t in steps]), Adjoint())
        parts = {}
        for remaining in range(count - 1, -1, -1):
            for t, part in zip(steps, split_time(adjoint.delta, len(steps))):
                parts.setdefault(t, []).append(part)
            if steps[0] == 1:  # nothing lies before h_1
                if len(steps) == 1:
                    break
                adjoint = Adjoint(*[None if a is None else drop_first_step(a, len(steps)) for a in adjoint])
                steps = steps[1:]
            if remaining:
                steps = [t - 1 for t in steps]
                adjoint = self.step_back(steps, self.across(adjoint.delta), adjoint)
        return {t: part[0] if len(part) == 1 else tf.add_n(part) for t, part in parts.items()}

    def weight_gradients(self, deltas: Dict[int, MaybeZero]) -> Tuple[tf.Tensor, tf.Tensor]:
        """(1 - alpha) sum_t x_{t-1}^T delta_t [R, N_in, N] and (1 - alpha) sum_t f_{t-1}^T delta_t [R, N, N].

        These are dL/dW_x and dL/dW_h, summed over the steps whose delta is not structurally zero.
        """
        alive = [t for t in range(1, self.steps + 1) if deltas.get(t) is not None]
        later = [t for t in alive if t > 1]  # f_0 = 0
        inputs, keep = self.inputs(), 1 - self.cell.alpha
        dW_x = product_over_time([inputs[t - 1] for t in alive], [deltas[t] for t in alive])
        if not later:
            return scaled(keep, dW_x), tf.zeros_like(self.W_h)
        dW_h = product_over_time([self.f(t - 1) for t in later], [deltas[t] for t in later])
        return scaled(keep, dW_x), scaled(keep, dW_h)
