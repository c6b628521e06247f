"""How a run that was trained again differs from its evidence."""

import io
import json
from pathlib import Path
from typing import Dict, List, Optional

import numpy as np
import pandas as pd

from experiments.evidence.archives import parse_npz, read_npz
from experiments.evidence.packed import DIGEST, saved_weights, weights_digest

KEY = ["seed", "learning_rate", "iteration"]


def difference(members: Dict[str, bytes], folder: Path) -> Optional[str]:
    """None if history and weights at the end are the same bits; else `relative` of each column of the history that
    differs, and of the weights.

    members: of evidence. folder: the same run's. Raises ArchiveError.
    """
    found = _of_history(members["history.csv"], (folder / "history.csv").read_bytes())
    found += _of_weights(members, saved_weights(folder)[-1])
    return ", ".join(found) or None


def _of_history(there: bytes, here: bytes) -> List[str]:
    if there == here:
        return []
    tables = [pd.read_csv(io.BytesIO(text), float_precision="round_trip").set_index(KEY) for text in (there, here)]
    common = tables[0].index.intersection(tables[1].index)
    found = []
    if not len(common) == len(tables[0]) == len(tables[1]):
        found.append(f"{len(tables[1])} evaluations instead of {len(tables[0])}")
    for column in tables[0]:
        one, other = (table.loc[common].get(column, pd.Series(np.nan, common)).astype(float) for table in tables)
        if not one.equals(other):
            found.append(f"{column} {relative(one.values, other.values):.2g}")
    return found or ["history written differently"]


def _of_weights(members: Dict[str, bytes], path: Path) -> List[str]:
    """path: the weights of the run that was trained again."""
    if DIGEST in members:
        same = members[DIGEST].decode().strip() == weights_digest(path)
        return [] if same else ["weights (by how much is not known: evidence has their SHA-256 alone)"]
    stored = next(name for name in members if name.startswith("weights/"))
    there, here = parse_npz(members[stored], stored), read_npz(path)
    changed = [name for name in sorted(there) if there[name].tobytes() != here[name].tobytes()]
    return [f"weights {max(relative(there[name], here[name]) for name in changed):.2g}"] if changed else []


def relative(one: np.ndarray, other: np.ndarray) -> float:
    """The largest difference between two arrays, relative to the largest number in them; infinite where one of them
    alone is finite."""
    one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
    finite = np.isfinite(one) & np.isfinite(other)
    alike = finite | (one == other) | (np.isnan(one) & np.isnan(other))
    if not alike.all():
        return float("inf")
    largest = np.abs(np.concatenate([one[finite], other[finite]])).max(initial=0)
    return float(np.abs(one[finite] - other[finite]).max(initial=0) / largest) if largest else 0.0


def makers(provenance: bytes) -> str:
    """Processors and TensorFlow versions that a run was made with, from its provenance.json."""
    sessions = json.loads(provenance.decode())["sessions"]
    found = {f"{each['processor']}, TensorFlow {each['packages']['tensorflow']}" for each in sessions}
    return " and ".join(sorted(found))
