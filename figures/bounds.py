"""Theorem 1's bounds over the eigenvalue curves: 1/eta, 1/(|rho| eta), and the classical limit of stability 2/eta.

python -m figures.bounds RESULTS OUTPUT
"""

import sys
from typing import List, Optional

import numpy as np
import pandas as pd

from figures.command import picture_command
from figures.curves import CURVE_CAPTION, LOG_CAPTION, counted, finish_curves, mean_curve
from figures.measures import bound_products, step_lengths
from figures.runs import KEY, Results, histories, with_rules
from figures.style import panels, rule_label, rule_order, rule_style, task_columns, truncated_steps

ROLES = ("main",)
TITLE = "Theorem 1's bounds over the eigenvalue curves"
CAPTION = (
    "Grey lines: 1/eta, 2/eta; dotted line in the rule's colour: 1/(|rho| eta), rho of W_h measured at each evaluation "
    "(geometric mean over runs). The theorem is about a scalar output, one example and no error; the runs drawn "
    "are not. Shares of evaluations beyond each bound: bounds.csv. " + LOG_CAPTION + CURVE_CAPTION
)


def draw(results: Results) -> tuple:
    """(picture, {"": shares a task, rule and learning rate, "_curves": a row a task, rule and iteration})."""
    history = with_rules(histories(results, "bounds", "main"), lambda rule: not truncated_steps(rule))
    history = history.assign(bound=bounds(history), product=bound_products(history))
    tasks, rules = task_columns(history.task), sorted(set(history.rule), key=rule_order) or ["bptt"]
    picture, axes = panels(len(rules), tasks, results.note, height=2.9)
    drawn = []
    for row, rule in enumerate(rules):
        for column, task in enumerate(tasks):
            drawn += _panel(axes[row][column], history[(history.rule == rule) & (history.task == task)], task, rule)
        axes[row][0].set_ylabel(f"{rule_label(rule)}\nleading eigenvalue")
    return picture, {"": shares(history), "_curves": pd.concat(drawn) if drawn else pd.DataFrame()}


def bounds(history: pd.DataFrame) -> pd.Series:
    """1/(|rho| eta) of each evaluation; nan where rho is 0 or not known. 1/eta under BPTT."""
    return 1 / (step_lengths(history).abs() * history.rate.astype(float)).replace(0, np.nan)


def shares(history: pd.DataFrame) -> pd.DataFrame:
    """One row a task, rule and first rate: n, share of evaluations beyond each bound, over all and at the end."""
    kept = history[(history.status != "diverged") & history.eigenvalue.notna()]
    rows = []
    for (task, rule, rate), group in kept.groupby(["task", "rule", "learning_rate"]):
        row = {"task": task, "rule": rule, "learning_rate": rate, "n": group.drop_duplicates(KEY).shape[0]}
        for name, part in (("all", group), ("end", group[group.at_end.astype(bool)])):
            scaled = part.eigenvalue.astype(float) * part.rate.astype(float)
            row[f"evaluations_{name}"] = len(part)
            row[f"beyond_1_over_eta_{name}"] = (scaled > 1).mean()
            row[f"beyond_2_over_eta_{name}"] = (scaled > 2).mean()
            row[f"beyond_1_over_rho_eta_{name}"] = (part["product"].dropna() > 1).mean()
        rows.append(row)
    return pd.DataFrame(rows)


def _panel(axis, rows: pd.DataFrame, task: str, rule: str) -> List[pd.DataFrame]:
    if rows.empty:
        finish_curves(axis, [], logarithmic=True)
        return []
    style, drawn = rule_style(rule), []
    lines = [("eigenvalue", "-", f"eigenvalue ({counted(rows)})"), ("bound", ":", r"1/($|\rho|\,\eta$)")]
    for column, dashes, label in lines[: 1 if rule == "bptt" else 2]:  # under BPTT rho = 1
        curve = mean_curve(rows, column, logarithmic=True)
        axis.plot(curve.iteration, curve["mean"], dashes, linewidth=1.5, color=style["color"], label=label)
        axis.fill_between(curve.iteration, curve.low, curve.high, color=style["color"], alpha=0.15, linewidth=0)
        drawn.append(curve.assign(task=task, rule=rule, quantity=column))
    for first, own in rows.groupby("learning_rate"):
        rate = own.groupby("iteration").rate.first().astype(float)
        for times, dashes in ((1, "--"), (2, "-.")):
            label = rf"{times}/$\eta$, $\eta$ = {first:g}"
            axis.plot(rate.index, times / rate, color="#777777", linewidth=1, linestyle=dashes, label=label)
    finish_curves(axis, drawn, logarithmic=True)
    return drawn


def main(arguments: Optional[List[str]] = None) -> int:
    """Command line; returns the exit code."""
    return picture_command("bounds", __doc__, draw, arguments)


if __name__ == "__main__":
    sys.exit(main())
