"""Figure 9: truncated BPTT; Trunc X leaves X time steps out.

python -m figures.figure9 RESULTS OUTPUT
"""

import sys
from typing import List, Optional

from figures.command import picture_command
from figures.curves import CURVE_CAPTION, LOG_CAPTION, eigenvalue_figure
from figures.runs import Results
from figures.style import truncated_steps

ROLES = ("main",)
TITLE = "Truncated BPTT"
CAPTION = "Trunc X: each loss term goes back through all but X time steps. " + LOG_CAPTION + CURVE_CAPTION


def draw(results: Results) -> tuple:
    """(picture, {"": a row a task, rule and iteration})."""
    return eigenvalue_figure(results, "figure9", "main", _is_truncation)


def _is_truncation(rule: str) -> bool:
    return rule == "bptt" or truncated_steps(rule) > 0


def main(arguments: Optional[List[str]] = None) -> int:
    """Command line; returns the exit code."""
    return picture_command("figure9", __doc__, draw, arguments)


if __name__ == "__main__":
    sys.exit(main())
