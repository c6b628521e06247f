"""The learning rules, found by name. One module a rule; a new file in this folder is a new rule.

A rule is a backward pass: given a finished `models.recurrence.Recurrence` and the signals {t: dL/df_t [R, B, N]} at the
steps that carry loss, it returns (dL/dW_x, dL/dW_h), and it says through which weights the readout's error arrives.
"""

import importlib
import pkgutil
from typing import Callable, List, NamedTuple


class Rule(NamedTuple):
    """A learning rule.

    label: as in the paper's figures. backward(recurrence, signals) -> (dL/dW_x, dL/dW_h).
    feedback(w, fixed) -> w or fixed, both [R, N, N_out]: the weights that carry the readout's error to the units.
    """

    label: str
    backward: Callable
    feedback: Callable


def symmetric(w, fixed):
    """The readout's own weights carry its error back."""
    return w


def known_rules() -> List[str]:
    """Names of the modules in this folder, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def get_rule(name: str) -> Rule:
    """The rule of that name. Raises ValueError that lists the known ones."""
    if name not in known_rules():
        raise ValueError(f"unknown rule '{name}'; known: {', '.join(known_rules())}")
    return importlib.import_module(f"rules.{name}").RULE
