"""A run's identity knows the source of its rule and its task, whatever Python reads it, and nothing of its comments."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from experiments.plan.config import ConfigError, as_dict, from_dict, make_config
from experiments.plan.source import imported, syntax
from experiments.workflow.sources import sources
from figures import known_figures

HOME = Path(__file__).resolve().parents[2]
PYTHONS = sorted((Path.home() / ".pyenv" / "versions").glob("3.*/bin/python"))
ATTENUATED = '''"""What crosses is halved."""

from rules import Rule, symmetric


def backward(recurrence, signals):
    """(dL/dW_x, dL/dW_h)."""

    def crossing(t, later):  # what reaches f_t
        sent = recurrence.across(later.delta)
        return None if sent is None else 0.5 * sent

    return recurrence.weight_gradients(recurrence.sweep(signals, crossing))


RULE = Rule(backward, symmetric)
'''
# whatever Python versions write differently in a syntax tree
EVERY_SYNTAX = '''
"""Docstring."""
import os.path as p, sys
async def f(a, *b: int, c=..., d=None, **e) -> "é\\u0378":
    "Docstring."
    x = {**e, "k": b"\\x00"}[...] if not a else [1, 2.5e-7, 3j, True, None, u"kind"]
    async with a as b: await x
    return a[1:, ::2], a[1], a[1, 2], f"{a!r:>{b}} {c}" "tail", lambda *, k=1: -k
class C(A, metaclass=B):
    """Docstring."""
'''


@pytest.mark.parametrize("python", PYTHONS, ids=lambda python: python.parts[-3])
def test_every_python_reads_the_same(python, tmp_path):
    """On all of the project, and on all that versions write differently."""
    if python.parts[-3].startswith("3.6"):
        pytest.skip("older than the project's Python")
    (tmp_path / "every.py").write_text(EVERY_SYNTAX, encoding="utf-8")
    code = """
        import hashlib, sys
        from experiments.plan.source import syntax
        texts = [open(path, encoding="utf-8").read() for path in sys.argv[1:]]
        print([hashlib.sha256(syntax(text).encode()).hexdigest() for text in texts])
    """
    paths = [tmp_path / "every.py", *HOME.glob("rules/*.py"), *HOME.glob("tasks/*.py"), *HOME.glob("figures/*.py")]
    command = ["-c", textwrap.dedent(code), *map(str, paths)]
    ours, theirs = (subprocess.check_output([str(p), *command], cwd=str(HOME)) for p in (sys.executable, python))
    assert ours == theirs and ours.count(b"'") == 2 * len(paths)


@pytest.mark.parametrize(
    "old, new",
    [
        ("# what reaches f_t", "# another comment"),
        ("(dL/dW_x, dL/dW_h)", "Another docstring"),
        ('    """(dL/dW_x, dL/dW_h)."""\n', ""),
        ("What crosses is halved", "Another"),
        ("0.5 * sent\n", "(0.5\n            * sent)\n"),
    ],
)
def test_comments_docstrings_and_layout_do_not_count(old, new):
    assert old in ATTENUATED
    assert syntax(ATTENUATED.replace(old, new)) == syntax(ATTENUATED)


@pytest.mark.parametrize(
    "old, new", [("0.5", "0.25"), ("0.5", ".5e-1"), ("None if sent is None", "None if None is sent"), ("across", "a")]
)
def test_what_is_computed_counts(old, new):
    assert old in ATTENUATED
    assert syntax(ATTENUATED.replace(old, new)) != syntax(ATTENUATED)


def test_what_a_parameter_is_said_to_be_does_not_count():
    """Its value is in the configuration."""
    task = "class Parameters(NamedTuple):\n    units: int = Parameter(30, 'paper', 'help')\n\n\nx = 1\n"
    assert syntax(task.replace("help", "better help")) == syntax(task) != syntax(task.replace("x = 1", "x = 2"))


def test_a_string_that_documents_nothing_counts():
    assert syntax("x = 1\n'text'") != syntax("x = 1\n'other'") != syntax("x = 1")


def hashes(folder, *rules):
    """Hash of one configuration for each rule, as the code in `folder` has it."""
    code = "import sys; from experiments.plan.config import *; "
    code += "print([config_hash(make_config('delayed_match', rule, [0], [0.1])) for rule in sys.argv[1:]])"
    environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", PYTHONPATH="")
    output = subprocess.check_output([sys.executable, "-c", code, *rules], cwd=str(folder), env=environment)
    return dict(zip(rules, json.loads(output.decode().replace("'", '"'))))


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.slow
def test_a_run_is_known_by_the_source_of_its_rule_and_task(tmp_path):
    """Each edit changes the identity of the runs that it changes, and of no others."""
    for name in ("models", "rules", "tasks", "hessian", "experiments"):
        shutil.copytree(str(HOME / name), str(tmp_path / name), ignore=shutil.ignore_patterns("data", "__pycache__"))
    (tmp_path / "rules" / "attenuated.py").write_text(ATTENUATED)
    rules = ("attenuated", "bptt", "three_factor", "rflo", "scaled_bptt", "truncated_bptt(3)")
    before = hashes(tmp_path, *rules)
    assert len(set(before.values())) == len(rules)

    def changed():
        nonlocal before
        old, before = before, hashes(tmp_path, *rules)
        return {rule for rule in rules if old[rule] != before[rule]}

    edit(tmp_path / "rules" / "attenuated.py", "0.5", "0.25")
    assert changed() == {"attenuated"}
    edit(tmp_path / "rules" / "attenuated.py", "# what", "# That which")
    edit(tmp_path / "rules" / "three_factor.py", "Local in space", "LOCAL IN SPACE")
    assert changed() == set()
    edit(tmp_path / "rules" / "three_factor.py", "RULE =", "UNUSED = 1\n\n\nRULE =")
    assert changed() == {"three_factor", "rflo", "scaled_bptt"}
    edit(tmp_path / "rules" / "bptt.py", "RULE =", "UNUSED = 1\n\n\nRULE =")
    assert changed() == {"bptt", "scaled_bptt"}
    edit(tmp_path / "tasks" / "pattern_generation.py", "import numpy", "import os\n\nimport numpy")
    assert changed() == set()
    edit(tmp_path / "tasks" / "delayed_match.py", "import numpy", "import os\n\nimport numpy")
    assert changed() == set(rules)


def test_a_configuration_of_other_source_is_refused():
    stored = json.loads(json.dumps(as_dict(make_config("delayed_match", "rflo", [0], [0.1]))))
    assert from_dict(stored).rule == "rflo"
    stored["source"]["rules.three_factor"] = "0" * 16
    with pytest.raises(ConfigError, match="^the source of rules.three_factor has changed since$"):
        from_dict(stored)


def test_imports_are_followed_through_the_named_packages(tmp_path, monkeypatch):
    monkeypatch.setattr("experiments.plan.source.HOME", tmp_path)
    for path, text in {
        "a/__init__.py": "NAME = 1",
        "a/one.py": "from a import two, NAME",
        "a/two.py": "from .deep import three\nimport os, b.other",
        "a/deep/__init__.py": "",
        "a/deep/three.py": "def f():\n    from ..four import x",
        "a/four.py": "x = 1",
        "b/__init__.py": "",
        "b/other.py": "import a.unrelated",
        "a/unrelated.py": "",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    assert imported(["a.one"], ["a"]) == ["a", "a.deep.three", "a.four", "a.one", "a.two"]
    assert imported(["a.one"], ["a", "b"])[-3:] == ["a.two", "a.unrelated", "b.other"]


def test_what_reads_claims_depends_on_them():
    """Table 1 shows published numbers of its own, the specification curve tests others' claims, Figure 3 none."""
    found = sources(known_figures())
    assert set(found["figures"]) == set(known_figures())
    claims = {figure: claims[0] for figure, (_, *claims) in found["figures"].items() if claims}
    assert claims["table1"] and {claim["figure"] for claim in claims["table1"]} == {"table1"}
    assert {"settings", "margins", "claims"} <= set(claims["specification_curve"])
    assert "figure3" not in claims
