"""What the findings are called in Markdown, from verdicts.json alone: a results folder's README, and the repository's.

python -m figures findings RESULTS OUTPUT      OUTPUT/README.md: every claim, and why those that do not hold do not
python -m figures readme RESULTS OUTPUT        the findings in OUTPUT/README.md, between their two markers
python -m figures specifications RESULTS OUTPUT      likewise, the words on the specification curve
"""

import os
from pathlib import Path
from typing import Callable, Dict, List, Optional

import pandas as pd

from figures import answers
from figures.effect_words import PLACES
from figures.labels import rule_label, task_label, title
from figures.runs import RunsError
from figures.specification_words import FEW, MOST, NEARLY_ALL, TABLE, in_words, read_claims
from figures.templates import environment

LEADING = ("gap_larger", "curvature_higher", "step_length_explains")  # the paper's argument in three claims
PICTURE = "figures/figure3.png"
RATES = "same_learning_rate.csv"
BEGIN, END = "<!-- findings: made by `python -m figures readme` -->", "<!-- end of findings -->"
SPECIFICATIONS_BEGIN = "<!-- specifications: made by `python -m figures specifications` -->"
SPECIFICATIONS_END = "<!-- end of specifications -->"


def findings(results: Path, output: Path) -> List[Path]:
    """Writes OUTPUT/README.md from RESULTS/verdicts.json; returns its path in a list."""
    path = output / "README.md"
    path.write_text(_rendered("findings.md.j2", results, output), encoding="utf-8")
    return [path]


def readme(results: Path, output: Path) -> List[Path]:
    """Puts the findings of RESULTS/verdicts.json into OUTPUT/README.md; returns its path in a list.

    Raises RunsError if the file has not one place for them.
    """
    return [_put(output / "README.md", "findings", BEGIN, _rendered("readme.md.j2", results, output), END)]


def specifications(results: Path, output: Path) -> List[Path]:
    """Puts the words on RESULTS' specification curve into OUTPUT/README.md; returns its path in a list.

    Raises RunsError if the file has not one place for them.
    """
    words = in_words(read_claims(results / "figures" / TABLE))
    page = os.path.relpath(str(results / "README.md"), str(output))
    own = environment().get_template("specifications.md.j2").render(words=words)
    own += f"\nClaim by task, with all numbers: [{page}]({page}).\n"
    return [_put(output / "README.md", "specifications", SPECIFICATIONS_BEGIN, own, SPECIFICATIONS_END)]


def _put(path: Path, what: str, begin: str, own: str, end: str) -> Path:
    text = path.read_text(encoding="utf-8")
    if text.count(begin) != 1 or text.count(end) != 1:
        raise RunsError(f"{path} has no place for the {what}: expected one '{begin}' and one '{end}'")
    before, rest = text.split(begin)
    path.write_text(f"{before}{begin}\n{own}{end}{rest.split(end)[1]}", encoding="utf-8")
    return path


WRITERS: Dict[str, Callable] = {"findings": findings, "readme": readme, "specifications": specifications}


def _rendered(template: str, results: Path, output: Path) -> str:
    rule, rows = answers.read_verdicts(results / "verdicts.json")
    specifications_found = read_claims(results / "figures" / TABLE)
    found = answers.claims(answers.with_runs(rows) if specifications_found else rows)
    by_name = {claim.name: claim for claim in found}
    return (
        environment()
        .get_template(template)
        .render(
            rule=rule,
            words=in_words(specifications_found),
            specifications=specifications_found,
            nearly_all=NEARLY_ALL,
            most=MOST,
            few=FEW,
            claims=found,
            tasks=answers.tasks_of(rows),
            tally=answers.tally(found, rule),
            numbers=answers.NUMBERS,
            rates=_rates(results / "figures" / RATES),
            headlines=answers.headlines(found),
            leading=[by_name[name] for name in LEADING if name in by_name],
            figures={claim.figure: title(claim.figure) for claim in found},
            in_table=in_table,
            picture=(results / PICTURE).is_file() and PICTURE,
            folder=os.path.relpath(str(results), str(output)),
        )
    )


def _rates(path: Path) -> List[tuple]:
    """(task, rule, {side: its row}) of that figure's table; none without the file."""
    if not path.is_file():
        return []
    table = pd.read_csv(str(path), float_precision="round_trip")
    return [
        (task_label(task), rule_label(rule), {row["side"]: row for row in own.to_dict("records")})
        for (task, rule), own in table.groupby(["task", "rule"], sort=False)
    ]


def in_table(cell: answers.Cell) -> str:
    """A claim on a task in a table of claims: its standing, its number, whose that is, how many runs it comes from."""
    number = f" ({answers.numbered(cell)})" if cell.number else ""
    runs = smallest_group(cell)
    count = f", n = {runs}" if runs else ""
    return (
        f"{answers.SIGNS.get(cell.standing, '')} {cell.standing}{number}{'†' if cell.shown['unequal'] else ''}{count}"
    )


def smallest_group(cell: answers.Cell) -> Optional[int]:
    """Runs in the smallest group of the comparison whose number the cell shows; None if it has none."""
    sizes = [cell.shown.get(f"n_{place}") for place in PLACES]
    known = [int(size) for size in sizes if size is not None]
    return min(known) if known and min(known) else None
