"""Snakemake as a process of ours: started, signalled, awaited until all its jobs have saved their state."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import List, Optional

from experiments import HOME
from experiments.workflow.batches import batch_options
from experiments.workflow.progress import Progress

SNAKEMAKE_LOG = "logs/snakemake.log"
POLL = 0.5  # seconds from one look at the jobs to the next
PATIENCE = 5  # seconds until what was told to end is told again: a job may have begun just then


def snakemake(
    results: Path, lock: int, cores: Optional[int], targets: List[str], more: List[str], progress: Progress
) -> int:
    """Runs the workflow in the folder `results`; returns Snakemake's exit code, 128 + n if told to stop by signal n.

    Snakemake's own words go to SNAKEMAKE_LOG, the jobs' progress to the user.
    cores: None leaves them to the profile in `more`.
    lock: from `locked`; Snakemake holds it too, so that it stays locked if only we are killed.
    --rerun-incomplete: a job that was killed is done again. --nolock: `locked` keeps a second workflow out.
    """
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(HOME / "experiments" / "workflow" / "Snakefile")]
    command += ["--directory", str(results), "--keep-going", "--rerun-incomplete", "--nolock"]
    command += [] if cores is None else ["--cores", str(cores)]
    batches = json.loads((results / "plan.json").read_text())["batches"]
    command += ["--rerun-triggers", "mtime", "params", "input"] + batch_options(batches) + more + ["--"] + targets
    # a session of its own: we pass a signal on to all of it, and wait until the runs have saved their state
    environment = dict(os.environ, PYTHONPATH=str(HOME), BIOLHESS_HOME=str(HOME))
    stopped: List[int] = []
    # before Snakemake starts, which would inherit that a background process of a script ignores SIGINT
    before = {n: signal.signal(n, lambda number, _: stopped.append(number)) for n in (signal.SIGTERM, signal.SIGINT)}
    try:
        with open(str(results / SNAKEMAKE_LOG), "ab") as log:
            process = subprocess.Popen(
                command, env=environment, start_new_session=True, pass_fds=[lock], stdout=log, stderr=subprocess.STDOUT
            )
        code = _watch(process, progress, stopped)
        if stopped:
            _await_group(process.pid)
            return 128 + stopped[0]
        return code
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _watch(process: subprocess.Popen, progress: Progress, stopped: List[int]) -> int:
    """Shows the progress until the process ends, or stops it once there is a signal; returns its exit code."""
    next_call = 0.0
    try:
        while True:
            progress.update()
            if stopped and time.time() > next_call:
                _stop(process.pid)
                next_call = time.time() + PATIENCE
            try:
                return process.wait(POLL)
            except subprocess.TimeoutExpired:
                continue
    finally:
        progress.close()


def _stop(snakemake_process: int) -> None:
    """Tells Snakemake to end, and to cancel a cluster's jobs, by SIGINT; the jobs on this machine to save, by SIGTERM.

    Snakemake itself must not get SIGTERM: it would wait for a cluster's jobs, and its handler can lock itself out.
    """
    others = [process for process in _members(snakemake_process) if process != snakemake_process]
    _send(snakemake_process, signal.SIGINT)
    for process in others:
        _send(process, signal.SIGTERM)


def _members(group: int) -> List[int]:
    """The processes of a group."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit() and os.getpgid(int(entry)) == group:
                found.append(int(entry))
        except ProcessLookupError:
            continue
    return found


def _send(process: int, number: int) -> None:
    try:
        os.kill(process, number)
    except ProcessLookupError:
        pass


def _await_group(group: int) -> None:
    """Has what Snakemake may have left behind save and end, and waits for it."""
    next_call = 0.0
    while True:
        try:
            os.waitpid(-1, os.WNOHANG)  # as the first process of a container we inherit the jobs
        except ChildProcessError:
            pass
        try:
            os.killpg(group, 0 if time.time() < next_call else signal.SIGTERM)
        except ProcessLookupError:
            return
        if time.time() >= next_call:
            next_call = time.time() + PATIENCE
        time.sleep(0.05)
