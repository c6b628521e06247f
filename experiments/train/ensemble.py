"""An ensemble of networks in one finalized graph: train, evaluate, measure curvature; nothing is built afterwards."""

import ctypes
from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from experiments.plan.config import FULL_BATCH, Config, members
from experiments.train.gradients import GradientComparison, compare, gradient_of, rule_gradient
from experiments.train.networks import network_of
from experiments.train.optimizers import OPTIMIZERS
from experiments.train.streams import random_stream
from hessian.power_iteration import beginning, power_iteration
from models import losses
from models.algebra import merge_time
from models.initialisation import Initialisation, Weights, fixed_feedback, initial_weights
from models.network import Batch, plain_loss
from tasks import Example, Task


class Curvature(NamedTuple):
    """Leading eigenvalue of each replica's Hessian [R]; hessian.power_iteration says what the fields mean."""

    eigenvalue: np.ndarray
    rayleigh: np.ndarray
    residual: np.ndarray
    iterations: np.ndarray
    settled: np.ndarray
    converged: np.ndarray


def keep_freed_memory() -> None:
    """Tells glibc to keep freed memory instead of giving every large tensor back to the system and fetching it anew,
    which costs a page fault per 4 KB and, in evaluations, as much time as the arithmetic."""
    trim_threshold, mmap_threshold = -1, -3  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD of malloc.h
    c_library = ctypes.CDLL(None)
    c_library.mallopt(trim_threshold, 2**31 - 1)
    c_library.mallopt(mmap_threshold, 2**30)


