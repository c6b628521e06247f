"""The report: one page that opens from disk, with every verdict and figure, their settings, times and versions.

    python -m figures report RESULTS OUTPUT

reads what the other modules wrote (OUTPUT/verdicts.json, OUTPUT/figures/*.png) and writes OUTPUT/report.html, which
fetches nothing.
"""

import base64
import importlib
import json
from collections import Counter
from pathlib import Path
from typing import Dict, Iterable, List

import jinja2
import pandas as pd

from experiments.plan.settings import COMPARED
from figures import known_figures
from figures.claims import read_published
from figures.labels import rule_label, rule_order, task_label
from figures.runs import SETTINGS, Results, RunsError, ensemble_names, runs

TEMPLATE = Path(__file__).with_suffix(".html.j2")
MARKS = {"reproduced": "✓", "not reproduced": "✗", "inconclusive": "?"}


def page(results: Results, output: Path) -> str:
    """The report as HTML. Raises RunsError if OUTPUT has no verdicts."""
    verdicts = _verdicts(output / "verdicts.json")
    sections = [_section(results, output, name, verdicts) for name in known_figures()]
    others = [row for row in verdicts if row["figure"] not in known_figures()]
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters.update(number=number, slug=lambda text: "".join(c if c.isalnum() else "-" for c in text))
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        paper=read_published()["paper"],
        what=results.what,
        note=results.note or ("REDUCED" if results.reduced else ""),
        reduced=results.reduced,
        counts=_counts(verdicts),
        families=_families(verdicts),
        marks=MARKS,
        sections=sections,
        others=others,
        other_settings=_settings_of(results, _groups_without_figure()),
        lost=results.lost,
        diverged=_diverged(results),
        provenance=provenance(results),
    )


def number(value, digits: int = 3) -> str:
    """A number to `digits` significant places, as a person would write it; a dash if there is none."""
    if value is None or value == "" or pd.isna(value):
        return "–"
    value = float(value)
    if value and not 1e-4 <= abs(value) < 1e5:
        return f"{value:.{digits - 1}e}"
    return f"{value:.0f}" if abs(value) >= 10**digits else f"{value:.{digits}g}"


def _verdicts(path: Path) -> List[dict]:
    if not path.is_file():
        raise RunsError(f"{path} is missing: run `python -m figures verdicts` first")
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
    for row in rows:
        places = [place for place in ("first", "second", "third", "fourth") if row.get(f"n_{place}") is not None]
        names = ("n", "mean", "sd", "low", "high", "diverged", "capped", "training")
        row["sides"] = [{name: row.get(f"{name}_{place}") for name in names} for place in places]
        for side, label in zip(row["sides"], row["groups"].split(" / ")):
            side["label"] = label
        row["unequal"] = row["comparable_training"] == "no" and row["verdict"] in MARKS
    return rows


def _counts(verdicts: List[dict]) -> List[tuple]:
    """(verdict, whether it was come to at unequal training performance, how often), the most frequent first."""
    found = Counter((row["verdict"], row["unequal"]) for row in verdicts)
    return [(*which, n) for which, n in found.most_common()]


def _families(verdicts: List[dict]) -> List[dict]:
    """The verdicts by figure, in the order of the report."""
    names = dict.fromkeys([*known_figures(), *(row["figure"] for row in verdicts)])
    families = [{"name": name, "rows": [row for row in verdicts if row["figure"] == name]} for name in names]
    return [dict(family, title=title(family["name"])) for family in families if family["rows"]]


def title(name: str) -> str:
    """`Figure 2`, `Table 1`, `Bounds`; a family of claims without a figure has its own words."""
    for prefix in ("figure", "table"):
        if name.startswith(prefix) and name[len(prefix) :].isdigit():
            return f"{prefix.capitalize()} {name[len(prefix) :]}"
    return name.replace("_", " ").capitalize().replace("hessian", "Hessian")


def _section(results: Results, output: Path, name: str, verdicts: List[dict]) -> dict:
    module = importlib.import_module(f"figures.{name}")
    figures = output / "figures"
    picture = figures / f"{name}.png"
    return {
        "name": name,
        "heading": f"{title(name)}: {module.TITLE}" if name[-1].isdigit() else module.TITLE,
        "caption": module.CAPTION,
        "picture": base64.b64encode(picture.read_bytes()).decode() if picture.is_file() else "",
        "claims": _claims(row for row in verdicts if row["figure"] == name),
        "settings": _settings_of(results, module.ROLES),
        "tables": sorted(path.name for path in figures.glob(f"{name}*.csv") if path.stem.split("_")[0] == name),
    }


