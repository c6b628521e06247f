"""The rates of a recurrence, whose exact gradient is differentiable again at the cost of the products it needs.

Differentiated step by step, as tf.gradients does it, each of the T products with W_h leaves a gradient [R, N, N] of its
own, T of them to be added up, once for the forward and once for the backward pass: with few examples that is most of a
Hessian-vector product. Here each of the two passes is one operation whose gradient takes all steps in one product.
"""

from typing import List, Sequence

import tensorflow.compat.v1 as tf

from models.algebra import masked, product, product_over_time, scaled, total
from models.recurrence import Recurrence


def twice_differentiable_rates(recurrence: Recurrence) -> List[tf.Tensor]:
    """f_1 .. f_T, each [R, B, N], with exact gradients in W_h and in the drives x_t W_x.

    Where it is known which units are active, the recurrence is linear: f = A(W_h) drives, and its backward pass is A's
    transpose, delta = A(W_h)^T signals. So the gradient in W_h is the same product for both, of what runs forward and
    what runs back: that of <signals, A drives> = <A^T signals, drives>.
    """

    @tf.custom_gradient
    def forward(W_h, *drives):
        def gradient(*signals):
            # of the operation's own outputs, not of what it is made of, so as to be differentiated in turn
            deltas = backward(W_h, *signals)
            return [_weight_gradient(recurrence, rates, deltas)] + [scaled(keep, delta) for delta in deltas]

        return [recurrence.f(t) for t in steps], gradient

    @tf.custom_gradient
    def backward(W_h, *signals):
        found = recurrence.sweep(dict(zip(steps, signals)), lambda t, later: recurrence.across(later.delta))
        deltas = [found[t] for t in steps]

        def gradient(*arriving):
            tangents = _tangents(recurrence, arriving)
            return [_weight_gradient(recurrence, tangents, deltas)] + tangents

        return deltas, gradient

    steps, keep = range(1, recurrence.steps + 1), 1 - recurrence.cell.alpha
    rates = forward(recurrence.W_h, *recurrence.drives)
    return rates


def _weight_gradient(recurrence, rates, deltas) -> tf.Tensor:
    """(1 - alpha) sum_t f_t^T delta_{t+1}."""
    if recurrence.steps == 1:
        return tf.zeros_like(recurrence.W_h)
    return scaled(1 - recurrence.cell.alpha, product_over_time(list(rates[:-1]), list(deltas[1:])))


def _tangents(recurrence: Recurrence, arriving: Sequence[tf.Tensor]) -> List[tf.Tensor]:
    """How f_t changes with h_1 .. h_T: `arriving` is what is added to each, to first order."""
    cell, h, b, f, found = recurrence.cell, None, None, None, []
    for t, change in enumerate(arriving, 1):
        recurrent = None if f is None else product(f, recurrence.W_h)
        h, b = (
            total(scaled(cell.alpha, h), scaled(1 - cell.alpha, recurrent), change),
            total(scaled(cell.beta, b), scaled(1 - cell.beta, f)),
        )
        threshold = None if cell.adaptive is None else masked(recurrence.adaptive, b)
        f = recurrence.psi(t) * (h if threshold is None else h - threshold)
        found.append(f)
    return found
