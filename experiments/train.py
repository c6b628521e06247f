"""Trains a population with a learning rule and measures curvature along the way.

    python -m experiments.train --task seq_mnist --rule three_factor --seeds 0 1

The results go to OUTPUT/<hash of the configuration>/ (experiments.run_folder says what is in it). A run that was
stopped goes on from its last checkpoint when the same command is given again; a finished one is not repeated.
"""

import argparse
import signal
import sys
import time
from pathlib import Path
from typing import Dict, List, Optional

import numpy as np
import pandas as pd
import yaml
from tqdm import tqdm

from experiments.command_line import OneLineParser
from experiments.config import MATRICES, OPTIMIZERS, Config, ConfigError, config_hash, make_config
from experiments.run_folder import RunFolder, RunFolderError
from experiments.streams import random_stream
from models.initialisation import Weights
from rules import known_rules
from tasks import Data, DataFileError, get_task, known_tasks, stack_examples

END_OF_TRAINING = 10  # evaluations whose median is "at the end of training"; ours
MEASURED = ("eigenvalue", "rayleigh", "residual", "rho", "rho_W_h", "rho_W_x", "rho_data", "cosine")
HISTORY = (
    "seed",
    "iteration",
    "training_loss",
    "training_data_loss",
    "test_data_loss",
    "training_performance",
    "validation_performance",
    "test_performance",
    "gap",
    "loss_gap",
    "power_iterations",
    "converged",
) + MEASURED


class Stopped(Exception):
    """The process was asked to stop; what was done is saved."""


class Run:
    """A population in training, and its history so far."""

    def __init__(self, config: Config, folder: RunFolder, data: List[Data]):
        from experiments.population import Population  # imports TensorFlow: not for --help or a bad option

        self.config, self.folder, self.data = config, folder, data
        self.population = Population(config, get_task(config.task))
        self.iteration, self.history, self.diverged_at = 0, [], None
        self._hessian_batch = stack_examples([each.hessian_batch for each in data])

    def restore(self) -> None:
        """Goes back to the last checkpoint, if there is one."""
        saved = self.folder.checkpoint()
        if saved is None:
            return
        self.iteration = int(saved["iteration"])
        self.history = [dict(zip(HISTORY, row)) for row in saved["history"]]
        self.population.restore([saved[f"state_{i}"] for i in range(len(saved) - 2)])

    def save(self) -> None:
        """Writes the checkpoint: state, iteration, history. Random numbers are a function of the iteration."""
        arrays = {f"state_{i}": array for i, array in enumerate(self.population.state())}
        history = np.array([[row[name] for name in HISTORY] for row in self.history], np.float64)
        self.folder.save_checkpoint(dict(arrays, iteration=np.int64(self.iteration), history=history))

    def train_step(self) -> np.ndarray:
        """One iteration; returns the loss before it [R] and notes if it is not finite."""
        batches = [data.batch(self.iteration, self.config.batch_size) for data in self.data]
        loss = self.population.train(stack_examples(batches))
        if not np.all(np.isfinite(loss)):
            self.diverged_at = self.iteration
        self.iteration += 1
        return loss

    def is_evaluated(self) -> bool:
        """Whether the history has a row for the present iteration."""
        return bool(self.history) and self.history[-1]["iteration"] == self.iteration

    def evaluate(self) -> None:
        """Adds one row a replica to the history and saves weights and checkpoint."""
        results = {name: self._evaluate_set(name) for name in self.data[0].sets}
        curvature = self.population.curvature(self._hessian_batch)
        match = self.population.match(self._hessian_batch)
        penalty = self.population.penalty(self._hessian_batch)
        for replica, seed in enumerate(self.config.seeds):
            of = {name: {key: float(value[replica]) for key, value in r.items()} for name, r in results.items()}
            row = {
                "seed": seed,
                "iteration": self.iteration,
                "training_loss": of["training"]["data_loss"] + float(penalty[replica]),
                "training_data_loss": of["training"]["data_loss"],
                "test_data_loss": of["test"]["data_loss"],
                "training_performance": of["training"]["performance"],
                "validation_performance": of["validation"]["performance"],
                "test_performance": of["test"]["performance"],
                "gap": of["training"]["performance"] - of["test"]["performance"],
                "loss_gap": of["test"]["data_loss"] - of["training"]["data_loss"],
                "power_iterations": int(curvature.iterations[replica]),
                "converged": bool(curvature.converged[replica]),
            }
            for measure in (curvature._asdict(), match._asdict()):
                row.update({name: float(value[replica]) for name, value in measure.items() if name in MEASURED})
            self.history.append({name: row[name] for name in HISTORY})
        weights = self.population.state()[: len(Weights._fields)]
        self.folder.save_weights(self.iteration, dict(zip(Weights._fields, weights)))
        self.save()

    def _evaluate_set(self, name: str) -> Dict[str, np.ndarray]:
        parts = zip(*[data.sets[name]() for data in self.data])
        return self.population.evaluate(stack_examples(part) for part in parts)

    def history_frame(self) -> pd.DataFrame:
        """The history as a table, one row an evaluation and replica."""
        frame = pd.DataFrame(self.history, columns=HISTORY)
        whole = {"seed": int, "iteration": int, "power_iterations": int, "converged": bool}
        return frame.astype(whole)

    def summary(self) -> List[dict]:
        """One entry a replica: how it ended, its last evaluation, and medians over the last ten evaluations."""
        frame = self.history_frame()
        entries = []
        for seed in self.config.seeds:
            rows = frame[frame.seed == seed]
            end = rows.tail(END_OF_TRAINING)[["eigenvalue", "gap", "loss_gap"]].median()
            entry = {
                "status": "completed" if self.diverged_at is None else "diverged",
                "diverged_at": self.diverged_at,
                "final": rows.iloc[-1].to_dict(),
                "evaluations": len(rows),
                "all_converged": bool(rows.converged.all()),
            }
            entry.update({f"end_{name}": float(value) for name, value in end.items()})
            entries.append({name: _plain(value) for name, value in entry.items()})
        return entries


