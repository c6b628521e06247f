"""Effect sizes, tests and intervals against scipy, or computed once more by hand."""

import itertools

import numpy as np
import pytest
from scipy import stats

from figures import bootstrap, judgement, statistics


def test_the_rank_sum_test_is_exact_for_small_samples():
    first, second = np.array([6.0, 7, 8, 9, 10]), np.array([1.0, 2, 3, 4, 5])
    assert statistics.rank_sum_p(first, second) == pytest.approx(2 / 252)
    assert statistics.rank_sum_p(first, first) == 1.0
    assert statistics.rank_sum_p(np.ones(4), np.ones(5)) == 1.0
    random = np.random.RandomState(0)
    x, y = random.randn(30), random.randn(30) + 0.3
    assert statistics.rank_sum_p(x, y) == pytest.approx(stats.mannwhitneyu(x, y, alternative="two-sided").pvalue)


def test_dominance_counts_pairs_infinite_values_too():
    x, y = np.array([1.0, 4.0, 4.0, np.inf]), np.array([2.0, 4.0, np.inf])

    def by_hand(first):
        return np.mean([int(a > b) - int(a < b) for a, b in itertools.product(first, y)])

    assert statistics.dominance(x, y) == pytest.approx(by_hand(x))
    assert statistics.dominance(np.stack([x, x - 2]), y) == pytest.approx([by_hand(x), by_hand(x - 2)])


def test_paired_dominance_is_the_signed_share_of_ranks():
    differences = np.array([0.0, 3.0, -1.0, 2.0, -2.0, 0.0])  # ranks of those that differ: 4, 1, 2.5, 2.5
    assert statistics.paired_dominance(differences) == pytest.approx((4 - 1 + 2.5 - 2.5) / 10)
    draws = np.stack([differences, np.abs(differences), 0 * differences])
    assert statistics.paired_dominance(draws) == pytest.approx([0.3, 1, 0])
    assert statistics.paired_dominance(np.array([np.inf, -1.0])) == pytest.approx(1 / 3)


def test_spearman_along_the_bootstrap_axis_is_scipys():
    points = np.random.RandomState(1).randn(3, 20, 2).round(1)
    expected = [stats.spearmanr(p[:, 0], p[:, 1])[0] for p in points]
    assert statistics.rank_correlation(points) == pytest.approx(expected)


def test_correlation_within_strata_is_that_of_ranks_centred_in_each():
    points = np.random.RandomState(2).randn(15, 3, 2).round(1)
    ranks = np.stack([[stats.rankdata(points[:, s, v]) - 8 for v in range(2)] for s in range(3)])  # [strata, 2, n]
    x, y = ranks[:, 0].ravel(), ranks[:, 1].ravel()
    assert statistics.stratified_rank_correlation(points) == pytest.approx(x @ y / np.sqrt((x @ x) * (y @ y)))


def test_the_permutation_test_of_one_stratum_is_that_of_all_arrangements():
    points = np.random.RandomState(3).randn(6, 1, 2)
    x, y = [stats.rankdata(points[:, 0, v]) for v in range(2)]
    found = [abs(np.corrcoef(x, order)[0, 1]) for order in itertools.permutations(y)]
    exact = np.mean(np.array(found) > abs(np.corrcoef(x, y)[0, 1]) - 1e-9)
    p = statistics.stratified_permutation_p(points, np.random.RandomState(0), 20000)
    assert p == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 20000))


def test_equivalence_is_the_larger_of_two_one_sided_welch_tests():
    random = np.random.RandomState(2)
    x, y = random.randn(12), 0.2 + 0.5 * random.randn(9)
    sides = [stats.ttest_ind(x - shift, y, equal_var=False) for shift in (1.0, -1.0)]
    p = [p / 2 if sign * t > 0 else 1 - p / 2 for (t, p), sign in zip(sides, (-1, 1))]
    found, low, high = statistics.equivalence(x, y, 1.0)
    assert found == pytest.approx(max(p))
    for end in (low, high):  # an interval's ends are the shifts that are just significant
        assert stats.ttest_ind(x - end, y, equal_var=False)[1] == pytest.approx(0.05)


