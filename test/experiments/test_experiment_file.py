"""Experiment files: those here name what figures and claims need, and a slip in one is one line."""

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from experiments.plan.experiment_file import read_plan
from experiments.plan.schema import schema
from experiments.workflow import reproduce
from figures import known_figures

HOME = Path(__file__).resolve().parents[2]

BAD = {
    "unknown block": ("groups: {main: [mnist]}\nblocks: {}\n", "unknown block 'mnist' in .*, main"),
    "unknown figure": ("figures: [figure1]\nblocks: {}\n", "unknown figure 'figure1'"),
    "unknown key": ("runs: []\n", "unknown key 'runs'"),
    "unknown rule": ("blocks: {a: {task: delayed_match, rules: [hebb], seeds: 1}}\n", "block a .*unknown rule 'hebb'"),
    "no seeds": ("blocks: {a: {task: delayed_match, rules: [bptt]}}\n", "block a .*: no seeds given"),
    "no decays": (
        "blocks: {a: {task: delayed_match, rules: [bptt], seeds: 1, decays: 0}}\n",
        "block a .*decays is 0; expected a whole number of at least 1",
    ),
    "decays true": (
        "blocks: {a: {task: delayed_match, rules: [bptt], seeds: 1, decays: true}}\n",
        "block a .*decays is True; expected a whole number of at least 1",
    ),
    "seeds": (
        "blocks: {a: {task: delayed_match, rules: [bptt], seeds: 1000000000000000000000}}\n",
        "block a .*seeds is 1000000000000000000000; expected a number from 1 to 10000, a list, or {from: ",
    ),
    "seeds a list of words": (
        "blocks: {a: {task: delayed_match, rules: [bptt], seeds: [1, two]}}\n",
        "block a .*seeds is 'two'; expected whole numbers from 0 up",
    ),
    "seeds without count": (
        "blocks: {a: {task: delayed_match, rules: [bptt], seeds: {from: 100}}}\n",
        "seeds of block a .*: no count given",
    ),
    "seeds a real number": (
        "blocks: {a: {task: delayed_match, rules: [bptt], seeds: 2.0}}\n",
        "block a .*seeds is 2.0; expected a number from 1 to 10000",
    ),
    "learning rates": (
        "blocks: {a: {task: delayed_match, rules: [bptt], seeds: 1, learning_rates: best}}\n",
        "block a .*learning_rates is 'best'; expected chosen, chosen_on_test or a list of numbers above 0",
    ),
    "rules": (
        "blocks: {a: {task: delayed_match, rules: bptt, seeds: 1}}\n",
        "block a .*rules is 'bptt'; expected a list of names",
    ),
    "block": ("blocks: {a: 3}\n", "blocks in .*: a is 3; expected names and values"),
    "no blocks": ("note: none\n", "no blocks given"),
    "empty": ("", "expected names and values"),
    "evidence": ("blocks: {}\nevidence: all\n", "evidence is 'all'; expected true, false or {weights: false}"),
    "group": ("blocks: {}\ngroups: {own: [a]}\n", "unknown block 'a' in .*, own; known: "),
    "rates twice": (
        "blocks: {a: {task: delayed_match, rules: [bptt], seeds: 1, learning_rates: [1], learning_rate_multiple: 3}}\n",
        "block a .*learning_rate_multiple cannot be combined with a list of learning_rates",
    ),
    "multiple": (
        "blocks: {a: {task: delayed_match, rules: [bptt], seeds: 1, learning_rate_multiple: a}}\n",
        "learning_rate_multiple is 'a'; expected a number above 0",
    ),
    "setting": (
        "blocks: {a: {task: delayed_match, rules: [bptt], seeds: 1, settings: {learning_rates: [1]}}}\n",
        "unknown setting 'learning_rates' in settings of block a .*; known: batch_size, ",
    ),
    "setting's name": (
        "blocks: {a: {task: delayed_match, rules: [bptt], seeds: 1, settings: {1: 2}}}\n",
        "settings of block a .*: the name 1 is not text; put it in quotes",
    ),
    "block's name": (
        "blocks: {64: {}}\ngroups: {main: [mnist]}\n",
        "blocks in .*: the name 64 is not text; put it in quotes",
    ),
    "measure": (
        "blocks: {a: {task: delayed_match, rules: [bptt], seeds: 1, measures: [spectrumm]}}\n",
        "unknown measure 'spectrumm' in measures of block a .*; known: alignment, ",
    ),
    "figures": ("blocks: {}\nfigures: {figure3: [main]}\n", "figures is {'figure3': .*; expected a list of names"),
    "accuracy": (
        "blocks: {}\nbptt_validation_accuracy: high\n",
        "bptt_validation_accuracy is 'high'; expected a number from 0 to 1",
    ),
    "reduced": ("blocks: {}\nreduced: very\n", "reduced is 'very'; expected true or false"),
    "not YAML": ("blocks: [\n", "cannot be read"),
    "no date": ("note: 2020-13-45\n", "cannot be read: month must be in 1..12"),
    "deep": ("[" * 2000, "cannot be read: maximum recursion depth exceeded"),
    "no mapping": ("- a\n", "expected names and values"),
}


def test_the_plans_have_every_group_that_figures_draw_and_claims_compare():
    claims = json.loads((HOME / "experiments" / "published.json").read_text())["claims"]
    named = {group.split(":")[0] for claim in claims for groups in claim.get("groups", []) for group in groups}
    drawn = {group for groups in known_figures().values() for group in groups}
    full, varied = (set(read_plan(reproduce.PLANS[name]).groups) for name in ("full", "specifications"))
    assert named <= full and drawn <= full | varied


def test_the_schema_is_one():
    Draft7Validator.check_schema(schema())


@pytest.mark.parametrize("case", BAD)
def test_a_bad_experiment_file_is_one_line_and_exit_2(case, tmp_path, capsys):
    text, message = BAD[case]
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(SystemExit) as code:
        reproduce.main([str(tmp_path / "bad.yaml"), "--dry-run"])
    err = capsys.readouterr().err
    assert code.value.code == 2 and len(err.splitlines()) == 1 and re.search(message, err), err
