"""What experiments.measure and experiments.inspect share: the tools of hessian/ on this project's networks."""

from typing import Callable, Dict, NamedTuple, Optional

import numpy as np
import tensorflow.compat.v1 as tf

from experiments.train.gradients import rule_gradient
from experiments.train.networks import network_of
from hessian.flatness import (
    relative_flatness_of_sigmoid,
    relative_flatness_of_softmax,
    relative_flatness_of_squared_error,
)
from hessian.operator import HessianOperator
from hessian.spectrum import Eigenpairs, top_eigenpairs
from models.algebra import product, stack_time
from models.cells import connections
from models.initialisation import Weights
from models.network import Batch, Network, plain_loss
from models.recurrence import Recurrence
from rules.scaled_bptt import rho
from tasks import Example, Task

DENSE_UP_TO = 900  # weights; one block of as many products and LAPACK, which nothing can keep from converging


RELATIVE_FLATNESS = {
    "cross_entropy": relative_flatness_of_softmax,
    "binary_cross_entropy": relative_flatness_of_sigmoid,
    "squared_error": lambda features, readout_weights, _: relative_flatness_of_squared_error(features, readout_weights),
}


class Readout(NamedTuple):
    """What the readout receives and gives at the supervised time steps: features [R, M, N], outputs [R, M, N_out]."""

    features: tf.Tensor
    outputs: tf.Tensor


def readout(network: Network, weights: Weights, batch: Batch) -> Readout:
    """The plain forward pass as far as the outputs (Eq. 10-12)."""
    recurrence = Recurrence(network.cell, batch.x, weights.W_x, connections(network.cell, weights.W_h))
    features = stack_time([recurrence.f(t) for t in network.supervised_steps])
    return Readout(features, product(features, weights.w) + weights.c)


def relative_flatness(loss: str, features: np.ndarray, readout_weights: np.ndarray, outputs: np.ndarray) -> float:
    """Of one network, by the closed form of its loss (a name in models.losses). Arrays without the replica axis.

    Raises ValueError for a loss that has none here.
    """
    if loss not in RELATIVE_FLATNESS:
        raise ValueError(f"relative flatness of the loss {loss} is not known; known: {', '.join(RELATIVE_FLATNESS)}")
    return RELATIVE_FLATNESS[loss](features, readout_weights, outputs)


def spectrum(operator: HessianOperator, k: int, progress: Optional[Callable[[int], None]] = None) -> Eigenpairs:
    """The k leading eigenpairs: the whole matrix of a small network, ARPACK for others. Raises ValueError."""
    method = "dense" if operator.shape[0] <= DENSE_UP_TO else "arpack"
    return top_eigenpairs(operator, k, method, progress=progress)


class Point(NamedTuple):
    """A network at one moment and what it is measured on; all with a replica axis of length one.

    weights: models.Weights. examples: x [1, T, B, N_in], y [1, K, B, N_out]. feedback: [1, N, N_out], rflo's.
    """

    weights: Weights
    examples: Example
    feedback: np.ndarray


class FedNetwork:
    """One network of a task in a graph of its own, all of whose arrays are fed; point says of which shapes."""

    def __init__(self, task: Task, point: Point):
        self.network = network_of(task)
        options = tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
        self.session = tf.Session(graph=tf.Graph(), config=options)
        with self.session.graph.as_default():
            self.weights = Weights(*map(_placeholder, point.weights))
            self.batch = Batch(*map(_placeholder, point.examples))
            self.feedback = _placeholder(point.feedback)

    def feed(self, point: Point) -> Dict[tf.Tensor, np.ndarray]:
        """{placeholder: array}, always in the same order."""
        arrays = [*point.weights, *point.examples, point.feedback]
        return dict(zip([*self.weights, *self.batch, self.feedback], arrays))


class Gradients(NamedTuple):
    """exact g and used ghat over W_h, each [1, N, N]; rho of Eq. 6, 0 where g vanishes. In double precision, for only
    then is ghat - rho g orthogonal to g."""

    exact: np.ndarray
    used: np.ndarray
    rho: float


class Instruments:
    """What measures a network at any point of a run. Each graph is built when it is first asked for, and once."""

    def __init__(self, task: Task, rule: str, step_length: str):
        self._task, self._rule, self._step_length = task, rule, step_length
        self._operators, self._gradients, self._readout = {}, None, None

    def operator(self, matrix: str, point: Point) -> HessianOperator:
        """The Hessian of the whole loss in W_h or W_x, at the point until the next call."""
        if matrix not in self._operators:
            fed = FedNetwork(self._task, point)
            with fed.session.graph.as_default():
                loss = plain_loss(fed.network, fed.weights, fed.batch).total
                operator = HessianOperator(loss, getattr(fed.weights, matrix), fed.session, fed.feed(point))
            fed.session.graph.finalize()
            self._operators[matrix] = (fed, operator)
        fed, operator = self._operators[matrix]
        operator.feed = fed.feed(point)
        return operator

    def gradients(self, point: Point) -> Gradients:
        """Of the whole loss over W_h."""
        if self._gradients is None:
            fed = FedNetwork(self._task, point)
            with fed.session.graph.as_default():
                known = (fed.network, fed.weights, fed.batch)
                of = [
                    tf.cast(rule_gradient(*known, rule, fed.feedback, self._step_length).total.W_h, tf.float64)
                    for rule in ("bptt", self._rule)
                ]
                found = Gradients(*of, rho([of[0]], [of[1]]))
            self._gradients = self._callable(fed, list(found), point)
        exact, used, step_length = self._run(self._gradients, point)
        return Gradients(exact, used, float(step_length[0]))

    def relative_flatness(self, point: Point) -> float:
        """Of the readout, on the point's examples."""
        if self._readout is None:
            fed = FedNetwork(self._task, point)
            with fed.session.graph.as_default():
                self._readout = self._callable(fed, list(readout(fed.network, fed.weights, fed.batch)), point)
        features, outputs = self._run(self._readout, point)
        return relative_flatness(self._task.loss, features[0], point.weights.w[0], outputs[0])

    @staticmethod
    def _callable(fed, fetched, point):
        fed.session.graph.finalize()
        return fed, fed.session.make_callable(fetched, list(fed.feed(point)))

    @staticmethod
    def _run(built, point):
        fed, call = built
        return call(*fed.feed(point).values())


def _placeholder(array: np.ndarray) -> tf.Tensor:
    return tf.placeholder(array.dtype, array.shape)
