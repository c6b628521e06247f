import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from synthetic import ResultsFolder, ends, measure

from figures import kinds, statistics, verdicts
from figures.__main__ import main
from figures.runs import load

PUBLISHED = verdicts.read_published()


def rows(results, **only):
    """The judged claims of the figures that have runs, those alone in which each column has the value given."""
    claims = [claim for claim in PUBLISHED["claims"] if claim["groups"][0][0].split(":")[0] in results.groups]
    table = pd.DataFrame(verdicts.judged(results, {**PUBLISHED, "claims": claims}))
    for column, value in only.items():
        table = table[table[column] == value]
    return table.reset_index(drop=True)


def two_rules(tmp_path, n=12, task="seq_mnist", figure="figure3", reduced=False, bptt=None, three=None, **lost):
    folder = ResultsFolder(tmp_path / "r", reduced=reduced)
    folder.run("b", task, "bptt", ends("b", n, **(bptt or {})))
    folder.run("t", task, "three_factor", ends("t", n, **(three or {})), **lost)
    folder.group("main", "b", "t")
    return load(folder.save())


def curvature(results, task="seq_mnist"):
    table = rows(results, claim="curvature_higher", task=task)
    return table[table.groups == "Three-factor / BPTT"].iloc[0]


def test_the_rank_sum_test_is_exact_for_small_samples():
    first, second = np.array([6.0, 7, 8, 9, 10]), np.array([1.0, 2, 3, 4, 5])
    assert statistics.rank_sum_p(first, second) == pytest.approx(2 / 252)
    assert statistics.rank_sum_p(first, first) == 1.0
    assert statistics.rank_sum_p(np.ones(4), np.ones(5)) == 1.0
    random = np.random.RandomState(0)
    x, y = random.randn(30), random.randn(30) + 0.3
    assert statistics.rank_sum_p(x, y) == pytest.approx(stats.mannwhitneyu(x, y, alternative="two-sided").pvalue)


def test_dominance_counts_pairs():
    x, y = np.array([1.0, 4.0, 4.0]), np.array([2.0, 4.0])
    by_hand = np.mean([np.sign(a - b) for a in x for b in y])
    assert statistics.dominance(x, y) == pytest.approx(by_hand)
    assert statistics.dominance(np.stack([x, x]), np.stack([y, y + 9])) == pytest.approx([by_hand, -1])


def test_paired_dominance_is_the_signed_share_of_ranks():
    differences = np.array([0.0, 3.0, -1.0, 2.0, -2.0, 0.0])  # ranks of those that differ: 4, 1, 2.5, 2.5
    assert statistics.paired_dominance(differences) == pytest.approx((4 - 1 + 2.5 - 2.5) / 10)
    draws = np.stack([differences, np.abs(differences), 0 * differences])
    assert statistics.paired_dominance(draws) == pytest.approx([0.3, 1, 0])


def test_holm_corrects_step_by_step():
    corrected = statistics.holm([0.01, np.nan, 0.04, 0.03])
    assert corrected[0] == pytest.approx(0.03) and np.isnan(corrected[1])
    assert corrected[2:] == pytest.approx([0.06, 0.06])


def test_spearman_along_the_bootstrap_axis_is_scipys():
    points = np.random.RandomState(1).randn(3, 20, 2).round(1)
    expected = [stats.spearmanr(p[:, 0], p[:, 1])[0] for p in points]
    assert statistics.rank_correlation(points) == pytest.approx(expected)


def test_equivalence_is_the_larger_of_two_one_sided_welch_tests():
    random = np.random.RandomState(2)
    x, y = random.randn(12), 0.2 + 0.5 * random.randn(9)
    sides = [stats.ttest_ind(x - shift, y, equal_var=False) for shift in (1.0, -1.0)]
    p = [stats_p / 2 if sign * t > 0 else 1 - stats_p / 2 for (t, stats_p), sign in zip(sides, (-1, 1))]
    assert statistics.equivalence_p(x, y, 1.0) == pytest.approx(max(p))


