"""What a person sees while the workflow runs: one line for each finished job, and on a terminal what is running now.

Everything is read from files in the results folder, which the nodes of a cluster share: job.sh keeps a file in
running/ while a job runs and leaves a marker in done/ when it ends; training logs a line at every evaluation.
"""

import re
import time
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, TextIO, Tuple

from tqdm import tqdm

from experiments.plan.costs import job_end, job_seconds, read_costs
from experiments.plan.experiment_file import Plan
from experiments.workflow.names import run_names

STATE = re.compile(r"^iteration ([\d,]+) of ([\d,]+)\b.*$", re.MULTILINE)  # of training, see experiments.train.loop
TAIL = 4000  # bytes at the end of a log in which its last line is looked for


class Job(NamedTuple):
    """A run to be trained or a measure to be taken: its marker's name, its own, and what it should take on one core."""

    marker: str
    name: str
    task: str
    seconds: float


def jobs(plan: Plan, wanted: List[str]) -> List[Job]:
    """The jobs behind the markers `wanted` (done/<hash> or done/<hash>.<measure>)."""
    names, costs = run_names(plan.runs), read_costs()
    found = []
    for path in wanted:
        marker = Path(path).name
        run, _, measure = marker.partition(".")
        config = plan.runs[run]
        seconds = job_seconds(config, measure or "train", costs)
        found.append(Job(marker, names[run] + (f", {measure}" if measure else ""), config.task, seconds))
    return found


def duration(seconds: float) -> str:
    """Seconds as a person says them: 42 s, 12 min, 3 h 5 min, 2 d 4 h."""
    seconds = int(round(seconds))
    if seconds < 60:
        return f"{seconds} s"
    minutes = (seconds + 30) // 60
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 24 else f"{hours // 24} d {hours % 24} h"


def time_left(left: List[Tuple[Job, float]], measured: List[Tuple[Job, float]], cores: int) -> Optional[float]:
    """Seconds until all jobs are done, or None if nothing is known of one of them.

    left: jobs that are not done and the share of each that is. measured: jobs that have finished and what they took.
    What costs.json expects is scaled by what the task's jobs, or all where it has none, have really taken.
    """
    taken: Dict[Optional[str], float] = {}
    expected: Dict[Optional[str], float] = {}
    for job, seconds in measured:
        for task in (job.task, None):
            taken[task] = taken.get(task, 0.0) + seconds
            expected[task] = expected.get(task, 0.0) + job.seconds
    if any(job.seconds == 0 and not expected.get(None) for job, _ in left):
        return None
    each = []
    for job, share in left:
        task = job.task if expected.get(job.task) else None
        scale = taken[task] / expected[task] if expected.get(task) else 1.0
        each.append(job.seconds * scale * (1 - share))
    return max(sum(each) / max(1, cores), max(each, default=0.0))


def last_words(log: Path) -> str:
    """The last line of a log that says something."""
    lines = [line.strip() for line in _tail(log).splitlines() if line.strip()]
    return lines[-1] if lines else "it wrote nothing"


def _tail(log: Path) -> str:
    try:
        with open(str(log), "rb") as stream:
            stream.seek(max(0, log.stat().st_size - TAIL))
            return stream.read().decode(errors="replace")
    except OSError:
        return ""


def _state(log: Path) -> Tuple[str, float]:
    """What a job that trains says of itself, and which share of it is done."""
    found = list(STATE.finditer(_tail(log)))
    if not found:
        return "", 0.0
    iteration, total = (int(number.replace(",", "")) for number in found[-1].groups())
    return f", {found[-1].group(0)}", iteration / max(1, total)


class Progress:
    """Follows the jobs of a workflow in its results folder. cores: of this machine; None on a cluster."""

    def __init__(self, results: Path, jobs: List[Job], cores: Optional[int], stream: TextIO):
        self.results, self.cores = results, cores
        self._jobs = {job.marker: job for job in jobs}
        self._measured: List[Tuple[Job, float]] = []
        for name in self._names("running"):
            if not (results / "running" / name).read_text().strip():  # a Slurm job may run on without its workflow
                (results / "running" / name).unlink()
        self._done = self._names("done")
        self._bar = tqdm(
            total=len(self._jobs),
            initial=len(self._done),
            bar_format="{n_fmt}/{total_fmt} done {bar:10}{desc}",  # with a bar in it, tqdm cuts the line to the width
            dynamic_ncols=True,
            leave=False,
            disable=not stream.isatty(),
            file=stream,
        )
        self._stream = stream

    def _names(self, folder: str) -> set:
        """The jobs that have a file in a folder; Snakemake may have removed an empty one."""
        return {path.name for path in (self.results / folder).glob("*")} & set(self._jobs)

    def update(self) -> None:
        """Reports what has ended since the last call, and on a terminal what is running."""
        for name in sorted(self._names("done") - self._done):
            code, seconds = job_end(self.results / "done" / name)
            self._done.add(name)
            self._bar.update()
            if code == 0:
                self._measured.append((self._jobs[name], seconds))
            self._bar.write(self._ended(name, code, seconds), file=self._stream)
            self._stream.flush()  # before Python 3.9, stderr to a pipe or file is held back
        if not self._bar.disable:
            self._bar.set_description_str(self._now())

    def close(self) -> None:
        """The last report; takes the line off the terminal."""
        self.update()
        self._bar.close()

    def _ended(self, name: str, code: int, seconds: float) -> str:
        count, job = f"{len(self._done)}/{len(self._jobs)}", self._jobs[name]
        if code == 0:
            return "; ".join([f"{count} {job.name}: {duration(seconds)}"] + self._left(self._states()))
        log = self.results / "logs" / f"{name}.log"
        return f"{count} {job.name}: FAILED with exit code {code}: {last_words(log)}\n  log: {log}"

    def _states(self) -> Dict[str, Tuple[str, float]]:
        """What each running job is doing, those that began first first."""
        running = sorted(self._names("running") - self._done, key=self._began)
        return {name: _state(self.results / "logs" / f"{name}.log") for name in running}

    def _began(self, name: str) -> float:
        try:
            return (self.results / "running" / name).stat().st_mtime
        except OSError:  # it has just ended
            return time.time()

    def _left(self, states: Dict[str, Tuple[str, float]]) -> List[str]:
        """The time left, in words; none where nothing is left."""
        left = [(job, states.get(name, ("", 0.0))[1]) for name, job in self._jobs.items() if name not in self._done]
        if not left:
            return []
        seconds = time_left(left, self._measured, self.cores or len(states))
        return ["time left unknown" if seconds is None else f"about {duration(seconds)} left"]

    def _now(self) -> str:
        states = self._states()
        if len(self._done) == len(self._jobs):
            return " | drawing figures, verdicts and report"
        running = [self._jobs[name].name + state for name, (state, _) in states.items()]
        return "".join(f" | {words}" for words in self._left(states) + (running or ["starting"]))
