"""What figures, verdicts and report depend on apart from runs: code, published.json and the report's template.

It goes into plan.json, and Snakemake makes them again when it changes.
"""

import hashlib
import json
from pathlib import Path
from typing import Iterable

from experiments import HOME
from experiments.plan.source import names_file, source_hashes

PACKAGES = ("figures", "experiments")
PUBLISHED = HOME / "experiments" / "published.json"


def sources(figures: Iterable[str]) -> dict:
    """{"figures": {figure: ...}, "verdicts": ..., "report": ...}: hashes of what they depend on apart from runs.

    A figure whose code names published.json depends on its own claims there or, if it has none, on all that it says;
    the report depends on every module of figures/, since it has all their captions. Raises OSError, ValueError.
    """
    published = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    modules = [f"figures.{path.stem}" for path in (HOME / "figures").glob("*.py") if path.stem != "__init__"]
    templates = {path.name: _hash(path) for path in sorted((HOME / "figures").glob("*.j2"))}
    return {
        "figures": {name: _figure(name, published) for name in figures},
        "verdicts": [source_hashes(["figures.verdicts", "figures.summaries"], PACKAGES), published],
        "report": [source_hashes(modules, PACKAGES), templates, published],
    }


def _figure(name: str, published: dict) -> list:
    hashes = source_hashes([f"figures.{name}"], PACKAGES)
    reads_claims = any(names_file(module, PUBLISHED.name) for module in hashes)
    own = [claim for claim in published["claims"] if claim.get("figure") == name]
    return [hashes, own or published] if reads_claims else [hashes]


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
