"""The README's worked examples, run as printed in a copy of the project."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from explicit import errors, random_problem, rates

from experiments.plan.experiment_file import read_plan

HOME = Path(__file__).resolve().parents[1]


def printed(path):
    """The code block of the README that begins with the comment `# <path>`."""
    blocks = re.findall(r"```(?:python|yaml)\n(.*?)```", (HOME / "README.md").read_text(), flags=re.DOTALL)
    return next(block for block in blocks if block.startswith(f"# {path}\n"))


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("copy")
    for name in ("models", "rules", "tasks", "hessian", "experiments"):
        shutil.copytree(str(HOME / name), str(folder / name))
    for path in ("rules/attenuated.py", "rules/fading_traces.py", "tasks/accumulation.py"):
        (folder / path).write_text(printed(path))
    return folder


def run(folder, *arguments):
    done = subprocess.run([sys.executable, "-m", *arguments], cwd=str(folder), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_own_rule_is_found_and_trains(copy):
    options = "--task delayed_match --rule attenuated --iterations 20 --evaluate-every 10".split()
    history = (copy / run(copy, "experiments.train", *options).strip() / "history.csv").read_text()
    assert len(history.splitlines()) == 4 and "attenuated" in run(copy, "experiments.train", "--help")


def inspected(copy, rule, p):
    """dL/dW_h of a problem by a rule of the copy, through experiments.inspect."""
    np.savez(str(copy / "W.npz"), W_x=p.W_x, W_h=p.W_h, w=p.w, c=p.c[0])
    np.savez(str(copy / "B.npz"), x=p.x.transpose(1, 0, 2), y=p.y.transpose(1, 0, 2))
    options = "--loss squared --weights W.npz --batch B.npz --dtype float64 --out G.npz".split()
    run(copy, "experiments.inspect", "--rule", rule, *options)
    with np.load(str(copy / "G.npz"), allow_pickle=False) as found:
        return found["grad_W_h"]


def test_own_rule_has_the_gradient_that_it_says(copy):
    p = random_problem(1)
    f, psi = rates(p)
    err, expected, df = errors(p), np.zeros_like(p.W_h), 0.0
    for t in range(len(p.x), 0, -1):
        delta = psi[t] * (err[t] @ p.w.T + df)
        expected += f[t - 1].T @ delta * (1 - np.eye(5))
        df = 0.5 * delta @ p.W_h.T
    assert inspected(copy, "attenuated", p) == pytest.approx(expected, rel=1e-10, abs=1e-13)


def test_own_online_rule_has_the_gradient_that_it_says(copy):
    p = random_problem(2)
    f, psi = rates(p)
    err, expected = errors(p), np.zeros_like(p.W_h)
    for t in range(1, len(p.x) + 1):
        trace = sum(0.5 ** (t - 1 - earlier) * f[earlier] for earlier in range(t))
        expected += trace.T @ (psi[t] * (err[t] @ p.w.T)) * (1 - np.eye(5))
    assert inspected(copy, "fading_traces", p) == pytest.approx(expected, rel=1e-10, abs=1e-13)


@pytest.mark.slow
def test_own_task_is_trained_swept_and_measured(copy):
    options = "--task accumulation --rule three_factor --learning-rates 0.01 0.03 --iterations 300".split()
    assert "chosen: learning rate" in run(copy, "experiments.sweep", *options, "--seeds", "9000")
    (entry,) = [
        e
        for e in json.loads((copy / "experiments" / "chosen_learning_rates.json").read_text())
        if e["task"] == "accumulation"
    ]
    options = "--task accumulation --rule three_factor --seeds 0 1 --iterations 300 --parameter steps=5".split()
    folder = copy / run(copy, "experiments.train", *options).strip()
    entries = json.loads((folder / "summary.json").read_text())
    assert [e["learning_rate"] for e in entries] == [entry["learning_rate"]] * 2
    assert all(e["final"]["training_performance"] > 0.8 for e in entries)  # it learns; chance is 0.5
    run(copy, "experiments.measure", str(folder), "--measure", "spectrum,relative_flatness")
    spectrum = (folder / "spectrum.csv").read_text().splitlines()
    assert len(spectrum) == 1 + 2 * 200 and (folder / "relative_flatness.csv").exists()


def test_own_experiment_file_varies_what_it_says(tmp_path):
    (tmp_path / "mine.yaml").write_text(printed("mine.yaml"))
    plan = read_plan(tmp_path / "mine.yaml")
    kinds = [one["kind"] for one in plan.specifications.values()]
    assert kinds == ["main"] + ["alone"] * 4 + ["random"] * 5 and len(plan.blocks) == len(kinds)
