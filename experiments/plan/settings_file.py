"""Settings from a file: some of them in YAML, or all of them in a run's config.json."""

import json
from pathlib import Path

import yaml

from experiments.plan.config import Config, ConfigError, as_dict, from_dict


def read_settings(path: Path) -> dict:
    """The settings of a YAML file, or of a JSON file as the workflow and a run's folder have it.

    Raises ConfigError for an unreadable file, an unknown key, and the config.json of a run whose task or rule has
    changed since.
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
