import base64
import json
import re
import shutil

import browser
import pytest
from synthetic import ResultsFolder, complete, ends

from figures import known_figures, report, verdicts
from figures.__main__ import main
from figures.answers import STANDINGS
from figures.runs import RunsError, load
from figures.templates import number

SMALL = {"seq_mnist": 3, "delayed_match": 3}
# a picture of one pixel: what the figures look like is not the report's affair
PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==")

PICTURES = "[...document.querySelectorAll('section.figure img')].filter(i => i.complete && i.naturalWidth)"
VERDICTS = """[...document.querySelectorAll('details.row')].map(
    row => [row.dataset.claim, row.dataset.task, row.querySelector('.standing').innerText.trim().slice(2)])"""
DEAD_LINKS = "[...document.links].map(a => a.getAttribute('href')).filter(to => !document.getElementById(to.slice(1)))"
LINES = "[...document.querySelectorAll('.matrix .claim')].filter(line => line.children[0].offsetParent).length"
SHOWN = """[...document.querySelectorAll('.matrix .claim .cell')].filter(
    cell => cell.offsetParent && getComputedStyle(cell).opacity == 1).map(cell => cell.getAttribute('href').slice(1))"""


def written(root, output, without=()):
    verdicts.write(load(root), output)
    (output / "figures").mkdir(exist_ok=True)
    for name in known_figures():
        if name not in without:
            (output / "figures" / f"{name}.png").write_bytes(PIXEL)
    assert main(["report", str(root), str(output)]) == 0
    return output / "report.html"


