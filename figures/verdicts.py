"""The verdict table: every claim of the paper against our runs, by a rule that was fixed before any result.

    python -m figures.verdicts RESULTS OUTPUT

reads experiments/published.json and writes OUTPUT/verdicts.csv, verdicts.json and a copy of published.json.

A claim becomes one row a task and group. `reproduced`: the claimed direction and Holm-corrected p < 0.05.
`not reproduced`: as significant the other way, or the effect's 95 % interval inside a negligible margin. Claims of
equality or of a number: the interval inside the margin (`reproduced`) or beside it (`not reproduced`). Else
`inconclusive`, as always where a group has fewer than 5 replicas or more than 20 % diverged.
"""

import functools
import json
import sys
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Optional

import numpy as np
import pandas as pd

from figures import statistics
from figures.command import figure_command
from figures.measures import LOGARITHMIC, finite, replica_values
from figures.runs import Results, load
from figures.style import group_label, task_label

PUBLISHED = Path(__file__).resolve().parents[1] / "experiments" / "published.json"
NO_VERDICT = "no verdict (reduced)"


class Group(NamedTuple):
    """One group of a claim. values: the finite ones; table: all replicas of role, task and rule, with `value`."""

    label: str
    values: np.ndarray
    table: pd.DataFrame

    @property
    def diverged(self) -> int:
        """How many replicas diverged; they have no value."""
        return int((self.table.status == "diverged").sum())


def read_published(path: Path = PUBLISHED) -> dict:
    """The claims and the settings by which they are judged."""
    return json.loads(Path(path).read_text())


def judged(results: Results, published: dict) -> List[dict]:
    """One row a claim, task and group: groups, statistic, interval, p, verdict and its reason."""
    # the same replicas serve many claims, tasks and groups
    values = functools.lru_cache(maxsize=None)(functools.partial(replica_values, results))
    rows = []
    for claim in published["claims"]:
        for task in claim["tasks"]:
            for names in claim["groups"]:
                rows.append(_row(values, claim, task, names, published["settings"]))
    table = pd.DataFrame(rows)
    table["p_corrected"] = table.groupby("figure").p.transform(lambda p: pd.Series(statistics.holm(p), index=p.index))
    verdicts = [_verdict(row, published["settings"], results.reduced) for row in table.to_dict("records")]
    return table.assign(verdict=[v for v, _ in verdicts], reason=[why for _, why in verdicts]).to_dict("records")


def _row(values: Callable, claim: dict, task: str, names: List[str], settings: dict) -> dict:
    measures = [claim["measure"], claim.get("measure_of_second", claim["measure"])] + [claim["measure"]] * len(names)
    groups = [_group(values, claim["figure"], task, name, measure) for name, measure in zip(names, measures)]
    random = statistics.generator(f"{claim['id']} {task} {' '.join(names)}")
    row = {
        "claim": claim["id"],
        "figure": claim["figure"],
        "place": claim["place"],
        "says": claim["says"],
        "read_as": claim.get("read_as", ""),
        "task": task,
        "groups": " / ".join(group.label for group in groups),
        "kind": claim["kind"],
        "measure": claim["measure"],
        "published": claim.get("published", claim.get("threshold", "")),
        "published_sd": claim.get("within", ""),
    }
    for position, group in zip(("first", "second", "third", "fourth"), groups):
        row.update({f"{name}_{position}": value for name, value in _description(group, random).items()})
    if claim["kind"] in POOLED:
        groups = [group for group in groups if len(group.table)] or groups
    row.update(_comparability(groups, settings))
    outcome = dict(effect_name="", effect=np.nan, low=np.nan, high=np.nan, test="", p=np.nan, detail="")
    if min(len(group.values) for group in groups) >= 2:
        outcome.update(KINDS[claim["kind"]](groups, claim, settings, random))
    row["absent"] = any(not len(group.values) and not group.diverged for group in groups)
    row["too_few"] = min(len(group.values) for group in groups) < settings["least_replicas"]
    row["too_many_diverged"] = any(g.diverged > settings["most_diverged"] * len(g.table) for g in groups)
    return {**row, **outcome}


def _group(values: Callable, figure: str, task: str, name: str, measure: str) -> Group:
    role, rule = name.split(":")
    table = values(figure, role, measure)
    table = table[(table.task == task) & (table.rule == rule)]
    return Group(group_label(role, rule), finite(table.value), table)


