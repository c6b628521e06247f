"""`python -m bench` under TensorFlow 1.14 and under a current one, one after the other, in one table.

    python -m bench.compare [--repeats N] [PYTHON PYTHON]

By default the Pythons of .venv/ and .venv-tf2/. Each line has the median milliseconds under either, and the ratio of
the second to the first: below 1, the second is faster. Nothing else should run on the core.
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Optional

from experiments import HOME
from experiments.command_line import OneLineParser

PYTHONS = [HOME / folder / "bin" / "python" for folder in (".venv", ".venv-tf2")]
LINE = re.compile(r"(?P<name>\S.*\S)\s+[\d.]+ x .*\((?P<milliseconds>[\d.]+) ms, .*\)")  # of bench.report


def measured(said: str) -> Dict[str, float]:
    """{what was timed: milliseconds} from what `python -m bench` prints."""
    found = (LINE.match(line) for line in said.splitlines())
    return {line.group("name"): float(line.group("milliseconds")) for line in found if line}


def table(heads: List[str], columns: List[Dict[str, float]]) -> str:
    """Lines of what both have timed, in the order of the first."""
    lines = [f"{'milliseconds':36}{heads[0]:>12}{heads[1]:>12}{'ratio':>8}"]
    for name in columns[0]:
        if name in columns[1]:
            first, second = (column[name] for column in columns)
            lines.append(f"{name:36}{first:12.2f}{second:12.2f}{second / first:8.2f}")
    return "\n".join(lines)


def of(python: str, *arguments: str) -> str:
    """What a Python prints; raises CalledProcessError where it fails."""
    command = [python, *arguments]
    return subprocess.run(command, cwd=str(HOME), check=True, stdout=subprocess.PIPE, text=True).stdout


def main(arguments: Optional[List[str]] = None) -> int:
    """Command line; returns the exit code."""
    parser = OneLineParser("bench.compare", __doc__)
    parser.add_argument(
        "pythons", nargs="*", metavar="PYTHON", help="two interpreters (default .venv's and .venv-tf2's)"
    )
    parser.add_argument("--repeats", type=int, default=200, help="turns of each comparison (default 200)")
    given = parser.parse_args(arguments)
    pythons = given.pythons or [str(path) for path in PYTHONS]
    if len(pythons) != 2:
        parser.error(f"number of interpreters given: {len(pythons)}; expected two or none")
    for python in pythons:
        if not Path(python).exists():
            parser.error(
                f"{python} does not exist; ./run_all.sh environment makes .venv, with BIOLHESS_TENSORFLOW=2 .venv-tf2"
            )
    version = "import tensorflow.compat.v1 as tf; print(tf.__version__)"
    heads = [of(python, "-c", version).strip() for python in pythons]
    print(table(heads, [measured(of(python, "-m", "bench", "--repeats", str(given.repeats))) for python in pythons]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
