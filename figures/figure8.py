"""Figure 8: relative flatness of the readout along training, one line per rule."""

import pandas as pd

from figures.curves import CURVE_CAPTION, CURVE_COLUMNS, LOG_CAPTION, by_rule, draw_curves, styles_of
from figures.gaps import is_published_rule
from figures.runs import Results, measures, with_rules
from figures.style import panels, task_columns

ROLES = ("measured",)
TITLE = "Relative flatness of the readout along training"
CAPTION = (
    "Larger = sharper. Values of zero and below have no logarithm and are left out. " + LOG_CAPTION + CURVE_CAPTION
)


def draw(results: Results) -> tuple:
    """(picture, {"": one row per task, rule and iteration})."""
    table = measures(results, "measured", "relative_flatness.csv", ["iteration", "relative_flatness"])
    table = with_rules(table, is_published_rule)
    tasks = task_columns(table.task)
    picture, axes = panels(1, tasks, results.note)
    drawn = []
    for axis, task in zip(axes[0], tasks):
        groups = by_rule(table[table.task == task])
        drawn.append(draw_curves(axis, groups, styles_of(groups), "relative_flatness").assign(task=task))
    axes[0][0].set_ylabel("Relative flatness measure\n(mean and sd of its log)")
    return picture, {"": pd.concat(drawn, ignore_index=True)[CURVE_COLUMNS]}