def _description(group: Group, random: np.random.RandomState) -> dict:
    values = group.values
    low, high = statistics.interval(statistics.mean, [values], random) if len(values) else (np.nan, np.nan)
    training = pd.to_numeric(group.table.end_training_performance, errors="coerce").dropna()
    return {
        "n": len(values),
        "mean": values.mean() if len(values) else np.nan,
        "sd": values.std(ddof=1) if len(values) > 1 else np.nan,
        "low": low,
        "high": high,
        "diverged": group.diverged,
        "training": training.mean() if len(training) else np.nan,
    }


def _comparability(groups: List[Group], settings: dict) -> dict:
    """Whether every group's training performance is comparable to that of the last (appendix, end of A.3)."""
    performance = next((table.performance.iloc[0] for _, _, table in groups if len(table)), "accuracy")
    sizes = [_performances(group, performance) for group in groups]
    if min(len(size) for size in sizes) == 0:
        return {"performance": performance, "comparable_training": ""}
    margin = _comparable_margin(performance, settings)
    comparable = all(abs(size.mean() - sizes[-1].mean()) <= margin for size in sizes)
    return {"performance": performance, "comparable_training": "yes" if comparable else "no"}


def _performances(group: Group, performance: str) -> np.ndarray:
    values = pd.to_numeric(group.table.end_training_performance, errors="coerce").where(
        group.table.status != "diverged"
    )
    kept = finite(values)
    return np.log(kept[kept > 0]) if performance == "mean_squared_error" else kept


def _comparable_margin(performance: str, settings: dict) -> float:
    margin = settings["comparable"][performance]
    return np.log(margin) if performance == "mean_squared_error" else margin


# Each kind takes (groups, claim, settings, random) and gives what it adds to the row: effect_name, effect, its interval
# (low, high), and either a test (p, with `negligible`, the margin around no effect) or a band the interval is held to.


def _greater(groups, claim, settings, random):
    first, second = groups[0].values, groups[1].values
    low, high = statistics.interval(statistics.dominance, [first, second], random)
    pairs = _pairs(groups[0], groups[1], claim["measure"] in LOGARITHMIC)
    return {
        "effect_name": "rank-biserial correlation",
        "effect": float(statistics.dominance(first, second)),
        "low": low,
        "high": high,
        "test": "Mann-Whitney U",
        "p": statistics.rank_sum_p(first, second),
        "negligible": settings["negligible"]["greater"],
        "detail": f"Wilcoxon over {len(pairs)} pairs: p = {statistics.paired_p(pairs):.3g}" if len(pairs) else "",
    }


def _pairs(first: Group, second: Group, logarithmic: bool) -> np.ndarray:
    """First minus second over the seeds that both have; none where a seed is not one replica of each group."""
    sides = [group.table.dropna(subset=["value"]).set_index("seed").value.astype(float) for group in (first, second)]
    if not all(side.index.is_unique for side in sides):
        return np.array([])
    together = pd.concat(sides, axis=1, join="inner").values
    if logarithmic:
        together = np.log(together[(together > 0).all(axis=1)])
    return together[:, 0] - together[:, 1]


def _more_variable(groups, claim, settings, random):
    first, second = groups[0].values, groups[1].values
    low, high = statistics.interval(statistics.log_sd_ratio, [first, second], random)
    return {
        "effect_name": "log ratio of standard deviations",
        "effect": float(statistics.log_sd_ratio(first, second)),
        "low": low,
        "high": high,
        "test": "Brown-Forsythe",
        "p": statistics.brown_forsythe_p(first, second),
        "negligible": float(np.log(settings["negligible"]["more_variable"])),
        "detail": "; ".join(_other_spreads(groups)),
    }


def _other_spreads(groups: List[Group]) -> List[str]:
    """Spreads beside the claim's own, as a larger gap may be a more variable one: at fixed noise, and of the log."""
    fixed = [finite(pd.to_numeric(g.table.end_fixed_noise_gap.where(g.table.status != "diverged"))) for g in groups]
    logs = [np.log(group.values[group.values > 0]) for group in groups]
    said = []
    for what, (first, second) in (("gap at noise of sd 0.1", fixed), ("log gap", logs)):
        if min(len(first), len(second)) >= 2:
            ratio = np.exp(statistics.log_sd_ratio(first, second))
            said.append(f"sd of the {what} x {ratio:.3g}, p = {statistics.brown_forsythe_p(first, second):.3g}")
    return said


