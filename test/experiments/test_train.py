"""Training from the command line, in processes of their own, as a user does it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from experiments.config import config_hash, make_config

HOME = Path(__file__).resolve().parents[2]
SHORT = ["--task", "seq_mnist", "--rule", "three_factor", "--iterations", "30", "--evaluate-every", "10"]


def command(*options, output):
    return [sys.executable, "-m", "experiments.train", *options, "--output", str(output)]


def start(*options, output):
    return subprocess.Popen(
        command(*options, output=output), cwd=str(HOME), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )  # fmt: skip


def train(*options, output):
    process = start(*options, output=output)
    out, err = process.communicate()
    return process.returncode, out, err


def results(folder):
    """All that a comparison reads: history, summary and the weights of every evaluation."""
    weights = {}
    for path in sorted((folder / "weights").glob("*.npz")):
        with np.load(str(path), allow_pickle=False) as stored:
            weights[path.name] = {name: stored[name] for name in stored.files}
    return (folder / "history.csv").read_text(), (folder / "summary.json").read_text(), weights


def assert_same(one, other):
    assert one[:2] == other[:2] and one[2].keys() == other[2].keys()
    for name, arrays in one[2].items():
        for matrix, array in arrays.items():
            assert np.array_equal(array, other[2][name][matrix]), (name, matrix)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    output = tmp_path_factory.mktemp("undisturbed")
    code, out, err = train(*SHORT, output=output)
    assert code == 0, err
    return Path(out.strip())


def test_a_finished_folder_is_whole_and_quiet(undisturbed):
    names = {path.name for path in undisturbed.iterdir()}
    assert names == {"config.json", "history.csv", "weights", "summary.json", "checkpoint.npz", "provenance.json"}
    config = make_config("seq_mnist", "three_factor", [0], iterations=30, evaluate_every=10)
    assert undisturbed.name == config_hash(config)
    history, summary, weights = results(undisturbed)
    assert len(history.splitlines()) == 1 + 4 and list(weights) == [f"{i:06d}.npz" for i in (0, 10, 20, 30)]
    assert json.loads(summary)[0]["status"] == "completed"
    assert {"W_x", "W_h", "w", "c"} == set(weights["000030.npz"]) and weights["000030.npz"]["W_h"].shape == (
        1,
        128,
        128,
    )
    assert np.all(np.diag(weights["000030.npz"]["W_h"][0]) == 0)
    assert not np.array_equal(weights["000030.npz"]["W_h"], weights["000000.npz"]["W_h"])


def test_the_same_command_elsewhere_gives_the_same_bits(undisturbed, tmp_path):
    code, out, err = train(*SHORT, output=tmp_path)
    assert code == 0 and err == ""  # silent when not a terminal
    assert_same(results(Path(out.strip())), results(undisturbed))


def test_a_finished_run_is_not_repeated(undisturbed):
    before = (undisturbed / "provenance.json").stat().st_mtime_ns
    code, out, _ = train(*SHORT, output=undisturbed.parent)
    assert code == 0 and Path(out.strip()) == undisturbed
    assert (undisturbed / "provenance.json").stat().st_mtime_ns == before


@pytest.mark.parametrize("number, code", [(signal.SIGKILL, -9), (signal.SIGTERM, 143)])
def test_a_killed_run_goes_on_to_the_same_bits(undisturbed, tmp_path, number, code):
    process = start(*SHORT, output=tmp_path)
    partial = tmp_path / (undisturbed.name + ".partial")
    deadline = time.time() + 120
    while not (partial / "weights" / "000010.npz").exists():
        assert process.poll() is None and time.time() < deadline
        time.sleep(0.01)
    os.kill(process.pid, number)
    process.communicate()
    assert process.returncode == code
    assert partial.is_dir() and not (tmp_path / undisturbed.name).exists()  # nothing half-made is taken for a result
    assert train(*SHORT, output=tmp_path)[0] == 0
    assert_same(results(tmp_path / undisturbed.name), results(undisturbed))


def test_a_run_in_progress_is_not_disturbed(undisturbed, tmp_path):
    process = start(*SHORT, output=tmp_path)
    partial = tmp_path / (undisturbed.name + ".partial")
    while not (partial / "checkpoint.npz").exists():
        assert process.poll() is None
        time.sleep(0.01)
    code, _, err = train(*SHORT, output=tmp_path)
    assert code == 2 and "being worked on by another process" in err and len(err.splitlines()) == 1
    process.communicate()
    assert process.returncode == 0


def test_divergence_ends_the_run_and_keeps_its_history(tmp_path):
    code, out, err = train(*SHORT, "--learning-rate", "1e6", output=tmp_path)
    assert code == 0 and "diverged at iteration" in err + out
    folder = Path(out.strip().splitlines()[-1])
    entry = json.loads((folder / "summary.json").read_text())[0]
    assert entry["status"] == "diverged" and 0 < entry["diverged_at"] < 30
    history = (folder / "history.csv").read_text().splitlines()
    assert len(history) >= 2 and "nan" not in history[1].lower()


def test_a_full_disk_is_reported_and_harms_nothing(tmp_path):
    limited = (
        f"ulimit -f 50; exec {' '.join(command(*SHORT, output=tmp_path))}"  # files of at most 50 KB; weights have 85
    )
    code = subprocess.run(
        ["bash", "-c", f"trap '' XFSZ; {limited}"], cwd=str(HOME), capture_output=True, text=True
    )  # fmt: skip
    assert code.returncode == 1 and "File too large" in code.stderr and "Traceback" not in code.stderr
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".partial"]
    assert train(*SHORT, output=tmp_path)[0] == 0


BAD = {
    "unknown task": (["--task", "chess", "--rule", "bptt"], "unknown task 'chess'; known: .*seq_mnist"),
    "unknown rule": (["--task", "seq_mnist", "--rule", "hebb"], "unknown rule 'hebb'; known: bptt"),
    "no rule": (["--task", "seq_mnist"], "no rule given; known: bptt"),
    "unknown option": (SHORT + ["--momentum", "0.9"], "unknown option --momentum; known: .*--batch-size"),
    "unknown optimizer": (SHORT + ["--optimizer", "lion"], "unknown optimizer 'lion'; known: sgd, adam"),
    "unknown matrix": (SHORT + ["--hessian-of", "w"], "unknown hessian_of 'w'; known: W_h, W_x"),
    "zero batch": (SHORT + ["--batch-size", "0"], "batch_size is 0; expected a whole number of at least 1"),
    "negative length": (SHORT + ["--iterations", "-5"], "iterations is -5; expected"),
    "batch too large": (SHORT + ["--batch-size", "55001"], "batch_size is 55001; the training data has 55000 examples"),
    "no rate": (SHORT + ["--learning-rate", "0"], "learning_rate is 0.0; expected a number above 0"),
    "nan rate": (SHORT + ["--learning-rate", "nan"], "learning_rate is nan; expected a number above 0"),
    "no number": (SHORT + ["--batch-size", "many"], "argument --batch-size: invalid int value: 'many'"),
    "same seed twice": (SHORT + ["--seeds", "1", "1"], "seeds are .1, 1.; expected different"),
    "negative seed": (SHORT + ["--seeds", "-1"], "expected"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_exit_2(case, tmp_path):
    options, message = BAD[case]
    code, out, err = train(*options, output=tmp_path)
    assert code == 2 and out == "" and len(err.splitlines()) == 1
    assert re.search(message, err), err
    assert not list(tmp_path.iterdir())  # refused before anything was begun


@pytest.mark.parametrize(
    "text, message",
    [
        ("rule: bptt\nrat: 0.1\n", "unknown config key 'rat'; known: task, rule"),
        ("- bptt\n", "has no settings"),
        ("rule: [bptt\n", "cannot be read"),
        ("rule: bptt\niterations: many\n", "iterations is many; expected a whole number"),
    ],
)
def test_bad_config_file_is_one_line_and_exit_2(text, message, tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(text)
    code, _, err = train("--config", str(path), "--task", "seq_mnist", output=tmp_path / "runs")
    assert code == 2 and message in err and len(err.splitlines()) == 1


def test_a_config_file_is_the_same_as_options(undisturbed, tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("task: seq_mnist\nrule: bptt\niterations: 30\nevaluate_every: 10\n")
    code, out, _ = train("--config", str(path), "--rule", "three_factor", output=undisturbed.parent)
    assert code == 0 and Path(out.strip()) == undisturbed
