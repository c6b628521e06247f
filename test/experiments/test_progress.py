"""What the workflow shows: names, time left, the line on a terminal, the lines in a file, a job that fails."""

import fcntl
import io
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

import pytest
from waiting import wait_for

from experiments.plan.experiment_file import read_plan
from experiments.workflow import progress
from experiments.workflow.names import run_names
from experiments.workflow.prepare import markers
from experiments.workflow.progress import Job, Progress, duration, jobs, time_left
from experiments.workflow.reproduce import PLANS

JOB = Path(progress.__file__).with_name("job.sh")
PLAN = """
blocks:
  mnist: {task: seq_mnist, rules: [three_factor, bptt], seeds: [3], learning_rates: [0.01], measures: [spectrum]}
groups: {main: [mnist]}
figures: [figure3]
"""


@pytest.fixture
def workflow(tmp_path):
    """(results folder, jobs by name) of a plan with two runs and a measure of each; the folder is empty."""
    (tmp_path / "plan.yaml").write_text(PLAN)
    plan = read_plan(tmp_path / "plan.yaml")
    for folder in ("done", "logs", "running"):
        (tmp_path / folder).mkdir()
    found = jobs(plan, markers(plan)["mnist"])
    return tmp_path, {job.name: job for job in found}


def begin(results, job, words):
    (results / "running" / job.marker).write_text("\n")
    (results / "logs" / f"{job.marker}.log").write_text(words)


def end(results, job, code, seconds):
    (results / "running" / job.marker).unlink()
    (results / "done" / job.marker).write_text(f"{code} {seconds}\n")


