"""The look that all figures share: one colour a rule, everywhere, from a palette safe for colour-blind readers."""

from pathlib import Path
from typing import List

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402  (the backend comes first)

# Okabe and Ito (2008); rule -> (label in the paper, colour)
RULES = {
    "bptt": ("BPTT", "#000000"),
    "three_factor": ("Three-factor", "#D55E00"),
    "rflo": ("RF Three-factor", "#E69F00"),
    "mdgl": ("MDGL", "#009E73"),
    "scaled_bptt": ("Three-factor, theory", "#0072B2"),
}


def rule_style(rule: str) -> dict:
    """Line label and colour of a rule; a rule that is not the paper's has its own name and a grey line."""
    if rule.startswith("truncated_bptt("):
        return {"label": "Trunc " + rule[len("truncated_bptt(") : -1], "color": "#56B4E9"}
    label, colour = RULES.get(rule, (rule, "#777777"))
    return {"label": label, "color": colour}


def rule_order(rule: str) -> tuple:
    """Sorting key: the paper's rules in the order of its figures, then the others by name."""
    names = list(RULES)
    return (names.index(rule) if rule in names else len(names), rule)


def log_mean_line(axis: plt.Axes, x, values, rule: str, remark: str = "") -> None:
    """Mean line and shaded standard deviation over runs, both of log10(values), on a logarithmic axis.

    values: [runs, len(x)], positive; no run draws a label alone.
    remark: added to the rule's label. A linear standard deviation would reach below zero for a few runs of wide spread.
    """
    logs = np.log10(values) if len(values) else np.full((1, len(x)), np.nan)
    mean, sd = logs.mean(axis=0), logs.std(axis=0, ddof=1) if len(logs) > 1 else np.zeros(len(x))
    style = rule_style(rule)
    axis.plot(x, 10**mean, linewidth=1.6, label=style["label"] + remark, color=style["color"])
    axis.fill_between(x, 10 ** (mean - sd), 10 ** (mean + sd), color=style["color"], alpha=0.2, linewidth=0)
    axis.set_yscale("log")


def save(figure: plt.Figure, path_without_ending: Path) -> List[Path]:
    """Writes PNG and PDF without dates, so that the same data give the same files; returns their paths."""
    path_without_ending.parent.mkdir(parents=True, exist_ok=True)
    paths = []
    for ending, metadata in ((".png", {"Software": None}), (".pdf", {"CreationDate": None})):
        path = Path(str(path_without_ending) + ending)
        figure.savefig(str(path), dpi=200, bbox_inches="tight", metadata=metadata)
        paths.append(path)
    plt.close(figure)
    return paths
