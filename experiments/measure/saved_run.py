"""A finished run to be measured: its configuration, its history, and its networks as they were."""

import json
from pathlib import Path
from typing import Iterator, List, NamedTuple, Sequence, Tuple

import numpy as np
import pandas as pd

from experiments.evidence.archives import ArchiveError, read_npz
from experiments.evidence.packed import saved_weights
from experiments.plan.config import Config, from_dict, members, task_of
from experiments.train.data import load_data
from experiments.train.streams import random_stream
from models.initialisation import Initialisation, Weights, fixed_feedback
from tasks import Example, Task


class MeasureError(ValueError):
    """A run that cannot be measured; the message is one line that names it."""


class Evaluation(NamedTuple):
    """One row of a run's history: of which replica, when, and the leading eigenvalue found then."""

    replica: int
    iteration: int
    eigenvalue: float


class SavedRun:
    """A finished run: its configuration and history, and what was measured on its weights. Raises MeasureError."""

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        if not (self.folder / "summary.json").is_file():
            raise MeasureError(f"{folder} is not the folder of a finished run: it has no summary.json")
        try:
            self.config: Config = from_dict(json.loads((self.folder / "config.json").read_text()))
            self.history = read_table(self.folder / "history.csv")
            summary = json.loads((self.folder / "summary.json").read_text())
            self.diverged = {(s["seed"], s["learning_rate"]) for s in summary if s["status"] == "diverged"}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise MeasureError(f"{folder} cannot be measured: {' '.join(str(error).split())}")
        self.task: Task = task_of(self.config)
        self.members = members(self.config)
        self._data = self._tools = None

    def evaluations(self, every: int = 1) -> List[Evaluation]:
        """All whose eigenvalue is finite, in the order of time: those at multiples of `every` iterations, and the last
        of each replica.
        """
        number = {member: replica for replica, member in enumerate(self.members)}
        found = []
        for (seed, rate), rows in self.history.groupby(["seed", "learning_rate"]):
            rows = rows[np.isfinite(rows.eigenvalue)]
            chosen = rows[(rows.iteration % every == 0) | (rows.iteration == rows.iteration.max())]
            replica = number[(int(seed), float(rate))]
            found += [Evaluation(replica, int(row.iteration), float(row.eigenvalue)) for row in chosen.itertuples()]
        return sorted(found, key=lambda evaluation: (evaluation.iteration, evaluation.replica))

    def last_evaluations(self) -> List[Evaluation]:
        """One of each replica that did not diverge, in the order of the replicas."""
        last = {evaluation.replica: evaluation for evaluation in self.evaluations()}
        return [last[replica] for replica in sorted(last) if self.members[replica] not in self.diverged]

    def key(self, evaluation: Evaluation) -> dict:
        """The columns that say which replica it is."""
        seed, rate = self.members[evaluation.replica]
        return {"seed": seed, "learning_rate": rate}

    def tools(self):
        """experiments.measure.curvature.Instruments for this run, made once."""
        if self._tools is None:
            from experiments.measure.curvature import Instruments  # imports TensorFlow: not for --help or a bad option
            from experiments.train.ensemble import keep_freed_memory

            keep_freed_memory()
            self._tools = Instruments(self.task, self.config.rule, self.config.step_length)
        return self._tools

    def points(self, evaluations: Sequence[Evaluation]) -> Iterator[Tuple[Evaluation, NamedTuple]]:
        """Each evaluation with the network as it was, an experiments.measure.curvature.Point.

        A file of weights is read once if its evaluations are adjacent. Raises MeasureError.
        """
        from experiments.measure.curvature import Point

        stored, arrays = None, None
        for evaluation in evaluations:
            if stored != evaluation.iteration:
                stored, arrays = evaluation.iteration, self._weights(evaluation)
            mine = slice(evaluation.replica, evaluation.replica + 1)
            examples, feedback = self._surroundings(evaluation)
            yield evaluation, Point(Weights(*[array[mine] for array in arrays]), examples, feedback)

    def target_values(self) -> int:
        """How many numbers the targets of the Hessian's batch are: examples, supervised time steps and outputs."""
        batch = self._loaded()[0].hessian_batch(self.config.hessian_on, 0)
        return int(batch.y.size)

    def _loaded(self):
        if self._data is None:
            self._data = load_data(self.config)
        return self._data

    def _weights(self, evaluation: Evaluation) -> Weights:
        path = self.folder / "weights" / f"{evaluation.iteration:06d}.npz"
        others = saved_weights(self.folder)
        if path not in others and others and evaluation in self.last_evaluations():
            path = others[-1]  # a replica that has ended keeps its weights
        try:
            stored = read_npz(path)
            return Weights(*[stored[name] for name in Weights._fields])
        except (ArchiveError, KeyError) as error:
            raise MeasureError(f"weights {path} cannot be read: {' '.join(str(error).split())}")

    def _surroundings(self, evaluation: Evaluation) -> Tuple[Example, np.ndarray]:
        """The Hessian's batch and the feedback weights of a replica, with its axis, as they were at an evaluation."""
        replica = evaluation.replica
        random = random_stream(self.members[replica][0])
        drawn = Initialisation(**self.task.initialisation)
        feedback = fixed_feedback(random("feedback"), self.task.units, self.task.outputs, drawn).astype(np.float32)
        examples = self._loaded()[replica].hessian_batch(self.config.hessian_on, evaluation.iteration)
        return Example(*[array[np.newaxis] for array in examples]), feedback[np.newaxis]


def read_table(path: Path) -> pd.DataFrame:
    """A table that pandas wrote, with bit-exact numbers."""
    # the default parser is off by a unit in the last place, so that a learning rate would not be the one that it was
    return pd.read_csv(str(path), float_precision="round_trip")
