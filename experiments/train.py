"""Trains populations with a learning rule and measures curvature along the way.

    python -m experiments.train --task pattern_generation --rule three_factor --seeds 0 1 2 --learning-rate 0.01 0.03

There is a run for every seed and learning rate; those of a small task share a process, a graph and a results folder.
The results go to OUTPUT/<hash of the configuration>/ (experiments.run_folder says what is in it). What was stopped goes
on from its last checkpoint when the same command is given again; what is finished is not repeated.
"""

import argparse
import json
import math
import signal
import sys
from pathlib import Path
from typing import Dict, List, Optional

import numpy as np
import pandas as pd
import yaml
from tqdm import tqdm

from experiments.command_line import OneLineParser
from experiments.config import (
    FULL_BATCH,
    HESSIAN_DATA,
    MATRICES,
    OPTIMIZERS,
    Config,
    ConfigError,
    as_dict,
    from_dict,
    make_populations,
    rate_factor,
    replicas,
    task_of,
)
from experiments.run_folder import RunFolder, RunFolderError
from experiments.stopping import is_stable
from experiments.streams import random_stream
from rules import known_rules
from tasks import GAP_SIGN, Data, DataFileError, Example, known_tasks, stack_examples

CURVATURE = ("eigenvalue", "rayleigh", "residual")
MATCH = ("rho", "rho_W_h", "rho_W_x", "rho_data", "cosine")
RUNNING = "running"  # a replica's status until it is completed, stable, capped or diverged


class Stopped(Exception):
    """The process was asked to stop; what was done is saved."""


