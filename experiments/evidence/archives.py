"""Archives of plain arrays: .npz without pickled objects."""

import io
import zipfile
import zlib
from pathlib import Path
from typing import Dict

import numpy as np

from experiments.evidence.files import write_whole

# what zipfile and numpy raise for archives that are truncated, garbled, encrypted or packed in another way
UNREADABLE = (OSError, ValueError, EOFError, RuntimeError, KeyError, zipfile.BadZipFile, zlib.error)


class ArchiveError(ValueError):
    """The file is not an .npz of plain arrays; the message is one line that names it."""


def read_npz(path: Path) -> Dict[str, np.ndarray]:
    """The arrays of an .npz file. Raises ArchiveError for anything else (NpzFile reads lazily, and fails late)."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArchiveError(f"{path} cannot be read: {error.strerror}")
    return parse_npz(content, path)


def parse_npz(content: bytes, name) -> Dict[str, np.ndarray]:
    """The arrays of an .npz file's content. name: what the message calls it. Raises ArchiveError."""
    if content.startswith(np.lib.format.MAGIC_PREFIX):
        raise ArchiveError(f"{name} is a single array, an .npy file; expected .npz with named arrays")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return dict((_array_name(member), _array(archive.read(member))) for member in archive.namelist())
    except UNREADABLE as error:
        raise ArchiveError(f"{name} cannot be read as .npz without pickled objects: {' '.join(str(error).split())}")


def _array_name(member: str) -> str:
    if not member.endswith(".npy"):
        raise ValueError(f"its member {member} is not an array")
    return member[: -len(".npy")]


def _array(stored: bytes) -> np.ndarray:
    return np.lib.format.read_array(io.BytesIO(stored), allow_pickle=False)


def npz(arrays: Dict[str, np.ndarray]) -> bytes:
    """The content of an .npz file."""
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def write_npz(path: Path, arrays: Dict[str, np.ndarray]) -> None:
    """Writes the arrays atomically."""
    # packed in memory first: an open zip archive on a full disk raises a second error when it is discarded
    write_whole(path, npz(arrays))
