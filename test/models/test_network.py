import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from explicit import central_differences, data_loss, outputs_of, random_problem, total_loss
from graphs import dense_hessian, learning, plain, rule_gradient, run

from models.cells import make_cell
from models.initialisation import Initialisation, initial_weights
from models.losses import accuracy, binary_cross_entropy
from rules import known_rules

CELLS = [
    {"alpha": 0.0},
    {"alpha": 0.3},
    {"alpha": 0.0, "beta": 0.8, "adaptive": 2},
    {"alpha": 0.3, "beta": 0.8, "adaptive": 5},
]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy", "binary_cross_entropy"])
def test_forward_pass_equals_numpy_loop(cell, loss):
    problem = random_problem(1, loss, l2=0.01, **cell)
    outputs, data, whole = run(lambda: plain([problem])[0])
    assert outputs[0].reshape(problem.y.shape) == pytest.approx(outputs_of(problem), rel=1e-12, abs=1e-12)
    assert data[0] == pytest.approx(data_loss(problem), rel=1e-12)
    assert whole[0] == pytest.approx(total_loss(problem), rel=1e-12)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("name", ["W_x", "W_h", "w", "c"])
def test_bptt_gradient_equals_central_differences(cell, name):
    problem = random_problem(2, "cross_entropy", l2=0.01, supervised_steps=(3, 6), **cell)
    found = getattr(rule_gradient(problem, "bptt"), name)
    assert found == pytest.approx(central_differences(problem, name), rel=1e-5, abs=1e-8)


def test_gradient_of_a_logistic_output_equals_central_differences():
    problem = random_problem(2, "binary_cross_entropy", outputs=1, l2=0.01, supervised_steps=(3, 6))
    for name in ("W_h", "w", "c"):
        found = getattr(rule_gradient(problem, "bptt"), name)
        assert found == pytest.approx(central_differences(problem, name), rel=1e-5, abs=1e-8)


def test_a_logistic_output_of_zero_has_the_slope_and_curvature_of_its_loss():
    """Half and a quarter, where a loss written with abs or max has neither."""

    def build():
        z = tf.zeros([1, 1, 1], tf.float64)
        slope = tf.gradients(binary_cross_entropy(z, tf.zeros([1, 1, 1], tf.float64)), z)[0]
        return slope, tf.gradients(slope, z)[0]

    assert np.squeeze(run(build)) == pytest.approx([0.5, 0.25], rel=1e-12)


def test_accuracy_of_one_logistic_output_counts_its_sign():
    outputs = np.array([[[3.0], [-0.1], [0.2], [-5.0]], [[-3.0], [-0.1], [0.2], [5.0]]])
    targets = np.array([[[1.0], [0.0], [0.0], [1.0]]])  # common to the replicas
    assert run(lambda: accuracy(tf.constant(outputs), tf.constant(targets))) == pytest.approx([0.5, 0.5])
    assert run(lambda: accuracy(tf.constant(outputs), tf.constant(outputs[:1] > 0, tf.float64)))[0] == 1


@pytest.mark.parametrize("cell", CELLS)
def test_plain_graph_has_bptt_gradient(cell):
    problem = random_problem(3, supervised_steps=(6,), **cell)

    def build():
        loss, weights = plain([problem])
        return tf.gradients(loss.total, list(weights))

    for exact, op in zip(run(build), rule_gradient(problem, "bptt")):
        assert op == pytest.approx(exact[0], rel=1e-10, abs=1e-13)


@pytest.mark.parametrize("cell", CELLS)
def test_activations_are_equal_to_the_bit_under_every_rule(cell):
    problem = random_problem(4, steps=12, units=20, **cell)
    reference = run(lambda: plain([problem])[0].outputs)
    for rule in [name for name in known_rules() if name != "truncated_bptt"] + ["truncated_bptt(4)"]:
        assert np.array_equal(reference, run(lambda rule=rule: learning([problem], rule)[0].outputs)), rule


def test_replicas_do_not_touch_each_other():
    problems = [random_problem(seed) for seed in (5, 6, 7)]
    together = run(lambda: plain(problems)[0].total)
    assert together == pytest.approx([total_loss(problem) for problem in problems], rel=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_free_self_connections_are_part_of_the_network_its_gradient_and_its_penalty(cell):
    problem = random_problem(8, l2=0.01, supervised_steps=(3, 6), self_connections=True, **cell)
    loss = run(lambda: plain([problem])[0])
    assert loss.outputs[0].reshape(problem.y.shape) == pytest.approx(outputs_of(problem), rel=1e-12, abs=1e-12)
    assert loss.total[0] == pytest.approx(total_loss(problem), rel=1e-12)
    assert np.array_equal(loss.outputs, run(lambda: learning([problem], "three_factor")[0].outputs))
    found = rule_gradient(problem, "bptt").W_h
    assert found == pytest.approx(central_differences(problem, "W_h"), rel=1e-5, abs=1e-8)


def test_hessian_of_free_self_connections_equals_differences_of_the_gradient():
    problem = random_problem(9, l2=0.01, self_connections=True)
    hessian, step = dense_hessian(problem), 1e-6
    for unit in range(5):
        moved = [problem.W_h.copy() for _ in range(2)]
        moved[0][unit, unit] += step
        moved[1][unit, unit] -= step
        up, down = (rule_gradient(problem._replace(W_h=W_h), "bptt").W_h.ravel() for W_h in moved)
        np.testing.assert_allclose(hessian[:, 6 * unit], (up - down) / (2 * step), rtol=1e-5, atol=1e-7)


def test_self_connections_have_neither_effect_nor_gradient():
    problem = random_problem(8, l2=0.01)
    with_diagonal = problem._replace(W_h=problem.W_h + np.diag(np.ones(5)))
    assert run(lambda: plain([with_diagonal])[0].total) == run(lambda: plain([problem])[0].total)
    assert np.all(np.diag(rule_gradient(with_diagonal, "bptt").W_h) == 0)


PUBLISHED = Initialisation(recurrent_gain=np.sqrt(2), input_scale=np.sqrt(2))  # sequential MNIST's


def test_initial_weights_have_the_published_spread():
    weights = initial_weights(np.random.RandomState(0), 28, 128, 10, PUBLISHED)
    off_diagonal = weights.W_h[~np.eye(128, dtype=bool)]
    assert weights.W_x.std() == pytest.approx(np.sqrt(2 / 28), rel=0.05)
    assert off_diagonal.std() == pytest.approx(np.sqrt(2 / 128), rel=0.05)
    assert np.all(np.diag(weights.W_h) == 0) and np.all(weights.c == 0)
    assert np.abs(weights.w).max() <= np.sqrt(6 / 138) and weights.w.std() == pytest.approx(np.sqrt(2 / 138), rel=0.1)


@pytest.mark.parametrize("wrong", [{"alpha": 1.0}, {"alpha": -0.1}, {"adaptive_units": 6}, {"beta": 1.5}])
def test_impossible_cells_are_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        make_cell(5, **wrong)
