"""The whole workflow for an experiment file: runs, measures, figures, verdicts, report.

    ./run_all.sh quick                 everything, reduced, in minutes -> results/quick/
    ./run_all.sh full [FIGURE...]      the paper at its published size, or some of its figures -> results/full/
    ./run_all.sh FILE.yaml             an experiment file of your own -> results/FILE/
    ./run_all.sh full --dry-run        what would run, and the core-hours it would take
    ./run_all.sh full --from-scratch   every run from scratch, without evidence/ -> results/full-from-scratch/

Whatever follows -- goes to Snakemake as it is: a profile, a cluster. The same command resumes what was interrupted,
repeats nothing that is finished, and tries again what failed.

A run whose evidence is in evidence/ is finished, too. What `full` trains is packed there as each run ends; where
evidence/ cannot be written, as in the image, runs stay in results/full/runs/ alone.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import List, Optional

from experiments import HOME
from experiments.command_line import OneLineParser
from experiments.evidence.packed import EVIDENCE
from experiments.plan.config import ConfigError
from experiments.plan.costs import job_end
from experiments.plan.experiment_file import Plan, only_tasks, read_plan
from experiments.plan.framework import TENSORFLOW, results_name
from experiments.workflow.engine import SNAKEMAKE_LOG, snakemake
from experiments.workflow.estimate import estimate
from experiments.workflow.prepare import locked, markers, prepare
from experiments.workflow.progress import Progress, jobs
from experiments.workflow.stamp import is_unchanged, stamp, write_stamp

PLANS = {path.stem: path for path in sorted((HOME / "experiments").glob("*.yaml"))}


def failures(results: Path) -> List[str]:
    """One line for each run or measure that ended with an error."""
    lines = []
    for marker in sorted((results / "done").glob("*")):  # Snakemake may have removed an empty folder
        code, _ = job_end(marker)
        if code != 0:
            log = results / "logs" / f"{marker.name}.log"
            lines.append(f"{marker.name} failed with exit code {code}; see {log}")
    return lines


def weak_runs(results: Path, plan: Plan) -> List[str]:
    """One line for each BPTT run on sequential MNIST that diverged or ended at too low a validation accuracy.

    Of the group `main`: others try learning rates and settings at which it is not meant to learn.
    """
    lines = []
    for name in sorted({name for block in plan.groups.get("main", []) for name in plan.blocks[block]}):
        config, path = plan.runs[name], results / "runs" / name / "summary.json"
        if (config.task, config.rule) != ("seq_mnist", "bptt") or not path.exists():
            continue
        for entry in json.loads(path.read_text()):
            accuracy = entry["final"]["validation_performance"] or 0.0
            if entry["status"] == "diverged" or not accuracy > plan.min_accuracy:
                lines.append(f"run {name}: {entry['status']}, validation accuracy {accuracy:.3f}: BPTT did not learn")
    return lines


def products(figures: List[str]) -> List[str]:
    """What the user asked for: the report, or some figures alone."""
    return [f"figures/{name}.png" for name in figures] or ["report.html"]


def targets(plan: Plan, figures: List[str]) -> List[str]:
    """What Snakemake is asked for: the products and all markers behind them.

    By itself it would not remake a removed marker, nor redraw what depends on it, while the product exists.
    """
    shown = {block for name in figures for names in plan.figures[name].values() for block in names}
    found = {block: names for block, names in markers(plan).items() if not figures or block in shown}
    return products(figures) + sorted({marker for names in found.values() for marker in names})


def parser() -> OneLineParser:
    """The command line of run_all.sh."""
    p = OneLineParser("run_all.sh", __doc__)
    p.add_argument("what", nargs="?", default="quick", help=f"{', '.join(PLANS)} or FILE.yaml (default quick)")
    p.add_argument("figures", nargs="*", help="such as figure2, table1, bounds (default: all, and the report)")
    p.add_argument("--tasks", nargs="+", help="make only these tasks' runs (default: all of the file's)")
    p.add_argument("--cores", type=int, help="processes at once (default: all, or what a profile says)")
    p.add_argument(
        "--from-scratch",
        action="store_true",
        help="ignore evidence/; results go to a folder of their own",
    )
    p.add_argument("--dry-run", action="store_true", help="say what would run and how long it would take")
    return p


def main(arguments: Optional[List[str]] = None) -> int:
    """Command line. Exit codes: 0 done, 1 a run failed or BPTT did not learn, 2 bad input, 130 and 143 stopped."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    more = arguments[arguments.index("--") + 1 :] if "--" in arguments else []
    p = parser()
    given = p.parse_args(arguments[: arguments.index("--")] if "--" in arguments else arguments)
    path = _experiment_file(p, given)
    what = f"{path.stem}-from-scratch" if given.from_scratch else path.stem
    results = HOME / "results" / results_name(what)
    evidence = None if given.from_scratch or TENSORFLOW != 1 else EVIDENCE

    def stamped() -> str:
        return stamp(results, path, [sys.executable, *given.figures, "--tasks", *(given.tasks or [])], evidence)

    if not more and not given.dry_run and is_unchanged(results, stamped()):
        _show_products(results, given.figures)
        return 0
    try:
        plan = read_plan(path)
        asked = _asked(plan, given)
        if given.dry_run:
            print(estimate(asked, results, given.figures, evidence=evidence))
            return 0
    except ConfigError as error:
        p.error(str(error))
    results.mkdir(parents=True, exist_ok=True)
    lock = locked(results)
    if lock is None:
        p.error(f"another workflow is running in {results}")
    for line in prepare(plan, what, results, evidence, asked):
        print(f"{p.prog}: {line}", file=sys.stderr)
    code = reproduce(p, asked, results, lock, given, more)
    if code == 0:
        write_stamp(results, stamped())
    return code


