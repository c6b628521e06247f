"""The data of an ensemble's runs."""

from typing import List

from experiments.plan.config import Config, ConfigError, members, task_of
from experiments.train.streams import random_stream
from tasks import Data


def load_data(config: Config) -> List[Data]:
    """The data of each replica.

    Raises DataFileError, and ConfigError if a batch is larger than the training data or the Hessian's cannot be drawn.
    """
    task = task_of(config)
    by_seed = {seed: task.data(random_stream(seed)) for seed in config.seeds}
    first = by_seed[config.seeds[0]]
    if config.hessian_on == "fresh" and "validation" not in first.sets:
        raise ConfigError(f"hessian_on is fresh; {config.task} has no validation set to draw from")
    examples = first.training_examples
    if config.batch_size > examples:
        raise ConfigError(f"batch_size is {config.batch_size}; the training data has {examples} examples")
    return [by_seed[seed] for seed, _ in members(config)]
