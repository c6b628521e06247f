"""A run's folder when another process finishes the same run at the worst moment."""

import os
import shutil

import pytest

from experiments.evidence.run_folder import RunFolder, RunFolderError
from experiments.plan.config import make_config

CONFIG = make_config("pattern_generation", "bptt", [0, 1], [0.003], iterations=500)


def test_a_folder_that_another_process_finishes_just_then_is_opened_as_finished(tmp_path, monkeypatch):
    """Its folder is renamed between the moment when it is there and the one when it is opened."""
    folder = RunFolder(tmp_path, CONFIG)

    def finished_before(path, flags):
        monkeypatch.undo()
        shutil.move(path, str(folder.final))
        (folder.final / "summary.json").write_text("[]")
        return os.open(path, flags)

    monkeypatch.setattr(os, "open", finished_before)
    folder.open(wait=True)
    folder.close()
    assert folder.complete and not folder.partial.exists()


def test_a_folder_in_use_is_refused(tmp_path):
    first, second = RunFolder(tmp_path, CONFIG), RunFolder(tmp_path, CONFIG)
    first.open()
    with pytest.raises(RunFolderError, match="being trained by another process"):
        second.open()
    first.close()
