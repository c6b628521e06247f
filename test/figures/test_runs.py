import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from synthetic import ResultsFolder, ends, measure

import figures
from experiments.plan.config import Config
from experiments.plan.schedule import learning_rate_factor
from figures import bounds, runs, theorem
from figures.__main__ import main
from figures.measures import early_stopped, run_values

HOME = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path):
    made = ResultsFolder(tmp_path / "r")
    made.run("b", "seq_mnist", "bptt", ends("b", 3))
    made.group("main", "b")
    return made


def test_a_missing_run_is_lost_with_its_last_words_and_the_others_stay(folder):
    folder.group("main", "gone", "broken")
    (folder.root / "logs").mkdir()
    (folder.root / "logs" / "gone.log").write_text("starting\nout of memory\n\n")
    folder.run("broken", "seq_mnist", "three_factor", ends("x", 3))
    (folder.root / "runs" / "broken" / "summary.json").write_text("{")
    results = runs.load(folder.save())
    assert results.lost["gone"] == "out of memory" and "is not JSON" in results.lost["broken"]
    assert set(runs.runs(results, "main").ensemble) == {"b"}


def test_a_group_without_runs_is_an_empty_table_with_columns(folder):
    results = runs.load(folder.save())
    for table in (runs.runs(results, "scheduled"), runs.runs(results, "adam", "triple")):
        assert table.empty and list(table.columns[:3]) == runs.KEY
    empty = runs.measures(results, "main", "spectrum.csv", ["rank", "eigenvalue"])
    assert empty.empty and "rank" in empty and run_values(results, "measured", "slope_200").empty


def test_a_column_that_a_run_lacks_is_nan(folder):
    for file in ("history.csv",):
        path = folder.root / "runs" / "b" / file
        pd.read_csv(str(path)).drop(columns=["rho_W_h", "fixed_noise_gap"]).to_csv(str(path), index=False)
    results = runs.load(folder.save())
    assert runs.runs(results, "main").end_rho_W_h.isna().all()
    assert run_values(results, "main", "share_shorter").value.isna().all()


def test_the_end_of_training_is_the_runs_own_window_of_regular_evaluations_for_every_measure(tmp_path):
    """A history every 250 iterations of which, by its configuration, only those at multiples of 500 are regular."""
    folder = ResultsFolder(tmp_path / "r")
    run = folder.run("t", "seq_mnist", "three_factor", ends("t", 2), evaluate_every=500, window=3)
    history = pd.read_csv(str(run / "history.csv")).sample(frac=1, random_state=0)
    history["eigenvalue"] = history["rho_W_h"] = history["training_performance"] = history.iteration + history.seed
    history.to_csv(str(run / "history.csv"), index=False)
    rows = history[["seed", "learning_rate", "iteration"]]
    measure(run, "relative_flatness.csv", rows.assign(relative_flatness=history.eigenvalue))
    measure(run, "alignment.csv", rows.assign(top=5, error_alignment=history.eigenvalue))
    folder.group("main", "t")
    results = runs.load(folder.save())
    end = np.array([2000.0, 2001.0])  # the median of iterations 1500, 2000 and 2500; the last is 2750
    for name in ("training_performance", "relative_flatness", "error_alignment_5"):
        assert list(run_values(results, "main", name).value) == list(end), name
    history = runs.histories(results, "main")
    products = runs.ends(history.assign(product=theorem.bound_products(history)), "product")
    assert list(products) == pytest.approx(0.01 * end**2)
    table = bounds.draw(results)[1][""]
    assert list(table.evaluations_end) == [6] and list(table.evaluations_all) == [24]


def test_a_decaying_learning_rate_is_that_of_the_evaluation(tmp_path):
    folder = ResultsFolder(tmp_path / "r")
    points = [dict(eigenvalue=500.0, gap=0.1, rho=-0.5)] * 2
    settings = {"decay_factor": 0.5, "decay_every": 1000, "window": 4}
    folder.run("t", "seq_mnist", "three_factor", points, **settings)
    folder.group("main", "t")
    results = runs.load(folder.save())
    history = runs.histories(results, "main")
    config = Config(**{**dict.fromkeys(Config._fields), **settings})
    assert list(history.current_learning_rate) == [
        0.01 * learning_rate_factor(config, iteration) for iteration in history.iteration
    ]
    # at the end iterations 2000 to 2750, a quarter of the first rate: the product is a quarter of 500 * 0.01 * 0.5
    assert list(runs.ends(history.assign(product=theorem.bound_products(history)), "product")) == [0.625] * 2
    row = bounds.draw(results)[1][""].iloc[0]
    assert (row.beyond_1_over_eta_end, row.beyond_2_over_eta_end, row.beyond_1_over_rho_eta_end) == (1, 0, 0)