def train(config: Config, root: Path, show_progress: Optional[bool] = None) -> Path:
    """Trains the population of a configuration, or goes on with it; returns the finished folder.

    show_progress: None shows the bar on a terminal only. Raises ConfigError, RunFolderError, DataFileError; Stopped
    after SIGTERM or SIGINT, with a checkpoint written.
    """
    folder = RunFolder(root, config)
    if folder.complete:
        return folder.final
    data = load_data(config)
    folder.open()
    try:
        if not folder.complete:
            _train(config, folder, data, show_progress)
    finally:
        folder.close()
    return folder.final


def _train(config: Config, folder: RunFolder, data: List[Data], show_progress: Optional[bool]) -> None:
    begun = time.time()
    with _StopSignals() as stop:
        run = Run(config, folder, data)
        run.restore()
        disable = None if show_progress is None else not show_progress
        label = f"{config.task} {config.rule} seed {','.join(map(str, config.seeds))}"
        with tqdm(total=config.iterations, initial=run.iteration, desc=label, disable=disable, mininterval=1) as bar:
            while True:
                if _is_evaluation(config, run.iteration) and not run.is_evaluated():
                    run.evaluate()
                    _show(bar, run.history[-1])
                if stop.requested:
                    run.save()
                    raise Stopped(f"stopped at iteration {run.iteration}; the same command goes on from there")
                if run.iteration == config.iterations:
                    break
                loss = run.train_step()
                if run.diverged_at is not None:
                    bar.write(f"diverged at iteration {run.diverged_at}: loss {loss.max()}")
                    break
                bar.update()
        run.population.close()
        folder.finish(run.history_frame().to_csv(index=False), run.summary(), time.time() - begun)


def load_data(config: Config) -> List[Data]:
    """The data of each seed. Raises DataFileError, and ConfigError if a batch is larger than the training data."""
    data = [get_task(config.task).data(random_stream(seed)) for seed in config.seeds]
    if config.batch_size > data[0].training_examples:
        raise ConfigError(
            f"batch_size is {config.batch_size}; the training data has {data[0].training_examples} examples"
        )
    return data


def _is_evaluation(config: Config, iteration: int) -> bool:
    return iteration % config.evaluate_every == 0 or iteration == config.iterations


def _show(bar: tqdm, row: dict) -> None:
    bar.set_postfix(
        loss=f"{row['training_loss']:.3f}",
        performance=f"{row['training_performance']:.3f}",
        eigenvalue=f"{row['eigenvalue']:.4g}",
    )


def _plain(value):
    """numpy scalars as JSON's own numbers."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return value.item() if isinstance(value, np.generic) else value


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
    p.add_argument("--learning-rate", type=float, help="default 0.01")
    p.add_argument("--batch-size", type=int, help="default: the task's")
    p.add_argument("--optimizer", help=f"one of: {', '.join(OPTIMIZERS)} (default sgd)")
    p.add_argument("--iterations", type=int, help="default: the task's for the rule")
    p.add_argument("--evaluate-every", type=int, help="iterations between evaluations (default 250)")
    p.add_argument("--hessian-of", help=f"one of: {', '.join(MATRICES)} (default W_h)")
    p.add_argument("--seeds", type=int, nargs="+", help="default 0; each seed is a run of its own")
    p.add_argument(
        "--threads", type=int, help="of TensorFlow; one process a core, one thread each, is fastest (default 1)"
    )
    p.add_argument("--output", type=Path, default=Path("results/runs"), help="default results/runs")
    return p


def settings(arguments: argparse.Namespace) -> dict:
    """The settings of --config, if given, overridden by the command line's. Raises ConfigError."""
    given = dict(vars(arguments))
    given.pop("output")
    path = given.pop("config", None)
    merged = {"seeds": [0]}
    if path is not None:
        merged.update(read_settings(Path(path)))
    merged.update(given)
    for name in ("task", "rule"):
        if name not in merged:
            known = known_tasks() if name == "task" else known_rules()
            raise ConfigError(f"no {name} given; known: {', '.join(known)}")
    return merged


def read_settings(path: Path) -> dict:
    """A YAML file of settings. Raises ConfigError for an unreadable file and for a key that is no setting."""
    try:
        found = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read: {' '.join(str(error).split())}")
    if not isinstance(found, dict):
        raise ConfigError(f"{path} has no settings; expected lines like 'rule: bptt'")
    for key in found:
        if key not in Config._fields:
            raise ConfigError(f"unknown config key '{key}'; known: {', '.join(Config._fields)}")
    return found


def main(arguments: Optional[List[str]] = None) -> None:
    """Command line. Exit codes: 0 done, 1 failed, 2 bad input, 143 stopped with a checkpoint."""
    p = parser()
    given = p.parse_args(arguments)
    try:
        chosen = settings(given)
        seeds = chosen.pop("seeds")
        configs = [make_config(seeds=[seed], **chosen) for seed in seeds]
        if len({config_hash(config) for config in configs}) < len(configs):
            raise ConfigError(f"seeds are {seeds}; expected different ones")
        for config in configs:
            print(train(config, given.output))
    except (ConfigError, RunFolderError, DataFileError) as error:
        p.exit(2, f"{p.prog}: {error}\n")
    except Stopped as error:
        p.exit(143, f"{p.prog}: {error}\n")
    except OSError as error:
        p.exit(1, f"{p.prog}: {error}; what was saved before stays good, the same command goes on from there\n")


if __name__ == "__main__":
    sys.exit(main())