def _claims(rows) -> List[dict]:
    """One entry a claim: what the paper says, and how often our groups and tasks came to each verdict."""
    claims: Dict[str, dict] = {}
    for row in rows:
        claim = claims.setdefault(row["claim"], {"says": row["says"], "place": row["place"], "verdicts": []})
        own = {"where": f"{row['task_label']}, {row['groups']}", "verdict": row["verdict"], "unequal": row["unequal"]}
        claim["verdicts"].append(own)
    return [dict(claim, counts=_counts(claim["verdicts"])) for claim in claims.values()]


def _settings_of(results: Results, groups: Iterable[str]) -> List[dict]:
    """One row per group, task, rule and settings: rates, runs, diverged, capped, lost runs, hours in all."""
    rows = []
    for role in groups:
        table = runs(results, role)
        keys = list(SETTINGS)
        # a setting that a task does not have is None, which grouping would drop
        table = table.assign(**{key: table[key].fillna("–") for key in keys})
        for values, group in table.groupby(keys, sort=False):
            rates = sorted(set(group.learning_rate.astype(float)))
            row = dict(zip(keys, values), role=role, runs=len(group), hours=float(group.hours.astype(float).sum()))
            row.update(
                task=task_label(row["task"]), rule=rule_label(row["rule"]), order=(row["task"], rule_order(row["rule"]))
            )
            row.update({status: int((group.status == status).sum()) for status in ("diverged", "capped")})
            row["rates"] = ", ".join(f"{rate:g}" for rate in rates)
            row["iterations"] = int(pd.to_numeric(group.get("final_iteration", pd.Series([0]))).max())
            row["settings"] = _told(row)
            rows.append(row)
        lost = [name for name in ensemble_names(results, role) if name in results.lost]
        if lost:
            rows.append({"role": role, "lost": lost, "order": ("~", (0,))})
    return sorted(rows, key=lambda row: (row["role"], row["order"]))


def _told(row: dict) -> str:
    """The settings of a row that are not everybody's default."""
    told = {setting.name: row[setting.name] for setting in COMPARED if row[setting.name] not in ("–", setting.default)}
    words = [f"{name.replace('_', ' ')} {'full' if value == 0 else value}" for name, value in told.items()]
    return ", ".join(words) or "default"


def _groups_without_figure() -> List[str]:
    """The groups of runs of the claims that no figure shows."""
    claims = [claim for claim in read_published()["claims"] if claim["figure"] not in known_figures()]
    return list(dict.fromkeys(claim["groups"][0][0].split(":")[0] for claim in claims))


def _diverged(results: Results) -> List[dict]:
    """The runs that diverged, one row each."""
    tables = [found.runs[found.runs.status == "diverged"] for found in results.ensembles.values()]
    table = pd.concat(tables, sort=False) if tables else pd.DataFrame()
    columns = ["ensemble", "task", "rule", "seed", "learning_rate", "diverged_at"]
    return table.reindex(columns=columns).sort_values(columns[1:]).to_dict("records")


def provenance(results: Results) -> dict:
    """What all runs together were made with: commits, versions, hosts, processors, their wall time and number."""
    found: Dict[str, set] = {"commit": set(), "host": set(), "processor": set(), "python": set(), "packages": set()}
    seconds = 0.0
    for ensemble in results.ensembles.values():
        seconds += ensemble.provenance.get("seconds", 0.0)
        for session in [ensemble.provenance, *ensemble.provenance.get("sessions", [])]:
            for key in ("commit", "host", "processor", "python"):
                found[key].update({str(session[key])} if session.get(key) else ())
            found["packages"].update(f"{name} {version}" for name, version in session.get("packages", {}).items())
    listed = {key: ", ".join(sorted(values)) or "unknown" for key, values in found.items()}
    total = sum(len(ensemble.runs) for ensemble in results.ensembles.values())
    return dict(listed, hours=seconds / 3600, ensembles=len(results.ensembles), runs=total)


def write(results: Results, output: Path) -> List[Path]:
    """Writes OUTPUT/report.html; returns its path in a list."""
    path = output / "report.html"
    path.write_text(page(results, output), encoding="utf-8")
    return [path]
