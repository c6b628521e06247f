"""What a cluster runs as one job: a long run and its measures, or several short ones, one after another."""

from collections import Counter
from math import ceil
from typing import Dict, List

from experiments.plan.costs import job_seconds
from experiments.plan.experiment_file import Plan, measures_of

TARGET = 20 * 60  # seconds; costs are known to a factor of two, so a batch takes ten minutes or more
LIMIT = 4  # a job's time limit, as a multiple of what it should take
UNKNOWN = 240  # minutes, of what has never been timed


def batches(plan: Plan, costs: dict) -> Dict[str, str]:
    """{run: name of its batch}; the same for the same plan, however much of it is done."""
    asked = measures_of(plan)
    found: Dict[str, str] = {}
    count, shared, filled = 0, "", TARGET
    for run, config in plan.runs.items():
        each = [job_seconds(config, what, costs) for what in ["train"] + asked[run]]
        seconds = sum(each) if all(each) else TARGET
        if seconds >= TARGET:
            found[run] = f"batch{count}"
            count += 1
            continue
        if filled >= TARGET:
            shared, filled, count = f"batch{count}", 0.0, count + 1
        found[run] = shared
        filled += seconds
    return found


def minutes(plan: Plan, costs: dict) -> Dict[str, int]:
    """{marker's name: the time limit of a run or measure}."""
    limits = {}
    for run, measures in measures_of(plan).items():
        for what in ["train"] + measures:
            seconds = job_seconds(plan.runs[run], what, costs)
            limits[run if what == "train" else f"{run}.{what}"] = ceil(LIMIT * seconds / 60) or UNKNOWN
    return limits


def batch_options(found: Dict[str, str]) -> List[str]:
    """What tells Snakemake that a batch is one job, although its runs do not depend on each other."""
    sizes = [f"{name}={count}" for name, count in sorted(Counter(found.values()).items()) if count > 1]
    return ["--group-components"] + sizes if sizes else []
