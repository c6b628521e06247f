"""Mean lines along training, histograms and scatters: the panels that several figures share.

A run that has stopped keeps its last value to the end of its group's longest, so that the mean does not jump when
one stops; diverged runs are left out and counted in the legend.
"""

from typing import Callable, Dict, Iterable, List

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from figures import statistics
from figures.gaps import gap_label, gaps, training_text
from figures.labels import rule_order
from figures.measures import curvature_and_gap
from figures.runs import KEY, Results, histories, with_rules
from figures.style import empty, legend, lost_remark, panels, positive, rule_style, task_columns

CURVE_COLUMNS = ["task", "group", "iteration", "n", "held", "mean", "low", "high"]
CURVE_CAPTION = (
    "Lines: mean over runs; shaded: standard deviation. A run that has stopped keeps its last value to the end of its "
    "group's longest. Diverged runs are left out and counted in the legend."
)
LOG_CAPTION = "Mean and standard deviation are those of the logarithm, as the axis is. "


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
    if logarithmic and any((curve["mean"] > 0).any() for curve in drawn):
        axis.set_yscale("log")
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
    """The leading eigenvalue of one task along training, a line a rule. Returns what it drew."""
    groups = by_rule(rows)
    return draw_curves(axis, groups, styles_of(groups), "eigenvalue").assign(task=task)


def histograms(axis: plt.Axes, groups: Dict[str, np.ndarray], styles: Dict[str, dict], label: str) -> None:
    """Distributions of the groups' values over common bins, each with a vertical line at its mean."""
    everything = np.concatenate(list(groups.values())) if groups else np.array([])
    if not len(everything):
        empty(axis, "no values" if groups else "no runs")
        return
    low, high = everything.min(), everything.max()
    pad = 0.02 * (high - low) or 0.5 * abs(high) or 0.5
    bins = np.linspace(low - pad, high + pad, 21)
    for name, values in groups.items():
        if len(values):
            colour = styles[name]["color"]
            axis.hist(values, bins, alpha=0.3, color=colour)
            axis.hist(values, bins, histtype="step", linewidth=1.2, color=colour, label=styles[name]["label"])
            axis.axvline(values.mean(), color=colour, linestyle="--", linewidth=1.3)
    axis.set_xlabel(label)
    axis.set_ylabel("Runs")
    axis.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    legend(axis)


def gap_histograms(axis: plt.Axes, table: pd.DataFrame) -> None:
    """Distributions of the gap of one task's runs by rule, each rule's training performance beside its name."""
    groups = by_rule(table)
    styles = styles_of(groups)
    for rule, group in groups.items():
        styles[rule]["label"] += f", {training_text(group)}{lost_remark(*counts(group))}"
    histograms(axis, {rule: gaps(group) for rule, group in groups.items()}, styles, gap_label(table))


def scatter(axis: plt.Axes, groups: Dict[str, pd.DataFrame], styles: Dict[str, dict], label: str) -> dict:
    """Gap against leading eigenvalue at the end, and their correlation over all groups, on which it reports.

    groups: {name: runs with end_eigenvalue, end_gap}; without a positive eigenvalue there is no place on the axis.
    """
    points = {name: curvature_and_gap(table) for name, table in groups.items()}
    pooled = np.concatenate(list(points.values())) if points else np.empty((0, 2))
    found = dict(statistics.correlations(pooled[:, 0], pooled[:, 1]), n=len(pooled))
    if not len(pooled):
        empty(axis, "no values" if any(map(len, groups.values())) else "no runs")
        return found
    for name, own in points.items():
        style = {key: value for key, value in styles[name].items() if key != "linestyle"}
        axis.scatter(10 ** own[:, 0], own[:, 1], s=14, alpha=0.75, linewidths=0, **style)
    axis.set_xscale("log")
    axis.set_xlabel("Leading Hessian eigenvalue")
    axis.set_ylabel(label)
    axis.text(0.02, 1.0, _correlation_text(found), transform=axis.transAxes, fontsize=7, va="bottom")
    return found


def _correlation_text(found: dict) -> str:
    return (
        f"n = {found['n']}, Pearson r = {found['pearson']:.2f} (p = {found['pearson_p']:.1g})\n"
        f"Spearman r = {found['spearman']:.2f} (p = {found['spearman_p']:.1g})"
    )