class Run:
    """A population in training, and its history so far: one row (a dict) an evaluation and replica."""

    def __init__(self, config: Config, folder: RunFolder, data: List[Data]):
        from experiments.population import Population  # imports TensorFlow: not for --help or a bad option

        self.config, self.folder, self.data = config, folder, data
        self.task, self.members = task_of(config), replicas(config)
        self.iteration, self.history = 0, []
        self.status, self.diverged_at = [RUNNING] * len(self.members), [-1] * len(self.members)
        self._rates = np.array([rate for _, rate in self.members], np.float32)
        self._hessian_batch = stack_examples([each.hessian_batches[config.hessian_on] for each in data])
        self._full_batch = stack_examples([each.batch(0, None) for each in data]) if self._is_full_batch() else None
        measured = self._hessian_batch.x.shape[2]
        self.population = Population(config, self.task, data[0].training_examples, measured)

    def _is_full_batch(self) -> bool:
        return self.config.batch_size == FULL_BATCH

    def restore(self) -> None:
        """Goes back to the last checkpoint, if there is one."""
        saved = self.folder.checkpoint()
        if saved is None:
            return
        self.iteration = int(saved["iteration"])
        self.status, self.diverged_at = saved["status"].tolist(), saved["diverged_at"].tolist()
        columns = saved["columns"].tolist()
        self.history = [dict(zip(columns, row)) for row in saved["history"]]
        states = sum(name.startswith("state_") for name in saved)
        self.population.restore([saved[f"state_{i}"] for i in range(states)])

    def save(self) -> None:
        """Writes the checkpoint: state, iteration, history. Random numbers are a function of the iteration."""
        arrays = {f"state_{i}": array for i, array in enumerate(self.population.state())}
        columns = list(self.history[0])
        arrays.update(
            iteration=np.int64(self.iteration),
            status=np.array(self.status),
            diverged_at=np.array(self.diverged_at),
            columns=np.array(columns),
            history=np.array([[row[name] for name in columns] for row in self.history], np.float64),
        )
        self.folder.save_checkpoint(arrays)

    @property
    def running(self) -> List[int]:
        """Which replicas still train."""
        return [replica for replica, status in enumerate(self.status) if status == RUNNING]

    def train_step(self) -> None:
        """One iteration of the running replicas; notes which of them diverge."""
        rates = self._rates * np.float32(rate_factor(self.config, self.iteration))
        rates[[replica for replica, status in enumerate(self.status) if status != RUNNING]] = 0
        loss, finite = self.population.train(self._batch(), rates)
        for replica in self.running:
            if not finite[replica]:
                self._diverge(replica)
        self.iteration += 1

    def _batch(self) -> Example:
        if self._is_full_batch():
            return self._full_batch
        return stack_examples([data.batch(self.iteration, self.config.batch_size) for data in self.data])

    def _diverge(self, replica: int) -> None:
        self.status[replica], self.diverged_at[replica] = "diverged", self.iteration

    def is_evaluated(self) -> bool:
        """Whether the history has rows for the present iteration."""
        return bool(self.history) and self.history[-1]["iteration"] == self.iteration

    def evaluate(self) -> None:
        """Adds a row for each running replica, saves the weights, ends the replicas that are done, saves all."""
        results = {name: self._evaluate_set(name) for name in self.data[0].sets}
        curvature = self.population.curvature(self._hessian_batch, self.running)
        match = self.population.match(self._hessian_batch, self.running)
        for place, replica in enumerate(self.running):
            row = self._performances(
                {name: {k: float(v[replica]) for k, v in r.items()} for name, r in results.items()}
            )
            row["power_iterations"] = int(curvature.iterations[place])
            row["converged"] = bool(curvature.converged[place])
            row.update({name: float(getattr(curvature, name)[place]) for name in CURVATURE})
            row.update({name: float(getattr(match, name)[place]) for name in MATCH})
            seed, rate = self.members[replica]
            self.history.append(dict(seed=seed, learning_rate=rate, iteration=self.iteration, **row))
        self.folder.save_weights(self.iteration, self.population.weights()._asdict())
        self._end_replicas()
        self.save()

    def _evaluate_set(self, name: str) -> Dict[str, np.ndarray]:
        parts = zip(*[data.sets[name]() for data in self.data])
        return self.population.evaluate(stack_examples(part) for part in parts)

    def _performances(self, of: Dict[str, dict]) -> dict:
        """The columns of one replica that come from evaluating its sets; gaps are larger where worse."""
        sign, training, test = GAP_SIGN[self.task.performance], of["training"], of["test"]
        row = {
            "training_loss": training["loss"],
            "training_data_loss": training["data_loss"],
            "test_data_loss": test["data_loss"],
            "training_performance": training["performance"],
            "validation_performance": of.get("validation", {}).get("performance", math.nan),
            "test_performance": test["performance"],
            "gap": sign * (training["performance"] - test["performance"]),
            "loss_gap": test["data_loss"] - training["data_loss"],
        }
        for name in sorted(set(of) - {"training", "validation", "test"}):
            row[f"{name}_gap"] = sign * (training["performance"] - of[name]["performance"])
        return row

    def _end_replicas(self) -> None:
        """Gives the replicas that have just been evaluated their final status, if they are done."""
        rows = {(row["seed"], row["learning_rate"]): row for row in self.history if row["iteration"] == self.iteration}
        for replica in self.running:
            row = rows[self.members[replica]]
            if not (math.isfinite(row["training_loss"]) and math.isfinite(row["eigenvalue"])):
                self._diverge(replica)
            elif self.config.until_stable and self._is_stable(replica):
                self.status[replica] = "stable"
            elif self.iteration == self.config.iterations:
                self.status[replica] = "capped" if self.config.until_stable else "completed"

    def _is_stable(self, replica: int) -> bool:
        if self.iteration % self.config.evaluate_every != 0:
            return False
        rows = [
            row
            for row in self.history
            if (row["seed"], row["learning_rate"]) == self.members[replica]
            and row["iteration"] % self.config.evaluate_every == 0
        ]
        losses, eigenvalues = ([row[name] for row in rows] for name in ("training_loss", "eigenvalue"))
        return is_stable(losses, eigenvalues, self.config.window, self.config.stability_tolerance)

    def history_frame(self) -> pd.DataFrame:
        """The history as a table."""
        whole = {"seed": int, "iteration": int, "power_iterations": int, "converged": bool}
        return pd.DataFrame(self.history, columns=list(self.history[0])).astype(whole)

    def summary(self) -> List[dict]:
        """One entry a replica: how it ended, its last evaluation, and medians over the last evaluations.

        There are no medians for a replica that diverged.
        """
        frame, entries = self.history_frame(), []
        ends = ["eigenvalue"] + [name for name in frame.columns if name.endswith("gap")]
        for replica, (seed, rate) in enumerate(self.members):
            rows = frame[(frame.seed == seed) & (frame.learning_rate == rate)]
            last = rows[rows.iteration % self.config.evaluate_every == 0].tail(self.config.window)
            diverged = self.status[replica] == "diverged"
            entry = {
                "seed": seed,
                "learning_rate": rate,
                "status": self.status[replica],
                "diverged_at": self.diverged_at[replica] if diverged else None,
                "evaluations": len(rows),
                "all_converged": bool(rows.converged.all()),
                "end_from_iteration": None if diverged else int(last.iteration.min()),
                "final": rows.iloc[-1].to_dict(),
            }
            entry.update({f"end_{name}": None if diverged else last[name].median() for name in ends})
            entries.append(_plain(entry))
        return entries


