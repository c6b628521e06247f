"""Pictures of the specification curve, each as wide as a page."""

from typing import Dict, List, Tuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from figures.labels import choice_label, task_label
from figures.specification_choices import PREFIX, shares_by_level
from figures.specifications import JUDGED, NOT_JUDGED
from figures.style import empty, show_note

WIDTH = 7.2  # inches: a page
WIDE = 10  # an effect beyond it, the log of a ratio of which one side has exploded, has a logarithmic axis
LOOK = {  # Okabe and Ito (2008); by shape as well
    "for": ("#0072B2", "^", "significant as claimed"),
    "neither": ("#999999", "o", "not significant"),
    "against": ("#D55E00", "v", "significant the other way"),
}
NO_LOOK = {"too few": "#BBBBBB", "diverged": "#CC79A7", "failed": "#000000", "not built": "#E69F00"}
MAIN = "#000000"
SHORT = {
    "curvature_higher": "Curvature\nhigher",
    "gap_larger": "Gap\nlarger",
    "gap_more_variable": "Gap more\nvariable",
    "gap_follows_curvature": "Gap follows\ncurvature",
    "gap_follows_curvature_within": "The same\nwithin rules",
    "step_length_explains": "Step length\nexplains it",
    "scaled_bptt_sharper": "Shorter step\nsharper",
}


def ordered(table: pd.DataFrame) -> pd.DataFrame:
    """The specifications from left to right: by effect, then those without one by why, with their place in `x`."""
    ranks = {status: rank for rank, status in enumerate([*JUDGED, *NOT_JUDGED])}
    rank = table.status.map(ranks).where(table.effect.isna(), -1)
    found = table.assign(rank=rank).sort_values(["rank", "effect"], kind="stable").drop(columns="rank")
    judged = int(found.effect.notna().sum())
    space = max(2, round(0.02 * len(found)))  # between those with an effect and those without
    return found.assign(x=[place + (space if place >= judged else 0) for place in range(len(found))])


def curve(axis: plt.Axes, table: pd.DataFrame) -> None:
    """Effects with their intervals, those of ordered(table), and a ring around the main specification."""
    size = float(np.clip(300 / max(len(table), 1), 1.2, 4))
    for status, (colour, shape, _) in LOOK.items():
        own = table[table.status == status]
        axis.vlines(own.x, own.low, own.high, color=colour, linewidth=size / 4, alpha=0.5)
        axis.plot(own.x, own.effect, shape, color=colour, markersize=size, markeredgewidth=0, linestyle="")
    main = table[table.main & table.effect.notna()]
    ring = {"markersize": 8, "markerfacecolor": "none", "markeredgecolor": MAIN, "markeredgewidth": 1.2}
    axis.plot(main.x, main.effect, "o", linestyle="", clip_on=False, **ring)
    axis.axhline(0, color="#555555", linewidth=0.6)
    _margin(axis, table)
    if table.effect.abs().max() > WIDE:
        axis.set_yscale("symlog", linthresh=1)
        axis.set_yticks(_decades(table.effect.abs().max()))
    axis.set_xlim(-1, max(len(table), int(table.x.max()) if len(table) else 1) + 1)
    axis.set_xticks([])
    axis.tick_params(labelsize=7)
    for side in ("top", "right", "bottom"):
        axis.spines[side].set_visible(False)


def _decades(reach: float) -> List[float]:
    """Ticks of a symmetric logarithmic axis: nothing, one, and the power of ten below `reach`, either way."""
    largest = 10.0 ** np.floor(np.log10(reach))
    return [-largest, -1, 0, 1, largest]


