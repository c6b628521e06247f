"""The specification curve in plain words, from its table claim by task: specification_curve_claims.csv."""

from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple

import pandas as pd

from figures.labels import choice_label, claim_text, task_label

FIGURE = "specification_curve"
TABLE = f"{FIGURE}_claims.csv"
NEARLY_ALL, MOST, FEW = 0.9, 0.5, 0.1
EQUALITY = "step_length_explains"  # the claim that says that two groups are similar


def read_claims(path: Path) -> List[dict]:
    """The rows of the table claim by task; none without the file or without specifications."""
    if not path.is_file():
        return []
    table = pd.read_csv(str(path), keep_default_na=False, na_values=[""], float_precision="round_trip")
    table = table.fillna({"moved_by": "", "moved_to": ""})
    return [
        dict(
            row, says=claim_text(row["claim"], row["says"]), task_label=task_label(row["task"]), standing=standing(row)
        )
        for row in table.to_dict("records")
    ]


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


class Words(NamedTuple):
    """intro: what was varied, and how much of it could be judged; parts: (what they have in common, claims)."""

    intro: str
    parts: List[Tuple[str, List[str]]]


LEADS = {
    "holds": "Hold largely whatever one chooses:",
    "depends": "Depend on the choices:",
    "opposite": "Mostly the opposite is found:",
    "not seen": "Hardly ever significant:",
    "not judged": "Too few runs to judge:",
}
WHY_NOT = {
    "diverged": "too many runs diverged",
    "too_few": "too few runs had a value",
    "failed": "runs failed",
    "not_built": "the network cannot be built",
}


def in_words(rows: List[dict]) -> Optional[Words]:
    """What holds whatever one chooses, and what hangs on a choice and on which; None without rows."""
    if not rows:
        return None
    parts = [(lead, _by_claim([row for row in rows if row["standing"] == name])) for name, lead in LEADS.items()]
    return Words(_intro(rows), [(lead, claims) for lead, claims in parts if claims])


def _intro(rows: List[dict]) -> str:
    networks: Dict[str, int] = {}
    for row in rows:
        networks[row["task_label"]] = max(networks.get(row["task_label"], 0), int(row["networks"]))
    ways = "; ".join(f"{task}, {count}" for task, count in networks.items())
    total, judged = (sum(int(row[name]) for row in rows) for name in ("specifications", "judged"))
    said = f"What the paper leaves open was varied. Ways to train, at most, for one claim: {ways}."
    said += f" {judged:,} of {total:,} comparisons and correlations could be judged"
    lost = {why: sum(int(row[name]) for row in rows) for name, why in WHY_NOT.items()}
    reasons = [f"{why} ({count:,})" for why, count in lost.items() if count]
    said += f"; in the others {', '.join(reasons)}." if reasons else "."
    if all(row["standing"] != "holds" for row in rows):
        said += " No finding holds whatever one chooses."
    return said


def _by_claim(rows: List[dict]) -> List[str]:
    """One line per claim, with its tasks."""
    claims: Dict[str, List[dict]] = {}
    for row in rows:
        claims.setdefault(row["says"], []).append(row)
    return [f"{says} {'; '.join(_on_task(row) for row in own)}." for says, own in claims.items()]


def _on_task(row: dict) -> str:
    if not row["judged"]:
        return row["task_label"]
    against = "outside the margin" if row["claim"] == EQUALITY else "the other way"
    said = f"{row['task_label']}: significant in {row['share_for']:.0%} of {int(row['judged'])}"
    said += f", {against} in {row['share_against']:.0%}" if row["share_against"] else ""
    clear = row["moved_low"] > 0 or row["moved_high"] < 0
    if row["standing"] == "depends" and row["moved_by"] and clear:
        said += f", depends most on {choice_label(row['moved_by'])}"
    return said
