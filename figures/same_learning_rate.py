"""Each approximate rule against BPTT at that rule's learning rate, beside BPTT at its own. Not in the paper.

Rules are compared at different learning rates, and a learning rate changes curvature by itself.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from figures.curves import counts
from figures.gaps import ended, gap_label, is_published_rule
from figures.labels import rule_label
from figures.measures import finite
from figures.runs import Results, with_rules
from figures.style import empty, legend, marker, panels, rule_style, task_columns

ROLES = ("main", "learning_rates")
TITLE = "Against BPTT at the same learning rate"
CAPTION = (
    "Each rule at its learning rate; BPTT, in black, at that rate (hollow, where it is not BPTT's own and the grid of "
    "Figure 12 has it) and at its own. One point per run; bars: geometric mean of the eigenvalue, mean of the gap. "
    "Not in the paper."
)
COLUMNS = ["task", "rule", "side", "learning_rate", "n", "diverged", "eigenvalue", "gap", "training_performance"]
SIDES = {"rule": -0.22, "bptt_same_rate": 0.0, "bptt_own_rate": 0.22}
BPTT = {"bptt_same_rate": "BPTT at the rule's learning rate", "bptt_own_rate": "BPTT at its own"}


def draw(results: Results) -> tuple:
    """(picture, {"": one row per task, rule and side, "_runs": one row per run, rule and side})."""
    found = _runs(results)
    tasks = task_columns(found.task)
    table = pd.concat([_sides(found[found.task == task]) for task in tasks], ignore_index=True)
    picture, axes = panels(2, tasks, results.note)
    for column, task in enumerate(tasks):
        own = table[table.task == task]
        _panel(axes[0][column], own, "end_eigenvalue")
        _panel(axes[1][column], own, "end_gap")
        axes[0][column].set_yscale("log" if len(own) else "linear")
        axes[1][column].set_ylabel(gap_label(own))
    axes[0][0].set_ylabel("Leading Hessian eigenvalue")
    return picture, {"": rows(table), "_runs": table}


def _runs(results: Results) -> pd.DataFrame:
    """The main group's runs, and those of BPTT on the grid of learning rates; a run that both have, once."""
    main, grid = (with_rules(ended(results, group), is_published_rule) for group in ROLES)
    both = pd.concat([main, grid[grid.rule == "bptt"]], ignore_index=True)
    return both.drop_duplicates(["task", "rule", "seed", "learning_rate"])


def _sides(table: pd.DataFrame) -> pd.DataFrame:
    """One task's runs with columns `against`, the rule, and `side`; BPTT's stand beside every rule, at its own learning
    rate and, where that is another one, at the rule's."""
    main = table[table.group == "main"]
    bptt = table[table.rule == "bptt"]
    parts = [table[:0].assign(against="", side="")]
    for rule, own in main[main.rule != "bptt"].groupby("rule", sort=False):
        at_own = main[main.rule == "bptt"]
        at_rate = bptt[bptt.learning_rate.isin(set(own.learning_rate) - set(at_own.learning_rate))]
        sides = {"rule": own, "bptt_same_rate": at_rate, "bptt_own_rate": at_own}
        parts += [runs.assign(against=rule, side=side) for side, runs in sides.items()]
    return pd.concat(parts, ignore_index=True)


def rows(table: pd.DataFrame) -> pd.DataFrame:
    """One row per task, rule and side: learning rate, n, diverged, geometric mean eigenvalue, mean gap, mean training
    performance, of the runs that did not diverge."""
    found = []
    for (task, rule, side), own in table.groupby(["task", "against", "side"], sort=False):
        diverged, total = counts(own)
        rate = float(own.learning_rate.iloc[0])
        row = {"task": task, "rule": rule, "side": side, "learning_rate": rate, "n": total - diverged}
        row.update(diverged=diverged, eigenvalue=_mean(own, "end_eigenvalue"), gap=_mean(own, "end_gap"))
        found.append(dict(row, training_performance=_mean(own, "end_training_performance")))
    return pd.DataFrame(found, columns=COLUMNS)


def _values(table: pd.DataFrame, quantity: str) -> np.ndarray:
    """Of the runs that did not diverge; eigenvalues that have a logarithm."""
    values = finite(pd.to_numeric(table[quantity].where(table.status != "diverged")))
    return values[values > 0] if quantity == "end_eigenvalue" else values


def _mean(table: pd.DataFrame, quantity: str) -> float:
    """Geometric for eigenvalues; nan without values."""
    values = _values(table, quantity)
    if not len(values):
        return np.nan
    return float(np.exp(np.log(values).mean()) if quantity == "end_eigenvalue" else values.mean())


def _panel(axis: plt.Axes, table: pd.DataFrame, quantity: str) -> None:
    if table.empty:
        empty(axis)
        return
    against, named = list(dict.fromkeys(table.against)), set()
    for (rule, side), own in table.groupby(["against", "side"], sort=False):
        shown = rule if side == "rule" else "bptt"
        values = _values(own, quantity)
        x = against.index(rule) + SIDES[side]
        look = {"color": rule_style(shown)["color"], "markersize": 4, "alpha": 0.5, "linestyle": ""}
        if side == "bptt_same_rate":
            look["markerfacecolor"] = "none"
        if side in BPTT and side not in named:
            look["label"] = BPTT[side]
            named.add(side)
        axis.plot([x] * len(values), values, marker(shown), **look)
        axis.hlines(_mean(own, quantity), x - 0.1, x + 0.1, color=look["color"], linewidth=2)
    rates = table[table.side == "rule"].groupby("against").learning_rate.first()
    axis.set_xticks(range(len(against)))
    axis.set_xticklabels([f"{rule_label(rule)}\nrate {rates[rule]:g}" for rule in against], fontsize=8)
    legend(axis)
