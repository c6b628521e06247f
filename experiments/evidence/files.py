"""Atomic writes: whatever happens, a file is either complete or as it was before."""

import json
import os
from pathlib import Path


def write_json(path: Path, value) -> None:
    """JSON with sorted keys, written atomically."""
    write_whole(path, (json.dumps(value, indent=1, sort_keys=True) + "\n").encode())


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file atomically, by way of a temporary one beside it."""
    temporary = path.with_name(path.name + ".tmp")
    with open(str(temporary), "wb") as stream:
        stream.write(content)
        _flush(stream)
    os.replace(str(temporary), str(path))


def _flush(stream) -> None:
    stream.flush()
    os.fsync(stream.fileno())


def flush_folder(folder: Path) -> None:
    """Flushes the names in a folder to disk."""
    handle = os.open(str(folder), os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
