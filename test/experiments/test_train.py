"""Training from the command line, in processes of their own, as a user does it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from waiting import wait_for

from experiments.evidence.provenance import CODE, commit_of
from experiments.plan.config import (
    ConfigError,
    as_dict,
    config_hash,
    from_dict,
    make_config,
    make_ensembles,
    members,
)
from experiments.plan.schedule import end_of_training, evaluations, learning_rate_factor
from experiments.train.__main__ import main
from experiments.train.stopping import is_stable

HOME = Path(__file__).resolve().parents[2]
SHORT = ["--task", "seq_mnist", "--rule", "three_factor", "--learning-rate", "1e-2", "--iterations", "20"]
SHORT += ["--evaluate-every", "10", "--window", "1"]
TINY = ["--task", "pattern_generation", "--rule", "bptt", "--parameter", "steps=8"]
# long enough to be caught in the act
SMALL = TINY + ["--learning-rate", "1e-3", "--iterations", "600", "--evaluate-every", "10", "--no-until-stable"]


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


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    code, out, err = train(*SMALL, output=tmp_path_factory.mktemp("small"))
    assert code == 0, err
    return Path(out.strip())


def test_a_finished_folder_is_whole_and_quiet(undisturbed):
    names = {path.name for path in undisturbed.iterdir()}
    assert names == {"config.json", "history.csv", "weights", "summary.json", "checkpoint.npz", "provenance.json"}
    config = make_config("seq_mnist", "three_factor", [0], [1e-2], iterations=20, evaluate_every=10, window=1)
    assert undisturbed.name == config_hash(config)
    history, summary, weights = results(undisturbed)
    assert len(history.splitlines()) == 1 + 3 and list(weights) == [f"{i:06d}.npz" for i in (0, 10, 20)]
    assert json.loads(summary)[0]["status"] == "completed"
    assert {"W_x", "W_h", "w", "c"} == set(weights["000020.npz"]) and weights["000020.npz"]["W_h"].shape == (
        1,
        128,
        128,
    )
    assert np.all(np.diag(weights["000020.npz"]["W_h"][0]) == 0)
    assert not np.array_equal(weights["000020.npz"]["W_h"], weights["000000.npz"]["W_h"])


def test_training_performance_is_measured_on_a_sample_until_the_end_and_then_on_all(undisturbed):
    history = pd.read_csv(str(undisturbed / "history.csv"))
    assert list(history.training_examples) == [10000, 10000, 55000]
    assert list(history.at_end) == [False, False, True]


@pytest.mark.slow
def test_the_same_command_elsewhere_gives_the_same_bits(undisturbed, tmp_path):
    code, out, err = train(*SHORT, output=tmp_path)
    # where there is no terminal, a line per evaluation
    assert code == 0 and [line.split(",")[0] for line in err.splitlines()] == [
        f"iteration {i} of 20" for i in (0, 10, 20)
    ]
    assert_same(results(Path(out.strip())), results(undisturbed))


def test_a_finished_run_is_not_repeated(undisturbed):
    before = (undisturbed / "provenance.json").stat().st_mtime_ns
    code, out, _ = train(*SHORT, output=undisturbed.parent)
    assert code == 0 and Path(out.strip()) == undisturbed
    assert (undisturbed / "provenance.json").stat().st_mtime_ns == before


@pytest.mark.slow
@pytest.mark.parametrize("number, code", [(signal.SIGKILL, -9), (signal.SIGTERM, 143)])
def test_a_killed_run_goes_on_to_the_same_bits(small, tmp_path, number, code):
    process = start(*SMALL, output=tmp_path)
    partial = tmp_path / (small.name + ".partial")
    wait_for((partial / "weights" / "000010.npz").exists, process)
    os.kill(process.pid, number)
    process.communicate()
    assert process.returncode == code
    assert partial.is_dir() and not (tmp_path / small.name).exists()  # nothing half-made is taken for a result
    assert train(*SMALL, output=tmp_path)[0] == 0
    assert_same(results(tmp_path / small.name), results(small))


@pytest.mark.slow
def test_a_run_in_progress_is_not_disturbed(small, tmp_path):
    process = start(*SMALL, output=tmp_path)
    partial = tmp_path / (small.name + ".partial")
    wait_for((partial / "checkpoint.npz").exists, process)
    code, _, err = train(*SMALL, output=tmp_path)
    assert code == 2 and "being trained by another process" in err and len(err.splitlines()) == 1
    process.communicate()
    assert process.returncode == 0


@pytest.mark.parametrize("every", ["10", "2"])  # between two evaluations, and in the step before one
def test_divergence_ends_the_run_and_keeps_its_history(every, tmp_path):
    code, out, err = train(
        *TINY, "--learning-rate", "1e15", "--iterations", "30", "--evaluate-every", every, output=tmp_path
    )
    assert code == 0 and "diverged at iteration" in err + out
    folder = Path(out.strip().splitlines()[-1])
    entry = json.loads((folder / "summary.json").read_text())[0]
    assert entry["status"] == "diverged" and 0 < entry["diverged_at"] < 30
    history = (folder / "history.csv").read_text().splitlines()
    assert len(history) >= 2 and "nan" not in history[1].lower()


@pytest.mark.slow
def test_a_full_disk_is_reported_and_harms_nothing(tmp_path):
    limited = f"ulimit -f 4; exec {' '.join(command(*SMALL, output=tmp_path))}"  # files of at most 4 KB; weights have 9
    code = subprocess.run(
        ["bash", "-c", f"trap '' XFSZ; {limited}"], cwd=str(HOME), capture_output=True, text=True
    )  # fmt: skip
    assert code.returncode == 1 and "File too large" in code.stderr and "Traceback" not in code.stderr
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".partial"]
    assert train(*SMALL, output=tmp_path)[0] == 0


BAD = {
    "unknown task": (["--task", "chess", "--rule", "bptt"], "unknown task 'chess'; known: .*seq_mnist"),
    "unknown rule": (["--task", "seq_mnist", "--rule", "hebb"], "unknown rule 'hebb'; known: bptt"),
    "no rule": (["--task", "seq_mnist"], "no rule given; known: bptt"),
    "unknown option": (SHORT + ["--momentum", "0.9"], "unknown option --momentum; known: .*--batch-size"),
    "unknown optimizer": (SHORT + ["--optimizer", "lion"], "unknown optimizer 'lion'; known: sgd, adam"),
    "unknown matrix": (SHORT + ["--hessian-of", "w"], "unknown hessian_of 'w'; known: W_h, W_x"),
    "zero batch": (SHORT + ["--batch-size", "0"], "batch_size is 0; expected a whole number of at least 1"),
    "part of a full batch": (
        ["--task", "delayed_match", "--rule", "bptt", "--batch-size", "2"],
        "batch_size is 2; delayed_match trains on its full batch",
    ),
    "nothing left of the steps": (
        ["--task", "delayed_match", "--rule", "truncated_bptt(20)"],
        "leaves nothing of 20 steps; at most 19",
    ),
    "number with zeros": (["--task", "seq_mnist", "--rule", "truncated_bptt(014)"], "unknown rule"),
    "sensitivities too large": (["--task", "seq_mnist", "--rule", "rtrl"], "rtrl holds N.3 numbers per example"),
    "unknown parameter": (
        ["--task", "delayed_match", "--rule", "bptt", "--parameter", "tau=3"],
        "unknown parameter 'tau' of delayed_match; known: units, adaptive_units, tau_b",
    ),
    "parameter of another kind": (
        ["--task", "delayed_match", "--rule", "bptt", "--parameter", "delay=long"],
        "parameter delay of delayed_match is 'long'; expected a whole number from 0 to 1000, like 16",
    ),
    "no units": (
        ["--task", "delayed_match", "--rule", "bptt", "--parameter", "units=0"],
        "parameter units of delayed_match is 0; expected a whole number from 1 to 10000",
    ),
    "nothing to validate on": (
        ["--task", "delayed_match", "--rule", "bptt", "--hessian-on", "fresh"],
        "hessian_on is fresh; delayed_match has no validation set to draw from",
    ),
    "rate too large for single precision": (SHORT + ["--learning-rate", "1e39"], "learning_rate is 1e.39; expected"),
    "negative length": (SHORT + ["--iterations", "-5"], "iterations is -5; expected"),
    "batch too large": (SHORT + ["--batch-size", "55001"], "batch_size is 55001; the training data has 55000 examples"),
    "no rate": (SHORT + ["--learning-rate", "0"], "learning_rate is 0.0; expected a number above 0"),
    "nan rate": (SHORT + ["--learning-rate", "nan"], "learning_rate is nan; expected a number above 0"),
    "no number": (SHORT + ["--batch-size", "many"], "argument --batch-size: invalid int value: 'many'"),
    "same seed twice": (SHORT + ["--seeds", "1", "1"], "seeds are .1, 1.; expected different"),
    "same rate twice": (SHORT + ["--learning-rate", "0.1", "0.1"], "learning_rates are .0.1, 0.1.; expected different"),
    "negative seed": (SHORT + ["--seeds", "-1"], "seeds are .-1.; expected different whole numbers from 0 up"),
}


@pytest.fixture
def refused(capsys, tmp_path):
    """A function (options, message): the command line refuses them in one line, exit code 2, and begins nothing."""

    def check(options, message):
        with pytest.raises(SystemExit) as exit_code:
            main(options + ["--output", str(tmp_path / "runs")])
        out, err = capsys.readouterr()
        assert exit_code.value.code == 2 and out == "" and len(err.splitlines()) == 1, err
        assert re.search(message, err), err
        assert not (tmp_path / "runs").exists()

    return check


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_exit_2(case, refused):
    refused(*BAD[case])


def test_a_refusal_as_the_shell_sees_it(tmp_path):
    code, out, err = train("--task", "chess", "--rule", "bptt", output=tmp_path / "runs")
    assert code == 2 and out == "" and len(err.splitlines()) == 1 and not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "text, message",
    [
        ("rule: bptt\nrat: 0.1\n", "unknown config key 'rat'; known: task, rule"),
        ("- bptt\n", "has no settings"),
        ("rule: [bptt\n", "cannot be read"),
        ("rule: bptt\niterations: many\n", "iterations is many; expected a whole number"),
        ("rule: bptt\nseeds: 3\n", "seeds are 3; expected a list"),
        ("rule: bptt\nseeds: null\n", "seeds are None; expected a list"),
        ("rule: [bptt]\n", "no rule given"),
        ("rule: bptt\nlearning_rates: [1e-2]\n", "learning_rate is 1e-2; expected a number above 0"),
        ("rule: bptt\nlearning_rates: [true]\n", "learning_rate is True; expected a number above 0"),
        ("rule: bptt\niterations: true\n", "iterations is True; expected a whole number"),
        ("rule: bptt\nuntil_stable: 1\n", "until_stable is 1; expected true or false"),
        ("rule: bptt\nparameters: 3\n", "parameters are 3; expected names and values"),
    ],
)
def test_bad_config_file_is_one_line_and_exit_2(text, message, tmp_path, refused):
    path = tmp_path / "run.yaml"
    path.write_text(text)
    refused(["--config", str(path), "--task", "seq_mnist"], re.escape(message))


def test_a_config_file_that_is_no_text_is_one_line_and_exit_2(tmp_path, refused):
    path = tmp_path / "run.yaml"
    path.write_bytes(b"rule: \xff\xfe")
    refused(["--config", str(path), "--task", "seq_mnist"], "cannot be read")


def test_an_output_folder_that_cannot_be_made_is_one_line_and_exit_2(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit) as code:
        main(["--task", "delayed_match", "--rule", "bptt", "--output", str(tmp_path / "file" / "runs")])
    said = f"experiments.train: output folder {tmp_path / 'file' / 'runs'} cannot be written: Not a directory\n"
    assert code.value.code == 2 and capsys.readouterr().err == said


@pytest.mark.slow
def test_a_damaged_checkpoint_is_named(small, tmp_path):
    checkpoint = tmp_path / f"{small.name}.partial" / "checkpoint.npz"
    checkpoint.parent.mkdir()
    checkpoint.write_bytes(b"PK\x03\x04 cut short")
    code, _, err = train(*SMALL, output=tmp_path)
    assert code == 2 and f"checkpoint {checkpoint} is damaged" in err and len(err.splitlines()) == 1


@pytest.mark.slow
def test_what_lies_where_a_run_will_end_is_put_aside(small, tmp_path):
    (tmp_path / small.name).mkdir()
    (tmp_path / small.name / "history.csv").write_text("of a run whose summary was deleted")
    assert train(*SMALL, output=tmp_path)[0] == 0
    assert_same(results(tmp_path / small.name), results(small))
    assert [path for path in tmp_path.iterdir() if ".incomplete-" in path.name]


@pytest.mark.slow
def test_an_ensemble_that_was_killed_goes_on_to_the_same_bits(tmp_path):
    """With Adam, whose moments must come back, and with a replica that has diverged before the kill."""
    options = TINY + ["--seeds", "0", "1", "--learning-rate", "0.01", "1e9", "--optimizer", "adam"]
    options += ["--iterations", "600", "--evaluate-every", "10", "--no-until-stable"]
    code, out, err = train(*options, output=tmp_path / "whole")
    assert code == 0, err
    whole = Path(out.strip())
    process = start(*options, output=tmp_path / "killed")
    partial = tmp_path / "killed" / f"{whole.name}.partial"
    wait_for((partial / "weights" / "000030.npz").exists, process)
    process.kill()
    process.communicate()
    assert partial.is_dir()
    assert train(*options, output=tmp_path / "killed")[0] == 0
    assert_same(results(tmp_path / "killed" / whole.name), results(whole))
    entries = json.loads((whole / "summary.json").read_text())
    assert [(e["seed"], e["learning_rate"]) for e in entries] == [(0, 0.01), (1, 0.01), (0, 1e9), (1, 1e9)]
    assert [e["status"] for e in entries] == ["completed", "completed", "diverged", "diverged"]


def test_the_end_of_training_is_the_median_over_the_window(tmp_path):
    code, out, _ = train(
        *TINY, "--learning-rate", "0.001", "--iterations", "50", "--evaluate-every", "10", "--window", "3",
        "--no-until-stable", "--early-every", "2", "--early-until", "6", output=tmp_path,
    )  # fmt: skip
    assert code == 0
    history = pd.read_csv(str(Path(out.strip()) / "history.csv"), float_precision="round_trip")
    assert list(history.iteration) == [0, 2, 4, 6, 10, 20, 30, 40, 50]
    entry = json.loads((Path(out.strip()) / "summary.json").read_text())[0]
    assert entry["status"] == "completed" and entry["end_from_iteration"] == 30
    for name in ("eigenvalue", "gap", "loss_gap", "fixed_noise_gap"):
        assert entry[f"end_{name}"] == sorted(history[name].values[-3:])[1]
    assert list(history.at_end) == 6 * [False] + 3 * [True] and set(history.training_examples) == {1}
    assert np.allclose(history.gap, history.test_performance - history.training_performance, rtol=1e-12)  # an error


def test_matched_training_loss_is_the_first_evaluation_at_or_below_it(tmp_path):
    code, out, _ = train(
        *TINY, "--learning-rate", "0.01", "--iterations", "400", "--evaluate-every", "10", "--no-until-stable",
        output=tmp_path,
    )  # fmt: skip
    assert code == 0
    history = pd.read_csv(str(Path(out.strip()) / "history.csv"), float_precision="round_trip")
    matched = json.loads((Path(out.strip()) / "summary.json").read_text())[0]["at_matched_training_loss"]
    assert set(matched) == {"0.01", "0.001"}
    for loss, found in matched.items():
        reached = history.index[history.training_data_loss <= float(loss)]
        row = history.loc[reached[0]].dropna().to_dict() if len(reached) else None
        assert row == (found and {name: value for name, value in found.items() if value is not None})
    assert matched["0.01"] is not None


def test_evaluations_are_regular_early_and_the_last_and_the_end_is_of_regular_ones():
    config = make_config(
        "seq_mnist", "bptt", [0], iterations=45, evaluate_every=10, early_every=4, early_until=9, window=2
    )
    assert evaluations(config) == [0, 4, 8, 10, 20, 30, 40, 45]
    assert end_of_training(config, evaluations(config)) == [30, 40]
    assert end_of_training(config, [0, 4, 8, 10]) == [0, 10]


def test_until_stable_ends_each_replica_for_itself(tmp_path):
    """At a tiny rate nothing changes and a replica is stable at once; at a fair one it is not before the cap."""
    code, out, _ = train(
        *TINY, "--learning-rate", "1e-12", "0.003", "--iterations", "60", "--evaluate-every", "10", "--window", "2",
        "--until-stable", "--stability-tolerance", "1e-4", output=tmp_path,
    )  # fmt: skip
    assert code == 0
    still, moving = json.loads((Path(out.strip()) / "summary.json").read_text())
    assert (still["status"], still["final"]["iteration"], still["evaluations"]) == ("stable", 30, 4)
    assert (moving["status"], moving["final"]["iteration"], moving["evaluations"]) == ("capped", 60, 7)


def test_step_decay_multiplies_the_rate():
    config = make_config("seq_mnist", "bptt", [0], decay_factor=0.8, decay_every=10)
    assert [learning_rate_factor(config, i) for i in (0, 9, 10, 25)] == pytest.approx([1, 1, 0.8, 0.64])


def test_stability_compares_medians_of_two_windows():
    level, moved = [1.0] * 10, [1.06] * 10
    assert is_stable([5.0] + level + level, level + level, 10, 0.05)
    assert not is_stable(level + moved, level + level, 10, 0.05)
    assert not is_stable(level + level, level + moved, 10, 0.05)
    assert is_stable(level + moved, level + level, 10, 0.06)
    assert not is_stable(level + level[:9], level + level, 10, 0.05)
    assert is_stable([1.0] * 16 + [9.0] * 4, level + level, 10, 0.05)  # a median, not a mean
    assert is_stable([0.0] * 20, level + level, 10, 0.05)


def test_seeds_and_rates_become_ensembles():
    configs = make_ensembles("seq_mnist", "bptt", [0, 1], [0.1, 0.2])
    assert [(c.seeds, c.learning_rates) for c in configs] == [([0], [0.1]), ([1], [0.1]), ([0], [0.2]), ([1], [0.2])]
    configs = make_ensembles("delayed_match", "bptt", list(range(12)), [0.1])
    assert [len(members(c)) for c in configs] == [10, 2]
    configs = make_ensembles("delayed_match", "bptt", [0, 1, 2], [0.1, 0.2, 0.3])
    assert [len(members(c)) for c in configs] == [9]
    whole = [member for c in make_ensembles("delayed_match", "bptt", [5, 6, 7, 8], [1, 2, 3]) for member in members(c)]
    assert sorted(whole) == [(seed, float(rate)) for seed in (5, 6, 7, 8) for rate in (1, 2, 3)]


def test_the_configuration_comes_back_from_its_file():
    config = make_config("pattern_generation", "mdgl", [3, 1], [0.1], parameters={"input_sd": 2})
    assert from_dict(json.loads(json.dumps(as_dict(config)))) == config
    assert config_hash(config) != config_hash(make_config("pattern_generation", "mdgl", [3, 1], [0.1]))
    with pytest.raises(ConfigError, match="version"):
        from_dict({"task": "seq_mnist"})


def test_a_config_file_is_the_same_as_options(undisturbed, tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(
        "task: seq_mnist\nrule: bptt\nlearning_rates: [0.01]\niterations: 20\nevaluate_every: 10\nwindow: 1\n"
    )
    code, out, _ = train("--config", str(path), "--rule", "three_factor", output=undisturbed.parent)
    assert code == 0 and Path(out.strip()) == undisturbed


def test_a_run_is_made_again_from_its_own_configuration(small, tmp_path, refused):
    path = small / "config.json"
    code, out, _ = train("--config", str(path), output=small.parent)
    assert code == 0 and Path(out.strip()) == small
    other = tmp_path / "config.json"
    stored = json.loads(path.read_text())
    other.write_text(json.dumps(dict(stored, task_constants=dict(stored["task_constants"], units=7))))
    refused(["--config", str(other)], "other constants of pattern_generation")


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_a_commit_is_marked_if_code_has_changed_and_not_if_results_have(tmp_path, monkeypatch):
    monkeypatch.delenv("BIOLHESS_COMMIT", raising=False)
    assert commit_of(tmp_path) == "unknown"
    for folder in (*CODE, "results"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "file").write_text("as committed")
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    for arguments in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "all"]):
        subprocess.run(["git", *arguments], cwd=str(tmp_path), check=True)
    clean = commit_of(tmp_path)
    assert re.fullmatch("[0-9a-f]{12}", clean)
    (tmp_path / "results" / "file").write_text("drawn again")
    assert commit_of(tmp_path) == clean
    (tmp_path / "rules" / "mine.py").write_text("a rule of one's own")
    assert commit_of(tmp_path) == clean + "-dirty"
