"""What the findings are called in Markdown, from verdicts.json alone: a results folder's README, and the repository's.

python -m figures findings RESULTS OUTPUT      OUTPUT/README.md: every claim, and why those that do not hold do not
python -m figures readme RESULTS OUTPUT        the findings in OUTPUT/README.md, between their two markers
"""

import os
from pathlib import Path
from typing import Callable, Dict, List, Optional

from figures import answers
from figures.labels import title
from figures.runs import RunsError
from figures.templates import environment

LEADING = ("gap_larger", "curvature_higher", "step_length_explains")  # the paper's argument in three claims
PICTURE = "figures/figure3.png"
BEGIN, END = "<!-- findings: made by `python -m figures readme` -->", "<!-- end of findings -->"


def findings(results: Path, output: Path) -> List[Path]:
    """Writes OUTPUT/README.md from RESULTS/verdicts.json; returns its path in a list."""
    path = output / "README.md"
    path.write_text(_rendered("findings.md.j2", results, output), encoding="utf-8")
    return [path]


def readme(results: Path, output: Path) -> List[Path]:
    """Puts the findings of RESULTS/verdicts.json into OUTPUT/README.md; returns its path in a list.

    Raises RunsError if the file has not one place for them.
    """
    path = output / "README.md"
    text = path.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise RunsError(f"{path} has no place for the findings: expected one '{BEGIN}' and one '{END}'")
    before, rest = text.split(BEGIN)
    own = _rendered("readme.md.j2", results, output)
    path.write_text(f"{before}{BEGIN}\n{own}{END}{rest.split(END)[1]}", encoding="utf-8")
    return [path]


WRITERS: Dict[str, Callable] = {"findings": findings, "readme": readme}


def _rendered(template: str, results: Path, output: Path) -> str:
    rule, rows = answers.read_verdicts(results / "verdicts.json")
    found = answers.claims(rows)
    by_name = {claim.name: claim for claim in found}
    return (
        environment()
        .get_template(template)
        .render(
            rule=rule,
            claims=found,
            tasks=answers.tasks_of(rows),
            signs=answers.SIGNS,
            tally=answers.tally(found),
            headlines=answers.headlines(found),
            leading=[by_name[name] for name in LEADING if name in by_name],
            figures={claim.figure: title(claim.figure) for claim in found},
            runs=smallest_group,
            picture=(results / PICTURE).is_file() and PICTURE,
            folder=os.path.relpath(str(results), str(output)),
        )
    )


def smallest_group(cell: answers.Cell) -> Optional[int]:
    """Runs in the smallest group of the comparison whose number the cell shows; None if it has none."""
    sizes = [cell.rows[0].get(f"n_{place}") for place in answers.PLACES]
    known = [int(size) for size in sizes if size is not None]
    return min(known) if known and min(known) else None
