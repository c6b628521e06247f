"""Figure 6: the generalisation gap when BPTT takes the three-factor rule's step length along the gradient."""

from figures.distributions import GAP_CAPTION, gap_histograms
from figures.gaps import ended, group_rows
from figures.runs import Results
from figures.style import STEP_RULES, panels, task_columns

ROLES = ("main",)
TITLE = "Generalisation gap at matched step length"
CAPTION = (
    "The gap at the end of training (larger = worse), with each rule's training performance. Three-factor, theory: "
    "BPTT scaled by the three-factor rule's rho. " + GAP_CAPTION
)


def draw(results: Results) -> tuple:
    """(picture, {"": one row per run, "_groups": one row per task and rule})."""
    table = ended(results, "main")
    table = table[table.rule.isin(STEP_RULES)]
    tasks = task_columns(table.task)
    picture, axes = panels(1, tasks, results.note)
    for axis, task in zip(axes[0], tasks):
        gap_histograms(axis, table[table.task == task])
    return picture, {"": table, "_groups": group_rows(table)}
