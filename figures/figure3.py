"""Figure 3: the leading Hessian eigenvalue along training, one line per rule."""

from figures.curves import CURVE_CAPTION, LOG_CAPTION, eigenvalue_figure
from figures.gaps import is_published_rule
from figures.runs import Results

ROLES = ("main",)
TITLE = "Leading Hessian eigenvalue along training"
CAPTION = LOG_CAPTION + CURVE_CAPTION


def draw(results: Results) -> tuple:
    """(picture, {"": one row per task, rule and iteration})."""
    return eigenvalue_figure(results, ROLES, is_published_rule)