def test_a_shift_is_reproduced_with_its_numbers(tmp_path):
    results = two_rules(tmp_path, three={"eigenvalue": 1000.0})
    row = curvature(results)
    eigenvalues = [e["eigenvalue"] for e in ends("t", 12, eigenvalue=1000.0)]
    assert row.verdict == "reproduced" and row.effect == 1 and row.n_first == row.n_second == 12
    assert row.mean_first == pytest.approx(np.mean(eigenvalues)) and row.sd_first == pytest.approx(
        np.std(eigenvalues, ddof=1)
    )
    assert row.low_first < row.mean_first < row.high_first
    logs = np.log(eigenvalues) - np.log([e["eigenvalue"] for e in ends("b", 12)])
    assert row.detail == f"Wilcoxon over 12 pairs: p = {stats.wilcoxon(logs).pvalue:.3g}"
    assert row.p_corrected == pytest.approx(row.p)  # the only tested claim of the figure


def test_a_figures_claims_are_corrected_together_and_a_family_apart(tmp_path):
    results = two_rules(tmp_path, 8, "delayed_match", "figure2", three={"gap": 0.2, "training": 0.9})
    table = rows(results, groups="Three-factor / BPTT", task="delayed_match").set_index("claim")
    together = ["gap_larger", "gap_more_variable"]
    correlation = rows(results, claim="gap_follows_curvature", task="delayed_match").iloc[0]
    expected = statistics.holm([*table.p[together], correlation.p])
    assert [*table.p_corrected[together], correlation.p_corrected] == pytest.approx(expected)
    assert table.p_corrected["comparable_training"] == table.p["comparable_training"]


def test_the_other_way_is_not_reproduced(tmp_path):
    assert curvature(two_rules(tmp_path, bptt={"eigenvalue": 1000.0})).verdict == "not reproduced"


def test_no_difference_is_inconclusive_unless_shown_to_be_negligible(tmp_path):
    assert curvature(two_rules(tmp_path)).verdict == "inconclusive"
    settings = PUBLISHED["settings"]
    row = {"kind": "greater", "p_corrected": 0.9, "effect": 0.01, "low": -0.1, "high": 0.1, "negligible": 0.147}
    assert verdicts._by_test(row, settings)[0] == "not reproduced"
    assert verdicts._by_test({**row, "high": 0.2}, settings)[0] == "inconclusive"


@pytest.mark.parametrize(
    "n, lost, expected", [(4, (), "fewer than 5"), (12, (0, 1, 2), "more than 20%"), (12, (0, 1), "")]
)
def test_too_few_or_too_many_diverged_are_inconclusive(tmp_path, n, lost, expected):
    row = curvature(two_rules(tmp_path, n, three={"eigenvalue": 1000.0}, diverged=lost))
    assert row.verdict == ("inconclusive" if expected else "reproduced") and row.reason.startswith(expected)
    assert row.n_first == n - len(lost) and row.diverged_first == len(lost)


def test_runs_that_ended_at_their_cap_are_counted_where_they_have_a_value(tmp_path):
    row = curvature(two_rules(tmp_path, diverged=(0,), capped=(0, 1, 2)))
    assert (row.diverged_first, row.capped_first, row.capped_second) == (1, 2, 0)
    folder = ResultsFolder(tmp_path / "measured")
    run = folder.run("t", "seq_mnist", "three_factor", ends("t", 6), capped=range(6))
    measure(run, "power_law.csv", [dict(seed=0, learning_rate=0.01, top=200, l2="with", slope=1.0)])
    folder.group("measured", "t")
    row = rows(load(folder.save()), claim="spectrum_steeper", task="seq_mnist").iloc[0]
    assert (row.n_first, row.capped_first) == (1, 1)


def test_reduced_runs_get_no_verdict(tmp_path):
    table = rows(two_rules(tmp_path, reduced=True, three={"eigenvalue": 1000.0}))
    assert set(table.verdict) == {"no verdict (reduced)", "no runs"}
    assert curvature(two_rules(tmp_path / "again", reduced=True)).verdict == "no verdict (reduced)"


