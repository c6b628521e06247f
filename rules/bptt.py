"""Back-propagation through time ("BPTT"): the exact gradient, Eq. 14 and 15. Local neither in space nor in time."""

from rules import Rule, symmetric


def backward(recurrence, signals):
    """In addition to its direct signal, f_t receives through W_h what all other units send back from t + 1."""
    deltas = recurrence.sweep(signals, lambda t, later: recurrence.across(later.delta))
    return recurrence.weight_gradients(deltas)


RULE = Rule(backward, symmetric)
