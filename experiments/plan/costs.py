"""How long runs and measures take: collected from finished workflows, and used to say beforehand what a plan costs.

python -m experiments.plan.costs results/quick results/full      # -> experiments/costs.json
"""

import json
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Dict, List, Optional, Tuple

from experiments.command_line import OneLineParser
from experiments.evidence.files import write_json
from experiments.plan.config import Config, ConfigError, members
from experiments.plan.experiment_file import Plan

COSTS = Path(__file__).resolve().parents[1] / "costs.json"
ANY = "any"  # stands for a rule that has not been timed
STARTUP = 10  # seconds of any job before its first iteration: imports, data, graph; measured on a 2.6 GHz Xeon


def job_end(marker: Path) -> Tuple[int, int]:
    """(exit code, seconds) of a job, from the marker that job.sh left; code 1 if the marker says nothing."""
    words = marker.read_text().split()
    return (int(words[0]), int(words[1])) if len(words) == 2 else (1, 0)


def collect(results: List[Path]) -> dict:
    """{task: {rule: {"train": core-seconds an iteration of a replica, measure: core-seconds a replica}}}.

    From the markers of finished jobs, without STARTUP. The median over jobs, for some are held up; under ANY, of all
    rules' jobs. Raises OSError.
    """
    found = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for folder in results:
        for marker in sorted((folder / "done").iterdir()):
            run, _, measure = marker.name.partition(".")
            code, took = job_end(marker)
            if code != 0:
                continue
            config = json.loads((folder / "configs" / f"{run}.json").read_text())
            entries = json.loads((folder / "runs" / run / "summary.json").read_text())
            units = len(entries) if measure else sum(entry["final"]["iteration"] for entry in entries)
            for rule in (config["rule"], ANY):
                found[config["task"]][rule][measure or "train"].append(max(0, took - STARTUP) / max(1, units))
    return {
        task: {rule: {what: median(v) for what, v in costs.items()} for rule, costs in rules.items()}
        for task, rules in found.items()
    }


def seconds(config: Config, measures: List[str], costs: dict) -> float:
    """Core-seconds of a run at its full length and of its measures; 0 where the task has never been timed."""
    rules = costs.get(config.task, {})
    total = 0.0
    for what in ["train"] + measures:
        each = rules.get(config.rule, {}).get(what, rules.get(ANY, {}).get(what, 0.0))
        total += STARTUP + each * len(members(config)) * (config.iterations if what == "train" else 1)
    return total


def estimate(plan: Plan, results: Path, figures: List[str], path: Path = COSTS) -> str:
    """A table: for each figure, the runs behind it, those still to do, and core-hours; runs shared by figures are
    counted in each figure, and once in the total. Raises ConfigError if nothing has been timed."""
    if not path.exists():
        raise ConfigError(f"{path} is missing: nothing has been timed")
    costs = json.loads(path.read_text())
    asked: Dict[str, List[str]] = defaultdict(list)  # run -> measures
    for block, names in plan.blocks.items():
        for name in names:
            asked[name] = sorted(set(asked[name]) | set(plan.measures[block]))
    lines = [f"{'':10} {'runs':>5} {'replicas':>9} {'to do':>6} {'core-hours':>11} {'of them to do':>14}"]
    total = set()
    for figure in figures or sorted(plan.figures, key=_order):
        blocks = {block for names in plan.figures[figure].values() for block in names}
        members = {name for block in blocks for name in plan.blocks[block]}
        total |= members
        lines.append(_line(figure, members, asked, plan, results, costs))
    lines.append(_line("total", total, asked, plan, results, costs))
    unknown = sorted({config.task for config in plan.runs.values()} - set(costs))
    if unknown:
        lines.append(f"never timed, counted as nothing: {', '.join(unknown)}")
    lines.append("A run that ends when it is stable takes less than its cap, which is counted here.")
    return "\n".join(lines)


def _line(name, members, asked, plan, results, costs) -> str:
    left = [run for run in members if not (results / "runs" / run / "summary.json").is_file()]
    hours = {run: seconds(plan.runs[run], asked[run], costs) / 3600 for run in members}
    count = sum(len(members(plan.runs[run])) for run in members)
    whole, to_do = sum(hours.values()), sum(hours[run] for run in left)
    return f"{name:10} {len(members):5} {count:9} {len(left):6} {whole:11.2f} {to_do:14.2f}"


def _order(figure: str) -> tuple:
    number = figure.replace("figure", "")
    return (int(number), "") if number.isdigit() else (99, figure)


def main(arguments: Optional[List[str]] = None) -> None:
    """Command line."""
    p = OneLineParser("experiments.plan.costs", __doc__)
    p.add_argument("results", type=Path, nargs="+", help="results folders of finished workflows")
    p.add_argument("--output", type=Path, default=COSTS, help=f"default experiments/{COSTS.name}")
    given = p.parse_args(arguments)
    try:
        write_json(given.output, collect(given.results))
    except (OSError, ValueError, KeyError) as error:
        p.exit(1, f"{p.prog}: {error}\n")


if __name__ == "__main__":
    sys.exit(main())
