"""Figures, tables, verdicts and the report, from result files alone; nothing here imports TensorFlow.

    python -m figures NAME RESULTS OUTPUT      a figure, or verdicts, summaries, report (the last, from the others)

A module of this folder that assigns ROLES and defines draw is a figure: a new file is a new figure.

    ROLES = ("main",)              the groups of runs that it shows, by their names in an experiment file; a literal
    TITLE, CAPTION                 its heading and its caption in the report
    def draw(results) -> tuple     (picture, {"": table, "_suffix": table}), saved as NAME.png, .pdf and NAME_suffix.csv

runs reads a results folder; measures takes one number per run from it; statistics and kinds test and compare them;
style, curves and gaps are what the figures' panels share.
"""

import ast
import pkgutil
import re
from pathlib import Path
from typing import Dict, Optional, Tuple


def known_figures() -> Dict[str, Tuple[str, ...]]:
    """{name: its groups of runs} of the figures here: the paper's, in its order, then its tables, then the others.

    Read from the sources, so that planning runs need not import matplotlib. Raises ValueError, one line, for a
    module that cannot be read or whose ROLES is not a literal.
    """
    found = {}
    for folder in __path__:
        for module in pkgutil.iter_modules([folder]):
            roles = _roles(Path(folder) / f"{module.name}.py")
            if roles is not None:
                found[module.name] = roles
    return {name: found[name] for name in sorted(found, key=figure_order)}


def figure_order(name: str) -> tuple:
    """Sorting key: figures by number, then tables by number, then the others by name."""
    prefix, number = re.match(r"(.*?)(\d*)$", name).groups()
    rank = {"figure": 0, "table": 1}.get(prefix, 2) if number else 2
    return (rank, int(number or 0) if rank < 2 else 0, name)


def _roles(path: Path) -> Optional[Tuple[str, ...]]:
    """ROLES of a figure's module; None for any other module."""
    try:
        body = ast.parse(path.read_text(encoding="utf-8")).body
        roles = next((ast.literal_eval(node.value) for node in body if _assigns(node, "ROLES")), None)
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"{path}: {error}")
    draws = any(isinstance(node, ast.FunctionDef) and node.name == "draw" for node in body)
    return tuple(roles) if draws and roles is not None else None


def _assigns(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Assign) and any(getattr(target, "id", None) == name for target in node.targets)