def _correlates(groups, claim, settings, random):
    points = [_points(group) for group in groups]
    pooled = np.concatenate(points)
    found = statistics.correlations(pooled[:, 0], pooled[:, 1])
    low, high = statistics.interval(statistics.rank_correlation, [pooled], random)
    within = [_within(group, own) for group, own in zip(groups, points)] if len(groups) > 1 else []
    return {
        "effect_name": "Spearman's r",
        "effect": found["spearman"],
        "low": low,
        "high": high,
        "test": "Spearman and Pearson (log eigenvalue), the larger p",
        "p": max(found["spearman_p"], found["pearson_p"]),
        "negligible": settings["negligible"]["correlates"],
        "detail": "; ".join([f"n = {len(pooled)}, Pearson's r = {found['pearson']:.3g}", *within]),
    }


def _points(group: Group) -> np.ndarray:
    """[n, 2]: log10 eigenvalue and gap of the replicas that have both; a Hessian of zero has no logarithm."""
    eigenvalue = pd.to_numeric(group.table.end_eigenvalue, errors="coerce").values
    gap = group.table.value.values.astype(float)
    kept = (eigenvalue > 0) & np.isfinite(eigenvalue) & np.isfinite(gap)
    return np.column_stack([np.log10(eigenvalue[kept]), gap[kept]])


def _within(group: Group, points: np.ndarray) -> str:
    found = statistics.correlations(points[:, 0], points[:, 1])
    return f"within {group.label}: r = {found['spearman']:.3g}, p = {found['spearman_p']:.3g}"


def _similar(groups, claim, settings, random):
    logs = [np.log(group.values[group.values > 0]) for group in groups]
    if min(len(log) for log in logs) < 2:
        return {"detail": "a group has no positive eigenvalues"}
    margin = float(np.log(settings["similar_factor"]))
    low, high = statistics.interval(statistics.mean_difference, logs[:2], random)
    nearer = statistics.interval(_nearer, logs, random)
    return {
        "effect_name": "log ratio of geometric means",
        "effect": float(statistics.mean_difference(*logs[:2])),
        "low": low,
        "high": high,
        "test": f"equivalence within a factor of {settings['similar_factor']:g} (two one-sided Welch t tests)",
        "p": statistics.equivalence_p(logs[0], logs[1], margin),
        "band_low": -margin,
        "band_high": margin,
        "nearer_low": nearer[0],
        "nearer_high": nearer[1],
        "detail": f"nearer to {groups[1].label} than to {groups[2].label} by {_nearer(*logs):.3g}"
        f" [{nearer[0]:.3g}, {nearer[1]:.3g}] in log eigenvalue",
    }


def _nearer(first: np.ndarray, second: np.ndarray, third: np.ndarray) -> np.ndarray:
    """By how much the first's mean is nearer to the second's than to the third's."""
    return np.abs(statistics.mean_difference(first, third)) - np.abs(statistics.mean_difference(first, second))


def _comparable(groups, claim, settings, random):
    performance = groups[0].table.performance.iloc[0]
    samples, margin = [_performances(g, performance) for g in groups[:2]], _comparable_margin(performance, settings)
    if min(len(sample) for sample in samples) < 2:
        return {"detail": "a group has no positive errors"}
    low, high = statistics.interval(statistics.mean_difference, samples, random)
    error = performance == "mean_squared_error"
    return {
        "effect_name": "log ratio of geometric mean errors" if error else "difference of mean accuracies",
        "effect": float(statistics.mean_difference(*samples)),
        "low": low,
        "high": high,
        "test": "equivalence (two one-sided Welch t tests)",
        "p": statistics.equivalence_p(samples[0], samples[1], margin),
        "band_low": -margin,
        "band_high": margin,
    }


def _value(groups, claim, settings, random):
    values, published, within = groups[0].values, claim["published"], claim["within"]
    low, high = statistics.interval(statistics.mean, [values], random)
    return {
        "effect_name": "mean",
        "effect": float(values.mean()),
        "low": low,
        "high": high,
        "test": "interval of the mean inside the published range",
        "band_low": published - within,
        "band_high": published + within,
        "detail": f"differs from the published mean by {values.mean() - published:.3g}",
    }


def _against_threshold(sign: int) -> Callable:
    def outcome(groups, claim, settings, random):
        values, threshold, scale = groups[0].values, claim["threshold"], ""
        if claim["measure"] in LOGARITHMIC:
            # an eigenvalue of zero lies below any bound; the smallest positive number says so and keeps its logarithm
            values, threshold, scale = np.log(np.maximum(values, np.finfo(np.float32).tiny)), np.log(threshold), "log "
        low, high = sorted(
            sign * (bound - threshold) for bound in statistics.interval(statistics.mean, [values], random)
        )
        return {
            "effect_name": f"mean {scale}distance on the claimed side of {claim['threshold']:g}",
            "effect": float(sign * (values.mean() - threshold)),
            "low": low,
            "high": high,
            "test": "one-sample t",
            "p": statistics.one_sample_p(values, threshold),
            "negligible": 0.0,
            "detail": f"{int(np.sum(sign * (values - threshold) > 0))} of {len(values)} replicas on the claimed side",
        }

    return outcome


