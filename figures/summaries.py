"""One table of all runs: settings, status, values at the end of training and at its last evaluation.

python -m figures.summaries RESULTS OUTPUT
"""

import sys
from pathlib import Path
from typing import List, Optional

import pandas as pd

from figures.command import figure_command
from figures.runs import KEY, RUN_COLUMNS, load


def write(folder: Path, output: Path) -> List[Path]:
    """Writes OUTPUT/summaries.csv, one row a run; returns its path in a list."""
    tables = [ensemble.runs for ensemble in load(folder).ensembles.values()]
    table = pd.concat(tables, sort=False) if tables else pd.DataFrame(columns=RUN_COLUMNS)
    # hours depend on the machine: they belong to the provenance, and this table is compared byte for byte
    table = table.drop(columns="hours").sort_values(["task", "rule", *KEY], kind="stable")
    output.mkdir(parents=True, exist_ok=True)
    table.to_csv(str(output / "summaries.csv"), index=False)
    return [output / "summaries.csv"]


def main(arguments: Optional[List[str]] = None) -> int:
    """Command line; returns the exit code."""
    return figure_command("figures.summaries", __doc__, write, arguments)


if __name__ == "__main__":
    sys.exit(main())
