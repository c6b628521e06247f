import subprocess
import sys
from pathlib import Path

import pytest

import figures
from figures.__main__ import main

HOME = Path(__file__).resolve().parents[2]


def test_the_papers_figures_are_found_in_its_order_and_helpers_are_none():
    found = list(figures.known_figures())
    assert found[:12] == [*(f"figure{number}" for number in range(2, 13)), "table1"]
    assert "bounds" in found and not {"curves", "style", "verdicts", "report", "runs"} & set(found)


def test_names_and_roles_are_read_without_matplotlib():
    code = (
        "import sys, figures; print(figures.known_figures()['figure12'], {'matplotlib', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=str(HOME), capture_output=True, text=True)
    assert done.stdout.strip() == "('learning_rates', 'triple') set()", done.stderr


@pytest.mark.parametrize("text", ["ROLES = role_of_all()\ndef draw(results): pass\n", "ROLES = (\n"])
def test_a_figure_that_cannot_be_read_is_one_line(text, tmp_path, monkeypatch, capsys):
    (tmp_path / "mine.py").write_text(text)
    monkeypatch.setattr(figures, "__path__", [str(tmp_path)])
    with pytest.raises(SystemExit) as stopped:
        main(["mine", "results", "output"])
    err = capsys.readouterr().err
    assert stopped.value.code == 2 and len(err.splitlines()) == 1 and "mine.py" in err


def test_an_unknown_figure_is_one_line_that_names_the_known_ones(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["figure1", "results", "output"])
    err = capsys.readouterr().err
    assert stopped.value.code == 2 and len(err.splitlines()) == 1 and "figure2" in err and "report" in err
