"""The parameters of a task: each declared once in the task's file, with its default, source, help and range."""

import math
from typing import Any, Dict, NamedTuple, Optional, Tuple

MAX_REAL = 1e30  # beyond it single precision may overflow before anything is computed


class Parameter(NamedTuple):
    """A default and what else the parameter may be. A task's file gives one in place of a bare default.

    source: "paper", "code" (the authors', published) or "ours". minimum, maximum: inclusive; by default whole numbers
    are at least 1 and real ones at least 0. choices: of words.
    """

    default: Any
    source: str = "ours"
    help: str = ""
    minimum: Optional[float] = None
    maximum: Optional[float] = None
    choices: Tuple[str, ...] = ()

    def checked(self, value: Any) -> Any:
        """The value as the default's type; a whole number will do for a real one, a list for a tuple.

        Raises ValueError that says what was expected.
        """
        if isinstance(self.default, tuple):
            return self._tuple(value)
        if isinstance(self.default, (bool, str)):
            return self._word(value)
        return self._number(value)

    def _tuple(self, value: Any) -> tuple:
        if not isinstance(value, (list, tuple)) or len(value) != len(self.default):
            raise ValueError(f"expected a list like {list(self.default)}")
        return tuple(self._replace(default=one).checked(other) for one, other in zip(self.default, value))

    def _word(self, value: Any) -> Any:
        if type(value) is not type(self.default):
            raise ValueError(f"expected a value like {self.default!r}")
        if self.choices and value not in self.choices:
            raise ValueError(f"expected one of: {', '.join(self.choices)}")
        return value

    def _number(self, value: Any) -> Any:
        real = isinstance(self.default, float)
        minimum = (0 if real else 1) if self.minimum is None else self.minimum
        maximum = (MAX_REAL if real else math.inf) if self.maximum is None else self.maximum
        is_number = isinstance(value, (int, float) if real else int) and not isinstance(value, bool)
        if not is_number or not minimum <= value <= maximum:
            kind = "a number" if real else "a whole number"
            upper = f"from {minimum} to {self.maximum}" if self.maximum is not None else f"of at least {minimum}"
            raise ValueError(f"expected {kind} {upper}, like {self.default!r}")
        return float(value) if real else value


def declared(parameters: type) -> Dict[str, Parameter]:
    """{name: Parameter} of a task's NamedTuple, in its order; a bare default has the default range."""
    defaults = parameters._field_defaults
    return {name: value if isinstance(value, Parameter) else Parameter(value) for name, value in defaults.items()}


# Parameters that tasks share. Where a task's default is another, it says so: RECURRENT_GAIN._replace(default=...).
UNITS = Parameter(100, "paper", "units of the network; A.3", maximum=10000)
ALPHA = Parameter(0.0, "paper", "leak of the hidden state; A.3", maximum=0.999)
L2 = Parameter(0.0, "ours", "factor of the L2 penalty on W_x, W_h and w")
ITERATIONS = Parameter(10000, "ours", "length of a run, or its cap")
RECURRENT_GAIN = Parameter(1.0, "ours", "W_h is Gaussian of sd recurrent_gain / sqrt(N); the library [190]")
INPUT_DISTRIBUTION = Parameter(
    "gaussian", "ours", "of W_x; the library [190]; or uniform in +- input_scale", choices=("gaussian", "uniform")
)
INPUT_SCALE = Parameter(1.0, "ours", "of W_x, whose sd is input_scale / sqrt(N_in) if Gaussian; the library [190]")
READOUT_DISTRIBUTION = Parameter(
    "glorot", "code", "of w; or uniform in +- readout_scale / sqrt(N)", choices=("glorot", "uniform")
)
READOUT_SCALE = Parameter(1.0, "code", "factor of w's bound")
FEEDBACK_DISTRIBUTION = Parameter(
    "as_readout", "ours", "of rflo's feedback; or Gaussian of sd 1 / sqrt(N_out)", choices=("as_readout", "gaussian")
)
SELF_CONNECTIONS = Parameter(False, "code", "whether the diagonal of W_h is free; if not, it is zero")
