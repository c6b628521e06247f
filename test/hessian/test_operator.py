from contextlib import contextmanager

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from explicit import random_problem
from graphs import dense_hessian, parts

from hessian.operator import HessianOperator, asymmetry, dense
from models.initialisation import Weights
from models.network import plain_loss


@contextmanager
def session():
    options = tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    with tf.Graph().as_default(), tf.Session(config=options) as opened:
        yield opened


RANDOM = np.random.RandomState(0)
X, Y = RANDOM.normal(size=(7, 3)), RANDOM.normal(size=(7, 2))
A, B = RANDOM.normal(size=(3, 4)), RANDOM.normal(size=(4, 2))


def foreign_gradient(A, X=X, Y=Y):
    """dL/dA of |tanh(X A) B - Y|^2 / 7, in NumPy."""
    hidden = np.tanh(X @ A)
    return X.T @ ((2 / 7 * (hidden @ B - Y) @ B.T) * (1 - hidden**2))


def foreign_hessian(A, X=X, Y=Y):
    columns = []
    for index in np.ndindex(*A.shape):
        step = np.zeros_like(A)
        step[index] = 1e-6
        columns.append((foreign_gradient(A + step, X, Y) - foreign_gradient(A - step, X, Y)).ravel() / 2e-6)
    return np.stack(columns, axis=1)


def foreign_network(session):
    """A network that this project did not define: tanh, two layers, a variable, a placeholder. (operator, X's)"""
    x = tf.placeholder(tf.float64, [None, 3])
    first = tf.Variable(A, use_resource=True)
    loss = tf.reduce_sum(tf.square(tf.tanh(x @ first) @ tf.constant(B) - Y)) / 7
    operator = HessianOperator(loss, first, session, {x: X})
    session.run(tf.global_variables_initializer())
    session.graph.finalize()
    return operator, x


def test_network_of_someone_else():
    with session() as opened:
        operator, x = foreign_network(opened)
        expected = foreign_hessian(A)
        assert operator.shape == (12, 12) and operator.dtype == np.float64
        block = np.random.RandomState(1).normal(size=(12, 5))
        assert operator.matmat(block) == pytest.approx(expected @ block, rel=1e-6, abs=1e-7)
        assert operator @ block[:, 0] == pytest.approx(expected @ block[:, 0], rel=1e-6, abs=1e-7)
        assert operator.T @ block[:, 0] == pytest.approx(operator @ block[:, 0], rel=1e-12)
        assert operator.products == 5 + 3
        assert dense(operator) == pytest.approx(expected, rel=1e-6, abs=1e-7)
        operator.feed = {x: 2 * X}  # on the finalized graph
        assert dense(operator) == pytest.approx(foreign_hessian(A, 2 * X), rel=1e-6, abs=1e-7)
        with pytest.raises(ValueError, match="the feed has nothing; expected Placeholder:0"):
            operator.feed = {}


@pytest.mark.parametrize("name, cell", [("W_h", {"adaptive": 2, "beta": 0.8}), ("W_x", {"alpha": 0.3})])
def test_rate_network_whose_weights_are_fed(name, cell):
    problems = [random_problem(seed, "cross_entropy", steps=4, l2=0.01, **cell) for seed in (0, 1)]
    hessians = [dense_hessian(problem, name) for problem in problems]
    with session() as opened:
        network, constants, batch, _ = parts(problems[:1])
        weights = Weights(*[tf.placeholder(tf.float64, constant.shape) for constant in constants])
        x = tf.placeholder(tf.float64, batch.x.shape)
        y = tf.placeholder(tf.float64, batch.y.shape)
        loss = plain_loss(network, weights, batch._replace(x=x, y=y)).total

        def feed(problem):
            arrays = {weight: getattr(problem, field)[np.newaxis] for field, weight in weights._asdict().items()}
            return {**arrays, x: problem.x[np.newaxis], y: problem.y[np.newaxis]}

        operator = HessianOperator(loss, getattr(weights, name), opened, feed(problems[0]))
        opened.graph.finalize()
        for problem, hessian in zip(problems, hessians):
            operator.feed = feed(problem)
            assert dense(operator) == pytest.approx(hessian, rel=1e-12, abs=1e-13)
            assert np.abs(hessian - np.diag(np.diag(hessian))).max() > 0.01
        u, v = np.random.RandomState(0).normal(size=(2, operator.shape[0]))
        assert abs(asymmetry(operator, u, v)) < 1e-14 * np.abs(hessians[1]).max() * np.linalg.norm(u) ** 2


def test_gathered_variable_and_loss_with_several_elements():
    with session() as opened:
        table = tf.constant(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
        rows = tf.gather(table, [0, 2])
        operator = HessianOperator(tf.reduce_sum(rows**3, axis=1), table, opened)
        assert dense(operator) == pytest.approx(np.diag([6.0, 12.0, 0.0, 0.0, 30.0, 36.0]))


def linear(variable):
    return tf.reduce_sum(3 * variable)


def test_linear_loss_has_the_hessian_zero():
    with session() as opened:
        variable = tf.ones([2, 2])
        assert np.array_equal(dense(HessianOperator(linear(variable), variable, opened)), np.zeros((4, 4)))


def local_response_normalization(variable):
    return tf.reduce_sum(tf.nn.lrn(tf.reshape(variable, [1, 1, 2, 2])))


def loop(variable):
    return tf.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, tf.reduce_sum(variable**3) + x), (0, 0.0))[1]


BAD = {
    "loop": (loop, "no gradient of .*Second-order gradient for while loops not supported"),
    "other loss": (lambda variable: tf.ones([]), "does not depend on"),
    "no second gradient": (local_response_normalization, "no gradient of .*No gradient defined .*LRNGrad"),
    "no gradient": (lambda variable: tf.reduce_sum(tf.bincount(tf.cast(variable, tf.int32))), "depend on"),
}


@pytest.mark.parametrize("case", BAD)
def test_loss_without_second_derivatives_is_refused_in_one_line(case):
    loss, message = BAD[case]
    with session() as opened:
        variable = tf.ones([2, 2])
        with pytest.raises(ValueError, match=message) as refused:
            HessianOperator(loss(variable), variable, opened)
    assert "\n" not in str(refused.value)


def test_finalized_graph_and_unknown_shape_are_refused():
    with session() as opened:
        variable = tf.placeholder(tf.float64, [None])
        with pytest.raises(ValueError, match="Placeholder.*expected one that is known"):
            HessianOperator(tf.reduce_sum(variable**2), variable, opened, {variable: np.ones(2)})
        loss = linear(tf.ones([2]))
        opened.graph.finalize()
        with pytest.raises(ValueError, match="graph is finalized; build the HessianOperator before"):
            HessianOperator(loss, variable, opened)
