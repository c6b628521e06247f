import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from explicit import Problem, central_differences, rates, trace_gradient
from graphs import dense_hessian

from experiments.measure.__main__ import main
from experiments.measure.measures import known_measures
from experiments.measure.saved_run import SavedRun
from experiments.plan.config import make_config, members, task_of
from experiments.train.loop import train
from experiments.train.streams import random_stream
from models.initialisation import fixed_feedback

HOME = Path(__file__).resolve().parents[2]
CONFIG = make_config(
    "pattern_generation", "three_factor", [0, 1], [0.01, 0.03],
    iterations=4, evaluate_every=2, parameters={"units": 8, "steps": 12, "l2": 0.05},
)  # fmt: skip
ALL = ",".join(known_measures())


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of 2 seeds at 2 rates, evaluated at 0, 2 and 4, with all its measures."""
    folder = train(CONFIG, tmp_path_factory.mktemp("runs"), show_progress=False)
    main([str(folder), "--measure", ALL])
    return folder


@pytest.fixture
def unmeasured(trained, tmp_path):
    """A copy of it without the measures."""
    copy = tmp_path / trained.name
    (copy / "weights").mkdir(parents=True)
    for file in ("config.json", "history.csv", "summary.json"):
        (copy / file).write_bytes((trained / file).read_bytes())
    for file in (trained / "weights").iterdir():
        (copy / "weights" / file.name).write_bytes(file.read_bytes())
    return copy


def problem_of(folder, replica, iteration):
    """The saved network on its training batch, as test/explicit.py has it, in float64."""
    task, (seed, _) = task_of(CONFIG), members(CONFIG)[replica]
    example = task.data(random_stream(seed)).batch(0, None)
    with np.load(str(folder / "weights" / f"{iteration:06d}.npz")) as stored:
        weights = {name: stored[name][replica].astype(float) for name in ("W_x", "W_h", "w", "c")}
    feedback = fixed_feedback(random_stream(seed)("feedback"), task.units, task.outputs)
    return Problem(
        x=example.x.astype(float), y=example.y.astype(float), feedback=feedback, alpha=0.0, beta=0.0,
        a=np.zeros(task.units), loss=task.loss, supervised_steps=task.supervised_steps, l2=0.05, **weights,
    )  # fmt: skip


def rows(folder, name, replica, **where):
    """The rows of a measure that belong to a replica."""
    seed, rate = members(CONFIG)[replica]
    table = pd.read_csv(str(folder / f"{name}.csv"), float_precision="round_trip")
    for column, value in dict(where, seed=seed, learning_rate=rate).items():
        table = table[table[column] == value]
    return table


@pytest.mark.parametrize("replica", [0, 3])
def test_spectrum_of_the_last_evaluation(trained, replica):
    found = rows(trained, "spectrum", replica)
    expected = np.linalg.eigvalsh(dense_hessian(problem_of(trained, replica, 4)))
    expected = expected[np.argsort(-np.abs(expected))][:56]  # 8 units without the diagonal
    assert list(found["rank"]) == list(range(1, 57)) and found.converged.all()
    assert sorted(found.eigenvalue) == pytest.approx(sorted(expected), rel=1e-4, abs=1e-5 * abs(expected[0]))
    assert np.all(np.diff(np.abs(found.eigenvalue)) <= 0)
    assert found.asymmetry.nunique() == 1 and 0 <= found.asymmetry.iloc[0] < 1e-3


def test_power_law_of_that_spectrum(trained):
    """Without the L2 term, of one eigenvalue less than the 12 targets, whatever top was asked for."""
    for replica in range(4):
        eigenvalues = rows(trained, "spectrum", replica).eigenvalue.values
        for l2, shift, used in (("with", 0, 50), ("without", 0.05, 11)):
            found = rows(trained, "power_law", replica, l2=l2).set_index("top")
            assert list(found.index) == [200, 100, 50] and found.used[50] == used
            for top in (200, 100):
                if l2 == "with":
                    assert "expected" in found.refused[top] and np.isnan(found.slope[top] + found.alpha[top])
                else:
                    assert found.used[top] == 11 and found.slope[top] == found.slope[50]
            magnitudes = np.sort(np.abs(eigenvalues - shift))[::-1][:used]
            if isinstance(found.refused[50], str):
                assert magnitudes[-1] < 4e-6 * magnitudes[0]  # zero, as far as single precision can tell
                continue
            slope, _ = np.polyfit(np.log(np.arange(1, used + 1)), np.log(magnitudes), 1)
            assert found.slope[50] == pytest.approx(-slope)
            assert found.alpha[50] == pytest.approx(1 + used / np.sum(np.log(magnitudes / magnitudes[-1])))
            assert found.decay[50] == pytest.approx(1 / (found.alpha[50] - 1))
            assert found.xmin[50] == pytest.approx(magnitudes[-1])
    assert not np.all(np.isnan(pd.read_csv(str(trained / "power_law.csv")).slope))


@pytest.mark.parametrize("replica, iteration", [(0, 0), (3, 4)])
def test_relative_flatness(trained, replica, iteration):
    problem = problem_of(trained, replica, iteration)
    f = np.concatenate(rates(problem)[0][1:])
    found = rows(trained, "relative_flatness", replica, iteration=iteration).relative_flatness.item()
    assert found == pytest.approx(np.sum(problem.w**2) * np.mean(np.sum(f**2, axis=1)), rel=1e-5)


@pytest.mark.parametrize("replica, iteration", [(0, 0), (3, 4)])
def test_alignment_and_taylor_terms(trained, replica, iteration):
    problem = problem_of(trained, replica, iteration)
    H = dense_hessian(problem)
    values, vectors = np.linalg.eigh(H)
    vectors = vectors[:, np.argsort(-np.abs(values))]
    g = central_differences(problem, "W_h").ravel()
    ghat = trace_gradient(problem, "three_factor")[1].ravel()
    rho = ghat @ g / (g @ g)
    e = ghat - rho * g
    found = rows(trained, "alignment", replica, iteration=iteration).set_index("top")
    for top in (5, 10, 20):
        for vector, column in ((e, "error_alignment"), (g, "gradient_alignment")):
            expected = np.mean(np.abs(vector @ vectors[:, :top])) / np.linalg.norm(vector)
            assert found[column][top] == pytest.approx(expected, abs=1e-4)
    eta = members(CONFIG)[replica][1]
    found = rows(trained, "taylor", replica, iteration=iteration).iloc[0]
    expected = {
        "T1": eta * g @ g,
        "T1_hat": eta * ghat @ g,
        "T2": eta**2 * g @ H @ g / 2,
        "T2_hat": eta**2 * ghat @ H @ ghat / 2,
        "assumption_1": abs(2 * rho * g @ H @ e + e @ H @ e) / abs(rho**2 * g @ H @ g),
        "rho_W_h": rho,
    }
    assert dict(found[list(expected)]) == pytest.approx(expected, rel=1e-3)
    history = rows(trained, "history", replica, iteration=iteration).iloc[0]
    assert found.eigenvalue == pytest.approx(history.eigenvalue, rel=1e-12)
    assert found.rho_W_h == pytest.approx(history.rho_W_h, rel=1e-4)


def test_curves_have_every_evaluation_of_every_replica(trained):
    expected = {(seed, rate, iteration) for seed, rate in members(CONFIG) for iteration in (0, 2, 4)}
    for name in ("relative_flatness", "alignment", "taylor"):
        table = pd.read_csv(str(trained / f"{name}.csv"))
        assert set(zip(table.seed, table.learning_rate, table.iteration)) == expected
        assert len(table) == len(expected) * (3 if name == "alignment" else 1)


def test_what_is_there_is_not_measured_again(trained, capsys):
    before = (trained / "taylor.csv").read_bytes()
    (trained / "taylor.csv").write_bytes(before + b"\n")
    main([str(trained), "--measure", "taylor"])
    assert (trained / "taylor.csv").read_bytes() == before + b"\n"
    assert "taylor.csv (kept)" in capsys.readouterr().out
    (trained / "taylor.csv").write_bytes(before)


def test_thinned_curves_keep_the_last_evaluation(unmeasured):
    main([str(unmeasured), "--measure", "relative_flatness", "--every", "3"])
    table = pd.read_csv(str(unmeasured / "relative_flatness.csv"))
    assert set(table.iteration) == {0, 4}
    assert not list(unmeasured.glob("*.tmp"))


def test_power_law_makes_the_spectrum_that_it_needs(unmeasured, trained):
    main([str(unmeasured), "--measure", "power_law"])
    for name in ("spectrum", "power_law"):  # and repeats to the bit
        assert (unmeasured / f"{name}.csv").read_bytes() == (trained / f"{name}.csv").read_bytes()


def test_replica_that_diverged_has_no_spectrum(unmeasured):
    summary = (unmeasured / "summary.json").read_text()
    (unmeasured / "summary.json").write_text(summary.replace('"status": "capped"', '"status": "diverged"', 1))
    run = SavedRun(unmeasured)
    assert len(run.diverged) == 1 and len(run.last_evaluations()) == 3
    assert all(run.members[evaluation.replica] not in run.diverged for evaluation in run.last_evaluations())


def test_evaluations_without_a_finite_eigenvalue_are_left_out(unmeasured):
    history = pd.read_csv(str(unmeasured / "history.csv"))
    history.loc[history.iteration == 4, "eigenvalue"] = np.nan
    history.to_csv(str(unmeasured / "history.csv"), index=False)
    run = SavedRun(unmeasured)
    assert {evaluation.iteration for evaluation in run.evaluations()} == {0, 2}
    assert {evaluation.iteration for evaluation in run.last_evaluations()} == {2}


@pytest.mark.slow
def test_it_runs_as_a_command_and_says_nothing_else(unmeasured):
    command = [sys.executable, "-m", "experiments.measure", str(unmeasured), "--measure", "relative_flatness"]
    done = subprocess.run(command, cwd=str(HOME), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{unmeasured / 'relative_flatness'}.csv\n"


def refused(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    err = capsys.readouterr().err
    assert stopped.value.code == 2 and len(err.splitlines()) == 1
    return err


def test_bad_input_is_one_line_and_exit_2(unmeasured, capsys):
    known = "unknown measure 'gap'; known: alignment, power_law, relative_flatness, spectrum, taylor"
    assert known in refused([unmeasured, "--measure", "spectrum,gap"], capsys)
    assert "--every is 0; expected a whole number" in refused([unmeasured, "--every", "0"], capsys)
    assert "is not the folder of a finished run" in refused([unmeasured / "weights"], capsys)
    (unmeasured / "weights" / "000002.npz").write_bytes(b"PK no more")
    assert "000002.npz cannot be read" in refused([unmeasured, "--measure", "taylor"], capsys)
    assert not (unmeasured / "taylor.csv").exists()
    (unmeasured / "config.json").write_text("{}")
    assert "cannot be measured: the configuration is not of version" in refused([unmeasured], capsys)
