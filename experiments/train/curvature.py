"""What is measured on the Hessian's batch along training: leading eigenvalues, and the rule's gradient beside BPTT's.

A power iteration takes from a handful to hundreds of products, depending on the replica. So all replicas start in one
graph, and those that need more products continue in smaller ones.
"""

from typing import Callable, List, NamedTuple, Optional, Sequence

import numpy as np
import tensorflow.compat.v1 as tf

from experiments.plan.config import Config
from experiments.train.gradients import GradientComparison, compare, gradient_of, rule_gradient
from experiments.train.networks import Networks, placeholders
from hessian.power_iteration import Progress, beginning, power_iteration
from models.initialisation import Weights
from models.network import plain_loss
from tasks import Example, Task


class Curvature(NamedTuple):
    """Leading eigenvalue of each replica's Hessian [R]; hessian.power_iteration says what the fields mean."""

    eigenvalue: np.ndarray
    rayleigh: np.ndarray
    residual: np.ndarray
    iterations: np.ndarray
    settled: np.ndarray
    converged: np.ndarray


class Part(NamedTuple):
    """A graph that measures `size` replicas, at the cost of those alone.

    iterate(chosen, x, y, *progress, min_running, max_products) -> how far the power iterations of the replicas `chosen`
    by index [size] have come, a flat list: until at most `min_running` are not done, or by `max_products` products.
    """

    size: int
    iterate: Callable


class CurvatureMeasures:
    """Measures any of an ensemble's replicas; the callables of a session do the work.

    directions: the random start of each replica's power iteration [R, ...], the same at every call. max_products: of a
    power iteration. examples: how many the Hessian's batch has, None for any number. make_callable: of the session.
    """

    def __init__(
        self,
        config: Config,
        task: Task,
        networks: Networks,
        directions: np.ndarray,
        examples: Optional[int],
        make_callable: Callable,
    ):
        self.directions, self.max_products = np.float32(directions), config.power_iterations
        start = tf.placeholder(tf.float32, (None,) + directions.shape[1:])
        self._progress = beginning(start)
        self._begin = make_callable(tf.nest.flatten(self._progress), [start])
        self._parts = [
            self._part(config, task, networks, size, examples, make_callable) for size in _sizes(len(directions))
        ]
        self._compare = self._comparison(config, task, networks, examples, make_callable)

    def _part(self, config, task, networks, size, examples, make_callable) -> Part:
        batch, chosen = placeholders(task, size, task.steps, examples), tf.placeholder(tf.int32, [size])
        weights = Weights(*[tf.gather(matrix, chosen) for matrix in networks.weights])
        loss, matrix = plain_loss(networks.network, weights, batch), getattr(weights, config.hessian_of)
        progress = [tf.placeholder(p.dtype, [size] + p.shape[1:].as_list()) for p in tf.nest.flatten(self._progress)]
        min_running, max_products = tf.placeholder(tf.int32, []), tf.placeholder(tf.int32, [])
        reached = power_iteration(
            loss.total, matrix, tf.nest.pack_sequence_as(self._progress, progress), max_products, min_running
        )
        fed = [chosen, *batch, *progress, min_running, max_products]
        return Part(size, make_callable(tf.nest.flatten(reached), fed))

    def _comparison(self, config, task, networks, examples, make_callable) -> Callable:
        """compare(x, y) -> GradientComparison of all replicas, as arrays."""
        batch = placeholders(task, len(self.directions), task.steps, examples)
        exact = gradient_of(networks.network, networks.weights, plain_loss(networks.network, networks.weights, batch))
        used = rule_gradient(
            networks.network, networks.weights, batch, config.rule, networks.feedback, config.step_length
        )
        return make_callable(compare(exact, used), list(batch))

    def curvature(self, examples: Example, which: Sequence[int]) -> Curvature:
        """Leading Hessian eigenvalue of the replicas `which`, [len(which)], on these examples [R, ...]."""
        which = np.array(which, np.int32)
        progress = self._packed(self._begin(self.directions[which]))
        for part, smaller in zip(self._parts, self._parts[1:] + [None]):
            running = np.flatnonzero(~progress.done & (progress.found.iterations < self.max_products))
            min_running = 0 if smaller is None else smaller.size
            if len(running) > min_running:
                progress = self._iterated(part, progress, running, examples, which, min_running)
        return Curvature(*[getattr(progress.found, name) for name in Curvature._fields])

    def _iterated(self, part, progress, running, examples, which, min_running) -> Progress:
        """The progress after a part has continued the power iterations `running`, which are indices of `which`."""
        places, before = _filled(running, part.size), tf.nest.flatten(progress)
        left = self.max_products - progress.found.iterations[running[0]]  # the same for all that are running
        reached = part.iterate(
            *_chosen(examples, which[places]), *[array[places] for array in before], min_running, left
        )
        return self._packed([_replaced(old, running, new) for old, new in zip(before, reached)])

    def _packed(self, flat: List[np.ndarray]) -> Progress:
        return tf.nest.pack_sequence_as(self._progress, flat)

    def compare(self, examples: Example, which: Sequence[int]) -> GradientComparison:
        """The rule's gradient against the exact one, for the replicas `which`; fields [len(which)]."""
        everyone = _filled(np.arange(len(examples.x)), len(self.directions))
        found = self._compare(*[array[everyone] for array in examples])
        return GradientComparison(*[array[np.array(which)] for array in found])


def _sizes(networks: int) -> List[int]:
    """How many replicas each part holds: all, a fifth, a twenty-fifth, ..., but never 1 of several.

    More parts would waste fewer products on replicas that are done; but a part takes a second to build.
    """
    sizes = [networks]
    while sizes[-1] > 2:
        sizes.append(max(2, -(-sizes[-1] // 5)))
    return sizes


def _filled(indices: np.ndarray, size: int) -> np.ndarray:
    """The indices, padded to that size with the last one."""
    return np.pad(indices, (0, size - len(indices)), mode="edge")


def _chosen(examples: Example, replicas: np.ndarray) -> List[np.ndarray]:
    """What is fed to measure these replicas."""
    return [replicas] + [array[replicas] for array in examples]


def _replaced(old: np.ndarray, places: np.ndarray, new: np.ndarray) -> np.ndarray:
    """A copy with the new values, which may be padded, in these places."""
    found = np.array(old)
    found[places] = new[: len(places)]
    return found