def terminal(columns):
    """(the end a person looks at, the end a program writes to) of a terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    return ours, os.fdopen(theirs, "w")


def seen(ours):
    assert select.select([ours], [], [], 60)[0], "nothing was shown"
    time.sleep(0.05)
    return os.read(ours, 100000).decode()


def test_jobs_have_the_names_that_a_person_knows(workflow):
    assert set(workflow[1]) == {
        f"seq_mnist {rule} seed 3{measure}" for rule in ("three_factor", "bptt") for measure in ("", ", spectrum")
    }


@pytest.mark.parametrize("what", sorted(PLANS))
def test_no_two_runs_of_an_experiment_file_have_one_name(what):
    runs = read_plan(PLANS[what]).runs
    names = run_names(runs)
    assert names.keys() == runs.keys() and len(set(names.values())) == len(names)


def test_on_a_terminal_one_line_says_what_is_running(workflow):
    results, named = workflow
    ours, theirs = terminal(200)
    shown = Progress(results, list(named.values()), 2, theirs)
    job = named["seq_mnist three_factor seed 3"]
    begin(results, job, "iteration 4,000 of 16,000, eigenvalue 1,790\niteration 4,250 of 16,000, eigenvalue 1,830\n")
    shown.update()
    words = seen(ours)
    assert "0/4 done" in words and "\n" not in words
    assert "seq_mnist three_factor seed 3, iteration 4,250 of 16,000, eigenvalue 1,830" in words
    end(results, job, 0, 3 * 3600 + 300)
    shown.update()
    words = seen(ours)
    assert "1/4 seq_mnist three_factor seed 3: 3 h 5 min; " in words and "1/4 done" in words
    shown.close()


def test_the_line_fits_the_terminal(workflow):
    results, named = workflow
    ours, theirs = terminal(60)
    shown = Progress(results, list(named.values()), 2, theirs)
    for job in named.values():
        begin(results, job, "iteration 1 of 16,000, eigenvalue 1,830\n")
    shown.update()
    lines = [re.sub(r"\x1b\[\w+", "", line).rstrip() for line in seen(ours).split("\r")]
    assert 50 < max(map(len, lines)) <= 60
    shown.close()


def test_elsewhere_one_plain_line_says_what_has_ended(workflow):
    results, named = workflow
    stream = io.StringIO()
    shown = Progress(results, list(named.values()), 2, stream)
    first, second = named["seq_mnist bptt seed 3"], named["seq_mnist three_factor seed 3"]
    begin(results, first, "")
    shown.update()
    assert stream.getvalue() == ""
    end(results, first, 0, round(2 * first.seconds))
    shown.update()
    left = 2 * max(second.seconds, sum(job.seconds for job in named.values() if job != first) / 2)
    assert (
        stream.getvalue() == f"1/4 seq_mnist bptt seed 3: {duration(2 * first.seconds)}; about {duration(left)} left\n"
    )
    shown.close()


def test_a_line_is_there_at_once_in_a_stream_that_is_buffered(workflow):
    results, named = workflow
    written = io.BytesIO()
    shown = Progress(results, list(named.values()), 2, io.TextIOWrapper(io.BufferedWriter(written)))
    job = named["seq_mnist bptt seed 3"]
    begin(results, job, "")
    end(results, job, 0, 3)
    shown.update()
    assert written.getvalue().startswith(b"1/4 seq_mnist bptt seed 3: 3 s")
    shown.close()


def test_a_job_that_fails_says_its_name_its_last_words_and_where_its_log_is(workflow):
    results, named = workflow
    stream = io.StringIO()
    shown = Progress(results, list(named.values()), 2, stream)
    job = named["seq_mnist bptt seed 3"]
    begin(results, job, "Traceback ...\nexperiments.train: checkpoint x is damaged\n\n")
    end(results, job, 2, 5)
    shown.update()
    log = results / "logs" / f"{job.marker}.log"
    words = "FAILED with exit code 2: experiments.train: checkpoint x is damaged"
    assert stream.getvalue() == f"1/4 seq_mnist bptt seed 3: {words}\n  log: {log}\n"
    shown.close()


def test_what_a_killed_workflow_left_is_not_running_but_a_slurm_job_may_be(workflow):
    results, named = workflow
    here, there = named["seq_mnist bptt seed 3"], named["seq_mnist three_factor seed 3"]
    begin(results, here, "")
    begin(results, there, "")
    (results / "running" / there.marker).write_text("4711\n")
    Progress(results, list(named.values()), 2, io.StringIO())
    assert [path.name for path in (results / "running").iterdir()] == [there.marker]


def test_time_left_is_what_was_expected_scaled_by_what_was_measured_of_the_task():
    a, b, c = Job("a", "a", "match", 100.0), Job("b", "b", "match", 300.0), Job("c", "c", "mnist", 1000.0)
    assert time_left([(a, 0.0), (b, 0.0)], [], 1) == 400
    assert time_left([(a, 0.0), (b, 0.0)], [], 2) == 300  # the longer one alone
    assert time_left([(b, 0.75)], [], 2) == 75
    assert time_left([(b, 0.0)], [(a, 50.0)], 1) == 150
    assert time_left([(c, 0.0)], [(a, 50.0)], 1) == 500  # none of its task has ended: all that have
    assert time_left([(b, 0.0)], [(a, 50.0), (c, 4000.0)], 1) == 150
    assert time_left([], [(a, 50.0)], 1) == 0


def test_time_left_is_unknown_where_nothing_was_ever_timed():
    assert time_left([(Job("a", "a", "new", 0.0), 0.0)], [], 1) is None


@pytest.mark.parametrize(
    "seconds, words",
    [(42.4, "42 s"), (59.6, "1 min"), (89, "1 min"), (3570, "1 h 0 min"), (11100, "3 h 5 min"), (187200, "2 d 4 h")],
)
def test_durations_are_what_a_person_says(seconds, words):
    assert duration(seconds) == words


def run_job(folder, *command):
    for name in ("logs", "done"):
        (folder / name).mkdir(exist_ok=True)
    return subprocess.Popen([str(JOB), "logs/a.log", "done/a", *command], cwd=str(folder), start_new_session=True)


def test_a_job_is_running_while_it_runs_and_leaves_its_exit_code(tmp_path):
    assert run_job(tmp_path, "bash", "-c", "ls running; exit 3").wait() == 0
    assert (tmp_path / "logs" / "a.log").read_text() == "a\n"
    assert (tmp_path / "done" / "a").read_text().split()[0] == "3"
    assert list((tmp_path / "running").iterdir()) == []


@pytest.mark.parametrize("to_all", [True, False], ids=["its processes too", "it alone"])
def test_a_job_that_is_told_to_stop_leaves_no_marker(tmp_path, to_all):
    process = run_job(tmp_path, "bash", "-c", "echo ready; trap 'exit 143' TERM; sleep 2 & wait")
    log = tmp_path / "logs" / "a.log"
    wait_for(lambda: log.exists() and log.read_text(), process)
    (os.killpg if to_all else os.kill)(process.pid, signal.SIGTERM)
    assert process.wait() in (143, -signal.SIGTERM)
    assert list((tmp_path / "running").iterdir()) == [] and list((tmp_path / "done").iterdir()) == []
