"""A results folder as tables.

    RESULTS/selection.json      what, note, reduced, blocks {block: [ensemble]}, groups {group: [block]}, specifications
    RESULTS/runs/<ensemble>/    a finished ensemble (experiments/evidence/run_folder.py), never half
    RESULTS/logs/<ensemble>.log what an ensemble that failed said last

A run is one (ensemble, seed, learning_rate). "end" is the median over the evaluations at the end of training, which
history.csv marks in its column at_end.
"""

import json
from pathlib import Path
from typing import Callable, Dict, Iterable, List, NamedTuple, Optional

import numpy as np
import pandas as pd

from experiments.plan.settings import COMPARED

KEY = ["ensemble", "seed", "learning_rate"]
SETTINGS = ("task", "rule", *[setting.name for setting in COMPARED])
ENDS = ("training_performance", "test_performance", "rho", "rho_W_h")
RUN_COLUMNS = [*KEY, *SETTINGS, "performance", "status", "end_eigenvalue", "end_gap", "end_loss_gap", "hours"]
RUN_COLUMNS += ["end_fixed_noise_gap", *[f"end_{name}" for name in ENDS], "diverged_at", "at_matched_training_loss"]
RUN_COLUMNS += ["target_variance", "recurrent_weights"]
HISTORY_COLUMNS = [*KEY, "task", "rule", "status", "iteration", "eigenvalue", "gap", "loss_gap", "settled", "converged"]
HISTORY_COLUMNS += [
    "rho_W_h",
    "training_data_loss",
    "test_performance",
    "training_performance",
    "current_learning_rate",
    "at_end",
]


class RunsError(Exception):
    """The result files needed are not there or cannot be read; the message is one line."""


class Ensemble(NamedTuple):
    """A finished ensemble. history: one row per evaluation; runs: one row per run, columns RUN_COLUMNS and more.

    history.current_learning_rate: the learning rate at the evaluation, its decay included. history.at_end: whether it
    counts as the end.
    """

    folder: Path
    config: dict
    history: pd.DataFrame
    runs: pd.DataFrame
    provenance: dict


class Results(NamedTuple):
    """All that one results folder holds. lost: {ensemble: why} of the selected ensembles that are not there.

    specifications, read_off: of blocks that vary, as in experiments.plan.experiment_file.Plan.
    """

    folder: Path
    what: str
    note: str
    reduced: bool
    blocks: Dict[str, List[str]]
    groups: Dict[str, List[str]]
    ensembles: Dict[str, Ensemble]
    lost: Dict[str, str]
    specifications: Dict[str, dict]
    read_off: Dict[str, Dict[str, List[str]]]


def load(folder: Path, groups: Optional[Iterable[str]] = None) -> Results:
    """Reads the selection and the runs of these groups, by default of all that it names.

    Raises RunsError without a readable selection.
    """
    folder = Path(folder)
    selection = _read_json(folder / "selection.json")
    blocks, named = selection.get("blocks", {}), selection.get("groups", {})
    chosen = blocks if groups is None else {block for group in groups for block in named.get(group, [])}
    ensembles, lost = {}, {}
    for name in sorted({run for block in chosen for run in blocks.get(block, [])}):
        try:
            ensembles[name] = _load_ensemble(folder / "runs" / name)
        except (RunsError, KeyError, ValueError) as error:
            lost[name] = _last_words(folder / "logs" / f"{name}.log") or str(error)
    return Results(
        folder,
        selection.get("what", folder.name),
        selection.get("note", ""),
        bool(selection.get("reduced", False)),
        blocks,
        named,
        ensembles,
        lost,
        selection.get("specifications", {}),
        selection.get("read_off", {}),
    )


def ensemble_names(results: Results, *groups: str) -> List[str]:
    """The ensembles, finished or lost, of these groups of runs, as the experiment file names them."""
    blocks = [block for group in groups for block in results.groups.get(group, [])]
    return sorted({name for block in blocks for name in results.blocks.get(block, [])})


def runs(results: Results, *groups: str) -> pd.DataFrame:
    """One row per run of the groups' finished runs, none if there are none; columns RUN_COLUMNS and more."""
    return _together([ensemble.runs for ensemble in _finished(results, groups)], RUN_COLUMNS)


def histories(results: Results, *groups: str) -> pd.DataFrame:
    """One row per evaluation of the groups' finished runs, columns HISTORY_COLUMNS and more."""
    return _together([ensemble.history for ensemble in _finished(results, groups)], HISTORY_COLUMNS)


