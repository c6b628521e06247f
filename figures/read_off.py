"""What the specification curve reads off runs beside what verdicts are judged by: other ends of training.

It stands apart from figures.measures, which is part of the verdicts' rule.
"""

from typing import Callable, Dict

import pandas as pd

from experiments.plan.config import Config
from experiments.plan.schedule import end_of_training
from figures.measures import MATCHED_LOSS, run_values
from figures.runs import KEY, Results, histories, runs


def read_off_values(results: Results, group: str, measure: str) -> pd.DataFrame:
    """As figures.measures.run_values, for its measures and for those in READ_OFF. Raises KeyError."""
    if measure not in READ_OFF:
        return run_values(results, group, measure)
    table = run_values(results, group, "eigenvalue").drop(columns="value")
    if table.empty:
        return table.assign(value=float("nan"))
    value = READ_OFF[measure](results, group).rename("value").reset_index()
    table = table.merge(value, on=KEY, how="left")
    return table.assign(value=table.value.where(table.status != "diverged"))


def _loss_gap_at_matched_loss(results: Results, group: str) -> pd.Series:
    """Of the first evaluation at a training loss of at most MATCHED_LOSS; nan where there was none."""
    first = runs(results, group).set_index(KEY).at_matched_training_loss.map(lambda found: found[MATCHED_LOSS] or {})
    return first.map(lambda found: found.get("loss_gap")).astype(float)


def _at_quarter(name: str) -> Callable:
    """Median over the evaluations that would be the end of training if the cap were a quarter of what it is."""

    def value(results: Results, group: str) -> pd.Series:
        history = histories(results, group)
        kept = [_quarter(own, results.ensembles[one].config) for one, own in history.groupby("ensemble", sort=False)]
        early = pd.concat(kept) if kept else history
        return pd.to_numeric(early[name], errors="coerce").groupby([early[key] for key in KEY]).median()

    return value


def _quarter(history: pd.DataFrame, config: dict) -> pd.DataFrame:
    """Of an ensemble's history the rows at the end of a quarter of its cap, by each run's own evaluations."""
    settings = Config(**{field: config.get(field) for field in Config._fields})
    early = history[history.iteration <= settings.iterations / 4]
    rows = [own[own.iteration.isin(end_of_training(settings, sorted(own.iteration)))] for _, own in early.groupby(KEY)]
    return pd.concat(rows) if rows else early


READ_OFF: Dict[str, Callable] = {f"{name}_at_quarter": _at_quarter(name) for name in ("eigenvalue", "gap", "loss_gap")}
READ_OFF["loss_gap_at_matched_loss"] = _loss_gap_at_matched_loss
