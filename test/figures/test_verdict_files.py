"""Verdicts from a results folder: what is written, how old the rule says it is, and the claims file itself."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from synthetic import ResultsFolder, complete, ends

from figures import claims, preregistration, verdicts
from figures.__main__ import main
from figures.runs import load

HOME = Path(__file__).resolve().parents[2]
PUBLISHED = claims.read_published()


@pytest.mark.slow
def test_every_row_of_a_complete_folder_is_judged_and_the_files_are_the_same_bytes_twice(tmp_path):
    root = complete(tmp_path / "r", {"seq_mnist": 5, "pattern_generation": 6, "delayed_match": 5})
    for name in ("one", "two"):
        assert main(["verdicts", str(root), str(tmp_path / name)]) == 0
    for file in ("verdicts.csv", "verdicts.json", "published.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    found = json.loads((tmp_path / "one" / "verdicts.json").read_text())
    assert len(found["rows"]) == len(list(claims.rows_of(PUBLISHED)))
    judged = {(row["claim"], row["task"]): row for row in found["rows"]}
    assert judged["spectrum_steeper", "pattern_generation"]["verdict"] == "reproduced"
    assert judged["error_not_aligned", "seq_mnist"]["verdict"] != "no runs"
    assert judged["test_chosen_gap", "delayed_match"]["verdict"] == "no runs"
    assert judged["test_chosen_gap", "delayed_match"]["p"] is None
    without = {row["claim"] for row in found["rows"] if row["verdict"] == "no runs"}
    assert not without & {"gap_larger", "adam", "within_bptt", "table1_gap_bptt", "schedule_slight", "shorter_step"}
    assert found["rule"]["earliest_run"] == "2026-01-01T00:00:00Z" and found["rule"]["changes"] == PUBLISHED["changes"]


def test_early_stopping_and_matched_loss_are_read_from_the_runs(tmp_path):
    folder = ResultsFolder(tmp_path / "r")
    folder.run("b", "delayed_match", "bptt", ends("b", 6), capped=(0,))
    folder.run("t", "delayed_match", "three_factor", ends("t", 6, eigenvalue=900.0))
    folder.group("main", "b", "t")
    rows = verdicts.judged(load(folder.save()), PUBLISHED)
    row = next(row for row in rows if row["claim"] == "curvature_higher" and row["task"] == "delayed_match")
    assert row["matched"].startswith("at a training loss of 0.01 (6 and 6 runs): 1, p = ")


def test_verdicts_do_not_import_matplotlib():
    code = "import sys, figures.verdicts; print('matplotlib' in sys.modules, 'tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=str(HOME), stdout=subprocess.PIPE, text=True)
    assert done.stdout.strip() == "False False"


@pytest.mark.parametrize(
    "committed, started, older, words",
    [
        ("2026-11-24T10:00:00+01:00", "2026-11-24T09:00:01Z", True, "before the first judged run began"),
        ("2026-11-24T10:00:00+01:00", "2026-11-24T08:59:59Z", False, "after the first judged run began"),
        ("2026-11-24T10:00:00+01:00", "", None, "before any run"),
        ("unknown", "2026-11-24T08:59:59Z", None, "unknown here"),
    ],
)
def test_the_rule_says_whether_it_is_older_than_the_runs(committed, started, older, words):
    assert preregistration.older_than(committed, started) is older
    found = {"commit": "abc", "committed": committed, "earliest_run": started, "first_commit": ""}
    assert words in preregistration.line(found, older)


def test_a_rule_that_was_corrected_says_when_it_was_committed_first():
    found = {"commit": "def", "committed": "2026-11-25T09:00:00Z", "earliest_run": "2026-11-24T09:00:00Z"}
    older = dict(found, first_commit="abc", first_committed="2026-11-24T08:00:00Z")
    said = preregistration.line(older, False)
    assert "(commit abc), before the first judged run" in said and "corrected since, on 2026-11-25T09:00:00Z" in said
    later = dict(older, first_committed="2026-11-24T10:00:00Z")
    assert "after the first judged run" in preregistration.line(later, False)


def test_the_earliest_run_is_that_of_any_session():
    sessions = [[{"started": "2026-02-01T00:00:00Z"}], [{"started": "2026-01-31T23:00:00Z"}, {}]]
    provenances = [{}, *[{"sessions": own} for own in sessions]]
    assert preregistration.earliest(provenances) == "2026-01-31T23:00:00Z" and preregistration.earliest([]) == ""


def test_in_the_image_the_rules_time_is_unknown_and_its_hashes_are_not(monkeypatch):
    monkeypatch.setenv("BIOLHESS_COMMIT", "abcdef")
    found = preregistration.rule([], [])
    assert (found["commit"], found["committed"], found["older_than_runs"]) == ("abcdef", "unknown", None)
    assert len(found["claims_sha256"]) == len(found["code_sha256"]) == 64


@pytest.mark.slow
def test_the_rule_is_as_old_as_the_first_commit_that_has_it(tmp_path, monkeypatch):
    """A comment makes no other rule; a margin does; what is taken back is the old one again."""

    def commit(file, change):
        path = tmp_path / file
        path.write_text(change(path.read_text()))
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.check_call(["git", *who, "commit", "-qam", "change"], cwd=str(tmp_path))
        head = subprocess.check_output(["git", "rev-parse", "--short=12", "HEAD"], cwd=str(tmp_path), text=True)
        return head.strip(), preregistration.rule([], [])["commit"]

    for file in preregistration.FILES:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(str(preregistration.HOME / file), str(tmp_path / file))
    monkeypatch.setattr(preregistration, "HOME", tmp_path)
    monkeypatch.delenv("BIOLHESS_COMMIT", raising=False)
    for words in (["init", "-q", "."], ["add", "."]):
        subprocess.check_call(["git", *words], cwd=str(tmp_path))
    first, found = commit("figures/kinds.py", str)
    assert found == first
    assert commit("figures/kinds.py", lambda text: text + "# a comment\n")[1] == first
    changed, found = commit(preregistration.CLAIMS, lambda text: text.replace("0.147", "0.1471"))
    assert found == changed != first
    assert commit(preregistration.CLAIMS, lambda text: text.replace("0.1471", "0.147"))[1] == first


def test_every_module_that_decides_a_verdict_is_part_of_the_rule():
    """Those of figures/ that verdicts import, but for what only names or loads things."""
    from experiments.plan.source import imported

    modules = {name.split(".")[1] for name in imported(["figures.verdicts"], ["figures"]) if "." in name}
    named = {Path(file).stem for file in preregistration.FILES[1:]}
    assert modules - named == {"labels", "preregistration"} and named <= modules


def broken(change):
    published = json.loads(json.dumps(PUBLISHED))
    change(published["claims"])
    return published


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda found: found[0].update(kind="bigger"), "'bigger' is not one of"),
        (lambda found: found[0].pop("margin"), "'margin' is a required property"),
        (lambda found: found[0].pop("family"), "'family' is a required property"),
        (lambda found: found[0].update(measure="size"), "unknown measure 'size'"),
        (lambda found: found[1].update(id=found[0]["id"]), "is there more than once"),
        (lambda found: found[0].update(groups=[["three_factor"]]), "'three_factor' does not match"),
    ],
)
def test_what_is_wrong_in_the_claims_file_is_one_line(change, words):
    with pytest.raises(ValueError, match=words) as error:
        claims.check(broken(change))
    assert len(str(error.value).splitlines()) == 1


def test_a_family_is_of_one_figure():
    """Rows that are corrected together belong to one claim of the paper."""
    figures = {}
    for claim in PUBLISHED["claims"]:
        assert figures.setdefault(claim["family"], claim["figure"]) == claim["figure"]
