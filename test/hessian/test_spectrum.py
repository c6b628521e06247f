import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from explicit import random_problem
from graphs import plain
from scipy.sparse.linalg import aslinearoperator

from hessian.operator import HessianOperator, dense
from hessian.spectrum import top_eigenpairs

METHODS = ["qr", "arpack", "dense"]


def network_operator(problem, sign=1):
    """The Hessian of +- a network's loss, in W_h, in a session that lives as long as the operator."""
    options = tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    graph = tf.Graph()
    with graph.as_default():
        loss, weights = plain([problem])
        session = tf.Session(config=options)
        operator = HessianOperator(sign * loss.total, weights.W_h, session)
        graph.finalize()
    return operator


def diagonal(values, dtype=np.float64):
    return aslinearoperator(np.diag(np.array(values, dtype)))


def by_magnitude(values):
    return values[np.argsort(-np.abs(values), kind="stable")]


@pytest.fixture(scope="module")
def recurrent_900():
    """A network of 30 units and its dense Hessian, whose leading eigenvalue is positive."""
    problem = random_problem(0, "cross_entropy", steps=4, batch=12, inputs=6, units=30, outputs=6, l2=0.01)
    operator = network_operator(problem)
    return operator, dense(operator)


@pytest.mark.parametrize("method", ["qr", "arpack"])
@pytest.mark.parametrize("sign", [1, -1])
def test_top_20_of_900_weights_equal_numpy_dense(recurrent_900, method, sign):
    operator, hessian = recurrent_900
    expected = by_magnitude(np.linalg.eigvalsh(sign * (hessian + hessian.T) / 2))[:20]
    assert np.sign(expected[0]) == sign and len(set(np.sign(expected))) == 2
    signed = operator if sign == 1 else aslinearoperator(sign * hessian)
    found = top_eigenpairs(signed, 20, method, tolerance=1e-6)
    assert found.eigenvalues == pytest.approx(expected, rel=1e-5)
    assert np.all(found.converged) and np.all(found.residuals <= 1e-6)
    vectors = found.eigenvectors
    assert vectors.T @ vectors == pytest.approx(np.eye(20), abs=1e-6)
    assert sign * hessian @ vectors == pytest.approx(vectors * found.eigenvalues, abs=2e-6 * abs(expected[0]))


def test_both_methods_agree_and_arpack_needs_fewer_products(recurrent_900):
    operator, _ = recurrent_900
    found, counted, reported = {}, {}, []
    for method in ("qr", "arpack"):
        before = operator.products
        found[method] = top_eigenpairs(operator, 10, method, tolerance=1e-4, progress=reported.append)
        counted[method] = operator.products - before
        assert reported[-1] == found[method].products == counted[method]
    assert found["arpack"].products < found["qr"].products
    assert found["qr"].products == 21 * found["qr"].iterations  # blocks of 2 k + 1
    assert found["arpack"].products == found["arpack"].iterations + 10  # the residuals
    assert found["qr"].eigenvalues == pytest.approx(found["arpack"].eigenvalues, rel=1e-5)
    assert reported == sorted(reported[: -counted["arpack"] + 9]) + reported[-counted["arpack"] + 9 :]


@pytest.mark.parametrize("method", METHODS)
def test_pair_of_equal_magnitude_and_opposite_sign(method):
    found = top_eigenpairs(diagonal([2.0, -2.0, 1.0, 0.5, 0.3, 0.2, 0.1, 0.05]), 3, method, tolerance=1e-8)
    assert sorted(found.eigenvalues) == pytest.approx([-2, 1, 2]) and abs(found.eigenvalues[2]) == pytest.approx(1)
    assert np.all(found.converged)


def test_block_of_one_does_not_converge_on_such_a_pair_and_says_so():
    operator = diagonal([2.0, -2.0, 1.0, 0.5])
    found = top_eigenpairs(operator, 1, "qr", subspace=1, max_iterations=50)
    assert not found.converged[0] and found.residuals[0] > 1e-2 and found.iterations == 50 and found.products == 50
    assert abs(top_eigenpairs(operator, 1, "arpack", tolerance=1e-8).eigenvalues[0]) == pytest.approx(2)


