"""Figure 6: the generalisation gap when BPTT takes the three-factor rule's step length along the gradient.

python -m figures.figure6 RESULTS OUTPUT
"""

import sys
from typing import List, Optional

from figures.command import picture_command
from figures.curves import by_rule, counts, histograms, styles_of
from figures.gaps import ended, gap_label, gaps, group_rows, training_text
from figures.runs import Results
from figures.style import STEP_RULES, lost_remark, panels, task_columns

ROLES = ("main",)
TITLE = "Generalisation gap at matched step length"
CAPTION = (
    "Distribution of the gap (larger = worse) at the end of training, dashed lines at the means; beside each rule its "
    "training performance. Three-factor, theory: BPTT scaled by the three-factor rule's rho."
)


def draw(results: Results) -> tuple:
    """(picture, {"": a row a replica, "_groups": a row a task and rule})."""
    table = ended(results, "figure6", "main")
    table = table[table.rule.isin(STEP_RULES)]
    tasks = task_columns(table.task)
    picture, axes = panels(1, tasks, results.note)
    for axis, task in zip(axes[0], tasks):
        groups = by_rule(table[table.task == task])
        styles = styles_of(groups)
        for rule, group in groups.items():
            styles[rule]["label"] += f", {training_text(group)}" + lost_remark(*counts(group))
        label = gap_label(table[table.task == task])
        histograms(axis, {rule: gaps(group) for rule, group in groups.items()}, styles, label)
    return picture, {"": table, "_groups": group_rows(table)}


def main(arguments: Optional[List[str]] = None) -> int:
    """Command line; returns the exit code."""
    return picture_command("figure6", __doc__, draw, arguments)


if __name__ == "__main__":
    sys.exit(main())
