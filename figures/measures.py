"""One number per run: what claims and figures compare."""

import re
from typing import Callable, Dict

import numpy as np
import pandas as pd

from figures import theorem
from figures.runs import KEY, Results, ends, histories, measures, runs


def run_values(results: Results, group: str, measure: str) -> pd.DataFrame:
    """The group's runs (figures.runs.runs) with a column `value`: nan if diverged or not measured.

    measure: a name in MEASURES, or one in TOP_MEASURES with _K behind it for the top K. Raises KeyError.
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
    known = (table.status != "diverged") | (measure in BEFORE_TRAINING)
    table["value"] = pd.to_numeric(table.value, errors="coerce").where(known)
    return _trained_early(table, results, group) if measure.startswith("early_") else table


def _trained_early(table: pd.DataFrame, results: Results, group: str) -> pd.DataFrame:
    """The runs with the training performance of the evaluation that was taken for the end of training."""
    taken = early_stopped(results, group)[[*KEY, "training_performance"]]
    taken = taken.rename(columns={"training_performance": "end_training_performance"})
    return table.drop(columns="end_training_performance").merge(taken, on=KEY, how="left")


def early_stopped(results: Results, group: str) -> pd.DataFrame:
    """BPTT's first evaluation at or above the mean end test performance of the three-factor rule (Table 1).

    One row per BPTT run that gets there, columns KEY, iteration, test_performance, training_performance, eigenvalue,
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


def _capped(results: Results, group: str) -> pd.Series:
    """1 for a run that ended at its cap of iterations without being stable, else 0."""
    return (runs(results, group).set_index(KEY).status == "capped").astype(float)


def _relative_training_error(results: Results, group: str) -> pd.Series:
    """Mean squared training error over the variance of the target; nan for a task that has none."""
    table = runs(results, group).set_index(KEY)
    return table.end_training_performance.astype(float) / pd.to_numeric(table.target_variance, errors="coerce")


def _at_matched_loss(name: str) -> Callable:
    """Of the first evaluation at a training loss of at most MATCHED_LOSS; nan where there was none."""

    def value(results, group):
        table = runs(results, group).set_index(KEY)
        return table.at_matched_training_loss.map(lambda found: _number(found, MATCHED_LOSS, name)).astype(float)

    return value


def _number(found, loss: str, name: str) -> float:
    first = found.get(loss) if isinstance(found, dict) else None
    value = first.get(name) if first else None
    return np.nan if value is None else value


def _first(name: str) -> Callable:
    """At the first evaluation, before training."""

    def value(results, group):
        return histories(results, group).sort_values("iteration", kind="stable").groupby(KEY)[name].first()

    return value


def _share(holds: Callable) -> Callable:
    """Share of a run's evaluations for which `holds`, a function of the history, is true; nan where it is nan."""

    def value(results, group):
        history = histories(results, group)
        return holds(history).astype(float).groupby([history[name] for name in KEY]).mean()

    return value


def _relative_flatness(results: Results, group: str) -> pd.Series:
    columns = ["iteration", "relative_flatness"]
    return ends(measures(results, group, "relative_flatness.csv", columns), "relative_flatness")


def _of_spectrum(name: str) -> Callable:
    """Mean over a run's eigenpairs."""

    def value(results, group):
        table = measures(results, group, "spectrum.csv", [name])
        return table.assign(number=table[name].astype(float)).groupby(KEY).number.mean()

    return value


def _power_law(name: str) -> Callable:
    """Of the loss' Hessian as it is: the L2 term, where there is one, included."""

    def value(results, group, top):
        table = measures(results, group, "power_law.csv", ["top", "l2", name])
        return table[(table.top == top) & (table.l2 == "with")].groupby(KEY)[name].first()

    return value


def _alignment(name: str) -> Callable:
    def value(results, group, top):
        table = measures(results, group, "alignment.csv", ["iteration", "top", name])
        return ends(table[table.top == top], name)

    return value


def _error_over_chance(results: Results, group: str, top: int) -> pd.Series:
    """Alignment of the error with the top eigenvectors over sqrt(2 / (pi n)), that of a random direction among n."""
    n = pd.to_numeric(runs(results, group).set_index(KEY).recurrent_weights, errors="coerce")
    return _alignment("error_alignment")(results, group, top) / np.sqrt(2 / (np.pi * n))


MATCHED_LOSS = "0.01"  # the main one of those in summary.json
MEASURES: Dict[str, Callable] = {
    "eigenvalue": _column("end_eigenvalue"),
    "gap": _column("end_gap"),
    "gap_points": _column("end_gap", 100.0),
    "loss_gap": _column("end_loss_gap"),
    "fixed_noise_gap": _column("end_fixed_noise_gap"),
    "training_performance": _column("end_training_performance"),
    "relative_training_error": _relative_training_error,
    "hours": _column("hours"),
    "capped": _capped,
    "first_eigenvalue": _first("eigenvalue"),
    "eigenvalue_at_matched_loss": _at_matched_loss("eigenvalue"),
    "gap_at_matched_loss": _at_matched_loss("gap"),
    "early_eigenvalue": _early("eigenvalue"),
    "early_gap": _early("gap"),
    "early_gap_points": _early("gap", 100.0),
    "early_loss_gap": _early("loss_gap"),
    "bound_at_zero_error": theorem.bound_at_zero_error,
    "limit_at_zero_error": theorem.limit_at_zero_error,
    "share_beyond_bound": _share(theorem.beyond_bound),
    "share_beyond_limit": _share(theorem.beyond_limit),
    "share_shorter": _share(theorem.shorter),
    "settled": _share(lambda history: history.settled),
    "converged": _share(lambda history: history.converged),
    "spectrum_settled": _of_spectrum("settled"),
    "spectrum_converged": _of_spectrum("converged"),
    "asymmetry": _of_spectrum("asymmetry"),
    "relative_flatness": _relative_flatness,
    "assumption_1": theorem.assumption_1,
}
TOP_MEASURES: Dict[str, Callable] = {
    "slope": _power_law("slope"),
    "alpha": _power_law("alpha"),
    "alpha_own": _power_law("alpha_own"),
    "gradient_alignment": _alignment("gradient_alignment"),
    "error_alignment": _alignment("error_alignment"),
    "error_over_chance": _error_over_chance,
}
LOGARITHMIC = ("eigenvalue", "first_eigenvalue", "early_eigenvalue", "error_over_chance", "assumption_1", "asymmetry")
BEFORE_TRAINING = ("first_eigenvalue",)  # which a run that diverged has, too
WORST = ("eigenvalue", "gap", "loss_gap", "fixed_noise_gap")  # in rank tests a run that diverged has the largest


def is_logarithmic(measure: str) -> bool:
    """Whether the measure is positive and spans orders of magnitude, so that its logarithm is compared."""
    return measure in LOGARITHMIC or re.sub(r"_\d+$", "", measure) in LOGARITHMIC  # _1 can be part of a name


def is_measure(name: str) -> bool:
    """Whether run_values knows the measure."""
    return name in MEASURES or re.sub(r"_\d+$", "", name) in TOP_MEASURES


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