def _sizes(networks: int) -> List[int]:
    """How many replicas the graphs that measure hold: all, a third, a ninth, ... at least 2 where there are several."""
    sizes = [networks]
    while sizes[-1] > 2:
        sizes.append(max(2, -(-sizes[-1] // 3)))
    return sizes


def _filled(indices: np.ndarray, size: int) -> np.ndarray:
    """The indices, the last one repeated up to that many."""
    return np.pad(indices, (0, size - len(indices)), mode="edge")


class _Measures(NamedTuple):
    """The graph that measures `size` replicas, those `chosen` by index [size]: what is fed, what is fetched.

    A power iteration goes on from `progress` to `reached`: until at most `min_running` replicas are not done, or for
    `max_products` products.
    """

    size: int
    chosen: tf.Tensor
    examples: Batch
    progress: List[tf.Tensor]
    min_running: tf.Tensor
    max_products: tf.Tensor
    reached: List[tf.Tensor]
    comparison: GradientComparison


class Ensemble:
    """R networks with common settings, one for each seed and learning rate, trained side by side.

    Arrays that are fed or returned have a leading axis of `replicas`: x [R, T, B, N_in], y [R, K, B, N_out]. A single
    network of a task whose runs come in ensembles is there twice, because a replica's numbers are the same to the bit
    whoever shares its ensemble, but TensorFlow takes another kernel for one alone.

    training, measured: how many examples a full training batch and the set for the curvature have; None for any number,
    for which TensorFlow computes shapes at every operation of a gradient, in small networks at the cost of the rest.
    """

    def __init__(self, config: Config, task: Task, training: Optional[int] = None, measured: Optional[int] = None):
        keep_freed_memory()
        self.members, self.power_iterations = members(config), config.power_iterations
        self.twice = len(self.members) == 1 and task.ensemble_size > 1
        self._graph = tf.Graph()
        with self._graph.as_default():
            self._build(config, task, training, measured)
            start = tf.global_variables_initializer()
            self._graph.finalize()
        options = tf.ConfigProto(
            intra_op_parallelism_threads=config.threads, inter_op_parallelism_threads=config.threads
        )
        self._session = tf.Session(graph=self._graph, config=options)
        self._session.run(start)
        call = self._session.make_callable
        self._train = call([self._step_loss, self._is_finite, self._update], list(self._fed) + [self._rate])
        self._evaluate = call([self._seen.total, self._seen.data, self._performance], list(self._shown))
        self._begin = call(tf.nest.flatten(self._beginning), [self._start])
        self._iterate, self._compare = {}, {}
        for part in self._measures:
            of = [part.chosen] + list(part.examples)
            self._iterate[part.size] = call(part.reached, of + part.progress + [part.min_running, part.max_products])
            self._compare[part.size] = call(part.comparison, of)

    def _build(self, config, task, training, measured):
        members = self.members * 2 if self.twice else self.members
        streams = [random_stream(seed) for seed, _ in members]
        drawn, sizes = Initialisation(**task.initialisation), (task.inputs, task.units, task.outputs)
        initial = [initial_weights(s("initial_weights"), *sizes, drawn) for s in streams]
        variables = [
            tf.Variable(np.stack(arrays), use_resource=True, name=name)
            for name, arrays in zip(Weights._fields, zip(*initial))
        ]
        feedback = np.stack([fixed_feedback(s("feedback"), task.units, task.outputs, drawn) for s in streams])
        fixed = tf.constant(feedback, tf.float32)
        weights = Weights(*[variable.read_value() for variable in variables])
        network = network_of(task)
        later = task.evaluation_steps - task.steps
        longer = network._replace(supervised_steps=tuple(t + later for t in task.supervised_steps))

        def placeholders(networks, steps, examples):
            return Batch(
                tf.placeholder(tf.float32, [networks, steps, examples, task.inputs]),
                tf.placeholder(tf.float32, [networks, len(task.supervised_steps), examples, task.outputs]),
            )

        batch_size = training if config.batch_size == FULL_BATCH else config.batch_size
        self._fed = placeholders(len(members), task.steps, batch_size)
        self._shown = placeholders(len(members), task.evaluation_steps, None)
        learning = rule_gradient(network, weights, self._fed, config.rule, fixed, config.step_length)
        self._build_training(config, learning, variables, weights)

        self._seen = plain_loss(longer, weights, self._shown)
        self._performance = getattr(losses, task.performance)(self._seen.outputs, merge_time(self._shown.y))
        matrix = getattr(weights, config.hessian_of)
        self.directions = np.stack([s("power_iteration").normal(size=matrix.shape[1:].as_list()) for s in streams])
        self._start = tf.placeholder(tf.float32, [None] + matrix.shape[1:].as_list())
        self._beginning = beginning(self._start)
        self._measures = [
            self._build_measures(config, network, weights, fixed, placeholders(size, task.steps, measured))
            for size in _sizes(len(members))
        ]

    def _build_measures(self, config, network, weights, fixed, examples):
        """Curvature and comparison of gradients for as many replicas as `examples` are for; the others cost nothing."""
        size = examples.x.shape[0].value
        chosen = tf.placeholder(tf.int32, [size])
        weights, fixed = Weights(*[tf.gather(w, chosen) for w in weights]), tf.gather(fixed, chosen)
        loss, matrix = plain_loss(network, weights, examples), getattr(weights, config.hessian_of)
        progress = [tf.placeholder(p.dtype, [size] + p.shape[1:].as_list()) for p in tf.nest.flatten(self._beginning)]
        min_running, max_products = tf.placeholder(tf.int32, []), tf.placeholder(tf.int32, [])
        reached = power_iteration(
            loss.total, matrix, tf.nest.pack_sequence_as(self._beginning, progress), max_products, min_running
        )
        used = rule_gradient(network, weights, examples, config.rule, fixed, config.step_length)
        found = compare(gradient_of(network, weights, loss), used)
        return _Measures(size, chosen, examples, progress, min_running, max_products, tf.nest.flatten(reached), found)

    def _build_training(self, config, learning, variables, weights):
        """One step: a replica whose rate is 0 or whose loss or new weights would not be finite keeps what it has."""
        trained = [place for place, name in enumerate(Weights._fields) if config.trained in ("all", name)]
        moved, gradients = ([given[place] for place in trained] for given in (weights, learning.total))
        optimizer = OPTIMIZERS[config.optimizer]
        slots = optimizer.slots([variables[place] for place in trained])
        old_slots = [slot.read_value() for slot in slots]
        self._rate = tf.placeholder(tf.float32, [weights.W_h.shape[0].value])
        new_weights, new_slots = optimizer.step(moved, gradients, old_slots, self._rate)
        sums = tf.add_n([tf.reduce_sum(weight, axis=[1, 2]) for weight in new_weights])
        self._step_loss = learning.losses.total
        self._is_finite = tf.math.is_finite(self._step_loss + sums)
        moves = tf.logical_and(self._is_finite, self._rate > 0)
        self._state = variables + slots
        updates = zip([variables[place] for place in trained] + slots, new_weights + new_slots, moved + old_slots)
        self._update = tf.group(*[variable.assign(tf.where(moves, new, kept)) for variable, new, kept in updates])
        self._new_state = [tf.placeholder(v.dtype.base_dtype, v.shape) for v in self._state]
        self._restore = tf.group(*[v.assign(new) for v, new in zip(self._state, self._new_state)])

    def train(self, examples: Example, rates: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """One step of the learning rule with rates [R]; a rate of 0 leaves a replica as it is.

        Returns the loss, penalty included, before it [R], and whether loss and new weights are finite [R]; where they
        are not, the replica stays as it was.
        """
        loss, finite, _ = self._train(*self._in(examples), self._in(rates))
        return self._out(loss), self._out(finite)

    def evaluate(self, sets: Iterable[Example]) -> Dict[str, np.ndarray]:
        """Means over a set given in parts, {"loss", "data_loss", "performance": [R]}, and how many "examples" it has
        [R]."""
        sums, count = np.zeros((3, 1)), 0
        for examples in sets:
            size = examples.x.shape[2]
            sums, count = sums + size * np.float64(self._evaluate(*self._in(examples))), count + size
        means = dict(zip(("loss", "data_loss", "performance"), map(self._out, sums / count)))
        return dict(means, examples=np.full(len(self.members), count))

    def curvature(self, examples: Example, which: Sequence[int]) -> Curvature:
        """Leading Hessian eigenvalue of the replicas `which` on these examples, from the same random start each time.

        All go on together until those that are not done fit into a smaller graph.
        """
        which = np.array(which, np.int32)
        state = [np.array(array) for array in self._begin(np.float32(self.directions[which]))]
        progress = tf.nest.pack_sequence_as(self._beginning, state)
        sizes = [part.size for part in self._measures]
        for size, min_running in zip(sizes, sizes[1:] + [0]):
            live = np.flatnonzero(~progress.done & (progress.found.iterations < self.power_iterations))
            if len(live) <= min_running:
                continue
            max_products = self.power_iterations - progress.found.iterations[live[0]]
            part = _filled(live, size)
            reached = self._iterate[size](
                *self._of(examples, which[part]), *[a[part] for a in state], min_running, max_products
            )
            for array, new in zip(state, reached):
                array[live] = new[: len(live)]
        return Curvature(*[getattr(progress.found, name) for name in Curvature._fields])

    def compare(self, examples: Example, which: Sequence[int]) -> GradientComparison:
        """How the rule's gradient on these examples lies to the exact one, for the replicas `which`."""
        size = min(part.size for part in self._measures if part.size >= len(which))
        found = self._compare[size](*self._of(examples, _filled(np.array(which, np.int32), size)))
        return GradientComparison(*[array[: len(which)] for array in found])

    def _of(self, examples: Example, replicas: np.ndarray) -> List[np.ndarray]:
        """What is fed to measure these replicas."""
        return [replicas] + [array[replicas] for array in examples]

    def weights(self) -> Weights:
        """The present weights, as arrays."""
        return Weights(*[self._out(array) for array in self.state()[: len(Weights._fields)]])

    def state(self) -> List[np.ndarray]:
        """Weights and optimizer slots, for `restore`."""
        return self._session.run(self._state)

    def restore(self, state: List[np.ndarray]) -> None:
        """Sets what `state` returned."""
        self._session.run(self._restore, dict(zip(self._new_state, state)))

    def close(self) -> None:
        """Frees the session."""
        self._session.close()

    def _in(self, given):
        """What is fed, for every network in the graph."""
        if not self.twice:
            return given
        if isinstance(given, Example):
            return Example(*map(self._in, given))
        return np.concatenate([given, given])

    def _out(self, found: np.ndarray) -> np.ndarray:
        """What is fetched, of the members alone."""
        return found[: len(self.members)]
