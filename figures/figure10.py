"""Figure 10: alignment of the three-factor rule's error, and of the gradient, with the top 5 Hessian eigenvectors."""

import pandas as pd

from figures.curves import CURVE_CAPTION, CURVE_COLUMNS, draw_curves, mean_curve
from figures.runs import Results, measures
from figures.style import panels, rule_style, task_columns

ROLES = ("measured",)
TITLE = "Alignment of the truncation error along training"
CAPTION = (
    "Absolute cosine of the three-factor rule's error e = ghat - rho g, and of the gradient g, with a Hessian "
    "eigenvector, averaged over the top 5 (for the top 10 and 20 see figure10.csv and the verdicts). " + CURVE_CAPTION
)
SHOWN = 5
QUANTITIES = {"error_alignment": "three_factor", "gradient_alignment": "bptt"}  # each in the colour of whose step it is
LABELS = {"error_alignment": "Error e", "gradient_alignment": "Gradient g"}


def draw(results: Results) -> tuple:
    """(picture, {"": one row per task, top, group and iteration})."""
    table = measures(results, "measured", "alignment.csv", ["iteration", "top", *QUANTITIES])
    table = table[table.rule == "three_factor"]
    tasks = task_columns(table.task)
    picture, axes = panels(1, tasks, results.note)
    styles = {name: dict(rule_style(rule), label=LABELS[name]) for name, rule in QUANTITIES.items()}
    drawn = []
    for axis, task in zip(axes[0], tasks):
        rows = table[table.task == task]
        shown = rows[rows.top == SHOWN]
        draw_curves(axis, {name: shown for name in QUANTITIES} if len(shown) else {}, styles, logarithmic=False)
        drawn += [
            mean_curve(rows[rows.top == top], name, logarithmic=False).assign(task=task, top=top, group=name)
            for top in sorted(set(rows.top))
            for name in QUANTITIES
        ]
    axes[0][0].set_ylabel(f"Absolute cosine\n(average over the top {SHOWN})")
    columns = ["top", *CURVE_COLUMNS]
    return picture, {"": pd.concat(drawn, ignore_index=True)[columns] if drawn else pd.DataFrame(columns=columns)}
