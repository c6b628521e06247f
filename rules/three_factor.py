"""Symmetric e-prop ("Three-factor"; Bellec et al. 2020), Eq. 16-18.

Local in space: dh_l/dW_ij is kept for l = i alone (Eq. 16), so that an update needs the presynaptic trace, the
postsynaptic derivative and the unit's learning signal s_t = err_t w^T, no more.
"""

from rules import Rule, symmetric


def backward(recurrence, signals):
    """sum_t s_{i,t} e_t, in reverse: nothing crosses between units, all else goes back along a unit's own states."""
    deltas = recurrence.sweep(signals, lambda t, later: None)
    return recurrence.weight_gradients(deltas)


RULE = Rule(backward, symmetric)
