"""How fast the eigenvalues decay (Figure 7): with rank, and as the powerlaw package fits their density (A.1, [175]).

Two exponents, and their directions differ. Eigenvalues that fall with rank k as k^(-s) have magnitudes of density
x^(-alpha) with alpha = 1 + 1/s: a steeper decay is a larger s and a **smaller** alpha.
"""

import contextlib
import io
import warnings
from typing import NamedTuple, Optional

import numpy as np
import powerlaw

MIN_EIGENVALUES = 10  # magnitudes below which neither a slope nor an exponent means anything; ours


class Comparison(NamedTuple):
    """The power law against another distribution, above xmin.

    ratio: log likelihood ratio, normalised by its standard deviation; positive where the power law is likelier. p: of a
    ratio that far from zero, were the two equally likely.
    """

    ratio: float
    p: float


class DensityFit(NamedTuple):
    """Maximum likelihood of the density x^(-alpha) above xmin.

    error: standard error of alpha. decay: 1 / (alpha - 1), the decay with rank that alpha stands for.
    """

    alpha: float
    error: float
    xmin: float
    decay: float
    exponential: Comparison
    lognormal: Comparison


class PowerLaw(NamedTuple):
    """Of the `top` largest magnitudes.

    slope: s of k^(-s), in log-log rank. fit: of the density, with xmin at the smallest of them. own: the same with the
    xmin that the package picks, where the Kolmogorov-Smirnov distance is smallest.
    """

    top: int
    slope: float
    fit: DensityFit
    own: DensityFit


def power_law(eigenvalues: np.ndarray, top: int) -> PowerLaw:
    """The decay of the `top` eigenvalues of largest magnitude, given signed and in any order.

    Raises ValueError if there are fewer than `top`, or fewer than `top` that differ from zero, if `top` is below
    MIN_EIGENVALUES, if one is not finite, or if all are equal.
    """
    magnitudes = top_magnitudes(eigenvalues, top)
    return PowerLaw(top, decay_slope(magnitudes), density_fit(magnitudes, magnitudes[-1]), density_fit(magnitudes))


def top_magnitudes(eigenvalues: np.ndarray, top: int) -> np.ndarray:
    """The `top` largest magnitudes, falling [top]. Raises ValueError as `power_law`."""
    eigenvalues = np.asarray(eigenvalues, np.float64).ravel()
    if top < MIN_EIGENVALUES:
        raise ValueError(f"a power law of the top {top} eigenvalues; expected at least {MIN_EIGENVALUES}")
    if not np.all(np.isfinite(eigenvalues)):
        raise ValueError(f"{np.sum(~np.isfinite(eigenvalues))} of {len(eigenvalues)} eigenvalues are not finite")
    magnitudes = np.sort(np.abs(eigenvalues))[::-1]
    positive = int(np.sum(magnitudes > 0))
    if positive < top:
        raise ValueError(f"{len(magnitudes)} eigenvalues, {positive} of positive magnitude; expected {top}")
    if magnitudes[0] == magnitudes[top - 1]:
        raise ValueError(f"the top {top} eigenvalues are all of magnitude {magnitudes[0]}; there is no decay to fit")
    return magnitudes[:top]


def decay_slope(magnitudes: np.ndarray) -> float:
    """s of magnitudes ~ k^(-s): least squares of log magnitude on log rank k = 1, 2, ...; positive where they fall."""
    ranks = np.arange(1, len(magnitudes) + 1)
    return -float(np.polyfit(np.log(ranks), np.log(magnitudes), 1)[0])


def density_fit(magnitudes: np.ndarray, xmin: Optional[float] = None) -> DensityFit:
    """The powerlaw package's fit above xmin, or above the one that it picks; silent."""
    with _silence():
        fit = powerlaw.Fit(magnitudes, xmin=xmin, verbose=False)
        found = fit.power_law
        comparisons = [
            Comparison(*map(float, fit.distribution_compare("power_law", other, normalized_ratio=True)))
            for other in ("exponential", "lognormal")
        ]
    alpha = float(found.alpha)
    return DensityFit(alpha, float(found.sigma), float(found.xmin), 1 / (alpha - 1), *comparisons)


@contextlib.contextmanager
def _silence():
    """For as long as it lasts: no warnings and nothing printed, which powerlaw does while it searches."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
