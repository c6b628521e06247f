"""The verdict table: every claim of the paper against our runs, by a rule that was fixed before any result.

    python -m figures verdicts RESULTS OUTPUT

reads experiments/published.json and writes OUTPUT/verdicts.csv, verdicts.json and a copy of published.json.

A claim becomes one row a task and group. `reproduced`: the claimed direction and Holm-corrected p < 0.05.
`not reproduced`: as significant the other way, or the effect's 95 % interval inside a negligible margin. Claims of
equality or of a number: the interval inside the margin (`reproduced`) or beside it (`not reproduced`). Else
`inconclusive`, as always where a group has fewer than 5 runs or more than 20 % diverged.
"""

import functools
import json
from pathlib import Path
from typing import Callable, List

import numpy as np
import pandas as pd

from figures import statistics
from figures.kinds import COMPARING, KINDS, POOLED, Group, comparable_margin, performances
from figures.labels import group_label, task_label
from figures.measures import finite, run_values
from figures.runs import KEY, Results, runs

PUBLISHED = Path(__file__).resolve().parents[1] / "experiments" / "published.json"
NO_VERDICT = "no verdict (reduced)"


def read_published(path: Path = PUBLISHED) -> dict:
    """The claims and the settings by which they are judged."""
    return json.loads(Path(path).read_text())


def judged(results: Results, published: dict) -> List[dict]:
    """One row a claim, task and group: groups, statistic, interval, p, verdict and its reason."""
    # the same runs serve many claims, tasks and groups
    values = functools.lru_cache(maxsize=None)(functools.partial(run_values, results))
    main = runs(results, "main")
    rows = []
    for claim in published["claims"]:
        for task in claim["tasks"]:
            for names in claim["groups"]:
                rows.append(_row(values, main, claim, task, names, published["settings"]))
    table = pd.DataFrame(rows)
    table["p_corrected"] = table.groupby("family").p.transform(lambda p: pd.Series(statistics.holm(p), index=p.index))
    verdicts = [_verdict(row, published["settings"], results.reduced) for row in table.to_dict("records")]
    return table.assign(verdict=[v for v, _ in verdicts], reason=[why for _, why in verdicts]).to_dict("records")


def _row(values: Callable, main: pd.DataFrame, claim: dict, task: str, names: List[str], settings: dict) -> dict:
    measures = [claim["measure"], claim.get("measure_of_second", claim["measure"])] + [claim["measure"]] * len(names)
    groups = [_group(values, task, name, measure) for name, measure in zip(names, measures)]
    random = statistics.generator(f"{claim['id']} {task} {' '.join(names)}")
    row = {
        "claim": claim["id"],
        "figure": claim["figure"],
        "family": claim.get("family", claim["figure"]),
        "place": claim["place"],
        "says": claim["says"],
        "read_as": claim.get("read_as", ""),
        "task": task,
        "groups": " / ".join(group.label for group in groups),
        "kind": claim["kind"],
        "measure": claim["measure"],
        "published": claim.get("published", claim.get("threshold", "")),
        "published_sd": claim.get("published_sd", ""),
        "margin": claim.get("margin", ""),
    }
    for position, group in zip(("first", "second", "third", "fourth"), groups):
        row.update({f"{name}_{position}": value for name, value in _description(group, random).items()})
    shared = [_shared_with_main(group, main) for name, group in zip(names, groups) if not name.startswith("main:")]
    if claim["kind"] in POOLED:
        groups = [group for group in groups if len(group.table)] or groups
    row.update(_comparability(groups if claim["kind"] in COMPARING else groups[:1], settings))
    outcome = dict(effect_name="", effect=np.nan, low=np.nan, high=np.nan, test="", p=np.nan, detail="")
    if min(len(group.values) for group in groups) >= 2:
        outcome.update(KINDS[claim["kind"]](groups, claim, settings, random))
    outcome["detail"] = "; ".join(filter(None, [outcome["detail"], *shared]))
    row["absent"] = any(not len(group.values) and not group.diverged for group in groups)
    row["too_few"] = min(len(group.values) for group in groups) < settings["min_runs"]
    row["too_many_diverged"] = any(g.diverged > settings["max_diverged"] * len(g.table) for g in groups)
    return {**row, **outcome}


def _group(values: Callable, task: str, name: str, measure: str) -> Group:
    role, rule = name.split(":")
    table = values(role, measure)
    table = table[(table.task == task) & (table.rule == rule)]
    return Group(group_label(role, rule), finite(table.value), table)


def _description(group: Group, random: np.random.RandomState) -> dict:
    values = group.values
    low, high = statistics.interval(statistics.mean, [values], random) if len(values) else (np.nan, np.nan)
    ended = group.table[group.table.status != "diverged"]
    training = finite(pd.to_numeric(ended.end_training_performance, errors="coerce"))
    return {
        "n": len(values),
        "mean": values.mean() if len(values) else np.nan,
        "sd": values.std(ddof=1) if len(values) > 1 else np.nan,
        "low": low,
        "high": high,
        "diverged": group.diverged,
        "capped": group.capped,
        "training": training.mean() if len(training) else np.nan,
    }


def _shared_with_main(group: Group, main: pd.DataFrame) -> str:
    """Says so where all runs of a group are also among `main`'s: what is found of them is not independent of main's."""
    own = main[main.rule.isin(group.table.rule) & main.task.isin(group.table.task)]
    if not group.runs or not group.runs <= set(own[KEY].itertuples(index=False, name=None)):
        return ""
    part = f", {len(group.runs)} of its {len(own)}" if len(own) > len(group.runs) else ""
    return f"{group.label}: the same runs as main{part}"


def _comparability(groups: List[Group], settings: dict) -> dict:
    """Whether every group's training performance is comparable to that of the last (appendix, end of A.3).

    Neither yes nor no where there is no second group to compare.
    """
    performance = next((table.performance.iloc[0] for _, _, table in groups if len(table)), "accuracy")
    sizes = [performances(group, performance) for group in groups]
    if len(groups) < 2 or min(len(size) for size in sizes) == 0:
        return {"performance": performance, "comparable_training": ""}
    margin = comparable_margin(performance, settings)
    comparable = all(abs(size.mean() - sizes[-1].mean()) <= margin for size in sizes)
    return {"performance": performance, "comparable_training": "yes" if comparable else "no"}


def _verdict(row: dict, settings: dict, reduced: bool) -> tuple:
    """(verdict, its reason) by the rule at the head of this file."""
    if row["absent"]:
        return "no runs", "a group has no runs, or not this measure"
    if reduced:
        return NO_VERDICT, "reduced runs"
    if row["kind"] == "reported":
        return "reported", "depends on the hardware: nothing to reproduce"
    if row["too_few"]:
        return "inconclusive", f"fewer than {settings['min_runs']} runs in a group"
    if row["too_many_diverged"]:
        return "inconclusive", f"more than {settings['max_diverged']:.0%} of a group diverged"
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
