"""Which of a plan's runs are finished before it starts: those in the results folder and those in evidence."""

import csv
import os
import shutil
import time
from pathlib import Path
from typing import Dict, Iterable, List, Optional, Set

from experiments.evidence.packed import TEMPORARY, EvidenceError, evidence_path, pack, read_evidence, unpack
from experiments.measure.measures import get_measure
from experiments.plan.experiment_file import Plan

UNTIMED = "0 0\n"  # a marker, as job.sh writes it, of a job that has not been run here


def take_evidence(plan: Plan, results: Path, evidence: Optional[Path]) -> List[str]:
    """Unpacks the evidence of the plan's runs that are not in the results folder, and marks what it contains as done.

    evidence: the folder of the files, or None. Sets aside runs that lack the weights for a measure still to be taken.
    Returns one line for each file that is not used and each run that is set aside: those runs will be trained.
    """
    for left in (results / "runs").glob(f"*{TEMPORARY}"):  # left by a process that was killed while unpacking
        shutil.rmtree(str(left))
    measures = _measures(plan)
    lines = []
    for run in sorted(plan.runs):
        folder = results / "runs" / run
        if (folder / "summary.json").is_file():
            line = _set_aside_if_short(results, folder, measures[run])
        else:
            line = _take(results, folder, evidence_path(evidence, run), measures[run]) if evidence else None
        if line:
            lines.append(f"{line}: the ensemble is trained again")
    return lines


def pack_missing(plan: Plan, results: Path, evidence: Path) -> None:
    """Packs the plan's runs that are finished in the results folder and have no evidence, or an older one that lacks a
    measure's table. Raises EvidenceError.
    """
    for run, measures in sorted(_measures(plan).items()):
        folder, path = results / "runs" / run, evidence_path(evidence, run)
        tables = {f"{measure}.csv" for measure in measures if (folder / f"{measure}.csv").is_file()}
        if (folder / "summary.json").is_file() and not _has(path, tables):
            pack(folder, evidence, plan.evidence["weights"])


def _has(path: Path, tables: Set[str]) -> bool:
    """Whether there is evidence with these tables; it is opened only if there are any."""
    try:
        return path.exists() and (not tables or tables <= set(read_evidence(path)))
    except EvidenceError:
        return False


def _measures(plan: Plan) -> Dict[str, Set[str]]:
    """{run: measures that any block asks of it}."""
    found: Dict[str, Set[str]] = {run: set() for run in plan.runs}
    for block, runs in plan.blocks.items():
        for run in runs:
            found[run].update(plan.measures[block])
    return found


def _take(results: Path, folder: Path, path: Path, measures: Set[str]) -> Optional[str]:
    """Unpacks one run if there is evidence that can be used; returns why it cannot."""
    if not path.is_file():
        return None
    try:
        members = read_evidence(path)
    except EvidenceError as error:
        return str(error)
    short = _out_of_reach(measures, set(members), members["history.csv"].decode().splitlines())
    if short:
        return f"{path} lacks the weights that {short} needs"
    if folder.exists():
        _set_aside(folder)
    unpack(members, folder)
    tables = [name[: -len(".csv")] for name in members if name.endswith(".csv") and name != "history.csv"]
    _mark(results / "done", [folder.name, *(f"{folder.name}.{table}" for table in tables)])
    return None


def _set_aside_if_short(results: Path, folder: Path, measures: Set[str]) -> Optional[str]:
    if all((folder / f"{measure}.csv").is_file() for measure in measures):
        return None
    files = {str(path.relative_to(folder)) for path in folder.rglob("*")}
    short = _out_of_reach(measures, files, (folder / "history.csv").read_text().splitlines())
    if not short:
        return None
    for marker in (results / "done").glob(f"{folder.name}*"):
        marker.unlink()
    _set_aside(folder)
    return f"{folder} lacks the weights that {short} needs"


def _out_of_reach(measures: Iterable[str], files: Set[str], history: List[str]) -> Optional[str]:
    """A measure, if there is one, of which the files hold neither the table nor the weights that it needs."""
    iterations = sorted({int(row["iteration"]) for row in csv.DictReader(history)})
    for measure in sorted(measures):
        given = {f"{measure}.csv"} | ({"spectrum.csv"} if measure == "power_law" else set())
        needed = iterations if get_measure(measure).along_training else iterations[-1:]
        if not given & files and not {f"weights/{iteration:06d}.npz" for iteration in needed} <= files:
            return measure
    return None


def _set_aside(folder: Path) -> None:
    os.rename(str(folder), f"{folder}.incomplete-{int(time.time())}")


def _mark(done: Path, names: List[str]) -> None:
    """Writes markers with the same time, so that none seems older than another."""
    now = time.time_ns()
    for name in names:
        (done / name).write_text(UNTIMED)
        os.utime(str(done / name), ns=(now, now))
