"""The data of an ensemble's runs."""

from typing import List

from experiments.plan.config import Config, ConfigError, members, task_of
from experiments.train.streams import random_stream
from tasks import Data


def load_data(config: Config) -> List[Data]:
    """The data of each replica. Raises DataFileError, and ConfigError if a batch is larger than the training data."""
    task = task_of(config)
    by_seed = {seed: task.data(random_stream(seed)) for seed in config.seeds}
    examples = by_seed[config.seeds[0]].training_examples
    if config.batch_size > examples:
        raise ConfigError(f"batch_size is {config.batch_size}; the training data has {examples} examples")
    return [by_seed[seed] for seed, _ in members(config)]
