"""Results folders with known properties, written as the producers write them."""

import json
import zlib

import numpy as np
import pandas as pd

from experiments.plan import schedule
from experiments.plan.config import Config

SCHEDULE = {"evaluate_every": 250, "window": 10, "decay_factor": 1.0, "decay_every": 1}
PERFORMANCE = {"pattern_generation": "mean_squared_error"}


class ResultsFolder:
    """A results folder in the making; `save` writes its selection."""

    def __init__(self, root, reduced=False, note=""):
        self.root, self.reduced, self.note = root, reduced, note
        self.blocks, self.groups, self.specifications, self.read_off = {}, {}, {}, {}
        (root / "runs").mkdir(parents=True)

    def group(self, group, *names):
        """Adds the named ensembles to a group of runs; each is a block of its own."""
        for name in names:
            self.blocks[name] = [name]
        self.groups.setdefault(group, []).extend(names)

    def save(self):
        selection = {"what": "synthetic", "note": self.note, "reduced": self.reduced}
        selection.update(specifications=self.specifications, read_off=self.read_off)
        (self.root / "selection.json").write_text(
            json.dumps({**selection, "blocks": self.blocks, "groups": self.groups})
        )
        return self.root

    def run(self, name, task, rule, ends, rates=(0.01,), diverged=(), capped=(), evaluations=12, **config):
        """ends: per run (seeds first, rates within a seed) a dict: eigenvalue, gap, training, test, rho."""
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
        settings = Config(**{**dict.fromkeys(Config._fields), **SCHEDULE, **config})
        config.update(
            task_constants={"performance": performance, "units": 30, "target_variance": 2.0},
            optimizer=config.get("optimizer", "sgd"),
        )
        (folder / "config.json").write_text(json.dumps(config))
        runs = [(seed, rate) for seed in seeds for rate in rates]
        history, summary = [], []
        for position, ((seed, rate), end) in enumerate(zip(runs, ends)):
            rows = _history(seed, rate, end, evaluations, settings)
            history += rows
            lost = position in diverged
            status = "diverged" if lost else "capped" if position in capped else "completed"
            own = {"status": status, "diverged_at": 5 if lost else None}
            own.update({f"end_{key}": rows[-1][key] for key in ("eigenvalue", "gap", "loss_gap", "fixed_noise_gap")})
            summary.append({"seed": seed, "learning_rate": rate, **own, "all_converged": True, "final": rows[-1]})
            summary[-1]["at_matched_training_loss"] = {"0.01": rows[-1], "0.001": None}
        pd.DataFrame(history).to_csv(str(folder / "history.csv"), index=False)
        (folder / "summary.json").write_text(json.dumps(summary))
        session = {"started": "2026-01-01T00:00:00Z", "seconds": 3600.0, "host": "h", "commit": "abc", "python": "3.7"}
        session["packages"] = {"tensorflow": "1.14.0"}
        (folder / "provenance.json").write_text(json.dumps({"seconds": 3600.0 * len(ends), "sessions": [session]}))
        return folder


def _history(seed, rate, end, evaluations, settings):
    rows = []
    ends = schedule.end_of_training(settings, [250 * step for step in range(evaluations)])
    for step in range(evaluations):
        approach = min(1.0, (step + 1) / (evaluations - 10 + 1))  # the last ten evaluations are at the end's value
        row = {"seed": seed, "learning_rate": rate, "iteration": 250 * step, "training_loss": 0.5}
        factor = schedule.learning_rate_factor(settings, row["iteration"])
        row.update(current_learning_rate=rate * factor, at_end=row["iteration"] in ends)
        row.update(eigenvalue=end["eigenvalue"] * (2 - approach), gap=end["gap"] * approach)
        row.update(loss_gap=end.get("loss_gap", end["gap"]), fixed_noise_gap=end.get("fixed_noise_gap", end["gap"]))
        row.update(training_performance=end.get("training", 0.9), test_performance=end.get("test", 0.8))
        rho = end.get("rho", 0.5)
        row.update(training_data_loss=end.get("loss", 1e-8), settled=True)
        row.update(converged=end.get("converged", True), rho=rho, rho_W_h=rho, rayleigh=row["eigenvalue"])
        rows.append(row)
    return rows


def ends(key, n, eigenvalue=100.0, eigenvalue_sd=0.2, gap=0.1, gap_sd=0.01, **others):
    """n runs: log-normal eigenvalues about `eigenvalue`, normal gaps about `gap`; `others` constant."""
    random = np.random.RandomState(zlib.crc32(key.encode()))
    eigenvalues = eigenvalue * np.exp(eigenvalue_sd * random.randn(n))
    gaps = gap + gap_sd * random.randn(n)
    return [dict(eigenvalue=float(e), gap=float(g), **others) for e, g in zip(eigenvalues, gaps)]


