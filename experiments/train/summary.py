"""How each run of an ensemble ended, for summary.json."""

import math
from typing import List

import numpy as np

from experiments.train.training import Training


def summary(training: Training) -> List[dict]:
    """One entry a replica: how it ended, its last evaluation, and medians over the last evaluations.

    There are no medians for a replica that diverged.
    """
    frame, entries = training.history_frame(), []
    ends = ["eigenvalue"] + [name for name in frame.columns if name.endswith("gap")]
    for replica, (seed, rate) in enumerate(training.members):
        rows = frame[(frame.seed == seed) & (frame.learning_rate == rate)]
        last = rows[rows.iteration % training.config.evaluate_every == 0].tail(training.config.window)
        diverged = training.status[replica] == "diverged"
        entry = {
            "seed": seed,
            "learning_rate": rate,
            "status": training.status[replica],
            "diverged_at": training.diverged_at[replica] if diverged else None,
            "evaluations": len(rows),
            "all_converged": bool(rows.converged.all()),
            "end_from_iteration": None if diverged else int(last.iteration.min()),
            "final": rows.iloc[-1].to_dict(),
        }
        entry.update({f"end_{name}": None if diverged else last[name].median() for name in ends})
        entries.append(plain(entry))
    return entries


def plain(value):
    """numpy scalars as JSON's own numbers; what is not finite, which JSON has no word for, as null."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
