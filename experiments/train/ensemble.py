"""An ensemble of networks in one finalized graph: train, evaluate, measure curvature; nothing is built afterwards."""

import ctypes
from typing import Dict, Iterable, List, Optional, Sequence, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from experiments.plan.config import FULL_BATCH, Config, members
from experiments.train.curvature import Curvature, CurvatureMeasures
from experiments.train.gradients import GradientComparison
from experiments.train.networks import evaluated_network, make_networks, placeholders
from experiments.train.step import make_step
from experiments.train.streams import random_stream
from models import losses
from models.algebra import merge_time
from models.initialisation import Weights
from models.network import plain_loss
from tasks import Example, Task


def keep_freed_memory() -> None:
    """Tells glibc to keep freed memory for reuse.

    Otherwise every large tensor is returned to the system and requested again, at a page fault per 4 KB, which takes
    as much time in evaluations as the arithmetic.
    """
    trim_threshold, mmap_threshold = -1, -3  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD of malloc.h
    c_library = ctypes.CDLL(None)
    c_library.mallopt(trim_threshold, 2**31 - 1)
    c_library.mallopt(mmap_threshold, 2**30)


class Ensemble:
    """R networks that share their settings, one for each seed and learning rate, trained together.

    Arrays that are fed or returned have a leading axis of `replicas`: x [R, T, B, N_in], y [R, K, B, N_out]. A single
    network of a task whose runs come in ensembles is built twice: a replica's numbers are bit-identical whatever other
    runs share its ensemble, but TensorFlow uses another kernel for a single network.

    training, measured: how many examples a full training batch and the Hessian's batch have. None allows any number,
    but TensorFlow then computes shapes at run time, which in small networks costs as much as everything else.
    """

    def __init__(self, config: Config, task: Task, training: Optional[int] = None, measured: Optional[int] = None):
        keep_freed_memory()
        self.members = members(config)
        self.twice = len(self.members) == 1 and task.ensemble_size > 1
        seeds = [seed for seed, _ in self.members] * (2 if self.twice else 1)
        self._graph = tf.Graph()
        options = tf.ConfigProto(
            intra_op_parallelism_threads=config.threads, inter_op_parallelism_threads=config.threads
        )
        self._session = tf.Session(graph=self._graph, config=options)
        with self._graph.as_default():
            self._build(config, task, [random_stream(seed) for seed in seeds], training, measured)
            start = tf.global_variables_initializer()
            self._graph.finalize()
        self._session.run(start)

    def _build(self, config, task, streams, training, measured):
        networks, call = make_networks(task, streams), self._session.make_callable
        batch_size = training if config.batch_size == FULL_BATCH else config.batch_size
        step = make_step(config, networks, placeholders(task, len(streams), task.steps, batch_size))
        self._train = call([step.loss, step.is_finite, step.update], [*step.examples, step.learning_rates])
        self._state, self._new_state = step.state, [tf.placeholder(v.dtype.base_dtype, v.shape) for v in step.state]
        self._restore = call(tf.group(*map(tf.assign, self._state, self._new_state)), self._new_state)

        shown = placeholders(task, len(streams), task.evaluation_steps, None)
        seen = plain_loss(evaluated_network(task), networks.weights, shown)
        performance = getattr(losses, task.performance)(seen.outputs, merge_time(shown.y))
        self._evaluate = call([seen.total, seen.data, performance], list(shown))

        shape = getattr(networks.weights, config.hessian_of).shape[1:].as_list()
        directions = np.stack([stream("power_iteration").normal(size=shape) for stream in streams])
        self.measures = CurvatureMeasures(config, task, networks, directions, measured, call)

    def train(self, examples: Example, learning_rates: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """One step of the learning rule with these learning rates [R]; 0 leaves a replica unchanged.

        Returns the loss before the step, penalty included [R], and whether loss and new weights are finite [R]; a
        replica for which they are not is left unchanged.
        """
        loss, finite, _ = self._train(*self._in(examples), self._in(learning_rates))
        return self._out(loss), self._out(finite)

    def evaluate(self, sets: Iterable[Example]) -> Dict[str, np.ndarray]:
        """Means over a set that is given in parts: {"loss", "data_loss", "performance": [R]}, and "examples" [R], their
        number."""
        sums, count = np.zeros((3, 1)), 0
        for examples in sets:
            size = examples.x.shape[2]
            sums, count = sums + size * np.float64(self._evaluate(*self._in(examples))), count + size
        means = dict(zip(("loss", "data_loss", "performance"), map(self._out, sums / count)))
        return dict(means, examples=np.full(len(self.members), count))

    def curvature(self, examples: Example, which: Sequence[int]) -> Curvature:
        """Leading Hessian eigenvalue of the replicas `which` on these examples."""
        return self.measures.curvature(examples, which)

    def compare(self, examples: Example, which: Sequence[int]) -> GradientComparison:
        """The rule's gradient on these examples against the exact one, for the replicas `which`."""
        return self.measures.compare(examples, which)

    def weights(self) -> Weights:
        """The current weights, as arrays."""
        return Weights(*[self._out(array) for array in self.state()[: len(Weights._fields)]])

    def state(self) -> List[np.ndarray]:
        """Weights and optimizer slots, for `restore`."""
        return self._session.run(self._state)

    def restore(self, state: List[np.ndarray]) -> None:
        """Sets what `state` returned."""
        self._restore(*state)

    def close(self) -> None:
        """Frees the session."""
        self._session.close()

    def _in(self, given):
        """What is fed to the graph, which may hold a single network twice."""
        if not self.twice:
            return given
        if isinstance(given, Example):
            return Example(*map(self._in, given))
        return np.concatenate([given, given])

    def _out(self, found: np.ndarray) -> np.ndarray:
        """What is fetched, without the second copy of a single network."""
        return found[: len(self.members)]
