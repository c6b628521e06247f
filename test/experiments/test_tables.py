"""A table by column gives back the bytes of its CSV, or is not taken."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.evidence.archives import npz, parse_npz
from experiments.evidence.tables import columns, written

DOUBLE = st.floats(allow_nan=True, allow_infinity=True)
SINGLE = st.floats(allow_nan=True, allow_infinity=True, width=32)


@given(st.lists(st.tuples(st.integers(-(2**40), 2**40), st.integers(0, 9), st.booleans(), SINGLE, DOUBLE), min_size=1))
def test_whatever_numbers_it_has_it_is_the_same_bytes(rows):
    text = pd.DataFrame(rows, columns=["large", "seed", "converged", "loss", "gap"]).to_csv(index=False).encode()
    assert written(parse_npz(npz(columns(text)), "table")) == text


def test_each_column_is_as_narrow_as_its_numbers_allow():
    single = np.float32([0.1, np.nan, -0.0]).astype(float)
    table = pd.DataFrame({"seed": [1, 2, 3], "large": [2**40, 0, 0], "loss": single, "gap": [0.1, np.nan, 1e300]})
    found = columns(table.to_csv(index=False).encode())
    kinds = {name: array.dtype for name, array in found.items()}
    assert kinds == {"seed": np.int32, "large": np.int64, "loss": np.float32, "gap": np.float64}


@pytest.mark.parametrize(
    "text", [b"", b"a,b\n1,x\n", b"a\n1.50\n", b"a\r\n1\r\n", b"\xff\xfe", b"a,a\n1,2\n", b"a\n1\n2"]
)
def test_what_would_not_come_back_the_same_is_not_taken(text):
    """Nothing, words, a superfluous digit, other line ends, no text, a name twice, no end of line."""
    assert columns(text) is None
