"""The paper's claims and the settings by which they are judged: experiments/published.json, checked by a schema."""

import json
from pathlib import Path
from typing import Iterator, List, NamedTuple

from jsonschema import Draft7Validator
from jsonschema.exceptions import best_match

from figures.kinds import KINDS
from figures.measures import is_measure

PUBLISHED = Path(__file__).resolve().parents[1] / "experiments" / "published.json"
SCHEMA = PUBLISHED.with_name("published.schema.json")


class Row(NamedTuple):
    """A claim on one of its tasks, for one of its sets of groups, each "group:rule"."""

    claim: dict
    task: str
    groups: List[str]

    @property
    def measures(self) -> List[str]:
        """The measure of each group."""
        second = self.claim.get("measure_of_second", self.claim["measure"])
        return [second if position == 1 else self.claim["measure"] for position in range(len(self.groups))]


def read_published(path: Path = PUBLISHED) -> dict:
    """The claims and settings. Raises ValueError, one line, for what the schema does not allow."""
    published = json.loads(Path(path).read_text(encoding="utf-8"))
    check(published, path)
    return published


def check(published: dict, path: Path = PUBLISHED) -> None:
    """Raises ValueError, one line, for what the schema does not allow, an unknown measure or an id given twice."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    schema["definitions"]["kind"]["enum"] = list(KINDS)
    error = best_match(Draft7Validator(schema).iter_errors(published))
    if error is not None:
        raise ValueError(f"{path}, {'/'.join(map(str, error.absolute_path))}: {error.message}")
    identifiers = [claim["id"] for claim in published["claims"]]
    for claim in published["claims"]:
        if identifiers.count(claim["id"]) > 1:
            raise ValueError(f"{path}: claim '{claim['id']}' is there more than once")
        for measure in (claim["measure"], claim.get("measure_of_second", claim["measure"])):
            if not is_measure(measure):
                raise ValueError(f"{path}, claim {claim['id']}: unknown measure '{measure}'")


def rows_of(published: dict) -> Iterator[Row]:
    """Every row that the claims ask for, whether there are runs or not."""
    for claim in published["claims"]:
        for task in claim["tasks"]:
            for groups in claim["groups"]:
                yield Row(claim, task, groups)


def group_names(published: dict) -> List[str]:
    """The groups of runs that claims name, sorted."""
    return sorted({name.split(":")[0] for row in rows_of(published) for name in row.groups})
