"""Figure 4: the step length matched: BPTT scaled by the three-factor rule's rho, with both for comparison."""

from figures.curves import CURVE_CAPTION, LOG_CAPTION, eigenvalue_figure
from figures.runs import Results
from figures.style import STEP_RULES

ROLES = ("main",)
TITLE = "Step length along the gradient matched"
CAPTION = (
    "Three-factor, theory: BPTT whose update is scaled at every step by the rho of the three-factor rule. "
    + LOG_CAPTION
    + CURVE_CAPTION
)


def draw(results: Results) -> tuple:
    """(picture, {"": one row per task, rule and iteration})."""
    return eigenvalue_figure(results, ROLES, STEP_RULES.__contains__)