def _round_down(value: float) -> float:
    """To one digit: the tick of an axis that has room for one either side."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(power * np.floor(value / power))


def _margin(axis: plt.Axes, table: pd.DataFrame) -> None:
    """Of an equality, the margin within which it holds."""
    band = table[["band_low", "band_high"]].dropna().head(1).values
    if len(band):
        axis.axhspan(*band[0], color="#EEEEEE", zorder=0)


def curve_picture(table: pd.DataFrame, row: dict, note: str) -> plt.Figure:
    """One claim on one task: the curve, and beneath it which level of each choice every specification has."""
    names = [name for name in table if name.startswith(PREFIX) and table[name].notna().any()]
    shares, places = shares_by_level(table, names), ordered(table)
    rows = len(shares) + 0.5 * len(names)
    figure = plt.figure(figsize=(WIDTH, 2.6 + 0.145 * rows))
    height = figure.get_size_inches()[1]
    beneath = 0.145 * rows / height
    top = figure.add_axes([0.26, beneath + 0.25 / height, 0.67, 1.55 / height])
    matrix = figure.add_axes([0.26, 0.05 / height, 0.67, beneath], sharex=top)
    curve(top, places)
    top.set_ylabel(row["effect_name"].replace(" of ", "\nof ").capitalize() or "effect", fontsize=7)
    _matrix(matrix, places, shares)
    _head(figure, row, height)
    _legend(figure, table, height)
    show_note(figure, note)
    return figure


def _head(figure: plt.Figure, row: dict, height: float) -> None:
    figure.text(
        0.01, 1 - 0.17 / height, f"{task_label(row['task'])}: {row['says']}", fontsize=7, weight="bold", wrap=True
    )
    figure.text(0.01, 1 - 0.34 / height, _numbers(row), fontsize=7)


def _numbers(row: dict) -> str:
    if not row["judged"]:
        return f"None of {row['specifications']} specifications could be judged."
    said = f"{row['judged']} of {row['specifications']} specifications judged: "
    said += f"{row['share_claimed_sign']:.0%} as claimed, {row['share_for']:.0%} significantly so"
    if np.isfinite(row["chance_share"]):
        said += f" (by chance {row['chance_share']:.0%}, p = {row['chance_p_for']:.2g})"
    return f"{said}, {row['share_against']:.0%} significant the other way"


def _legend(figure: plt.Figure, table: pd.DataFrame, height: float) -> None:
    handles = _looks()
    for status, colour in NO_LOOK.items():
        count = int((table.status == status).sum())
        if count:
            said = f"{NOT_JUDGED[status]} ({count})"
            handles.append(plt.Line2D([], [], color=colour, marker="X", linestyle="", markersize=4, label=said))
    handles.append(_ring())
    place = {"loc": "upper left", "bbox_to_anchor": (0.0, 1 - 0.4 / height), "ncol": 4}
    figure.legend(handles=handles, fontsize=6.5, frameon=False, handletextpad=0.1, columnspacing=1, **place)


def _looks() -> List[plt.Line2D]:
    """A legend's entries for what specifications came to."""
    return [
        plt.Line2D([], [], color=colour, marker=shape, linestyle="", markersize=4, label=label)
        for colour, shape, label in LOOK.values()
    ]


def _ring() -> plt.Line2D:
    """A legend's entry for the main specification."""
    look = {"color": MAIN, "marker": "o", "markerfacecolor": "none", "linestyle": "", "markersize": 6}
    return plt.Line2D([], [], label="main specification", **look)


def _matrix(axis: plt.Axes, places: pd.DataFrame, shares: pd.DataFrame) -> None:
    """A dot where a specification has a level, in the colour of its result; at the right the share significant as
    claimed."""
    size = float(np.clip(300 / max(len(places), 1), 1, 3.5))
    look = {**{name: colour for name, (colour, _, _) in LOOK.items()}, **NO_LOOK}
    y, before, right = 0.0, "", int(places.x.max()) + 2
    axis.axvline(float(places[places.main].x.iloc[0]), color=MAIN, linewidth=0.6, linestyle=":")
    axis.text(right, -0.6, "significant\nas claimed", fontsize=5.5, va="bottom", ha="left", color="#555555")
    for line in shares.itertuples():
        if line.choice != before:
            y, before = y + (0.5 if before else 0), line.choice
            axis.text(
                -0.38, y, choice_label(line.choice), fontsize=6.5, va="center", transform=axis.get_yaxis_transform()
            )
        own = places[places[PREFIX + line.choice] == line.level]
        for status, colour in look.items():
            x = own.x[own.status == status]
            shape = "|" if len(places) > 120 else LOOK[status][1] if status in LOOK else "X"
            edge = 0.5 if shape == "|" else 0
            axis.plot(x, [y] * len(x), shape, color=colour, markersize=max(size, 3), markeredgewidth=edge, linestyle="")
        axis.text(
            -0.01, y, _level(line.level), fontsize=6.5, va="center", ha="right", transform=axis.get_yaxis_transform()
        )
        said = f"{line.share_for:.0%}" if line.n else "–"
        axis.text(right, y, said, fontsize=6.5, va="center", ha="left")
        y += 1
    axis.set_ylim(y - 0.4, -0.6)
    axis.axis("off")


def _level(name: str) -> str:
    """A level as it is shown: a number to four places."""
    try:
        return f"{float(name):.4g}"
    except ValueError:
        return name.replace("_", " ")