def test_equivalence_to_a_number_is_two_one_sided_t_tests():
    x = np.random.RandomState(4).randn(12)
    sides = [stats.ttest_1samp(x, bound) for bound in (0.3 + 0.8, 0.3 - 0.8)]
    p = [p / 2 if sign * t > 0 else 1 - p / 2 for (t, p), sign in zip(sides, (-1, 1))]
    found, low, high = statistics.equivalence_to(x, 0.3, 0.8)
    assert found == pytest.approx(max(p))
    assert [stats.ttest_1samp(x, end)[1] for end in (low, high)] == pytest.approx([0.05, 0.05])


def test_the_contrast_of_three_means_is_welchs_where_one_does_not_vary():
    random = np.random.RandomState(5)
    second, third = random.randn(8) + 1, 2 * random.randn(11)
    expected = stats.ttest_ind(2 * second, third + 0.5, equal_var=False)[1]
    assert statistics.remainder_p(np.full(6, 0.5), second, third) == pytest.approx(expected)


def bca_by_hand(effect, samples, random, draws):
    """Efron's formulas, one draw and one left-out value at a time."""
    estimate = effect(*samples)
    orders = [random.randint(len(sample), size=(draws, len(sample))) for sample in samples]
    found = np.array([effect(*[s[o[d]] for s, o in zip(samples, orders)]) for d in range(draws)])
    bias = stats.norm.ppf(np.mean(found < estimate) + np.mean(found == estimate) / 2)
    cubes = squares = 0.0
    for k, sample in enumerate(samples):
        left_out = [
            effect(*[np.delete(s, i) if j == k else s for j, s in enumerate(samples)]) for i in range(len(sample))
        ]
        influence = (len(sample) - 1) * (np.mean(left_out) - np.array(left_out))
        cubes += np.sum(influence**3) / len(sample) ** 3
        squares += np.sum(influence**2) / len(sample) ** 2
    acceleration = cubes / (6 * squares**1.5)
    shifted = bias + stats.norm.ppf([0.025, 0.975])
    return np.percentile(found, 100 * stats.norm.cdf(bias + shifted / (1 - acceleration * shifted)))


@pytest.mark.parametrize("effect", [statistics.dominance, statistics.log_sd_ratio])
def test_the_bca_interval_is_efrons(effect):
    random = np.random.RandomState(6)
    samples = [np.exp(random.randn(9)), np.exp(0.5 * random.randn(12))]
    found = bootstrap.interval(effect, samples, np.random.RandomState(0), 500)
    assert found == pytest.approx(bca_by_hand(effect, samples, np.random.RandomState(0), 500))


def test_the_bca_interval_of_a_skewed_mean_lies_farther_up_than_the_percentile_interval():
    values = np.exp(np.random.RandomState(7).randn(20))
    low, high = bootstrap.interval(statistics.mean, [values], np.random.RandomState(0), 2000)
    draws = values[np.random.RandomState(0).randint(20, size=(2000, 20))].mean(axis=1)
    assert low > np.percentile(draws, 2.5) and high > np.percentile(draws, 97.5)


def test_an_interval_of_too_little_is_none():
    assert np.isnan(bootstrap.interval(statistics.mean, [np.ones(1)], np.random.RandomState(0))).all()
    assert bootstrap.interval(statistics.mean, [np.ones(5)], np.random.RandomState(0)) == (1.0, 1.0)


def test_holm_corrects_step_by_step_and_counts_rows_without_a_test():
    rows = [dict(family="a", task="t", kind="greater", p=p) for p in (0.01, np.nan, 0.04, 0.03)]
    rows += [dict(family="a", task="u", kind="greater", p=0.02), dict(family="a", task="t", kind="reported", p=np.nan)]
    judgement.correct(rows)
    corrected = [row["p_corrected"] for row in rows]
    assert corrected[0] == pytest.approx(0.04) and np.isnan(corrected[1]) and np.isnan(corrected[5])
    assert corrected[2:5] == pytest.approx([0.09, 0.09, 0.02])
