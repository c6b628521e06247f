"""One table of all runs: settings, status, values at the end of training and at its last evaluation."""

from pathlib import Path
from typing import List

import pandas as pd

from figures.runs import KEY, RUN_COLUMNS, Results


def write(results: Results, output: Path) -> List[Path]:
    """Writes OUTPUT/summaries.csv, one row per run; returns its path in a list."""
    tables = [ensemble.runs for ensemble in results.ensembles.values()]
    table = pd.concat(tables, sort=False) if tables else pd.DataFrame(columns=RUN_COLUMNS)
    # hours depend on the machine: they belong to the provenance, and this table is compared byte for byte
    table = table.drop(columns="hours").sort_values(["task", "rule", *KEY], kind="stable")
    output.mkdir(parents=True, exist_ok=True)
    table.to_csv(str(output / "summaries.csv"), index=False)
    return [output / "summaries.csv"]