def choices_picture(own: List[Tuple[pd.DataFrame, dict]], task: str, note: str) -> plt.Figure:
    """One task: how far each level moves each claim's effect from the main level's, with its interval."""
    lines = list(dict.fromkeys((one.choice, one.level) for effects, _ in own for one in effects.itertuples()))
    figure, axes = plt.subplots(
        1, len(own), figsize=(WIDTH, 1.1 + 0.17 * len(lines)), sharey=True, squeeze=False, gridspec_kw={"wspace": 0.12}
    )
    height = figure.get_size_inches()[1]
    figure.subplots_adjust(left=0.3, right=0.99, top=1 - 0.72 / height, bottom=0.3 / height)
    for axis, (effects, row) in zip(axes[0], own):
        _moves(axis, effects, lines)
        axis.set_title(SHORT.get(row["claim"], row["claim"]), fontsize=6.5)
    labels = [f"{choice_label(choice)}: {_level(level)}" for choice, level in lines]
    axes[0][0].set_yticks(range(len(lines)))
    axes[0][0].set_yticklabels(labels, fontsize=6.5)
    axes[0][0].set_ylim(len(lines) - 0.5, -0.5)
    said = f"{task_label(task)}: change of the effect from the main level of a choice to this one (95 % interval)"
    figure.text(0.01, 1 - 0.17 / height, said, fontsize=8, weight="bold")
    show_note(figure, note)
    return figure


def _moves(axis: plt.Axes, effects: pd.DataFrame, lines: List[tuple]) -> None:
    place = {line: y for y, line in enumerate(lines)}
    known = effects.dropna(subset=["difference"])
    for one in known.itertuples():
        colour, shape, _ = LOOK["for" if one.low > 0 else "against" if one.high < 0 else "neither"]
        y = place[one.choice, one.level]
        axis.plot([one.low, one.high], [y, y], color=colour, linewidth=1)
        axis.plot(one.difference, y, shape, color=colour, markersize=3.5, markeredgewidth=0)
    ends = known[["low", "high", "difference"]].values
    largest = np.nanmax(np.abs(ends)) if np.isfinite(ends).any() else 0.0
    reach = 1.1 * (largest or 1.0)  # 1 where nothing moves the effect
    if reach > WIDE:
        axis.set_xscale("symlog", linthresh=1)
        axis.set_xticks(_decades(reach)[::2])
    else:
        tick = _round_down(0.7 * reach)
        axis.set_xticks([-tick, 0, tick])
        axis.set_xticklabels([f"−{tick:g}", "0", f"{tick:g}"])
    axis.set_xlim(-reach, reach)
    axis.axvline(0, color="#555555", linewidth=0.6)
    axis.tick_params(labelsize=6, length=2)
    axis.tick_params(axis="y", length=0)
    for y in range(0, len(lines), 2):
        axis.axhspan(y - 0.5, y + 0.5, color="#F5F5F5", zorder=0)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)


def overview_picture(tables: List[pd.DataFrame], rows: List[dict], note: str) -> plt.Figure:
    """All claims by task: the curves alone, with the shares significant as claimed and the other way."""
    claims, tasks = (list(dict.fromkeys(row[name] for row in rows)) or [""] for name in ("claim", "task"))
    figure, axes = plt.subplots(len(claims), len(tasks), figsize=(WIDTH, 1.05 * len(claims) + 0.5), squeeze=False)
    found: Dict[tuple, tuple] = {(row["claim"], row["task"]): (table, row) for table, row in zip(tables, rows)}
    for claim, line in zip(claims, axes):
        for task, axis in zip(tasks, line):
            if (claim, task) not in found:
                empty(axis, "no runs")
                axis.set_frame_on(False)
                continue
            table, row = found[claim, task]
            curve(axis, ordered(table))
            shares = [row["share_for"], row["share_against"]]
            said = (
                "not judged" if not row["judged"] else "significant: {:.0%} as claimed, {:.0%} against".format(*shares)
            )
            axis.set_title(said, fontsize=7, pad=2)
        line[0].set_ylabel(SHORT.get(claim, claim), fontsize=7)
    for task, axis in zip(tasks, axes[-1]):
        axis.set_xlabel(task_label(task), fontsize=8)
    height = figure.get_size_inches()[1]
    beneath, above = 0.5 / height, 1 - 0.2 / height
    figure.subplots_adjust(left=0.13, right=0.99, bottom=beneath, top=above, hspace=0.3, wspace=0.2)
    place = {"loc": "lower center", "bbox_to_anchor": (0.5, 0.0), "ncol": 4}
    figure.legend(handles=[*_looks(), _ring()], fontsize=6.5, frameon=False, handletextpad=0.1, **place)
    show_note(figure, note)
    return figure
