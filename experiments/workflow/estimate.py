"""What a plan will cost: ensembles, those that are not finished, and core-hours, figure by figure."""

import json
from collections import defaultdict
from pathlib import Path
from typing import List, Optional, Tuple

from experiments.plan.config import ConfigError, members
from experiments.plan.costs import COSTS, job_seconds
from experiments.plan.experiment_file import Plan, measures_of, written_block
from experiments.workflow.finished import left_to_do
from figures import figure_order


def estimate(plan: Plan, results: Path, figures: List[str], path: Path = COSTS, evidence: Optional[Path] = None) -> str:
    """A table: for each figure, group and block of neither, its ensembles, those still to do, and core-hours.

    Ensembles that several share are counted in each, and once in the total. Raises ConfigError if nothing has been
    timed.
    """
    if not path.exists():
        raise ConfigError(f"{path} is missing: nothing has been timed")
    costs = json.loads(path.read_text())
    parts = {name: {run for block in blocks for run in plan.blocks[block]} for name, blocks in _parts(plan, figures)}
    parts["total"] = set().union(*parts.values())
    asked = {run: measures for run, measures in measures_of(plan).items() if run in parts["total"]}
    left = {run: left_to_do(results, evidence, run, measures) for run, measures in asked.items()}

    def hours(run: str, jobs: List[str]) -> float:
        return sum(job_seconds(plan.runs[run], job, costs) for job in jobs) / 3600

    width = max(len(name) for name in parts)
    lines = [f"{'':{width}} {'ensembles':>9} {'runs':>5} {'to do':>6} {'core-hours':>11} {'hours to do':>14}"]
    for name, ensembles in parts.items():
        runs = sum(len(members(plan.runs[run])) for run in ensembles)
        whole = sum(hours(run, ["train", *asked[run]]) for run in ensembles)
        unfinished, to_do = sum(bool(left[run]) for run in ensembles), sum(hours(run, left[run]) for run in ensembles)
        lines.append(f"{name:{width}} {len(ensembles):9} {runs:5} {unfinished:6} {whole:11.2f} {to_do:14.2f}")
    unknown = sorted({config.task for config in plan.runs.values()} - set(costs))
    if unknown:
        lines.append(f"never timed, counted as nothing: {', '.join(unknown)}")
    lines.append("Estimates assume that every run reaches its cap; a run that becomes stable ends sooner.")
    return "\n".join(lines)


def _parts(plan: Plan, figures: List[str]) -> List[Tuple[str, List[str]]]:
    """(name, blocks) of the figures asked for; if none is, of all, and of the groups and blocks that none draws."""
    shown = [(name, [block for blocks in plan.figures[name].values() for block in blocks]) for name in plan.figures]
    if figures:
        return [part for part in shown if part[0] in figures]
    drawn = {group for groups in plan.figures.values() for group in groups}
    parts = sorted(shown, key=lambda part: figure_order(part[0]))
    parts += [(group, blocks) for group, blocks in plan.groups.items() if group not in drawn]
    named, others = {block for _, blocks in parts for block in blocks}, defaultdict(list)
    for block in plan.blocks:
        if block not in named:
            others[written_block(plan, block)].append(block)
    return parts + list(others.items())