def measure(folder, file, rows):
    """Writes a measure file into a run's folder."""
    pd.DataFrame(rows).to_csv(str(folder / file), index=False)


TASKS = {"seq_mnist": 5, "pattern_generation": 30, "delayed_match": 30}
RULES = {
    "bptt": dict(eigenvalue=200.0, gap=0.05, gap_sd=0.01, training=0.97, test=0.9, rho=1.0),
    "three_factor": dict(eigenvalue=2000.0, gap=0.12, gap_sd=0.04, training=0.92, test=0.75, rho=0.05),
    "rflo": dict(eigenvalue=1500.0, gap=0.14, gap_sd=0.05, training=0.9, test=0.7, rho=-0.03),
    "mdgl": dict(eigenvalue=900.0, gap=0.09, gap_sd=0.03, training=0.93, test=0.8, rho=0.2),
    "scaled_bptt": dict(eigenvalue=1900.0, gap=0.1, gap_sd=0.04, training=0.96, test=0.8, rho=0.05),
}
TRUNCATIONS = {"seq_mnist": (7, 14, 21), "pattern_generation": (13, 25, 38), "delayed_match": (5, 10, 15)}


def complete(root, sizes=TASKS, **selection):
    """A results folder with runs for every figure, as far as possible with the paper's outcome; the root folder."""
    folder = ResultsFolder(root, **selection)
    for task, n in sizes.items():
        for rule, properties in RULES.items():
            name = f"{task}-{rule}"
            run = folder.run(name, task, rule, ends(name, n, **properties), diverged=(1,) if rule == "rflo" else ())
            _measures(run, n, steep=rule != "bptt")
            for group in ("main", "measured", "adam", "triple", "early"):
                folder.group(group, name)
        for steps in TRUNCATIONS[task]:
            rule = f"truncated_bptt({steps})"
            own = ends(rule, n, **dict(RULES["bptt"], eigenvalue=100.0 * steps))
            folder.run(f"{task}-{steps}", task, rule, own, evaluations=12 + steps)
            folder.group("truncated", f"{task}-{steps}")
        scheduled = dict(RULES["three_factor"], eigenvalue=700.0, gap=0.09)
        folder.run(f"{task}-s", task, "three_factor", ends("s", n, **scheduled), decay_factor=0.8)
        folder.group("scheduled", f"{task}-s")
        for rule in ("bptt", "three_factor"):
            rates = (0.003, 0.01, 0.03)
            own = [
                dict(e, eigenvalue=e["eigenvalue"] * (1 + k % 3) ** 2, gap=e["gap"] * (1 + k % 3))
                for k, e in enumerate(ends(rule, 3 * n, **RULES[rule]))
            ]
            folder.run(f"{task}-{rule}-rates", task, rule, own, rates=rates)
            folder.group("learning_rates", f"{task}-{rule}-rates")
    return folder.save()


def _measures(run, n, steep):
    """Spectra k^-1.5 or k^-1, flatness, alignments, Assumption 1."""
    random, key = np.random.RandomState(n), {"learning_rate": 0.01}
    spectra, laws, flatness, alignment, taylor = [], [], [], [], []
    for seed in range(n):
        slope = (1.5 if steep else 1.0) + 0.05 * random.randn()
        scale = 1000 * np.exp(0.3 * random.randn())
        own = dict(key, seed=seed)
        spectra += [dict(own, rank=k, eigenvalue=(-1) ** k * scale * k**-slope) for k in range(1, 201)]
        laws += [
            dict(own, top=top, l2=l2, slope=slope, alpha=1 + 1 / slope, alpha_own=1 + 1 / slope)
            for top in (50, 100, 200)
            for l2 in ("with", "without")
        ]
        for iteration in range(0, 3000, 250):
            flat = (8.0 if steep else 1.0) * np.exp(0.2 * random.randn())
            flatness.append(dict(own, iteration=iteration, relative_flatness=flat))
            taylor.append(dict(own, iteration=iteration, assumption_1=0.1 * flat))
            for top in (5, 10, 20):
                pair = {"error_alignment": 0.02 + 0.01 * random.rand(), "gradient_alignment": 0.3 + 0.1 * random.rand()}
                alignment.append(dict(own, iteration=iteration, top=top, **pair))
    files = {"spectrum": spectra, "power_law": laws, "relative_flatness": flatness, "alignment": alignment}
    files["taylor"] = taylor
    for name, rows in files.items():
        measure(run, f"{name}.csv", rows)
