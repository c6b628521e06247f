import importlib
import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import stats
from synthetic import ResultsFolder, complete, ends, measure

from figures import (
    bounds,
    curves,
    figure2,
    figure3,
    figure5,
    figure7,
    known_figures,
    labels,
    same_learning_rate,
    style,
    table1,
)
from figures.__main__ import main
from figures.runs import load

SMALL = {"seq_mnist": 3, "pattern_generation": 4, "delayed_match": 3}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return load(complete(tmp_path_factory.mktemp("whole") / "r", SMALL, reduced=True, note="REDUCED: for a test"))


@pytest.fixture(scope="module")
def nothing(tmp_path_factory):
    return load(ResultsFolder(tmp_path_factory.mktemp("empty") / "r").save())


def texts(picture):
    return [text.get_text() for axis in picture.axes for text in axis.texts] + [
        text.get_text() for text in picture.texts
    ]


@pytest.mark.parametrize("name", sorted(set(known_figures()) - {"specification_curve"}))  # whose runs are others
def test_every_figure_draws_its_runs_its_note_and_the_lack_of_runs(name, results, nothing):
    module = importlib.import_module(f"figures.{name}")
    picture, tables = module.draw(results)
    assert "REDUCED: for a test" in texts(picture) and "no runs" not in texts(picture)
    assert all(len(table) for table in tables.values())
    style.plt.close(picture)
    picture, tables = module.draw(nothing)
    if name != "table1":
        assert texts(picture).count("no runs") == len(picture.axes)
    style.plt.close(picture)


def test_the_same_runs_give_the_same_bytes(tmp_path):
    folder = ResultsFolder(tmp_path / "r")
    for rule in ("bptt", "three_factor"):
        folder.run(rule, "seq_mnist", rule, ends(rule, 3))
        folder.group("early", rule)
        folder.group("main", rule)
    for name in ("one", "two"):
        for figure in ("figure6", "table1"):
            assert main([figure, str(folder.save()), str(tmp_path / name)]) == 0
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert {"figure6.png", "figure6.pdf", "figure6.csv", "figure6_groups.csv", "table1.png"} <= set(files)
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file


def test_a_png_of_few_colours_shows_the_same_picture(results, tmp_path):
    picture, _ = figure2.draw(results)
    full = io.BytesIO()
    picture.savefig(full, format="png", dpi=160, bbox_inches="tight")
    png, _ = style.save({"": picture}, tmp_path / "few", {})
    drawn, saved = (np.asarray(Image.open(each).convert("RGB"), int) for each in (full, png))
    assert abs(drawn - saved).mean() < 0.1 and np.mean(abs(drawn - saved) > 30) < 1e-4  # of 255: not to be seen
    assert png.stat().st_size < full.getbuffer().nbytes / 2


def test_a_mean_holds_finished_replicas_and_leaves_diverged_ones_out():
    rows = [
        {"ensemble": "r", "seed": seed, "learning_rate": 0.1, "status": status, "iteration": i, "x": value}
        for seed, status, values in (
            (0, "stable", [1.0, 10.0]),
            (1, "capped", [100.0, 10.0, 1000.0]),
            (2, "diverged", [1e9] * 3),
        )
        for i, value in enumerate(values)
    ]
    curve = curves.mean_curve(pd.DataFrame(rows), "x", logarithmic=True)
    assert (
        list(curve["mean"]) == pytest.approx([10, 10, 100])
        and list(curve.held) == [0, 0, 1]
        and list(curve.n) == [2, 2, 2]
    )
    assert curve.high[2] == pytest.approx(100 * 10 ** np.sqrt(2)) and curve.low[1] == pytest.approx(10)
    assert list(curves.mean_curve(pd.DataFrame(rows), "x", logarithmic=False)["mean"]) == pytest.approx([50.5, 10, 505])


@pytest.mark.parametrize("name", ["figure2", "figure3", "figure12", "bounds"])
def test_a_rule_of_which_all_runs_diverged_is_named_but_not_drawn(name, tmp_path):
    folder = ResultsFolder(tmp_path / "r")
    folder.run("b", "seq_mnist", "bptt", ends("b", 3), diverged=(0, 1, 2))
    for group in ("main", "learning_rates", "triple"):
        folder.group(group, "b")
    picture, _ = importlib.import_module(f"figures.{name}").draw(load(folder.save()))
    said = texts(picture) + [line.get_label() for axis in picture.axes for line in axis.lines]
    assert "no values" in said or any("n = 0, 3 of 3 diverged" in text for text in said)
    style.plt.close(picture)


