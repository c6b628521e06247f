"""The specification curve's part of the report, from what the figure wrote: the words, the table, all pictures."""

import base64
from pathlib import Path
from typing import List, NamedTuple, Optional

from figures.labels import task_label
from figures.specification_words import FIGURE, TABLE, Words, in_words, read_claims


class Picture(NamedTuple):
    """A picture of one claim, or of all choices, on one task; encoded: PNG in base64."""

    heading: str
    encoded: str


class Specifications(NamedTuple):
    """words: None without specifications; rows: claim by task, as figures.specification_words.read_claims; pictures: of
    single claims and of choices."""

    words: Optional[Words]
    rows: List[dict]
    pictures: List[Picture]


def specifications_of(figures: Path) -> Specifications:
    """What the folder of figures holds of the specification curve; empty without it."""
    rows = read_claims(figures / TABLE)
    named = {f"_choices_{row['task']}": f"{task_label(row['task'])}: what each choice changes" for row in rows}
    named.update({f"_{row['claim']}_{row['task']}": f"{row['task_label']}: {row['says']}" for row in rows})
    paths = {heading: figures / f"{FIGURE}{suffix}.png" for suffix, heading in named.items()}
    pictures = [
        Picture(heading, base64.b64encode(path.read_bytes()).decode())
        for heading, path in paths.items()
        if path.is_file()
    ]
    return Specifications(in_words(rows), rows, pictures)
