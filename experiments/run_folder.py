"""A run's folder: complete or absent, never half.

While it is worked on, a run lives in `<hash>.partial/`, whose checkpoint.npz is replaced as one; finished, the folder
is renamed to `<hash>/`. It then holds

    config.json       what the results are a function of
    history.csv       one row an evaluation and replica
    weights/*.npz     W_x, W_h, w, c with the replica axis, at each evaluation
    summary.json      one entry a replica
    checkpoint.npz    the last state, optimizer included
    provenance.json   when, where and with what it ran, a session at a time; no comparison reads it

Measures of experiments.measure are added beside these.
"""

import fcntl
import importlib
import io
import json
import os
import platform
import shutil
import socket
import subprocess
import time
import zipfile
import zlib
from pathlib import Path
from typing import Dict, List, Optional

import numpy as np

from experiments.config import Config, as_dict, config_hash

CODE = ("models", "rules", "tasks", "hessian", "experiments")  # what a run's numbers come from, rates included
PACKAGES = ("tensorflow", "numpy", "scipy", "pandas")


class RunFolderError(Exception):
    """The folder cannot be worked on; its message is one line for the user."""


class RunFolder:
    """The folder of one configuration under `root`, locked against a second process while it is open."""

    def __init__(self, root: Path, config: Config):
        self.config, self.root = config, Path(root)
        self.final = self.root / config_hash(config)
        self.partial = self.root / (config_hash(config) + ".partial")
        self._lock = None
        self._sessions, self._begun = [], 0.0

    @property
    def complete(self) -> bool:
        """Whether the run has been finished."""
        return (self.final / "summary.json").is_file()

    def open(self, wait: bool = False) -> None:
        """Makes the partial folder and locks it. If another process works on it, waits for that to end, or raises
        RunFolderError."""
        (self.partial / "weights").mkdir(parents=True, exist_ok=True)
        self._lock = os.open(str(self.partial), os.O_RDONLY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise RunFolderError(f"run {self.final} is being worked on by another process")
        if self.complete:  # another process finished it between our look and our lock
            shutil.rmtree(str(self.partial), ignore_errors=True)
            return
        write_json(self.partial / "config.json", as_dict(self.config))
        self._sessions = self._earlier_sessions() + [dict(_session(), seconds=0.0)]
        self._begun = time.time()
        self._note_time()

    def close(self) -> None:
        """Gives the lock up."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def checkpoint(self) -> Optional[Dict[str, np.ndarray]]:
        """The arrays last saved, or None. Raises RunFolderError if the file is damaged."""
        path = self.partial / "checkpoint.npz"
        if not path.exists():
            return None
        try:
            return read_npz(path)
        except ArchiveError:
            raise RunFolderError(f"checkpoint {path} is damaged; remove it, and the run begins again")

    def save_checkpoint(self, arrays: Dict[str, np.ndarray]) -> None:
        """Replaces the checkpoint as one."""
        _write_npz(self.partial / "checkpoint.npz", arrays)
        self._note_time()

    def save_weights(self, iteration: int, weights: Dict[str, np.ndarray]) -> None:
        """The weights of one evaluation."""
        _write_npz(self.partial / "weights" / f"{iteration:06d}.npz", weights)

    def finish(self, history_csv: str, summary: List[dict]) -> None:
        """Writes the results and renames the folder: from here on the run is complete."""
        write_whole(self.partial / "history.csv", history_csv.encode())
        write_json(self.partial / "summary.json", summary)
        self._note_time()
        _flush_folder(self.partial / "weights")
        _flush_folder(self.partial)
        if self.final.exists() and any(self.final.iterdir()):  # not complete, or we would not be here
            os.rename(str(self.final), str(self.root / f"{self.final.name}.incomplete-{int(time.time())}"))
        os.rename(str(self.partial), str(self.final))
        _flush_folder(self.root)

    def _earlier_sessions(self) -> List[dict]:
        try:
            return json.loads((self.partial / "provenance.json").read_text())["sessions"]
        except (OSError, ValueError, KeyError):
            return []

    def _note_time(self) -> None:
        self._sessions[-1]["seconds"] = round(time.time() - self._begun, 1)
        total = round(sum(session["seconds"] for session in self._sessions), 1)
        write_json(self.partial / "provenance.json", {"sessions": self._sessions, "seconds": total})


def write_json(path: Path, value) -> None:
    """JSON with sorted keys, written as one."""
    write_whole(path, (json.dumps(value, indent=1, sort_keys=True) + "\n").encode())


# what zipfile and numpy raise for archives that are cut, garbled, encrypted or packed in another way
UNREADABLE = (OSError, ValueError, EOFError, RuntimeError, KeyError, zipfile.BadZipFile, zlib.error)


class ArchiveError(ValueError):
    """A file that is no .npz of plain arrays; the message is one line that names it."""


def read_npz(path: Path) -> Dict[str, np.ndarray]:
    """The arrays of an .npz file. Raises ArchiveError for all else; NpzFile leaves much to find out later."""
    try:
        content = path.read_bytes()
        is_array = content.startswith(np.lib.format.MAGIC_PREFIX)
        if not is_array:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                return dict((_array_name(member), _array(archive.read(member))) for member in archive.namelist())
    except UNREADABLE as error:
        raise ArchiveError(f"{path} cannot be read as .npz without pickled objects: {' '.join(str(error).split())}")
    raise ArchiveError(f"{path} is a single array, an .npy file; expected .npz with named arrays")


def _array_name(member: str) -> str:
    if not member.endswith(".npy"):
        raise ValueError(f"its member {member} is no array")
    return member[: -len(".npy")]


def _array(stored: bytes) -> np.ndarray:
    return np.lib.format.read_array(io.BytesIO(stored), allow_pickle=False)


def _write_npz(path: Path, arrays: Dict[str, np.ndarray]) -> None:
    # packed in memory first: a zip archive that meets a full disk complains once more when it is dropped
    packed = io.BytesIO()
    np.savez(packed, **arrays)
    write_whole(path, packed.getvalue())


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file as one: it is there complete, or as it was before."""
    temporary = path.with_name(path.name + ".tmp")
    with open(str(temporary), "wb") as stream:
        stream.write(content)
        _flush(stream)
    os.replace(str(temporary), str(path))


def _flush(stream) -> None:
    stream.flush()
    os.fsync(stream.fileno())


def _flush_folder(folder: Path) -> None:
    handle = os.open(str(folder), os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _session() -> dict:
    """What this process is, for the provenance."""
    return {
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "host": socket.gethostname(),
        "processor": _processor(),
        "commit": commit_of(Path(__file__).resolve().parent.parent),
        "python": platform.python_version(),
        "packages": {name: importlib.import_module(name).__version__ for name in PACKAGES},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown")


def commit_of(home: Path) -> str:
    """The image's commit, or the checkout's, marked if the code that decides a run's numbers is not as committed."""
    if "BIOLHESS_COMMIT" in os.environ:
        return os.environ["BIOLHESS_COMMIT"]
    try:
        commit = _git(home, "rev-parse", "--short=12", "HEAD")
        return commit + ("-dirty" if _git(home, "status", "--porcelain", "--", *CODE) else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(home: Path, *arguments: str) -> str:
    return subprocess.check_output(
        ["git", *arguments], cwd=str(home), stderr=subprocess.DEVNULL, universal_newlines=True
    ).strip()