def test_a_zero_eigenvalue_has_no_place_on_a_logarithmic_axis(tmp_path):
    folder = ResultsFolder(tmp_path / "r")
    points = ends("b", 6)
    points[0]["eigenvalue"] = 0.0
    points[1]["gap"] = -0.5
    folder.run("b", "seq_mnist", "bptt", points)
    folder.group("main", "b")
    results = load(folder.save())
    _, tables = figure2.draw(results)
    assert tables["_correlations"].set_index("task").n["seq_mnist"] == 5
    assert set(figure3.draw(results)[1][""].n) == {5}


def test_figure2_tells_each_groups_performance_gap_and_spread(results):
    picture, tables = figure2.draw(results)
    labels = [text.get_text() for text in picture.axes[0].get_legend().get_texts()]
    assert "BPTT, training 97 %" in labels and any("%, 1 of 3 diverged" in label for label in labels)
    own = tables[""][(tables[""].task == "pattern_generation") & (tables[""].rule == "mdgl")]
    row = tables["_groups"].set_index(["task", "rule"]).loc[("pattern_generation", "mdgl")]
    assert row.gap_sd == pytest.approx(np.std(own.end_gap, ddof=1)) and row.training_performance_mean == pytest.approx(
        0.93
    )
    assert row.log_gap_sd == pytest.approx(np.std(np.log(own.end_gap), ddof=1)) and row.fixed_noise_gap_mean > 0
    kept = tables[""][(tables[""].task == "seq_mnist") & (tables[""].status != "diverged")]
    r = stats.pearsonr(np.log10(kept.end_eigenvalue), kept.end_gap)[0]
    assert tables["_correlations"].set_index("task").pearson["seq_mnist"] == pytest.approx(r)
    assert "scaled_bptt" not in set(tables[""].rule)


def test_histograms_have_a_line_at_each_mean(results):
    picture, tables = figure5.draw(results)
    row = tables["_groups"].set_index(["task", "group", "rule"])
    means = [line.get_xdata()[0] for line in picture.axes[3].lines]
    expected = [("main", "bptt"), ("main", "three_factor"), ("scheduled", "three_factor")]
    assert means == pytest.approx([row.gap_mean[("seq_mnist", *group)] for group in expected])


def test_a_rule_has_one_colour_and_truncations_differ_by_shade_and_dashes():
    colours = [style.rule_style(rule)["color"] for rule in style.COLOURS] + [*style.TRUNCATED, style.SECOND_COLOUR]
    assert len(set(colours)) == len(colours)
    rules = ["truncated_bptt(21)", "bptt", "truncated_bptt(7)"]
    assert [style.rule_style(rule, rules)["linestyle"] for rule in rules] == ["--", "-", "-"]
    assert style.rule_style("mine")["label"] == "mine" and labels.rule_label("truncated_bptt(7)") == "Trunc 7"


def test_figure7_recovers_the_decay_of_the_spectra(results):
    table = figure7.draw(results)[1][""].set_index(["task", "rule"]).sort_index()
    for rule, slope in (("bptt", 1.0), ("three_factor", 1.5)):
        own = table.loc[("pattern_generation", rule)]
        assert -np.polyfit(np.log(own["rank"]), np.log(own["mean"]), 1)[0] == pytest.approx(slope, abs=0.1)


def test_bounds_count_the_evaluations_beyond_them(tmp_path):
    folder = ResultsFolder(tmp_path / "r")
    values = [dict(eigenvalue=e, gap=0.1, rho=r) for e in (90.0, 150.0, 250.0, 650.0) for r in (-0.5, 0.5)]
    folder.run("t", "seq_mnist", "three_factor", values)
    folder.group("main", "t")
    picture, tables = bounds.draw(load(folder.save()))
    row = tables[""].iloc[0]
    assert row.n == 8 and row.evaluations_end == 80
    assert (row.beyond_1_over_eta_end, row.beyond_2_over_eta_end, row.beyond_1_over_rho_eta_end) == (0.75, 0.5, 0.5)
    assert (row.beyond_2_over_rho_eta_end, row.rho_positive_end) == (0.25, 0.5)
    assert "25% of the 50% with" in texts(picture)[0] and len(tables["_assumption_1"]) == 0


