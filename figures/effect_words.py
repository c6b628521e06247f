"""How large an effect is, in words, from a row of verdicts.json: a cell's number, the effect's name and units."""

import numpy as np

PLACES = ("first", "second", "third", "fourth", "fifth")
MAX_RATIO = 1000  # beyond which a ratio of means says no more than that one group exploded


def size_text(row: dict) -> str:
    """How large the finding is, in plain units: a ratio, a difference, a share, a correlation; "" without one."""
    first, second = (row.get(f"mean_{place}") for place in PLACES[:2])
    spreads = [row.get(f"sd_{place}") for place in PLACES[:2]]
    effect = row.get("effect")
    if effect is None or first is None:
        return ""
    if row["kind"] == "more_variable" and all(spreads):
        return _ratio(spreads[0] / spreads[1])
    if row["kind"] in ("greater", "smaller") and second is not None:
        return _ratio(first / second) if min(first, second) > 0 else f"{first - second:+.2g}"
    if row["effect_name"].startswith("log ratio"):
        return _ratio(np.exp(effect))
    if row["kind"] in ("correlates", "correlates_within"):
        return f"r\u00a0=\u00a0{effect:.2f}"
    if row["kind"] == "compatible":
        return f"{_short(first)}, published {row['published']:g}"
    if "share" in row["effect_name"]:
        return f"{effect:.0%}" + (f" {_outside(row)}" if row["kind"] == "within" else "")
    return _own_mean(row, first) if second is None else _short(effect)


def effect_name(row: dict) -> str:
    """What the effect is called, out of its logarithm where it is one."""
    if row["kind"] == "within" and row["measure"] == "capped":
        return "share of runs at their cap"
    return row["effect_name"].replace("log of the ", "").replace("log ", "")


def effect_text(row: dict, value: float) -> str:
    """A number in the units of the row's effect, out of its logarithm where it is one."""
    return f"{np.exp(value) if 'log ' in row['effect_name'] else value:.2g}"


def _ratio(value: float) -> str:
    if value > MAX_RATIO:
        return f">\u00a0×\u00a0{MAX_RATIO:,}"
    return f"×\u00a0{_short(value)}" if value > 1 / MAX_RATIO else f"<\u00a0×\u00a0{1 / MAX_RATIO:g}"


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 10 else f"{value:.2g}"


def _outside(row: dict) -> str:
    return "at their cap" if row["measure"] == "capped" else "beyond"


def _own_mean(row: dict, mean: float) -> str:
    """The mean of the only group, with the unit that its measure has."""
    units = {"hours": f"{60 * mean:.2g}\u00a0min", "error_over_chance_5": f"{_short(mean)}\u00a0×\u00a0chance"}
    is_share = row["measure"].startswith("share_") or row["measure"] == "training_performance"
    return units.get(row["measure"]) or (f"{mean:.0%}" if is_share else _short(mean))
