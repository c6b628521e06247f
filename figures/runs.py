"""Finished run folders as tables. Half-written ones (`*.partial`) are never read."""

import json
from pathlib import Path
from typing import Tuple

import pandas as pd


class RunsError(Exception):
    """The result files needed for a figure are not there; the message is one line."""


def load_runs(root: Path) -> Tuple[pd.DataFrame, pd.DataFrame]:
    """(histories, summaries) of all finished runs under `root`.

    histories: one row an evaluation, with columns run, task, rule, learning_rate, status and those of history.csv.
    summaries: one row a replica, likewise. Raises RunsError if there is none.
    """
    histories, summaries = [], []
    for folder in sorted(Path(root).glob("*")):
        if folder.suffix == ".partial" or not (folder / "summary.json").is_file():
            continue
        config = json.loads((folder / "config.json").read_text())
        common = dict({name: config[name] for name in ("task", "rule", "learning_rate")}, run=folder.name)
        entries = json.loads((folder / "summary.json").read_text())
        status = {entry["final"]["seed"]: entry["status"] for entry in entries}
        history = pd.read_csv(folder / "history.csv", float_precision="round_trip").assign(**common)
        histories.append(history.assign(status=history.seed.map(status)))
        for entry in entries:
            final = {f"final_{name}": value for name, value in entry.pop("final").items()}
            summaries.append(dict(common, seed=final.pop("final_seed"), **entry, **final))
    if not histories:
        raise RunsError(f"no finished runs under {root}")
    return pd.concat(histories, ignore_index=True), pd.DataFrame(summaries)
