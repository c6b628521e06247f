"""Tables of runs with known properties, as figures.measures.run_values gives them, without files."""

import functools

import numpy as np
import pandas as pd

from figures import verdicts
from figures.claims import read_published

PUBLISHED = read_published()
PERFORMANCE = {"pattern_generation": "mean_squared_error"}
DRAWS = {"bootstrap_draws": 300, "permutations": 499}  # enough to tell right from wrong


class Tables:
    """Groups of runs in the making: `put` adds one rule's, `judge` judges claims by them."""

    def __init__(self):
        self.parts = []

    def put(self, name, task, seeds=None, diverged=(), diverged_at=500, at_cap=(), learning_rate=0.01, **columns):
        """name: "group:rule". columns: of figures.runs.runs or measures, numbers or arrays, one number per seed.

        diverged, at_cap: positions among the seeds.
        """
        group, rule = name.split(":")
        n = max(len(np.atleast_1d(values)) for values in columns.values())
        seeds = np.arange(100, 100 + n) if seeds is None else seeds
        part = pd.DataFrame({"group": group, "rule": rule, "task": task, "seed": seeds})
        part = part.assign(learning_rate=learning_rate, status="completed", diverged_at=np.nan)
        part = part.assign(ensemble=f"{rule}-{task}-{learning_rate}")
        part.loc[list(at_cap), "status"] = "capped"
        part.loc[list(diverged), "status"] = "diverged"
        part.loc[list(diverged), "diverged_at"] = diverged_at
        part = part.assign(performance=PERFORMANCE.get(task, "accuracy"), target_variance=2.0)
        part = part.assign(**{"end_training_performance": 0.9, "end_fixed_noise_gap": np.nan, **columns})
        for measure in ("eigenvalue", "gap"):
            part[f"end_{measure}"] = part.get(measure, np.nan)
        self.parts.append(part)
        return self

    def values(self, group, measure):
        """The group's runs with `value`; nan if diverged or not measured."""
        own = [part for part in self.parts if part.group.iloc[0] == group]
        if not own:
            return self.values(self.parts[0].group.iloc[0], measure).iloc[:0]
        table = pd.concat(own, ignore_index=True, sort=False)
        value = table[measure].astype(float) if measure in table else np.nan
        return table.assign(value=value).assign(value=lambda t: t.value.where(t.status != "diverged"))

    def judge(self, *claims, reduced=False, settings=DRAWS, **changed):
        """The rows of these claims (all, if none is named), as a table. changed: what differs from published.json."""
        chosen = [dict(claim, **changed) for claim in PUBLISHED["claims"] if not claims or claim["id"] in claims]
        assert not claims or len(chosen) == len(claims)
        settings = dict(PUBLISHED["settings"], **settings)
        values = functools.lru_cache(maxsize=None)(self.values)
        return pd.DataFrame(verdicts.judge(dict(PUBLISHED, claims=chosen, settings=settings), values, reduced))


def normal(key, n, mean=0.0, sd=1.0):
    """n normal numbers that depend on the key."""
    return mean + sd * np.random.RandomState(key).randn(n)


def log_normal(key, n, median=1.0, sd=0.3):
    """n log-normal numbers; sd: of their logarithms."""
    return median * np.exp(normal(key, n, 0, sd))
