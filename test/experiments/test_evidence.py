"""Evidence: deterministic to the byte, never half read, never another run's, and as good as the run itself."""

import hashlib
import io
import json
import lzma
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest

from experiments.evidence.archives import write_npz
from experiments.evidence.difference import difference
from experiments.evidence.files import write_json
from experiments.evidence.packed import DIGEST, EvidenceError, evidence_path, pack, packed, read_evidence, unpack
from experiments.plan.config import as_dict, config_hash, make_config, stored_hash
from experiments.plan.experiment_file import Plan
from experiments.workflow import verify
from experiments.workflow.finished import left_to_do, pack_missing, take_evidence
from experiments.workflow.verify import chosen, verifiable

HOME = Path(__file__).resolve().parents[2]
CONFIG = make_config("pattern_generation", "bptt", [0, 1], [0.003], iterations=500)


def made(root, config=CONFIG, measures=("spectrum",)):
    """A finished run's folder with three evaluations, as far as evidence looks into it."""
    run = root / config_hash(config)
    (run / "weights").mkdir(parents=True)
    write_json(run / "config.json", as_dict(config))
    (run / "history.csv").write_text("seed,iteration\n" + "".join(f"{s},{i}\n" for i in (0, 250, 500) for s in (0, 1)))
    for name in ("summary.json", "provenance.json"):
        write_json(run / name, [name])
    numbers = np.random.RandomState(0)
    for iteration in (0, 250, 500):
        write_npz(run / "weights" / f"{iteration:06d}.npz", {"W_h": numbers.normal(size=(2, 30, 30)).astype("f4")})
    (run / "checkpoint.npz").write_bytes(b"large")
    for measure in measures:
        (run / f"{measure}.csv").write_text("seed\n0\n")
    return run


def planned(*measures, config=CONFIG):
    """A plan with one run, as far as its runs and measures go."""
    run = config_hash(config)
    return Plan(runs={run: config}, blocks={"all": [run]}, measures={"all": list(measures)})


def taken(tmp_path, *measures):
    """(lines that were said, what is in runs/, what is in done/) after taking evidence for these measures."""
    results = tmp_path / "results"
    for name in ("runs", "done"):
        (results / name).mkdir(parents=True, exist_ok=True)
    lines = take_evidence(planned(*measures), results, tmp_path / "evidence")
    runs, done = (sorted(path.name for path in (results / name).iterdir()) for name in ("runs", "done"))
    return lines, runs, done


def test_it_holds_what_is_drawn_from_and_no_checkpoint(tmp_path):
    run = made(tmp_path)
    members = read_evidence(pack(run, tmp_path / "evidence", weights=True))
    named = {"config.json", "history.csv", "summary.json", "provenance.json", "spectrum.csv", "weights/000500.npz"}
    assert set(members) == named
    assert all(content == (run / name).read_bytes() for name, content in members.items())


def test_a_history_with_words_in_it_is_kept_as_it_is(tmp_path):
    run = made(tmp_path)
    (run / "history.csv").write_text("seed,iteration\n0,first\n")
    members = read_evidence(pack(run, tmp_path / "evidence", weights=True))
    assert members["history.csv"] == b"seed,iteration\n0,first\n"


def test_without_weights_it_has_their_digest(tmp_path):
    run = made(tmp_path)
    members = read_evidence(pack(run, tmp_path / "evidence", weights=False))
    with np.load(str(run / "weights" / "000500.npz")) as stored:
        content = b"W_h <f4 (2, 30, 30)\n" + stored["W_h"].tobytes()
    assert members["weights.sha256"].decode().strip() == hashlib.sha256(content).hexdigest()
    assert not any(name.endswith(".npz") for name in members)


@pytest.mark.parametrize("weights", [True, False])
def test_packed_twice_unpacked_or_elsewhere_it_is_the_same_bytes(weights, tmp_path):
    run = made(tmp_path / "here")
    first = pack(run, tmp_path / "evidence", weights).read_bytes()
    os.utime(str(run / "config.json"), (0, 0))
    (run / "history.csv").chmod(0o600)
    assert pack(run, tmp_path / "evidence", weights).read_bytes() == first
    (tmp_path / "there").mkdir()
    other = tmp_path / "there" / run.name
    unpack(read_evidence(evidence_path(tmp_path / "evidence", run.name)), other)
    assert pack(other, tmp_path / "again", weights).read_bytes() == first


