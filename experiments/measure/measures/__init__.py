"""The measures of finished runs, found by name. One module per measure; a new file in this folder is a new measure.

A measure module defines MEASURE, a Measure; the first line of its docstring is what `--help` says of it. Its table is
added to the run's folder as NAME.csv.
"""

import ast
import importlib
import pkgutil
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

import pandas as pd
from tqdm import tqdm

from experiments.evidence.files import write_whole
from experiments.measure.saved_run import SavedRun, read_table

Note = Callable[[str], None]


class Measure(NamedTuple):
    """table(run, every, note): one row per run or evaluation, with `seed` and `learning_rate`; note shows progress.

    along_training: whether it is taken at every evaluation (at multiples of `every` iterations), whose weights it
    needs, or at each run's last evaluation alone.
    """

    table: Callable[[SavedRun, int, Note], pd.DataFrame]
    along_training: bool


def known_measures() -> List[str]:
    """Names of the modules in this folder, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def get_measure(name: str) -> Measure:
    """The measure of that name. Raises ValueError."""
    if name not in known_measures():
        raise ValueError(f"unknown measure '{name}'; known: {', '.join(known_measures())}")
    return importlib.import_module(f"{__name__}.{name}").MEASURE


def described() -> Dict[str, str]:
    """{name: first line of its docstring}."""
    found = {}
    for name in known_measures():
        tree = ast.parse((Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8"))
        found[name] = (ast.get_docstring(tree) or "").split("\n")[0]
    return found


def measure(run: SavedRun, name: str, every: int = 1, show_progress: Optional[bool] = None) -> bool:
    """Takes one measure of a run, unless it is there; returns whether it was not.

    show_progress: None shows it on a terminal only. Raises MeasureError, DataFileError, and ValueError where the
    measure itself refuses.
    """
    disable = None if show_progress is None else not show_progress
    with tqdm(desc=f"{run.folder.name} {name}", disable=disable, mininterval=1) as bar:

        def note(text):
            bar.set_postfix_str(text, refresh=False)
            bar.update()

        return table_of(run, name, every, note)[1]


def table_of(run: SavedRun, name: str, every: int, note: Note) -> Tuple[pd.DataFrame, bool]:
    """(the measure's table, whether it had to be made)."""
    path = run.folder / f"{name}.csv"
    made = not path.is_file()
    if made:
        write_whole(path, get_measure(name).table(run, every, note).to_csv(index=False).encode())
    return read_table(path), made
