"""The experiment files: which runs they ask for."""

import shlex
from pathlib import Path
from typing import Dict

import yaml

from experiments.config import Config, ConfigError, config_hash, make_config


def read_plan(path: Path) -> dict:
    """An experiment file as it stands. Raises ConfigError if it cannot be read."""
    try:
        return yaml.safe_load(Path(path).read_text())
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read: {' '.join(str(error).split())}")


def planned_runs(plan: dict) -> Dict[str, Config]:
    """{hash: configuration} of all runs of a plan. Raises ConfigError."""
    runs = {}
    for block in plan["runs"]:
        for rule in block["rules"]:
            for seed in block["seeds"]:
                config = make_config(block["task"], rule, [seed], **block["settings"])
                runs[config_hash(config)] = config
    return runs


def command_line(config: Config) -> str:
    """The options of experiments.train that give this configuration."""
    options = {name: value for name, value in config._asdict().items() if value is not None}
    options["seeds"] = " ".join(str(seed) for seed in config.seeds)
    options["rule"] = shlex.quote(config.rule)
    return " ".join(f"--{name.replace('_', '-')} {value}" for name, value in options.items())
