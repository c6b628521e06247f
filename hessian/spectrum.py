"""The leading part of a Hessian's spectrum: block power iteration with QR, ARPACK, or the whole matrix.

All take any symmetric linear operator, such as a `hessian.operator.HessianOperator`, compute in float64 beside its
products, and find the k eigenvalues of largest magnitude.
"""

from typing import Callable, NamedTuple, Optional

import numpy as np
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from hessian.operator import dense

TOLERANCE = 1e-2  # on |Hv - mu v| / |mu|, as for the leading eigenvalue, whose error is of second order in it
SETTLED = 1e-6  # on the eigenvalue; paper, A.1
MAX_ITERATIONS = 500
ROUNDING = 32  # units in the last place of the largest eigenvalue, below which a product is rounding


class Eigenpairs(NamedTuple):
    """k eigenpairs by falling magnitude.

    eigenvalues [k], signed. eigenvectors [n, k], columns of unit length. residuals [k]: |Hv - mu v| / |mu| by a product
    with each vector. converged [k]: a residual of at most the tolerance, or |Hv - mu v| within the products' rounding,
    ROUNDING units in the last place of the largest eigenvalue (where mu is as good as zero). settled [k]: the paper's
    own criterion, that a further product moves the eigenvalue, from |mu| to |Hv|, by at most SETTLED, or by what is
    within the same rounding. What ARPACK could not find is NaN, neither settled nor converged.
    iterations: of the block; steps, one product each, of ARPACK. products: with a vector, all that were used.
    """

    eigenvalues: np.ndarray
    eigenvectors: np.ndarray
    residuals: np.ndarray
    settled: np.ndarray
    converged: np.ndarray
    iterations: int
    products: int


class Search(NamedTuple):
    """How the eigenpairs are looked for: k, and the arguments of `top_eigenpairs`."""

    k: int
    subspace: int
    tolerance: float
    max_iterations: int
    seed: int


def top_eigenpairs(
    operator: LinearOperator,
    k: int,
    method: str = "qr",
    tolerance: float = TOLERANCE,
    subspace: Optional[int] = None,
    max_iterations: int = MAX_ITERATIONS,
    seed: int = 0,
    progress: Optional[Callable[[int], None]] = None,
) -> Eigenpairs:
    """The k eigenpairs of largest magnitude of a symmetric operator [n, n].

    method: `qr`, block power iteration with QR as in the paper (A.1, [174]), a block of products an iteration, with the
    Rayleigh-Ritz estimate on the block, which ends when the residuals of all k are within the tolerance; `arpack`,
    SciPy's eigsh with which="LM", the tolerance as its tol and the subspace as its ncv, far fewer products; `dense`, n
    products and LAPACK, for small networks.
    subspace: width of the block, or ARPACK's Lanczos vectors; default 2 k + 1. A larger one costs memory and saves
    iterations. max_iterations: blocks, or ARPACK's restarts. seed: of the random start. progress: called with the
    number of products so far.
    Raises ValueError for an unknown method, for k or subspace out of range, and for products that are not finite.
    """
    if method not in METHODS:
        raise ValueError(f"unknown method '{method}'; known: {', '.join(METHODS)}")
    size = operator.shape[0]
    if not 1 <= k <= size:
        raise ValueError(f"k is {k}; expected 1 to {size}, the number of weights")
    if method == "arpack" and k == size:
        raise ValueError(f"k is {k}; ARPACK finds at most {size - 1} of {size}, dense finds all")
    minimum = k + 1 if method == "arpack" else k
    subspace = min(2 * k + 1, size) if subspace is None else subspace
    if not minimum <= subspace <= size:
        raise ValueError(f"subspace is {subspace}; expected {minimum} to {size}")
    return METHODS[method](
        _Counted(operator, progress), Search(k, subspace, tolerance, max_iterations, seed), _rounding(operator)
    )


class _Counted(LinearOperator):
    """An operator in float64 that counts its products and refuses what is not finite."""

    def __init__(self, operator, progress):
        super().__init__(np.float64, operator.shape)
        self.products, self._operator, self._progress = 0, operator, progress

    def _matvec(self, vector):
        return self._noted(self._operator.matvec(vector.reshape(-1)), 1)

    def _matmat(self, block):
        return self._noted(self._operator.matmat(block), block.shape[1])

    def _noted(self, product, count):
        self.products += count
        if self._progress is not None:
            self._progress(self.products)
        if not np.all(np.isfinite(product)):
            raise ValueError("a product of the Hessian with a vector is not finite")
        return np.asarray(product, np.float64)


