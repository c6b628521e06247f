"""Chooses a learning rate (and, for tasks that train in batches, the batch size) for a rule on a task (paper, A.3).

    python -m experiments.sweep --task pattern_generation --rule three_factor

Each learning rate of the grid is trained with held-out seeds. One at which any run diverges is ruled out; if that
leaves none, because some initial network explodes at every learning rate, those with the fewest diverged runs are
compared (ours). The best mean validation performance wins, or training performance where a task has no validation set;
ties go to the lower training loss, then to the smaller learning rate.

The choice goes with its evidence to experiments/chosen_learning_rates.json, which experiments.train and the workflow
read. They take the learning rate that is best at the batch size of their run; that is the published one for all rules
unless a run asks for another, so that rules differ in nothing else (ours). scaled_bptt is not swept: it takes the
three-factor rule's learning rate (Eq. 36).
"""

import argparse
import sys
from pathlib import Path
from typing import List, Optional

import pandas as pd

from experiments.command_line import OneLineParser
from experiments.evidence.run_folder import RunFolderError
from experiments.plan.config import Config, ConfigError, make_ensembles, task_of
from experiments.plan.learning_rates import CHOSEN, GRID, record
from experiments.plan.settings import add_options
from experiments.sweep.choice import SweepError, choose, evidence
from experiments.train.loop import train
from experiments.train.stop_signals import Stopped
from rules import known_rules
from tasks import DataFileError, known_tasks

SEEDS = (9000, 9001, 9002, 9003, 9004)  # held out
BATCH_SIZES = (64, 256, 1024)  # paper, A.3; for tasks that train in batches
SETTABLE = ("optimizer", "iterations", "evaluate_every")  # of a run's settings


def planned(given: argparse.Namespace) -> List[Config]:
    """The runs of a sweep. Raises ConfigError."""
    if given.rule == "scaled_bptt":
        raise ConfigError("scaled_bptt is not swept: it takes the three-factor rule's learning rate")
    settings = {name: value for name, value in vars(given).items() if name in SETTABLE}

    def configs(**more):
        return make_ensembles(given.task, given.rule, given.seeds, given.learning_rates, **settings, **more)

    first = configs()[0]
    if task_of(first).batch_size is None:
        return configs()
    sizes = given.batch_sizes or sorted({*BATCH_SIZES, first.batch_size})
    return [config for size in sizes for config in configs(batch_size=size)]


def parser() -> OneLineParser:
    """The command line of `python -m experiments.sweep`."""
    p = OneLineParser("experiments.sweep", __doc__)
    p.add_argument("--task", required=True, help=f"one of: {', '.join(known_tasks())}")
    p.add_argument("--rule", required=True, help=f"one of: {', '.join(known_rules())}")
    p.add_argument("--seeds", type=int, nargs="+", default=SEEDS, help=f"default {SEEDS[0]} to {SEEDS[-1]}")
    p.add_argument("--learning-rates", type=float, nargs="+", default=GRID, help="default: the paper's grid")
    p.add_argument(
        "--batch-sizes", type=int, nargs="+", help="where a task trains in batches: default 64 256 1024 and the task's"
    )
    add_options(p, SETTABLE)
    p.add_argument("--output", type=Path, default=Path("results/sweep"), help="run folders (default results/sweep)")
    p.add_argument(
        "--chosen", type=Path, default=CHOSEN, help=f"the file to update (default experiments/{CHOSEN.name})"
    )
    return p


def main(arguments: Optional[List[str]] = None) -> None:
    """Command line. Exit codes: 0 done, 1 nothing to choose or not writable, 2 bad input, 143 stopped."""
    p = parser()
    given = p.parse_args(arguments)
    try:
        configs = planned(given)
        folders = []
        for number, config in enumerate(configs, 1):
            print(f"{number} of {len(configs)} ensembles", file=sys.stderr, flush=True)
            folders.append(train(config, given.output))
        first = configs[0]
        settings = {
            "seeds": list(given.seeds),
            "iterations": first.iterations,
            "until_stable": first.until_stable,
            "evaluate_every": first.evaluate_every,
        }
        performance = task_of(first).performance
        entry = choose(given.task, given.rule, first.optimizer, evidence(folders), performance, settings)
        record(entry, given.chosen)
    except (ConfigError, RunFolderError, DataFileError) as error:
        p.exit(2, f"{p.prog}: {error}\n")
    except Stopped as error:
        p.exit(143, f"{p.prog}: {error}\n")
    except (OSError, SweepError) as error:
        p.exit(1, f"{p.prog}: {error}\n")
    print(pd.DataFrame(entry["evidence"]).to_string(index=False))
    for size, rates in entry["at_batch_size"].items():
        where = "" if size == "0" else f" at batch size {size}"
        print(f"chosen: learning rate {rates['learning_rate']:g}{where}, by {entry['criterion']}")
    print(f"in {given.chosen}")


if __name__ == "__main__":
    main()
