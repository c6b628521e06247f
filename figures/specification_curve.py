"""The specification curve: each claim under every choice that the paper leaves open."""

from typing import Dict, List, Tuple

import pandas as pd

from figures.bootstrap import generator
from figures.claims import read_published
from figures.runs import Results
from figures.specification_choices import choice_effects, summary
from figures.specification_null import Chance, Sample, chance, sample_of, units_of
from figures.specification_panels import choices_picture, curve_picture, overview_picture
from figures.specifications import Block, Point, blocks, claims_of, compared, points, table_of, values_of

ROLES = ("specifications",)
TITLE = "What the findings depend on"
CAPTION = (
    "Each claim under every choice that the paper leaves open: effects sorted, with 95 % intervals. Blue, "
    "pointing up: significant (p < 0.05, uncorrected) as claimed; orange, pointing down: the other way; grey: neither. "
    "Ring: the main specification. The figures of single claims show the choices beneath, with the share of "
    "specifications at each level that are significant as claimed; at the right, those that diverged, failed or could "
    "not be built. Where an effect exceeds 10, its axis is logarithmic beyond 1."
)
DRAWS = 999  # permutations under the null
BOOTSTRAP_DRAWS = 500  # of an interval: thousands of them, to be seen and not to be judged by


def draw(results: Results) -> tuple:
    """({"": all claims by task, "_CLAIM_TASK": the curve of one, "_choices_TASK": how far each choice moves the
    effects}, {"": one row per specification, "_claims": per claim and task, "_choices": per claim, task and level})."""
    tables, moved, rows = [], [], []
    for block in blocks(results):
        for table, effects, row in judged(results, block):
            tables, moved, rows = [*tables, table], [*moved, effects], [*rows, row]
    pictures = {"": overview_picture(tables, rows, results.note)}
    for table, row in zip(tables, rows):
        pictures[f"_{row['claim']}_{row['task']}"] = curve_picture(table, row, results.note)
    by_task: Dict[str, List[Tuple[pd.DataFrame, dict]]] = {}
    for effects, row in zip(moved, rows):
        by_task.setdefault(row["task"], []).append((effects, row))
    pictures.update({f"_choices_{task}": choices_picture(own, task, results.note) for task, own in by_task.items()})
    return pictures, {"": _stacked(tables), "_claims": pd.DataFrame(rows), "_choices": _stacked(moved)}


def _stacked(tables: List[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(tables, ignore_index=True, sort=False) if tables else pd.DataFrame(columns=["claim", "task"])


def judged(results: Results, block: Block) -> List[Tuple[pd.DataFrame, pd.DataFrame, dict]]:
    """(one row per specification, how far each choice moves the effect, the summary) of each claim on a block."""
    settings = dict(read_published()["settings"], bootstrap_draws=BOOTSTRAP_DRAWS)
    values, found = values_of(results, block), []
    for claim in claims_of(block):
        own = list(points(block, values, claim, settings))
        table = table_of(own)
        effects = choice_effects(table)
        by_chance = _chance(block, values, claim, [point for point in own if point.outcome])
        name = next((point.outcome["effect_name"] for point in own if point.outcome), "")
        row = summary(table, effects, claim["says"], name, by_chance)
        found.append((table, effects, row))
    return found


def _chance(block: Block, values, claim: dict, own: List[Point]) -> Chance:
    rules = tuple(dict.fromkeys(rule for groups in claim["groups"] for rule in groups))
    groups = {}
    for point in own:
        if point.sample not in groups:
            read = {name: level for name, level in point.choices.items() if name in block.read_off}
            table = values(point.specification, read)
            groups[point.sample] = compared(table, block.task, claim, list(rules))
    known = sorted({unit for found in groups.values() for group in found for unit in units_of(group.table)})
    units = {unit: place for place, unit in enumerate(known)}
    samples: Dict[str, Sample] = {name: sample_of(rules, found, units) for name, found in groups.items()}
    random = generator(f"chance {claim['id']} {block.task}")
    return chance(claim["kind"], [samples[p.sample] for p in own], [p.rules for p in own], DRAWS, random)
