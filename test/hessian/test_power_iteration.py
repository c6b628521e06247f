import numpy as np
import pytest
import tensorflow as tf
from explicit import random_problem
from graphs import dense_hessian, leading, plain, run

from hessian.power_iteration import leading_eigenvalue
from hessian.product import gradient_of, hessian_vector_product

CELLS = [{"alpha": 0.0}, {"alpha": 0.3, "beta": 0.8, "adaptive": 2}]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("name", ["W_h", "W_x"])
def test_product_equals_difference_of_gradients(cell, name):
    problem = random_problem(1, "cross_entropy", l2=0.01, **cell)
    weight = getattr(problem, name)
    vector = np.random.RandomState(0).normal(size=weight.shape)
    if name == "W_h":
        vector *= 1 - np.eye(len(vector))

    def gradient_at(moved):
        def build():
            loss, weights = plain([problem._replace(**{name: moved})])
            return gradient_of(loss.whole, getattr(weights, name))

        return run(build)[0]

    def build():
        loss, weights = plain([problem])
        variable = getattr(weights, name)
        return hessian_vector_product(gradient_of(loss.whole, variable), variable, tf.constant(vector[np.newaxis]))

    step = 1e-6
    expected = (gradient_at(weight + step * vector) - gradient_at(weight - step * vector)) / (2 * step)
    assert run(build)[0] == pytest.approx(expected, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("name", ["W_h", "W_x"])
def test_leading_eigenvalue_equals_dense(cell, name):
    """Where it calls itself converged, it is the dense Hessian's; close leading eigenvalues may stop it before."""
    converged = 0
    for seed in range(6):
        problem = random_problem(seed, "cross_entropy", l2=0.01, loss_steps=(6,), **cell)
        hessian = dense_hessian(problem, name)
        assert hessian == pytest.approx(hessian.T, abs=1e-12)
        eigenvalues = np.linalg.eigvalsh(hessian)
        expected = eigenvalues[np.abs(eigenvalues).argmax()]
        found = leading([problem], name)
        assert np.linalg.norm(found.eigenvector[0]) == pytest.approx(1, rel=1e-12)
        assert found.converged[0] == (found.residual[0] <= 1e-2)
        if found.converged[0]:
            converged += 1
            assert found.eigenvalue[0] == pytest.approx(abs(expected), rel=1e-3)
            assert found.rayleigh[0] == pytest.approx(expected, rel=1e-3)
    assert converged >= 4


def test_replicas_converge_each_for_itself():
    problems = [random_problem(seed, "cross_entropy", loss_steps=(6,)) for seed in (3, 4, 5)]
    together = leading(problems)
    for replica, problem in enumerate(problems):
        largest = np.abs(np.linalg.eigvalsh(dense_hessian(problem))).max()
        assert together.eigenvalue[replica] == pytest.approx(largest, rel=1e-4)
    assert len(set(together.iterations)) > 1  # each stopped at its own time


def test_dead_network_has_eigenvalue_zero():
    problem = random_problem(6)
    dead = problem._replace(W_x=np.zeros_like(problem.W_x))
    found = leading([dead])
    assert found.eigenvalue[0] == 0 and found.rayleigh[0] == 0 and found.residual[0] == 0 and found.converged[0]
    assert np.all(np.isfinite(found.eigenvector))


def quadratic(eigenvalues, **options):
    """Power iteration on a loss whose Hessian is diagonal with the given eigenvalues."""

    def build():
        variable = tf.constant(np.ones((1, len(eigenvalues))))
        loss = 0.5 * tf.reduce_sum(tf.constant(np.array(eigenvalues, float)) * tf.square(variable))
        start = np.random.RandomState(0).normal(size=(1, len(eigenvalues)))
        return leading_eigenvalue(loss, variable, tf.constant(start), **options)

    return run(build)


def test_negative_leading_eigenvalue_keeps_its_sign():
    found = quadratic([-3.0, 1.0, 0.5])
    assert found.converged[0] and found.eigenvalue[0] == pytest.approx(3) and found.rayleigh[0] == pytest.approx(-3)


def test_equal_magnitude_and_opposite_sign_is_not_called_converged():
    found = quadratic([2.0, -2.0, 0.5])
    assert found.residual[0] > 1e-2 and not found.converged[0]


def test_too_few_iterations_are_not_called_converged():
    found = quadratic([1.0, 0.999, 0.5], max_iterations=3)
    assert found.iterations[0] == 3 and not found.converged[0]


def test_loss_without_the_variable_is_refused():
    def build():
        variable = tf.ones([1, 2])
        return gradient_of(tf.reduce_sum(tf.ones([2])), variable)

    with pytest.raises(ValueError, match="does not depend on"):
        run(build)
