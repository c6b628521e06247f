"""What run_all.sh does once the environment is there: the workflow, its end, its checks.

    ./run_all.sh quick [--cores N]    the main job at reduced length on real MNIST -> results/quick/
    ./run_all.sh full [--cores N]     the same at the published length -> results/full/
    ./run_all.sh rules [--cores N]    every learning rule for 2,000 iterations -> results/rules/

Given again after an interruption, a command goes on where it was; what is finished is not repeated.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Optional

from experiments.command_line import OneLineParser
from experiments.config import Config, ConfigError
from experiments.plan import planned_runs, read_plan

HOME = Path(__file__).resolve().parent.parent
PLANS = {name: HOME / "experiments" / f"{name}.yaml" for name in ("quick", "full", "rules")}


def workflow(plan: Path, results: Path, cores: int) -> int:
    """Runs the workflow in the folder `results`; returns Snakemake's exit code.

    --ignore-incomplete: what a killed workflow left is complete or absent, so there is nothing to repeat.
    """
    results.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(HOME / "experiments" / "Snakefile")]
    command += ["--directory", str(results), "--cores", str(cores), "--keep-going", "--ignore-incomplete", "--nolock"]
    command += ["--config", f"plan={plan}", f"home={HOME}"]
    return subprocess.call(command, env=dict(os.environ, PYTHONPATH=str(HOME)))


def weak_runs(results: Path, runs: Dict[str, Config], least: float) -> List[str]:
    """One line for each BPTT run whose final validation accuracy is below `least` or that diverged."""
    lines = []
    for name, config in runs.items():
        for entry in json.loads((results / "runs" / name / "summary.json").read_text()):
            accuracy = entry["final"]["validation_performance"]
            if config.rule == "bptt" and (entry["status"] != "completed" or not accuracy > least):
                lines.append(
                    f"run {name}: BPTT {entry['status']}, validation accuracy {accuracy:.3f}, not above {least}"
                )
    return lines


def main(arguments: Optional[List[str]] = None) -> int:
    """Command line. Exit codes: 0 done, 1 a run failed or BPTT did not learn, 2 bad input."""
    parser = OneLineParser("run_all.sh", __doc__)
    parser.add_argument("what", nargs="?", default="quick", help=f"one of: {', '.join(PLANS)} (default quick)")
    parser.add_argument(
        "--cores", type=int, default=len(os.sched_getaffinity(0)), help="processes at once (default: all)"
    )
    given = parser.parse_args(arguments)
    if given.what not in PLANS:
        parser.error(f"unknown '{given.what}'; known: {', '.join(PLANS)}, environment")
    if given.cores < 1:
        parser.error(f"--cores is {given.cores}; expected a whole number of at least 1")
    results = HOME / "results" / given.what
    try:
        plan = read_plan(PLANS[given.what])
        runs = planned_runs(plan)
    except ConfigError as error:
        parser.error(str(error))
    print(f"{len(runs)} runs on {given.cores} cores; results in {results}", flush=True)
    if workflow(PLANS[given.what], results, given.cores) != 0:
        print(f"run_all.sh: failed; the logs are in {results / 'logs'}; the same command goes on", file=sys.stderr)
        return 1
    weak = weak_runs(results, runs, plan["bptt_validation_accuracy"])
    for line in weak:
        print(f"run_all.sh: {line}", file=sys.stderr)
    print(f"figure: {results / 'figures' / 'figure3.png'}")
    return 1 if weak else 0


if __name__ == "__main__":
    sys.exit(main())
