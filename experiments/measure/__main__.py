"""Further measures of curvature on finished runs, from the weights that they saved.

    python -m experiments.measure RUN... --measure spectrum,power_law,relative_flatness,alignment,taylor

RUN is the folder of a finished run or ensemble. Each measure adds one table to it, covering all of its runs;
a table that exists is kept.

{measures}

Hessian and gradients are of the total loss, L2 term included, on the Hessian's batch. Runs that diverged have no end of
training, hence no spectrum; evaluations without a finite leading eigenvalue are left out.
"""

import sys
from pathlib import Path
from typing import List, Optional

from experiments.command_line import OneLineParser, add_evidence_options
from experiments.evidence.packed import EvidenceError, pack
from experiments.measure.measures import described, get_measure, known_measures, measure
from experiments.measure.saved_run import MeasureError, SavedRun
from experiments.plan.config import ConfigError
from tasks import DataFileError

DEFAULT = "spectrum,power_law,relative_flatness,alignment"


def parser() -> OneLineParser:
    """The command line of `python -m experiments.measure`."""
    lines = [f"    {name + '.csv':22} {says}" for name, says in described().items()]
    p = OneLineParser("experiments.measure", __doc__.format(measures="\n".join(lines)))
    p.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of a finished run or ensemble")
    p.add_argument("--measure", default=DEFAULT, help=f"some of {','.join(known_measures())} (default: {DEFAULT})")
    p.add_argument(
        "--every",
        type=int,
        default=1,
        help="for measures along training: use only evaluations at multiples of this many iterations (default: 1, all)",
    )
    add_evidence_options(p)
    return p


def main(arguments: Optional[List[str]] = None) -> None:
    """Command line. Exit codes: 0 done, 1 a file could not be written, 2 bad input."""
    p = parser()
    given = p.parse_args(arguments)
    names = given.measure.split(",")
    try:
        for name in names:
            get_measure(name)
        if given.every < 1:
            raise MeasureError(f"--every is {given.every}; expected a whole number of at least 1")
        runs = [SavedRun(folder) for folder in given.runs]
        for run in runs:
            for name in names:
                made = measure(run, name, given.every)
                print(f"{run.folder / name}.csv{'' if made else ' (kept)'}", flush=True)
            if given.evidence:
                pack(run.folder, given.evidence, not given.evidence_without_weights)
    except (ValueError, ConfigError, DataFileError, EvidenceError) as error:
        p.error(" ".join(str(error).split()))
    except OSError as error:
        p.exit(1, f"{p.prog}: {error}\n")


if __name__ == "__main__":
    sys.exit(main())
