"""Graphs of the project's own on the problems of test/explicit.py, run in a one-threaded session."""

import numpy as np
import tensorflow.compat.v1 as tf
from explicit import Problem

from experiments.train import gradients
from hessian.power_iteration import leading_eigenvalue
from hessian.product import gradient_of, hessian_vector_product
from models import losses
from models.cells import make_cell
from models.initialisation import Weights
from models.network import Batch, Network, learning_loss, plain_loss
from rules import get_rule


def run(build):
    """What `build()` returns, evaluated in a graph and session of its own."""
    options = tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    with tf.Graph().as_default(), tf.Session(config=options) as session:
        return session.run(build())


def parts(problems):
    """(network, weights, batch, feedback) of problems that differ in nothing but their arrays, as one ensemble."""
    first = problems[0]
    cell = make_cell(len(first.W_h), int(first.a.sum()), first.alpha, first.beta, first.self_connections)
    network = Network(cell, getattr(losses, first.loss), first.supervised_steps, first.l2)

    def stacked(name):
        return tf.constant(np.stack([getattr(p, name) for p in problems]))

    weights = Weights(*[stacked(name) for name in Weights._fields])
    return network, weights, Batch(stacked("x"), stacked("y")), stacked("feedback")


def plain(problems):
    """(losses, weights) of the plain graph."""
    network, weights, batch, _ = parts(problems)
    return plain_loss(network, weights, batch), weights


def learning(problems, rule):
    """(losses, weights) of the graph with a rule's gradient."""
    network, weights, batch, feedback = parts(problems)
    found = get_rule(rule)
    return learning_loss(network, weights, batch, found.backward, found.feedback(weights.w, feedback)), weights


def rule_gradient(problem: Problem, rule: str, step_length: str = "together") -> Weights:
    """Gradient of the total loss by which a rule learns, in the shapes of the problem's own weights."""

    def build():
        network, weights, batch, feedback = parts([problem])
        return list(gradients.rule_gradient(network, weights, batch, rule, feedback, step_length).total)

    return Weights(*[gradient[0] for gradient in run(build)])


def dense_hessian(problem: Problem, name: str = "W_h") -> np.ndarray:
    """The full Hessian over one of the weights, one product per column, in a graph of one product."""
    size = getattr(problem, name).size

    def build():
        loss, weights = plain([problem])
        variable = getattr(weights, name)
        gradient = gradient_of(loss.total, variable)
        basis = tf.reshape(tf.eye(size, dtype=tf.float64), [size] + variable.shape.as_list())
        columns = tf.map_fn(lambda column: hessian_vector_product(gradient, variable, column), basis)
        return tf.reshape(columns, [size, size])

    return run(build)


def leading(problems, name="W_h", seed=0, **options):
    """`leading_eigenvalue` of an ensemble's Hessians."""

    def build():
        loss, weights = plain(problems)
        variable = getattr(weights, name)
        start = np.random.RandomState(seed).normal(size=variable.shape.as_list())
        return leading_eigenvalue(loss.total, variable, tf.constant(start), **options)

    return run(build)
