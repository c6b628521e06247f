import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from explicit import errors, outputs_of, random_problem, rates, total_loss, trace_gradient
from graphs import learning, plain
from scipy.sparse.linalg import aslinearoperator

from hessian.operator import HessianOperator, dense
from hessian.theorem import bounds, jacobian, leading, taylor_terms, theorem_1

ETA = 0.005


def off_diagonal(W_h):
    return W_h * (1 - np.eye(len(W_h)))


def exact_gradient(problem):
    """g(W_h) by hand, for the plain cell with alpha = 0: delta_t = psi_t (err_t w^T + delta_{t+1} W_h^T)."""

    def gradient(W_h):
        at = problem._replace(W_h=off_diagonal(W_h))
        f, psi = rates(at)
        err, delta, total = errors(at), np.zeros_like(f[0]), np.zeros_like(W_h)
        for t in range(len(at.x), 0, -1):
            direct = err[t] @ at.w.T if t in err else 0
            delta = psi[t] * (direct + delta @ at.W_h.T)
            total += f[t - 1].T @ delta
        return off_diagonal(total)

    return gradient


def gradient_of_rule(problem, rule):
    """ghat(W_h) as the sum over eligibility traces: not through the rule's op."""
    return lambda W_h: trace_gradient(problem._replace(W_h=off_diagonal(W_h)), rule)[1]


def step_length(exact, approximate):
    """rho of Eq. 6."""
    return np.sum(approximate * exact) / np.sum(exact * exact)


def scalar_problem(seed):
    """What Theorem 1 asks for: one output, one example, loss (yhat_T - y)^2 / 2, no penalty."""
    return random_problem(seed, steps=5, batch=1, units=6, outputs=1, supervised_steps=(5,))


def trained(problem, rule, loss):
    """The problem with W_h trained by the rule alone until the loss is below `loss`."""
    gradient, W_h = gradient_of_rule(problem, rule), problem.W_h
    for _ in range(2000):
        if total_loss(problem._replace(W_h=W_h)) < loss:
            return problem._replace(W_h=W_h)
        W_h = W_h - ETA * gradient(W_h)
    raise AssertionError("the training did not reach the loss")


def deviation_allowed(problem, gradient):
    """How far the error may move the one eigenvalue of d gradient / dW_h = a b^T + err dA (Eq. 25, 26), with a the
    gradient of yhat that is used and b the exact one.

    First order: |err| |dA| over the cosine between a and b; twice that, and what central differences are good for.
    """
    err = (outputs_of(problem) - problem.y).item()

    def of_output(W_h):
        at = problem._replace(W_h=off_diagonal(W_h))
        return gradient(W_h) / (outputs_of(at) - at.y).item()

    second = np.linalg.norm(jacobian(of_output, problem.W_h), 2)
    a, b = of_output(problem.W_h).ravel(), exact_gradient(problem)(problem.W_h).ravel() / err
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    return 2 * abs(err) * second * lengths / abs(a @ b) + 1e-8 * lengths


@pytest.mark.parametrize("seed, rule", [(1, "three_factor"), (2, "three_factor"), (7, "mdgl"), (3, "rflo")])
def test_equations_28_to_30_near_zero_error(seed, rule):
    """To the accuracy that the residual error allows, which shrinks with it."""
    allowed = []
    for loss in (1e-5, 1e-9):
        problem = trained(scalar_problem(seed), rule, loss)
        g, ghat = exact_gradient(problem), gradient_of_rule(problem, rule)
        rho = step_length(g(problem.W_h), ghat(problem.W_h))
        found = theorem_1(g, ghat, problem.W_h, rho, ETA, 2 * ETA)
        of_exact, of_rule = deviation_allowed(problem, g), deviation_allowed(problem, ghat)
        square = np.sum(g(problem.W_h) ** 2) / (2 * total_loss(problem))  # |gradient of yhat|^2
        inner = np.sum(ghat(problem.W_h) * g(problem.W_h)) / (2 * total_loss(problem))
        assert found.exact_jacobian == pytest.approx(-ETA * found.hessian, rel=1e-12)  # Eq. 21
        assert found.hessian == pytest.approx(square, abs=of_exact)  # Eq. 28, 29
        assert found.approximate_jacobian == pytest.approx(
            -2 * ETA * inner, abs=2 * ETA * of_rule
        )  # Eq. 30, first line
        assert rho == pytest.approx(inner / square, rel=1e-12)
        slack = 2 * ETA * (of_rule + abs(rho) * of_exact)
        assert found.approximate_jacobian == pytest.approx(found.predicted_approximate, abs=slack)  # Eq. 30
        allowed.append(of_rule + abs(rho) * of_exact)
        assert found.exact_multiplier == 1 + found.exact_jacobian
        assert found.approximate_multiplier == 1 + found.approximate_jacobian
        # within the bound the rule's own dynamics is stable, as it must be where it has converged
        assert (found.hessian < found.bounds.approximate) == (abs(found.approximate_jacobian) < 1)
        assert abs(1 + found.approximate_jacobian / 2) < 1 and rho > 0
    assert allowed[1] < 0.05 * allowed[0] and allowed[1] < 0.01 * abs(rho) * found.hessian


