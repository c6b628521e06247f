import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from explicit import log_softmax, outputs_of, random_problem, rates
from graphs import plain

from hessian.flatness import (
    relative_flatness,
    relative_flatness_of_sigmoid,
    relative_flatness_of_softmax,
    relative_flatness_of_squared_error,
)
from hessian.operator import HessianOperator

CASES = {
    "softmax": dict(loss="cross_entropy", supervised_steps=(2, 4)),
    "softmax, penalised": dict(loss="cross_entropy", supervised_steps=(4,), l2=0.3, adaptive=2, beta=0.8, alpha=0.2),
    "sigmoid": dict(loss="binary_cross_entropy", supervised_steps=(2, 4), outputs=1),
    "sigmoids": dict(loss="binary_cross_entropy", supervised_steps=(4,), outputs=3, l2=0.3),
    "squared": dict(loss="squared_error", l2=0.3),
}


def closed_form(problem):
    f, _ = rates(problem)
    features = np.concatenate([f[t] for t in problem.supervised_steps])
    if problem.loss == "squared_error":
        return relative_flatness_of_squared_error(features, problem.w)
    outputs = outputs_of(problem).reshape(len(features), -1)
    if problem.loss == "binary_cross_entropy":
        return relative_flatness_of_sigmoid(features, problem.w, outputs)
    return relative_flatness_of_softmax(features, problem.w, outputs)


def generic(problem):
    options = tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    with tf.Graph().as_default(), tf.Session(config=options) as session:
        loss, weights = plain([problem])
        return relative_flatness(HessianOperator(loss.data, weights.w, session), problem.w[np.newaxis])


@pytest.mark.parametrize("case", CASES)
def test_closed_form_equals_second_derivatives(case):
    problem = random_problem(1, steps=4, units=4, **CASES[case])
    assert closed_form(problem) == pytest.approx(generic(problem), rel=1e-10)
    assert closed_form(problem) > 0.1


def test_definition_by_differences_of_the_loss():
    """sum over s, s' of <w_s, w_s'> Tr(H_{s,s'}), each second derivative from four losses."""
    random = np.random.RandomState(0)
    f, w = random.normal(size=(5, 2)), random.normal(size=(2, 3))
    c, y = random.normal(size=3), np.eye(3)[random.randint(3, size=5)]

    def loss(readout):
        return -np.mean(np.sum(y * log_softmax(f @ readout + c), axis=1))

    step, total = 1e-4, 0
    for s in range(3):
        for other in range(3):
            trace = 0
            for i in range(2):
                one, two = np.zeros((2, 3)), np.zeros((2, 3))
                one[i, s], two[i, other] = step, step
                sides = loss(w + one + two) - loss(w + one - two) - loss(w - one + two) + loss(w - one - two)
                trace += sides / (4 * step**2)
            total += w[:, s] @ w[:, other] * trace
    assert relative_flatness_of_softmax(f, w, f @ w + c) == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("q", [0.1, 7.0])
def test_rescaling_one_layer_against_the_next_changes_nothing(case, q):
    problem = random_problem(2, steps=4, units=4, **CASES[case])
    rescaled = problem._replace(W_x=q * problem.W_x, w=problem.w / q)
    assert outputs_of(rescaled) == pytest.approx(outputs_of(problem), rel=1e-10)
    assert closed_form(rescaled) == pytest.approx(closed_form(problem), rel=1e-10)


def test_large_outputs_do_not_overflow():
    features, readout = np.ones((2, 1)), np.array([[1.0, 1.0]])
    outputs = np.array([[1000.0, 0.0], [0.0, 0.0]])
    assert relative_flatness_of_softmax(features, readout, outputs) == pytest.approx(0, abs=1e-12)
