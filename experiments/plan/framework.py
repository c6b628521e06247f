"""Which TensorFlow the runs are made with, known without importing it, which takes seconds."""

import sys

# 1.14, the reference, exists up to Python 3.7; requirements-tf2.txt begins at 3.10.
TENSORFLOW = 1 if sys.version_info < (3, 8) else 2


def results_name(what: str) -> str:
    """The folder in results/ of an experiment file's name: TensorFlow 2 has its own."""
    return what if TENSORFLOW == 1 else f"{what}-tf{TENSORFLOW}"
