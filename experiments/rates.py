"""The learning rates that experiments.sweep has chosen, with the evidence: experiments/chosen_rates.json."""

import json
from pathlib import Path
from typing import List

CHOSEN = Path(__file__).with_name("chosen_rates.json")
GRID = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)  # paper, A.3
UNSWEPT_RATE = 1e-2  # published code


def chosen(path: Path = CHOSEN) -> List[dict]:
    """One entry a (task, rule, optimizer), as experiments.sweep writes them; none if it was never run."""
    return json.loads(path.read_text()) if path.exists() else []


def chosen_entry(task: str, rule: str, optimizer: str = "sgd", path: Path = CHOSEN) -> dict:
    """The entry of that task, rule and optimizer, or {}. scaled_bptt takes the three-factor rule's (Eq. 36)."""
    wanted = (task, "three_factor" if rule == "scaled_bptt" else rule, optimizer)
    return next((e for e in chosen(path) if (e["task"], e["rule"], e["optimizer"]) == wanted), {})


def chosen_rate(task: str, rule: str, optimizer: str = "sgd", path: Path = CHOSEN) -> float:
    """The chosen learning rate, or the published code's where none was chosen."""
    return chosen_entry(task, rule, optimizer, path).get("learning_rate") or UNSWEPT_RATE
