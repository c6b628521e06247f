"""Alignment of a gradient, and of a rule's error, with the Hessian's leading eigenvectors (Figure 10); W_h only."""

from typing import Dict, Sequence

import numpy as np

TOPS = (5, 10, 20)


def error_vector(exact: np.ndarray, approximate: np.ndarray, rho: float) -> np.ndarray:
    """e = ghat - rho g [n], orthogonal to g for the rho of Eq. 6 (rules.scaled_bptt.rho)."""
    return flat(approximate) - rho * flat(exact)


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
