"""The learning rules, found by name. One module per rule; a new file in this folder is a new rule.

A rule is a backward pass: given a finished `models.recurrence.Recurrence` and the signals {t: dL/df_t [R, B, N]} at the
supervised time steps, it returns (dL/dW_x, dL/dW_h), and it says through which weights the readout's error arrives.
A module has RULE, or, if the rule has a number as in `truncated_bptt(14)`, a function `rule(number)`.
"""

import importlib
import pkgutil
import re
from typing import Callable, List, NamedTuple, Optional

RESCALED_BY = "three_factor"  # the rule whose gradient a rule with `rescale` is given in addition to its own


class Rule(NamedTuple):
    """A learning rule.

    backward(recurrence, signals) -> (dL/dW_x, dL/dW_h).
    feedback(w, fixed) -> w or fixed, both [R, N, N_out]: the weights that carry the readout's error to the units.
    rescale(own, three_factor, step_length): None, or from two finished gradients of the total loss, the rule's own and
    the three-factor rule's, each [dL/dW_x, dL/dW_h], and the setting of that name to what the rule's own gradient is
    multiplied by in W_x, in W_h and in the readout, each [R] or None for 1.
    check(steps, units): None, or raises ValueError where the rule cannot be used on T steps and N units.
    """

    backward: Callable
    feedback: Callable
    rescale: Optional[Callable] = None
    check: Optional[Callable] = None


def symmetric(w, fixed):
    """The readout's own weights carry its error back."""
    return w


def known_rules() -> List[str]:
    """Names of the modules in this folder, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def get_rule(name: str) -> Rule:
    """The rule of that name, such as `mdgl` or `truncated_bptt(14)`.

    Raises ValueError that lists the known ones, or says that a number is missing or out of place.
    """
    parts = re.fullmatch(r"(\w+)(?:\((0|[1-9]\d*)\))?", name)
    if parts is None or parts.group(1) not in known_rules():
        raise ValueError(f"unknown rule '{name}'; known: {', '.join(known_rules())}")
    module, number = importlib.import_module(f"rules.{parts.group(1)}"), parts.group(2)
    if hasattr(module, "RULE"):
        if number is not None:
            raise ValueError(f"rule '{name}': {parts.group(1)} takes no number")
        return module.RULE
    if number is None:
        raise ValueError(f"rule '{name}': expected a number, as in {name}(14)")
    return module.rule(int(number))
