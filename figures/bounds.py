"""Theorem 1's bounds over the eigenvalue curves: 1/eta, 1/(|rho| eta), and the limits of stability 2/eta, 2/(rho eta).

Below them Assumption 1 along training, by which Eq. 36 extends the theorem beyond its special case.
"""

from typing import List

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from figures.curves import (
    CURVE_CAPTION,
    LOG_CAPTION,
    by_rule,
    counted,
    draw_curves,
    finish_curves,
    mean_curve,
    styles_of,
)
from figures.labels import rule_label, rule_order, truncated_steps
from figures.runs import KEY, Results, histories, measures, with_rules
from figures.style import panels, rule_style, task_columns
from figures.theorem import bound_products, step_lengths

ROLES = ("main", "measured")
TITLE = "Theorem 1's bounds over the eigenvalue curves"
CAPTION = (
    "Grey lines: 1/eta, 2/eta; dotted line in the rule's colour: 1/(|rho| eta), with rho over W_h as measured at each "
    "evaluation (geometric mean over runs). Twice as high, where rho > 0, is the limit of stability 2/(rho eta); for "
    "rho <= 0 no curvature is stable along the gradient. Above each panel: share of the evaluations at the end of "
    "training beyond each bound. The theorem assumes a scalar output, one example and zero error; the runs shown do "
    "not meet all of these. Last row, where measured: Assumption 1 on the runs of Figure 10, |2 rho g.He + e.He| / "
    "|rho^2 g.Hg|, what Eq. 36 neglects relative to what it keeps, which is far below 1 if the assumption holds. "
    + LOG_CAPTION
    + CURVE_CAPTION
)
DASHES = {"eigenvalue": "-", "bound": ":", 1: "--", 2: "-."}
GREY = "#777777"
ASSUMPTION_COLUMNS = ["task", "rule", "n"] + [
    f"{name}_{part}" for part in ("all", "end") for name in ("evaluations", "median", "share_below_1")
]


def draw(results: Results) -> tuple:
    """(picture, {"": shares by task, rule and learning rate, "_curves": one row per task, rule and iteration,
    "_assumption_1": one row per task and rule})."""
    history = with_rules(histories(results, "main"), lambda rule: not truncated_steps(rule))
    history = history.assign(bound=bounds(history), step=step_lengths(history), product=bound_products(history))
    terms = _taylor_terms(results)
    tasks = task_columns([*history.task, *terms.task])
    rules = sorted(set(history.rule), key=rule_order) or ["bptt"]
    picture, axes = panels(len(rules) + (len(terms) > 0), tasks, results.note, height=2.5)
    drawn = []
    for row, rule in enumerate(rules):
        for column, task in enumerate(tasks):
            drawn += _panel(axes[row][column], history[(history.rule == rule) & (history.task == task)], task, rule)
        axes[row][0].set_ylabel(f"{rule_label(rule)}\nleading eigenvalue")
    for axis in axes[0]:
        axis.set_title(axis.get_title(), fontsize=11, pad=32)  # above the lines that name the shares
    if len(history):
        _line_legend(picture)
    if len(terms):
        drawn += _assumption_row(axes[-1], terms, tasks)
    curves = pd.concat(drawn) if drawn else pd.DataFrame()
    return picture, {"": shares(history), "_curves": curves, "_assumption_1": assumption(terms)}


def bounds(history: pd.DataFrame) -> pd.Series:
    """1/(|rho| eta) of each evaluation; nan where rho is 0 or not known. 1/eta under BPTT."""
    return 1 / (step_lengths(history).abs() * history.current_learning_rate.astype(float)).replace(0, np.nan)


def shares(history: pd.DataFrame) -> pd.DataFrame:
    """One row per task, rule and first learning rate: n, and what `beyond` says of all evaluations and of the end's."""
    kept = history[(history.status != "diverged") & history.eigenvalue.notna()]
    rows = []
    for (task, rule, rate), group in kept.groupby(["task", "rule", "learning_rate"]):
        row = {"task": task, "rule": rule, "learning_rate": rate, "n": group.drop_duplicates(KEY).shape[0]}
        for name, part in (("all", group), ("end", group[group.at_end.astype(bool)])):
            row.update({f"{column}_{name}": value for column, value in beyond(part).items()})
        rows.append(row)
    return pd.DataFrame(rows)


def beyond(part: pd.DataFrame) -> dict:
    """Number of evaluations, and the share beyond each bound; nan where there is none.

    2/(rho eta) is a limit for rho > 0 only: the share is of such evaluations, rho_positive how large a part these are.
    """
    scaled, known = (
        part.eigenvalue.astype(float) * part.current_learning_rate.astype(float),
        part.dropna(subset=["product"]),
    )
    return {
        "evaluations": len(part),
        "beyond_1_over_eta": (scaled > 1).mean(),
        "beyond_2_over_eta": (scaled > 2).mean(),
        "beyond_1_over_rho_eta": (known["product"] > 1).mean(),
        "beyond_2_over_rho_eta": (known["product"][known.step > 0] > 2).mean(),
        "rho_positive": (known.step > 0).mean(),
    }


