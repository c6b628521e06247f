"""Where tests find the project and each other's helpers; slow ones are marked and run when asked for."""

import gc
import os
import sys
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent))


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "slow: a workflow, a killed run, a browser, 200 papers, both TensorFlows; ./test/run.sh -m slow"
    )


@pytest.fixture(autouse=True, scope="module")
def imported_modules_are_no_garbage():
    """Nor are they looked through again and again: with TensorFlow's, that takes half of the suite's time."""
    gc.collect()
    gc.freeze()