@pytest.mark.parametrize("method", METHODS)
def test_zero_hessian(method):
    dead = random_problem(6, steps=3)
    found = top_eigenpairs(network_operator(dead._replace(W_x=np.zeros_like(dead.W_x))), 4, method)
    assert np.array_equal(found.eigenvalues, np.zeros(4)) and np.array_equal(found.residuals, np.zeros(4))
    assert np.all(found.converged) and np.linalg.norm(found.eigenvectors, axis=0) == pytest.approx(np.ones(4))


@pytest.mark.parametrize("dtype, accuracy", [(np.float64, 1e-13), (np.float32, 1e-5)])
@pytest.mark.parametrize("method", METHODS)
def test_more_eigenpairs_than_the_rank(method, dtype, accuracy):
    """As of a network most of whose units are silent: the others' eigenvalues are zero to rounding, and converged."""
    random = np.random.RandomState(0)
    basis, _ = np.linalg.qr(random.normal(size=(40, 40)))
    matrix = (basis * np.array([5.0, -3.0, 1.0] + [0.0] * 37)) @ basis.T
    found = top_eigenpairs(aslinearoperator(matrix.astype(dtype)), 8, method)
    assert found.eigenvalues[:3] == pytest.approx([5, -3, 1], rel=accuracy)
    assert np.abs(found.eigenvalues[3:]).max() < accuracy
    assert np.all(found.converged)


def test_settled_asks_whether_another_product_moves_the_eigenvalue():
    operator = diagonal(1 + 0.001 * np.arange(300))
    coarse = top_eigenpairs(operator, 10, "qr", max_iterations=2, tolerance=0.5)
    assert np.all(coarse.converged) and not np.any(coarse.settled)
    products = np.stack([operator.matvec(vector) for vector in coarse.eigenvectors.T])
    assert np.all(np.linalg.norm(products, axis=1) - coarse.eigenvalues > 1e-6)
    assert np.all(top_eigenpairs(operator, 10, "dense").settled)


def test_too_few_iterations_are_not_called_converged():
    operator = diagonal(1 + 0.001 * np.arange(300))
    block = top_eigenpairs(operator, 10, "qr", max_iterations=2, tolerance=1e-6)
    assert block.iterations == 2 and not np.any(block.converged)
    restarts = top_eigenpairs(operator, 10, "arpack", max_iterations=2, tolerance=1e-12)
    missing = np.isnan(restarts.eigenvalues)
    assert missing.any() and not np.any(restarts.converged[missing]) and np.all(np.isnan(restarts.residuals[missing]))
    assert restarts.eigenvectors.shape == (300, 10)


def test_residual_is_that_of_the_operator_itself():
    operator = diagonal([3.0, 2.9, 2.8, 1.0, 0.5])
    found = top_eigenpairs(operator, 2, "qr", subspace=2, max_iterations=3)
    for value, vector, residual in zip(found.eigenvalues, found.eigenvectors.T, found.residuals):
        off = operator.matvec(vector) - value * vector
        assert residual == pytest.approx(np.linalg.norm(off) / abs(value), rel=1e-9) and residual > 1e-4


BAD = {
    "k": ({"k": 6}, r"k is 6; expected 1 to 5, the number of weights"),
    "none": ({"k": 0}, "k is 0; expected 1 to 5"),
    "arpack's k": ({"k": 5, "method": "arpack"}, "k is 5; ARPACK finds at most 4 of 5, dense finds all"),
    "method": ({"k": 1, "method": "lanczos"}, "unknown method 'lanczos'; known: qr, arpack, dense"),
    "subspace": ({"k": 3, "subspace": 2}, "subspace is 2; expected 3 to 5"),
    "arpack's subspace": ({"k": 3, "subspace": 3, "method": "arpack"}, "subspace is 3; expected 4 to 5"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused(case):
    options, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        top_eigenpairs(diagonal([1.0, 2.0, 3.0, 4.0, 5.0]), **options)


@pytest.mark.parametrize("method", METHODS)
def test_products_that_are_not_finite_are_refused(method):
    with pytest.raises(ValueError, match="a product of the Hessian with a vector is not finite"):
        top_eigenpairs(diagonal([1.0, np.nan, 3.0, 4.0, 5.0]), 2, method)
