"""Symmetric e-prop ("Three-factor"; Bellec et al. 2020), Eq. 16-18.

Local in space: dh_l/dW_ij is kept for l = i alone (Eq. 16), so that an update needs no more than the presynaptic trace,
the postsynaptic derivative and the unit's learning signal s_t = err_t w^T.
"""

from rules import Rule, symmetric


def backward(recurrence, signals):
    """sum_t s_{i,t} e_t (Eq. 17), in reverse: nothing crosses between units.

    For W_h[j, i] sweep and forward traces agree: sum_t s_{i,t} e_t = (1 - alpha) sum_t f_{j,t-1} delta_{i,t}, as
    test_op_is_the_sum_over_eligibility_traces in test/rules/test_rules.py proves.
    """
    deltas = recurrence.sweep(signals, lambda t, later: None)
    return recurrence.weight_gradients(deltas)


RULE = Rule(backward, symmetric)