def test_what_is_finished_is_taken_and_marked_and_nothing_is_said(tmp_path):
    run = made(tmp_path / "made", measures=("spectrum", "power_law"))
    pack(run, tmp_path / "evidence", weights=True)
    lines, runs, done = taken(tmp_path, "spectrum", "power_law")
    assert (lines, runs) == ([], [run.name])
    assert done == [run.name, f"{run.name}.power_law", f"{run.name}.spectrum"]
    times = {path.stat().st_mtime_ns for path in (tmp_path / "results" / "done").iterdir()}
    assert len(times) == 1  # lest Snakemake take one for out of date


@pytest.mark.parametrize("measure", ["alignment", "relative_flatness", "taylor"])
def test_a_measure_whose_weights_are_not_there_has_the_run_trained_anew(measure, tmp_path):
    path = pack(made(tmp_path / "made"), tmp_path / "evidence", weights=True)
    lines, runs, done = taken(tmp_path, "spectrum", measure)
    assert lines == [f"{path} lacks the weights that {measure} needs: the ensemble is trained again"]
    assert runs == done == []


def test_a_run_that_lacks_a_table_takes_it_from_evidence_instead_of_training_anew(tmp_path):
    """Such as after a pull that brought a measure which needs weights that evidence does not keep."""
    path = pack(made(tmp_path / "made", measures=()), tmp_path / "evidence", weights=True)
    assert taken(tmp_path) == ([], [path.name.split(".")[0]], [path.name.split(".")[0]])
    run = made(tmp_path / "again", measures=("taylor",))
    pack(run, tmp_path / "evidence", weights=True)
    assert left_to_do(tmp_path / "results", tmp_path / "evidence", run.name, ["taylor"]) == []
    lines, runs, done = taken(tmp_path, "taylor")
    assert lines == [] and run.name in runs and done == [run.name, f"{run.name}.taylor"]
    assert (tmp_path / "results" / "runs" / run.name / "taylor.csv").read_text() == "seed\n0\n"


def test_what_is_left_to_do_of_a_run_is_what_taking_its_evidence_would_leave(tmp_path):
    results, evidence = tmp_path / "results", tmp_path / "evidence"
    run = made(tmp_path / "made")
    assert left_to_do(results, evidence, run.name, ["spectrum"]) == ["train", "spectrum"]
    assert left_to_do(results, None, run.name, []) == ["train"]
    path = pack(run, evidence, weights=True)
    assert left_to_do(results, evidence, run.name, []) == []
    assert left_to_do(results, evidence, run.name, ["power_law", "spectrum"]) == ["power_law"]
    assert left_to_do(results, evidence, run.name, ["taylor"]) == ["train", "taylor"]
    path.write_bytes(b"damaged")
    assert left_to_do(results, evidence, run.name, ["spectrum"]) == ["train", "spectrum"]
    (results / "runs").mkdir(parents=True)
    shutil.copytree(str(run), str(results / "runs" / run.name))
    assert left_to_do(results, evidence, run.name, ["spectrum", "taylor"]) == ["taylor"]


def test_a_spectrum_needs_the_weights_at_the_end_alone(tmp_path):
    run = made(tmp_path / "made", measures=())
    pack(run, tmp_path / "evidence", weights=True)
    assert taken(tmp_path, "spectrum", "power_law") == ([], [run.name], [run.name])
    for folder in ("results", "evidence"):
        shutil.rmtree(str(tmp_path / folder))
    path = pack(run, tmp_path / "evidence", weights=False)
    lines, runs, _ = taken(tmp_path, "spectrum", "power_law")
    assert lines == [f"{path} lacks the weights that power_law needs: the ensemble is trained again"] and runs == []


