"""Symmetric e-prop ("Three-factor"; Bellec et al. 2020), Eq. 16-18.

Local in space: dh_l/dW_ij is kept for l = i alone (Eq. 16), so that an update needs no more than the presynaptic trace,
the postsynaptic derivative and the unit's learning signal s_t = err_t w^T.
"""

from rules import Rule, symmetric


def backward(recurrence, signals):
    """sum_t s_{i,t} e_{ij,t} (Eq. 17), summed in reverse: nothing crosses between units.

    With Eq. 16 and 18, dh_{i,t}/dW_ij is the sum over t' <= t of f_{j,t'-1} times the derivative of h_{i,t} in h_{i,t'}
    along unit i's own states, so sum_t s_{i,t} e_{ij,t} = sum_t' f_{j,t'-1} delta_{i,t'}: test/rules/test_rules.py,
    test_op_is_the_sum_over_eligibility_traces, compares both.
    """
    deltas = recurrence.sweep(signals, lambda t, later: None)
    return recurrence.weight_gradients(deltas)


RULE = Rule(backward, symmetric)
