"""Why a comparison has the verdict that it has: its reason, what could have been seen with its runs, and what was."""

from typing import List

from figures.effect_words import PLACES, effect_name, effect_text
from figures.measures import WORST
from figures.power import detectable, runs_needed, smallest_p

SIGNIFICANT = 0.05
# what the rule's reason for a gap of Table 1 means: a gap is compared as it is, not on the log
TWICE = {
    "does not differ significantly; a factor of 2 would have": (
        "does not differ significantly; twice the published gap would have"
    ),
    "too few runs to have seen a factor of 2": "too few runs to have seen twice the published gap",
}


def why(row: dict, family: int) -> str:
    """One sentence on a row of verdicts.json. family: over how many rows its p is corrected."""
    return _reason(row, family) + _at_cap(row)


def _reason(row: dict, family: int) -> str:
    is_gap = row["kind"] == "compatible" and "log " not in row["effect_name"]
    reason = TWICE.get(row["reason"], row["reason"]) if is_gap else row["reason"]
    if row["standing"] not in ("does not hold", "open") or row["effect"] is None:
        return reason
    seen = f"observed: {effect_name(row)} {effect_text(row, row['effect'])}"
    if row["low"] is not None and row["high"] is not None:
        seen += f" [{effect_text(row, row['low'])}, {effect_text(row, row['high'])}]"
    said = [reason, seen]
    if row["p_corrected"] is None or row["p_corrected"] >= SIGNIFICANT:
        said += _what_could_be_seen(row, family)
    return "; ".join(said)


def _at_cap(row: dict) -> str:
    """What is added where runs ended at their cap, so that longer ones might have said something else."""
    places = PLACES[:1] if _is_paired(row) else PLACES  # two measures of the same runs
    capped, n = (sum(row.get(f"{name}_{place}") or 0 for place in places) for name in ("capped", "n"))
    return f"; {capped:.0f} of {n:.0f} runs reached their iteration cap" if capped else ""


def _what_could_be_seen(row: dict, family: int) -> List[str]:
    paired, sizes = _is_paired(row), _sizes(row)
    level = SIGNIFICANT / family
    smallest = detectable(row["kind"], sizes, paired, level)
    if smallest is None:
        return _precision(row)
    runs = f"{min(sizes)} pairs" if paired else f"{_listed(sizes)} runs"
    corrected = f"corrected over {family} rows" if family > 1 else "uncorrected"
    if row["kind"] in ("greater", "smaller") and smallest >= 1:
        if smallest_p(sizes, paired) >= level:
            return [f"no outcome of {runs} is significant ({corrected})"]
        return [f"{runs} would detect only nearly complete separation with 80 % power ({corrected})"]
    said = [f"{runs} would detect {effect_text(row, smallest)} or more with 80 % power ({corrected})"]
    needed = runs_needed(row["effect"], smallest, min(sizes))
    if row["standing"] == "open" and needed and needed > min(sizes):
        each = "" if paired else " per group"
        said.append(f"this test would need about {_round_up(needed)} runs{each} for the effect observed")
    return said


def _is_paired(row: dict) -> bool:
    return row["test"].startswith("Wilcoxon")


def _sizes(row: dict) -> List[int]:
    """How many runs of each group are tested; a rank test ranks those that diverged, too, where there is a worst."""
    names = ["n", "diverged"] if row["kind"] in ("greater", "smaller") and row["measure"] in WORST else ["n"]
    places = [place for place in PLACES if row.get(f"n_{place}") is not None]
    return [sum(int(row.get(f"{name}_{place}") or 0) for name in names) for place in places]


def _listed(sizes: List[int]) -> str:
    *others, last = map(str, sizes)
    return f"{', '.join(others)} and {last}" if others else last


def _precision(row: dict) -> List[str]:
    """Of an equality that is open: how wide its interval is against the margin that it must lie within."""
    bounds = [row.get(name) for name in ("low", "high", "band_low", "band_high")]
    if row["standing"] != "open" or None in bounds:
        return []
    low, high, band_low, band_high = bounds
    return [f"the interval is {high - low:.2g} wide, the margin {band_high - band_low:.2g}"]


def _round_up(number: int) -> str:
    """To two significant places, as no such estimate is better than that."""
    step = 10 ** max(0, len(str(number)) - 2)
    return f"{-(-number // step) * step:,}" if number < 1e5 else "100,000 and more"
