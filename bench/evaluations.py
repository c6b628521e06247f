"""What share of a run on sequential MNIST its evaluations take, from the times of single steps and evaluations.

A whole run takes minutes; what it costs is known from a few of its parts: a step, an evaluation before the end of
training and one at the end, on all training images, each with one product of the power iteration, and another product.
How many products an eigenvalue takes depends on where training stands: PRODUCTS are means over real runs.
"""

import tempfile
from pathlib import Path
from typing import Dict

import numpy as np

from bench.timing import in_turns
from experiments.evidence.run_folder import RunFolder
from experiments.plan.config import Config, make_config
from experiments.plan.schedule import end_of_training, evaluations
from experiments.train.data import load_data
from experiments.train.training import Training

# products of a power iteration, mean over the evaluations of seed 9000 at learning rate 0.01: BPTT's up to iteration
# 4,250, the three-factor rule's up to 8,000
PRODUCTS = {"bptt": 27, "three_factor": 10}
STEPS, TURNS = 40, 5
MORE = 10  # further products, to time one


def share_of_evaluations(rule: str) -> str:
    """One line: the share, and the times that it is made of."""
    config = make_config("seq_mnist", rule, [0], [1e-2])
    planned = evaluations(config)
    at_end = len(end_of_training(config, planned))
    times = _milliseconds(config)
    eigenvalue = (PRODUCTS[rule] - 1) * times["product"]
    evaluating = len(planned) * eigenvalue + at_end * times["at the end"] + (len(planned) - at_end) * times["before"]
    training = config.iterations * times["step"]
    return (
        f"{rule}, {config.iterations:,} iterations, {len(planned)} evaluations: "
        f"{evaluating / (evaluating + training):.0%} of the time in evaluations\n"
        f"    step {times['step']:.2f} ms; evaluation {times['before'] + eigenvalue:.0f} ms, at the end "
        f"{times['at the end'] + eigenvalue:.0f} ms, of which {PRODUCTS[rule]} products of {times['product']:.1f} ms"
    )


def _milliseconds(config: Config) -> Dict[str, float]:
    """Medians of a step, of a product, and of an evaluation with one product, before and at the end of training."""
    with tempfile.TemporaryDirectory() as root:
        folder = RunFolder(Path(root), config)
        folder.open(wait=False)
        training = Training(config, folder, load_data(config))
        measures, iterations = training.ensemble.measures, [0, end_of_training(config, evaluations(config))[0]]

        def evaluate(iteration, products):
            training.iteration, measures.max_products = iteration, products
            training.evaluate()

        steps = in_turns(STEPS, training.train_step)
        before, more, end = np.median(
            in_turns(
                TURNS,
                lambda: evaluate(iterations[0], 1),
                lambda: evaluate(iterations[0], 1 + MORE),
                lambda: evaluate(iterations[1], 1),
            ),
            axis=0,
        )
        training.ensemble.close()
        folder.close()
    return {"step": np.median(steps), "product": (more - before) / MORE, "before": before, "at the end": end}
