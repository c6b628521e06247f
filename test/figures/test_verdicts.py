"""Each kind of claim on runs of which the answer is known: an effect there, not there, negligible, the other way."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from synthetic_tables import Tables, log_normal, normal

from figures import judgement, statistics
from figures.measures import LOGARITHMIC, is_logarithmic
from figures.theorem import UNSTABLE

MNIST, PATTERN, MATCH = "seq_mnist", "pattern_generation", "delayed_match"


def two_rules(three=1.0, n=30, measure="eigenvalue", **lost):
    """BPTT and three-factor, medians 1 and `three`."""
    tables = Tables().put("main:bptt", MNIST, **{measure: log_normal(1, n)})
    return tables.put("main:three_factor", MNIST, **{measure: log_normal(2, n, three)}, **lost)


def curvature(tables, **changed):
    """The row of three-factor against BPTT."""
    found = tables.judge("curvature_higher", tasks=[MNIST], groups=[["main:three_factor", "main:bptt"]], **changed)
    return found.iloc[0]


def test_a_shift_is_reproduced_with_its_numbers():
    row = curvature(two_rules(3.0))
    first, second = log_normal(2, 30, 3.0), log_normal(1, 30)
    assert row.verdict == "reproduced" and row.effect == pytest.approx(statistics.dominance(first, second))
    assert row.p == pytest.approx(stats.mannwhitneyu(first, second, alternative="two-sided").pvalue)
    assert row.mean_first == pytest.approx(first.mean()) and row.sd_first == pytest.approx(first.std(ddof=1))
    assert row.low_first < row.mean_first < row.high_first and row.low <= row.effect <= row.high
    assert row.detail == f"Wilcoxon over 30 pairs: p = {stats.wilcoxon(np.log(first) - np.log(second)).pvalue:.3g}"


def test_the_other_way_is_not_reproduced():
    assert curvature(two_rules(1 / 3.0)).verdict == "not reproduced"


def of_many_runs(ratio, n=1000):
    """Both rules' eigenvalues at the quantiles of a log-normal distribution, three-factor's `ratio` times BPTT's."""
    values = np.exp(0.3 * stats.norm.ppf((np.arange(n) + 0.5) / n))
    tables = Tables().put("main:bptt", MNIST, eigenvalue=values)
    return curvature(tables.put("main:three_factor", MNIST, eigenvalue=ratio * values))


def test_no_effect_is_inconclusive_with_few_runs_and_negligible_with_many():
    assert curvature(two_rules(1.0)).verdict == "inconclusive"
    row = of_many_runs(1.0)
    assert (row.verdict, row.reason) == ("not reproduced", "the effect is negligible")


def test_a_significant_effect_within_its_margin_is_not_reproduced():
    row = of_many_runs(1.07)
    assert row.p < 0.05 and 0 < row.effect < 0.147 < row.high and row.verdict == "inconclusive"


@pytest.mark.parametrize(
    "n, lost, reason", [(4, (), "fewer than 5 runs in a group"), (30, range(7), "more than 20% of")]
)
def test_too_few_or_too_many_diverged_are_inconclusive(n, lost, reason):
    row = curvature(two_rules(3.0, n, diverged=lost))
    assert row.verdict == "inconclusive" and row.reason.startswith(reason)


def test_a_diverged_run_counts_as_the_worst_and_the_survivors_stand_beside():
    row = curvature(two_rules(3.0, 10, diverged=(0, 1)))
    first, second = log_normal(2, 10, 3.0), log_normal(1, 10)
    counted = np.concatenate([first[2:], [1e9, 1e9]])
    assert row.effect == pytest.approx(statistics.dominance(counted, second))
    assert row.p == pytest.approx(statistics.rank_sum_p(counted, second))
    assert f"{statistics.dominance(first[2:], second):.3g}, p = " in row.survivors
    assert (row.n_first, row.diverged_first, row.diverged_second) == (8, 2, 0)