def test_packing_keeps_what_earlier_evidence_of_the_same_run_has_beside(tmp_path):
    """Tables of measures taken elsewhere, and weights; not those of another history, as another processor makes it."""
    whole = read_evidence(pack(made(tmp_path / "here"), tmp_path / "evidence", weights=True))
    again = made(tmp_path / "there", measures=("taylor",))
    together = read_evidence(pack(again, tmp_path / "evidence", weights=False))
    assert together == {**whole, "taylor.csv": (again / "taylor.csv").read_bytes()}
    (again / "history.csv").write_text("seed,iteration\n0,0\n")
    assert set(read_evidence(pack(again, tmp_path / "evidence", weights=False))) == {*whole, "taylor.csv", DIGEST} - {
        "spectrum.csv",
        "weights/000500.npz",
    }


def test_a_power_law_needs_no_weights_beside_a_spectrum(tmp_path):
    run = made(tmp_path / "made")
    pack(run, tmp_path / "evidence", weights=False)
    assert taken(tmp_path, "spectrum", "power_law")[:2] == ([], [run.name])


def test_a_run_taken_earlier_is_set_aside_when_a_measure_needs_more(tmp_path):
    run = made(tmp_path / "made")
    pack(run, tmp_path / "evidence", weights=True)
    assert taken(tmp_path, "spectrum")[0] == []
    lines, runs, done = taken(tmp_path, "spectrum", "taylor")
    assert len(lines) == 1 and "lacks the weights that taylor needs: the ensemble is trained again" in lines[0]
    assert done == [] and len(runs) == 1 and runs[0].startswith(f"{run.name}.incomplete-")


def test_a_run_with_all_its_weights_stays(tmp_path):
    run = made(tmp_path / "results" / "runs")
    assert taken(tmp_path, "spectrum", "taylor") == ([], [run.name], [])


def rewritten(path, change):
    members = read_evidence(path)
    change(members)
    path.write_bytes(packed(members))


def with_a_link(content):
    """The archive with one member more, a link out of it."""
    plain = io.BytesIO(lzma.decompress(content))
    with tarfile.open(fileobj=plain, mode="a:") as archive:
        link = tarfile.TarInfo("alignment.csv")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return lzma.compress(plain.getvalue())


