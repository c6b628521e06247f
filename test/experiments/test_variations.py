"""`vary`: which specifications a block expands into, and that a slip is one line."""

import itertools
import json
import re

import pytest

from experiments.plan.config import ConfigError, config_hash, make_config
from experiments.plan.experiment_file import only_tasks, read_plan
from experiments.workflow.prepare import prepare, ranks

BLOCK = """
    task: pattern_generation
    rules: [bptt, rflo]
    seeds: {from: 200, count: 3}
    settings: {iterations: 20, parameters: {steps: 8}}
"""
CHOICES = """
      choices:
        recurrent_gain: [1, 1.5]
        input_weights: {gaussian: {}, uniform: {input_distribution: uniform, input_scale: 0.1}}
        learning_rates: [[0.001], [0.01], [0.03]]
        optimizer: [sgd, adam]
"""


def plan_of(folder, vary, more=""):
    path = folder / "varied.yaml"
    path.write_text(f"blocks:\n  a:{BLOCK}    vary:{vary}{more}")
    return read_plan(path)


def of_kind(plan, kind):
    return [one["choices"] for one in plan.specifications.values() if one["kind"] == kind]


def test_the_main_one_each_level_alone_and_random_combinations_none_twice(tmp_path):
    plan = plan_of(tmp_path, CHOICES + "      random: {count: 12, seed: 3}\n")
    main = {"recurrent_gain": "1", "input_weights": "gaussian", "learning_rates": "[0.001]", "optimizer": "sgd"}
    assert of_kind(plan, "main") == [main]
    alone = [("recurrent_gain", "1.5"), ("input_weights", "uniform"), ("learning_rates", "[0.01]")]
    alone += [("learning_rates", "[0.03]"), ("optimizer", "adam")]
    assert of_kind(plan, "alone") == [dict(main, **{choice: level}) for choice, level in alone]
    random = of_kind(plan, "random")
    choices = [tuple(one.values()) for one in of_kind(plan, "main") + of_kind(plan, "alone") + random]
    assert len(random) == 12 and len(set(choices)) == 1 + 5 + 12
    assert random == of_kind(plan_of(tmp_path, CHOICES + "      random: {count: 12, seed: 3}\n"), "random")
    assert random != of_kind(plan_of(tmp_path, CHOICES + "      random: {count: 12, seed: 4}\n"), "random")


def test_all_combinations_that_are_left_can_be_drawn_and_no_more(tmp_path):
    plan = plan_of(tmp_path, CHOICES + "      random: {count: 18, seed: 0}\n")
    every = set(
        itertools.product(["1", "1.5"], ["gaussian", "uniform"], ["[0.001]", "[0.01]", "[0.03]"], ["sgd", "adam"])
    )
    assert {tuple(one["choices"].values()) for one in plan.specifications.values()} == every
    with pytest.raises(ConfigError, match="block a .*count is 19; expected at most 18"):
        plan_of(tmp_path, CHOICES + "      random: {count: 19, seed: 0}\n")


def test_a_specification_is_the_runs_that_its_levels_say(tmp_path):
    plan = plan_of(tmp_path, CHOICES)
    given = {"iterations": 20, "parameters": {"steps": 8}}
    main = [make_config("pattern_generation", rule, [200, 201, 202], [0.001], **given) for rule in ("bptt", "rflo")]
    assert plan.blocks["a main"] == [config_hash(config) for config in main]
    given["parameters"].update(input_distribution="uniform", input_scale=0.1)
    uniform = make_config("pattern_generation", "bptt", [200, 201, 202], [0.001], **given)
    assert plan.blocks["a input_weights=uniform"][0] == config_hash(uniform)
    assert [plan.runs[name].learning_rates for name in plan.blocks["a learning_rates=[0.03]"]] == [[0.03]] * 2
    assert {plan.runs[name].optimizer for name in plan.blocks["a optimizer=adam"]} == {"adam"}
    assert list(plan.blocks) == [block for one in plan.specifications.values() for block in one["blocks"]]


def test_figures_name_a_block_that_varies_for_all_that_it_makes_or_one_specification(tmp_path):
    plan = plan_of(tmp_path, CHOICES, "groups: {main: [a], own: [a main]}\n")
    assert plan.figures["figure2"]["main"] == list(plan.blocks) and plan.groups["own"] == ["a main"]


def test_choices_made_alone_run_before_combinations_drawn_at_random(tmp_path):
    plan = plan_of(tmp_path, CHOICES + "      random: {count: 12, seed: 3}\n")
    first, then = ranks(plan)
    kinds = {name: set() for name in plan.runs}
    for one in plan.specifications.values():
        for block in one["blocks"]:
            for name in plan.blocks[block]:
                kinds[name].add(one["kind"])
    assert set(first) == {name for name in kinds if kinds[name] != {"random"}} and len(first) == 2 * (1 + 5)
    assert set(then) == set(plan.runs) - set(first)


