"""The command line that all modules of figures/ share: `python -m figures.NAME RESULTS OUTPUT`."""

import argparse
from pathlib import Path
from typing import Callable, Iterable, List, Optional

from figures.runs import Results, RunsError, load
from figures.style import save


def figure_command(
    name: str, description: str, write: Callable[[Path, Path], Iterable[Path]], arguments: Optional[List[str]]
) -> int:
    """Calls write(RESULTS, OUTPUT), prints the paths it gives; what the user can mend is one line and exit code 2."""
    parser = argparse.ArgumentParser(
        prog=name, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path, metavar="RESULTS", help="folder with selection.json and runs/")
    parser.add_argument("output", type=Path, metavar="OUTPUT", help="folder to write to")
    given = parser.parse_args(arguments)
    try:
        for path in write(given.results, given.output):
            print(path)
    except RunsError as error:
        parser.exit(2, f"{name}: {error}\n")
    except OSError as error:
        parser.exit(2, f"{name}: {error.filename}: {error.strerror}\n")
    return 0


def picture_command(
    name: str, description: str, draw: Callable[[Results], tuple], arguments: Optional[List[str]]
) -> int:
    """The command of a figure: draw(results) gives the picture and its tables, written to OUTPUT/NAME.*"""

    def write(folder: Path, output: Path) -> Iterable[Path]:
        picture, tables = draw(load(folder))
        return save(picture, output / name, tables)

    return figure_command(f"figures.{name}", description, write, arguments)