def _all_converged(groups, claim, settings, random):
    share = np.concatenate([group.values for group in groups])
    return {
        "effect_name": "share of power iterations that converged",
        "effect": float(share.mean()),
        "low": float(share.min()),
        "high": float(share.max()),
        "test": "none: one exception refutes it (the interval is the worst and the best replica)",
        "band_low": 1.0,
        "band_high": 1.0,
        "detail": f"{int((share < 1).sum())} of {len(share)} replicas have an evaluation that did not converge",
    }


def _reported(groups, claim, settings, random):
    values = np.concatenate([group.values for group in groups])
    low, high = statistics.interval(statistics.mean, [values], random)
    return {"effect_name": "mean", "effect": float(values.mean()), "low": low, "high": high, "test": "none"}


KINDS: Dict[str, Callable] = {
    "greater": _greater,
    "more_variable": _more_variable,
    "correlates": _correlates,
    "similar": _similar,
    "comparable": _comparable,
    "value": _value,
    "at_least": _against_threshold(1),
    "at_most": _against_threshold(-1),
    "all_converged": _all_converged,
    "reported": _reported,
}
POOLED = ("correlates", "all_converged", "reported")  # over whatever groups there are, not one against another


def _verdict(row: dict, settings: dict, reduced: bool) -> tuple:
    """(verdict, its reason) by the rule at the head of this file."""
    if row["absent"]:
        return "no runs", "a group has no runs, or not this measure"
    if reduced:
        return NO_VERDICT, "reduced runs"
    if row["kind"] == "reported":
        return "reported", "depends on the hardware: nothing to reproduce"
    if row["too_few"]:
        return "inconclusive", f"fewer than {settings['least_replicas']} replicas in a group"
    if row["too_many_diverged"]:
        return "inconclusive", f"more than {settings['most_diverged']:.0%} of a group diverged"
    return _by_band(row, settings) if not np.isnan(row.get("band_low", np.nan)) else _by_test(row, settings)


def _by_test(row: dict, settings: dict) -> tuple:
    p = row["p_corrected"]
    if p < settings["significance"]:
        return ("reproduced", "claimed direction") if row["effect"] > 0 else ("not reproduced", "the other way")
    if row["negligible"] > 0 and -row["negligible"] <= row["low"] and row["high"] <= row["negligible"]:
        return "not reproduced", "the effect is negligible"
    return "inconclusive", "not significant"


def _by_band(row: dict, settings: dict) -> tuple:
    nearer, farther = row.get("nearer_low", np.nan), row.get("nearer_high", np.nan)
    if row["high"] < row["band_low"] or row["low"] > row["band_high"] or farther < 0:
        return "not reproduced", "the interval is outside" if not farther < 0 else "nearer to the other group"
    inside = row["band_low"] <= row["low"] and row["high"] <= row["band_high"]
    if inside and not nearer <= 0 and not row["p_corrected"] >= settings["significance"]:
        return "reproduced", "the interval is inside"
    if row["kind"] == "all_converged":
        return "not reproduced", "not all converged"
    return "inconclusive", "the interval is partly outside" if not inside else "inside, but not surely nearer or equal"


def write(results: Results, output: Path) -> List[Path]:
    """Judges all claims of published.json and writes the three files; returns their paths."""
    published = read_published()
    rows = judged(results, published)
    output.mkdir(parents=True, exist_ok=True)
    paths = [output / name for name in ("verdicts.csv", "verdicts.json", "published.json")]
    for row in rows:
        row["task_label"] = task_label(row["task"])
    pd.DataFrame(rows).to_csv(str(paths[0]), index=False)
    # pandas writes what is not a number as null, which json.dumps would write as NaN, not JSON
    paths[1].write_text(pd.DataFrame(rows).to_json(orient="records", indent=1, double_precision=15) + "\n")
    paths[2].write_text(PUBLISHED.read_text())
    return paths


def main(arguments: Optional[List[str]] = None) -> int:
    """Command line; returns the exit code."""
    return figure_command("figures.verdicts", __doc__, lambda folder, output: write(load(folder), output), arguments)


if __name__ == "__main__":
    sys.exit(main())
