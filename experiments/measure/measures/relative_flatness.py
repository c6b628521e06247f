"""Relative flatness of the readout, at every evaluation."""

import pandas as pd

from experiments.measure.measures import Measure, Note
from experiments.measure.saved_run import SavedRun


def table(run: SavedRun, every: int, note: Note) -> pd.DataFrame:
    """seed, learning_rate, iteration, relative_flatness."""
    rows = []
    for evaluation, point in run.points(run.evaluations(every)):
        note(f"iteration {evaluation.iteration}")
        value = run.tools().relative_flatness(point)
        rows.append(dict(run.key(evaluation), iteration=evaluation.iteration, relative_flatness=value))
    return pd.DataFrame(rows, columns=["seed", "learning_rate", "iteration", "relative_flatness"])


MEASURE = Measure(table, along_training=True)