def test_divergence_alone_makes_an_effect_the_other_way():
    tables = Tables().put("main:bptt", MNIST, diverged=range(5), eigenvalue=log_normal(1, 30, 0.5, 0.01))
    row = curvature(tables.put("main:three_factor", MNIST, eigenvalue=log_normal(2, 30, 0.51, 0.01)))
    assert row.effect < statistics.dominance(log_normal(2, 30, 0.51, 0.01), log_normal(1, 30, 0.5, 0.01)[5:])


def test_a_seed_that_explodes_under_every_rule_is_left_out_for_all_of_them():
    tables = Tables().put("main:bptt", MNIST, diverged=(0, 1), diverged_at=7, eigenvalue=log_normal(1, 9))
    tables.put("main:three_factor", MNIST, diverged=(0,), diverged_at=10, eigenvalue=log_normal(2, 9, 3.0))
    row = curvature(tables)
    assert (row.left_out_first, row.left_out_second, row.diverged_first, row.diverged_second) == (1, 1, 0, 1)
    assert (row.n_first, row.n_second) == (8, 7)


def test_a_seed_that_diverges_late_under_every_rule_is_an_outcome():
    tables = Tables().put("main:bptt", MNIST, diverged=(0,), diverged_at=11, eigenvalue=log_normal(1, 9))
    tables.put("main:three_factor", MNIST, diverged=(0,), diverged_at=3, eigenvalue=log_normal(2, 9, 3.0))
    row = curvature(tables)
    assert (row.left_out_first, row.diverged_first, row.diverged_second) == (0, 1, 1)


def test_a_run_that_two_blocks_name_counts_once():
    tables = two_rules(3.0, 12)
    assert curvature(tables.put("main:bptt", MNIST, eigenvalue=log_normal(1, 12))).n_second == 12


def test_an_empty_group_has_no_runs_and_reduced_runs_no_verdict():
    assert curvature(Tables().put("main:bptt", MNIST, eigenvalue=log_normal(1, 9))).verdict == "no runs"
    tables = two_rules(3.0)
    row = tables.judge("curvature_higher", reduced=True, tasks=[MNIST]).iloc[0]
    assert row.verdict == judgement.NO_VERDICT


def test_a_family_counts_its_rows_without_runs():
    row = two_rules(1.6, 12).judge("curvature_higher", tasks=[MNIST]).iloc[0]
    alone = curvature(two_rules(1.6, 12))
    assert row.p == alone.p == alone.p_corrected and row.p_corrected == pytest.approx(3 * row.p)


def test_other_claims_and_the_order_of_runs_change_no_verdict():
    tables = two_rules(2.0, 20)
    tables.put("main:mdgl", MNIST, eigenvalue=log_normal(5, 20, 1.5), gap=normal(6, 20))
    alone = tables.judge("curvature_higher")
    tables.parts = [part.sample(frac=1, random_state=3) for part in tables.parts[::-1]]
    together = tables.judge()
    kept = together[together.claim == "curvature_higher"].reset_index(drop=True)[alone.columns]
    pd.testing.assert_frame_equal(alone, kept, check_dtype=False)


def paired(tables, claim, **groups):
    return tables.judge(claim, tasks=[MNIST]).set_index("groups").loc["Three-factor / Three-factor"]


@pytest.mark.parametrize("end, expected", [(3.0, "reproduced"), (1 / 3.0, "not reproduced")])
def test_two_measures_of_the_same_runs_are_compared_in_pairs(end, expected):
    start = log_normal(1, 12, sd=3.0)  # they differ between runs by far more than along training
    tables = Tables().put(
        "main:three_factor", MNIST, first_eigenvalue=start, eigenvalue=end * start * log_normal(2, 12)
    )
    row = tables.judge("curvature_approached", tasks=[MNIST]).iloc[0]
    assert row.verdict == expected and row.test == "Wilcoxon signed rank" and "the same 12 runs" in row.detail


def test_smaller_is_greater_the_other_way_round():
    tables = Tables().put("measured:bptt", MNIST, alpha_own_200=normal(1, 10, 3.0))
    tables.put("measured:three_factor", MNIST, alpha_own_200=normal(2, 10, 0.0))
    row = tables.judge("spectrum_steeper", tasks=[MNIST]).iloc[0]
    assert row.verdict == "reproduced" and row.effect > 0.9


