"""The networks of an ensemble, in the default graph, as their seeds draw them."""

from typing import Callable, List, NamedTuple, Optional, Sequence

import numpy as np
import tensorflow.compat.v1 as tf

from models import losses
from models.cells import make_cell
from models.initialisation import Initialisation, Weights, fixed_feedback, initial_weights
from models.network import Batch, Network
from tasks import Task


class Networks(NamedTuple):
    """R networks of one kind.

    network: what they have in common. variables: of their weights, in the order of Weights. weights: the variables'
    values, each [R, ...]. feedback: the fixed random feedback weights of rflo [R, N, N_out].
    """

    network: Network
    variables: List[tf.Variable]
    weights: Weights
    feedback: tf.Tensor


def network_of(task: Task) -> Network:
    """The cell, loss and supervised time steps of a task's training examples."""
    free = Initialisation(**task.initialisation).self_connections
    cell = make_cell(task.units, task.adaptive_units, task.alpha, task.beta, free)
    return Network(cell, getattr(losses, task.loss), task.supervised_steps, task.l2)


def evaluated_network(task: Task) -> Network:
    """The same for the examples of its sets, which can be longer."""
    network, longer = network_of(task), task.evaluation_steps - task.steps
    return network._replace(supervised_steps=tuple(t + longer for t in network.supervised_steps))


def make_networks(task: Task, streams: Sequence[Callable]) -> Networks:
    """A network for each random stream (experiments.train.streams)."""
    drawn, sizes = Initialisation(**task.initialisation), (task.inputs, task.units, task.outputs)
    initial = [initial_weights(stream("initial_weights"), *sizes, drawn) for stream in streams]
    variables = [
        tf.Variable(np.stack(arrays), use_resource=True, name=name)
        for name, arrays in zip(Weights._fields, zip(*initial))
    ]
    feedback = [fixed_feedback(stream("feedback"), task.units, task.outputs, drawn) for stream in streams]
    weights = Weights(*[variable.read_value() for variable in variables])
    return Networks(network_of(task), variables, weights, tf.constant(np.stack(feedback), tf.float32))


def placeholders(task: Task, networks: int, steps: int, examples: Optional[int]) -> Batch:
    """Where as many examples of as many time steps are fed to each of the networks; None for any number."""
    return Batch(
        tf.placeholder(tf.float32, [networks, steps, examples, task.inputs]),
        tf.placeholder(tf.float32, [networks, len(task.supervised_steps), examples, task.outputs]),
    )