@pytest.mark.parametrize("rho, bound, limit", [(0.5, 1.5, 1.5), (-0.5, 1.5, theorem.UNSTABLE), (0.0, np.nan, np.nan)])
def test_the_theorem_is_judged_where_the_error_is_near_zero_but_no_rounding(tmp_path, rho, bound, limit):
    """Seed 0 ends near zero error, having passed 1e-6 at an eigenvalue of 300; seed 1 does not end there."""
    folder = ResultsFolder(tmp_path / "r")
    run = folder.run("t", "pattern_generation", "three_factor", [dict(eigenvalue=300.0, gap=0.1, rho=rho)] * 2)
    history = pd.read_csv(str(run / "history.csv"))
    history["training_data_loss"] = np.where(history.seed == 1, 0.1, [1e-1, 1e-7, *[0.0] * 10] * 2)
    history["eigenvalue"] = np.where(history.training_data_loss == 1e-7, 300.0, 1.0)
    history.to_csv(str(run / "history.csv"), index=False)
    folder.group("theorem", "t")
    results = runs.load(folder.save())
    for name, expected in (("bound_at_zero_error", bound), ("limit_at_zero_error", limit)):
        found = run_values(results, "theorem", name).set_index("seed").value
        np.testing.assert_array_equal(found[[0, 1]], [expected, np.nan])


def test_an_evaluation_without_an_exact_gradient_has_no_step_length():
    history = pd.DataFrame({"rule": ["mdgl", "mdgl", "bptt"], "rho_W_h": [0.0, -0.5, 0.0], "eigenvalue": 300.0})
    history = history.assign(current_learning_rate=0.01)
    np.testing.assert_array_equal(theorem.shorter(history), [np.nan, 1, 0])
    np.testing.assert_array_equal(theorem.beyond_limit(history), [np.nan, 1, 1])


def test_measures_by_their_top(folder):
    key = {"seed": 0, "learning_rate": 0.01}
    run = folder.root / "runs" / "b"
    measure(
        run,
        "power_law.csv",
        [dict(key, top=t, l2=l2, slope=t + (l2 == "with")) for t in (50, 200) for l2 in ("with", "without")],
    )
    measure(
        run,
        "alignment.csv",
        [dict(key, top=t, iteration=250 * i, error_alignment=t * i) for t in (5, 10) for i in range(12)],
    )
    results = runs.load(folder.save())
    value = {name: run_values(results, "main", name).value.iloc[0] for name in ("slope_50", "slope_200")}
    assert value == {"slope_50": 51, "slope_200": 201}
    table = run_values(results, "main", "error_alignment_10")
    assert table.value.iloc[0] == 10 * 6.5 and table.value.isna().sum() == 2  # the other runs were not measured


def test_early_stopping_takes_the_first_evaluation_at_the_target(tmp_path):
    folder = ResultsFolder(tmp_path / "r")
    folder.run("t", "seq_mnist", "three_factor", ends("t", 2, test=0.6))
    run = folder.run("b", "seq_mnist", "bptt", ends("b", 2))
    history = pd.read_csv(str(run / "history.csv"))
    history["test_performance"] = np.where(history.seed == 0, history.iteration / 2000.0, 0.5)
    history["training_performance"] = history.iteration / 1000.0
    history.to_csv(str(run / "history.csv"), index=False)
    folder.group("early", "b", "t")
    results = runs.load(folder.save())
    taken = early_stopped(results, "early")
    assert list(taken.seed) == [0] and list(taken.iteration) == [1250] and taken.target.iloc[0] == pytest.approx(0.6)
    table = run_values(results, "early", "early_gap").set_index(["rule", "seed"])
    assert table.end_training_performance["bptt", 0] == 1.25


def test_summaries_are_one_row_a_replica(folder, tmp_path):
    assert main(["summaries", str(folder.save()), str(tmp_path / "out")]) == 0
    table = pd.read_csv(str(tmp_path / "out" / "summaries.csv"))
    assert list(table.seed) == [0, 1, 2] and "hours" not in table and set(table.status) == {"completed"}


def test_what_the_user_can_mend_is_one_line_and_exit_2(folder, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    for arguments in ([str(tmp_path / "none"), str(tmp_path)], [str(folder.save()), str(tmp_path / "file" / "out")]):
        with pytest.raises(SystemExit) as stopped:
            main(["figure3", *arguments])
        assert stopped.value.code == 2 and len(capsys.readouterr().err.splitlines()) == 1
    (folder.root / "selection.json").write_text(json.dumps({"blocks": {"b": ["b"]}})[:-1])
    with pytest.raises(runs.RunsError, match="is not JSON"):
        runs.load(folder.root)


def test_no_module_of_figures_imports_tensorflow():
    modules = [f"figures.{module.name}" for module in pkgutil.iter_modules(figures.__path__)]
    script = f"import sys, {', '.join(modules)}; sys.exit('tensorflow' in sys.modules)"
    assert len(modules) > 20 and subprocess.run([sys.executable, "-c", script], cwd=str(HOME)).returncode == 0
