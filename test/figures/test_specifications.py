"""Specifications: effects and order once more by hand, and every fate counted as what it is."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from synthetic_specifications import specified

from figures import pages, specification_curve
from figures.__main__ import main
from figures.runs import RunsError, load
from figures.specification_choices import choice_effects, summary
from figures.specification_null import Chance
from figures.specification_panels import ordered
from figures.specification_words import in_words, standing
from figures.specifications import blocks, claims_of, points, table_of, values_of

CHOICES = {"recurrent_gain": [1, 1.5], "l2": [0, 0.01], "self_connections": [False, True]}
BLOCK = {
    "task": "delayed_match",
    "rules": ["bptt", "three_factor", "rflo"],
    "seeds": {"from": 200, "count": 10},
    "vary": {"choices": CHOICES, "random": {"count": 4, "seed": 0}},
}
READ_OFF = {"end": ["end", "quarter of the cap"], "measure": ["accuracy", "loss"]}
SETTINGS = {"bootstrap_draws": 50, "permutations": 99, "max_diverged": 0.2, "min_runs": 5, "significance": 0.05}
FATE = {"a l2=0.01": "failed", "a random 1": "diverged", "a random 2": "not built"}
MOVES = {("recurrent_gain", "1.5"): -1.0}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return specified(tmp_path_factory.mktemp("s") / "r", {"a": BLOCK}, MOVES, FATE, read_off=READ_OFF)


@pytest.fixture(scope="module")
def tables(root):
    results = load(root)
    (block,) = blocks(results)
    values = values_of(results, block)
    return {claim["id"]: table_of(list(points(block, values, claim, SETTINGS))) for claim in claims_of(block)}


def history(root, specification, rule):
    return pd.read_csv(str(root / "runs" / f"{specification}-{rule}" / "history.csv"))


def test_every_specification_is_there_once_with_each_level_read_off_and_each_rule(tables):
    assert set(tables) == {"curvature_higher", "gap_larger", "gap_more_variable"} | {
        "gap_follows_curvature",
        "gap_follows_curvature_within",
    }
    assert len(tables["curvature_higher"]) == 8 * 2 * 2 and len(tables["gap_larger"]) == 8 * 2 * 2 * 2
    assert len(tables["gap_follows_curvature"]) == 8 * 2 * 2
    assert all(table.main.sum() == 1 for table in tables.values())
    for table in tables.values():
        assert not table.duplicated([name for name in table if name.startswith("choice: ")]).any()


def test_a_choice_that_the_comparison_does_not_depend_on_makes_no_further_specification(tmp_path):
    levels = {"step_length": ["together", "each"], "feedback_distribution": ["as_readout", "gaussian"]}
    levels["test_noise"] = ["drawn", "fixed"]
    vary = {"choices": levels, "random": {"count": 4, "seed": 0}}  # all eight combinations
    rules = ["bptt", "three_factor", "scaled_bptt", "rflo"]
    block = {"task": "pattern_generation", "rules": rules, "seeds": 5, "settings": {}, "vary": vary}
    results = load(specified(tmp_path, {"a": block}, seeds=5))
    (block,) = blocks(results)
    block = block._replace(ways=dict(reversed(list(block.ways.items()))))  # selection.json has them by name
    found = {}
    for claim in claims_of(block):
        own = list(points(block, values_of(results, block), claim, SETTINGS))
        assert [point.specification for point in own if point.main] == ["a main"]
        for point in own:
            found.setdefault((claim["id"], point.rules), []).append(point.choices)
    wanted = {
        ("curvature_higher", ("three_factor", "bptt")): set(),
        ("curvature_higher", ("rflo", "bptt")): {"feedback_distribution"},
        ("gap_larger", ("three_factor", "bptt")): {"test_noise"},
        ("gap_follows_curvature", ("bptt", "three_factor", "rflo")): {"feedback_distribution", "test_noise"},
        ("step_length_explains", ("scaled_bptt", "three_factor")): {"step_length"},
    }
    for key, choices in wanted.items():
        varied = {name for name in found[key][0] if len({one[name] for one in found[key]}) > 1}
        assert varied == choices and len(found[key]) == 2 ** len(choices)
    assert len({tuple(one) for key, own in found.items() if key[0] == "curvature_higher" for one in own}) == 1


def test_effects_are_those_of_the_histories(root, tables):
    table = tables["gap_larger"]
    for end, measure, rule in [("end", "loss_gap", "rflo"), ("quarter of the cap", "gap", "three_factor")]:
        samples = []
        for name in (rule, "bptt"):
            runs = history(root, "a recurrent_gain=1.5", name)
            runs = runs[runs.iteration > 250] if end == "end" else runs[runs.iteration <= 1250]
            samples.append(runs.groupby("seed")[measure].median().values)
        u = (samples[0][:, None] > samples[1]).sum() + 0.5 * (samples[0][:, None] == samples[1]).sum()
        own = table[(table.specification == "a recurrent_gain=1.5") & (table["choice: end"] == end)]
        own = own[(own["choice: measure"] == ("loss" if measure == "loss_gap" else "accuracy"))]
        found = own[own.rules == f"{rule} / bptt"].effect.values
        assert found == pytest.approx([2 * u / 100 - 1], abs=1e-12)


def test_effects_are_sorted_and_those_without_one_come_last(tables):
    places = ordered(tables["curvature_higher"])
    effects = places.effect.values
    judged_ones = np.isfinite(effects)
    assert not judged_ones[judged_ones.sum() :].any() and (np.diff(effects[: judged_ones.sum()]) >= 0).all()
    assert places.x.is_monotonic_increasing and places.x.is_unique


def test_what_failed_diverged_or_cannot_be_built_counts_as_that_and_takes_none_down(tables):
    table = tables["curvature_higher"]
    three = table[table.rules == "three_factor / bptt"].groupby("specification").status.agg(set)
    assert three["a l2=0.01"] == {"failed"} and three["a random 1"] == {"diverged"}
    assert three["a random 2"] == {"not built"}
    others = table[~table.specification.isin(FATE)]
    assert len(others) == 5 * 4 and others.effect.notna().all()
    rflo = table[(table.rules == "rflo / bptt") & (table.specification == "a l2=0.01")]
    assert rflo.effect.notna().all()  # its own runs are all there
    assert set(others.status) <= {"for", "against", "neither"}


def test_differences_between_levels_are_those_of_means_where_the_design_is_balanced():
    random = np.random.RandomState(0)
    rows = []
    for number in range(64):
        levels = {"choice: a": "xyz"[number % 2 + number // 32 * (number % 2)], "choice: b": "pq"[number // 2 % 2]}
        rows.append(dict(levels, claim="c", task="t", specification=f"s{number // 2}", main=number == 0, low=0, high=0))
    table = pd.DataFrame(rows)
    table["effect"] = random.randn(64) + (table["choice: b"] == "q") + 2.0 * (table["choice: a"] == "y")
    found = choice_effects(table).set_index(["choice", "level"])
    design = np.column_stack(
        [np.ones(64), *[(table[f"choice: {c}"] == v) for c, v in (("a", "y"), ("a", "z"), ("b", "q"))]]
    ).astype(float)
    by_hand = np.linalg.lstsq(design, table.effect.values, rcond=None)[0][1:]
    wanted = found.loc[[("a", "y"), ("a", "z"), ("b", "q")], "difference"].values
    assert wanted == pytest.approx(by_hand, abs=1e-10)
    means = table.groupby("choice: b").effect.mean()
    assert found.loc[("b", "q"), "difference"] == pytest.approx(means["q"] - means["p"], abs=1e-10)
    assert (found.low < found.difference).all() and (found.difference < found.high).all()


def test_without_spare_specifications_a_difference_is_that_from_the_main_one():
    rows = [("m", "p", 0.2), ("m", "q", 0.7), ("n", "p", -0.3)]
    table = pd.DataFrame([{"choice: a": a, "choice: b": b, "effect": effect} for a, b, effect in rows])
    table = table.assign(claim="c", task="t", specification=list("uvw"), main=[True, False, False])
    found = choice_effects(table.assign(low=table.effect - 0.3, high=table.effect + 0.3)).set_index("choice")
    assert found.difference[["a", "b"]].values == pytest.approx([-0.5, 0.5])
    assert (found.high - found.low)[["a", "b"]].values == pytest.approx([2 * 0.3 * np.sqrt(2)] * 2)


def test_a_level_that_nothing_tells_apart_has_no_difference():
    table = pd.DataFrame({"choice: a": list("mnm"), "choice: b": list("pqp"), "effect": [0.1, 0.3, 0.2]})
    table = table.assign(claim="c", task="t", specification=list("uvw"), main=[True, False, False], low=0.0, high=0.0)
    assert choice_effects(table).difference.isna().all()


def test_where_all_effects_are_equal_no_choice_moves_them():
    levels = [("m", "p", "x"), ("n", "p", "x"), ("m", "q", "x"), ("m", "p", "y")]
    table = pd.DataFrame(levels, columns=["choice: a", "choice: b", "choice: c"]).assign(effect=1.0, low=1.0, high=1.0)
    table = table.assign(claim="c", task="t", specification=list("uvwx"), main=[True, False, False, False])
    table = table.assign(status="for", band_low=np.nan, band_high=np.nan)
    found = choice_effects(table)
    assert len(found) == 3 and (found[["difference", "low", "high"]] == 0).all(axis=None)
    assert summary(table, found, "", "", Chance(0.0, 1.0, 1.0))["moved_by"] == ""


@pytest.fixture(scope="module")
def drawn(root, tmp_path_factory):
    output = tmp_path_factory.mktemp("out")
    assert main(["specification_curve", str(root), str(output / "figures")]) == 0
    return output


@pytest.mark.slow
def test_every_claim_has_its_pictures_and_the_table_counts_every_fate(drawn):
    written = {path.name for path in (drawn / "figures").iterdir()}
    suffixes = [
        "",
        "_choices_delayed_match",
        "_gap_larger_delayed_match",
        "_gap_follows_curvature_within_delayed_match",
    ]
    assert {f"specification_curve{suffix}.{ending}" for suffix in suffixes for ending in ("png", "pdf")} <= written
    claims = pd.read_csv(str(drawn / "figures" / "specification_curve_claims.csv")).set_index("claim")
    row = claims.loc["curvature_higher"]
    assert row.moved_by == "recurrent_gain" and row.moved < 0 and row.moved_high < 0
    counts = [int(row[name]) for name in ("specifications", "judged", "failed", "diverged", "not_built", "too_few")]
    assert counts[0] == sum(counts[1:]) and counts[2] > 0 and counts[3] > 0 and counts[4] == 4


@pytest.mark.slow
def test_the_report_leads_from_words_to_table_to_pictures_and_has_no_claims_without_runs(root, drawn):
    assert main(["verdicts", str(root), str(drawn)]) == 0 and main(["report", str(root), str(drawn)]) == 0
    html = (drawn / "report.html").read_text()
    assert html.count("data-specifications=") == 5 and html.count("<img") == 1 + 5 + 1
    assert "What the paper leaves open was varied" in html and "no runs" not in html
    assert ">nan" not in html and 'id="matrix"' not in html
    assert main(["findings", str(drawn), str(drawn)]) == 0
    page = (drawn / "README.md").read_text()
    assert "What the paper leaves open was varied" in page and "no runs" not in page and "Of 0" not in page


@pytest.mark.slow
def test_the_readme_gets_the_words_between_its_markers(drawn, tmp_path):
    path = tmp_path / "README.md"
    path.write_text(f"above\n{pages.SPECIFICATIONS_BEGIN}\nlast year\n{pages.SPECIFICATIONS_END}\nbelow\n")
    assert main(["specifications", str(drawn), str(tmp_path)]) == 0
    text = path.read_text()
    assert text.startswith("above\n") and text.endswith("below\n") and "last year" not in text
    assert "depends most on recurrent gain" in text


ROW = {
    "claim": "c",
    "says": "BPTT wins.",
    "task_label": "T",
    "moved_by": "l2",
    "moved_to": "0.01",
    "specifications": 10,
}
ROW.update(networks=4, diverged=3, too_few=2, failed=0, not_built=0)
ROW.update(share_claimed_sign=0.95, share_for=0.9, share_against=0.0, moved=-0.4, moved_low=-0.5, moved_high=-0.3)


@pytest.mark.parametrize(
    "changed, lead, claim",
    [
        ({}, "Hold largely whatever one chooses:", "BPTT wins. T: significant in 90% of 5."),
        ({"share_for": 0.3}, "Depend on the choices:", "BPTT wins. T: significant in 30% of 5, depends most on L2."),
        ({"share_for": 0.3, "moved_high": 0.1}, "Depend on the choices:", "BPTT wins. T: significant in 30% of 5."),
        (
            {"share_claimed_sign": 0.0, "share_for": 0.0, "share_against": 0.9},
            "Mostly the opposite is found:",
            "BPTT wins. T: significant in 0% of 5, the other way in 90%.",
        ),
        (
            {"share_claimed_sign": 0.5, "share_for": 0.03},
            "Hardly ever significant:",
            "BPTT wins. T: significant in 3% of 5.",
        ),
        (
            {"claim": "step_length_explains", "share_claimed_sign": 0.5, "share_for": 0.3, "share_against": 0.4},
            "Depend on the choices:",
            "BPTT wins. T: significant in 30% of 5, outside the margin in 40%, depends most on L2.",
        ),
        ({"judged": 0}, "Too few runs to judge:", "BPTT wins. T."),
    ],
)
def test_the_words_say_what_holds_and_what_hangs_on_which_choice(changed, lead, claim):
    row = {**ROW, "judged": 5, **changed}
    words = in_words([dict(row, standing=standing(row))])
    assert words.parts == [(lead, [claim])]
    assert f"{row['judged']} of 10 comparisons and correlations could be judged" in words.intro
    assert (
        "too many runs diverged (3), too few runs had a value (2)." in words.intro and "runs failed" not in words.intro
    )
    assert ("No finding holds" in words.intro) == (lead[:4] != "Hold")


def test_a_level_that_nobody_knows_is_one_line(tmp_path):
    small = dict(BLOCK, vary={"choices": {"l2": [0, 0.01]}}, rules=["bptt"])
    results = load(specified(tmp_path / "r", {"a": small}, read_off={"end": ["end", "never"]}, seeds=2))
    with pytest.raises(RunsError, match="unknown level 'never' of end; known: end, matched loss, quarter of the cap"):
        blocks(results)


def test_without_runs_the_picture_says_so(tmp_path):
    fate = {name: "not built" for name in ("a main", "a l2=0.01")}
    small = dict(BLOCK, vary={"choices": {"l2": [0, 0.01]}}, rules=["bptt"])
    results = load(specified(tmp_path / "r", {"a": small}, fate=fate, read_off={}, seeds=2))
    pictures, _ = specification_curve.draw(results._replace(note="REDUCED: for a test"))
    said = [text.get_text() for text in [*pictures[""].texts, *pictures[""].axes[0].texts]]
    assert blocks(results) == [] and sorted(said) == ["REDUCED: for a test", "no runs"]


def test_tensorflow_is_not_imported():
    code = "import sys, figures.specification_curve; print({'tensorflow'} & set(sys.modules))"
    home = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=str(home), stdout=subprocess.PIPE, text=True)
    assert done.stdout.strip() == "set()"
