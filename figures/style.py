"""The look that all figures share: one colour a rule, everywhere, from a palette safe for colour-blind readers."""

import io
from pathlib import Path
from typing import Dict, Iterable, List, Union

import matplotlib
import numpy as np
import pandas as pd
from PIL import Image

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402  (the backend comes first)
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter  # noqa: E402
from matplotlib.transforms import ScaledTranslation  # noqa: E402

from figures.labels import TASKS, rule_label, task_label, truncated_steps  # noqa: E402

plt.rcParams["figure.max_open_warning"] = 0  # a module may draw many pictures before `save` closes them

# Okabe and Ito (2008)
COLOURS = {
    "bptt": "#000000",
    "three_factor": "#D55E00",
    "rflo": "#E69F00",
    "mdgl": "#009E73",
    "scaled_bptt": "#0072B2",
}
MARKERS = {"bptt": "o", "three_factor": "^", "rflo": "v", "mdgl": "s", "scaled_bptt": "D"}
STEP_RULES = ("bptt", "three_factor", "scaled_bptt")  # those that Figures 4, 6 and 12 C compare
TRUNCATED = ("#56B4E9", "#2F7FB8", "#134B77")  # the more time steps are left out, the darker
SECOND_COLOUR = "#CC79A7"  # a rule's second condition (scheduled learning rate)
DASHES = ["-", "--", ":", "-."]
WARNING = "#AA0000"


def rule_style(rule: str, among: Iterable[str] = ()) -> dict:
    """Label, colour, dashes of a rule's line. among: the panel's rules; truncations differ by shade and dashes."""
    truncations = sorted((other for other in set(among) if truncated_steps(other)), key=truncated_steps)
    place = truncations.index(rule) if rule in truncations else 0
    dashes = DASHES[place % len(DASHES)]
    colour = TRUNCATED[place % len(TRUNCATED)] if truncated_steps(rule) else COLOURS.get(rule, "#777777")
    return {"label": rule_label(rule), "color": colour, "linestyle": dashes}


def marker(rule: str) -> str:
    """The shape of a rule's points; a rule that is not the paper's has a cross."""
    return MARKERS.get(rule, "X")


def task_columns(tasks: Iterable[str]) -> List[str]:
    """The paper's three tasks, which always have their columns, then the others by name."""
    return [*TASKS, *sorted(set(tasks) - set(TASKS))]


def panels(rows: int, tasks: List[str], note: str, height: float = 3.3):
    """(figure, axes [rows, len(tasks)]): a task's name above each column, the note, if any, in red above all."""
    figure, axes = plt.subplots(rows, len(tasks), figsize=(3.9 * len(tasks), height * rows + 0.3), squeeze=False)
    for axis, task in zip(axes[0], tasks):
        axis.set_title(task_label(task), fontsize=11)
    for axis in axes.flat:
        axis.spines["top"].set_visible(False)
        axis.spines["right"].set_visible(False)
        axis.tick_params(labelsize=8)
        axis.xaxis.label.set_size(9)
        axis.yaxis.label.set_size(9)
    show_note(figure, note)
    return figure, axes


def layout(figure: plt.Figure) -> None:
    """Last touches, when everything is drawn: readable logarithmic ticks, and no label over another."""
    for axis in figure.axes:
        for scale, side in ((axis.get_xscale(), axis.xaxis), (axis.get_yscale(), axis.yaxis)):
            if scale == "log":
                _readable_ticks(side)
    if len(figure.axes) > 1:
        figure.tight_layout(h_pad=1.5, w_pad=1.5)


def _readable_ticks(side) -> None:
    low, high = side.get_view_interval()
    narrow = np.log10(high / low) < 2.2  # so few whole powers of ten that they say too little
    side.set_major_locator(LogLocator(subs=(1, 2, 5) if narrow else (1,), numticks=12))
    side.set_minor_formatter(NullFormatter())
    if narrow and 1e-3 <= low and high < 1e5:
        side.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def show_note(figure: plt.Figure, note: str) -> None:
    """The note in red above the picture; nothing if there is none."""
    if note:
        top = 1 + 0.12 / figure.get_size_inches()[1]
        figure.text(0.5, top, note, ha="center", va="bottom", fontsize=10, color=WARNING)


def empty(axis: plt.Axes, said: str = "no runs") -> None:
    """A panel without data says so."""
    axis.set_xticks([])
    axis.set_yticks([])
    axis.text(0.5, 0.5, said, transform=axis.transAxes, ha="center", va="center", fontsize=9, color="#777777")


def legend(axis: plt.Axes) -> None:
    """A small legend below the panel, where it covers nothing, if there is anything to name."""
    labels = axis.get_legend_handles_labels()[1]
    if labels:
        columns = 2 if max(map(len, labels)) < 34 else 1
        # so many inches below the axis, clear of its ticks and label whatever the panel's height
        below = axis.transAxes + ScaledTranslation(0, -0.4, axis.figure.dpi_scale_trans)
        place = {"loc": "upper center", "bbox_to_anchor": (0.5, 0), "bbox_transform": below}
        axis.legend(frameon=False, fontsize=7, handlelength=1.8, columnspacing=1.2, ncol=columns, **place)


def lost_remark(diverged: int, total: int) -> str:
    """What a legend adds to a rule some of whose runs diverged."""
    return f", {diverged} of {total} diverged" if diverged else ""


def save(
    pictures: Union[plt.Figure, Dict[str, plt.Figure]], path_without_ending: Path, tables: Dict[str, pd.DataFrame]
) -> List[Path]:
    """Writes PNG and PDF without dates, and the CSVs behind them; the same data give the same bytes. Returns the paths.

    tables: {"" or a suffix such as "_groups": rows}. pictures: one, or several likewise, which have their own layout.
    """
    path_without_ending.parent.mkdir(parents=True, exist_ok=True)
    if not isinstance(pictures, dict):
        layout(pictures)
        pictures = {"": pictures}
    paths = []
    for suffix, picture in pictures.items():
        png, pdf = (Path(f"{path_without_ending}{suffix}{ending}") for ending in (".png", ".pdf"))
        _save_png(picture, png)
        picture.savefig(str(pdf), bbox_inches="tight", metadata={"CreationDate": None})
        paths += [png, pdf]
        plt.close(picture)
    for suffix, table in tables.items():
        path = Path(f"{path_without_ending}{suffix}.csv")
        table.to_csv(str(path), index=False)
        paths.append(path)
    return paths


def _save_png(picture: plt.Figure, path: Path) -> None:
    """In 256 colours, which a plot does not exceed but in the shades of its edges: a third of the size."""
    drawn = io.BytesIO()
    picture.savefig(drawn, format="png", dpi=160, bbox_inches="tight", metadata={"Software": None})
    few = Image.open(drawn).convert("RGB").quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few.save(str(path), optimize=True)


def positive(values) -> np.ndarray:
    """Floats with what a logarithmic axis cannot show, zero and below, as nan."""
    numbers = np.asarray(values, dtype=float)
    with np.errstate(invalid="ignore"):
        return np.where(numbers > 0, numbers, np.nan)
