"""Trains runs of evidence/ again, from scratch, and compares their history and final weights bit by bit.

    ./run_all.sh verify                                 the shortest of each task and rule
    ./run_all.sh verify --runs 3 --task delayed_match   that many in all, the shortest of each rule first

They are trained in results/verify/. The same command resumes what was interrupted; what other code has trained there is
removed, and to train all of them again remove that folder. Another type of processor gives other bits: then the largest
difference in each column of the history and in the weights is shown, relative to the largest number there.
"""

import json
import os
import pkgutil
import shutil
import sys
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple

import rules
import tasks
from experiments import HOME
from experiments.command_line import OneLineParser
from experiments.evidence.difference import difference, makers
from experiments.evidence.files import write_json
from experiments.evidence.packed import EVIDENCE, SUFFIX, EvidenceError, read_evidence
from experiments.plan.config import Config, ConfigError, from_dict, members
from experiments.plan.costs import COSTS, job_seconds
from experiments.plan.experiment_file import Plan
from experiments.plan.framework import TENSORFLOW
from experiments.plan.source import source_hashes
from experiments.workflow.engine import snakemake
from experiments.workflow.prepare import locked, markers, prepare
from experiments.workflow.progress import Progress, jobs, run_names
from experiments.workflow.reproduce import failures
from tasks import known_tasks

CODE = ("models", "rules", "tasks", "hessian", "experiments")


class Packed(NamedTuple):
    """A file of evidence that can be verified. length: core-seconds, 0 where never timed, and steps of its training."""

    path: Path
    config: Config
    length: Tuple[float, int]


def verifiable(folder: Path, tasks: List[str]) -> Tuple[List[Packed], List[str]]:
    """The evidence on these tasks, and one line for each file that is damaged or was made by other code."""
    costs = json.loads(COSTS.read_text()) if COSTS.exists() else {}
    found, lines = [], []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            config = from_dict(json.loads(read_evidence(path)["config.json"].decode()))
        except (EvidenceError, ConfigError) as error:
            lines.append(str(error) if isinstance(error, EvidenceError) else f"{path} is not verified: {error}")
            continue
        if config.task in tasks:
            steps = config.iterations * len(members(config))
            found.append(Packed(path, config, (job_seconds(config, "train", costs), steps)))
    return found, lines


def chosen(found: List[Packed], runs: Optional[int]) -> Dict[str, Packed]:
    """{hash: evidence}: the shortest of each task and rule, then the second shortest; `runs` in all, or one of each."""
    ranked, seen = [], {}
    for packed in sorted(found, key=lambda packed: (packed.length, packed.path.name)):
        group = (packed.config.task, packed.config.rule)
        seen[group] = seen.get(group, 0) + 1
        ranked.append((seen[group], packed.length, packed.path.name, packed))
    count = len(seen) if runs is None else runs
    return {name[: -len(SUFFIX)]: packed for _, _, name, packed in sorted(ranked, key=lambda one: one[:3])[:count]}


def remove_if_stale(results: Path) -> None:
    """Removes what the folder holds if other code than today's has trained it: it would be taken for today's."""
    packages = (rules, tasks)
    modules = [f"{each.__name__}.{file.name}" for each in packages for file in pkgutil.iter_modules(each.__path__)]
    code = source_hashes(["experiments.train.__main__", *modules], CODE)
    path = results / "code.json"
    if not path.is_file() or json.loads(path.read_text()) != code:
        for folder in ("runs", "done"):
            shutil.rmtree(str(results / folder), ignore_errors=True)
        write_json(path, code)


def train_anew(configs: Dict[str, Config], results: Path, lock: int, cores: int) -> int:
    """Trains the runs in the results folder; returns the workflow's exit code."""
    plan = Plan(runs=configs, blocks={"verify": sorted(configs)}, measures={"verify": []})
    prepare(plan, "verify", results, None)
    wanted = markers(plan)["verify"]
    progress = Progress(results, jobs(plan, wanted), cores, sys.stderr)
    return snakemake(results, lock, cores, wanted, [], progress)


def parser() -> OneLineParser:
    """The command line."""
    p = OneLineParser("run_all.sh verify", __doc__)
    p.add_argument("--runs", type=int, help="ensembles in all (default: one per task and rule)")
    p.add_argument("--task", nargs="+", default=known_tasks(), help=f"of: {', '.join(known_tasks())} (default: all)")
    p.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)), help="processes at once (default: all)")
    return p


def main(arguments: Optional[List[str]] = None) -> int:
    """Exit codes: 0 all bits are the same, 1 some differ or a run failed, 2 bad input, 130 and 143 stopped."""
    p = parser()
    given = p.parse_args(arguments)
    if TENSORFLOW != 1:
        p.error("evidence/ was made with TensorFlow 1.14; TensorFlow 2 gives other bits, so there is nothing to verify")
    for name, value in (("runs", given.runs), ("cores", given.cores)):
        if value is not None and value < 1:
            p.error(f"--{name} is {value}; expected a whole number of at least 1")
    for task in given.task:
        if task not in known_tasks():
            p.error(f"unknown task '{task}'; known: {', '.join(known_tasks())}")
    found, lines = verifiable(EVIDENCE, given.task)
    for line in lines:
        print(f"{p.prog}: {line}", file=sys.stderr)
    if not found:
        p.error(f"{EVIDENCE} has no evidence made by the current code for {', '.join(given.task)}")
    picked = chosen(found, given.runs)
    results = HOME / "results" / "verify"
    results.mkdir(parents=True, exist_ok=True)
    lock = locked(results)
    if lock is None:
        p.error(f"another workflow is running in {results}")
    remove_if_stale(results)
    code = train_anew({run: packed.config for run, packed in picked.items()}, results, lock, given.cores)
    if code >= 128:
        p.exit(code, f"{p.prog}: stopped; the same command resumes from there\n")
    return report(picked, results)


def report(picked: Dict[str, Packed], results: Path) -> int:
    """Prints one line per ensemble, sorted, and how the machines differ if they do; returns the exit code."""
    names, same, machines = run_names({run: packed.config for run, packed in picked.items()}), True, set()
    failed = failures(results)
    for run in sorted(picked, key=names.get):
        folder = results / "runs" / run
        if not (folder / "summary.json").is_file():
            same = False
            print(
                f"{names[run]}: not trained; " + next((line for line in failed if run in line), "for an unknown reason")
            )
            continue
        members = read_evidence(picked[run].path)
        found = difference(members, folder)
        same = same and not found
        print(f"{names[run]}: {found or 'the same bits'}")
        here, there = makers((folder / "provenance.json").read_bytes()), makers(members["provenance.json"])
        if here != there:
            machines.add(f"the evidence was made with {there}; here: {here}")
    for line in sorted(machines):
        print(line)
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