def test_spread_is_judged_by_brown_forsythe(tmp_path):
    three = {"gap": 0.1, "gap_sd": 0.05}
    results = two_rules(tmp_path, 30, "pattern_generation", "figure2", three=three)
    row = rows(results, claim="gap_more_variable", task="pattern_generation").iloc[0]
    x, y = [[e["gap"] for e in ends(key, 30, **given)] for key, given in (("t", three), ("b", {}))]
    assert row.p == pytest.approx(stats.levene(x, y, center="median").pvalue) and row.verdict == "reproduced"
    assert row.effect == pytest.approx(np.log(np.std(x, ddof=1) / np.std(y, ddof=1)))
    assert "gap at noise of sd 0.1" in row.detail and "log gap" in row.detail


def test_two_measures_of_the_same_runs_are_compared_in_pairs(tmp_path):
    """The runs differ from each other by far more than their two alignments do."""
    folder = ResultsFolder(tmp_path / "r")
    run = folder.run("t", "seq_mnist", "three_factor", ends("t", 9), diverged=(3,))
    sizes = [0.1 * (seed + 1) for seed in range(9)]
    own = [dict(seed=seed, learning_rate=0.01, iteration=2750, top=5) for seed in range(9)]
    pairs = [dict(gradient_alignment=size, error_alignment=size - 0.001 * (k + 1)) for k, size in enumerate(sizes)]
    measure(run, "alignment.csv", [dict(row, **pair) for row, pair in zip(own, pairs)])
    folder.group("measured", "t")
    row = rows(load(folder.save()), claim="error_not_aligned", task="seq_mnist").iloc[0]
    assert row.p == pytest.approx(2 / 2**8) and (row.effect, row.low, row.high) == (1, 1, 1)
    assert row.test == "Wilcoxon signed rank" and "the same 8 runs" in row.detail and row.verdict == "reproduced"


def test_correlation_is_pooled_and_within(tmp_path):
    folder = ResultsFolder(tmp_path / "r")
    points = [dict(eigenvalue=10.0 ** (k / 5), gap=0.01 * k + 0.003 * (-1) ** k) for k in range(24)]
    folder.run("b", "seq_mnist", "bptt", points[:12])
    folder.run("t", "seq_mnist", "three_factor", points[12:])
    folder.group("main", "b", "t")
    row = rows(load(folder.save()), claim="gap_follows_curvature", task="seq_mnist").iloc[0]
    x, y = np.log10([p["eigenvalue"] for p in points]), [p["gap"] for p in points]
    assert row.effect == pytest.approx(stats.spearmanr(x, y)[0]) and row.verdict == "reproduced"
    assert row.p == pytest.approx(max(stats.spearmanr(x, y)[1], stats.pearsonr(x, y)[1]))
    assert "within BPTT" in row.detail and "within Three-factor" in row.detail


@pytest.mark.parametrize(
    "scaled, expected", [(1000.0, "reproduced"), (5000.0, "not reproduced"), (110.0, "not reproduced")]
)
def test_similar_is_equivalence_and_nearness(tmp_path, scaled, expected):
    folder = ResultsFolder(tmp_path / "r")
    for rule, eigenvalue in (("bptt", 100.0), ("three_factor", 1000.0), ("scaled_bptt", scaled)):
        folder.run(rule, "seq_mnist", rule, ends(rule, 10, eigenvalue=eigenvalue))
        folder.group("main", rule)
    row = rows(load(folder.save()), claim="step_length_explains", task="seq_mnist").iloc[0]
    assert row.verdict == expected
    # within a factor of 2 but nearer to BPTT
    logs = [
        np.log([e["eigenvalue"] for e in ends(r, 10, eigenvalue=x)]) for r, x in (("a", 150), ("b", 200), ("c", 140))
    ]
    assert kinds._nearer(*logs) == pytest.approx(
        abs(logs[0].mean() - logs[2].mean()) - abs(logs[0].mean() - logs[1].mean())
    )