def test_a_combination_that_cannot_be_run_is_kept_as_such_and_takes_none_down(tmp_path):
    """No learning rate was ever chosen at batches of 100, though either level alone can be run."""
    (tmp_path / "varied.yaml").write_text(
        "blocks: {a: {task: seq_mnist, rules: [bptt], seeds: 1, vary: {random: {count: 1, seed: 0}, "
        "choices: {learning_rates: [[0.01], chosen], batch_size: [256, 100]}}}}"
    )
    plan = read_plan(tmp_path / "varied.yaml")
    choices = {"learning_rates": "chosen", "batch_size": "100"}
    invalid = plan.specifications["a random 1"].pop("invalid")
    assert plan.specifications["a random 1"] == {"of": "a", "kind": "random", "choices": choices, "blocks": []}
    assert "no learning rate was chosen for bptt at batch size 100" in invalid
    assert list(plan.blocks) == ["a main", "a learning_rates=chosen", "a batch_size=100"]


def test_the_figures_find_specifications_and_what_is_read_off_in_the_selection(tmp_path):
    plan = plan_of(tmp_path, CHOICES + "      read_off: {end: [end, matched_loss]}\n")
    prepare(plan, "varied", tmp_path, None)
    selection = json.loads((tmp_path / "selection.json").read_text())
    assert selection["read_off"] == {"a": {"end": ["end", "matched_loss"]}}
    assert selection["specifications"]["a recurrent_gain=1.5"] == {
        "of": "a",
        "kind": "alone",
        "choices": dict(selection["specifications"]["a main"]["choices"], recurrent_gain="1.5"),
        "blocks": ["a recurrent_gain=1.5"],
    }
    assert only_tasks(plan, ["pattern_generation"]) == plan


def test_runs_of_some_tasks_are_made_and_all_are_shown(tmp_path):
    """Or a part that was asked for would wipe the other tasks' results from figures and report."""
    (tmp_path / "two.yaml").write_text(
        "blocks:\n  a: {task: pattern_generation, rules: [bptt], seeds: 1, learning_rates: [0.01]}\n"
        "  b: {task: delayed_match, rules: [bptt], seeds: 1, learning_rates: [0.01], measures: [spectrum]}\n"
        "groups: {main: [a, b]}\n"
    )
    plan = read_plan(tmp_path / "two.yaml")
    prepare(plan, "two", tmp_path, None, only_tasks(plan, ["delayed_match"]))
    selection, planned = (json.loads((tmp_path / name).read_text()) for name in ("selection.json", "plan.json"))
    assert set(selection["blocks"]) == {"a", "b"} and selection["groups"] == {"main": ["a", "b"]}
    (run,) = plan.blocks["b"]
    assert planned["markers"] == {"b": [f"done/{run}", f"done/{run}.spectrum"]} and planned["ranks"] == [[run]]


BAD = {
    "name": (
        "{choices: {recurent_gain: [1, 2]}}",
        "unknown setting or parameter 'recurent_gain' .*; known: batch_size",
    ),
    "name in a level": ("{choices: {g: {a: {}, b: {gain: 2}}}}", "unknown setting or parameter 'gain' in g; known: "),
    "twice": ("{choices: {l2: [0, 1], g: {a: {}, b: {l2: 2}}}}", "both l2 and g change l2; expected one choice"),
    "one level": (
        "{choices: {l2: [0]}}",
        "choices of vary of block a .*: l2 is \\[0\\]; expected a list of at least two",
    ),
    "no choices": ("{random: {count: 1, seed: 0}}", "vary of block a .*: no choices given"),
    "no seed": ("{choices: {l2: [0, 1]}, random: {count: 1}}", "random of vary of block a .*: no seed given"),
    "value": ("{choices: {l2: [0, -1]}}", "block a l2=-1 .*: parameter l2"),
    "learning rate": ("{choices: {learning_rates: [chosen, best]}}", "block a learning_rates=best .*expected chosen, "),
    "key": ("{levels: {l2: [0, 1]}}", "unknown key 'levels' in vary of block a .*; known: choices, random, read_off"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_slip_is_one_line(case, tmp_path):
    vary, message = BAD[case]
    with pytest.raises(ConfigError) as error:
        plan_of(tmp_path, f" {vary}\n")
    assert "\n" not in str(error.value) and re.search(message, str(error.value)), error.value
