"""The verdict on each row, from its statistic: the rule, which nothing but published.json's settings can change.

A difference is `reproduced` where the corrected p is below 0.05 in the claimed direction and the effect lies beyond its
negligible margin; `not reproduced` where it is as significant the other way, or the 95 % interval is within the margin;
else `inconclusive`. Equality is reproduced by two one-sided tests alone, and not where the interval is outside the
margin. A number of Table 1 is `compatible` or `incompatible`. Too few runs or too many that diverged are inconclusive.
"""

import math
from collections import defaultdict
from typing import Callable, Dict, Iterable, List, Tuple

from statsmodels.stats.multitest import multipletests

from figures.kinds import UNTESTED

NO_VERDICT = "no verdict (reduced)"
Verdict = Tuple[str, str]


def correct(rows: Iterable[dict]) -> None:
    """Adds p_corrected to every row: Holm over its family, which is the rows of one name on one task.

    A row without runs counts, as one that shows nothing, so that a family does not grow as runs finish.
    """
    families: Dict[tuple, List[dict]] = defaultdict(list)
    for row in rows:
        row["p_corrected"] = math.nan
        if row["kind"] not in UNTESTED:
            families[row["family"], row["task"]].append(row)
    for members in families.values():
        known = [1.0 if math.isnan(row["p"]) else row["p"] for row in members]
        # statsmodels collects garbage at every call, which takes longer than all else: not where there is one row
        corrected = multipletests(known, method="holm")[1] if len(known) > 1 else known
        for row, p in zip(members, corrected):
            row["p_corrected"] = math.nan if math.isnan(row["p"]) else float(p)


def verdict(row: dict, settings: dict, reduced: bool) -> Verdict:
    """(verdict, its reason) of a row that has p_corrected."""
    if row["absent"]:
        return "no runs", "a group has no runs, or not this measure"
    if reduced:
        return NO_VERDICT, "reduced runs"
    if row["kind"] == "reported":
        return "reported", "for the record: nothing to reproduce"
    if row["too_few"]:
        return "inconclusive", f"fewer than {settings['min_runs']} runs in a group"
    if row["too_many_diverged"]:
        return "inconclusive", f"more than {settings['max_diverged']:.0%} of a group diverged"
    if math.isnan(row["effect"]):
        return "inconclusive", "the statistic is not defined"
    return BY_KIND.get(row["kind"], _difference)(row, settings["significance"])


def _difference(row: dict, significance: float) -> Verdict:
    significant = row["p_corrected"] < significance
    if significant and row["effect"] > row["negligible"]:
        return "reproduced", "significant in the claimed direction"
    if significant and row["effect"] < 0:
        return "not reproduced", "significant the other way"
    if row["negligible"] > 0 and -row["negligible"] <= row["low"] and row["high"] <= row["negligible"]:
        return "not reproduced", "the effect is negligible"
    return "inconclusive", "significant but within the negligible margin" if significant else "not significant"


def _equality(row: dict, significance: float) -> Verdict:
    if row["p_corrected"] < significance:
        return "reproduced", "significantly inside the margin"
    if row["high"] < row["band_low"] or row["low"] > row["band_high"]:
        return "not reproduced", "the interval is outside the margin"
    return "inconclusive", "the interval is partly outside the margin, or too wide"


def _compatibility(row: dict, significance: float) -> Verdict:
    if row["p"] <= significance:
        return "incompatible", "differs significantly from the published mean"
    if not row["sensitive"]:
        return "inconclusive", "too few runs to have seen a factor of 2"
    return "compatible", "does not differ significantly; a factor of 2 would have"


def _all(row: dict, significance: float) -> Verdict:
    return ("reproduced", "without exception") if row["low"] == 1 else ("not reproduced", "there are exceptions")


BY_KIND: Dict[str, Callable] = {
    "similar": _equality,
    "comparable": _equality,
    "about": _equality,
    "within": _equality,
    "compatible": _compatibility,
    "all": _all,
}
