"""The Slurm profile without Slurm: its scripts and a workflow, with programs that stand for Slurm's on the PATH."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments.plan.config import make_config
from experiments.plan.experiment_file import Plan
from experiments.plan.framework import results_name
from experiments.workflow.batches import LIMIT, TARGET, UNKNOWN, batch_options, batches, minutes

HOME = Path(__file__).resolve().parents[2]
PROFILE = HOME / "experiments" / "workflow" / "profiles" / "slurm"

# A job's number is that of its process group; a folder holds the numbers of all that were submitted.
SLURM = {
    "sbatch": """
        echo "$*" >>"$FAKE/calls"
        for script; do :; done
        set -m  # a process group of its own before sbatch returns
        env --default-signal=TERM,INT bash "$script" >/dev/null 2>&1 </dev/null &
        touch "$FAKE/jobs/$!"
        echo "$!;a_cluster" """,
    "squeue": """
        echo "$*" >>"$FAKE/questions"
        [[ ! -e $FAKE/down ]] || exit 1
        for job in $(ls "$FAKE/jobs"); do if kill -0 -- "-$job" 2>/dev/null; then echo "$job"; fi; done""",
    "scontrol": """
        [[ -e $FAKE/jobs/$4 ]] || exit 1
        if kill -0 -- "-$4" 2>/dev/null; then echo "JobId=$4 JobState=RUNNING Reason=None"
        else echo "JobId=$4 JobState=$(cat "$FAKE/state") Reason=None"; fi""",
    "scancel": """
        echo "$*" >>"$FAKE/cancelled"
        for job; do kill -TERM -- "-$job"; done""",
}


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """The folder in which the programs keep what they were asked; they come first on the PATH."""
    folder = tmp_path / "slurm"
    (folder / "jobs").mkdir(parents=True)
    (folder / "state").write_text("COMPLETED")
    for name, body in SLURM.items():
        (folder / name).write_text(f"#!/usr/bin/env bash\n{body}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE", str(folder))
    return folder


@pytest.fixture
def results(tmp_path, monkeypatch):
    folder = tmp_path / "results"
    for name in ("logs", "done"):
        (folder / name).mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def asked(script, *arguments):
    done = subprocess.run([str(PROFILE / script), *arguments], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def script(folder, body):
    (folder / "job.sh").write_text(f"#!/usr/bin/env bash\n{body}\n")
    return str(folder / "job.sh")


def forget_the_list(results):
    (results / "slurm" / "queue").unlink()


def wait_for_end(number):
    for _ in range(500):
        try:
            os.killpg(int(number), 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
    raise AssertionError(f"job {number} has not ended")


def test_submitting_hands_the_options_on_and_notes_the_markers(slurm, results):
    number = asked("submit.sh", "done/a done/b", "--time=5", "--mem=10", script(results, "exit 0"))
    assert number.isdigit() and (results / "slurm" / number).read_text() == "done/a\ndone/b\n"
    assert (slurm / "calls").read_text().startswith("--parsable --output=logs/slurm-%j.log --time=5 --mem=10 ")


def test_what_is_waiting_or_running_is_not_submitted_again(slurm, results):
    job = script(results, "sleep 60")
    number = asked("submit.sh", "done/a done/b", job)
    assert asked("submit.sh", "done/a done/b", job) == asked("submit.sh", "done/b", job) == number
    other = asked("submit.sh", "done/b done/c", job)
    assert other != number and len((slurm / "calls").read_text().splitlines()) == 2
    for each in (number, other):
        os.killpg(int(each), signal.SIGKILL)
        wait_for_end(each)
    again = asked("submit.sh", "done/a done/b", job)
    assert again not in (number, other)
    os.killpg(int(again), signal.SIGKILL)


def test_a_job_is_running_until_it_has_ended_well_or_not(slurm, results):
    number = asked("submit.sh", "done/a", script(results, "sleep 60"))
    assert asked("status.sh", number) == "running"
    os.killpg(int(number), signal.SIGKILL)
    wait_for_end(number)
    forget_the_list(results)
    assert asked("status.sh", number) == "success"
    for state in ("TIMEOUT", "CANCELLED", "OUT_OF_MEMORY", "NODE_FAIL", "FAILED"):
        (slurm / "state").write_text(state)
        assert asked("status.sh", number) == "failed"


def test_a_job_younger_than_the_list_is_running(slurm, results):
    asked("submit.sh", "done/a", script(results, "exit 0"))
    asked("status.sh", "1")
    number = asked("submit.sh", "done/b", script(results, "sleep 60"))
    assert number not in (results / "slurm" / "queue").read_text()
    assert asked("status.sh", number) == "running"
    os.killpg(int(number), signal.SIGKILL)


def test_of_a_job_that_slurm_has_forgotten_the_markers_tell(slurm, results):
    (results / "slurm").mkdir()
    (results / "slurm" / "7").write_text("done/a\ndone/b\n")
    (results / "done" / "a").write_text("0 1\n")
    assert asked("status.sh", "7") == "failed"
    (results / "done" / "b").write_text("0 1\n")
    assert asked("status.sh", "7") == "success"


def test_slurm_is_asked_once_for_many_jobs_and_may_be_down(slurm, results):
    number = asked("submit.sh", "done/a", script(results, "sleep 60"))
    before = len((slurm / "questions").read_text().splitlines())
    assert [asked("status.sh", number) for _ in range(3)] == ["running"] * 3
    assert len((slurm / "questions").read_text().splitlines()) == before + 1
    os.killpg(int(number), signal.SIGKILL)
    wait_for_end(number)
    forget_the_list(results)
    (slurm / "down").write_text("")
    assert asked("status.sh", number) == "running"


def plan_of(*lengths):
    """A plan of runs that should take as many seconds, and costs by which they do."""
    each = {f"{i:012x}": make_config("delayed_match", "bptt", [i], [0.01], iterations=n) for i, n in enumerate(lengths)}
    plan = Plan(runs=each, blocks={"all": list(each)}, measures={"all": ["spectrum"]})
    return plan, {"delayed_match": {"bptt": {"train": 1.0, "spectrum": 0.0}}}  # and twice STARTUP


def test_short_runs_share_a_job_of_ten_minutes_or_more_and_long_ones_have_their_own():
    lengths = [30] * 60 + [TARGET + 1, 5, TARGET + 1, 5, 5]
    plan, costs = plan_of(*lengths)
    found = batches(plan, costs)
    assert list(found) == list(plan.runs)
    together = {name: [i for i, run in enumerate(found) if found[run] == name] for name in found.values()}
    shared = [runs for runs in together.values() if len(runs) > 1]
    assert sorted(runs for runs in together.values() if len(runs) == 1) == [[60], [62]]  # the long ones
    assert all(sum(lengths[i] + 20 for i in runs) >= 600 for runs in shared[:-1]) and len(shared) == 3
    assert batch_options(found)[0] == "--group-components"
    assert sum(int(option.split("=")[1]) for option in batch_options(found)[1:]) == 63


def test_the_limit_of_a_job_is_a_multiple_of_what_it_should_take():
    plan, costs = plan_of(590, 590)
    assert set(minutes(plan, costs).values()) == {LIMIT * 10, LIMIT * 10 // 60 + 1}
    assert set(minutes(plan, {}).values()) == {UNKNOWN}
    assert batch_options(batches(plan, {})) == []  # what was never timed shares no job


PLAN = """
reduced: true
blocks:
  pattern:
    {task: pattern_generation, rules: [bptt, three_factor], seeds: 2, learning_rates: [0.003], settings:
      {iterations: 30000, evaluate_every: 1500, until_stable: false, parameters: {steps: 8}}}
