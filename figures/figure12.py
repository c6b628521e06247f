"""Figure 12: A, B) gap against eigenvalue within one rule; C) Figure 4 at three times the learning rate."""

import pandas as pd

from figures.curves import CURVE_CAPTION, CURVE_COLUMNS, LOG_CAPTION, eigenvalue_panel
from figures.distributions import scatter
from figures.gaps import ended, gap_label
from figures.labels import rule_label
from figures.runs import Results, histories
from figures.style import STEP_RULES, panels, rule_style, task_columns

ROLES = ("learning_rates", "triple")
TITLE = "Within one rule, and Figure 4 at three times the learning rate"
CAPTION = (
    "A, B: gap against leading eigenvalue at the end of training within one rule, over the grid of learning rates. "
    "C: leading eigenvalue along training at three times the learning rate of Figure 4. " + LOG_CAPTION + CURVE_CAPTION
)
WITHIN = ("bptt", "three_factor")


def draw(results: Results) -> tuple:
    """(picture, {"": A and B, one row per run, "_correlations": one per task and rule, "_c": one per iteration})."""
    table, history = ended(results, "learning_rates"), histories(results, "triple")
    table, history = table[table.rule.isin(WITHIN)], history[history.rule.isin(STEP_RULES)]
    tasks = task_columns([*table.task, *history.task])
    picture, axes = panels(3, tasks, results.note)
    correlations, drawn = [], []
    for column, task in enumerate(tasks):
        of_task = table[table.task == task]
        for row, rule in enumerate(WITHIN):
            own = {rule: of_task[of_task.rule == rule]}
            found = scatter(axes[row][column], own, {rule: rule_style(rule)}, gap_label(of_task))
            correlations.append(dict(found, task=task, rule=rule))
        drawn.append(eigenvalue_panel(axes[2][column], history[history.task == task], task))
    for axis in axes[0]:
        axis.set_title(axis.get_title(), fontsize=11, pad=24)  # above the lines that name the correlation
    for axis, letter, text in zip(axes[:, 0], "ABC", (*map(rule_label, WITHIN), "Three times the learning rate")):
        quantity = "Leading Hessian eigenvalue" if letter == "C" else axis.get_ylabel()
        axis.set_ylabel(f"{letter}) {text}\n{quantity}")
    tables = {"": table, "_correlations": pd.DataFrame(correlations)}
    return picture, {**tables, "_c": pd.concat(drawn, ignore_index=True)[CURVE_COLUMNS]}
