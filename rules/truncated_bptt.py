"""Truncated BPTT ("Trunc X"): the exact gradient, but X of the T steps are left out of it.

Each step's loss goes back through at most T - X steps, its own included, between units and along a unit's own states
alike. Not local between units; local in time to T - X steps. truncated_bptt(0) is bptt.
"""

from rules import Rule, symmetric


def rule(truncate: int) -> Rule:
    """The rule that truncates X = `truncate` steps. Its backward pass raises ValueError unless X < T."""

    def backward(recurrence, signals):
        if truncate >= recurrence.steps:
            raise ValueError(f"truncated_bptt({truncate}): at most {recurrence.steps - 1} of {recurrence.steps} steps")
        return recurrence.weight_gradients(recurrence.rounds(signals, recurrence.steps - truncate))

    return Rule(f"Trunc {truncate}", backward, symmetric)