def _experiment_file(p: OneLineParser, given: argparse.Namespace) -> Path:
    """The experiment file that is asked for; ends the program where there is none, or an option cannot be."""
    path = Path(given.what) if given.what.endswith((".yaml", ".yml")) else PLANS.get(given.what)
    if path is None:
        p.error(f"unknown '{given.what}'; known: {', '.join(PLANS)}, FILE.yaml, environment")
    if given.cores is not None and given.cores < 1:
        p.error(f"--cores is {given.cores}; expected a whole number of at least 1")
    if path.stem == "verify":
        p.error(f"{path}: results/verify is the folder of `run_all.sh verify`; rename the file")
    if path.stem in PLANS and path.resolve() != PLANS[path.stem]:
        p.error(f"{path} has the name of {PLANS[path.stem]}, whose results it would overwrite; rename it")
    return path


def _asked(plan: Plan, given: argparse.Namespace) -> Plan:
    """The plan, or its part on the tasks that are asked for. Raises ConfigError for an unknown task or figure."""
    asked = only_tasks(plan, given.tasks) if given.tasks else plan
    for name in given.figures:
        if name not in asked.figures:
            raise ConfigError(f"unknown figure '{name}'; known: {', '.join(asked.figures)}")
    return asked


def reproduce(
    p: OneLineParser, plan: Plan, results: Path, lock: int, given: argparse.Namespace, more: List[str]
) -> int:
    """Runs the workflow in the locked folder, which is prepared, and reports how it ended; returns the exit code."""
    wanted = targets(plan, given.figures)
    todo = jobs(plan, [name for name in wanted if name.startswith("done/")])
    cores = given.cores if given.cores or "--profile" in more else len(os.sched_getaffinity(0))
    print(f"{len(todo)} jobs{f' on {cores} cores' if cores else ''}; results in {results}", flush=True)
    code = snakemake(results, lock, cores, wanted, more, Progress(results, todo, cores, sys.stderr))
    if code >= 128:
        p.exit(code, f"{p.prog}: stopped; the same command resumes from there\n")
    problems = failures(results) + (weak_runs(results, plan) if plan.min_accuracy else [])
    for line in problems:
        print(f"{p.prog}: {line}", file=sys.stderr)
    if code != 0:
        log = results / SNAKEMAKE_LOG
        print(f"{p.prog}: not complete (see the end of {log}); the same command resumes", file=sys.stderr)
        return 1
    _show_products(results, given.figures)
    return 1 if problems else 0


def _show_products(results: Path, figures: List[str]) -> None:
    for product in products(figures):
        print(results / product)


if __name__ == "__main__":
    sys.exit(main())