def assumption(terms: pd.DataFrame) -> pd.DataFrame:
    """Of Assumption 1, one row per task and rule: n, median and share below 1, over all evaluations and at the end."""
    rows = []
    for (task, rule), group in terms.groupby(["task", "rule"]):
        row = {"task": task, "rule": rule, "n": group.drop_duplicates(KEY).shape[0]}
        for name, part in (("all", group), ("end", group[group.at_end.astype(bool)])):
            sizes = part.assumption_1.astype(float)
            own = {"evaluations": len(sizes), "median": sizes.median(), "share_below_1": (sizes < 1).mean()}
            row.update({f"{column}_{name}": value for column, value in own.items()})
        rows.append(row)
    return pd.DataFrame(rows, columns=ASSUMPTION_COLUMNS)


def _taylor_terms(results: Results) -> pd.DataFrame:
    """The rows of taylor.csv that have assumption_1, of the runs that were measured, those of Figure 10.

    BPTT has no error e, and scaled BPTT none but rounding.
    """
    table = measures(results, "measured", "taylor.csv", ["iteration", "assumption_1"])
    table = with_rules(table, lambda rule: rule not in ("bptt", "scaled_bptt"))
    return table[(table.status != "diverged") & table.assumption_1.notna()]


def _assumption_row(axes, terms: pd.DataFrame, tasks: List[str]) -> List[pd.DataFrame]:
    drawn = []
    for axis, task in zip(axes, tasks):
        groups = by_rule(terms[terms.task == task])
        curves = draw_curves(axis, groups, styles_of(groups), "assumption_1")
        drawn.append(curves.rename(columns={"group": "rule"}).assign(task=task, quantity="assumption_1"))
        if groups:
            axis.axhline(1, color=GREY, linewidth=1, linestyle="--")
            said = [
                f"{rule_label(row.rule)} at the end: median {row.median_end:.2g}, below 1: {row.share_below_1_end:.0%}"
                for row in assumption(terms[terms.task == task]).itertuples()
            ]
            _say_above(axis, said)
    axes[0].set_ylabel("Assumption 1\nneglected / kept")
    return drawn


def _say_above(axis, lines: List[str]) -> None:
    axis.text(0.02, 1.0, "\n".join(lines), transform=axis.transAxes, fontsize=7, va="bottom")


def _panel(axis, rows: pd.DataFrame, task: str, rule: str) -> List[pd.DataFrame]:
    if rows.empty:
        finish_curves(axis, [], logarithmic=True)
        return []
    style, drawn = rule_style(rule), []
    for column in ("eigenvalue", "bound")[: 1 if rule == "bptt" else 2]:  # under BPTT rho = 1
        curve = mean_curve(rows, column, logarithmic=True)
        axis.plot(curve.iteration, curve["mean"], DASHES[column], linewidth=1.5, color=style["color"])
        axis.fill_between(curve.iteration, curve.low, curve.high, color=style["color"], alpha=0.15, linewidth=0)
        drawn.append(curve.assign(task=task, rule=rule, quantity=column))
    for _, own in rows.groupby("learning_rate"):
        rate = own.groupby("iteration").current_learning_rate.first().astype(float)
        for times in (1, 2):
            axis.plot(rate.index, times / rate, DASHES[times], color=GREY, linewidth=1)
    finish_curves(axis, drawn, logarithmic=True)
    _say_above(axis, _shares_text(rows, rule))
    return drawn


def _shares_text(rows: pd.DataFrame, rule: str) -> List[str]:
    found = beyond(rows[(rows.status != "diverged") & rows.eigenvalue.notna() & rows.at_end.astype(bool)])
    learning_rates = ", ".join(f"{rate:g}" for rate in sorted(set(rows.learning_rate.astype(float))))
    limit = f"{found['beyond_2_over_rho_eta']:.0%} of the {found['rho_positive']:.0%} with $\\rho$ > 0"
    if not found["rho_positive"] > 0:
        limit = "none has $\\rho$ > 0"
    said = [
        rf"$\eta$ = {learning_rates}, {counted(rows)}",
        rf"At the end beyond 1/$\eta$: {found['beyond_1_over_eta']:.0%}, 2/$\eta$: {found['beyond_2_over_eta']:.0%}",
        rf"1/($|\rho|\,\eta$): {found['beyond_1_over_rho_eta']:.0%}, 2/($\rho\,\eta$): {limit}",
    ]
    return said[: 2 if rule == "bptt" else 3]


def _line_legend(picture) -> None:
    """What the lines of all panels are, once, below them."""
    labels = {"eigenvalue": "leading eigenvalue", "bound": r"1/($|\rho|\,\eta$)", 1: r"1/$\eta$", 2: r"2/$\eta$"}
    handles = [
        Line2D([], [], color=GREY if name in (1, 2) else "black", linestyle=DASHES[name], label=label)
        for name, label in labels.items()
    ]
    picture.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, 0), ncol=4, frameon=False, fontsize=8)
