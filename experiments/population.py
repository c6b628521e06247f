"""A population of networks in one finalized graph: train, evaluate, measure curvature; nothing is built afterwards."""

import ctypes
from typing import Dict, Iterable, List, NamedTuple

import numpy as np
import tensorflow as tf

from experiments.config import Config
from experiments.gradients import Match, match, rule_gradient
from experiments.optimizers import OPTIMIZERS
from experiments.streams import random_stream
from hessian.power_iteration import leading_eigenvalue
from models import losses
from models.cells import make_cell
from models.initialisation import Weights, glorot_uniform, initial_weights
from models.network import Batch, Network, plain_loss
from tasks import Example, Task

# TensorFlow 1.14 announces its own 2.0 at every other name.
tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)


class Curvature(NamedTuple):
    """Leading eigenvalue of each replica's Hessian [R]; hessian.power_iteration says what the fields mean."""

    eigenvalue: np.ndarray
    rayleigh: np.ndarray
    residual: np.ndarray
    iterations: np.ndarray
    converged: np.ndarray


def keep_freed_memory() -> None:
    """Tells glibc to keep freed memory instead of giving every large tensor back to the system and fetching it anew,
    which costs a page fault per 4 KB and, in evaluations, as much time as the arithmetic."""
    trim_threshold, mmap_threshold = -1, -3  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD of malloc.h
    c_library = ctypes.CDLL(None)
    c_library.mallopt(trim_threshold, 2**31 - 1)
    c_library.mallopt(mmap_threshold, 2**30)


class Population:
    """R = len(config.seeds) networks with common settings, trained side by side.

    Arrays that are fed have a leading axis of R: x [R, T, B, N_in], y [R, K, B, N_out].
    """

    def __init__(self, config: Config, task: Task):
        keep_freed_memory()
        self._graph = tf.Graph()
        with self._graph.as_default():
            self._build(config, task)
            start = tf.compat.v1.global_variables_initializer()
            self._graph.finalize()
        options = tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=config.threads, inter_op_parallelism_threads=config.threads
        )
        self._session = tf.compat.v1.Session(graph=self._graph, config=options)
        self._session.run(start)
        call = self._session.make_callable
        self._train = call([self._step.whole, self._update], list(self._fed))
        self._evaluate = call([self._seen.data, self._performance], list(self._shown))
        self._penalty = call(self._penalties, list(self._shown))
        self._match = call(self._matching, list(self._measured))
        self._curvature = call(self._leading, list(self._measured) + [self._start])

    def _build(self, config, task):
        replicas = len(config.seeds)
        streams = [random_stream(seed) for seed in config.seeds]
        initial = [initial_weights(s("initial_weights"), task.inputs, task.units, task.outputs) for s in streams]
        variables = [
            tf.Variable(np.stack(arrays), use_resource=True, name=name)
            for name, arrays in zip(Weights._fields, zip(*initial))
        ]
        feedback = np.stack([glorot_uniform(s("feedback"), task.units, task.outputs) for s in streams])
        weights = Weights(*[variable.read_value() for variable in variables])
        cell = make_cell(task.units, task.adaptive_units, task.alpha, task.beta)
        network = Network(cell, getattr(losses, task.loss), task.loss_steps, task.l2)

        def placeholders(examples):
            return Batch(
                tf.compat.v1.placeholder(tf.float32, [replicas, task.steps, examples, task.inputs]),
                tf.compat.v1.placeholder(tf.float32, [replicas, len(task.loss_steps), examples, task.outputs]),
            )

        self._fed, self._shown, self._measured = placeholders(config.batch_size), placeholders(None), placeholders(None)
        fixed = tf.constant(feedback, tf.float32)
        learning = rule_gradient(network, weights, self._fed, config.rule, fixed)
        self._step = learning.losses
        rate = tf.constant(config.learning_rate, tf.float32, [replicas, 1, 1])
        slots, self._update = OPTIMIZERS[config.optimizer](variables, list(learning.whole), rate)
        self._state = variables + slots
        self._new_state = [tf.compat.v1.placeholder(v.dtype.base_dtype, v.shape) for v in self._state]
        self._restore = tf.group(*[v.assign(new) for v, new in zip(self._state, self._new_state)])

        self._seen = plain_loss(network, weights, self._shown)
        targets = tf.reshape(self._shown.y, [replicas, -1, task.outputs])
        self._performance = getattr(losses, task.performance)(self._seen.outputs, targets)
        self._penalties = self._seen.whole - self._seen.data

        matrix = getattr(weights, config.hessian_of)
        self._start = tf.compat.v1.placeholder(tf.float32, matrix.shape)
        found = leading_eigenvalue(plain_loss(network, weights, self._measured).whole, matrix, self._start)
        self._leading = Curvature(*[getattr(found, name) for name in Curvature._fields])
        self._matching = match(
            *[rule_gradient(network, weights, self._measured, r, fixed) for r in ("bptt", config.rule)]
        )
        self._directions = np.stack(
            [s("power_iteration").normal(size=matrix.shape[1:].as_list()) for s in streams]
        ).astype(np.float32)

    def train(self, examples: Example) -> np.ndarray:
        """One step of the learning rule. Returns the loss, penalty included, before it [R]."""
        return self._train(*examples)[0]

    def evaluate(self, sets: Iterable[Example]) -> Dict[str, np.ndarray]:
        """Means over a set given in parts: {"data_loss": [R], "performance": [R]}."""
        sums, count = np.zeros((2, 1)), 0
        for examples in sets:
            size = examples.x.shape[2]
            sums, count = sums + size * np.float64(self._evaluate(*examples)), count + size
        return {"data_loss": sums[0] / count, "performance": sums[1] / count}

    def penalty(self, examples: Example) -> np.ndarray:
        """The L2 penalty of the present weights [R]."""
        return self._penalty(*examples)

    def curvature(self, examples: Example) -> Curvature:
        """Leading Hessian eigenvalue on these examples, from the same random start at every call."""
        return self._curvature(*examples, self._directions)

    def match(self, examples: Example) -> Match:
        """How the rule's gradient on these examples lies to the exact one."""
        return self._match(*examples)

    def state(self) -> List[np.ndarray]:
        """Weights and optimizer slots, weights first in the order of models.Weights."""
        return self._session.run(self._state)

    def restore(self, state: List[np.ndarray]) -> None:
        """Sets what `state` returned."""
        self._session.run(self._restore, dict(zip(self._new_state, state)))

    def close(self) -> None:
        """Frees the session."""
        self._session.close()
