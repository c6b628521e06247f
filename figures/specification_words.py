"""The specification curve in plain words, from its table claim by task: specification_curve_claims.csv."""

from pathlib import Path
from typing import Dict, List

import pandas as pd

from figures.labels import task_label

FIGURE = "specification_curve"
TABLE = f"{FIGURE}_claims.csv"
NEARLY_ALL, MOST, FEW = 0.9, 0.5, 0.1


def read_claims(path: Path) -> List[dict]:
    """The rows of the table claim by task; none without the file or without specifications."""
    if not path.is_file():
        return []
    table = pd.read_csv(str(path), keep_default_na=False, na_values=[""], float_precision="round_trip")
    table = table.fillna({"moved_by": "", "moved_to": ""})
    return [dict(row, task_label=task_label(row["task"]), standing=standing(row)) for row in table.to_dict("records")]


def standing(row: dict) -> str:
    """What one claim on one task comes to over all specifications, in a word or two."""
    if not row["judged"]:
        return "not judged"
    if row["share_claimed_sign"] >= NEARLY_ALL and row["share_for"] >= MOST:
        return "holds"
    if row["share_claimed_sign"] <= 1 - NEARLY_ALL and row["share_against"] >= MOST:
        return "opposite"
    if max(row["share_for"], row["share_against"]) <= FEW:
        return "not seen"
    return "depends"


def paragraph(rows: List[dict]) -> str:
    """What holds whatever one chooses, and what hangs on a choice and on which; "" without rows."""
    if not rows:
        return ""
    specifications, failed = (sum(row[name] for row in rows) for name in ("specifications", "failed"))
    unjudged = specifications - sum(row["judged"] for row in rows)
    counted = f"{len(rows)} combinations of claim and task, {specifications:,} specifications counted per claim"
    said = [f"What the paper leaves open was varied: {counted}."]
    if unjudged:
        said.append(
            f"{unjudged:,} of them could not be judged{f' ({failed:,} because runs failed)' if failed else ''}."
        )
    for name, lead in SENTENCES.items():
        own = [row for row in rows if row["standing"] == name]
        if own:
            said.append(f"{lead} {'; '.join(_by_claim(own))}.")
    return " ".join(said)


SENTENCES = {
    "holds": "Largely regardless of the choices:",
    "depends": "It depends on the choices whether",
    "opposite": "Mostly the opposite of the claim is found:",
    "not seen": "Hardly any specification is significant:",
    "not judged": "Too few runs to judge:",
}


def _by_claim(rows: List[dict]) -> List[str]:
    """One phrase per claim, with its tasks."""
    claims: Dict[str, List[dict]] = {}
    for row in rows:
        claims.setdefault(row["says"], []).append(row)
    return [f"{_lower(says)} ({'; '.join(_on_task(row) for row in own)})" for says, own in claims.items()]


def _lower(says: str) -> str:
    says = says.rstrip(".")
    return says if says[:2].isalpha() and says[:2].isupper() else says[:1].lower() + says[1:]


def _on_task(row: dict) -> str:
    if not row["judged"]:
        return row["task_label"]
    said = f"{row['task_label']}: significant in {row['share_for']:.0%}"
    said += f", the other way in {row['share_against']:.0%}" if row["share_against"] else ""
    if row["standing"] == "depends" and row["moved_by"]:
        said += f", moved most by {row['moved_by'].replace('_', ' ')} = {row['moved_to']} ({_moved(row)})"
    return said


def _moved(row: dict) -> str:
    clear = row["moved_low"] > 0 or row["moved_high"] < 0
    return f"{row['moved']:+.2g}" if clear else f"{row['moved']:+.2g}, interval includes 0"
