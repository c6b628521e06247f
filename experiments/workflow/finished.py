"""Which of a plan's runs are finished before it starts: those in the results folder and those in evidence."""

import csv
import os
import shutil
import time
from pathlib import Path
from typing import Iterable, List, Optional, Set

from experiments.evidence.packed import TEMPORARY, EvidenceError, evidence_path, pack, read_evidence, unpack
from experiments.measure.measures import get_measure
from experiments.plan.experiment_file import Plan, measures_of

UNTIMED = "0 0\n"  # a marker, as job.sh writes it, of a job that has not been run here


def take_evidence(plan: Plan, results: Path, evidence: Optional[Path]) -> List[str]:
    """Unpacks the evidence of the plan's runs that are not in the results folder, and marks what it contains as done.

    evidence: the folder of the files, or None. Sets aside runs that lack the weights for a measure still to be taken.
    Returns one line for each file that is not used and each run that is set aside: those runs will be trained.
    """
    for left in (results / "runs").glob(f"*{TEMPORARY}"):  # left by a process that was killed while unpacking
        shutil.rmtree(str(left))
    measures = measures_of(plan)
    lines = []
    for run in sorted(plan.runs):
        folder = results / "runs" / run
        is_here = (folder / "summary.json").is_file()
        line = _set_aside_if_short(results, folder, measures[run]) if is_here else None
        if evidence and not (folder / "summary.json").is_file():
            line = _take(results, folder, evidence_path(evidence, run), measures[run]) or line
        if line and not (folder / "summary.json").is_file():
            lines.append(f"{line}: the ensemble is trained again")
    return lines


def pack_missing(plan: Plan, results: Path, evidence: Path) -> List[str]:
    """Packs the plan's runs that are finished in the results folder and have no evidence, or an older one that lacks a
    measure's table. Returns one line for each that cannot be packed.
    """
    lines = []
    for run, measures in sorted(measures_of(plan).items()):
        folder, path = results / "runs" / run, evidence_path(evidence, run)
        tables = {f"{measure}.csv" for measure in measures if (folder / f"{measure}.csv").is_file()}
        if (folder / "summary.json").is_file() and not _has(path, tables):
            try:
                pack(folder, evidence, plan.evidence["weights"])
            except (EvidenceError, OSError) as error:
                lines.append(f"{folder} is not packed: {error}")
    return lines


def _has(path: Path, tables: Set[str]) -> bool:
    """Whether there is evidence with these tables; it is opened only if there are any."""
    try:
        return path.exists() and (not tables or tables <= set(read_evidence(path)))
    except EvidenceError:
        return False


def left_to_do(results: Path, evidence: Optional[Path], run: str, measures: List[str]) -> List[str]:
    """What take_evidence would leave to do of a run: "train" and all its measures, or the measures that it lacks."""
    folder = results / "runs" / run
    if (folder / "summary.json").is_file():
        files = _files(folder)
        if not _out_of_reach(measures, files, (folder / "history.csv").read_text().splitlines()):
            return [measure for measure in measures if f"{measure}.csv" not in files]
    path = evidence_path(evidence, run) if evidence else None
    if path and path.is_file() and not measures:
        return []  # not worth opening
    try:
        members = read_evidence(path) if path and path.is_file() else {}
    except EvidenceError:
        members = {}
    if not members or _out_of_reach(measures, set(members), members["history.csv"].decode().splitlines()):
        return ["train", *measures]
    return [measure for measure in measures if f"{measure}.csv" not in members]


def _take(results: Path, folder: Path, path: Path, measures: List[str]) -> Optional[str]:
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


def _set_aside_if_short(results: Path, folder: Path, measures: List[str]) -> Optional[str]:
    if all((folder / f"{measure}.csv").is_file() for measure in measures):
        return None
    short = _out_of_reach(measures, _files(folder), (folder / "history.csv").read_text().splitlines())
    if not short:
        return None
    for marker in (results / "done").glob(f"{folder.name}*"):
        marker.unlink()
    _set_aside(folder)
    return f"{folder} lacks the weights that {short} needs"


def _files(folder: Path) -> Set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


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
