"""How each run of an ensemble ended, for summary.json."""

import math
from typing import List, Optional

import numpy as np
import pandas as pd

from experiments.train.training import Training

MATCHED_LOSSES = (1e-2, 1e-3)  # the first is the one that figures and verdicts use


def summary(training: Training) -> List[dict]:
    """One entry per run: how it ended, its last evaluation, medians over the end of training, and, by each loss of
    MATCHED_LOSSES, its first evaluation at which the training data's loss was at or below it, null if there was none.

    A run that diverged has no medians.
    """
    frame, entries = training.history_frame(), []
    ends = ["eigenvalue"] + [name for name in frame.columns if name.endswith("gap")]
    for replica, (seed, rate) in enumerate(training.members):
        rows = frame[(frame.seed == seed) & (frame.learning_rate == rate)]
        last, diverged = rows[rows.at_end], training.status[replica] == "diverged"
        entry = {
            "seed": seed,
            "learning_rate": rate,
            "status": training.status[replica],
            "diverged_at": training.diverged_at[replica] if diverged else None,
            "evaluations": len(rows),
            "all_settled": bool(rows.settled.all()),
            "all_converged": bool(rows.converged.all()),
            "end_from_iteration": None if diverged else int(last.iteration.min()),
            "final": rows.iloc[-1].to_dict(),
            "at_matched_training_loss": {f"{loss:g}": _first_at(rows, loss) for loss in MATCHED_LOSSES},
        }
        entry.update({f"end_{name}": None if diverged else last[name].median() for name in ends})
        entries.append(plain(entry))
    return entries


def _first_at(rows: pd.DataFrame, loss: float) -> Optional[dict]:
    reached = rows[rows.training_data_loss <= loss]
    return None if reached.empty else reached.iloc[0].to_dict()


def plain(value):
    """NumPy scalars as plain numbers, and those that are not finite, which JSON cannot express, as null."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
