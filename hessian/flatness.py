"""Relative flatness of a linear readout (Petzka et al. 2021, the appendix's [6]). Larger is sharper.

For outputs z = f w + c with weight vectors w_s, the columns of w [N, K], and the Hessian of the data loss alone over w:

    sum over output units s, s' of <w_s, w_s'> Tr(H_{s,s'}),   H_{s,s'} = d2L / dw_s dw_s'

It is unchanged where the layer before is scaled by q > 0 and w by 1/q.
"""

import numpy as np
from scipy.sparse.linalg import LinearOperator
from scipy.special import expit

from hessian.operator import dense


def relative_flatness_of_softmax(features: np.ndarray, readout: np.ndarray, outputs: np.ndarray) -> float:
    """Exact for the mean over rows of a softmax cross-entropy: H_{s,s'} = mean of f f^T (p_s delta_{ss'} - p_s p_s').

    features: f [M, N], one row per example and supervised time step. readout: w [N, K]. outputs: f w + c [M, K].
    """
    features, readout, outputs = (np.asarray(array, np.float64) for array in (features, readout, outputs))
    exponentials = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    p = exponentials / exponentials.sum(axis=1, keepdims=True)
    spread = p @ np.sum(readout**2, axis=0) - np.sum((p @ readout.T) ** 2, axis=1)  # of w_s about its mean under p
    return float(np.mean(np.sum(features**2, axis=1) * spread))


def relative_flatness_of_sigmoid(features: np.ndarray, readout: np.ndarray, outputs: np.ndarray) -> float:
    """Exact for logistic outputs: H_{s,s'} = delta_{ss'} mean of f f^T p_s (1 - p_s). Shapes as above."""
    features, readout, outputs = (np.asarray(array, np.float64) for array in (features, readout, outputs))
    variance = expit(outputs) * expit(-outputs)
    return float(np.mean(np.sum(features**2, axis=1) * (variance @ np.sum(readout**2, axis=0))))


def relative_flatness_of_squared_error(features: np.ndarray, readout: np.ndarray) -> float:
    """Exact for the mean over rows of |f w + c - y|^2 / 2: H_{s,s'} = delta_{ss'} mean of f f^T. Shapes as above."""
    features, readout = (np.asarray(array, np.float64) for array in (features, readout))
    return float(np.sum(readout**2) * np.mean(np.sum(features**2, axis=1)))


def relative_flatness(operator: LinearOperator, readout: np.ndarray) -> float:
    """By the second derivatives of any loss, with N K products.

    operator: the Hessian of the data loss, without a penalty, over the readout [N, K] alone. readout: w [N, K], or with
    axes of length one before.
    """
    readout = np.asarray(readout, np.float64).reshape(readout.shape[-2:])
    inputs, outputs = readout.shape
    blocks = dense(operator).reshape(inputs, outputs, inputs, outputs)
    traces = np.einsum("isit->st", blocks)
    return float(np.sum(traces * (readout.T @ readout)))
