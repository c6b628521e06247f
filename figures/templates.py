"""The templates of this folder, and how they write numbers and names."""

from pathlib import Path

import jinja2
import pandas as pd

from figures import answers
from figures.labels import choice_label

HERE = Path(__file__).parent


def environment() -> jinja2.Environment:
    """Where the templates are read, with the filters that they share."""
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(str(HERE)),
        autoescape=lambda name: name.endswith(".html.j2"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    found.filters.update(
        choice_label=choice_label,
        number=number,
        slug=slug,
        percent=percent,
        sentence=answers.sentence,
        capitalize_first=capitalize_first,
    )
    return found


def capitalize_first(text: str) -> str:
    """A text as the beginning of a sentence."""
    return text[:1].upper() + text[1:]


def slug(text: str) -> str:
    """A text as the name of a style or an anchor."""
    return "".join(character if character.isalnum() else "-" for character in text)


def percent(value) -> str:
    """A share in percent; a dash if there is none."""
    return "–" if pd.isna(value) else f"{value:.0%}"


def number(value, digits: int = 3) -> str:
    """A number to `digits` significant places, as a person would write it; a dash if there is none."""
    if value is None or value == "" or pd.isna(value):
        return "–"
    value = float(value)
    if value and not 1e-4 <= abs(value) < 1e5:
        return f"{value:.{digits - 1}e}"
    return f"{value:.0f}" if abs(value) >= 10**digits else f"{value:.{digits}g}"