@pytest.mark.parametrize("sd, expected", [(3.0, "reproduced"), (1.0, "inconclusive"), (1 / 3.0, "not reproduced")])
def test_spread_is_judged_by_brown_forsythe(sd, expected):
    first, second = normal(2, 30, 0, sd), normal(1, 30)
    tables = Tables().put("main:bptt", MNIST, gap=second).put("main:three_factor", MNIST, gap=first)
    row = tables.judge("gap_more_variable", tasks=[MNIST]).iloc[0]
    assert row.verdict == expected and row.p == pytest.approx(stats.levene(first, second, center="median").pvalue)
    assert row.effect == pytest.approx(np.log(first.std(ddof=1) / second.std(ddof=1)))


def four_rules(within):
    """Eigenvalue and gap rise together between rules; within them as far as `within` says."""
    tables = Tables()
    for k, rule in enumerate(("bptt", "mdgl", "three_factor", "rflo")):
        x = normal(k, 30)
        y = within * x + np.sqrt(1 - within**2) * normal(k + 10, 30)
        tables.put(f"main:{rule}", MNIST, eigenvalue=np.exp(x + 4 * k), gap=y + 4 * k)
    return tables.judge("gap_follows_curvature", "gap_follows_curvature_within", tasks=[MNIST]).set_index("claim")


def test_a_correlation_between_rules_is_pooled_and_none_within_them():
    found = four_rules(0.0)
    assert found.verdict["gap_follows_curvature"] == "reproduced" and found.effect["gap_follows_curvature"] > 0.8
    assert found.p["gap_follows_curvature_within"] > 0.05
    assert four_rules(0.7).verdict["gap_follows_curvature_within"] == "reproduced"
    assert four_rules(-0.7).verdict["gap_follows_curvature_within"] == "not reproduced"


def test_permutations_know_that_a_seeds_runs_are_no_independent_points():
    """Gap and eigenvalue each have an effect of the seed, common to all rules, and nothing to do with each other."""
    significant = {"clusters": 0, "points": 0}
    for key in range(100):
        random = np.random.RandomState(key)
        shared = random.randn(20, 1, 2)
        points = shared + 0.3 * random.randn(20, 4, 2)
        significant["clusters"] += statistics.stratified_permutation_p(points, random, 199) < 0.05
        significant["points"] += stats.spearmanr(*points.reshape(-1, 2).T)[1] < 0.05
    assert significant["clusters"] <= 11 < significant["points"]  # 11 of 100 at 0.05 has a chance of 0.4 %


@pytest.mark.parametrize(
    "ratio, n, expected",
    [(1.1, 30, "reproduced"), (4.0, 30, "not reproduced"), (0.2, 30, "not reproduced"), (1.5, 5, "inconclusive")],
)
def test_similar_is_equivalence_within_a_factor(ratio, n, expected):
    tables = Tables().put("main:three_factor", MNIST, eigenvalue=log_normal(1, n, 50.0, 0.5))
    tables.put("main:scaled_bptt", MNIST, eigenvalue=log_normal(2, n, 50.0 * ratio, 0.5))
    assert tables.judge("step_length_explains", tasks=[MNIST]).iloc[0].verdict == expected


@pytest.mark.parametrize("accuracy, expected", [(0.7, "reproduced"), (0.9, "not reproduced"), (0.745, "inconclusive")])
def test_a_number_without_spread_is_held_to_our_margin(accuracy, expected):
    tables = Tables().put("main:three_factor", MNIST, training_performance=normal(1, 10, accuracy, 0.02))
    assert tables.judge("three_factor_accuracy").iloc[0].verdict == expected


