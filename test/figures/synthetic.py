"""Results folders with known properties, written as the producers write them."""

import json
import zlib

import numpy as np
import pandas as pd

PERFORMANCE = {"pattern_generation": "mean_squared_error"}


class ResultsFolder:
    """A results folder in the making; `save` writes its selection."""

    def __init__(self, root, reduced=False, note=""):
        self.root, self.reduced, self.note = root, reduced, note
        self.blocks, self.figures = {}, {}
        (root / "runs").mkdir(parents=True)

    def play(self, figure, role, *names):
        """The named runs play a role; each is a block of its own."""
        for name in names:
            self.blocks[name] = [name]
        self.figures.setdefault(figure, {}).setdefault(role, []).extend(names)

    def save(self):
        selection = {"what": "synthetic", "note": self.note, "reduced": self.reduced}
        (self.root / "selection.json").write_text(
            json.dumps({**selection, "blocks": self.blocks, "figures": self.figures})
        )
        return self.root

    def run(self, name, task, rule, ends, rates=(0.01,), diverged=(), evaluations=12, **config):
        """ends: per replica (seeds first, rates within a seed) a dict: eigenvalue, gap, training, test, rho."""
        folder = self.root / "runs" / name
        folder.mkdir()
        seeds = list(range(len(ends) // len(rates)))
        performance = PERFORMANCE.get(task, "accuracy")
        config = {
            "task": task,
            "rule": rule,
            "seeds": seeds,
            "learning_rates": list(rates),
            "batch_size": 256,
            **config,
        }
        config.update(task_constants={"performance": performance}, optimizer=config.get("optimizer", "sgd"))
        (folder / "config.json").write_text(json.dumps(config))
        replicas = [(seed, rate) for seed in seeds for rate in rates]
        history, summary = [], []
        for position, ((seed, rate), end) in enumerate(zip(replicas, ends)):
            rows = _history(seed, rate, end, evaluations)
            history += rows
            lost = position in diverged
            own = {"status": "diverged" if lost else "completed", "diverged_at": 5 if lost else None}
            own.update({f"end_{key}": rows[-1][key] for key in ("eigenvalue", "gap", "loss_gap", "fixed_noise_gap")})
            summary.append({"seed": seed, "learning_rate": rate, **own, "all_converged": True, "final": rows[-1]})
        pd.DataFrame(history).to_csv(str(folder / "history.csv"), index=False)
        (folder / "summary.json").write_text(json.dumps(summary))
        session = {"started": "2026-01-01T00:00:00Z", "seconds": 3600.0, "host": "h", "commit": "abc", "python": "3.7"}
        session["packages"] = {"tensorflow": "1.14.0"}
        (folder / "provenance.json").write_text(json.dumps({"seconds": 3600.0 * len(ends), "sessions": [session]}))
        return folder


def _history(seed, rate, end, evaluations):
    rows = []
    for step in range(evaluations):
        approach = min(1.0, (step + 1) / (evaluations - 10 + 1))  # the last ten evaluations are at the end's value
        row = {"seed": seed, "learning_rate": rate, "iteration": 250 * step, "training_loss": 0.5}
        row.update(eigenvalue=end["eigenvalue"] * (2 - approach), gap=end["gap"] * approach)
        row.update(loss_gap=end.get("loss_gap", end["gap"]), fixed_noise_gap=end.get("fixed_noise_gap", end["gap"]))
        row.update(training_performance=end.get("training", 0.9), test_performance=end.get("test", 0.8))
        rho = end.get("rho", 0.5)
        row.update(converged=end.get("converged", True), rho=rho, rho_W_h=rho, rayleigh=row["eigenvalue"])
        rows.append(row)
    return rows


def ends(key, n, eigenvalue=100.0, eigenvalue_sd=0.2, gap=0.1, gap_sd=0.01, **others):
    """n replicas: log-normal eigenvalues about `eigenvalue`, normal gaps about `gap`; `others` constant."""
    random = np.random.RandomState(zlib.crc32(key.encode()))
    eigenvalues = eigenvalue * np.exp(eigenvalue_sd * random.randn(n))
    gaps = gap + gap_sd * random.randn(n)
    return [dict(eigenvalue=float(e), gap=float(g), **others) for e, g in zip(eigenvalues, gaps)]


def measure(folder, file, rows):
    """Writes a measure file into a run's folder."""
    pd.DataFrame(rows).to_csv(str(folder / file), index=False)
