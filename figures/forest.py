"""Forest plots for the report: where effect, interval and margin lie on an axis, in percent of its width."""

from typing import List, NamedTuple, Optional, Tuple

import numpy as np
from matplotlib.ticker import LogLocator, MaxNLocator


class Mark(NamedTuple):
    """One row of a forest plot. All places in percent of the axis' width, within 0 and 100.

    band: the negligible margin, or what the interval is held to; None without one.
    """

    effect: float
    low: float
    high: float
    band: Optional[Tuple[float, float]]


class Forest(NamedTuple):
    """The rows of one claim on one axis. marks: one per row, None without an effect; ticks: [(place, label)]."""

    name: str
    marks: List[Optional[Mark]]
    ticks: List[Tuple[float, str]]
    reference: Optional[float]


def forest(rows: List[dict]) -> Optional[Forest]:
    """The forest plot of rows with one kind of effect; None if none has one."""
    drawn = [row for row in rows if row["effect"] is not None]
    if not drawn:
        return None
    name = drawn[0]["effect_name"]
    low, high = _range(drawn)
    ticks = _ticks(low, high, name)

    def place(value: float) -> float:
        return round(100 * min(1.0, max(0.0, (value - low) / (high - low))), 2)

    marks = [_mark(row, place) if row["effect"] is not None else None for row in rows]
    zero = _reference(drawn[0])
    reference = place(zero) if zero is not None and low <= zero <= high else None
    return Forest(
        name.replace("log of the ", "").replace("log ", ""),
        marks,
        [(place(value), label) for value, label in ticks],
        reference,
    )


def _mark(row: dict, place) -> Mark:
    low, high = (row["effect"] if row[end] is None else row[end] for end in ("low", "high"))
    band = _band(row)
    return Mark(place(row["effect"]), place(low), place(high), band and (place(band[0]), place(band[1])))


def _band(row: dict) -> Optional[Tuple[float, float]]:
    if row.get("band_low") is not None and row.get("band_high") is not None:
        return row["band_low"], row["band_high"]
    margin = row.get("negligible")
    return (-margin, margin) if margin else None


def _reference(row: dict) -> Optional[float]:
    """Where there is no effect, or the published number; None where the kind has neither."""
    if row["kind"] == "about":
        return (row["band_low"] + row["band_high"]) / 2
    return None if row["kind"] in ("within", "all", "reported") else 0.0


def _range(rows: List[dict]) -> Tuple[float, float]:
    values = [row[name] for row in rows for name in ("effect", "low", "high") if row[name] is not None]
    values += [end for row in rows for end in _band(row) or ()]
    values += [value for value in map(_reference, rows) if value is not None]
    finite = [value for value in values if np.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    pad = 0.06 * (high - low) or 0.5 * abs(high) or 0.5
    return low - pad, high + pad


def _ticks(low: float, high: float, name: str) -> List[Tuple[float, str]]:
    """Three to five round numbers on the axis of the effect `name`; where it is a logarithm, of what it is of."""
    if "log " not in name:
        found = MaxNLocator(4).tick_values(low, high)
        inside = [value for value in found if low <= value <= high] or [low, high]
        return [(float(value), f"{value:.6g}") for value in inside]
    wide = high - low > np.log(30)
    found = LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0)).tick_values(np.exp(low), np.exp(high))
    inside = [value for value in found if low <= np.log(value) <= high] or [np.exp(low), np.exp(high)]
    inside = inside[:: max(1, len(inside) // 5)]
    sign = "" if name.startswith("log of") else "×\u00a0"
    return [(float(np.log(value)), f"{sign}{value:,.3g}") for value in inside]
