import json

import numpy as np
import pandas as pd
import pytest

from figures import figure3, summaries
from figures.runs import RunsError, load_runs


def write_run(root, name, rule, seed, eigenvalues, finished=True):
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"task": "seq_mnist", "rule": rule, "learning_rate": 0.01}))
    history = pd.DataFrame({"iteration": [0, 10], "seed": seed, "eigenvalue": eigenvalues, "converged": True})
    history.to_csv(str(folder / "history.csv"), index=False)
    if finished:
        entry = {"status": "completed", "final": {"seed": seed, "eigenvalue": eigenvalues[-1]}}
        (folder / "summary.json").write_text(json.dumps([entry]))


@pytest.fixture
def runs(tmp_path):
    root = tmp_path / "runs"
    write_run(root, "a", "bptt", 0, [10.0, 100.0])
    write_run(root, "b", "bptt", 1, [1000.0, 100.0])
    write_run(root, "c", "three_factor", 0, [10.0, 5000.0])
    write_run(root, "d.partial", "three_factor", 1, [7.0, 7.0])
    write_run(root, "e", "three_factor", 2, [7.0, 7.0], finished=False)
    return root


def test_figure3_draws_finished_runs_alone(runs, tmp_path):
    assert figure3.main([str(runs), str(tmp_path / "out"), "--note", "REDUCED"]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"figure3.png", "figure3.pdf", "figure3.csv"}
    table = pd.read_csv(str(tmp_path / "out" / "figure3.csv"))
    assert set(table.run) == {"a", "b", "c"}
    figure = figure3.draw(load_runs(runs)[0], "REDUCED")
    lines = {line.get_label(): line.get_ydata() for line in figure.axes[0].lines}
    assert lines["BPTT"] == pytest.approx([100, 100]) and lines["Three-factor"] == pytest.approx([10, 5000])
    assert figure._suptitle.get_text() == "REDUCED"


def test_a_diverged_run_is_left_out_and_said(runs):
    history = load_runs(runs)[0]
    history.loc[history.run == "a", "status"] = "diverged"
    history.loc[history.run == "c", "status"] = "diverged"
    bptt, three_factor = figure3.draw(history, "").axes[0].lines
    assert bptt.get_label() == "BPTT\n(1 of 2 diverged, left out)" and bptt.get_ydata() == pytest.approx([1000, 100])
    assert "(1 of 1 diverged" in three_factor.get_label() and not np.any(np.isfinite(three_factor.get_ydata()))


def test_the_same_runs_give_the_same_files(runs, tmp_path):
    for name in ("one", "two"):
        figure3.main([str(runs), str(tmp_path / name)])
    for ending in ("png", "pdf", "csv"):
        one, two = [(tmp_path / name / f"figure3.{ending}").read_bytes() for name in ("one", "two")]
        assert one == two, ending


def test_summaries_are_one_row_a_replica(runs, tmp_path):
    assert summaries.main([str(runs), str(tmp_path / "s.csv")]) == 0
    table = pd.read_csv(str(tmp_path / "s.csv"))
    assert list(table.rule) == ["bptt", "bptt", "three_factor"] and list(table.seed) == [0, 1, 0]
    assert np.array_equal(table.final_eigenvalue, [100.0, 100.0, 5000.0])


def test_no_runs_is_one_line_and_exit_2(tmp_path, capsys):
    with pytest.raises(RunsError, match="no finished runs under"):
        load_runs(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        figure3.main([str(tmp_path), str(tmp_path)])
    assert stopped.value.code == 2 and len(capsys.readouterr().err.splitlines()) == 1
