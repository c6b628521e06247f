"""The training loop: an ensemble from its first iteration or last checkpoint to its finished folder."""

import sys
from pathlib import Path
from typing import List, Optional

import numpy as np
from tqdm import tqdm

from experiments.evidence.run_folder import RunFolder
from experiments.plan.config import Config, members
from experiments.plan.schedule import evaluations
from experiments.train.data import load_data
from experiments.train.stop_signals import Stopped, StopSignals
from experiments.train.summary import summary
from experiments.train.training import Training
from tasks import Data


def train(config: Config, root: Path, show_progress: Optional[bool] = None, wait: bool = False) -> Path:
    """Trains the ensemble of a configuration, or resumes it; returns the finished folder.

    show_progress: whether there is a bar, by default on a terminal only; without it, one line per evaluation.
    wait: for another process that is training the same ensemble.
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
    planned = set(evaluations(config))
    with StopSignals() as stop:
        training = Training(config, folder, data)
        training.restore()
        disable = None if show_progress is None else not show_progress
        with tqdm(
            total=config.iterations, initial=training.iteration, desc=_label(config), disable=disable, mininterval=1
        ) as bar:
            while True:
                if training.running and training.iteration in planned and not training.is_evaluated():
                    training.evaluate()
                    _show(bar, training)
                if stop.requested:
                    training.save()
                    raise Stopped(f"stopped at iteration {training.iteration}; the same command resumes from there")
                if not training.running:
                    break
                before = list(training.status)
                training.train_step()
                _report_divergence(bar, training, before)
                bar.update()
        training.ensemble.close()
        folder.finish(training.history_frame().to_csv(index=False), summary(training))


def _label(config: Config) -> str:
    count = len(members(config))
    which = f"seed {config.seeds[0]}" if count == 1 else f"{count} runs"
    return f"{config.task} {config.rule} {which}"


def _report_divergence(bar: tqdm, training: Training, before: List[str]) -> None:
    for (seed, rate), old, now in zip(training.members, before, training.status):
        if old != now:
            bar.write(
                f"seed {seed}, learning rate {rate:g}: diverged at iteration {training.iteration - 1}", file=sys.stderr
            )


def _show(bar: tqdm, training: Training) -> None:
    """Shows medians over the replicas that have just been evaluated."""
    rows = [row for row in training.history if row["iteration"] == training.iteration]
    if not rows:
        return
    median = {
        name: np.median([row[name] for row in rows]) for name in ("training_loss", "training_performance", "eigenvalue")
    }
    bar.set_postfix(
        loss=f"{median['training_loss']:.3g}",
        performance=f"{median['training_performance']:.3g}",
        eigenvalue=f"{median['eigenvalue']:.4g}",
        running=len(training.running),
    )
    if bar.disable:  # in a log; experiments.workflow.progress reads it there
        state = f"iteration {training.iteration:,} of {training.config.iterations:,}"
        print(f"{state}, eigenvalue {median['eigenvalue']:,.4g}", file=sys.stderr, flush=True)