groups: {main: [pattern]}
figures: [figure3]
"""


def begin(folder):
    command = [sys.executable, "-m", "experiments.workflow.reproduce", "small.yaml", "--"]
    command += ["--profile", str(folder / "experiments" / "workflow" / "profiles" / "slurm")]
    environment = dict(os.environ, MPLBACKEND="Agg", PYTHONDONTWRITEBYTECODE="1", CI="true")  # Snakemake polls faster
    for name in ("USER", "LOGNAME"):
        environment.pop(name, None)
    return subprocess.Popen(
        command, cwd=str(folder), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


@pytest.mark.slow
def test_a_workflow_stopped_on_a_cluster_cancels_its_jobs_which_save_and_resume(slurm, tmp_path):
    folder = tmp_path / "it's {a} copy"
    for name in ("models", "rules", "tasks", "hessian", "experiments", "figures"):
        shutil.copytree(str(HOME / name), str(folder / name), ignore=shutil.ignore_patterns("data", "__pycache__"))
    (folder / "small.yaml").write_text(PLAN)
    results = folder / "results" / results_name("small")
    process = begin(folder)
    deadline = time.time() + 240
    while not list(results.glob("runs/*.partial/checkpoint.npz")):
        assert time.time() < deadline and process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130, out
    (number,) = [path.name for path in (slurm / "jobs").iterdir()]
    assert (slurm / "cancelled").read_text().strip() == number
    wait_for_end(number)
    logs = [path.read_text() for path in (results / "logs").glob("[0-9a-f]*.log")]
    assert any("stopped at iteration" in log for log in logs)
    process = begin(folder)
    out, _ = process.communicate(timeout=600)
    assert process.returncode == 0 and "2/2 pattern_generation" in out, out
    assert len((slurm / "calls").read_text().splitlines()) == 2  # both runs in one job, twice
    logs = [path.read_text() for path in (results / "logs").glob("[0-9a-f]*.log")]
    assert all(log.count("iteration 0 of") == 1 for log in logs)
    planned = json.loads((results / "plan.json").read_text())
    assert set(planned["batches"].values()) == {"batch0"}
