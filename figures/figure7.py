"""Figure 7: the Hessian's eigenvalues by rank at the end of training, and the slope of their power-law decay."""

from typing import List

import numpy as np
import pandas as pd

from figures.curves import by_rule, styles_of
from figures.gaps import is_published_rule
from figures.measures import finite
from figures.runs import Results, measures, with_rules
from figures.style import empty, legend, panels, positive, task_columns

ROLES = ("measured",)
TITLE = "Hessian spectrum and its power-law decay"
CAPTION = (
    "Top: magnitude of the leading eigenvalues by rank, mean and standard deviation of the logarithm. Below, one point "
    "per run, dash at the mean: the exponent alpha of the power law that the powerlaw package fits to the largest "
    "magnitudes (its own xmin; smaller = steeper decay), and the slope s of eigenvalue ~ rank^-s (larger = steeper)."
)
FITS = {"alpha_own": "Exponent alpha\n(smaller = steeper)", "slope": "Slope of log eigenvalue\nagainst log rank"}
LAW_COLUMNS = ["top", "l2", "slope", "alpha", "alpha_error", "decay", "alpha_own"]


def draw(results: Results) -> tuple:
    """(picture, {"": one row per task, rule and rank, "_slopes": one row per run and fit})."""
    spectra = _published(measures(results, "measured", "spectrum.csv", ["rank", "eigenvalue"]))
    laws = _published(measures(results, "measured", "power_law.csv", LAW_COLUMNS))
    tasks = task_columns([*spectra.task, *laws.task])
    picture, axes = panels(1 + len(FITS), tasks, results.note, height=2.9)
    drawn = []
    for column, task in enumerate(tasks):
        drawn += _spectra(axes[0][column], spectra[spectra.task == task], task)
        for row, fit in enumerate(FITS, 1):
            _fits(axes[row][column], laws[(laws.task == task) & (laws.l2 == "with")], fit)
    axes[0][0].set_ylabel("Eigenvalue magnitude\n(mean and sd of its log)")
    for row, label in enumerate(FITS.values(), 1):
        axes[row][0].set_ylabel(label)
    columns = ["task", "rule", "rank", "n", "mean", "low", "high"]
    table = pd.concat(drawn, ignore_index=True) if drawn else pd.DataFrame(columns=columns)
    return picture, {"": table[columns], "_slopes": laws}


def _published(table: pd.DataFrame) -> pd.DataFrame:
    return with_rules(table[table.status != "diverged"], is_published_rule)


def _spectra(axis, rows: pd.DataFrame, task: str) -> List[pd.DataFrame]:
    groups, drawn = by_rule(rows), []
    styles = styles_of(groups)
    for rule, group in groups.items():
        magnitudes = np.log(positive(group.eigenvalue.astype(float).abs()))
        by_rank = pd.Series(magnitudes, index=group["rank"].values.astype(int)).groupby(level=0)
        mean, sd = by_rank.mean(), by_rank.std(ddof=1).fillna(0.0)
        low, high = np.exp(mean - sd), np.exp(mean + sd)
        axis.plot(mean.index, np.exp(mean), linewidth=1.5, **styles[rule])
        axis.fill_between(mean.index, low, high, color=styles[rule]["color"], alpha=0.18, linewidth=0)
        drawn.append(
            pd.DataFrame({"task": task, "rule": rule, "rank": mean.index, "n": by_rank.count().values}).assign(
                mean=np.exp(mean.values), low=low.values, high=high.values
            )
        )
    if not drawn:
        empty(axis)
        return drawn
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel("Rank")
    legend(axis)
    return drawn


def _fits(axis, rows: pd.DataFrame, fit: str) -> None:
    groups, tops = by_rule(rows), sorted(set(rows.top))
    styles = styles_of(groups)
    for position, (rule, group) in enumerate(groups.items()):
        shift = 0.16 * (position - (len(groups) - 1) / 2)
        for place, top in enumerate(tops):
            values = finite(group[group.top == top][fit])
            # side by side in the order of the runs: the same place for the same data
            spread = np.linspace(-0.05, 0.05, len(values)) if len(values) > 1 else np.zeros(len(values))
            axis.plot(place + shift + spread, values, ".", markersize=3, alpha=0.6, color=styles[rule]["color"])
            if len(values):
                axis.plot(place + shift, values.mean(), "_", markersize=11, color=styles[rule]["color"])
    if not groups:
        empty(axis)
        return
    axis.set_xticks(range(len(tops)))
    axis.set_xticklabels([f"top {top}" for top in tops])