@pytest.mark.parametrize(
    "median, n, sd, expected",
    [
        (2500.0, 5, 0.2, "compatible"),
        (900.0, 5, 0.2, "incompatible"),
        (2500.0, 5, 1.5, "inconclusive"),
        (2500.0, 4, 0.2, "inconclusive"),
    ],
)
def test_table_1_is_compatible_incompatible_or_out_of_reach(median, n, sd, expected):
    values = log_normal(1, n, median, sd)
    row = Tables().put("early:three_factor", MNIST, eigenvalue=values).judge("table1_eigenvalue_three_factor").iloc[0]
    assert row.verdict == expected
    drawn = np.log(np.random.RandomState(0).lognormal(np.log(2550) - 0.0181, 0.19, 100000))  # of the published moments
    assert row.effect == pytest.approx(np.log(values).mean() - drawn.mean(), abs=5e-3)


def test_comparable_training_performance_is_equivalence_of_accuracies_or_relative_errors():
    tables = Tables()
    for rule, accuracy, error in (("bptt", 0.99, 0.002), ("three_factor", 0.98, 0.008), ("rflo", 0.7, 0.4)):
        tables.put(f"main:{rule}", MATCH, end_training_performance=normal(1, 10, accuracy, 0.01), eigenvalue=1.0)
        tables.put(f"main:{rule}", PATTERN, end_training_performance=normal(1, 10, error, 1e-3), eigenvalue=1.0)
        for part in tables.parts[-2:]:
            part["training_performance"] = part["relative_training_error"] = part.end_training_performance
    for claim in ("comparable_accuracy", "comparable_error"):
        found = tables.judge(claim).set_index("groups").verdict
        assert found["Three-factor / BPTT"] == "reproduced" and found["RF Three-factor / BPTT"] == "not reproduced"


@pytest.mark.parametrize(
    "inside, beyond, expected",
    [(30, 0, "reproduced"), (25, 5, "inconclusive"), (12, 18, "not reproduced"), (10, 0, "inconclusive")],
)
def test_a_bound_is_judged_by_the_share_of_runs_beyond_it(inside, beyond, expected):
    values = np.array([0.5] * inside + [1.5] * beyond)
    row = Tables().put("theorem:bptt", PATTERN, bound_at_zero_error=values).judge("within_the_bound").iloc[0]
    assert row.verdict == expected and row.effect == beyond / (inside + beyond)
    if 0 < beyond:  # exact: 2.5 % beyond either end
        n = inside + beyond
        assert stats.binom.sf(beyond - 1, n, row.low) == pytest.approx(0.025)
        assert stats.binom.cdf(beyond, n, row.high) == pytest.approx(0.025)


def test_a_seed_at_several_learning_rates_counts_once_by_the_worst():
    tables = Tables()
    for rate, beyond in ((0.003, 0), (0.01, 2), (0.03, 3)):
        values = np.array([1.5] * beyond + [0.5] * (10 - beyond))
        tables.put("theorem:bptt", PATTERN, learning_rate=rate, bound_at_zero_error=values)
    row = tables.judge("within_the_bound").iloc[0]
    assert row.effect == 0.3 and row.detail == "7 of 10 seeds end within"


def test_a_run_without_a_stable_limit_is_beyond_it():
    values = np.array([UNSTABLE] * 6 + [0.5] * 14)
    row = Tables().put("theorem:bptt", PATTERN, limit_at_zero_error=values).judge("within_the_limit").iloc[0]
    assert row.effect == 0.3 and row.verdict != "reproduced"


@pytest.mark.parametrize("measure", [*LOGARITHMIC, "error_over_chance_10"])
def test_a_measure_declared_logarithmic_is_compared_so(measure):
    assert is_logarithmic(measure) and not is_logarithmic(f"share_{measure}")


@pytest.mark.parametrize("claim", ["gap_larger", "gap_more_variable", "gap_follows_curvature"])
def test_beside_a_capped_comparison_stands_that_at_matched_training_loss(claim):
    """There the gap of all rules is the eigenvalue's negative, of the three-factor rule larger and more variable."""
    tables = Tables()
    for key, (rule, factor) in enumerate({"bptt": 1.0, "three_factor": 5.0, "rflo": 1.0, "mdgl": 1.0}.items()):
        height = factor * (2 + normal(key, 20, sd=0.1))
        columns = {"gap": normal(key + 10, 20), "gap_at_matched_loss": height, "eigenvalue": log_normal(key, 20)}
        tables.put(f"main:{rule}", MATCH, at_cap=range(20), eigenvalue_at_matched_loss=np.exp(-height), **columns)
    row = tables.judge(claim, tasks=[MATCH]).iloc[0]
    sign = "-1," if claim == "gap_follows_curvature" else ""
    assert row.matched.startswith("at a training loss of 0.01 (20 and 20") and f"runs): {sign}" in row.matched
    assert float(row.matched.split("p = ")[1]) < 0.001 < row.p


