"""The verdict table: every claim of the paper against our runs.

    python -m figures verdicts RESULTS OUTPUT

reads experiments/published.json and writes OUTPUT/verdicts.csv, verdicts.json and a copy of published.json. A claim is
one row per task and set of groups. The rule is in figures.judgement, and verdicts.json says first how old it is.
"""

import functools
from pathlib import Path
from typing import Callable, Dict, List

import numpy as np
import pandas as pd

from figures import preregistration, statistics
from figures.bootstrap import generator, interval
from figures.claims import PUBLISHED, Row, group_names, read_published, rows_of
from figures.groups import Group, groups_of, performances
from figures.judgement import correct, verdict
from figures.kinds import COMPARING, DIFFERENCES, KINDS, POOLED
from figures.labels import task_label
from figures.measures import MEASURES, finite, run_values
from figures.runs import Results, ensemble_names

PLACES = ("first", "second", "third", "fourth", "fifth")
NO_OUTCOME = dict(effect_name="", effect=np.nan, low=np.nan, high=np.nan, test="", p=np.nan, detail="", survivors="")


def judged(results: Results, published: dict) -> List[dict]:
    """One row per claim, task and set of groups: groups, statistic, interval, p, verdict and its reason."""
    # the same runs serve many claims, tasks and groups
    values = functools.lru_cache(maxsize=None)(functools.partial(run_values, results))
    return judge(published, values, results.reduced)


def judge(published: dict, values: Callable, reduced: bool = False) -> List[dict]:
    """The same of values(group, measure) -> the group's runs, as figures.measures.run_values gives them."""
    settings, rows, compared = published["settings"], [], {}
    for asked in rows_of(published):
        groups = groups_of(values, asked.task, asked.groups, asked.measures)
        row = _row(asked, groups, values, settings)
        row["as_above"] = "" if row["absent"] else _above(compared, asked, groups)
        rows.append(row)
    correct(rows)
    for row in rows:
        row["verdict"], row["reason"] = verdict(row, settings, reduced)
        if row["as_above"] and not reduced:
            row["verdict"], row["reason"] = "as above", f"the runs of {row['as_above']}"
    return rows


def _row(asked: Row, groups: List[Group], values: Callable, settings: dict) -> dict:
    claim, key = asked.claim, f"{asked.claim['id']} {asked.task} {' '.join(asked.groups)}"
    row = {
        "claim": claim["id"],
        "figure": claim["figure"],
        "family": claim["family"],
        "place": claim["place"],
        "says": claim["says"],
        "read_as": claim.get("read_as", ""),
        "task": asked.task,
        "task_label": task_label(asked.task),
        "groups": " / ".join(group.label for group in groups),
        "kind": claim["kind"],
        "measure": claim["measure"],
        "published": claim.get("published", claim.get("threshold", "")),
        "published_sd": claim.get("published_sd", ""),
        "margin": claim.get("margin", ""),
        "negligible": _negligible(claim),
    }
    for place, group in zip(PLACES, groups):
        described = _description(group, settings, generator(f"{key} {place}"))
        row.update({f"{name}_{place}": value for name, value in described.items()})
    if claim["kind"] in POOLED:
        groups = [group for group in groups if len(group.table)] or groups
    row.update(_comparability(groups if claim["kind"] in COMPARING else groups[:1], settings))
    row["absent"] = any(not len(group.values) and not group.diverged for group in groups)
    row["too_few"] = min(len(group.values) for group in groups) < settings["min_runs"]
    row["too_many_diverged"] = any(g.diverged > settings["max_diverged"] * len(g.table) for g in groups)
    return {**row, **_outcome(claim, groups, settings, key), "matched": _matched(asked, groups, values, settings, key)}


def _negligible(claim: dict) -> float:
    """The margin around no effect, in the units of the effect; a ratio's is the logarithm."""
    margin = claim.get("margin", np.nan) if claim["kind"] in (*DIFFERENCES, "at_least", "at_most") else np.nan
    return float(np.log(margin)) if claim["kind"] == "more_variable" else float(margin)


def _outcome(claim: dict, groups: List[Group], settings: dict, key: str) -> dict:
    if min(len(group.values) for group in groups) < 2:
        return dict(NO_OUTCOME)
    return {**NO_OUTCOME, **KINDS[claim["kind"]](groups, claim, settings, generator(key))}


