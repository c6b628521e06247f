"""The generalisation gap at the end of training: what figures with its histograms and scatters share."""

import numpy as np
import pandas as pd

from figures.labels import rule_order, truncated_steps
from figures.measures import finite
from figures.runs import KEY, Results, runs

RUN_COLUMNS = ["task", "group", "rule", *KEY, "status", "end_eigenvalue", "end_gap", "end_loss_gap"]
RUN_COLUMNS += ["end_fixed_noise_gap", "end_training_performance"]
# larger is worse either way
LABELS = {"accuracy": "Gap (training − test accuracy)", "mean_squared_error": "Gap (test − training error)"}


def is_published_rule(rule: str) -> bool:
    """A rule of Figures 2 and 3, or one of the user's own; not the paper's controls, which have their own figures."""
    return rule != "scaled_bptt" and not truncated_steps(rule)


def ended(results: Results, group: str) -> pd.DataFrame:
    """The group's runs with the columns that gap figures write, in the order of the paper's rules."""
    table = runs(results, group).assign(group=group)
    order = [rule_order(rule) for rule in table.rule]
    table = table.assign(order=order).sort_values(["task", "order", *KEY], kind="stable")
    return table[[*RUN_COLUMNS, "performance"]]


def gaps(table: pd.DataFrame) -> np.ndarray:
    """The gaps of the runs that did not diverge."""
    return finite(pd.to_numeric(table.end_gap.where(table.status != "diverged"), errors="coerce"))


def gap_label(table: pd.DataFrame) -> str:
    """Axis label for one task's runs."""
    return LABELS.get(table.performance.iloc[0], "Gap") if len(table) else ""


def group_rows(table: pd.DataFrame) -> pd.DataFrame:
    """One row per task, group and rule: n, diverged, mean training performance, and mean and sd of the gap, of the gap
    at fixed noise and of the log gap."""
    rows = []
    for (task, group, rule), own in table.groupby(["task", "group", "rule"], sort=False):
        kept = own[own.status != "diverged"]
        row = {"task": task, "group": group, "rule": rule, "n": len(kept), "diverged": len(own) - len(kept)}
        gap = finite(pd.to_numeric(kept.end_gap, errors="coerce"))
        columns = {
            "gap": gap,
            "fixed_noise_gap": finite(pd.to_numeric(kept.end_fixed_noise_gap, errors="coerce")),
            "log_gap": np.log(gap[gap > 0]),
            "training_performance": finite(pd.to_numeric(kept.end_training_performance, errors="coerce")),
        }
        for name, values in columns.items():
            row[f"{name}_mean"] = values.mean() if len(values) else np.nan
            row[f"{name}_sd"] = values.std(ddof=1) if len(values) > 1 else np.nan
        rows.append(row)
    return pd.DataFrame(rows)


def training_text(table: pd.DataFrame) -> str:
    """Mean training performance of a group, for its legend: comparisons are made at comparable performance."""
    kept = finite(pd.to_numeric(table.end_training_performance.where(table.status != "diverged"), errors="coerce"))
    if not len(kept):
        return ""
    error = table.performance.iloc[0] == "mean_squared_error"
    return f"training error {kept.mean():.2g}" if error else f"training {100 * kept.mean():.0f} %"
