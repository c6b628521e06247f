"""Truncated BPTT ("Trunc X"): the exact gradient with X of the T time steps left out.

The loss at each step is propagated back through at most T - X steps, its own included, both between units and along a
unit's own states. Not local in space; local in time to T - X steps. truncated_bptt(0) is bptt.
"""

from rules import Rule, symmetric


def rule(truncate: int) -> Rule:
    """The rule that truncates X = `truncate` steps; X < T."""

    def check(steps, units):
        if truncate >= steps:
            raise ValueError(f"truncated_bptt({truncate}) leaves nothing of {steps} steps; at most {steps - 1}")

    def backward(recurrence, signals):
        check(recurrence.steps, None)
        return recurrence.weight_gradients(recurrence.rounds(signals, recurrence.steps - truncate))

    return Rule(backward, symmetric, check=check)
