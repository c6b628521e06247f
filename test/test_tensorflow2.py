"""TensorFlow 1.14 and a current TensorFlow compute the same, each in its own environment."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from bench import compare
from bench.timing import report
from experiments.plan.framework import TENSORFLOW
from rules import known_rules

ROOT = Path(__file__).resolve().parent.parent
OTHER = Path(os.environ.get("BIOLHESS_OTHER_PYTHON") or ROOT / {1: ".venv-tf2", 2: ".venv"}[TENSORFLOW] / "bin/python")
ACCURACY = {"gradient": 1e-10, "eigenvalues": 1e-10, "training": 1e-4}  # as a share of the largest


def test_the_major_version_is_known_without_importing_it():
    assert tf.__version__.startswith(f"{TENSORFLOW}.")


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    """{name: array} of test/agreement.py under this Python and under the other."""
    if not OTHER.exists():
        pytest.skip(
            f"no environment in {OTHER.parent.parent}: BIOLHESS_TENSORFLOW={3 - TENSORFLOW} ./run_all.sh environment"
        )
    folder = tmp_path_factory.mktemp("agreement")
    found = []
    for name, python in (("this", sys.executable), ("other", str(OTHER))):
        path = folder / f"{name}.npz"
        done = subprocess.run(
            [python, str(ROOT / "test" / "agreement.py"), str(path)], stderr=subprocess.PIPE, text=True
        )
        assert done.returncode == 0, done.stderr
        with np.load(str(path), allow_pickle=False) as arrays:
            found.append(dict(arrays))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("kind", ACCURACY)
def test_both_agree(computed, kind):
    this, other = ({name: a for name, a in one.items() if name.startswith(kind)} for one in computed)
    assert set(this) == set(other) != set()
    differences = {
        name: np.abs(this[name] - other[name]).max() / max(np.abs(other[name]).max(), 1e-4) for name in other
    }
    assert {name: d for name, d in differences.items() if not d <= ACCURACY[kind]} == {}


@pytest.mark.slow
def test_every_rule_is_compared(computed):
    names = {name.split("/")[1].split("(")[0] for name in computed[0] if name.startswith("gradient/")}
    assert names == set(known_rules())


def test_the_bench_of_both_is_one_table(capsys):
    for name, milliseconds in (("bptt step", 12), ("pattern_generation, 30 x 4 products", 205.5)):
        report(name, np.array([milliseconds]), "the same at once", np.array([10]))
    first, second = compare.measured("commit 1\n" + capsys.readouterr().out), {"bptt step": 9.0}
    assert first == {"bptt step": 12.0, "pattern_generation, 30 x 4 products": 205.5}
    assert compare.table(["1.14.0", "2.21.0"], [first, second]).splitlines()[1].split() == [
        "bptt",
        "step",
        "12.00",
        "9.00",
        "0.75",
    ]
