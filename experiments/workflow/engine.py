"""Snakemake as a process of ours: started, signalled, awaited until all its jobs have saved their state."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import List, Optional

from experiments.workflow.batches import batch_options
from experiments.workflow.progress import Progress

HOME = Path(__file__).resolve().parents[2]


SNAKEMAKE_LOG = "logs/snakemake.log"
POLL = 0.5  # seconds from one look at the jobs to the next


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
    with open(str(results / SNAKEMAKE_LOG), "ab") as log:
        process = subprocess.Popen(
            command, env=environment, start_new_session=True, pass_fds=[lock], stdout=log, stderr=subprocess.STDOUT
        )
    stopped = []

    def pass_on(number, frame):
        stopped.append(number)
        os.killpg(process.pid, signal.SIGTERM)  # the jobs here save and end; Snakemake waits for a cluster's,
        process.send_signal(signal.SIGINT)  # unless it is told so

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        code = _watch(process, progress)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if not stopped:
        return code
    _await_group(process.pid)
    return 128 + stopped[0]


def _watch(process: subprocess.Popen, progress: Progress) -> int:
    """Shows the progress until the process ends; returns its exit code."""
    try:
        while True:
            progress.update()
            try:
                return process.wait(POLL)
            except subprocess.TimeoutExpired:
                continue
    finally:
        progress.close()


def _await_group(group: int) -> None:
    """Waits until every process of the group has ended: Snakemake may end before the runs have saved their state."""
    while True:
        try:
            os.waitpid(-1, os.WNOHANG)  # as the first process of a container we inherit the jobs
        except ChildProcessError:
            pass
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
