"""Multidigraph learning ("MDGL"; Liu et al. 2021), Eq. 19 with its f' in place (Eq. 20 drops it).

Local except for one connection step: a postsynaptic unit l sends back through W_h the learning signal that it receives
itself at t + 1, as cell-type-specific modulators could, and nothing that other units have sent it. A self-connection is
no such step: for l = i Eq. 19 has the unit's own trace, which carries it through time (Eq. 16).
"""

from rules import Rule, symmetric


def backward(recurrence, signals):
    """sum_t (s_{i,t} + (1 - alpha) sum_{l != i} W_h[i,l] psi_{l,t+1} s_{l,t+1}) e_t."""

    def crossing(t, later):
        if t + 1 not in signals:
            return None
        return recurrence.across(recurrence.psi(t + 1) * signals[t + 1])

    return recurrence.weight_gradients(recurrence.sweep(signals, crossing))


RULE = Rule(backward, symmetric)
