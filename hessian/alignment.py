"""Alignment of a gradient, and of a rule's error, with the Hessian's leading eigenvectors (Figure 10); W_h only."""

from typing import Dict, Sequence

import numpy as np

TOPS = (5, 10, 20)


def step_length(exact: np.ndarray, approximate: np.ndarray) -> float:
    """rho = (ghat . g) / (g . g), Eq. 6; NaN where the exact gradient vanishes.

    Training has its own (rules.scaled_bptt.rho), in the graph, per replica and in single precision, where 0 stands for
    NaN; e is orthogonal to g only if rho is computed in the precision of the arrays that it is made of.
    """
    g, ghat = flat(exact), flat(approximate)
    square = g @ g
    return float(ghat @ g / square) if square > 0 else float("nan")


def error_vector(exact: np.ndarray, approximate: np.ndarray) -> np.ndarray:
    """e = ghat - rho g [n], orthogonal to g (Eq. 6)."""
    return flat(approximate) - step_length(exact, approximate) * flat(exact)


def cosines(vector: np.ndarray, eigenvectors: np.ndarray) -> np.ndarray:
    """|cos| of the vector with each column of eigenvectors [n, k] -> [k]; NaN for a vector of length zero."""
    vector, eigenvectors = flat(vector), np.asarray(eigenvectors, np.float64)
    lengths = np.linalg.norm(vector) * np.linalg.norm(eigenvectors, axis=0)
    inner = np.abs(vector @ eigenvectors)
    return np.divide(inner, lengths, out=np.full(len(inner), np.nan), where=lengths > 0)


def alignment(vector: np.ndarray, eigenvectors: np.ndarray, tops: Sequence[int] = TOPS) -> Dict[int, float]:
    """{top: mean |cos| with the first `top` columns}. Raises ValueError if there are fewer columns than a top."""
    found = cosines(vector, eigenvectors)
    if max(tops) > len(found):
        raise ValueError(f"alignment with the top {max(tops)} eigenvectors; only {len(found)} are given")
    return {top: float(np.mean(found[:top])) for top in tops}


def flat(array: np.ndarray) -> np.ndarray:
    """An array as a vector, in double precision."""
    return np.asarray(array, np.float64).ravel()
