"""Random-feedback online learning ("RF Three-factor"; Murray 2019): the three-factor rule without weight transport.

Local as the three-factor rule is (Eq. 16-18), and the learning signal s_t = err_t Bfb^T comes through fixed random
weights Bfb, drawn as w is at the start, instead of w.
"""

from rules import Rule
from rules.three_factor import backward


def fixed_random(w, fixed):
    """Weights that are not trained carry the readout's error back (Lillicrap et al. 2016)."""
    return fixed


RULE = Rule(backward, fixed_random)
