"""Panels of one number per run: histograms of the gap, and gap against curvature."""

from typing import Dict

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from figures import statistics
from figures.curves import by_rule, counts, styles_of
from figures.gaps import gap_label, gaps, training_text
from figures.measures import curvature_and_gap
from figures.style import empty, legend, lost_remark, marker

BINS = 40  # over the range of all groups: narrow enough to show the spread of the narrowest
GAP_CAPTION = "Histograms: one strip per group, all on one scale, dashed lines at the means. "


def histograms(axis: plt.Axes, groups: Dict[str, np.ndarray], styles: Dict[str, dict], label: str) -> None:
    """Distributions of the groups' values over common bins, one strip each, the first on top, a line at each mean."""
    everything = np.concatenate(list(groups.values())) if groups else np.array([])
    if not len(everything):
        empty(axis, "no values" if groups else "no runs")
        return
    low, high = everything.min(), everything.max()
    pad = 0.02 * (high - low) or 0.5 * abs(high) or 0.5
    edges = np.linspace(low - pad, high + pad, BINS + 1)
    heights = {name: np.histogram(values, edges)[0] for name, values in groups.items() if len(values)}
    tallest = max(height.max() for height in heights.values())
    for place, (name, height) in enumerate(heights.items()):
        base, colour = -1.2 * tallest * place, styles[name]["color"]
        top = base + np.append(height, height[-1])
        axis.fill_between(edges, base, top, step="post", color=colour, alpha=0.75, linewidth=0, **_named(styles[name]))
        axis.hlines(base, edges[0], edges[-1], color=colour, linewidth=0.8)
        axis.plot([groups[name].mean()] * 2, [base, base + 1.1 * tallest], "--", color=colour, linewidth=1.3)
    axis.set_yticks([base, base + tallest])
    axis.set_yticklabels([0, tallest])
    axis.set_xlabel(label)
    axis.set_ylabel("Runs")
    legend(axis)


def _named(style: dict) -> dict:
    return {"label": style["label"]}


def gap_histograms(axis: plt.Axes, table: pd.DataFrame) -> None:
    """Distributions of the gap of one task's runs by rule, each rule's training performance with its name."""
    groups = by_rule(table)
    styles = styles_of(groups)
    for rule, group in groups.items():
        styles[rule]["label"] += f", {training_text(group)}{lost_remark(*counts(group))}"
    histograms(axis, {rule: gaps(group) for rule, group in groups.items()}, styles, gap_label(table))


def scatter(axis: plt.Axes, groups: Dict[str, pd.DataFrame], styles: Dict[str, dict], label: str) -> dict:
    """Gap against leading eigenvalue at the end, and their correlation over all groups, on which it reports.

    groups: {rule: runs with end_eigenvalue, end_gap}; without a positive eigenvalue there is no place on the axis.
    """
    points = {rule: curvature_and_gap(table) for rule, table in groups.items()}
    pooled = np.concatenate(list(points.values())) if points else np.empty((0, 2))
    found = dict(statistics.correlations(pooled[:, 0], pooled[:, 1]), n=len(pooled))
    if not len(pooled):
        empty(axis, "no values" if any(map(len, groups.values())) else "no runs")
        return found
    for rule, own in points.items():
        name = f"{styles[rule]['label']} (n = {len(own)})"
        axis.plot(
            10 ** own[:, 0],
            own[:, 1],
            marker(rule),
            label=name,
            color=styles[rule]["color"],
            markersize=4.5,
            alpha=0.7,
            markeredgewidth=0,
            linestyle="",
        )
    axis.set_xscale("log")
    axis.set_xlabel("Leading Hessian eigenvalue")
    axis.set_ylabel(label)
    axis.text(0.02, 1.0, _correlation_text(found), transform=axis.transAxes, fontsize=7, va="bottom")
    legend(axis)
    return found


def _correlation_text(found: dict) -> str:
    if np.isnan(found["pearson"]):
        return f"n = {found['n']}: no correlation is defined"
    return (
        f"n = {found['n']}: Pearson's r = {found['pearson']:.2f} ({_p_text(found['pearson_p'])}),\n"
        f"Spearman's r = {found['spearman']:.2f} ({_p_text(found['spearman_p'])})"
    )


def _p_text(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"
