"""Multidigraph learning ("MDGL"; Liu et al. 2021), Eq. 19 with its f' in place (Eq. 20 drops it).

Local but for one connection step: a postsynaptic unit l signals back through W_h what it is told directly at t + 1,
as cell-type-specific modulators could, and passes nothing on that it has itself been told by other units.
"""

from rules import Rule, symmetric


def backward(recurrence, signals):
    """sum_t (s_{i,t} + (1 - alpha) sum_l W_h[i,l] psi_{l,t+1} s_{l,t+1}) e_t."""

    def crossing(t, later):
        if t + 1 not in signals:
            return None
        return recurrence.across(recurrence.psi(t + 1) * signals[t + 1])

    return recurrence.weight_gradients(recurrence.sweep(signals, crossing))


RULE = Rule(backward, symmetric)
