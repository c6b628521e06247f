"""The groups of runs that a claim compares, on one task, with divergence treated as an outcome.

A seed whose initial network explodes, that is whose runs diverge within EXPLODED iterations under every rule of the
comparison, is left out for all of them alike. Any other diverged run is an outcome of its rule: in rank tests it counts
as the worst, where the measure has a worst (figures.measures.WORST); other tests have the survivors alone.
"""

from typing import Callable, List, NamedTuple, Sequence, Set

import numpy as np
import pandas as pd

from figures.labels import group_label
from figures.measures import WORST, finite
from figures.runs import KEY

EXPLODED = 10  # iterations


class Group(NamedTuple):
    """One rule of a group of runs. table: its runs with `value` (figures.measures.run_values), without those of seeds
    left out; one row per run, in the order of seeds. worst: what a diverged run counts as in rank tests, nan for none.
    """

    label: str
    table: pd.DataFrame
    left_out: int
    worst: float

    @property
    def values(self) -> np.ndarray:
        """The finite values, of runs that did not diverge."""
        return finite(self.table.value)

    @property
    def ranked(self) -> np.ndarray:
        """The same and, for each diverged run, the worst."""
        return np.concatenate([self.values, np.full(self.diverged if not np.isnan(self.worst) else 0, self.worst)])

    @property
    def diverged(self) -> int:
        """How many runs diverged, those of seeds left out not counted."""
        return int((self.table.status == "diverged").sum())

    @property
    def capped(self) -> int:
        """How many of those with a value ended at their cap of iterations without being stable."""
        return len(finite(self.table.value[self.table.status == "capped"]))

    @property
    def runs(self) -> frozenset:
        """Which runs these are, as (ensemble, seed, learning rate)."""
        return frozenset(self.table[KEY].itertuples(index=False, name=None))


def groups_of(values: Callable, task: str, names: Sequence[str], measures: Sequence[str]) -> List[Group]:
    """The groups `names`, each "group:rule", on a task, each with its measure.

    values(group, measure) -> the group's runs on all tasks, as figures.measures.run_values.
    """
    tables = [_own(values(name.split(":")[0], measure), task, name) for name, measure in zip(names, measures)]
    out = exploded_seeds([table for table in tables if len(table)])
    groups = []
    for name, measure, table in zip(names, measures, tables):
        kept = table[~table.seed.isin(out)]
        worst = np.inf if measure in WORST else np.nan
        groups.append(Group(group_label(*name.split(":")), kept, len(table) - len(kept), worst))
    return groups


def _own(table: pd.DataFrame, task: str, name: str) -> pd.DataFrame:
    """The runs of a task and rule, each once though two blocks may name it, in an order that is always the same."""
    own = table[(table.task == task) & (table.rule == name.split(":")[1])]
    ordered = own.sort_values(["seed", "learning_rate", "ensemble"], kind="stable")
    return ordered.drop_duplicates(["seed", "learning_rate"])


def exploded_seeds(tables: Sequence[pd.DataFrame]) -> Set[int]:
    """The seeds of which every run, in every table that there is, diverged within EXPLODED iterations."""
    found = []
    for table in tables:
        at = pd.to_numeric(table.diverged_at, errors="coerce")
        at_once = (table.status == "diverged") & (at <= EXPLODED)
        found.append(set(table.seed[at_once.groupby(table.seed).transform("all")]))
    return set.intersection(*found) if found else set()


def performances(group: Group) -> np.ndarray:
    """End training performances of the runs that did not diverge: accuracies, or errors over the target's variance."""
    ended = group.table[group.table.status != "diverged"]
    values = pd.to_numeric(ended.end_training_performance, errors="coerce")
    if len(ended) and ended.performance.iloc[0] == "mean_squared_error":
        values = values / pd.to_numeric(ended.target_variance, errors="coerce")
    return finite(values)