def measures(results: Results, group: str, file: str, columns: List[str]) -> pd.DataFrame:
    """The rows of a measure file (`spectrum.csv` and the like), with columns KEY, task, rule, status and `columns`.

    Measures along training also have their evaluation's at_end.
    """
    tables = []
    for found in _finished(results, [group]):
        if (found.folder / file).is_file():
            table = pd.read_csv(str(found.folder / file), float_precision="round_trip")
            table = table.assign(ensemble=found.folder.name)
            table = table.merge(found.runs[[*KEY, "task", "rule", "status"]], on=KEY)
            evaluation = [*KEY, "iteration"]
            along = "iteration" in table
            tables.append(table.merge(found.history[[*evaluation, "at_end"]], on=evaluation) if along else table)
    return _together(tables, [*KEY, "task", "rule", "status", *columns, "at_end"])


def _finished(results: Results, groups: Iterable[str]) -> List[Ensemble]:
    names = ensemble_names(results, *groups)
    return [results.ensembles[name] for name in names if name in results.ensembles]


def with_rules(table: pd.DataFrame, accepts: Callable[[str], bool]) -> pd.DataFrame:
    """The rows whose rule is accepted; the columns stay if none is."""
    return table[table.rule.map(accepts).astype(bool)]


def ends(table: pd.DataFrame, column: str) -> pd.Series:
    """Median of `column` over each run's rows at its end, indexed by KEY; nan where there is no number."""
    last = table[table.at_end.astype(bool)]
    return pd.to_numeric(last[column], errors="coerce").groupby([last[name] for name in KEY]).median()


def _load_ensemble(folder: Path) -> Ensemble:
    if not (folder / "summary.json").is_file():
        raise RunsError("not finished: no summary")
    config, summary = _read_json(folder / "config.json"), _read_json(folder / "summary.json")
    provenance = _read_json(folder / "provenance.json") if (folder / "provenance.json").is_file() else {}
    try:
        history = pd.read_csv(str(folder / "history.csv"), float_precision="round_trip").assign(ensemble=folder.name)
    except OSError as error:
        raise RunsError(f"history.csv: {error.strerror}")
    table = _run_table(folder.name, config, summary, history, provenance)
    # a history row needs the settings of its run to be grouped
    history = history.merge(table[[*KEY, "task", "rule", "status"]], on=KEY)
    return Ensemble(folder, config, history, table, provenance)


def _run_table(name: str, config: dict, summary: list, history: pd.DataFrame, provenance: dict) -> pd.DataFrame:
    common = {setting: config.get(setting) for setting in SETTINGS}
    constants = config.get("task_constants") or {}
    common["performance"] = constants.get("performance", "accuracy")
    common["target_variance"] = constants.get("target_variance")
    common["recurrent_weights"] = _recurrent_weights(constants.get("units", np.nan), config.get("parameters") or {})
    common["hours"] = provenance.get("seconds", np.nan) / 3600 / len(summary)
    rows = []
    for entry in summary:
        final = {f"final_{key}": value for key, value in entry.get("final", {}).items()}
        identity = {key: entry.get(key, final.get(f"final_{key}")) for key in ("seed", "learning_rate")}
        own = {key: value for key, value in entry.items() if key not in ("final", "seed", "learning_rate")}
        rows.append(dict(ensemble=name, **identity, **common, **own, **final))
    table = pd.DataFrame(rows)
    for column in ENDS:
        if column in history:
            table = table.merge(ends(history, column).rename(f"end_{column}").reset_index(), on=KEY, how="left")
    return table


def _recurrent_weights(units: float, parameters: dict) -> float:
    """How many of W_h are free: its diagonal only where the network has self-connections."""
    return units**2 if parameters.get("self_connections") else units**2 - units


def _together(tables: List[pd.DataFrame], columns: List[str]) -> pd.DataFrame:
    together = pd.concat(tables, ignore_index=True, sort=False) if tables else pd.DataFrame(columns=columns)
    return together.reindex(columns=list(dict.fromkeys([*columns, *together.columns])))


def _read_json(path: Path):
    try:
        return json.loads(path.read_text())
    except OSError as error:
        raise RunsError(f"{path}: {error.strerror}")
    except ValueError:
        raise RunsError(f"{path} is not JSON")


def _last_words(log: Path) -> Optional[str]:
    lines = log.read_text(errors="replace").split("\n") if log.is_file() else []
    said = [line.strip() for line in lines if line.strip()]
    return said[-1] if said else None
