"""Every parameter of every task at the limits of its range, and beyond them."""

import math

import numpy as np
import pytest

from experiments.train.streams import random_stream
from tasks import Parameter, declared_parameters, get_task, known_tasks
from tasks._parameters import MAX_REAL

DECLARED = [(task, name, declared) for task in known_tasks() for name, declared in declared_parameters(task).items()]
NUMBERS = [entry for entry in DECLARED if type(entry[2].default) in (int, float)]
SMALL = {  # what keeps the extremes of one parameter quick, or possible
    "seq_mnist": {"iterations": 2},
    "pattern_generation": {"units": 3, "test_draws": 2},
    "delayed_match": {"units": 3, "adaptive_units": 1},
}


def limits(declared):
    """The smallest and the largest value of a number; a whole number without a maximum has no largest one."""
    real = isinstance(declared.default, float)
    smallest = (0.0 if real else 1) if declared.minimum is None else declared.minimum
    largest = (MAX_REAL if real else None) if declared.maximum is None else declared.maximum
    return [value for value in (smallest, largest) if value is not None]


def in_one_line(call):
    """What `call` returns, or None where it refuses with one line."""
    try:
        return call()
    except ValueError as error:
        assert "expected" in str(error) and len(str(error).splitlines()) == 1
        return None


@pytest.mark.parametrize("task, name, declared", NUMBERS, ids=[f"{task}-{name}" for task, name, _ in NUMBERS])
def test_numbers_at_their_limits_build_or_are_refused_in_one_line(task, name, declared):
    for value in limits(declared):
        found = in_one_line(lambda value=value: get_task(task, dict(SMALL[task], **{name: value})))
        if found is None or task == "seq_mnist":
            continue
        for example in found.data(random_stream(0)).sets["test"]():
            assert np.all(np.isfinite(example.x)) and np.all(np.isfinite(example.y))


@pytest.mark.parametrize("task, name, declared", NUMBERS, ids=[f"{task}-{name}" for task, name, _ in NUMBERS])
def test_numbers_outside_their_range_are_refused(task, name, declared):
    wrong = [limits(declared)[0] - 1, -math.inf, math.inf, math.nan, "much", None, True]
    wrong += [limits(declared)[1] * 2 + 1] if len(limits(declared)) == 2 else []
    wrong += [1.5] if isinstance(declared.default, int) else []
    for value in wrong:
        with pytest.raises(ValueError, match=f"^parameter {name} of {task} is .*; expected a (whole )?number .*$"):
            get_task(task, {name: value})


@pytest.mark.parametrize("task, name, declared", DECLARED, ids=[f"{task}-{name}" for task, name, _ in DECLARED])
def test_every_parameter_is_described_and_its_default_is_valid(task, name, declared):
    assert declared.source in ("paper", "code", "ours") and declared.help
    assert declared.checked(declared.default) == declared.default
    assert bool(declared.choices) == isinstance(declared.default, str)
    for choice in declared.choices:
        assert get_task(task, {name: choice}).units > 0


@pytest.mark.parametrize(
    "task, changed, message",
    [
        (
            "delayed_match",
            {"units": 0},
            "units of delayed_match is 0; expected a whole number from 1 to 10000",
        ),
        ("pattern_generation", {"steps": 0}, "parameter steps of pattern_generation is 0; expected a whole number"),
        ("delayed_match", {"adaptive_units": 101}, "adaptive_units is 101; expected at most 100"),
        ("delayed_match", {"alpha": 1}, "parameter alpha of delayed_match is 1; expected a number from 0 to 0.999"),
        ("delayed_match", {"output": "tanh"}, "parameter output of .* is 'tanh'; expected one of: softmax, sigmoid"),
        (
            "delayed_match",
            {"self_connections": 1},
            "self_connections of .* is 1; expected a value like False",
        ),
        (
            "pattern_generation",
            {"periods": [10, 40]},
            r"is \[10, 40\]; expected a list like \[10.0, 40.0",
        ),
        ("pattern_generation", {"periods": [10, 40, 70, 0]}, "periods of .*; expected a number of at least 1"),
        (
            "seq_mnist",
            {"hessian_batch": 5001},
            "hessian_batch is 5001, validation 5000; expected .* at most 5000",
        ),
        ("seq_mnist", {"rows": 14}, "unknown parameter 'rows' of seq_mnist; known: units, validation"),
    ],
)
def test_wrong_parameters_are_explained(task, changed, message):
    with pytest.raises(ValueError, match=message):
        get_task(task, changed)


def test_whole_numbers_will_do_for_real_ones_and_lists_for_tuples():
    assert Parameter(2.0).checked(3) == 3.0 and type(Parameter(2.0).checked(3)) is float
    assert Parameter((1.0, 2.0)).checked([3, 4]) == (3.0, 4.0)
