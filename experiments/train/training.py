"""An ensemble in training: its state, steps and evaluations, and the history of these."""

import math
from typing import Callable, Dict, List, Set

import numpy as np
import pandas as pd

from experiments.evidence.run_folder import RunFolder
from experiments.plan.config import FULL_BATCH, Config, members, task_of
from experiments.plan.schedule import end_of_training, evaluations, is_regular, learning_rate_factor
from experiments.train.stopping import is_stable
from tasks import GAP_SIGN, Data, Example, stack_examples

CURVATURE = ("eigenvalue", "rayleigh", "residual", "settled", "converged")
KINDS = dict.fromkeys(("seed", "iteration", "training_examples", "power_iterations"), int)
KINDS.update(settled=bool, converged=bool)
COMPARISON = ("rho", "rho_W_h", "rho_W_x", "rho_data", "cosine")
RUNNING = "running"  # the status of a replica until it is completed, stable, capped or diverged


class Training:
    """An ensemble in training and its history so far, one row (a dict) per evaluation and replica."""

    def __init__(self, config: Config, folder: RunFolder, data: List[Data]):
        from experiments.train.ensemble import Ensemble  # imports TensorFlow: not for --help or a bad option

        self.config, self.folder, self.data = config, folder, data
        self.task, self.members = task_of(config), members(config)
        self.iteration, self.history = 0, []
        self.status, self.diverged_at = [RUNNING] * len(self.members), [-1] * len(self.members)
        planned = evaluations(config)
        # evaluations that are, or may turn out to be, part of the end: on the whole training set
        self._possible_end = (
            {*planned} if config.until_stable else {*end_of_training(config, planned), config.iterations}
        )
        self._learning_rates = np.array([rate for _, rate in self.members], np.float32)
        self._full_batch = stack_examples([each.batch(0, None) for each in data]) if self._is_full_batch() else None
        self.ensemble = Ensemble(config, self.task, data[0].training_examples, self._hessian_batch().x.shape[2])

    def _is_full_batch(self) -> bool:
        return self.config.batch_size == FULL_BATCH

    def restore(self) -> None:
        """Resumes from the last checkpoint, if there is one."""
        saved = self.folder.checkpoint()
        if saved is None:
            return
        self.iteration = int(saved["iteration"])
        self.status, self.diverged_at = saved["status"].tolist(), saved["diverged_at"].tolist()
        columns = saved["columns"].tolist()
        self.history = [dict(zip(columns, row)) for row in saved["history"]]
        states = sum(name.startswith("state_") for name in saved)
        self.ensemble.restore([saved[f"state_{i}"] for i in range(states)])

    def save(self) -> None:
        """Writes the checkpoint: state, iteration, history. Random numbers are a function of the iteration."""
        arrays = {f"state_{i}": array for i, array in enumerate(self.ensemble.state())}
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
        """The replicas that are still training."""
        return [replica for replica, status in enumerate(self.status) if status == RUNNING]

    def train_step(self) -> None:
        """One iteration of the running replicas; those that diverge are marked."""
        learning_rates = self._learning_rates * np.float32(learning_rate_factor(self.config, self.iteration))
        learning_rates[[replica for replica, status in enumerate(self.status) if status != RUNNING]] = 0
        loss, finite = self.ensemble.train(self._batch(), learning_rates)
        for replica in self.running:
            if not finite[replica]:
                self._diverge(replica)
        self.iteration += 1

    def _batch(self) -> Example:
        if self._is_full_batch():
            return self._full_batch
        return stack_examples([data.batch(self.iteration, self.config.batch_size) for data in self.data])

    def _hessian_batch(self) -> Example:
        return stack_examples(data.hessian_batch(self.config.hessian_on, self.iteration) for data in self.data)

    def _diverge(self, replica: int) -> None:
        self.status[replica], self.diverged_at[replica] = "diverged", self.iteration

    def is_evaluated(self) -> bool:
        """Whether the history has rows for the current iteration."""
        return bool(self.history) and self.history[-1]["iteration"] == self.iteration

    def evaluate(self) -> None:
        """Adds a row for each running replica, saves the weights, ends replicas that are done, writes a checkpoint."""
        results = {name: self._evaluate_set(name) for name in self.data[0].sets}
        factor = learning_rate_factor(self.config, self.iteration)
        hessian_batch = self._hessian_batch()
        curvature = self.ensemble.curvature(hessian_batch, self.running)
        comparison = self.ensemble.compare(hessian_batch, self.running)
        for place, replica in enumerate(self.running):
            row = self._performances(
                {name: {k: float(v[replica]) for k, v in r.items()} for name, r in results.items()}
            )
            row["power_iterations"] = int(curvature.iterations[place])
            row.update({name: float(getattr(curvature, name)[place]) for name in CURVATURE})
            row.update({name: float(getattr(comparison, name)[place]) for name in COMPARISON})
            seed, rate = self.members[replica]
            now = dict(iteration=self.iteration, current_learning_rate=rate * factor)
            self.history.append(dict(seed=seed, learning_rate=rate, **now, **row))
        self.folder.save_weights(self.iteration, self.ensemble.weights()._asdict())
        self._end_replicas()
        self.save()

    def _evaluate_set(self, name: str) -> Dict[str, np.ndarray]:
        parts = zip(*[self._set(data, name)() for data in self.data])
        return self.ensemble.evaluate(stack_examples(part) for part in parts)

    def _set(self, data: Data, name: str) -> Callable:
        """The examples of a set; before the end, of the training set's sample, if it has one."""
        sampled = name == "training" and data.training_sample is not None
        return data.training_sample if sampled and self.iteration not in self._possible_end else data.sets[name]

    def _performances(self, of: Dict[str, dict]) -> dict:
        """The columns of one replica that come from evaluating its sets; the larger a gap, the worse."""
        sign, training, test = GAP_SIGN[self.task.performance], of["training"], of["test"]
        row = {
            "training_examples": training["examples"],
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
        """Sets the final status of the replicas that have just been evaluated and are done."""
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
        if not is_regular(self.config, self.iteration):
            return False
        rows = [row for row in self._rows(replica) if is_regular(self.config, row["iteration"])]
        losses, eigenvalues = ([row[name] for row in rows] for name in ("training_loss", "eigenvalue"))
        return is_stable(losses, eigenvalues, self.config.window, self.config.stability_tolerance)

    def _rows(self, replica: int) -> List[dict]:
        """The evaluations of one run so far."""
        return [row for row in self.history if (row["seed"], row["learning_rate"]) == self.members[replica]]

    def history_frame(self) -> pd.DataFrame:
        """The history of a finished ensemble as a table, with the column `at_end`; a run that diverged has no end."""
        ends = {
            member: set() if status == "diverged" else self._end(replica)
            for replica, (member, status) in enumerate(zip(self.members, self.status))
        }
        frame = pd.DataFrame(self.history, columns=list(self.history[0])).astype(KINDS)
        keys = zip(zip(frame.seed, frame.learning_rate), frame.iteration)
        return frame.assign(at_end=[iteration in ends[member] for member, iteration in keys])

    def _end(self, replica: int) -> Set[int]:
        return set(end_of_training(self.config, [row["iteration"] for row in self._rows(replica)]))
