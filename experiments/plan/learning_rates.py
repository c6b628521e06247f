"""The learning rates that experiments.sweep has chosen, with the evidence: experiments/chosen_learning_rates.json."""

import fcntl
import json
import os
from pathlib import Path
from typing import Dict, List

from experiments.evidence.files import write_json

CHOSEN = Path(__file__).resolve().parents[1] / "chosen_learning_rates.json"
GRID = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)  # paper, A.3
UNSWEPT_LEARNING_RATE = 1e-2  # published code


def chosen(path: Path = CHOSEN) -> List[dict]:
    """One entry per (task, rule, optimizer), as experiments.sweep writes them; none if it was never run."""
    return json.loads(path.read_text()) if path.exists() else []


def chosen_learning_rates(
    task: str, rule: str, optimizer: str, batch_size: int, path: Path = CHOSEN
) -> Dict[str, float]:
    """{"learning_rate", "learning_rate_on_test": the latter chosen on the test set} for that batch size; {} if task and
    rule were never swept.

    scaled_bptt takes the three-factor rule's (Eq. 36). Raises ValueError if they were swept at other batch sizes only.
    """
    wanted = (task, "three_factor" if rule == "scaled_bptt" else rule, optimizer)
    entry = next((e for e in chosen(path) if (e["task"], e["rule"], e["optimizer"]) == wanted), None)
    if entry is None:
        return {}
    found = entry["at_batch_size"]
    if str(batch_size) not in found:
        swept = ", ".join(sorted(found, key=int))
        raise ValueError(
            f"no learning rate was chosen for {rule} at batch size {batch_size}, only at {swept}: give one"
        )
    return found[str(batch_size)]


def chosen_learning_rate(task: str, rule: str, optimizer: str, batch_size: int, path: Path = CHOSEN) -> float:
    """The chosen learning rate, or the published code's where task and rule were never swept. Raises ValueError."""
    return chosen_learning_rates(task, rule, optimizer, batch_size, path).get("learning_rate", UNSWEPT_LEARNING_RATE)


def record(entry: dict, path: Path) -> None:
    """Puts an entry into the file, in place of an earlier one of the same task, rule and optimizer."""
    lock = os.open(str(path.parent), os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        keys = ("task", "rule", "optimizer")
        others = [e for e in chosen(path) if any(e[key] != entry[key] for key in keys)]
        write_json(path, sorted(others + [entry], key=lambda e: [e[key] for key in keys]))
    finally:
        os.close(lock)
