"""The verdicts as answers: each claim by task, one standing and one number, and a sentence in plain words.

What the report and the READMEs say of the findings is made here, from verdicts.json alone.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from figures.labels import TASKS, task_label
from figures.power import detectable, runs_needed
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
    "does not hold": "do not hold",
    "open": "are open",
    "no runs": "have no runs yet",
    "no verdict": "are shown without a verdict",
    "reported": "are only reported",
    "as above": "repeat another claim about the same runs",
}
SAID = {"in part": "holds in part"}  # of a standing, in a sentence
MAIN_TEXT = ("figure2", "figure3", "figure4")
COMPARING = ("greater", "smaller", "more_variable", "correlates", "similar")  # kinds that say how rules differ
PLACES = ("first", "second", "third", "fourth", "fifth")


class Cell(NamedTuple):
    """One claim on one task. rows: its comparisons, as in verdicts.json. shown: the one whose number stands for them,
    of those that the standing comes from; number: how large that is."""

    task: str
    task_label: str
    standing: str
    number: str
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
        raise RunsError(f"{path} is missing: run `python -m figures verdicts` first")
    except ValueError:
        raise RunsError(f"{path} is not JSON")
    rows = found["rows"]
    sizes = Counter((row["family"], row["task"]) for row in rows)
    for row in rows:
        row["standing"] = STANDINGS.get(row["verdict"], row["verdict"])
        row["unequal"] = row["comparable_training"] == "no" and row["standing"] in ("holds", "does not hold", "open")
        row["why"] = _why(row, sizes[row["family"], row["task"]]) + _at_cap(row)
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
        shown = _shown(rows, "holds" if standing == "in part" else standing)
        cells[task] = Cell(task, task_label(task), standing, size_text(shown), rows, shown)
    row = next(iter(by_task.values()))[0]
    standing = _together([cell.standing for cell in cells.values()])
    return Claim(
        name, row["kind"], row["figure"], row["says"].replace("+-", "±"), row["place"], row["read_as"], cells, standing
    )


def _shown(rows: List[dict], standing: str) -> dict:
    """The first row that has a number, better one of this standing."""
    return min(rows, key=lambda row: (not size_text(row), row["standing"] != standing))


def _together(standings: List[str]) -> str:
    """One standing for several: what they agree on, `in part` where some hold and others do not, else open."""
    known = {standing for standing in standings if standing not in ("no runs", "reported")} or set(standings)
    if len(known) == 1:
        return known.pop()
    return "in part" if known & {"holds", "in part"} else "open"


def headlines(found: List[Claim]) -> List[Claim]:
    """What the paper's main text says of how the rules differ."""
    return [claim for claim in found if claim.figure in MAIN_TEXT and claim.kind in COMPARING]


def tally(found: List[Claim], rule: dict) -> str:
    """How many claims have which standing, and, while runs are missing, that this is not the last word."""
    parts = [f"{n} {PHRASES.get(standing, standing)}" for standing, n in summary(found).items()]
    return f"Of {len(found)} claims, {', '.join(parts)}.{_interim(rule.get('ensembles'))}"


def _interim(ensembles: Optional[dict]) -> str:
    if not ensembles or ensembles["finished"] == ensembles["planned"]:
        return ""
    share = f"{ensembles['finished']:,} of the {ensembles['planned']:,} ensembles planned"
    return f" Interim: {share} have been trained; where n is below what was planned, more runs may change a verdict."


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
            numbers = [f"{c.task_label} ({c.number})" if c.number else c.task_label for c in cells]
            listed = " and ".join(filter(None, [", ".join(numbers[:-1]), numbers[-1]]))
            parts.append(f"{SAID.get(standing, standing)} on {listed}")
    return "; ".join(parts)


def size_text(row: dict) -> str:
    """How large the finding is, in plain units: a ratio, a difference, a share, a correlation; "" without one."""
    first, second = (row.get(f"mean_{place}") for place in PLACES[:2])
    spreads = [row.get(f"sd_{place}") for place in PLACES[:2]]
    effect = row.get("effect")
    if effect is None or first is None:
        return ""
    if row["kind"] == "more_variable" and all(spreads):
        return f"×\u00a0{_short(spreads[0] / spreads[1])}"
    if row["kind"] in ("greater", "smaller") and second is not None:
        return f"×\u00a0{_short(first / second)}" if min(first, second) > 0 else f"{first - second:+.2g}"
    if row["effect_name"].startswith("log ratio"):
        return f"×\u00a0{_short(np.exp(effect))}"
    if row["kind"] in ("correlates", "correlates_within"):
        return f"r\u00a0=\u00a0{effect:.2f}"
    if "share" in row["effect_name"]:
        return f"{effect:.0%}" + (" beyond" if row["kind"] == "within" else "")
    return _short(first if second is None else effect)


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 10 else f"{value:.2g}"


def _why(row: dict, family: int) -> str:
    """Why a claim does not hold or is open: its reason, what could have been seen with its runs, and what was."""
    if row["standing"] not in ("does not hold", "open") or row["effect"] is None:
        return row["reason"]
    seen = f"observed: {_plain_name(row)} {_plain(row, row['effect'])}"
    if row["low"] is not None and row["high"] is not None:
        seen += f" [{_plain(row, row['low'])}, {_plain(row, row['high'])}]"
    said = [row["reason"], seen]
    if row["p_corrected"] is None or row["p_corrected"] >= 0.05:
        said += _what_could_be_seen(row, family)
    return "; ".join(said)


def _at_cap(row: dict) -> str:
    """What is added where runs ended at their cap, so that longer ones might have said something else."""
    capped, n = (sum(row.get(f"{name}_{place}") or 0 for place in PLACES) for name in ("capped", "n"))
    return f"; {capped:.0f} of {n:.0f} runs reached their iteration cap" if capped else ""


def _plain_name(row: dict) -> str:
    return row["effect_name"].replace("log of the ", "").replace("log ", "")


def _plain(row: dict, value: float) -> str:
    """A number in the units of an effect, out of its logarithm where it is one."""
    return f"{np.exp(value) if 'log ' in row['effect_name'] else value:.2g}"


def _what_could_be_seen(row: dict, family: int) -> List[str]:
    sizes = [int(row[f"n_{place}"]) for place in PLACES if row.get(f"n_{place}") is not None]
    paired = row["test"].startswith("Wilcoxon")
    smallest = detectable(row["kind"], sizes, paired, 0.05 / family)
    if smallest is None:
        return _precision(row)
    runs = f"{min(sizes)} pairs" if paired else f"{' and '.join(map(str, sizes))} runs"
    if row["kind"] in ("greater", "smaller") and smallest >= 1:
        return [f"{runs} would not detect even the largest effect with 80 % power (corrected over {family} rows)"]
    said = [f"{runs} would detect {_plain(row, smallest)} or more with 80 % power (corrected over {family} rows)"]
    needed = runs_needed(row["effect"], smallest, min(sizes))
    if row["standing"] == "open" and needed and needed > min(sizes):
        said.append(f"an effect as large as the one observed would take about {_round_up(needed)} runs per group")
    return said


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
