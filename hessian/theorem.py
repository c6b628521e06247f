"""Theorem 1 (appendix B.1) and the Taylor terms of an update (Eq. 33-36), on given gradients and products.

Gradients g (exact) and ghat (of a rule) are over the recurrent weights, of the same loss and batch as the Hessian H;
rho is that of Eq. 6 over the same weights (rules.scaled_bptt.rho). J and Jhat are the Jacobians of the updates
F = -eta_B g and Fhat = -eta_e ghat in the weights, not of W + F. All in float64; arrays of weights may have any shape
and are read in C order, n entries.
"""

from typing import Callable, NamedTuple

import numpy as np
from scipy.sparse.linalg import LinearOperator

from hessian.alignment import error_vector, flat

STEP = 1e-5  # of central differences, for weights of order one: its square and float64's 1e-16 / STEP balance


class TaylorTerms(NamedTuple):
    """First and second Taylor terms of an update's change of the loss, dL = -T1 + T2 (Eq. 33-35).

    T1, T2: of the exact gradient with learning rate eta_B; T1_hat, T2_hat: of the rule's with eta_e.
    assumption_1: |2 rho g.He + e.He| / |rho^2 g.Hg|, what Eq. 36 neglects; NaN where g.Hg or rho is zero.
    """

    T1: float
    T1_hat: float
    T2: float
    T2_hat: float
    assumption_1: float


def taylor_terms(
    operator: LinearOperator,
    exact: np.ndarray,
    approximate: np.ndarray,
    rho: float,
    eta_exact: float,
    eta_approximate: float,
) -> TaylorTerms:
    """T1 = eta_B g.g, T1_hat = eta_e ghat.g, T2 = eta_B^2 g.Hg / 2, T2_hat = eta_e^2 ghat.H ghat / 2; three products.

    With eta_B = rho eta_e the first two are equal, and so are the last two up to assumption_1 (Eq. 36).
    """
    g, ghat = flat(exact), flat(approximate)
    e = error_vector(g, ghat, rho)
    Hg, He, Hghat = (flat(operator.matvec(vector)) for vector in (g, e, ghat))
    kept = abs(rho**2 * (g @ Hg))
    return TaylorTerms(
        T1=float(eta_exact * (g @ g)),
        T1_hat=float(eta_approximate * (ghat @ g)),
        T2=float(eta_exact**2 * (g @ Hg) / 2),
        T2_hat=float(eta_approximate**2 * (ghat @ Hghat) / 2),
        assumption_1=float(abs(2 * rho * (g @ He) + e @ He) / kept) if kept > 0 else float("nan"),
    )


class Bounds(NamedTuple):
    """What Theorem 1 allows for |lambda_1(H)| and where the update truly stops being stable.

    exact: 1 / eta_B (Eq. 31). approximate: 1 / (|rho| eta_e) (Eq. 32), infinite for rho = 0. exact_limit: 2 / eta_B,
    where 1 + lambda(J) = -1. approximate_limit: 2 / (rho eta_e) for rho > 0; 0 for rho <= 0, where no curvature is
    stable along g.
    """

    exact: float
    approximate: float
    exact_limit: float
    approximate_limit: float


def bounds(eta_exact: float, eta_approximate: float, rho: float) -> Bounds:
    """The bounds of Eq. 31 and 32 at learning rates above 0; NaN where rho is."""
    reach = abs(rho) * eta_approximate
    return Bounds(
        exact=1 / eta_exact,
        approximate=float("inf") if reach == 0 else 1 / reach,
        exact_limit=2 / eta_exact,
        approximate_limit=0.0 if rho <= 0 else 2 / reach,
    )


def jacobian(field: Callable[[np.ndarray], np.ndarray], weights: np.ndarray, step: float = STEP) -> np.ndarray:
    """d field_i / d weights_j [n, n] by central differences, 2 n calls.

    field: from weights in their own shape to as many numbers, in float64, such as ghat(W) of a rule. tf.gradients
    through a rule's operation would not do: it differentiates the error with the rule's own backward pass.
    """
    weights = np.asarray(weights, np.float64)
    columns = []
    for index in np.ndindex(*weights.shape):
        sides = []
        for sign in (1, -1):
            moved = weights.copy()
            moved[index] += sign * step
            sides.append(flat(field(moved)))
        columns.append((sides[0] - sides[1]) / (2 * step))
    return np.stack(columns, axis=1)


def leading(matrix: np.ndarray) -> complex:
    """The eigenvalue of largest magnitude of a square matrix that need not be symmetric; real wherever it is."""
    values = np.linalg.eigvals(matrix)
    value = values[np.abs(values).argmax()]
    return float(value.real) if value.imag == 0 else complex(value)


class Theorem1(NamedTuple):
    """What the theorem speaks of, at one point of weights.

    hessian, exact_jacobian, approximate_jacobian: leading eigenvalues of H, J and Jhat, signed. exact_multiplier,
    approximate_multiplier: 1 + lambda of J and Jhat, by which a deviation grows in an update; stable within 1.
    predicted_exact: -eta_B lambda_1(H) (Eq. 21). predicted_approximate: -rho eta_e lambda_1(H) (Eq. 30).
    """

    hessian: float
    exact_jacobian: complex
    approximate_jacobian: complex
    exact_multiplier: complex
    approximate_multiplier: complex
    predicted_exact: float
    predicted_approximate: float
    bounds: Bounds


def theorem_1(
    exact: Callable[[np.ndarray], np.ndarray],
    approximate: Callable[[np.ndarray], np.ndarray],
    weights: np.ndarray,
    rho: float,
    eta_exact: float,
    eta_approximate: float,
    step: float = STEP,
) -> Theorem1:
    """Measures H, J and Jhat by central differences of the gradients g(W) and ghat(W), each 2 n calls; rho at weights.

    Eq. 28-30 hold to the accuracy of the residual error where the loss is (yhat_T - y)^2 / 2 of one scalar output and
    one example; elsewhere the predictions may be compared with what is measured.
    """
    H, of_rule = jacobian(exact, weights, step), jacobian(approximate, weights, step)
    hessian = leading(H)  # not of its symmetric part: weights that are masked have rows of zeros, but columns
    J, J_hat = leading(-eta_exact * H), leading(-eta_approximate * of_rule)
    return Theorem1(
        hessian=hessian,
        exact_jacobian=J,
        approximate_jacobian=J_hat,
        exact_multiplier=1 + J,
        approximate_multiplier=1 + J_hat,
        predicted_exact=-eta_exact * hessian,
        predicted_approximate=-rho * eta_approximate * hessian,
        bounds=bounds(eta_exact, eta_approximate, rho),
    )
