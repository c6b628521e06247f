"""Mean lines along training: the panels that several figures share.

A run that has stopped keeps its last value to the end of its group's longest, so that the mean does not jump when
one stops; diverged runs are left out and counted in the legend.
"""

from typing import Callable, Dict, Iterable, List

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from figures.labels import rule_order
from figures.runs import KEY, Results, histories, with_rules
from figures.style import empty, legend, lost_remark, panels, positive, rule_style, task_columns

CURVE_COLUMNS = ["task", "group", "iteration", "n", "held", "mean", "low", "high"]
CURVE_CAPTION = (
    "Lines: mean over runs; shaded: standard deviation. A run that has stopped keeps its last value until the "
    "longest run of its group ends. Diverged runs are left out and counted in the legend."
)
LOG_CAPTION = (
    "Mean and standard deviation are of the logarithm, to match the axis. No panel reaches more than eight decades "
    "above its lowest line: what explodes leaves it. "
)
REACH = 1e8  # of a logarithmic axis, as a multiple of the lowest mean


def held_curves(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """`column` of one group as [run, iteration]; diverged runs out, finished ones held at their last value."""
    kept = rows[rows.status != "diverged"]
    kept = kept.assign(value=pd.to_numeric(kept[column])).dropna(subset=["value"])
    if kept.empty:
        return pd.DataFrame(dtype=float)
    return kept.pivot_table(index=KEY, columns="iteration", values="value").ffill(axis=1)


def mean_curve(rows: pd.DataFrame, column: str, logarithmic: bool) -> pd.DataFrame:
    """One row an iteration: n, held (finished, at their last value), mean, low, high (mean -+ sd); see the module."""
    table = held_curves(rows, column)
    values = np.log(positive(table.values)) if logarithmic else table.values.astype(float)
    last = rows[rows.status != "diverged"].groupby(KEY).iteration.max()
    frame = pd.DataFrame(values, columns=table.columns)
    mean, sd = frame.mean(), frame.std(ddof=1).fillna(0.0)
    back = np.exp if logarithmic else np.asarray
    return pd.DataFrame(
        {
            "iteration": table.columns.values.astype(int),
            "n": frame.notna().sum().values,
            "held": [int((last < iteration).sum()) for iteration in table.columns],
            "mean": back(mean.values.astype(float)),
            "low": back((mean - sd).values.astype(float)),
            "high": back((mean + sd).values.astype(float)),
        }
    )


def counts(rows: pd.DataFrame) -> tuple:
    """(runs diverged, runs in all) of a table with columns KEY and status."""
    status = rows.drop_duplicates(KEY).status
    return int((status == "diverged").sum()), len(status)


def counted(rows: pd.DataFrame) -> str:
    """What a legend says of a group's number of runs: those drawn, and those that diverged."""
    diverged, total = counts(rows)
    return f"n = {total - diverged}{lost_remark(diverged, total)}"


def draw_curves(
    axis: plt.Axes, groups: Dict[str, pd.DataFrame], styles: Dict[str, dict], column: str = "", logarithmic: bool = True
) -> pd.DataFrame:
    """A line a group. Returns what it drew.

    groups: {name: rows with columns KEY, status, iteration and `column`, by default a column of the group's name}.
    """
    drawn = []
    for name, rows in groups.items():
        curve = mean_curve(rows, column or name, logarithmic)
        style = dict(styles[name])
        style["label"] += f" ({counted(rows)})"
        axis.plot(curve.iteration, curve["mean"], linewidth=1.5, **style)
        axis.fill_between(
            curve.iteration, curve.low.values, curve.high.values, color=style["color"], alpha=0.18, linewidth=0
        )
        drawn.append(curve.assign(group=name))
    finish_curves(axis, drawn, logarithmic)
    return pd.concat(drawn, ignore_index=True) if drawn else pd.DataFrame(columns=CURVE_COLUMNS[1:])


def finish_curves(axis: plt.Axes, drawn: List[pd.DataFrame], logarithmic: bool) -> None:
    """Scale, labels and legend of a panel along training; without curves it says so."""
    if not drawn:
        empty(axis)
        return
    lowest = min((curve["mean"][curve["mean"] > 0].min() for curve in drawn), default=np.nan)
    if logarithmic and np.isfinite(lowest):
        axis.set_yscale("log")
        axis.set_ylim(top=min(axis.get_ylim()[1], REACH * lowest))
    axis.set_xlabel("Training iteration")
    axis.xaxis.set_major_locator(MaxNLocator(5))
    legend(axis)


def by_rule(rows: pd.DataFrame) -> Dict[str, pd.DataFrame]:
    """{rule: its rows}, in the order of the paper's figures."""
    return {rule: rows[rows.rule == rule] for rule in sorted(set(rows.rule), key=rule_order)}


def styles_of(rules: Iterable[str]) -> Dict[str, dict]:
    """{rule: its line's style} for one panel."""
    rules = list(rules)
    return {rule: rule_style(rule, rules) for rule in rules}


def eigenvalue_figure(results: Results, groups: Iterable[str], accepts: Callable[[str], bool]) -> tuple:
    """(picture, {"": rows}): the leading eigenvalue of groups of runs along training, one column per task.

    accepts: which rules are drawn.
    """
    history = with_rules(histories(results, *groups), accepts)
    tasks = task_columns(history.task)
    picture, axes = panels(1, tasks, results.note)
    drawn = [eigenvalue_panel(axis, history[history.task == task], task) for axis, task in zip(axes[0], tasks)]
    axes[0][0].set_ylabel("Leading Hessian eigenvalue\n(mean and sd of its log)")
    return picture, {"": pd.concat(drawn, ignore_index=True)[CURVE_COLUMNS]}


def eigenvalue_panel(axis: plt.Axes, rows: pd.DataFrame, task: str) -> pd.DataFrame:
    """The leading eigenvalue of one task along training, one line per rule. Returns what it drew."""
    groups = by_rule(rows)
    return draw_curves(axis, groups, styles_of(groups), "eigenvalue").assign(task=task)
