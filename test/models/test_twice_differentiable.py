import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from explicit import random_problem
from graphs import parts, run

from models.algebra import stack_time
from models.cells import connections
from models.network import plain_loss
from models.recurrence import Recurrence
from models.twice_differentiable import twice_differentiable_rates

CELLS = [
    {"alpha": 0.0},
    {"alpha": 0.3, "self_connections": True},
    {"alpha": 0.0, "beta": 0.8, "adaptive": 2},
    {"alpha": 0.3, "beta": 0.8, "adaptive": 5, "self_connections": True},
]


def derivatives(problems, rates_of):
    """First and second derivatives, along fixed random directions, of a smooth function of all rates in W_h and W_x."""
    network, weights, batch, _ = parts(problems)
    recurrence = Recurrence(network.cell, batch.x, weights.W_x, connections(network.cell, weights.W_h))
    loss = tf.reduce_sum(tf.sin(stack_time(list(rates_of(recurrence))))) + tf.reduce_sum(weights.W_h**3)
    matrices = [weights.W_h, weights.W_x]
    random = np.random.RandomState(0)
    first = tf.gradients(loss, matrices)
    second = []
    for gradient in first:
        direction = tf.constant(random.normal(size=gradient.shape.as_list()))
        found = tf.gradients(gradient, matrices, grad_ys=direction)
        second += [tf.zeros_like(m) if derivative is None else derivative for m, derivative in zip(matrices, found)]
    return first + second


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("steps", [1, 6])
def test_derivatives_equal_those_of_the_recurrence_differentiated_step_by_step(cell, steps):
    problems = [random_problem(seed, steps=steps, **cell) for seed in (0, 1)]
    found = run(lambda: derivatives(problems, twice_differentiable_rates))
    expected = run(lambda: derivatives(problems, lambda r: [r.f(t) for t in range(1, r.steps + 1)]))
    for one, other in zip(found, expected):
        assert one == pytest.approx(other, rel=1e-10, abs=1e-10)
    assert all(np.any(one) for one in found) or steps == 1


def test_weight_gradients_of_all_steps_are_one_product():
    """In a Hessian-vector product: one per weight gradient, not one per step."""
    with tf.Graph().as_default() as graph:
        network, weights, batch, _ = parts([random_problem(0, steps=9), random_problem(1, steps=9)])
        gradient = tf.gradients(plain_loss(network, weights, batch).data, weights.W_h)[0]
        before = len(graph.get_operations())
        tf.gradients(gradient, weights.W_h, grad_ys=tf.ones_like(gradient))
        products = [op for op in graph.get_operations()[before:] if op.type.startswith("BatchMatMul")]
    square = [op for op in products if op.outputs[0].shape.as_list() == weights.W_h.shape.as_list()]
    assert len(square) == 2
