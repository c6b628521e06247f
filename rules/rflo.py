"""Random-feedback online learning ("RF Three-factor"; Murray 2019): the three-factor rule without weight transport.

As local as the three-factor rule (Eq. 16-18), but the learning signal s_t = err_t Bfb^T arrives through fixed random
weights Bfb instead of w.
"""

from rules import Rule
from rules.three_factor import backward


def fixed_random(w, fixed):
    """Weights that are not trained carry the readout's error back (Lillicrap et al. 2016)."""
    return fixed


RULE = Rule(backward, fixed_random)
