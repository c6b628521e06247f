"""One table of all run summaries.

python -m figures.summaries RUNS OUTPUT.csv
"""

import argparse
import sys
from pathlib import Path
from typing import List, Optional

from figures.runs import RunsError, load_runs


def main(arguments: Optional[List[str]] = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="figures.summaries", description=__doc__)
    parser.add_argument("runs", type=Path)
    parser.add_argument("output", type=Path)
    given = parser.parse_args(arguments)
    try:
        _, summaries = load_runs(given.runs)
    except RunsError as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    summaries.sort_values(["task", "rule", "seed"]).to_csv(given.output, index=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