DAMAGE = {
    "empty": lambda path: path.write_bytes(b""),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "a byte": lambda path: path.write_bytes(path.read_bytes()[:500] + b"\0" + path.read_bytes()[501:]),
    "no archive": lambda path: path.write_bytes(b"<html>"),
    "no tar": lambda path: path.write_bytes(lzma.compress(b"text" * 1000)),
    "half": lambda path: rewritten(path, lambda members: members.pop("history.csv")),
    "no JSON": lambda path: rewritten(path, lambda members: members.update({"config.json": b"{"})),
    "escapes": lambda path: path.write_bytes(packed({**read_evidence(path), "../../escaped.csv": b""})),
    "link": lambda path: path.write_bytes(with_a_link(path.read_bytes())),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_evidence_is_one_line_and_the_run_is_made(damage, tmp_path):
    path = pack(made(tmp_path / "made"), tmp_path / "evidence", weights=True)
    DAMAGE[damage](path)
    if not path.is_dir():
        with pytest.raises(EvidenceError):
            read_evidence(path)
    lines, runs, done = taken(tmp_path, "spectrum")
    assert runs == done == []
    if not path.is_dir():
        assert len(lines) == 1 and len(lines[0].splitlines()) == 1 and lines[0].startswith(f"{path} is damaged: ")
    assert not (tmp_path / "escaped.csv").exists()


def test_foreign_evidence_is_not_used(tmp_path):
    """Another run's file under this run's name; and a configuration edited in the file itself."""
    other = made(tmp_path / "made", make_config("pattern_generation", "bptt", [7], [0.003]))
    wrong = evidence_path(tmp_path / "evidence", config_hash(CONFIG))
    shutil.copy(str(pack(other, tmp_path / "evidence", weights=True)), str(wrong))
    said = f"{wrong} is the evidence of another run, {other.name}: the ensemble is trained again"
    assert taken(tmp_path) == ([said], [], [])
    path = pack(made(tmp_path / "again"), tmp_path / "evidence", weights=True)
    edited = json.dumps(dict(json.loads(json.dumps(as_dict(CONFIG))), rule="three_factor")).encode()
    rewritten(path, lambda members: members.update({"config.json": edited}))
    lines, runs, _ = taken(tmp_path)
    assert runs == [] and "is the evidence of another run" in lines[0]


@pytest.mark.slow
def test_killed_at_ten_moments_of_packing_nothing_half_packed_is_read(tmp_path):
    """kill -9; what stands in the folder afterwards is what was there before, or what was to come, to the byte."""
    run = made(tmp_path / "made")
    write_npz(run / "weights" / "000500.npz", {"W_h": np.random.RandomState(1).normal(size=(10, 100, 100))})
    old = pack(run, tmp_path / "evidence", weights=True).read_bytes()
    (run / "alignment.csv").write_text("seed\n1\n")
    new = pack(run, tmp_path / "new", weights=True).read_bytes()
    code = """
import sys
from pathlib import Path
from experiments.evidence.packed import pack
while True:
    print("packs", flush=True)
    pack(Path(sys.argv[1]), Path(sys.argv[2]), True)
"""
    moments, seen = random.Random(0), set()
    for number in range(10):
        command = [sys.executable, "-c", code, str(run), str(tmp_path / "evidence")]
        process = subprocess.Popen(command, cwd=str(HOME), stdout=subprocess.PIPE)
        for _ in range(1 + number % 3):  # while it packs for the first time, the second, the third
            process.stdout.readline()
        time.sleep(moments.uniform(0, 0.6))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        content = evidence_path(tmp_path / "evidence", run.name).read_bytes()
        assert content in (old, new)
        seen.add(content)
        assert taken(tmp_path)[:2] == ([], [run.name])
        shutil.rmtree(str(tmp_path / "results"))
    assert new in seen


def test_killed_while_unpacking_nothing_half_unpacked_is_a_run(tmp_path):
    run = made(tmp_path / "made")
    pack(run, tmp_path / "evidence", weights=True)
    half = tmp_path / "results" / "runs" / f"{run.name}.unpacking"
    half.mkdir(parents=True)
    (half / "summary.json").write_text("[]")
    assert taken(tmp_path)[:2] == ([], [run.name])


def test_what_is_finished_and_has_no_evidence_is_packed(tmp_path):
    run = made(tmp_path / "results" / "runs")
    plan = planned("spectrum")._replace(evidence={"weights": True})
    pack_missing(plan, tmp_path / "results", tmp_path / "evidence")
    path = evidence_path(tmp_path / "evidence", run.name)
    assert path.read_bytes() == pack(run, tmp_path / "other", weights=True).read_bytes()


def test_a_run_that_cannot_be_packed_is_named_and_the_others_are_packed(tmp_path):
    other = make_config("pattern_generation", "bptt", [2, 3], [0.003], iterations=500)
    whole, damaged = (made(tmp_path / "results" / "runs", config) for config in (CONFIG, other))
    (damaged / "weights" / "000500.npz").write_bytes(b"PK")
    plan = planned()._replace(evidence={"weights": False})
    plan = plan._replace(runs={whole.name: CONFIG, damaged.name: other})
    (line,) = pack_missing(plan, tmp_path / "results", tmp_path / "evidence")
    assert line.startswith(f"{damaged} is not packed: ") and "\n" not in line
    assert evidence_path(tmp_path / "evidence", whole.name).is_file()


def test_evidence_that_lacks_a_measure_which_the_run_has_by_now_is_packed_anew(tmp_path):
    run = made(tmp_path / "results" / "runs")
    plan = planned("spectrum", "taylor")._replace(evidence={"weights": True})
    path = pack(run, tmp_path / "evidence", True)
    packed = path.read_bytes()
    pack_missing(plan, tmp_path / "results", tmp_path / "evidence")
    assert path.read_bytes() == packed
    (run / "taylor.csv").write_text("seed\n0\n")
    pack_missing(plan, tmp_path / "results", tmp_path / "evidence")
    assert read_evidence(path)["taylor.csv"] == b"seed\n0\n"
    path.write_bytes(packed[:100])
    pack_missing(plan, tmp_path / "results", tmp_path / "evidence")
    assert set(read_evidence(path)) > {"spectrum.csv", "taylor.csv"}


def test_a_difference_is_the_largest_of_each_column(tmp_path):
    run = made(tmp_path / "made")
    (run / "history.csv").write_text("seed,learning_rate,iteration,loss,gap\n0,0.1,0,4.0,-1.0\n0,0.1,500,2.0,nan\n")
    members = read_evidence(pack(run, tmp_path / "evidence", weights=True))
    digest = read_evidence(pack(run, tmp_path / "digest", weights=False))
    assert difference(members, run) is None and difference(digest, run) is None
    (run / "history.csv").write_text("seed,learning_rate,iteration,loss,gap\n0,0.1,0,4.0,-1.0\n0,0.1,500,2.5,nan\n")
    assert difference(members, run) == "loss 0.12"
    with np.load(str(run / "weights" / "000500.npz")) as stored:
        changed = stored["W_h"] + np.float32(2.0) * (np.arange(1800).reshape(2, 30, 30) == 7)
        largest = max(abs(changed).max(), abs(stored["W_h"]).max())
    write_npz(run / "weights" / "000500.npz", {"W_h": changed.astype("f4")})
    assert difference(members, run) == f"loss 0.12, weights {2 / largest:.2g}"
    assert "weights (by how much is not known" in difference(digest, run)
    (run / "history.csv").write_text("seed,learning_rate,iteration,loss,gap\n0,0.1,0,4.0,nan\n")
    assert difference(members, run).startswith("1 evaluations instead of 2, gap inf, weights")


def test_verify_with_tensorflow_2_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(verify, "TENSORFLOW", 2)
    with pytest.raises(SystemExit) as error:
        verify.main([])
    assert error.value.code == 2 and "made with TensorFlow 1.14" in capsys.readouterr().err


def test_verify_picks_the_shortest_of_each_task_and_rule(tmp_path):
    configs = [
        make_config(task, rule, [0], [rate], iterations=iterations)
        for task in ("pattern_generation", "delayed_match")
        for rule, rate, iterations in (("bptt", 0.1, 500), ("bptt", 0.2, 250), ("mdgl", 0.1, 500))
    ]
    for config in configs:
        pack(made(tmp_path / "made", config), tmp_path / "evidence", weights=True)
    (tmp_path / "evidence" / "0123456789ab.tar.xz").write_bytes(b"damaged")
    stale = dict(json.loads(json.dumps(as_dict(CONFIG))), version=1)
    run = made(tmp_path / "made")
    write_json(run / "config.json", stale)
    run.rename(run.with_name(stored_hash(stale)))
    pack(run.with_name(stored_hash(stale)), tmp_path / "evidence", weights=True)
    found, lines = verifiable(tmp_path / "evidence", ["pattern_generation", "delayed_match"])
    assert len(found) == 6 and len(lines) == 2 and all(len(line.splitlines()) == 1 for line in lines)
    short = {config_hash(config) for config in configs if (config.rule, config.iterations) != ("bptt", 500)}
    assert set(chosen(found, None)) == short
    assert set(chosen(found, 4)) == short and len(chosen(found, 5)) == 5 and len(chosen(found, 1)) == 1
    of_one_task, _ = verifiable(tmp_path / "evidence", ["delayed_match"])
    assert {one.config.task for one in of_one_task} == {"delayed_match"}


def test_what_other_code_has_verified_is_removed_and_trained_anew(tmp_path, monkeypatch):
    """Without it an edit of the training loop would be compared with what the code before it had trained."""
    (tmp_path / "runs" / "old").mkdir(parents=True)
    verify.remove_if_stale(tmp_path)
    assert not (tmp_path / "runs").exists()
    (tmp_path / "runs" / "new").mkdir(parents=True)
    verify.remove_if_stale(tmp_path)
    assert (tmp_path / "runs" / "new").is_dir()
    today = verify.source_hashes
    monkeypatch.setattr(verify, "source_hashes", lambda *given: dict(today(*given), **{"hessian.product": "0"}))
    verify.remove_if_stale(tmp_path)
    assert not (tmp_path / "runs").exists()
    assert {"models.recurrence", "experiments.train.loop", "rules.mdgl", "tasks.seq_mnist"} <= set(
        json.loads((tmp_path / "code.json").read_text())
    )
