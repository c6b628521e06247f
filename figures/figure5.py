"""Figure 5: the three-factor rule with a large, then decaying learning rate, against its uniform one and BPTT."""

from typing import Dict

import pandas as pd

from figures.curves import CURVE_CAPTION, CURVE_COLUMNS, LOG_CAPTION, draw_curves
from figures.distributions import GAP_CAPTION, histograms
from figures.gaps import ended, gap_label, gaps, group_rows
from figures.runs import Results, histories
from figures.style import SECOND_COLOUR, panels, rule_style, task_columns

ROLES = ("main", "scheduled")
TITLE = "Learning rate schedule as a remedy"
CAPTION = (
    "Top: leading Hessian eigenvalue along training. Bottom: the gap at the end of training. Scheduled: the learning "
    "rate starts at three times the uniform one and decays. " + GAP_CAPTION + LOG_CAPTION + CURVE_CAPTION
)
GROUPS = {"BPTT": ("main", "bptt"), "Three-factor": ("main", "three_factor")}
GROUPS["Three-factor, scheduled"] = ("scheduled", "three_factor")
STYLES = {"BPTT": rule_style("bptt"), "Three-factor": rule_style("three_factor")}
STYLES["Three-factor, scheduled"] = {"label": "Three-factor, scheduled", "color": SECOND_COLOUR, "linestyle": "--"}


def draw(results: Results) -> tuple:
    """(picture, {"": one row per task, group and iteration, "_runs": one per run, "_groups": one per group})."""
    history = {group: histories(results, group) for group in ROLES}
    table = {group: ended(results, group) for group in ROLES}
    everything = pd.concat(table.values(), ignore_index=True)
    tasks = task_columns(everything.task)
    picture, axes = panels(2, tasks, results.note)
    drawn = []
    for column, task in enumerate(tasks):
        curves = _groups(history, task)
        drawn.append(draw_curves(axes[0][column], curves, STYLES, "eigenvalue").assign(task=task))
        values = {name: gaps(rows) for name, rows in _groups(table, task).items()}
        histograms(axes[1][column], values, STYLES, gap_label(everything[everything.task == task]))
    axes[0][0].set_ylabel("Leading Hessian eigenvalue\n(mean and sd of its log)")
    tables = {"": pd.concat(drawn, ignore_index=True)[CURVE_COLUMNS]}
    return picture, {**tables, "_runs": everything, "_groups": group_rows(everything)}


def _groups(tables: Dict[str, pd.DataFrame], task: str) -> Dict[str, pd.DataFrame]:
    """{group: its rows of `task`}, those that have any."""
    groups = {}
    for name, (group, rule) in GROUPS.items():
        rows = tables[group][(tables[group].task == task) & (tables[group].rule == rule)]
        if len(rows):
            groups[name] = rows
    return groups
