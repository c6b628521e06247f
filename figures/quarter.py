"""What a run would have shown had it been allowed a quarter of its iterations: read from its history."""

from typing import Callable

import pandas as pd

from experiments.plan.config import Config
from experiments.plan.schedule import end_of_training
from figures.runs import KEY, Results, histories


def at_quarter(name: str) -> Callable:
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
