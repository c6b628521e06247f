"""Figure 2: the generalisation gap of each rule, and gap against leading Hessian eigenvalue at the end of training.

python -m figures.figure2 RESULTS OUTPUT
"""

import sys
from typing import List, Optional

import pandas as pd

from figures.command import picture_command
from figures.curves import by_rule, counts, histograms, scatter, styles_of
from figures.gaps import ended, gap_label, gaps, group_rows, is_published_rule, training_text
from figures.runs import Results, with_rules
from figures.style import lost_remark, panels, task_columns

ROLES = ("main",)
TITLE = "Generalisation gap and curvature"
CAPTION = (
    "Top: distribution of the gap (larger = worse) at the end of training, dashed lines at the means; beside each rule "
    "its training performance. Bottom: gap against leading eigenvalue, correlated over the runs of all rules."
)


def draw(results: Results) -> tuple:
    """(picture, {"": a row a replica, "_groups": a row a task and rule, "_correlations": a row a task})."""
    table = with_rules(ended(results, "figure2", "main"), is_published_rule)
    tasks = task_columns(table.task)
    picture, axes = panels(2, tasks, results.note)
    correlations = []
    for column, task in enumerate(tasks):
        groups = by_rule(table[table.task == task])
        styles = styles_of(groups)
        for rule, group in groups.items():
            styles[rule]["label"] += f", {training_text(group)}" + lost_remark(*counts(group))
        label = gap_label(table[table.task == task])
        histograms(axes[0][column], {rule: gaps(group) for rule, group in groups.items()}, styles, label)
        correlations.append(dict(scatter(axes[1][column], groups, styles, label), task=task))
    tables = {"": table, "_groups": group_rows(table), "_correlations": pd.DataFrame(correlations)}
    return picture, tables


def main(arguments: Optional[List[str]] = None) -> int:
    """Command line; returns the exit code."""
    return picture_command("figure2", __doc__, draw, arguments)


if __name__ == "__main__":
    sys.exit(main())
