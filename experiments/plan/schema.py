"""Checks an experiment file against its JSON schema; an error is one line in plain words."""

import functools
import json
from pathlib import Path
from typing import Any, List

from jsonschema import Draft7Validator, ValidationError
from jsonschema.exceptions import best_match
from jsonschema.validators import extend

from experiments.measure.measures import known_measures
from experiments.plan.config import ConfigError
from experiments.plan.settings import SETTINGS
from figures import known_figures

SCHEMA = Path(__file__).with_name("experiment_file.schema.json")

# 2.0 is an integer to JSON, but no number of seeds
_Validator = extend(
    Draft7Validator,
    type_checker=Draft7Validator.TYPE_CHECKER.redefine(
        "integer", lambda checker, value: isinstance(value, int) and not isinstance(value, bool)
    ),
)


@functools.lru_cache(maxsize=1)
def schema() -> dict:
    """The schema, with the names that settings, measures and figures have here."""
    found = json.loads(SCHEMA.read_text(encoding="utf-8"))
    block = found["definitions"]["block"]["properties"]
    block["settings"]["properties"] = {name: {} for name in [*(s.name for s in SETTINGS), "parameters"]}
    block["measures"]["items"]["enum"] = known_measures()
    found["properties"]["figures"]["items"]["enum"] = list(known_figures())
    return found


def check(content: Any, path: Path) -> None:
    """Raises ConfigError, one line, for what the schema does not allow in the content of an experiment file."""
    try:
        own = schema()
    except ValueError as error:  # a figure that cannot be read
        raise ConfigError(str(error))
    error = best_match(_Validator(own).iter_errors(content))
    if error is not None:
        raise ConfigError(_sentence(error, list(error.absolute_path), path))


def _sentence(error: ValidationError, where: list, path: Path) -> str:
    value, title = error.instance, error.schema.get("title")
    if "propertyNames" in error.absolute_schema_path:
        return f"{_place(where, path)}: the name {value!r} is not text; put it in quotes"
    if error.validator == "additionalProperties":
        known = error.schema["properties"]
        unknown = next(name for name in value if name not in known)
        return f"unknown {title} '{unknown}' in {_place(where, path)}; known: {', '.join(known)}"
    if error.validator == "required":
        missing = next(name for name in error.validator_value if name not in value)
        return f"{_place(where, path)}: no {missing} given"
    while where and not isinstance(where[-1], str):  # a place in a list
        where.pop()
    if error.validator == "enum":
        return f"unknown {title} '{value}' in {_place(where, path)}; known: {', '.join(error.validator_value)}"
    expected = f"expected {error.schema['description']}"
    if not where:
        return f"{path}: {expected}"
    return f"{_place(where[:-1], path)}: {where[-1]} is {'nothing' if value is None else repr(value)}; {expected}"


def _place(where: List[str], path: Path) -> str:
    """['blocks', 'a', 'settings'] -> 'settings of block a in PATH'."""
    if len(where) > 1 and where[0] in ("blocks", "groups"):
        kind = "block " if where[0] == "blocks" else ""
        where = [f"{kind}{where[1]}", *where[2:]]
    return f"{' of '.join(str(name) for name in reversed(where))} in {path}" if where else f"{path}"
