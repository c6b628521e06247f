"""Trains ensembles with a learning rule and measures curvature along the way.

    python -m experiments.train --task pattern_generation --rule three_factor --seeds 0 1 2 --learning-rate 0.01 0.03

There is one run for each seed and learning rate; those of a small task train together, as an ensemble, and share a
folder. Results go to OUTPUT/<hash of the configuration>/ (experiments/evidence/run_folder.py says what is in it). The
same command resumes what was stopped from its last checkpoint, and does not repeat what is finished.
"""

import argparse
import sys
from pathlib import Path
from typing import List, Optional

import yaml

from experiments.command_line import OneLineParser, add_evidence_options
from experiments.evidence.packed import EvidenceError, pack
from experiments.evidence.run_folder import RunFolderError
from experiments.plan.config import ConfigError, make_ensembles
from experiments.plan.settings import add_options
from experiments.plan.settings_file import read_settings
from experiments.train.loop import train
from experiments.train.stop_signals import Stopped
from rules import known_rules
from tasks import DataFileError, known_tasks


def parser() -> OneLineParser:
    """The command line of `python -m experiments.train`."""
    p = OneLineParser("experiments.train", __doc__, argument_default=argparse.SUPPRESS)
    p.add_argument(
        "--config",
        help="YAML file of settings, spelt as below with _ for -, or a run's config.json; options override it",
    )
    p.add_argument("--task", help=f"one of: {', '.join(known_tasks())}")
    p.add_argument("--rule", help=f"one of: {', '.join(known_rules())}")
    p.add_argument("--seeds", type=int, nargs="+", help="one run per seed (default: 0)")
    p.add_argument(
        "--learning-rate",
        "--learning-rates",
        dest="learning_rates",
        type=float,
        nargs="+",
        help="one run per learning rate and seed (default: what experiments.sweep chose for task and rule; else 0.01)",
    )
    add_options(p)
    p.add_argument(
        "--parameter", action="append", metavar="NAME=VALUE", help="a parameter of the task; may be repeated"
    )
    p.add_argument(
        "--wait",
        action="store_true",
        default=False,
        help="if another process is training the same ensemble, wait for it instead of failing",
    )
    p.add_argument(
        "--output", type=Path, default=Path("results/runs"), help="folder of the runs (default: results/runs)"
    )
    add_evidence_options(p)
    return p


def settings(arguments: argparse.Namespace) -> dict:
    """The settings of --config, if given, overridden by the command line's. Raises ConfigError."""
    given = dict(vars(arguments))
    for name in ("output", "wait", "evidence", "evidence_without_weights"):
        given.pop(name)
    path, changed = given.pop("config", None), given.pop("parameter", None)
    merged = {"seeds": [0]}
    if path is not None:
        merged.update(read_settings(Path(path)))
    merged.update(given)
    if changed is not None:
        merged["parameters"] = dict(merged.get("parameters") or {}, **_parameters(changed))
    for name in ("task", "rule"):
        if not isinstance(merged.get(name), str):
            known = known_tasks() if name == "task" else known_rules()
            raise ConfigError(f"no {name} given; known: {', '.join(known)}")
    return merged


def _parameters(changed: List[str]) -> dict:
    """['tau_b=30'] -> {'tau_b': 30}, values as YAML reads them. Raises ConfigError."""
    parameters = {}
    for text in changed:
        name, equals, value = text.partition("=")
        try:
            parameters[name] = yaml.safe_load(value) if equals else None
        except yaml.YAMLError:
            raise ConfigError(f"--parameter {text}: the value cannot be read; expected NAME=VALUE")
    return parameters


def main(arguments: Optional[List[str]] = None) -> None:
    """Command line. Exit codes: 0 done, 1 failed, 2 bad input, 143 stopped with a checkpoint."""
    p = parser()
    given = p.parse_args(arguments)
    try:
        for config in make_ensembles(**settings(given)):
            run = train(config, given.output, wait=given.wait)
            if given.evidence:
                pack(run, given.evidence, not given.evidence_without_weights)
            print(run, flush=True)
    except (ConfigError, RunFolderError, DataFileError, EvidenceError) as error:
        p.exit(2, f"{p.prog}: {error}\n")
    except Stopped as error:
        p.exit(143, f"{p.prog}: {error}\n")
    except OSError as error:
        p.exit(1, f"{p.prog}: {error}; what was saved before is intact, and the same command resumes from it\n")


if __name__ == "__main__":
    sys.exit(main())
