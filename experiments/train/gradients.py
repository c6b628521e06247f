"""The gradient that a learning rule uses, and how it compares with the exact one."""

from typing import List, NamedTuple, Optional

import tensorflow.compat.v1 as tf

from models.algebra import square_root
from models.cells import connections
from models.initialisation import Weights
from models.network import Batch, Losses, Network, learning_loss
from rules import RESCALED_BY, get_rule
from rules.scaled_bptt import dot, rho


class RuleGradient(NamedTuple):
    """losses: as models.network gives them. total: gradient of the total loss, Weights. data: [dL/dW_x, dL/dW_h] of the
    data term alone, under the rule."""

    losses: Losses
    total: Weights
    data: List[tf.Tensor]


def rule_gradient(
    network: Network, weights: Weights, batch: Batch, name: str, fixed: tf.Tensor, step_length: str = "together"
) -> RuleGradient:
    """The gradient by which the rule of that name learns.

    fixed: random feedback weights [R, N, N_out]. step_length: the setting, for a rule that rescales its gradient.
    The two forward passes that are then built are one when run: TensorFlow merges equal operations.
    """
    rule = get_rule(name)
    used = gradient_of(
        network, weights, learning_loss(network, weights, batch, rule.backward, rule.feedback(weights.w, fixed))
    )
    if rule.rescale is None:
        return used
    other = rule_gradient(network, weights, batch, RESCALED_BY, fixed)
    W_x, W_h, readout = rule.rescale(matrices(used.total), matrices(other.total), step_length)
    total = [_times(factor, gradient) for factor, gradient in zip((W_x, W_h, readout, readout), used.total)]
    data = zip(rule.rescale(used.data, other.data, step_length), used.data)
    return used._replace(total=Weights(*total), data=[_times(factor, gradient) for factor, gradient in data])


def _times(factor: Optional[tf.Tensor], gradient: tf.Tensor) -> tf.Tensor:
    """The gradient of each replica multiplied by its factor [R], None for 1."""
    return gradient if factor is None else factor[:, tf.newaxis, tf.newaxis] * gradient


def gradient_of(network: Network, weights: Weights, losses: Losses) -> RuleGradient:
    """The gradient of a loss as its graph has it: exact for `models.network.plain_loss`."""
    total = Weights(*tf.gradients(losses.total, list(weights)))
    penalised = [weights.W_x, connections(network.cell, weights.W_h)]
    data = [gradient - network.l2 * weight for gradient, weight in zip(matrices(total), penalised)]
    return RuleGradient(losses, total, data)


def matrices(gradient: Weights) -> List[tf.Tensor]:
    """[dL/dW_x, dL/dW_h]: what learning rules differ in."""
    return [gradient.W_x, gradient.W_h]


class GradientComparison(NamedTuple):
    """How a gradient ghat compares with the exact g; each [R].

    rho = (ghat . g) / (g . g) (Eq. 6) over W_x and W_h together, over each, and of the data term over both; cosine
    between the two over both.
    """

    rho: tf.Tensor
    rho_W_h: tf.Tensor
    rho_W_x: tf.Tensor
    rho_data: tf.Tensor
    cosine: tf.Tensor


def compare(exact: RuleGradient, used: RuleGradient) -> GradientComparison:
    """How the gradient that a rule uses compares with the exact one; 0 where a gradient vanishes."""
    g, ghat = matrices(exact.total), matrices(used.total)
    lengths = square_root(dot(g, g) * dot(ghat, ghat))
    return GradientComparison(
        rho=rho(g, ghat),
        rho_W_h=rho([exact.total.W_h], [used.total.W_h]),
        rho_W_x=rho([exact.total.W_x], [used.total.W_x]),
        rho_data=rho(exact.data, used.data),
        cosine=tf.math.divide_no_nan(dot(g, ghat), lengths),
    )