def train(config: Config, root: Path, show_progress: Optional[bool] = None, wait: bool = False) -> Path:
    """Trains the population of a configuration, or goes on with it; returns the finished folder.

    show_progress: None shows the bar on a terminal only. wait: for another process that trains the same.
    Raises ConfigError, RunFolderError, DataFileError; Stopped after SIGTERM or SIGINT, with a checkpoint written.
    """
    folder = RunFolder(root, config)
    if folder.complete:
        return folder.final
    data = load_data(config)
    folder.open(wait)
    try:
        if not folder.complete:
            _train(config, folder, data, show_progress)
    finally:
        folder.close()
    return folder.final


def _train(config: Config, folder: RunFolder, data: List[Data], show_progress: Optional[bool]) -> None:
    with _StopSignals() as stop:
        run = Run(config, folder, data)
        run.restore()
        disable = None if show_progress is None else not show_progress
        with tqdm(
            total=config.iterations, initial=run.iteration, desc=_label(config), disable=disable, mininterval=1
        ) as bar:
            while True:
                if run.running and _is_evaluation(config, run.iteration) and not run.is_evaluated():
                    run.evaluate()
                    _show(bar, run)
                if stop.requested:
                    run.save()
                    raise Stopped(f"stopped at iteration {run.iteration}; the same command goes on from there")
                if not run.running:
                    break
                before = list(run.status)
                run.train_step()
                _report_divergence(bar, run, before)
                bar.update()
        run.population.close()
        folder.finish(run.history_frame().to_csv(index=False), run.summary())


def load_data(config: Config) -> List[Data]:
    """The data of each replica. Raises DataFileError, and ConfigError if a batch is larger than the training data."""
    task = task_of(config)
    by_seed = {seed: task.data(random_stream(seed)) for seed in config.seeds}
    examples = by_seed[config.seeds[0]].training_examples
    if config.batch_size > examples:
        raise ConfigError(f"batch_size is {config.batch_size}; the training data has {examples} examples")
    return [by_seed[seed] for seed, _ in replicas(config)]


def _is_evaluation(config: Config, iteration: int) -> bool:
    if iteration % config.evaluate_every == 0 or iteration == config.iterations:
        return True
    return config.early_every > 0 and iteration <= config.early_until and iteration % config.early_every == 0


def _label(config: Config) -> str:
    count = len(replicas(config))
    which = f"seed {config.seeds[0]}" if count == 1 else f"{count} replicas"
    return f"{config.task} {config.rule} {which}"


def _report_divergence(bar: tqdm, run: Run, before: List[str]) -> None:
    for (seed, rate), old, now in zip(run.members, before, run.status):
        if old != now:
            bar.write(
                f"seed {seed}, learning rate {rate:g}: diverged at iteration {run.iteration - 1}", file=sys.stderr
            )


def _show(bar: tqdm, run: Run) -> None:
    """Medians over the replicas that were just evaluated."""
    rows = [row for row in run.history if row["iteration"] == run.iteration]
    if not rows:
        return
    median = {
        name: np.median([row[name] for row in rows]) for name in ("training_loss", "training_performance", "eigenvalue")
    }
    bar.set_postfix(
        loss=f"{median['training_loss']:.3g}",
        performance=f"{median['training_performance']:.3g}",
        eigenvalue=f"{median['eigenvalue']:.4g}",
        running=len(run.running),
    )


