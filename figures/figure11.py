"""Figure 11: Figure 3 with the Adam optimizer."""

from figures.curves import CURVE_CAPTION, LOG_CAPTION, eigenvalue_figure
from figures.gaps import is_published_rule
from figures.runs import Results

ROLES = ("adam",)
TITLE = "Leading Hessian eigenvalue along training with Adam"
CAPTION = (
    "Sequential MNIST: learning rate 0.001 for all rules, not swept; other tasks: each rule's own, swept with Adam. "
    + LOG_CAPTION
    + CURVE_CAPTION
)


def draw(results: Results) -> tuple:
    """(picture, {"": one row per task, rule and iteration})."""
    return eigenvalue_figure(results, ROLES, is_published_rule)
