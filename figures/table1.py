"""Table 1: BPTT stopped early, at the three-factor rule's test accuracy, and the three-factor rule.

The paper does not say in which unit its gap is: three are reported, and which is nearest to the published numbers.
"""

from typing import Dict

import numpy as np
import pandas as pd

from figures.claims import read_published
from figures.measures import early_stopped, finite, run_values
from figures.runs import Results
from figures.style import plt, show_note

ROLES = ("early",)
TITLE = "BPTT stopped early at the three-factor rule's test accuracy"
CAPTION = (
    "Sequential MNIST, mean and standard deviation over runs. BPTT: first evaluation at or above the three-factor "
    "group's mean test accuracy at the end of training. The paper does not state the gap's unit; three are given."
)
TASK = "seq_mnist"
QUANTITIES = ("eigenvalue", "gap", "gap_points", "loss_gap")
UNITS = {"gap": "fraction of accuracy", "gap_points": "percentage points", "loss_gap": "cross-entropy"}
ROWS = {"three_factor": ("Three-factor", ""), "bptt": ("BPTT, early stopping", "early_")}


def draw(results: Results) -> tuple:
    """(picture, {"": one row per rule and quantity, "_runs": BPTT's evaluations that were taken})."""
    published = _published()
    rows = []
    for rule, (label, prefix) in ROWS.items():
        for quantity in QUANTITIES:
            table = run_values(results, "early", prefix + quantity)
            values = finite(table[(table.task == TASK) & (table.rule == rule)].value)
            claim = published[(rule, quantity)]
            row = {
                "learning": label,
                "rule": rule,
                "quantity": quantity,
                "unit": UNITS.get(quantity, ""),
                "n": len(values),
            }
            row["mean"] = values.mean() if len(values) else np.nan
            row["sd"] = values.std(ddof=1) if len(values) > 1 else np.nan
            rows.append(dict(row, published_mean=claim["published"], published_sd=claim["published_sd"]))
    table = pd.DataFrame(rows)
    unit = best_unit(table)
    table["fits_best"] = table.unit == unit
    return _picture(table, unit, results.note), {"": table, "_runs": early_stopped(results, "early")}


def _published() -> Dict[tuple, dict]:
    """{(rule, quantity): the claim with Table 1's number}."""
    found = {}
    for claim in read_published()["claims"]:
        if claim["figure"] != "table1" or claim["kind"] != "compatible":
            continue
        rule = claim["groups"][0][0].split(":")[1]
        found[(rule, claim["measure"].replace("early_", ""))] = claim
    return found


def best_unit(table: pd.DataFrame) -> str:
    """The unit whose gaps are nearest to the published means, in published sd, over both rows; "" without numbers."""
    gaps = table[table.unit != ""]
    distance = (gaps["mean"] - gaps.published_mean).abs() / gaps.published_sd
    total = distance.groupby(gaps.unit).sum(min_count=len(ROWS))
    return "" if total.isna().all() else str(total.idxmin())


def _picture(table: pd.DataFrame, unit: str, note: str):
    figure, axis = plt.subplots(figsize=(8.6, 1.9))
    axis.axis("off")
    columns = ["eigenvalue", *UNITS]
    heads = ["Leading Hessian\neigenvalue", *[f"Gap, {UNITS[name]}" for name in UNITS]]
    cells = []
    for label in table.learning.unique():
        own = table[table.learning == label].set_index("quantity")
        cells.append([_cell(own.loc[name, "mean"], own.loc[name, "sd"], own.loc[name, "n"]) for name in columns])
        eigenvalue, gap = own.loc["eigenvalue"], own.loc["gap"]
        published = [f"{row.published_mean:g} ± {row.published_sd:g}" for row in (eigenvalue, gap)]
        cells.append([published[0], *([published[1]] * len(UNITS))])
    names = [name for label in table.learning.unique() for name in (f"{label}: ours", "published")]
    drawn = axis.table(cells, rowLabels=names, colLabels=heads, loc="center", cellLoc="center", edges="horizontal")
    drawn.auto_set_font_size(False)
    drawn.set_fontsize(8)
    drawn.scale(1, 1.5)
    for column in range(len(columns)):
        drawn[0, column].set_height(2 * drawn[1, column].get_height())
    axis.set_title(f"Nearest to the published gaps: {unit}" if unit else "No runs to compare", fontsize=9, loc="left")
    show_note(figure, note)
    return figure


def _cell(mean: float, sd: float, n: int) -> str:
    """Mean and sd to two significant places of the sd."""
    if np.isnan(mean):
        return "no runs"
    places = max(0, 1 - int(np.floor(np.log10(sd)))) if sd > 0 else 3
    return f"{mean:.{places}f} ± {sd:.{places}f} (n = {n})"