def _plain(value):
    """numpy scalars as JSON's own numbers; what is not finite, which JSON has no word for, as null."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


class _StopSignals:
    """While it lasts, SIGTERM and SIGINT are noted instead of ending the process in the middle of a step."""

    def __enter__(self):
        self.requested = False
        self._before = {number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number, frame):
        self.requested = True


def parser() -> OneLineParser:
    """The command line of `python -m experiments.train`."""
    p = OneLineParser("experiments.train", __doc__, argument_default=argparse.SUPPRESS)
    p.add_argument("--config", help="YAML file with any of the settings below, written with _; options given here win")
    p.add_argument("--task", help=f"one of: {', '.join(known_tasks())}")
    p.add_argument("--rule", help=f"one of: {', '.join(known_rules())}")
    p.add_argument("--seeds", type=int, nargs="+", help="default 0; a run each")
    p.add_argument(
        "--learning-rate",
        "--learning-rates",
        dest="learning_rates",
        type=float,
        nargs="+",
        help="a run each, for each seed (default: what experiments.sweep chose for task and rule; 0.01 if it did not)",
    )
    p.add_argument("--batch-size", type=int, help="default: the task's")
    p.add_argument("--optimizer", help=f"one of: {', '.join(OPTIMIZERS)} (default sgd)")
    p.add_argument(
        "--decay-factor", type=float, help="of the learning rate, every --decay-every iterations (default 1)"
    )
    p.add_argument("--decay-every", type=int, help="default 1")
    p.add_argument("--iterations", type=int, help="the length, or the cap of --until-stable (default: the task's)")
    p.add_argument("--evaluate-every", type=int, help="iterations between evaluations (default 250)")
    p.add_argument("--early-every", type=int, help="the same up to iteration --early-until, beside (default 0: no)")
    p.add_argument("--early-until", type=int, help="default 0")
    p.add_argument(
        "--until-stable",
        action="store_true",
        help="a run ends when loss and eigenvalue are stable (default on the small tasks)",
    )
    p.add_argument("--fixed-length", dest="until_stable", action="store_false", help="the opposite (default on MNIST)")
    p.add_argument("--stability-tolerance", type=float, help="relative change that counts as stable (default 0.05)")
    p.add_argument("--window", type=int, help="evaluations that are compared, and that make up the end (default 10)")
    p.add_argument("--hessian-of", help=f"one of: {', '.join(MATRICES)} (default W_h)")
    p.add_argument("--hessian-on", help=f"one of: {', '.join(HESSIAN_DATA)} (default default: MNIST's validation set)")
    p.add_argument("--power-iterations", type=int, help="at most (default 500)")
    p.add_argument("--parameter", action="append", metavar="NAME=VALUE", help="a parameter of the task's file")
    p.add_argument(
        "--threads", type=int, help="of TensorFlow; one process a core, one thread each, is fastest (default 1)"
    )
    p.add_argument(
        "--wait", action="store_true", default=False, help="if another process trains the same, wait instead of failing"
    )
    p.add_argument("--output", type=Path, default=Path("results/runs"), help="default results/runs")
    return p


def settings(arguments: argparse.Namespace) -> dict:
    """The settings of --config, if given, overridden by the command line's. Raises ConfigError."""
    given = dict(vars(arguments))
    for name in ("output", "wait"):
        given.pop(name)
    path, changed = given.pop("config", None), given.pop("parameter", None)
    merged = {"seeds": [0]}
    if path is not None:
        merged.update(read_settings(Path(path)))
    merged.update(given)
    if changed is not None:
        merged["parameters"] = dict(merged.get("parameters") or {}, **_parameters(changed))
    for name in ("task", "rule"):
        if not isinstance(merged.get(name), str):
            known = known_tasks() if name == "task" else known_rules()
            raise ConfigError(f"no {name} given; known: {', '.join(known)}")
    return merged


def _parameters(changed: List[str]) -> dict:
    """['tau_b=30'] -> {'tau_b': 30}, values as YAML reads them. Raises ConfigError."""
    parameters = {}
    for text in changed:
        name, equals, value = text.partition("=")
        try:
            parameters[name] = yaml.safe_load(value) if equals else None
        except yaml.YAMLError:
            raise ConfigError(f"--parameter {text}: the value cannot be read; expected NAME=VALUE")
    return parameters


def read_settings(path: Path) -> dict:
    """A YAML file of settings, or a JSON file of all of them, as the workflow writes it or a run's folder has it.

    Raises ConfigError for an unreadable file, for a key that is no setting, and for the config.json of a run whose task
    was another than the one here.
    """
    try:
        text = path.read_text(encoding="utf-8")
        found = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read: {' '.join(str(error).split())}")
    if not isinstance(found, dict):
        raise ConfigError(f"{path} has no settings; expected lines like 'rule: bptt'")
    if "task_constants" in found:
        config = from_dict(found)
        if json.loads(json.dumps(as_dict(config))) != found:
            raise ConfigError(f"{path} is of a run with other constants of {config.task} than tasks/ has now")
        return config._asdict()
    for key in found:
        if key not in Config._fields:
            raise ConfigError(f"unknown config key '{key}'; known: {', '.join(Config._fields)}")
    return found


def main(arguments: Optional[List[str]] = None) -> None:
    """Command line. Exit codes: 0 done, 1 failed, 2 bad input, 143 stopped with a checkpoint."""
    p = parser()
    given = p.parse_args(arguments)
    try:
        for config in make_populations(**settings(given)):
            print(train(config, given.output, wait=given.wait), flush=True)
    except (ConfigError, RunFolderError, DataFileError) as error:
        p.exit(2, f"{p.prog}: {error}\n")
    except Stopped as error:
        p.exit(143, f"{p.prog}: {error}\n")
    except OSError as error:
        p.exit(1, f"{p.prog}: {error}; what was saved before stays good, the same command goes on from there\n")


if __name__ == "__main__":
    sys.exit(main())
