"""A block of an experiment file, as configurations."""

from typing import List, Optional, Sequence

from experiments.plan.config import Config, ConfigError, make_config, make_ensembles
from experiments.plan.learning_rates import chosen_learning_rates


def block_runs(block: dict) -> List[Config]:
    """The configurations of a block that its schema allows. Raises ConfigError."""
    seeds, configs = _seeds(block["seeds"]), []
    for rule in block["rules"]:
        settings = dict(block.get("settings", {}))
        config = make_config(block["task"], rule, seeds, [1.0], **settings)  # all but the learning rates
        learning_rates = _learning_rates(block, config)
        if "decays" in block:
            settings["decay_every"] = max(1, config.iterations // block["decays"])
        configs += make_ensembles(block["task"], rule, seeds, learning_rates, **settings)
    return configs


def _seeds(given) -> Sequence[int]:
    if isinstance(given, int):
        return list(range(given))
    if isinstance(given, dict):
        return list(range(given["from"], given["from"] + given["count"]))
    return given


def _learning_rates(block: dict, config: Config) -> Optional[List[float]]:
    """The learning rates of a block for the rule of `config`; None leaves the choice to the configuration's default."""
    which, multiple = block.get("learning_rates", "chosen"), block.get("learning_rate_multiple", 1)
    if isinstance(which, list):
        for name in ("learning_rate_multiple", "learning_rate_of"):
            if name in block:
                raise ConfigError(
                    f"{name} cannot be combined with a list of learning_rates; it applies to the chosen one"
                )
        return which
    rule = block.get("learning_rate_of", config.rule)
    if multiple == 1 and which == "chosen" and rule == config.rule:
        return None
    name = "learning_rate" if which == "chosen" else "learning_rate_on_test"
    try:
        found = chosen_learning_rates(config.task, rule, config.optimizer, config.batch_size)
    except ValueError as error:
        raise ConfigError(str(error))
    if name not in found:
        raise ConfigError(f"no learning rate was chosen for {rule}: give learning_rates, or run experiments.sweep")
    return [float(f"{multiple * found[name]:.12g}")]
