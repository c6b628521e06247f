"""The choice of a learning rate, from the finished runs of a sweep."""

import json
from pathlib import Path
from typing import List

import pandas as pd

from tasks import GAP_SIGN

MEASURES = ("training_performance", "validation_performance", "test_performance", "training_loss")


class SweepError(ValueError):
    """Nothing can be chosen; the message is one line."""


def evidence(folders: List[Path]) -> pd.DataFrame:
    """One row per finished run: learning_rate, batch_size, seed, diverged, and MEASURES at its last evaluation."""
    rows = []
    for folder in folders:
        batch_size = json.loads((folder / "config.json").read_text())["batch_size"]
        for entry in json.loads((folder / "summary.json").read_text()):
            row = {name: entry[name] for name in ("learning_rate", "seed")}
            row.update(batch_size=batch_size, diverged=entry["status"] == "diverged")
            row.update({name: entry["final"][name] for name in MEASURES})
            rows.append(row)
    return pd.DataFrame(rows).astype({name: float for name in MEASURES})


def table(runs: pd.DataFrame) -> pd.DataFrame:
    """Means over the runs that did not diverge, one row per batch_size and learning_rate; how many `diverged`."""
    kept = runs.assign(**{name: runs[name].where(~runs.diverged) for name in MEASURES})
    found = kept.groupby(["batch_size", "learning_rate"], as_index=False).agg(
        dict({name: "mean" for name in MEASURES}, diverged="sum")
    )
    return found.astype({"diverged": int})


def best(candidates: pd.DataFrame, criterion: str, sign: int) -> pd.Series:
    """The row of a `table` with the best `criterion` (sign: 1 if larger is better). Raises SweepError."""
    trained = candidates[candidates[criterion].notna()]
    if trained.empty:
        raise SweepError("every run diverged at every learning rate; none can be chosen")
    left = trained[trained.diverged == trained.diverged.min()]
    ranked = left.assign(worse=-sign * left[criterion]).sort_values(["worse", "training_loss", "learning_rate"])
    return ranked.iloc[0]


def choose(task: str, rule: str, optimizer: str, runs: pd.DataFrame, performance: str, settings: dict) -> dict:
    """The entry of chosen_learning_rates.json: the choice, the choice by test performance (the paper has both), both
    again at each batch size, and the evidence. Raises SweepError."""
    means = table(runs)
    criterion = "training_performance" if means.validation_performance.isna().all() else "validation_performance"
    sign = GAP_SIGN[performance]
    choice, on_test = best(means, criterion, sign), best(means, "test_performance", sign)
    at = {}
    for size, rows in means.groupby("batch_size"):
        if rows[criterion].notna().any():
            rates = [float(best(rows, measure, sign).learning_rate) for measure in (criterion, "test_performance")]
            at[str(size)] = dict(zip(("learning_rate", "learning_rate_on_test"), rates))
    means = means.astype(object).where(means.notna(), None)
    return {
        "task": task,
        "rule": rule,
        "optimizer": optimizer,
        "criterion": criterion,
        "learning_rate": float(choice.learning_rate),
        "batch_size": int(choice.batch_size),
        "learning_rate_on_test": float(on_test.learning_rate),
        "batch_size_on_test": int(on_test.batch_size),
        "at_batch_size": at,
        "settings": settings,
        "evidence": means.to_dict("records"),
    }
