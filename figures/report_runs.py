"""What the report tells of the runs: their settings, those that diverged, and what they were made with."""

from typing import Dict, Iterable, List

import pandas as pd

from experiments.plan.settings import COMPARED
from figures.labels import rule_label, rule_order, task_label
from figures.runs import SETTINGS, Results, ensemble_names, runs


def settings_of(results: Results, groups: Iterable[str]) -> List[dict]:
    """One row per group, task, rule and settings: learning rates, runs, diverged, capped, lost runs, hours in all."""
    rows = []
    for role in groups:
        table = runs(results, role)
        keys = list(SETTINGS)
        # a setting that a task does not have is None, which grouping would drop
        table = table.assign(**{key: table[key].fillna("–") for key in keys})
        for values, group in table.groupby(keys, sort=False):
            rates = sorted(set(group.learning_rate.astype(float)))
            row = dict(zip(keys, values), role=role, runs=len(group), hours=float(group.hours.astype(float).sum()))
            row.update(
                task=task_label(row["task"]), rule=rule_label(row["rule"]), order=(row["task"], rule_order(row["rule"]))
            )
            row.update({status: int((group.status == status).sum()) for status in ("diverged", "capped")})
            row["rates"] = ", ".join(f"{rate:g}" for rate in rates)
            row["iterations"] = int(pd.to_numeric(group.get("final_iteration", pd.Series([0]))).max())
            row["settings"] = _told(row)
            rows.append(row)
        lost = [name for name in ensemble_names(results, role) if name in results.lost]
        if lost:
            rows.append({"role": role, "lost": lost, "order": ("~", (0,))})
    return sorted(rows, key=lambda row: (row["role"], row["order"]))


def _told(row: dict) -> str:
    """The settings of a row that are not everybody's default."""
    told = {setting.name: row[setting.name] for setting in COMPARED if row[setting.name] not in ("–", setting.default)}
    words = [f"{name.replace('_', ' ')} {'full' if value == 0 else value}" for name, value in told.items()]
    return ", ".join(words) or "default"


def diverged(results: Results) -> List[dict]:
    """The runs that diverged, one row each."""
    tables = [found.runs[found.runs.status == "diverged"] for found in results.ensembles.values()]
    table = pd.concat(tables, sort=False) if tables else pd.DataFrame()
    columns = ["ensemble", "task", "rule", "seed", "learning_rate", "diverged_at"]
    return table.reindex(columns=columns).sort_values(columns[1:]).to_dict("records")


def provenance(results: Results) -> dict:
    """What all runs together were made with: commits, versions, hosts, processors, their wall time and number."""
    found: Dict[str, set] = {"commit": set(), "host": set(), "processor": set(), "python": set(), "packages": set()}
    seconds = 0.0
    for ensemble in results.ensembles.values():
        seconds += ensemble.provenance.get("seconds", 0.0)
        for session in [ensemble.provenance, *ensemble.provenance.get("sessions", [])]:
            for key in ("commit", "host", "processor", "python"):
                found[key].update({str(session[key])} if session.get(key) else ())
            found["packages"].update(f"{name} {version}" for name, version in session.get("packages", {}).items())
    listed = {key: ", ".join(sorted(values)) or "unknown" for key, values in found.items()}
    total = sum(len(ensemble.runs) for ensemble in results.ensembles.values())
    return dict(listed, hours=seconds / 3600, ensembles=len(results.ensembles), runs=total)
