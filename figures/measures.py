"""One number a run: what claims and figures compare."""

import re
from typing import Callable, Dict

import numpy as np
import pandas as pd

from figures.runs import KEY, Results, ends, histories, measures, runs


def run_values(results: Results, group: str, measure: str) -> pd.DataFrame:
    """The group's runs (figures.runs.runs) with a column `value`: nan if diverged or not measured.

    measure: a name in MEASURES, or slope_K, gradient_alignment_K, error_alignment_K for the top K. Raises KeyError.
    """
    table = runs(results, group)
    if table.empty:
        return table.assign(value=np.nan)
    name, top = re.match(r"(.*?)_?(\d*)$", measure).groups()
    if name in TOP_MEASURES:
        value = TOP_MEASURES[name](results, group, int(top))
    else:
        value = MEASURES[measure](results, group)
    table = table.drop(columns="value", errors="ignore").merge(value.rename("value").reset_index(), on=KEY, how="left")
    table["value"] = pd.to_numeric(table.value, errors="coerce").where(table.status != "diverged")
    return _trained_early(table, results, group) if measure.startswith("early_") else table


def _trained_early(table: pd.DataFrame, results: Results, group: str) -> pd.DataFrame:
    """The runs with the training performance of the evaluation that was taken for the end of training."""
    taken = early_stopped(results, group)[[*KEY, "training_performance"]]
    taken = taken.rename(columns={"training_performance": "end_training_performance"})
    return table.drop(columns="end_training_performance").merge(taken, on=KEY, how="left")


def early_stopped(results: Results, group: str) -> pd.DataFrame:
    """BPTT's first evaluation at or above the mean end test performance of the three-factor rule (Table 1).

    One row a BPTT run that gets there, columns KEY, iteration, test_performance, training_performance, eigenvalue,
    gap, loss_gap, target.
    """
    ended = runs(results, group)
    target = ended[(ended.rule == "three_factor") & (ended.status != "diverged")].end_test_performance.mean()
    history = histories(results, group)
    reached = history[(history.rule == "bptt") & (history.test_performance.astype(float) >= target)]
    first = reached.sort_values("iteration", kind="stable").groupby(KEY).head(1).assign(target=target)
    performances = ["test_performance", "training_performance"]
    return first[[*KEY, "iteration", *performances, "eigenvalue", "gap", "loss_gap", "target"]]


def _column(name: str, factor: float = 1.0) -> Callable:
    def value(results, group):
        return factor * pd.to_numeric(runs(results, group).set_index(KEY)[name], errors="coerce")

    return value


def _early(name: str, factor: float = 1.0) -> Callable:
    def value(results, group):
        return factor * early_stopped(results, group).set_index(KEY)[name].astype(float)

    return value


def bound_products(history: pd.DataFrame) -> pd.Series:
    """eigenvalue * learning rate * |rho|, evaluation by evaluation: Theorem 1 bounds it by 1."""
    return history.eigenvalue.astype(float) * history.current_learning_rate.astype(float) * step_lengths(history).abs()


def step_lengths(history: pd.DataFrame) -> pd.Series:
    """rho over W_h with its sign, evaluation by evaluation; 1 under BPTT."""
    return history.rho_W_h.astype(float).where(history.rule != "bptt", 1.0)


def _bound_ratio(results: Results, group: str) -> pd.Series:
    history = histories(results, group)
    return ends(history.assign(product=bound_products(history)), "product")


def _rho(results: Results, group: str) -> pd.Series:
    history = histories(results, group)
    return ends(history.assign(size=history.rho_W_h.astype(float).abs()), "size")


def _converged(results: Results, group: str) -> pd.Series:
    """Share of a run's evaluations whose power iteration converged."""
    history = histories(results, group)
    return history.converged.astype(float).groupby([history[name] for name in KEY]).mean()


def _relative_flatness(results: Results, group: str) -> pd.Series:
    columns = ["iteration", "relative_flatness"]
    return ends(measures(results, group, "relative_flatness.csv", columns), "relative_flatness")


def _slope(results: Results, group: str, top: int) -> pd.Series:
    """Of the loss' Hessian as it is: the L2 term, where there is one, included."""
    table = measures(results, group, "power_law.csv", ["top", "l2", "slope"])
    return table[(table.top == top) & (table.l2 == "with")].groupby(KEY).slope.first()


def _alignment(name: str) -> Callable:
    def value(results, group, top):
        table = measures(results, group, "alignment.csv", ["iteration", "top", name])
        return ends(table[table.top == top], name)

    return value


MEASURES: Dict[str, Callable] = {
    "eigenvalue": _column("end_eigenvalue"),
    "gap": _column("end_gap"),
    "gap_points": _column("end_gap", 100.0),
    "loss_gap": _column("end_loss_gap"),
    "fixed_noise_gap": _column("end_fixed_noise_gap"),
    "training_performance": _column("end_training_performance"),
    "hours": _column("hours"),
    "early_eigenvalue": _early("eigenvalue"),
    "early_gap": _early("gap"),
    "early_gap_points": _early("gap", 100.0),
    "early_loss_gap": _early("loss_gap"),
    "bound_ratio": _bound_ratio,
    "rho": _rho,
    "converged": _converged,
    "relative_flatness": _relative_flatness,
}
TOP_MEASURES: Dict[str, Callable] = {
    "slope": _slope,
    "gradient_alignment": _alignment("gradient_alignment"),
    "error_alignment": _alignment("error_alignment"),
}
LOGARITHMIC = ("eigenvalue", "early_eigenvalue", "bound_ratio", "rho")


def curvature_and_gap(table: pd.DataFrame) -> np.ndarray:
    """[n, 2]: log10 of the end eigenvalue, and the end gap, of the runs that did not diverge and have both.

    A Hessian of zero has no logarithm.
    """
    ended = table[table.status != "diverged"]
    eigenvalue, gap = [pd.to_numeric(ended[name], errors="coerce") for name in ("end_eigenvalue", "end_gap")]
    both = np.column_stack([np.log10(eigenvalue.where(eigenvalue > 0)), gap]).astype(float)
    return both[np.isfinite(both).all(axis=1)]


def finite(values: pd.Series) -> np.ndarray:
    """The numbers of a column `value`, those that exist and are finite."""
    numbers = values.values.astype(float)
    return numbers[np.isfinite(numbers)]
