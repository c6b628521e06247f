"""The verdicts as answers: each claim by task, one standing and one number, and a sentence in plain words.

What the report and the READMEs say of the findings is made here, from verdicts.json alone.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple

from figures import reasons
from figures.effect_words import size_text
from figures.labels import TASKS, claim_text, task_label
from figures.runs import RunsError

# verdict -> standing; a verdict that is not here is its own standing
STANDINGS = {
    "reproduced": "holds",
    "compatible": "holds",
    "not reproduced": "does not hold",
    "incompatible": "does not hold",
    "inconclusive": "open",
    "no verdict (reduced)": "no verdict",
}
SIGNS = {
    "holds": "✓",
    "in part": "◐",
    "does not hold in part": "◇",
    "does not hold": "✗",
    "open": "?",
    "no runs": "–",
    "no verdict": "·",
    "reported": "·",
    "as above": "↑",
}
PHRASES = {
    "holds": "hold on every task tested",
    "in part": "hold in part (on some tasks or for some rules)",
    "does not hold in part": "do not hold in part (the rest is open)",
    "does not hold": "do not hold",
    "open": "are open",
    "no runs": "have no runs yet",
    "no verdict": "are shown without a verdict",
    "reported": "are only reported",
    "as above": "repeat another claim about the same runs",
}
SAID = {"in part": "holds in part"}  # of a standing, in a sentence
NUMBERS = (
    "A number is of the rule named beside it: the ratio of the groups' means (×; of their standard deviations where "
    "the claim is on spread, of geometric means where it is on similarity), a correlation (r), a share, or else the "
    "mean itself. n: runs in the smallest group. † at unequal training performance."
)
MAIN_TEXT = ("figure2", "figure3", "figure4")
# kinds that say how rules differ
COMPARING = ("greater", "smaller", "more_variable", "correlates", "correlates_within", "similar")


class Cell(NamedTuple):
    """One claim on one task. rows: its comparisons, as in verdicts.json. shown: the one whose number stands for them,
    of those that the standing comes from; number: how large that is; of: whose it is, "" where there is one comparison.
    """

    task: str
    task_label: str
    standing: str
    number: str
    of: str
    rows: List[dict]
    shown: dict


class Claim(NamedTuple):
    """One claim. cells: {task: Cell}; standing: over all its tasks."""

    name: str
    kind: str
    figure: str
    says: str
    place: str
    read_as: str
    cells: Dict[str, Cell]
    standing: str


def read_verdicts(path: Path) -> Tuple[dict, List[dict]]:
    """(head, rows) of verdicts.json. Raises RunsError if it is missing or not JSON."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise RunsError(f"{path} is missing: run `python -m figures verdicts RESULTS {path.parent}` first")
    except ValueError:
        raise RunsError(f"{path} is not JSON")
    rows = found["rows"]
    sizes = Counter((row["family"], row["task"]) for row in rows)
    for row in rows:
        row["standing"] = STANDINGS.get(row["verdict"], row["verdict"])
        row["unequal"] = row["comparable_training"] == "no" and row["standing"] in ("holds", "does not hold", "open")
        row["why"] = reasons.why(row, sizes[row["family"], row["task"]])
    return found["rule"], rows


def with_runs(rows: List[dict]) -> List[dict]:
    """The rows of claims that there are runs for."""
    return [row for row in rows if row["standing"] != "no runs"]


def claims(rows: List[dict]) -> List[Claim]:
    """The claims in the order of their rows."""
    found: Dict[str, Dict[str, List[dict]]] = {}
    for row in rows:
        found.setdefault(row["claim"], {}).setdefault(row["task"], []).append(row)
    return [_claim(name, by_task) for name, by_task in found.items()]


def tasks_of(rows: List[dict]) -> Dict[str, str]:
    """{task: label}: the paper's tasks in its order, then the others by name."""
    names = [*TASKS, *sorted({row["task"] for row in rows} - set(TASKS))]
    return {name: task_label(name) for name in names}


def _claim(name: str, by_task: Dict[str, List[dict]]) -> Claim:
    cells = {}
    for task, rows in by_task.items():
        standing = _together([row["standing"] for row in rows])
        shown = _shown(rows, {"in part": "holds", "does not hold in part": "does not hold"}.get(standing, standing))
        of = shown["groups"].split(" / ")[0] if len(rows) > 1 else ""
        cells[task] = Cell(task, task_label(task), standing, size_text(shown), of, rows, shown)
    row = next(iter(by_task.values()))[0]
    standing = _together([cell.standing for cell in cells.values()])
    says = claim_text(name, row["says"])
    return Claim(name, row["kind"], row["figure"], says, row["place"], row["read_as"], cells, standing)


def _shown(rows: List[dict], standing: str) -> dict:
    """The first row that has a number, better one of this standing."""
    return min(rows, key=lambda row: (not size_text(row), row["standing"] != standing))


def _together(standings: List[str]) -> str:
    """One standing for several: what they agree on, else in part what some of them are; `holds` comes first."""
    known = {standing for standing in standings if standing not in ("no runs", "reported")} or set(standings)
    if len(known) == 1:
        return known.pop()
    if known & {"holds", "in part"}:
        return "in part"
    return "does not hold in part" if known & {"does not hold", "does not hold in part"} else "open"


def headlines(found: List[Claim]) -> List[Claim]:
    """What the paper's main text says of how the rules differ."""
    return [claim for claim in found if claim.figure in MAIN_TEXT and claim.kind in COMPARING]


def tally(found: List[Claim], rule: dict) -> str:
    """How many claims have which standing, and, while runs are missing, that this is not the last word."""
    parts = [f"{n} {PHRASES.get(standing, standing)}" for standing, n in summary(found).items()]
    on_one = sum(claim.standing == "holds" and len(claim.cells) == 1 for claim in found)
    refuted = sum(any(row["standing"] == "does not hold" for row in _rows(claim)) for claim in found)
    said = f"Of {len(found)} claims, {', '.join(parts)}."
    said += f" {on_one} of those that hold were tested on one task only." if on_one else ""
    said += f" {refuted} of all have a comparison that does not hold." if refuted else ""
    return said + _interim(rule.get("ensembles"))


def _rows(claim: Claim) -> List[dict]:
    return [row for cell in claim.cells.values() for row in cell.rows]


def _interim(ensembles: Optional[dict]) -> str:
    if not ensembles or ensembles["finished"] == ensembles["planned"]:
        return ""
    share = f"{ensembles['finished']:,} of the {ensembles['planned']:,} ensembles planned"
    return f" Interim: {share} have been trained; where n is below what was planned, more runs may change a verdict."


def numbered(cell: Cell) -> str:
    """A cell's number and whose it is; "" without one."""
    return f"{cell.number}, {cell.of}" if cell.number and cell.of else cell.number


def summary(found: List[Claim]) -> Dict[str, int]:
    """{standing: number of claims}, in the order of SIGNS, those that occur."""
    counts = {standing: sum(claim.standing == standing for claim in found) for standing in SIGNS}
    return {standing: count for standing, count in counts.items() if count}


def sentence(claim: Claim) -> str:
    """Where the claim holds and where not, with its numbers: `holds on A (× 2) and B; open on C`."""
    parts = []
    for standing in SIGNS:
        cells = [cell for cell in claim.cells.values() if cell.standing == standing]
        if cells:
            numbers = [f"{cell.task_label} ({numbered(cell)})" if cell.number else cell.task_label for cell in cells]
            listed = " and ".join(filter(None, [", ".join(numbers[:-1]), numbers[-1]]))
            parts.append(f"{SAID.get(standing, standing)} on {listed}")
    return "; ".join(parts)
