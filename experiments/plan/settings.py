"""Every setting of a run, declared once: configuration, command lines, experiment files and figures read it here.

A new setting is one more line here, and the code that obeys it. The parameters of a task are declared in its own file.
"""

from argparse import SUPPRESS
from typing import Any, NamedTuple, Optional, Sequence, Tuple

from experiments.command_line import OneLineParser

MAX_REAL = 1e30  # beyond it, and below its inverse, single precision cannot hold a setting


class Setting(NamedTuple):
    """A setting, its kind (int, float, bool or str), and what it may be.

    default: None leaves it to the task. minimum: of whole numbers; real ones are above 0. choices: of words. compared:
    whether runs that differ in it are shown as groups of their own.
    """

    name: str
    kind: type
    default: Any
    help: str
    minimum: Optional[int] = None
    choices: Tuple[str, ...] = ()
    compared: bool = False

    def checked(self, value: Any) -> Any:
        """The value, as this kind. Raises ValueError that says what was expected."""
        return CHECKS[self.kind](self, value)


def _whole(setting: Setting, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < setting.minimum:
        raise ValueError(f"{setting.name} is {value}; expected a whole number of at least {setting.minimum}")
    return value


def _real(setting: Setting, value: Any) -> float:
    return positive(setting.name, value)


def _truth(setting: Setting, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{setting.name} is {value}; expected true or false")
    return value


def _word(setting: Setting, value: Any) -> str:
    if value not in setting.choices:
        raise ValueError(f"unknown {setting.name} '{value}'; known: {', '.join(setting.choices)}")
    return value


def positive(name: str, value: Any) -> float:
    """A number above 0 that single precision can hold. Raises ValueError."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 1 / MAX_REAL < value < MAX_REAL:
        raise ValueError(f"{name} is {value}; expected a number above 0")
    return float(value)


CHECKS = {int: _whole, float: _real, bool: _truth, str: _word}

SETTINGS = (
    Setting("batch_size", int, None, "training examples per batch; 0 for all at once", minimum=0, compared=True),
    Setting("optimizer", str, "sgd", "how the weights are updated", choices=("sgd", "adam"), compared=True),
    Setting(
        "decay_factor",
        float,
        1.0,
        "what the learning rate is multiplied by every decay_every iterations (Figure 5)",
        compared=True,
    ),
    Setting("decay_every", int, 1, "iterations from one decay to the next", minimum=1, compared=True),
    Setting("iterations", int, None, "the length of a run, or its cap where it ends when stable", minimum=1),
    Setting("evaluate_every", int, 250, "iterations between evaluations; the first is before training", minimum=1),
    Setting(
        "early_every",
        int,
        0,
        "further evaluations up to iteration early_until, this far apart (Table 1); 0 for none",
        minimum=0,
    ),
    Setting("early_until", int, 0, "the last iteration for such early evaluations", minimum=0),
    Setting("until_stable", bool, None, "a run ends when its loss and its leading eigenvalue are stable"),
    Setting(
        "stability_tolerance",
        float,
        0.05,
        "relative change of the medians over a window of evaluations and the one before that counts as stable",
    ),
    Setting("window", int, 10, "evaluations per window; the last window is the end of training", minimum=1),
    Setting(
        "hessian_of",
        str,
        "W_h",
        "the weight matrix in which the Hessian is taken",
        choices=("W_h", "W_x"),
        compared=True,
    ),
    Setting(
        "hessian_on",
        str,
        "default",
        "the data it is measured on; default: the training batch, or MNIST's first validation images; fresh: "
        "validation images redrawn at each evaluation",
        choices=("default", "training", "fresh"),
        compared=True,
    ),
    Setting(
        "step_length",
        str,
        "together",
        "scaled_bptt's: rho over W_x and W_h together, over each by itself, or together for the readout as well",
        choices=("together", "each", "with_readout"),
        compared=True,
    ),
    Setting("trained", str, "all", "the weights that are updated", choices=("all", "W_h"), compared=True),
    Setting("power_iterations", int, 500, "Hessian-vector products per leading eigenvalue, at most", minimum=1),
    Setting("threads", int, 1, "TensorFlow threads; the order of its sums depends on their number", minimum=1),
)
BY_NAME = {setting.name: setting for setting in SETTINGS}
COMPARED = tuple(setting for setting in SETTINGS if setting.compared)


def add_options(parser: OneLineParser, names: Optional[Sequence[str]] = None) -> None:
    """Gives a command line an option for each setting, or those named; what is not given is not in the namespace."""
    for setting in SETTINGS if names is None else [BY_NAME[name] for name in names]:
        _add_option(parser, setting)


def _add_option(parser: OneLineParser, setting: Setting) -> None:
    option = setting.name.replace("_", "-")
    default = "the task's" if setting.default is None else setting.default
    choices = f"; one of: {', '.join(setting.choices)}" if setting.choices else ""
    told = {"dest": setting.name, "default": SUPPRESS}
    text = f"{setting.help}{choices} (default: {default})"
    if setting.kind is bool:
        parser.add_argument(f"--{option}", action="store_true", help=text, **told)
        parser.add_argument(
            f"--no-{option}", dest=setting.name, action="store_false", help="the opposite", default=SUPPRESS
        )
    else:
        parser.add_argument(f"--{option}", type=setting.kind, metavar=setting.name.upper(), help=text, **told)