@pytest.fixture(scope="module")
def reduced(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reduced")
    root = complete(folder / "r", SMALL, reduced=True, note="REDUCED: for a test")
    return written(root, folder / "out")


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("full")
    folder = ResultsFolder(tmp_path / "r")
    folder.run("b", "seq_mnist", "bptt", ends("b", 8), diverged=(2,), capped=(3, 4))
    folder.run("t", "seq_mnist", "three_factor", ends("t", 8, eigenvalue=900.0))
    folder.group("main", "b", "t", "gone")
    folder.group("input_weights", "b", "t")
    return written(folder.save(), tmp_path / "out", without=("figure9",))


def test_the_report_tells_verdicts_failures_and_settings(full):
    html = full.read_text()
    assert re.search(r'class="standing holds">✓ holds', html) and "reduced version" not in html
    assert "gone" in html and "no results: " in html and "not finished: no summary" in html
    assert html.count("This figure could not be drawn") == 1 and "1 diverged" in html
    assert "code abc" in html and "tensorflow 1.14.0" in html and "NaN" not in html and ">nan" not in html


def test_the_report_leads_with_the_question_and_the_answer(full):
    html = full.read_text()
    order = [
        html.index(text) for text in ("<h1>Do biologically", "<strong>Of ", 'id="matrix"', 'id="how"', 'id="figure2"')
    ]
    assert order == sorted(order)
    assert "Second edition" in html and "27 claims reproduced" in html and "gain 1" in html


@pytest.mark.slow
def test_the_report_names_the_settings_that_are_not_everybodys(tmp_path):
    folder = ResultsFolder(tmp_path / "r")
    folder.run("b", "seq_mnist", "bptt", ends("b", 8), batch_size=64, optimizer="adam", hessian_of="W_x")
    folder.run("t", "seq_mnist", "three_factor", ends("t", 8))
    folder.group("adam", "b", "t")  # which one figure draws
    html = written(folder.save(), tmp_path / "out").read_text()
    told = ("batch size 64, optimizer adam, hessian of W_x", "batch size 256")
    assert [html.count(f'data-label="Settings">{text}<') for text in told] == [1, 1]


def test_the_report_counts_the_runs_that_diverged_or_ended_at_their_cap(full):
    html = full.read_text()
    assert "Settings: 16 runs, 1 diverged, 2 at their cap before becoming stable;" in html
    assert re.search(r"8<span[^>]*>, 1 diverged, 2 at their cap before becoming stable<", html)
    assert "(n = 7, 1 diverged, 2 at their cap before becoming stable)" in html


@pytest.mark.slow
def test_a_verdict_at_unequal_training_performance_says_so(tmp_path):
    folder = ResultsFolder(tmp_path / "r")
    folder.run("b", "seq_mnist", "bptt", ends("b", 8, training=0.9))
    folder.run("t", "seq_mnist", "three_factor", ends("t", 8, eigenvalue=900.0, training=0.7))
    folder.run("m", "seq_mnist", "mdgl", ends("m", 8, eigenvalue=900.0, training=0.9))
    folder.group("main", "b", "t", "m")
    rows = json.loads((written(folder.save(), tmp_path / "out").parent / "verdicts.json").read_text())["rows"]
    html = (tmp_path / "out" / "report.html").read_text()
    shown = re.findall(r'<details class="row"[^>]*data-claim="curvature_higher".*?</summary>', html, re.DOTALL)
    unequal = ["at unequal training performance" in text for text in shown if "MNIST" in text]
    expected = [row for row in rows if row["claim"] == "curvature_higher" and row["task"] == "seq_mnist"]
    assert unequal == [row["comparable_training"] == "no" for row in expected] and any(unequal) and not all(unequal)


def test_a_published_spread_and_a_margin_of_ours_are_told_apart(full):
    html = full.read_text()
    rows = re.findall(r'<details class="row"[^>]*data-claim="(\w+)".*?</details>', html, re.DOTALL)
    texts = dict(zip(rows, re.findall(r'<details class="row".*?</details>', html, re.DOTALL)))
    assert "Published: 0.7 (our margin: 0.05)" in texts["three_factor_accuracy"]
    assert "Threshold: 0.5" in texts["assumption_1"] and "Expected: 1" in texts["error_alignment_weak"]
    assert "Published: 2550 ± 490." in texts["table1_eigenvalue_three_factor"]


@pytest.mark.slow
def test_the_same_results_give_the_same_page(full):
    first = full.read_bytes()
    main(["report", str(full.parents[1] / "r"), str(full.parent)])
    assert full.read_bytes() == first


def test_without_verdicts_the_report_says_what_to_do(tmp_path):
    root = ResultsFolder(tmp_path / "r").save()
    with pytest.raises(RunsError, match="run `python -m figures verdicts RESULTS .*` first"):
        report.page(load(root), tmp_path)


def test_numbers_are_written_as_a_person_would():
    found = [number(value) for value in (None, float("nan"), 0.0, 1234.5, 0.12345, 1e-7, 250000.0)]
    assert found == ["–", "–", "0", "1234", "0.123", "1.00e-07", "2.50e+05"]


@pytest.mark.slow
@pytest.mark.skipif(browser.executable() is None, reason="no Chromium: apt-get install chromium")
def test_the_page_in_a_browser(reduced, tmp_path):
    rows = json.loads((reduced.parent / "verdicts.json").read_text())["rows"]
    expected = sorted([row["claim"], row["task"], STANDINGS.get(row["verdict"], row["verdict"])] for row in rows)
    elsewhere = tmp_path / "alone" / "report.html"  # without the files that it was made from
    elsewhere.parent.mkdir()
    shutil.copy(str(reduced), str(elsewhere))
    with browser.Browser(tmp_path / "profile") as page:
        for width in (1280, 390):
            page.open(elsewhere.as_uri(), width)
            fetched = [url for url in page.requests if not url.startswith("data:")]
            assert fetched == [elsewhere.as_uri()]
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate(f"{PICTURES}.length") == len(set(known_figures()) - {"specification_curve"})
            assert sorted(page.evaluate(VERDICTS)) == expected
            assert "reduced version" in page.evaluate("document.querySelector('.banner').innerText")
            assert page.evaluate(DEAD_LINKS) == []
            assert_found_in_two_clicks(page, rows)
    assert not re.search(r"(src|href)=\"(?!data:|#)", reduced.read_text())


def assert_found_in_two_clicks(page, rows):
    """One click on a task or a verdict leaves the claims that have it, each a link to its evidence."""
    assert page.evaluate(LINES) == len({row["claim"] for row in rows})
    page.evaluate("document.querySelector('label[for=only-delayed_match]').click()")
    here = {f"{row['claim']}--{row['task']}" for row in rows if row["task"] == "delayed_match"}
    assert set(page.evaluate(SHOWN)) == here
    page.evaluate("document.querySelector('label[for=show-no-runs]').click()")
    without = {f"{row['claim']}--delayed_match" for row in rows if row["verdict"] == "no runs"} & here
    assert set(page.evaluate(SHOWN)) <= without and page.evaluate(SHOWN)
    page.evaluate("document.querySelector('label[for=only-all]').click()")
    page.evaluate("document.querySelector('label[for=show-all]').click()")
