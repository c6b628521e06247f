"""Whether a workflow has anything to do at all, by a stamp of everything it had read and made when it last succeeded.

If anything differs, it is for Snakemake to decide what has to be made again.
"""

import hashlib
from pathlib import Path
from typing import Iterable, Iterator, Optional

from experiments import HOME
from experiments.evidence.files import write_whole
from experiments.evidence.packed import SUFFIX

CODE = ("models", "rules", "tasks", "hessian", "experiments", "figures")
PRODUCTS = ("*.*", "figures/*", "done/*", "runs/*/summary.json")
STAMP = ".stamp"


def stamp(results: Path, plan: Path, asked: Iterable[str], evidence: Optional[Path]) -> str:
    """A hash of code and plan by content, of products and evidence by name, size and time, and of the request."""
    found = hashlib.sha256()
    for path in [*_code(), *filter(Path.is_file, [plan])]:
        found.update(f"{path} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    patterns = [(results, pattern) for pattern in PRODUCTS] + ([(evidence, f"*{SUFFIX}")] if evidence else [])
    for path in sorted({path for folder, pattern in patterns for path in folder.glob(pattern)}):
        if path.is_file() and path.name != STAMP:
            status = path.stat()
            found.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    found.update("\n".join(asked).encode())
    return found.hexdigest()


def _code() -> Iterator[Path]:
    """Every file of the code, without data."""
    for folder in CODE:
        for path in sorted((HOME / folder).rglob("*")):
            if path.is_file() and "data" not in path.parts and "__pycache__" not in path.parts:
                yield path


def is_unchanged(results: Path, now: str) -> bool:
    """Whether the results folder has that stamp."""
    path = results / STAMP
    return path.is_file() and path.read_text() == now


def write_stamp(results: Path, now: str) -> None:
    """Writes the stamp into the results folder, which has just been completed."""
    write_whole(results / STAMP, now.encode())
