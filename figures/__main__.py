"""Draws a figure, or writes verdicts, summaries, report or findings: python -m figures NAME RESULTS OUTPUT.

The report is made last: it reads what the others have written to OUTPUT. findings and readme read verdicts.json alone.
"""

import argparse
import importlib
import sys
from pathlib import Path
from typing import List, Optional

from figures import known_figures, pages
from figures.runs import RunsError, load

WRITERS = ("verdicts", "summaries", "report")  # modules with write(results, output) instead of draw(results)


def write(name: str, results: Path, output: Path) -> List[Path]:
    """Writes the files of a figure or of one of the WRITERS; returns their paths. Raises RunsError, OSError."""
    if name in pages.WRITERS:
        return pages.WRITERS[name](results, output)
    module = importlib.import_module(f"figures.{name}")
    if name in WRITERS:
        return module.write(load(results), output)
    from figures.style import save  # matplotlib, which verdicts do without

    picture, tables = module.draw(load(results, module.ROLES))
    return save(picture, output / name, tables)


def main(arguments: Optional[List[str]] = None) -> int:
    """Command line; returns the exit code. An error that the user can fix is one line, with exit code 2."""
    parser = argparse.ArgumentParser(prog="figures", description=__doc__)
    try:
        names = [*known_figures(), *WRITERS, *pages.WRITERS]
    except ValueError as error:
        parser.exit(2, f"figures: {error}\n")
    parser.add_argument("name", metavar="NAME", help=", ".join(names))
    parser.add_argument(
        "results",
        type=Path,
        metavar="RESULTS",
        help="folder with selection.json and runs/; findings and readme: with verdicts.json",
    )
    parser.add_argument("output", type=Path, metavar="OUTPUT", help="folder to write to")
    given = parser.parse_args(arguments)
    if given.name not in names:
        parser.exit(2, f"figures: unknown figure '{given.name}'; known: {', '.join(names)}\n")
    try:
        for path in write(given.name, given.results, given.output):
            print(path)
    except RunsError as error:
        parser.exit(2, f"figures {given.name}: {error}\n")
    except OSError as error:
        parser.exit(2, f"figures {given.name}: {error.filename}: {error.strerror}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
