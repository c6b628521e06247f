"""When a run is evaluated, at which learning rate it trains, and which of its evaluations are the end of training.

These definitions stand here alone. Training obeys them and writes what follows from them into the history, as the
columns `current_learning_rate` and `at_end`, which all other code reads.
"""

from typing import List, Sequence

from experiments.plan.config import Config


def learning_rate_factor(config: Config, iteration: int) -> float:
    """What every learning rate is multiplied by at an iteration: the step decay of Figure 5, 1 without it."""
    return config.decay_factor ** (iteration // config.decay_every)


def evaluations(config: Config) -> List[int]:
    """The iterations at which a run is evaluated that trains up to its cap: regular, early and last ones."""
    regular = range(0, config.iterations + 1, config.evaluate_every)
    early = range(0, min(config.early_until, config.iterations) + 1, config.early_every) if config.early_every else ()
    return sorted({*regular, *early, config.iterations})


def is_regular(config: Config, iteration: int) -> bool:
    """Whether an evaluation is one of those `evaluate_every` iterations apart.

    Early ones lie closer together, and the last one can; neither says when a run is stable, nor what its end is.
    """
    return iteration % config.evaluate_every == 0


def end_of_training(config: Config, evaluated: Sequence[int]) -> List[int]:
    """Which of the iterations at which a run was evaluated, in ascending order, make up its end: its last `window`
    regular ones (ours: late in training the eigenvalue swings several-fold from one evaluation to the next)."""
    return [iteration for iteration in evaluated if is_regular(config, iteration)][-config.window :]