def test_bounds_tell_assumption_1_of_the_runs_that_it_was_measured_on(tmp_path):
    folder = ResultsFolder(tmp_path / "r")
    for rule in ("bptt", "three_factor"):
        run = folder.run(rule, "seq_mnist", rule, ends(rule, 3), window=2)
        own = [dict(seed=s, learning_rate=0.01, iteration=250 * k) for s in range(3) for k in range(12)]
        # 4 early in training, then by seed 0.1, 10 and nothing, as where g.Hg is zero
        sizes = [4.0 if row["iteration"] < 2500 else (0.1, 10.0, np.nan)[row["seed"]] for row in own]
        measure(run, "taylor.csv", [dict(row, assumption_1=size) for row, size in zip(own, sizes)])
        for group in ("main", "measured"):
            folder.group(group, rule)
    picture, tables = bounds.draw(load(folder.save()))
    row = tables["_assumption_1"].iloc[0]
    assert list(tables["_assumption_1"].rule) == ["three_factor"] and (row.n, row.evaluations_end) == (3, 4)
    assert (row.median_end, row.share_below_1_end, row.median_all) == (5.05, 0.5, 4.0)
    assert "Three-factor at the end: median 5, below 1: 50%" in texts(picture)
    assert set(tables["_curves"].quantity) == {"eigenvalue", "bound", "assumption_1"}


def test_table1_gives_three_units_and_says_which_fits(results):
    picture, tables = table1.draw(results)
    table = tables[""].set_index(["rule", "quantity"])
    assert table["mean"][("three_factor", "gap_points")] == pytest.approx(100 * table["mean"][("three_factor", "gap")])
    assert (
        table.published_mean[("bptt", "eigenvalue")] == 316
        and table.published_sd[("three_factor", "eigenvalue")] == 490
    )
    made = pd.DataFrame({"unit": ["", "a", "b", "a", "b"], "mean": [9, 0.4, 0.5, 0.3, 7.0]})
    assert (
        table1.best_unit(made.assign(published_mean=[9, 0.5, 0.5, 0.2, 0.2], published_sd=[1, 0.3, 0.3, 0.1, 0.1]))
        == "a"
    )


def test_a_task_and_a_rule_of_the_users_own_have_their_column_and_line(tmp_path):
    folder = ResultsFolder(tmp_path / "r")
    folder.run("m", "my_task", "my_rule", ends("m", 3))
    folder.group("main", "m")
    picture, tables = figure3.draw(load(folder.save()))
    assert [axis.get_title() for axis in picture.axes][-1] == "my_task"
    assert picture.axes[-1].lines[0].get_label() == "my_rule (n = 3)" and set(tables[""].group) == {"my_rule"}


def test_a_rule_stands_beside_bptt_at_its_own_rate_and_at_the_rules(tmp_path):
    """Runs that the grid shares with the main ones count once; at BPTT's own learning rate there is no third side."""
    folder = ResultsFolder(tmp_path / "r")
    folder.run("b", "seq_mnist", "bptt", ends("b", 2, eigenvalue=10.0, eigenvalue_sd=0))
    grid = [{**end, "eigenvalue": value} for end, value in zip(ends("g", 4), (10.0, 30.0, 10.0, 30.0))]
    folder.run("g", "seq_mnist", "bptt", grid, rates=(0.01, 0.001))
    folder.run("t", "seq_mnist", "three_factor", ends("t", 2, eigenvalue=50.0, eigenvalue_sd=0))
    slow = [dict(end, eigenvalue=value) for end, value in zip(ends("r", 3), (10.0, 1000.0, 1e9))]
    folder.run("r", "seq_mnist", "rflo", slow, rates=(0.001,), diverged=(2,))
    folder.group("main", "b", "t", "r")
    folder.group("learning_rates", "g")
    picture, tables = same_learning_rate.draw(load(folder.save()))
    style.plt.close(picture)
    found = {(row.rule, row.side): (row.n, row.learning_rate, row.eigenvalue) for row in tables[""].itertuples()}
    bptt = (2, 0.01, pytest.approx(10))
    assert found == {
        ("three_factor", "rule"): (2, 0.01, pytest.approx(50)),
        ("three_factor", "bptt_own_rate"): bptt,
        ("rflo", "rule"): (2, 0.001, pytest.approx(100)),
        ("rflo", "bptt_same_rate"): (2, 0.001, pytest.approx(30)),
        ("rflo", "bptt_own_rate"): bptt,
    }
