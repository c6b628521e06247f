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
import json
import os
import shutil
import time
from pathlib import Path
from typing import Dict, List, Optional

import numpy as np

from experiments.evidence.archives import ArchiveError, read_npz, write_npz
from experiments.evidence.files import flush_folder, write_json, write_whole
from experiments.evidence.provenance import session
from experiments.plan.config import Config, as_dict, config_hash


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
        """Makes the partial folder and locks it. If another process works on it, waits for that to end.

        Raises RunFolderError if it cannot be made, or is worked on and `wait` is False.
        """
        try:
            (self.partial / "weights").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunFolderError(f"output folder {self.root} cannot be written: {error.strerror}")
        self._lock = os.open(str(self.partial), os.O_RDONLY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise RunFolderError(f"run {self.final} is being worked on by another process")
        if self.complete:  # another process finished it between our look and our lock
            shutil.rmtree(str(self.partial), ignore_errors=True)
            return
        write_json(self.partial / "config.json", as_dict(self.config))
        self._sessions = self._earlier_sessions() + [dict(session(), seconds=0.0)]
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
        write_npz(self.partial / "checkpoint.npz", arrays)
        self._note_time()

    def save_weights(self, iteration: int, weights: Dict[str, np.ndarray]) -> None:
        """The weights of one evaluation."""
        write_npz(self.partial / "weights" / f"{iteration:06d}.npz", weights)

    def finish(self, history_csv: str, summary: List[dict]) -> None:
        """Writes the results and renames the folder: from here on the run is complete."""
        write_whole(self.partial / "history.csv", history_csv.encode())
        write_json(self.partial / "summary.json", summary)
        self._note_time()
        flush_folder(self.partial / "weights")
        flush_folder(self.partial)
        if self.final.exists() and any(self.final.iterdir()):  # not complete, or we would not be here
            os.rename(str(self.final), str(self.root / f"{self.final.name}.incomplete-{int(time.time())}"))
        os.rename(str(self.partial), str(self.final))
        flush_folder(self.root)

    def _earlier_sessions(self) -> List[dict]:
        try:
            return json.loads((self.partial / "provenance.json").read_text())["sessions"]
        except (OSError, ValueError, KeyError):
            return []

    def _note_time(self) -> None:
        self._sessions[-1]["seconds"] = round(time.time() - self._begun, 1)
        total = round(sum(session["seconds"] for session in self._sessions), 1)
        write_json(self.partial / "provenance.json", {"sessions": self._sessions, "seconds": total})