@pytest.mark.parametrize("accuracy, expected", [(0.7, "reproduced"), (0.9, "not reproduced"), (0.74, "inconclusive")])
def test_a_published_number_is_held_to_its_range(tmp_path, accuracy, expected):
    folder = ResultsFolder(tmp_path / "r")
    spread = np.linspace(-0.03, 0.03, 6)
    folder.run("t", "seq_mnist", "three_factor", [dict(eigenvalue=9.0, gap=0.1, training=accuracy + s) for s in spread])
    folder.group("main", "t")
    assert rows(load(folder.save()), claim="three_factor_accuracy").iloc[0].verdict == expected


def test_the_published_spread_is_table_1s_and_the_margin_ours(tmp_path):
    table = pd.DataFrame(verdicts.judged(load(ResultsFolder(tmp_path / "r").save()), PUBLISHED)).set_index("claim")
    of_table1 = (table.figure == "table1") & (table.kind == "value")
    assert list(table.index[table.published_sd != ""]) == list(table.index[of_table1])
    assert list(table.index[table.margin != ""]) == ["three_factor_accuracy"]
    assert (table.margin["three_factor_accuracy"], table.published_sd["table1_eigenvalue_bptt"]) == (0.05, 84)


def test_thresholds_convergence_and_comparability(tmp_path):
    folder = ResultsFolder(tmp_path / "r")
    jitter = ends("j", 8, gap=0.97, gap_sd=0.003)
    folder.run("s", "seq_mnist", "scaled_bptt", [dict(j, training=j["gap"]) for j in jitter])
    folder.run("b", "delayed_match", "bptt", ends("b", 8, training=1.0))
    folder.run("t", "delayed_match", "three_factor", ends("t", 8, training=0.7, converged=False))
    folder.group("main", "s")
    folder.group("main", "b", "t")
    folder.group("main", "b", "t")
    results = load(folder.save())
    assert rows(results, claim="scaled_bptt_accuracy").iloc[0].verdict == "reproduced"
    assert rows(results, claim="comparable_training", task="delayed_match").iloc[0].verdict == "not reproduced"
    converged = rows(results, claim="all_converged", task="delayed_match").iloc[0]
    assert converged.verdict == "not reproduced" and converged.effect == 0.5
    assert curvature(results, "delayed_match").comparable_training == "no"
    for claim in ("comparable_training", "all_converged", "hours_small"):  # no comparison of rules' results
        assert set(rows(results, claim=claim, task="delayed_match").comparable_training) == {""}
    assert set(rows(results, claim="scaled_bptt_accuracy").comparable_training) == {""}
    assert set(rows(results, claim="hours_small", task="delayed_match").verdict) == {"reported"}
    assert rows(results, claim="hours_small", task="delayed_match").iloc[0].effect == pytest.approx(1.0)


def within_the_bound(tmp_path, eigenvalues, **lost):
    """The verdict on BPTT runs at a rate of 0.01, whose bound is an eigenvalue of 100."""
    folder = ResultsFolder(tmp_path / "r")
    folder.run("b", "seq_mnist", "bptt", [dict(eigenvalue=e, gap=0.1, rho=0.1) for e in eigenvalues], **lost)
    folder.group("main", "b")
    return rows(load(folder.save()), claim="within_the_bound", task="seq_mnist", groups="BPTT").iloc[0]


@pytest.mark.parametrize(
    "inside, beyond, expected",
    [(22, 0, "reproduced"), (18, 4, "inconclusive"), (9, 13, "not reproduced"), (10, 0, "inconclusive")],
)
def test_theorem_one_is_judged_by_the_share_of_runs_beyond_its_bound(tmp_path, inside, beyond, expected):
    row = within_the_bound(tmp_path, [0.0, *[1.0] * (inside - 1), *[101.0] * beyond])
    assert row.verdict == expected and row.detail == f"{inside} of {inside + beyond} runs end within"
    assert row.effect == beyond / (inside + beyond) and row.low <= row.effect <= row.high


def test_a_bound_is_judged_by_no_fewer_runs_than_other_claims(tmp_path):
    assert within_the_bound(tmp_path / "a", [101.0] * 4).reason.startswith("fewer than 5")
    assert within_the_bound(tmp_path / "b", [1.0] * 30, diverged=range(7)).reason.startswith("more than 20%")


