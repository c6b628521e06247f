"""Figure 2: the generalisation gap of each rule, and gap against leading Hessian eigenvalue at the end of training."""

import pandas as pd

from figures.curves import by_rule, styles_of
from figures.distributions import GAP_CAPTION, gap_histograms, scatter
from figures.gaps import ended, gap_label, group_rows, is_published_rule
from figures.runs import Results, with_rules
from figures.style import panels, task_columns

ROLES = ("main",)
TITLE = "Generalisation gap and curvature"
CAPTION = (
    "Top: the gap at the end of training (larger = worse), with each rule's training performance. Bottom: gap against "
    "leading eigenvalue at the end of training, one point per run, correlated over all rules. " + GAP_CAPTION
)


def draw(results: Results) -> tuple:
    """(picture, {"": one row per run, "_groups": one row per task and rule, "_correlations": one row per task})."""
    table = with_rules(ended(results, "main"), is_published_rule)
    tasks = task_columns(table.task)
    picture, axes = panels(2, tasks, results.note)
    correlations = []
    for column, task in enumerate(tasks):
        of_task = table[table.task == task]
        groups = by_rule(of_task)
        gap_histograms(axes[0][column], of_task)
        found = scatter(axes[1][column], groups, styles_of(groups), gap_label(of_task))
        correlations.append(dict(found, task=task))
    tables = {"": table, "_groups": group_rows(table), "_correlations": pd.DataFrame(correlations)}
    return picture, tables
