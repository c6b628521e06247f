"""Chooses a learning rate (and, for tasks that train in batches, the batch size) for a rule on a task (paper, A.3).

    python -m experiments.sweep --task pattern_generation --rule three_factor

Every rate of the grid is trained with seeds that serve no figure. A setting at which any seed diverges is no candidate;
where that leaves none, because some initial network explodes at every rate, those at which the fewest diverge are
(ours). Of the candidates the one with the best mean validation performance is taken, or training performance where a
task has no validation set; ties go to the lower training loss, then to the smaller rate. The choice goes with its
evidence to experiments/chosen_learning_rates.json, which experiments.train and the workflow read: the learning rate
that is best at the batch size of a run, which stays the published one for all rules unless a run asks for another, so
that rules differ in nothing else (ours). scaled_bptt is not swept: it takes the three-factor rule's (Eq. 36).
"""

import fcntl
import json
import os
import sys
from pathlib import Path
from typing import List, Optional

import pandas as pd

from experiments.command_line import OneLineParser
from experiments.evidence.files import write_json
from experiments.evidence.run_folder import RunFolderError
from experiments.plan.config import Config, ConfigError, make_ensembles, task_of
from experiments.plan.learning_rates import CHOSEN, GRID, chosen
from experiments.plan.settings import add_options
from experiments.train.loop import train
from experiments.train.stop_signals import Stopped
from rules import known_rules
from tasks import GAP_SIGN, DataFileError, known_tasks

SEEDS = (9000, 9001, 9002, 9003, 9004)  # no figure's
BATCH_SIZES = (64, 256, 1024)  # paper, A.3; for tasks that train in batches
SETTABLE = ("optimizer", "iterations", "evaluate_every")  # of a run's settings
MEASURES = ("training_performance", "validation_performance", "test_performance", "training_loss")


class SweepError(ValueError):
    """Nothing can be chosen; the message is one line."""


def evidence(folders: List[Path]) -> pd.DataFrame:
    """One row a finished run: learning_rate, batch_size, seed, diverged, and MEASURES at its last evaluation."""
    rows = []
    for folder in folders:
        batch_size = json.loads((folder / "config.json").read_text())["batch_size"]
        for entry in json.loads((folder / "summary.json").read_text()):
            row = {name: entry[name] for name in ("learning_rate", "seed")}
            row.update(batch_size=batch_size, diverged=entry["status"] == "diverged")
            row.update({name: entry["final"][name] for name in MEASURES})
            rows.append(row)
    return pd.DataFrame(rows).astype({name: float for name in MEASURES})


def table(runs: pd.DataFrame) -> pd.DataFrame:
    """Means over the runs that did not diverge, a row for each learning_rate and batch_size; how many `diverged`."""
    kept = runs.assign(**{name: runs[name].where(~runs.diverged) for name in MEASURES})
    found = kept.groupby(["batch_size", "learning_rate"], as_index=False).agg(
        dict({name: "mean" for name in MEASURES}, diverged="sum")
    )
    return found.astype({"diverged": int})


def best(candidates: pd.DataFrame, criterion: str, sign: int) -> pd.Series:
    """The row of a `table` with the best `criterion` (sign: 1 if more is better). Raises SweepError if all diverged."""
    trained = candidates[candidates[criterion].notna()]
    if trained.empty:
        raise SweepError("every run diverged at every learning rate; none can be chosen")
    left = trained[trained.diverged == trained.diverged.min()]
    ranked = left.assign(worse=-sign * left[criterion]).sort_values(["worse", "training_loss", "learning_rate"])
    return ranked.iloc[0]


def choose(task: str, rule: str, optimizer: str, runs: pd.DataFrame, performance: str, settings: dict) -> dict:
    """The entry of chosen_learning_rates.json: the choice, the one by test performance (the paper has both), both again
    at each batch size, the evidence."""
    means = table(runs)
    criterion = "training_performance" if means.validation_performance.isna().all() else "validation_performance"
    sign = GAP_SIGN[performance]
    choice, on_test = best(means, criterion, sign), best(means, "test_performance", sign)
    at = {}
    for size, rows in means.groupby("batch_size"):
        if rows[criterion].notna().any():
            rates = [float(best(rows, measure, sign).learning_rate) for measure in (criterion, "test_performance")]
            at[str(size)] = dict(zip(("learning_rate", "learning_rate_on_test"), rates))
    means = means.astype(object).where(means.notna(), None)
    return {
        "task": task,
        "rule": rule,
        "optimizer": optimizer,
        "criterion": criterion,
        "learning_rate": float(choice.learning_rate),
        "batch_size": int(choice.batch_size),
        "learning_rate_on_test": float(on_test.learning_rate),
        "batch_size_on_test": int(on_test.batch_size),
        "at_batch_size": at,
        "settings": settings,
        "evidence": means.to_dict("records"),
    }


def record(entry: dict, path: Path) -> None:
    """Puts the entry into the file in place of an earlier one for the same task, rule and optimizer."""
    lock = os.open(str(path.parent), os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        keys = ("task", "rule", "optimizer")
        others = [e for e in chosen(path) if any(e[key] != entry[key] for key in keys)]
        write_json(path, sorted(others + [entry], key=lambda e: [e[key] for key in keys]))
    finally:
        os.close(lock)


def planned(given) -> List[Config]:
    """The runs of a sweep. Raises ConfigError."""
    if given.rule == "scaled_bptt":
        raise ConfigError("scaled_bptt is not swept: it takes the three-factor rule's learning rate")
    settings = {name: value for name, value in vars(given).items() if name in SETTABLE}
    configs = make_ensembles(given.task, given.rule, given.seeds, given.learning_rates, **settings)
    if task_of(configs[0]).batch_size is None:
        return configs
    sizes = given.batch_sizes or sorted({*BATCH_SIZES, configs[0].batch_size})
    return [config._replace(batch_size=size) for size in sizes for config in configs]


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