def test_the_interval_of_a_share_holds_it_in_95_per_cent_on_either_side():
    low, high = statistics.share_interval(4, 22)
    assert stats.binom.sf(3, 22, low) == pytest.approx(0.025) and stats.binom.cdf(4, 22, high) == pytest.approx(0.025)
    assert statistics.share_interval(0, 22)[0] == 0 and statistics.share_interval(22, 22)[1] == 1
    assert statistics.share_below_p(1, 10, 0.2) == pytest.approx(0.8**10 + 10 * 0.2 * 0.8**9)


def test_bounds_of_approximate_rules_are_widened_by_rho(tmp_path):
    folder = ResultsFolder(tmp_path / "r")
    folder.run("t", "seq_mnist", "three_factor", ends("t", 20, eigenvalue=300.0, rho=-0.1), rates=(0.01,))
    folder.group("main", "t")
    table = rows(load(folder.save()), claim="within_the_bound", task="seq_mnist").set_index("groups")
    assert table.verdict["Three-factor"] == "reproduced"
    assert table.mean_first["Three-factor"] == pytest.approx(0.3, rel=0.2)


def test_a_role_named_elsewhere_is_found_and_the_tables_are_the_same_bytes_twice(tmp_path):
    folder = ResultsFolder(tmp_path / "r")
    folder.run("b", "seq_mnist", "bptt", ends("b", 8), hessian_of="W_x")
    folder.run("t", "seq_mnist", "three_factor", ends("t", 8, eigenvalue=900.0), hessian_of="W_x")
    folder.group("input_weights", "b", "t")
    root = folder.save()
    for name in ("one", "two"):
        assert main(["verdicts", str(root), str(tmp_path / name)]) == 0
    for file in ("verdicts.csv", "verdicts.json", "published.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    written = json.loads((tmp_path / "one" / "verdicts.json").read_text())
    found = {row["claim"]: row for row in written if row["task"] == "seq_mnist"}
    assert found["input_weights"]["verdict"] == "reproduced" and found["adam"]["verdict"] == "no runs"
    assert found["adam"]["p"] is None


def test_a_verdict_from_the_same_runs_as_mains_says_so(tmp_path):
    folder = ResultsFolder(tmp_path / "r")
    for name, rule in (("b", "bptt"), ("t", "three_factor"), ("more", "three_factor"), ("m", "mdgl")):
        folder.run(name, "seq_mnist", rule, ends(name, 6))
        folder.group("main", name)
    folder.run("own", "delayed_match", "bptt", ends("own", 6))
    folder.run("o", "delayed_match", "three_factor", ends("o", 6))
    folder.group("main", "o")
    folder.group("test_chosen", "b", "t", "own", "o")
    table = pd.DataFrame(verdicts.judged(load(folder.save()), PUBLISHED))
    detail = table[table.claim == "test_chosen_curvature"].set_index("task").detail
    both = "Three-factor (test chosen): the same runs as main, 6 of its 12; BPTT (test chosen): the same runs as main"
    assert detail["seq_mnist"].endswith("; " + both)
    one = "; Three-factor (test chosen): the same runs as main"
    assert detail["delayed_match"].endswith(one) and "BPTT" not in detail["delayed_match"]
    assert detail["pattern_generation"] == ""
    assert not table[table.claim == "curvature_higher"].detail.str.contains("main").any()


def test_the_claims_file_names_known_kinds_and_measures():
    from figures.measures import MEASURES, TOP_MEASURES

    identifiers = [claim["id"] for claim in PUBLISHED["claims"]]
    assert len(identifiers) == len(set(identifiers))
    for claim in PUBLISHED["claims"]:
        assert claim["kind"] in kinds.KINDS and claim["place"] and claim["says"]
        for name in (claim["measure"], claim.get("measure_of_second", claim["measure"])):
            assert name in MEASURES or name.rsplit("_", 1)[0] in TOP_MEASURES
