"""Settings from a file: a YAML file of some, or the JSON file of all that a run's folder has."""

import json
from pathlib import Path

import yaml

from experiments.plan.config import Config, ConfigError, as_dict, from_dict


def read_settings(path: Path) -> dict:
    """A YAML file of settings, or a JSON file of all of them, as the workflow writes it or a run's folder has it.

    Raises ConfigError for an unreadable file, for a key that is no setting, and for the config.json of a run whose task
    was another than the one here.
    """
    try:
        text = path.read_text(encoding="utf-8")
        found = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read: {' '.join(str(error).split())}")
    if not isinstance(found, dict):
        raise ConfigError(f"{path} has no settings; expected lines like 'rule: bptt'")
    if "task_constants" in found:
        try:
            config = from_dict(found)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}")
        if json.loads(json.dumps(as_dict(config))) != found:
            raise ConfigError(f"{path} is of a run with other constants of {config.task} than tasks/ has now")
        return config._asdict()
    for key in found:
        if key not in Config._fields:
            raise ConfigError(f"unknown config key '{key}'; known: {', '.join(Config._fields)}")
    return found
