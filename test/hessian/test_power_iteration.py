import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from explicit import random_problem
from graphs import leading, plain, run

from hessian.power_iteration import beginning, leading_eigenvalue, power_iteration
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
            return gradient_of(loss.total, getattr(weights, name))

        return run(build)[0]

    def build():
        loss, weights = plain([problem])
        variable = getattr(weights, name)
        return hessian_vector_product(gradient_of(loss.total, variable), variable, tf.constant(vector[np.newaxis]))

    step = 1e-6
    expected = (gradient_at(weight + step * vector) - gradient_at(weight - step * vector)) / (2 * step)
    assert run(build)[0] == pytest.approx(expected, rel=1e-5, abs=1e-7)


def dense_hessians(problems, name):
    """The Hessian of each problem in one of the weights, all in one graph: [R, n, n]."""
    size = getattr(problems[0], name).size

    def build():
        loss, weights = plain(problems)
        variable = getattr(weights, name)
        gradient = gradient_of(loss.total, variable)
        basis = tf.reshape(tf.eye(size, dtype=tf.float64), [size, 1] + variable.shape.as_list()[1:])
        same = basis * tf.ones([1, len(problems), 1, 1], tf.float64)
        columns = tf.map_fn(lambda column: hessian_vector_product(gradient, variable, column), same)
        return tf.transpose(tf.reshape(columns, [size, len(problems), size]), [1, 2, 0])

    return run(build)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("name", ["W_h", "W_x"])
def test_leading_eigenvalue_equals_dense(cell, name):
    """Where it calls itself converged, it is the dense Hessian's; close leading eigenvalues may stop it before."""
    problems = [random_problem(seed, "cross_entropy", l2=0.01, supervised_steps=(6,), **cell) for seed in range(6)]
    hessians = dense_hessians(problems, name)
    assert hessians == pytest.approx(hessians.transpose(0, 2, 1), abs=1e-12)
    found = leading(problems, name)
    lengths = np.linalg.norm(found.eigenvector.reshape(6, -1), axis=1)
    assert lengths == pytest.approx(np.ones(6), rel=1e-12)
    assert np.array_equal(found.converged, found.residual <= 1e-2) and found.converged.sum() >= 4
    assert len(set(found.iterations)) > 1  # each stopped at its own time
    for replica in np.flatnonzero(found.converged):
        eigenvalues = np.linalg.eigvalsh(hessians[replica])
        expected = eigenvalues[np.abs(eigenvalues).argmax()]
        assert found.eigenvalue[replica] == pytest.approx(abs(expected), rel=1e-3)
        assert found.rayleigh[replica] == pytest.approx(expected, rel=1e-3)


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


def test_going_on_with_those_that_are_not_done_is_the_same_as_all_to_the_end():
    """Three diagonal Hessians that need different numbers of products; the first call ends when one is left."""
    eigenvalues = np.array([[4.0, 0.1, 0.1], [4.0, 3.9, 0.1], [4.0, 1.0, 0.1]])

    def build():
        variable = tf.ones([3, 3], tf.float64)
        loss = 0.5 * tf.reduce_sum(eigenvalues * tf.square(variable), axis=1)
        start = beginning(tf.ones([3, 3], tf.float64))
        part = power_iteration(loss, variable, start, 500, min_running=1)
        return part, power_iteration(loss, variable, part, 500), power_iteration(loss, variable, start, 500)

    part, then, at_once = run(build)
    assert part.done.tolist() == [True, False, True] and at_once.done.all()
    assert part.found.iterations[1] == part.found.iterations[2] > part.found.iterations[0]
    assert all(np.array_equal(one, other) for one, other in zip(then.found, at_once.found))


def test_loss_without_the_variable_is_refused():
    def build():
        variable = tf.ones([1, 2])
        return gradient_of(tf.reduce_sum(tf.ones([2])), variable)

    with pytest.raises(ValueError, match="does not depend on"):
        run(build)


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_spectra_far_from_one_in_single_precision(scale):
    """Squares of such products are zero or infinite in float32, their lengths are not."""

    def build():
        variable = tf.ones([1, 3])
        curvatures = tf.constant(np.array([3.0, -1.0, 0.5]) * scale, tf.float32)
        loss = 0.5 * tf.reduce_sum(curvatures * tf.square(variable))
        return leading_eigenvalue(loss, variable, tf.constant([[1.0, 1e-4, 1e-4]]))

    found = run(build)
    assert found.eigenvalue[0] == pytest.approx(3 * scale, rel=1e-5)
    assert found.rayleigh[0] == pytest.approx(3 * scale, rel=1e-5)
    assert found.residual[0] < 1e-3 and found.converged[0]


def test_spectrum_below_the_tolerance_is_judged_by_its_residual():
    found = quadratic([1e-9, 0.5e-9, 0.2e-9])
    assert found.iterations[0] == 2  # the tolerance is absolute
    assert found.residual[0] > 1e-2 and not found.converged[0]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_eigenvalue_that_is_not_finite_has_no_residual_and_disturbs_no_other_replica(bad):
    def build(*leading):
        variable = tf.ones([len(leading), 2], tf.float64)
        loss = 0.5 * tf.reduce_sum(tf.constant([[value, 1.0] for value in leading], tf.float64) * tf.square(variable))
        start = np.tile([[1.0, 0.5]], (len(leading), 1))
        return leading_eigenvalue(loss, variable, tf.constant(start))

    found, alone = run(lambda: build(bad, 2.0)), run(lambda: build(3.0, 2.0))
    assert not np.isfinite(found.eigenvalue[0]) and np.isnan(found.residual[0]) and not found.converged[0]
    assert found.iterations[0] == 1
    for mine, other in zip(found, alone):
        assert np.array_equal(mine[1], other[1])
    assert found.converged[1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_replica_does_not_depend_on_who_shares_its_ensemble(dtype):
    """To the bit, from two replicas on; the others stop sooner or later than it does."""
    problems = [single(random_problem(seed, "cross_entropy", supervised_steps=(6,)), dtype) for seed in range(4)]
    start = np.random.RandomState(0).normal(size=(4, 5, 5)).astype(dtype)

    def build(members):
        loss, weights = plain([problems[m] for m in members])
        return leading_eigenvalue(loss.total, weights.W_h, tf.constant(start[members]))

    whole = run(lambda: build([0, 1, 2, 3]))
    assert len(set(whole.iterations)) > 1
    for members in ([0, 1], [3, 2, 0]):
        part = run(lambda m=members: build(m))
        for mine, other in zip(part, whole):
            assert np.array_equal(mine, other[members])


def single(problem, dtype):
    """The problem with all its arrays in the given precision."""
    return problem._replace(**{name: a.astype(dtype) for name, a in problem._asdict().items() if hasattr(a, "astype")})


def test_operation_without_a_second_gradient_is_refused_in_one_line():
    def build():
        variable = tf.ones([1, 1, 1, 3])
        return leading_eigenvalue(tf.nn.lrn(variable), variable, tf.ones([1, 1, 1, 3]))

    with pytest.raises(ValueError, match="no gradient of .*No gradient defined .*LRNGrad") as refused:
        run(build)
    assert "\n" not in str(refused.value)
