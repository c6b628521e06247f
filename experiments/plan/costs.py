"""How long runs and measures take: collected from finished workflows, to say what a plan will cost.

python -m experiments.plan.costs results/quick results/full      # -> experiments/costs.json
"""

import json
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import List, Optional, Tuple

from experiments.command_line import OneLineParser
from experiments.evidence.files import write_json
from experiments.plan.config import Config, from_dict, members
from tasks import get_task

COSTS = Path(__file__).resolve().parents[1] / "costs.json"
ANY = "any"  # stands for a rule that has not been timed
STARTUP = 10  # seconds of any job before its first iteration: imports, data, graph; measured on a 2.6 GHz Xeon
EVALUATIONS = 0.25  # share of a run that its batch's size does not change; measured by bench on sequential MNIST


def read_costs(path: Path = COSTS) -> dict:
    """What `collect` found; nothing if nothing has been timed."""
    return json.loads(path.read_text()) if path.exists() else {}


def job_end(marker: Path) -> Tuple[int, int]:
    """(exit code, seconds) of a job, from the marker that job.sh left; code 1 if the marker says nothing."""
    words = marker.read_text().split()
    return (int(words[0]), int(words[1])) if len(words) == 2 else (1, 0)


def collect(results: List[Path]) -> dict:
    """{task: {rule: {"train": core-seconds per iteration of a run at the task's own batch size, measure: core-seconds
    per run}}}.

    From the markers of finished jobs, without STARTUP. Medians over jobs, since some are held up; under ANY, over those
    of all rules. Raises OSError, ConfigError.
    """
    found = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for folder in results:
        for marker in sorted((folder / "done").iterdir()):
            run, _, measure = marker.name.partition(".")
            code, took = job_end(marker)
            if code != 0 or took == 0:  # 0: taken from evidence, not timed here
                continue
            config = from_dict(json.loads((folder / "configs" / f"{run}.json").read_text()))
            entries = json.loads((folder / "runs" / run / "summary.json").read_text())
            iterations = sum(entry["final"]["iteration"] for entry in entries)
            units = len(entries) if measure else iterations * _relative_cost(config)
            for rule in (config.rule, ANY):
                found[config.task][rule][measure or "train"].append(max(0, took - STARTUP) / max(1, units))
    return {
        task: {rule: {what: median(v) for what, v in costs.items()} for rule, costs in rules.items()}
        for task, rules in found.items()
    }


def _relative_cost(config: Config) -> float:
    """Of an iteration, to one at the task's own batch size."""
    usual = get_task(config.task).batch_size
    return 1.0 if usual is None else EVALUATIONS + (1 - EVALUATIONS) * config.batch_size / usual


def job_seconds(config: Config, what: str, costs: dict) -> float:
    """Core-seconds of a run at its full length ("train") or of one of its measures; 0 if never timed."""
    rules = costs.get(config.task, {})
    each = rules.get(config.rule, {}).get(what, rules.get(ANY, {}).get(what))
    if each is None:
        return 0.0
    units = config.iterations * _relative_cost(config) if what == "train" else 1
    return STARTUP + each * len(members(config)) * units


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
