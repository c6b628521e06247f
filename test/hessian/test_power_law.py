import sys
import warnings

import numpy as np
import pytest

from hessian.power_law import decay_slope, density_fit, power_law, top_magnitudes

RANKS = np.arange(1, 201)


@pytest.mark.parametrize("s", [0.5, 1.5, 3.0])
def test_exact_power_of_the_rank(s):
    """k^(-s) has the density exponent 1 + 1/s."""
    magnitudes = 40 * RANKS**-s
    found = power_law(magnitudes, 200)
    assert found.slope == pytest.approx(s, rel=1e-12)
    assert found.fit.xmin == pytest.approx(magnitudes[-1])
    # the maximum of the likelihood by hand: alpha = 1 + n / sum(log(x / xmin)), of error (alpha - 1) / sqrt(n)
    alpha = 1 + 200 / np.sum(np.log(magnitudes / magnitudes[-1]))
    assert found.fit.alpha == pytest.approx(alpha, rel=1e-9)
    assert found.fit.error == pytest.approx((alpha - 1) / np.sqrt(200), rel=1e-9)
    assert found.fit.alpha == pytest.approx(1 + 1 / s, rel=0.02) and found.fit.decay == pytest.approx(s, rel=0.05)
    assert found.own.xmin >= found.fit.xmin


def test_steeper_decay_is_a_larger_slope_and_a_smaller_alpha():
    shallow, steep = power_law(RANKS**-1.0, 200), power_law(RANKS**-2.0, 200)
    assert steep.slope > shallow.slope and steep.fit.decay > shallow.fit.decay
    assert steep.fit.alpha < shallow.fit.alpha and steep.own.alpha < shallow.own.alpha


def test_slope_equals_least_squares_by_the_normal_equations():
    magnitudes = np.sort(np.random.RandomState(0).lognormal(size=60))[::-1]
    x, y = np.log(np.arange(1, 61)), np.log(magnitudes)
    expected = -np.sum((x - x.mean()) * (y - y.mean())) / np.sum((x - x.mean()) ** 2)
    assert decay_slope(magnitudes) == pytest.approx(expected, rel=1e-10)


def test_comparisons_tell_the_distributions_apart():
    random = np.random.RandomState(1)
    pareto = density_fit(1 + random.pareto(1.5, size=2000), xmin=1.0)
    assert pareto.alpha == pytest.approx(2.5, abs=4 * pareto.error)
    assert pareto.exponential.ratio > 0 and pareto.exponential.p < 0.01
    exponential = density_fit(1 + random.exponential(size=2000), xmin=1.0)
    assert exponential.exponential.ratio < 0 and exponential.exponential.p < 0.01
    lognormal = density_fit(random.lognormal(1.0, 0.5, size=2000), xmin=0.5)
    assert lognormal.lognormal.ratio < 0 and lognormal.lognormal.p < 0.01


def test_signs_and_order_do_not_matter_and_only_the_top_is_used():
    random = np.random.RandomState(0)
    eigenvalues = random.permutation(RANKS**-1.5 * random.choice([-1, 1], size=200))
    assert top_magnitudes(eigenvalues, 50) == pytest.approx(RANKS[:50] ** -1.5, rel=1e-12)
    assert power_law(eigenvalues, 50) == power_law(RANKS[:50] ** -1.5, 50)
    assert power_law(eigenvalues, 50).top == 50


def test_it_says_nothing_and_leaves_warnings_and_streams_as_they_were(capsys):
    streams, filters, errors = (sys.stdout, sys.stderr), list(warnings.filters), np.geterr()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        power_law(RANKS**-1.5, 200)
    assert capsys.readouterr() == ("", "") and not caught
    assert (sys.stdout, sys.stderr) == streams and warnings.filters == filters and np.geterr() == errors


BAD = {
    "short": (np.arange(1.0, 31), 50, "30 eigenvalues, 30 of positive magnitude; expected 50"),
    "zeros": (np.where(RANKS < 40, 1.0 / RANKS, 0), 50, "200 eigenvalues, 39 of positive magnitude; expected 50"),
    "nan": (np.where(RANKS < 40, 1.0 / RANKS, np.nan), 50, "161 of 200 eigenvalues are not finite"),
    "equal": (np.ones(60), 50, "the top 50 eigenvalues are all of magnitude 1.0"),
    "empty": (np.zeros(0), 50, "0 eigenvalues, 0 of positive magnitude; expected 50"),
    "few": (1.0 / RANKS, 3, "the top 3 eigenvalues; expected at least 10"),
}


@pytest.mark.parametrize("case", BAD)
def test_spectrum_that_cannot_be_fitted_is_an_error_not_a_number(case):
    eigenvalues, top, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        power_law(eigenvalues, top)
