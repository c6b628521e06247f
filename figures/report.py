"""The report: one page that opens from disk and fetches nothing; it leads with the answer.

    python -m figures report RESULTS OUTPUT

reads what the other modules wrote (OUTPUT/verdicts.json, OUTPUT/figures/*.png) and writes OUTPUT/report.html.
"""

import base64
import importlib
from pathlib import Path
from typing import Dict, Iterable, List, Tuple

from figures import answers, known_figures, specification_words
from figures.claims import read_published, rows_of
from figures.forest import forest
from figures.labels import title
from figures.report_runs import diverged, provenance, settings_of
from figures.report_specifications import specifications_of
from figures.runs import Results
from figures.templates import environment


def page(results: Results, output: Path) -> str:
    """The report as HTML. Raises RunsError if OUTPUT has no verdicts."""
    rule, rows = answers.read_verdicts(output / "verdicts.json")
    if results.specifications:  # whose runs are not those that claims are judged by
        rows = answers.with_runs(rows)
    claims, published = answers.claims(rows), read_published()
    known = known_figures()  # once: it reads every module
    names = [*known, *dict.fromkeys(claim.figure for claim in claims if claim.figure not in known)]
    sections = [_section(results, output, name, claims, known) for name in names]
    shown = [section for section in sections if section["figure"] or section["claims"]]
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            paper=published["paper"],
            rule=rule,
            what=results.what,
            note=results.note or ("REDUCED" if results.reduced else ""),
            reduced=results.reduced,
            claims=claims,
            main_text=answers.headlines(claims),
            tally=answers.tally(claims, rule),
            numbers=answers.NUMBERS,
            sections=shown,
            tasks=answers.tasks_of(rows),
            signs=answers.SIGNS,
            standings={cell.standing for claim in claims for cell in claim.cells.values()},
            lost=results.lost,
            diverged=diverged(results),
            provenance=provenance(results),
        )
    )


def _section(
    results: Results, output: Path, name: str, claims: List[answers.Claim], known: Dict[str, Tuple[str, ...]]
) -> dict:
    """A figure with its claims, or claims that no figure shows. figure: whether the runs at hand draw it. known: as of
    known_figures."""
    own = [claim for claim in claims if claim.figure == name]
    section = {"name": name, "short": title(name), "heading": title(name), "claims": own}
    section.update(blocks=[_block(claim) for claim in own], figure=False, tables=[], specifications=None)
    roles = known.get(name, ())
    if not set(roles) & set(results.groups):
        return dict(section, picture="", caption="", settings=settings_of(results, _groups_of(name)))
    module = importlib.import_module(f"figures.{name}")
    section["heading"] = f"{title(name)}: {module.TITLE}" if name[-1].isdigit() else module.TITLE
    figures = output / "figures"
    picture = figures / f"{name}.png"
    return dict(
        section,
        figure=True,
        specifications=specifications_of(figures) if name == specification_words.FIGURE else None,
        caption=module.CAPTION,
        picture=base64.b64encode(picture.read_bytes()).decode() if picture.is_file() else "",
        settings=settings_of(results, roles),
        tables=sorted(path.name for path in figures.glob("*.csv") if _figure_of(path.stem, known) == name),
    )


def _block(claim: answers.Claim) -> dict:
    """A claim with its forest plot: (row, its mark or None) of all its tasks."""
    rows = [row for cell in claim.cells.values() for row in cell.rows]
    drawn = forest(rows)
    return {"claim": claim, "forest": drawn, "rows": list(zip(rows, drawn.marks if drawn else [None] * len(rows)))}


def _groups_of(name: str) -> List[str]:
    """The groups of runs that the claims of a section without a figure compare."""
    own = [row for row in rows_of(read_published()) if row.claim["figure"] == name]
    return sorted({group.split(":")[0] for row in own for group in row.groups})


def _figure_of(stem: str, known: Iterable[str]) -> str:
    """Which figure wrote the table of that name: the one with the longest name that it begins with."""
    names = [name for name in known if stem == name or stem.startswith(f"{name}_")]
    return max(names, key=len, default="")


def write(results: Results, output: Path) -> List[Path]:
    """Writes OUTPUT/report.html; returns its path in a list."""
    path = output / "report.html"
    path.write_text(page(results, output), encoding="utf-8")
    return [path]