def _block_power(operator: _Counted, search: Search, rounding: float) -> Eigenpairs:
    """Q R = H Q, again and again; within the block's span, the eigenvectors of Q^T H Q are the best estimates."""
    block = _random_start(operator, search.subspace, search.seed)
    for iteration in range(1, search.max_iterations + 1):
        basis, _ = np.linalg.qr(block)
        product = operator.matmat(basis)
        inner = basis.T @ product
        values, rotation = _sorted(*np.linalg.eigh((inner + inner.T) / 2))
        vectors, block = basis @ rotation, product @ rotation
        found = _judged(values, vectors, block, search, rounding)
        found = found._replace(iterations=iteration, products=operator.products)
        if np.all(found.converged):
            break
    return found


def _arpack(operator: _Counted, search: Search, rounding: float) -> Eigenpairs:
    """Implicitly restarted Lanczos, which cannot start from a zero product, as all those of a zero matrix are."""
    start = operator.matvec(_random_start(operator, 1, search.seed)[:, 0])
    if not np.any(start):
        nothing = np.eye(operator.shape[0], search.k)
        return _judged(np.zeros(search.k), nothing, 0 * nothing, search, rounding)._replace(products=operator.products)
    try:
        values, vectors = eigsh(
            operator,
            search.k,
            which="LM",
            v0=start,
            ncv=search.subspace,
            tol=search.tolerance,
            maxiter=search.max_iterations,
        )
    except ArpackNoConvergence as partly:
        values, vectors = partly.eigenvalues, partly.eigenvectors
    steps = operator.products
    values, vectors = _sorted(values, vectors)
    found = _judged(values, vectors, operator.matmat(vectors), search, rounding) if len(values) else None
    return _filled(found, operator, search)._replace(iterations=steps, products=operator.products)


def _dense(operator: _Counted, search: Search, rounding: float) -> Eigenpairs:
    """All of H, its symmetric part diagonalised; the residuals are with H itself."""
    hessian = dense(operator)
    values, vectors = _sorted(*np.linalg.eigh((hessian + hessian.T) / 2))
    vectors = vectors[:, : search.k]
    found = _judged(values, vectors, hessian @ vectors, search, rounding)
    return found._replace(iterations=1, products=operator.products)


METHODS = {"qr": _block_power, "arpack": _arpack, "dense": _dense}


def _random_start(operator, columns, seed):
    return np.random.RandomState(seed).normal(size=(operator.shape[0], columns))


def _rounding(operator) -> float:
    """What a product of an operator of that precision may be off by, as a share of its largest eigenvalue."""
    single = operator.dtype == np.float32
    return ROUNDING * float(np.finfo(np.float32 if single else np.float64).eps)


def _sorted(values, vectors):
    """By falling magnitude."""
    order = np.argsort(-np.abs(values), kind="stable")
    return values[order], vectors[:, order]


def _judged(values, vectors, products, search, rounding) -> Eigenpairs:
    """The first k of the pairs with residuals; products [n, >= k] = H vectors."""
    values, vectors = values[: search.k], vectors[:, : search.k]
    off = np.linalg.norm(products[:, : search.k] - vectors * values, axis=0)
    magnitudes = np.abs(values)
    moved = np.abs(np.linalg.norm(products[:, : search.k], axis=0) - magnitudes)
    settled = moved <= np.maximum(SETTLED, rounding * magnitudes.max())
    with np.errstate(divide="ignore"):
        residuals = np.where(off == 0, 0, off / np.where(off == 0, 1, magnitudes))
    converged = off <= np.maximum(search.tolerance * magnitudes, rounding * magnitudes.max())
    return Eigenpairs(values, vectors, residuals, settled, converged, 0, 0)


def _filled(found: Optional[Eigenpairs], operator, search) -> Eigenpairs:
    """What was not found as NaN, not converged."""
    size, missing = operator.shape[0], search.k - (0 if found is None else len(found.eigenvalues))
    nothing = Eigenpairs(
        np.full(missing, np.nan),
        np.full((size, missing), np.nan),
        np.full(missing, np.nan),
        np.zeros(missing, bool),
        np.zeros(missing, bool),
        0,
        0,
    )
    if found is None:
        return nothing
    joined = [np.concatenate(parts, axis=-1) for parts in zip(found[:5], nothing[:5])]
    return Eigenpairs(*joined, 0, 0)