def _description(group: Group, settings: dict, random: np.random.RandomState) -> dict:
    values = group.values
    low, high = interval(statistics.mean, [values], random, settings["bootstrap_draws"])
    ended = group.table[group.table.status != "diverged"]
    training = finite(pd.to_numeric(ended.end_training_performance, errors="coerce"))
    return {
        "n": len(values),
        "mean": values.mean() if len(values) else np.nan,
        "sd": values.std(ddof=1) if len(values) > 1 else np.nan,
        "low": low,
        "high": high,
        "diverged": group.diverged,
        "left_out": group.left_out,
        "capped": group.capped,
        "training": training.mean() if len(training) else np.nan,
    }


def _comparability(groups: List[Group], settings: dict) -> dict:
    """Whether every group's training performance is comparable to that of the last (appendix, end of A.3).

    Neither yes nor no where there is no second group to compare.
    """
    performance = next((group.table.performance.iloc[0] for group in groups if len(group.table)), "accuracy")
    sizes = [performances(group) for group in groups]
    if len(groups) < 2 or min(len(size) for size in sizes) == 0:
        return {"performance": performance, "comparable_training": ""}
    margin = settings["comparable"][performance]
    comparable = all(abs(size.mean() - sizes[-1].mean()) <= margin for size in sizes)
    return {"performance": performance, "comparable_training": "yes" if comparable else "no"}


def _matched(asked: Row, groups: List[Group], values: Callable, settings: dict, key: str) -> str:
    """Of a comparison in which runs ended at their cap: the same comparison at matched training loss."""
    measure = f"{asked.claim['measure']}_at_matched_loss"
    if measure not in MEASURES or len(set(asked.measures)) > 1 or not any(group.capped for group in groups):
        return ""
    matched = groups_of(_matched_values(values), asked.task, asked.groups, [measure] * len(groups))
    found = _outcome(asked.claim, matched, settings, f"{key} matched")
    if np.isnan(found["effect"]):
        return ""
    n = " and ".join(str(len(group.values)) for group in matched)
    return f"at a training loss of 0.01 ({n} runs): {found['effect']:.3g}, p = {found['p']:.3g}"


def _matched_values(values: Callable) -> Callable:
    """values, with eigenvalue and gap at matched training loss in the place of those at the end."""

    def matched(group, measure):
        taken = {f"end_{name}": values(group, f"{name}_at_matched_loss").value for name in ("eigenvalue", "gap")}
        return values(group, measure).assign(**taken)

    return matched


def _above(compared: Dict[tuple, list], asked: Row, groups: List[Group]) -> str:
    """The claim before this one that asked the same of runs among which all of this one's are; "" if there is none."""
    claim = asked.claim
    question = (claim["kind"], asked.task, *asked.measures, claim.get("threshold"), claim.get("published"))
    own = [group.runs for group in groups]
    before = compared.setdefault(question, [])
    for name, runs in before:
        if all(mine <= theirs for mine, theirs in zip(own, runs)):
            return name
    before.append((claim["id"], own))
    return ""


def write(results: Results, output: Path) -> List[Path]:
    """Judges all claims of published.json and writes the three files; returns their paths."""
    published = read_published()
    table = pd.DataFrame(judged(results, published))
    names = ensemble_names(results, *group_names(published))
    provenances = [results.ensembles[name].provenance for name in names if name in results.ensembles]
    rule = preregistration.rule(provenances, published["changes"])
    rule["ensembles"] = {"planned": len(names), "finished": len(provenances)}
    output.mkdir(parents=True, exist_ok=True)
    paths = [output / name for name in ("verdicts.csv", "verdicts.json", "published.json")]
    table.to_csv(str(paths[0]), index=False)
    # pandas writes what is not a number as null, which json.dumps would write as NaN, not JSON
    rows = table.to_json(orient="records", indent=1, double_precision=15)
    head = pd.Series(rule).to_json(indent=1)
    paths[1].write_text(f'{{"rule": {head},\n"rows": {rows}}}\n', encoding="utf-8")
    paths[2].write_text(PUBLISHED.read_text(encoding="utf-8"), encoding="utf-8")
    return paths
