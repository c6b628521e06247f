"""The folder of an ensemble's runs: complete or absent, never half finished.

During training it is `<hash>.partial/`, with a checkpoint that is replaced atomically. When training ends it is renamed
to `<hash>/`, which holds

    config.json       everything that the results are a function of
    history.csv       one row per evaluation and run
    weights/*.npz     W_x, W_h, w, c with the replica axis, at each evaluation
    summary.json      one entry per run
    checkpoint.npz    the last state, optimizer included
    provenance.json   when, where and with what it was trained, session by session; never compared

The tables of experiments.measure are added to these.
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
    """The folder cannot be used; the message is one line for the user."""


class RunFolder:
    """The folder of one configuration in `root`, locked against other processes while it is open."""

    def __init__(self, root: Path, config: Config):
        self.config, self.root = config, Path(root)
        self.final = self.root / config_hash(config)
        self.partial = self.root / (config_hash(config) + ".partial")
        self._lock = None
        self._sessions, self._begun = [], 0.0

    @property
    def complete(self) -> bool:
        """Whether training has ended."""
        return (self.final / "summary.json").is_file()

    def open(self, wait: bool = False) -> None:
        """Creates and locks the partial folder. If another process is using it, waits for that one to finish.

        Raises RunFolderError if the folder cannot be created, or is in use and `wait` is False.
        """
        self._lock = self._handle()
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise RunFolderError(f"ensemble {self.final} is being trained by another process")
        if self.complete:  # another process finished it before we had the lock
            shutil.rmtree(str(self.partial), ignore_errors=True)
            return
        write_json(self.partial / "config.json", as_dict(self.config))
        self._sessions = self._earlier_sessions() + [dict(session(), seconds=0.0)]
        self._begun = time.time()
        self._note_time()

    def _handle(self) -> int:
        """Of the partial folder, which another process may rename, as finished, before it is open: then a new one's."""
        while True:
            try:
                (self.partial / "weights").mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise RunFolderError(f"output folder {self.root} cannot be written: {error.strerror}")
            try:
                return os.open(str(self.partial), os.O_RDONLY)
            except FileNotFoundError:
                continue

    def close(self) -> None:
        """Releases the lock."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def checkpoint(self) -> Optional[Dict[str, np.ndarray]]:
        """The arrays saved last, or None. Raises RunFolderError if the file is damaged."""
        path = self.partial / "checkpoint.npz"
        if not path.exists():
            return None
        try:
            return read_npz(path)
        except ArchiveError:
            raise RunFolderError(f"checkpoint {path} is damaged; remove it to start the run again")

    def save_checkpoint(self, arrays: Dict[str, np.ndarray]) -> None:
        """Replaces the checkpoint atomically."""
        write_npz(self.partial / "checkpoint.npz", arrays)
        self._note_time()

    def save_weights(self, iteration: int, weights: Dict[str, np.ndarray]) -> None:
        """The weights of one evaluation."""
        write_npz(self.partial / "weights" / f"{iteration:06d}.npz", weights)

    def finish(self, history_csv: str, summary: List[dict]) -> None:
        """Writes the results and renames the folder, which makes it complete."""
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
