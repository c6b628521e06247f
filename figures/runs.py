"""Finished runs as tables, chosen by the results folder's selection.json; half-written runs are never read.

selection.json: {"what": "quick", "note": "REDUCED: ...", "reduced": true, "blocks": {name: [run, ...]},
                 "figures": {figure: {role: [block, ...]}}}
"""

import json
from pathlib import Path
from typing import Dict, List, NamedTuple

import pandas as pd

SETTINGS = ("task", "rule", "optimizer", "hessian_of", "hessian_on", "batch_size", "decay_factor", "iterations")


class RunsError(Exception):
    """The result files needed for a figure are not there; the message is one line."""


class Selection(NamedTuple):
    """What the results folder holds; fields as in selection.json, `folder` is where it lies."""

    folder: Path
    what: str
    note: str
    reduced: bool
    blocks: Dict[str, List[str]]
    figures: Dict[str, Dict[str, List[str]]]


class Runs(NamedTuple):
    """The runs that play a role in a figure.

    histories: one row an evaluation and replica: run, those of SETTINGS, task_label, status, columns of history.csv.
    replicas: one row a replica: the same of its summary.json, with `final` spread out as final_*.
    missing: hashes of runs that are planned and have no results (failed, or not made yet).
    """

    histories: pd.DataFrame
    replicas: pd.DataFrame
    missing: List[str]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return self.replicas.empty


def read_selection(folder: Path) -> Selection:
    """Raises RunsError if the folder has none."""
    path = Path(folder) / "selection.json"
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise RunsError(f"{path} cannot be read: {error}")
    return Selection(Path(folder), *[found[name] for name in Selection._fields[1:]])


def members(selection: Selection, figure: str, role: str) -> List[str]:
    """Hashes of the runs that play a role in a figure, each once; none if the role is not filled."""
    names = selection.figures.get(figure, {}).get(role, [])
    return list(dict.fromkeys(run for name in names for run in selection.blocks[name]))


def load(selection: Selection, figure: str, role: str = "main") -> Runs:
    """The runs that play a role in a figure; empty tables if there are none."""
    return load_runs(selection, members(selection, figure, role))


def load_runs(selection: Selection, hashes: List[str]) -> Runs:
    """The runs of these hashes."""
    histories, replicas, missing = [], [], []
    for run in hashes:
        folder = selection.folder / "runs" / run
        if not (folder / "summary.json").is_file():
            missing.append(run)
            continue
        common = _common(folder)
        entries = json.loads((folder / "summary.json").read_text())
        status = pd.DataFrame(entries)[["seed", "learning_rate", "status"]]
        history = pd.read_csv(str(folder / "history.csv"), float_precision="round_trip")
        histories.append(history.merge(status, on=["seed", "learning_rate"]).assign(**common))
        for entry in entries:
            final = {f"final_{name}": value for name, value in entry.pop("final").items()}
            replicas.append(dict(common, **entry, **final))
    empty = pd.DataFrame(columns=["run", "task", "rule", "seed", "learning_rate", "status"])
    return Runs(
        pd.concat(histories, ignore_index=True, sort=False) if histories else empty,
        pd.DataFrame(replicas) if replicas else empty,
        missing,
    )


def load_measure(selection: Selection, figure: str, role: str, measure: str) -> pd.DataFrame:
    """A measure of experiments.measure (spectrum, power_law, relative_flatness, alignment, taylor) of a role's runs.

    Columns run, SETTINGS, task_label, status and the measure's own; empty where no run has it.
    """
    tables = []
    for run in members(selection, figure, role):
        folder = selection.folder / "runs" / run
        if (folder / f"{measure}.csv").is_file() and (folder / "summary.json").is_file():
            status = pd.DataFrame(json.loads((folder / "summary.json").read_text()))
            table = pd.read_csv(str(folder / f"{measure}.csv"), float_precision="round_trip")
            table = table.merge(status[["seed", "learning_rate", "status"]], on=["seed", "learning_rate"])
            tables.append(table.assign(**_common(folder)))
    columns = ["run", "task", "rule", "seed", "learning_rate", "status"]
    return pd.concat(tables, ignore_index=True, sort=False) if tables else pd.DataFrame(columns=columns)


def _common(folder: Path) -> dict:
    """The columns that all replicas of a run share."""
    config = json.loads((folder / "config.json").read_text())
    return dict(
        {name: config[name] for name in SETTINGS}, run=folder.name, task_label=config["task_constants"]["label"]
    )