def test_the_theorem_does_not_hold_with_several_outputs_and_examples():
    """Eq. 21 does, and H is still the Hessian; Eq. 30 needs a Jacobian of rank one."""
    problem = random_problem(3)
    g, ghat = exact_gradient(problem), gradient_of_rule(problem, "three_factor")
    rho = step_length(g(problem.W_h), ghat(problem.W_h))
    found = theorem_1(g, ghat, problem.W_h, rho, ETA, ETA)
    options = tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    with tf.Graph().as_default(), tf.Session(config=options) as session:
        loss, weights = plain([problem])
        eigenvalues = np.linalg.eigvalsh(dense(HessianOperator(loss.total, weights.W_h, session)))
    assert found.hessian == pytest.approx(eigenvalues[np.abs(eigenvalues).argmax()], rel=1e-6)
    assert found.exact_jacobian == pytest.approx(-ETA * found.hessian, rel=1e-12)
    assert abs(found.approximate_jacobian / found.predicted_approximate - 1) > 0.05


def test_jacobian_of_a_rules_op_equals_that_of_its_traces():
    """ghat may come from the op; only tf.gradients through it would be another matrix."""
    problem = scalar_problem(2)
    with tf.Graph().as_default(), tf.Session() as session:
        loss, weights = learning([problem], "three_factor")
        gradient = tf.gradients(loss.total, weights.W_h)[0]
        run = session.make_callable(gradient, [weights.W_h])
        of_op = jacobian(lambda W_h: run(W_h[np.newaxis]), problem.W_h)
    of_traces = jacobian(gradient_of_rule(problem, "three_factor"), problem.W_h)
    assert of_op == pytest.approx(of_traces, rel=1e-6, abs=1e-8 * np.abs(of_traces).max())
    assert np.abs(of_traces - of_traces.T).max() > 0.01 * np.abs(of_traces).max()  # unlike a Hessian


def test_jacobian_and_leading_eigenvalue_of_a_linear_field():
    matrix = np.random.RandomState(0).normal(size=(6, 6))
    found = jacobian(lambda W: matrix @ W.ravel(), np.ones((2, 3)))
    assert found == pytest.approx(matrix, rel=1e-9)
    assert leading(np.diag([1.0, -3.0, 2.0])) == -3
    rotation = leading(np.array([[0.0, -2.0], [2.0, 0.0]]))
    assert abs(rotation) == pytest.approx(2) and rotation.real == pytest.approx(0)


def test_bounds_and_limits():
    assert bounds(0.1, 0.2, 0.5) == pytest.approx((10, 10, 20, 20))
    assert bounds(0.1, 0.2, -0.25) == pytest.approx((10, 20, 20, 0))
    assert bounds(0.1, 0.2, 0.0) == (10, np.inf, 20, 0)
    assert np.isnan(bounds(0.1, 0.2, np.nan)[1]) and np.isnan(bounds(0.1, 0.2, np.nan)[3])


def test_taylor_terms_are_the_change_of_a_quadratic_loss():
    random = np.random.RandomState(0)
    root, W, ghat = random.normal(size=(5, 5)), random.normal(size=5), random.normal(size=5)
    H = root + root.T
    g = H @ W

    def loss(W):
        return W @ H @ W / 2

    found = taylor_terms(aslinearoperator(H), g, ghat, step_length(g, ghat), 0.3, 0.7)
    assert loss(W - 0.3 * g) - loss(W) == pytest.approx(-found.T1 + found.T2, rel=1e-10)
    assert loss(W - 0.7 * ghat) - loss(W) == pytest.approx(-found.T1_hat + found.T2_hat, rel=1e-10)


def test_taylor_terms_of_matched_steps_differ_by_assumption_1_alone():
    random = np.random.RandomState(1)
    root, g, ghat = random.normal(size=(5, 5)), random.normal(size=5), random.normal(size=5)
    operator = aslinearoperator(root @ root.T)
    rho = step_length(g, ghat)
    found = taylor_terms(operator, g, ghat, rho, rho * 0.2, 0.2)  # eta_B = rho eta_e
    assert found.T1 == pytest.approx(found.T1_hat, rel=1e-12)
    assert abs(found.T2_hat - found.T2) == pytest.approx(found.assumption_1 * abs(found.T2), rel=1e-10)
    null = np.outer(g, g)  # e lies in its null space, as in the rank-one case
    assert taylor_terms(aslinearoperator(null), g, ghat, rho, rho, 1.0).assumption_1 == pytest.approx(0, abs=1e-10)


def test_taylor_terms_of_a_network_predict_a_small_update():
    problem = random_problem(4)
    g, ghat = exact_gradient(problem)(problem.W_h), gradient_of_rule(problem, "three_factor")(problem.W_h)
    H = jacobian(exact_gradient(problem), problem.W_h)
    left = []
    for eta in (1e-3, 1e-4):
        found = taylor_terms(aslinearoperator(H), g, ghat, step_length(g, ghat), eta, eta)
        change = total_loss(problem._replace(W_h=problem.W_h - eta * ghat)) - total_loss(problem)
        left.append(abs(change - (-found.T1_hat + found.T2_hat)))
        assert left[-1] < 0.1 * abs(found.T2_hat)
    assert left[1] < 2e-3 * left[0]  # third order
