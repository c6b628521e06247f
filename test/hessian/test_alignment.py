import numpy as np
import pytest

from hessian.alignment import alignment, cosines, error_vector


def test_cosines_with_a_known_basis():
    vectors = np.eye(4)[:, :3]
    assert cosines(np.array([3.0, -4.0, 0.0, 12.0]), 2 * vectors) == pytest.approx([3 / 13, 4 / 13, 0])
    assert alignment([[3.0, -4.0], [0.0, 12.0]], vectors, (1, 2, 3)) == pytest.approx(
        {1: 3 / 13, 2: 3.5 / 13, 3: 7 / 39}
    )


def test_error_is_orthogonal_and_completes_the_gradient():
    g, ghat = np.random.RandomState(0).normal(size=(2, 5, 5))
    rho = np.sum(ghat * g) / np.sum(g * g)
    e = error_vector(g, ghat, rho)
    assert rho * g.ravel() + e == pytest.approx(ghat.ravel(), rel=1e-12)
    assert abs(e @ g.ravel()) < 1e-13


def test_vectors_without_a_direction_have_no_cosine():
    vectors = np.eye(4)
    assert np.all(np.isnan(cosines(np.zeros(4), vectors)))
    assert np.isnan(alignment(np.zeros(4), vectors, (2,))[2])


def test_too_few_eigenvectors_are_refused():
    with pytest.raises(ValueError, match="the top 20 eigenvectors; only 4 are given"):
        alignment(np.ones(4), np.eye(4))
