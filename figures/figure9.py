"""Figure 9: truncated BPTT; Trunc X leaves X time steps out."""

from figures.curves import CURVE_CAPTION, LOG_CAPTION, eigenvalue_figure
from figures.labels import truncated_steps
from figures.runs import Results

ROLES = ("main", "truncated")
TITLE = "Truncated BPTT"
CAPTION = (
    "Trunc X: each loss term is propagated back through at most T - X of the T time steps. "
    + LOG_CAPTION
    + CURVE_CAPTION
)


def draw(results: Results) -> tuple:
    """(picture, {"": one row per task, rule and iteration})."""
    return eigenvalue_figure(results, ROLES, _is_truncation)


def _is_truncation(rule: str) -> bool:
    return rule == "bptt" or truncated_steps(rule) > 0
