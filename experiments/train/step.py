"""One training step of an ensemble, in the default graph."""

from typing import List, NamedTuple

import tensorflow.compat.v1 as tf

from experiments.plan.config import Config
from experiments.train.gradients import rule_gradient
from experiments.train.networks import Networks
from experiments.train.optimizers import OPTIMIZERS
from models.initialisation import Weights
from models.network import Batch


class Step(NamedTuple):
    """Fed are the examples and the learning rates [R]; the rest is fetched.

    loss: before the step, penalty included [R]. is_finite: whether both the loss and the new weights are finite [R].
    update: makes the step. state: all variables that steps change, the weights and the optimizer's slots.
    """

    examples: Batch
    learning_rates: tf.Tensor
    loss: tf.Tensor
    is_finite: tf.Tensor
    update: tf.Operation
    state: List[tf.Variable]


def make_step(config: Config, networks: Networks, examples: Batch) -> Step:
    """A replica is left unchanged if its learning rate is 0 or its loss or new weights would not be finite."""
    weights = networks.weights
    learning = rule_gradient(networks.network, weights, examples, config.rule, networks.feedback, config.step_length)
    trained = [place for place, name in enumerate(Weights._fields) if config.trained in ("all", name)]
    variables, moved, gradients = (
        [given[place] for place in trained] for given in (networks.variables, weights, learning.total)
    )
    optimizer = OPTIMIZERS[config.optimizer]
    slots = optimizer.slots(variables)
    old_slots = [slot.read_value() for slot in slots]
    learning_rates = tf.placeholder(tf.float32, [weights.W_h.shape[0].value])
    new_weights, new_slots = optimizer.step(moved, gradients, old_slots, learning_rates)
    sums = tf.add_n([tf.reduce_sum(weight, axis=[1, 2]) for weight in new_weights])
    is_finite = tf.math.is_finite(learning.losses.total + sums)
    moves = tf.logical_and(is_finite, learning_rates > 0)
    updates = zip(variables + slots, new_weights + new_slots, moved + old_slots)
    update = tf.group(*[variable.assign(tf.where(moves, new, kept)) for variable, new, kept in updates])
    return Step(examples, learning_rates, learning.losses.total, is_finite, update, networks.variables + slots)
