"""How a network of the user's own is inspected: by which rule, loss and cell."""

import argparse
from typing import NamedTuple

from experiments.plan.settings import BY_NAME
from rules import get_rule
from tasks import Task, get_task

# name -> (loss in models.losses, whether it applies at the last time step only)
LOSSES = {
    "last-cross-entropy": ("cross_entropy", True),
    "last-binary-cross-entropy": ("binary_cross_entropy", True),
    "squared": ("squared_error", False),
    "last-squared": ("squared_error", True),
}


class InputError(ValueError):
    """What the user gave cannot be used; the message is one line that says what was expected."""


class Settings(NamedTuple):
    """How a network is inspected; loss is a key of LOSSES, hessian_of W_h or W_x, top_eigenvalues 0 for none."""

    rule: str
    loss: str
    alpha: float
    beta: float
    adaptive_units: int
    l2: float
    hessian_of: str
    dtype: str
    top_eigenvalues: int = 0
    relative_flatness: bool = False


def settings_of(given: argparse.Namespace) -> Settings:
    """The settings of a command line. Raises ValueError with one line."""
    task = get_task(given.task)
    rule, loss = _rule(given), _loss(given, task)
    known = (
        ("loss", loss, LOSSES),
        ("matrix", given.hessian_of, BY_NAME["hessian_of"].choices),
        ("dtype", given.dtype, ("float32", "float64")),
    )
    for name, value, choices in known:
        if value not in choices:
            raise InputError(f"unknown {name} '{value}'; known: {', '.join(choices)}")
    if given.top_eigenvalues is not None and given.top_eigenvalues < 1:
        raise InputError(f"--top-eigenvalues is {given.top_eigenvalues}; expected a whole number of at least 1")
    if not 0 <= given.l2 < float("inf"):
        raise InputError(f"--l2 is {given.l2}; expected a number of at least 0")
    return Settings(
        rule=rule,
        loss=loss,
        alpha=task.alpha if given.alpha is None else given.alpha,
        beta=task.beta if given.beta is None else given.beta,
        adaptive_units=given.adaptive_units,
        l2=given.l2,
        hessian_of=given.hessian_of,
        dtype=given.dtype,
        top_eigenvalues=given.top_eigenvalues or 0,
        relative_flatness=given.relative_flatness,
    )


def _rule(given: argparse.Namespace) -> str:
    rule = given.rule
    if given.truncate is not None:
        if rule != "truncated_bptt":
            raise InputError(f"--truncate goes with the rule truncated_bptt, not with {rule}")
        if given.truncate < 0:
            raise InputError(f"--truncate is {given.truncate}; expected a whole number of at least 0")
        rule = f"truncated_bptt({given.truncate})"
    get_rule(rule)
    return rule


def _loss(given: argparse.Namespace, task: Task) -> str:
    """The one that is given, or else the task's own."""
    if given.loss is not None:
        return given.loss
    last_only = len(task.supervised_steps) == 1
    own = next((name for name, (loss, last) in LOSSES.items() if (loss, last) == (task.loss, last_only)), None)
    if own is None:
        raise InputError(f"the loss of {given.task} is none of {', '.join(LOSSES)}: give --loss")
    return own