def test_one_exception_refutes_that_all_converged():
    tables = Tables().put("main:bptt", MNIST, settled=np.ones(8)).put("main:rflo", MNIST, settled=np.ones(8))
    assert tables.judge("all_settled", tasks=[MNIST]).iloc[0].verdict == "reproduced"
    tables.put("main:mdgl", MNIST, settled=np.array([1.0] * 7 + [0.98]))
    assert tables.judge("all_settled", tasks=[MNIST]).iloc[0].verdict == "not reproduced"


@pytest.mark.parametrize("share, expected", [(0.95, "reproduced"), (0.5, "not reproduced"), (0.8, "inconclusive")])
def test_a_threshold_is_judged_from_the_mean_over_runs(share, expected):
    tables = Tables().put("main:three_factor", MNIST, share_shorter=normal(1, 20, share, 0.05))
    assert tables.judge("shorter_step", tasks=[MNIST]).iloc[0].verdict == expected


@pytest.mark.parametrize("scheduled, expected", [(9.0, "reproduced"), (2.0, "not reproduced"), (5.1, "inconclusive")])
def test_a_slight_improvement_is_less_than_half_of_the_way(scheduled, expected):
    tables = Tables().put("main:three_factor", MNIST, gap=normal(1, 20, 10.0))
    tables.put("main:bptt", MNIST, gap=normal(2, 20))
    tables.put("scheduled:three_factor", MNIST, gap=normal(3, 20, scheduled))
    assert tables.judge("schedule_slight", tasks=[MNIST]).iloc[0].verdict == expected


def test_runs_at_their_cap_are_said_and_compared_again_at_matched_training_loss():
    tables = Tables().put(
        "main:bptt", MATCH, eigenvalue=log_normal(1, 10), eigenvalue_at_matched_loss=log_normal(3, 10)
    )
    own = dict(eigenvalue=log_normal(2, 10, 5.0), eigenvalue_at_matched_loss=log_normal(4, 10, 9.0))
    tables.put("main:three_factor", MATCH, at_cap=(0, 3), **own)
    row = tables.judge("curvature_higher", tasks=[MATCH]).iloc[0]
    effect = statistics.dominance(log_normal(4, 10, 9.0), log_normal(3, 10))
    assert row.capped_first == 2
    assert row.matched.startswith(f"at a training loss of 0.01 (10 and 10 runs): {effect:.3g}")


def test_a_claim_on_anothers_runs_says_so_instead_of_a_second_verdict():
    tables = Tables()
    for group, n in (("main", 30), ("test_chosen", 10)):
        for rule, median in (("bptt", 1.0), ("three_factor", 3.0)):
            tables.put(f"{group}:{rule}", MATCH, eigenvalue=log_normal(len(rule), 30, median)[:n])
    found = tables.judge("curvature_higher", "test_chosen_curvature", tasks=[MATCH]).set_index(["claim", "groups"])
    above = found.loc[("test_chosen_curvature", "Three-factor (test chosen) / BPTT (test chosen)")]
    assert (above.verdict, above.as_above) == ("as above", "curvature_higher")
    tables.parts[-1]["ensemble"] = "others"
    found = tables.judge("curvature_higher", "test_chosen_curvature", tasks=[MATCH]).set_index(["claim", "groups"])
    assert found.verdict[("test_chosen_curvature", "Three-factor (test chosen) / BPTT (test chosen)")] == "reproduced"


def test_what_depends_on_the_machine_is_reported():
    row = Tables().put("main:bptt", MATCH, hours=np.full(6, 0.5)).judge("hours_small", tasks=[MATCH]).iloc[0]
    assert row.verdict == "reported" and row.effect == 0.5
