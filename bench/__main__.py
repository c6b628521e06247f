"""What a step costs beside the matrix products that it cannot avoid, what an ensemble saves, and what evaluations cost;
one thread on one core.

    python -m bench [--repeats N]

Each line is a ratio within this run: both sides are timed alternately in the same session, and the median ratio of
adjacent timings is printed, so that a machine that is slower for a while slows both; the last lines are what
evaluations take of a run (bench/evaluations.py). The products are plain tf.matmul on variables, reduced to one fetched
number each, so that nothing is pruned or folded:

    training step    T - 1 recurrent products forward, T - 1 with W_h^T back, one stacked over time for dW_h;
                     the input's, stacked, forward and for dW_x
    Hessian-vector   T - 1 forward and T - 1 back in sequence (the second-order sweeps); stacked over time: two with
    product          v and two for the weights
"""

import sys
from typing import Callable, List, Optional, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from bench.evaluations import PRODUCTS, share_of_evaluations
from bench.timing import circumstances, in_turns, milliseconds, pin_to_one_core, report
from experiments.command_line import OneLineParser
from experiments.plan.config import make_config, task_of
from experiments.train.data import load_data
from experiments.train.ensemble import Ensemble
from experiments.train.streams import random_stream
from hessian.power_iteration import leading_eigenvalue
from models import losses
from models.cells import make_cell
from models.initialisation import Weights, initial_weights
from models.network import Batch, Network, plain_loss
from tasks import Example, get_task, stack_examples

BATCH = 256
RATE = np.array([1e-6], np.float32)
EQUAL = 4  # products of every replica; none of them is done before
ENSEMBLES = (("pattern_generation", 30), ("delayed_match", 10))


class BareProducts:
    """The unavoidable products of one step and of one Hessian-vector product, in a session of one thread."""

    def __init__(self, steps: int, batch: int, inputs: int, units: int):
        with tf.Graph().as_default() as graph:
            variable = _random_variables()
            state, W = variable(batch, units), variable(units, units)
            long, other = variable((steps - 1) * batch, units), variable((steps - 1) * batch, units)
            third, fourth = variable((steps - 1) * batch, units), variable((steps - 1) * batch, units)
            x, W_x, delta = variable(steps * batch, inputs), variable(inputs, units), variable(steps * batch, units)

            def chain(transpose):
                product = state
                for _ in range(steps - 1):
                    product = tf.matmul(product, W, transpose_b=transpose)
                return product

            sweeps = [chain(False), chain(True)]
            step = sweeps + [
                tf.matmul(long, other, transpose_a=True),
                tf.matmul(x, W_x),
                tf.matmul(x, delta, transpose_a=True),
            ]
            second = sweeps + [
                tf.matmul(long, W),
                tf.matmul(other, W, transpose_b=True),
                tf.matmul(long, third, transpose_a=True),
                tf.matmul(other, fourth, transpose_a=True),
            ]
            session = tf.Session(graph=graph, config=one_thread())
            session.run(tf.global_variables_initializer())
            self.step = session.make_callable([_one_number(product) for product in step])
            self.hessian_vector_product = session.make_callable([_one_number(product) for product in second])


def one_thread() -> tf.ConfigProto:
    """The configuration of all measurements."""
    return tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)


def single_runs(task: str, replicas: int) -> List[Tuple[Ensemble, Example]]:
    """(an ensemble of `replicas` seeds, its batch), and (one that holds a single network, the first one's batch)."""
    found = []
    for count in (replicas, 1):
        config = make_config(task, "bptt", list(range(count)), [1e-6])
        # an ensemble of one is padded to two where it is used; here a single run is one
        data = load_data(config)
        batch = stack_examples([each.batch(0, None) for each in data])
        size = batch.x.shape[2]
        found.append((Ensemble(config, task_of(config)._replace(ensemble_size=1), size, size), batch))
    return found


def compare_ensemble(task: str, size: int, repeats: int) -> None:
    """Prints how many times the throughput of single runs an ensemble has, in steps and in eigenvalues."""
    (many, batches), (one, batch) = single_runs(task, size)
    rates = np.full(size, 1e-6, np.float32)
    times = in_turns(repeats, lambda: many.train(batches, rates), lambda: one.train(batch, rates[:1]))
    report(f"{task}, {size} single steps", size * times[:, 1], "their ensemble's step", times[:, 0])
    for name, most in (("eigenvalues", many.measures.max_products), (f"x {EQUAL} products", EQUAL)):
        many.measures.max_products = one.measures.max_products = most
        together, alone = [], []
        for _ in range(max(2, repeats // 50)):
            together.append(milliseconds(lambda: many.curvature(batches, range(size))))
            alone.append(sum(eigenvalue_alone(many, one, batches, replica) for replica in range(size)))
        report(f"{task}, {size} {name}", np.array(alone[1:]), "the same at once", np.array(together[1:]))


def eigenvalue_alone(many: Ensemble, one: Ensemble, batches: Example, replica: int) -> float:
    """Milliseconds for the leading eigenvalue of one replica of `many`, in the graph of `one`."""
    part = slice(replica, replica + 1)
    one.restore([array[part] for array in many.state()])
    one.measures.directions = many.measures.directions[part]
    batch = Example(*[array[part] for array in batches])
    return milliseconds(lambda: one.curvature(batch, [0]))


def power_iterations(example: Example, task) -> Callable[[int], int]:
    """A function that runs the power iteration for exactly that many products; its start is far from an eigenvector."""
    with tf.Graph().as_default() as graph:
        initial = initial_weights(np.random.RandomState(0), task.inputs, task.units, task.outputs)
        weights = Weights(*[tf.Variable(array[np.newaxis], use_resource=True).read_value() for array in initial])
        network = Network(make_cell(task.units), getattr(losses, task.loss), task.supervised_steps, task.l2)
        batch = Batch(*[tf.placeholder(tf.float32, array.shape) for array in example])
        most = tf.placeholder(tf.int32, [])
        start = tf.Variable(tf.random.normal(weights.W_h.shape, seed=0), use_resource=True).read_value()
        found = leading_eigenvalue(plain_loss(network, weights, batch).total, weights.W_h, start, most)
        session = tf.Session(graph=graph, config=one_thread())
        session.run(tf.global_variables_initializer())
        call = session.make_callable([found.iterations, found.eigenvalue], list(batch) + [most])
    return lambda products: int(call(*example, products)[0][0])


def _random_variables() -> Callable:
    random = np.random.RandomState(0)

    def variable(*shape):
        return tf.Variable((random.normal(size=shape) / 12).astype(np.float32), use_resource=True).read_value()

    return variable


def _one_number(tensor: tf.Tensor) -> tf.Tensor:
    return tf.reshape(tensor, [-1])[0]


def main(arguments: Optional[List[str]] = None) -> int:
    """Command line; returns the exit code."""
    parser = OneLineParser("bench", __doc__)
    parser.add_argument("--repeats", type=int, default=200, help="turns of each comparison (default 200)")
    repeats = parser.parse_args(arguments).repeats
    if repeats < 1:
        parser.error(f"--repeats is {repeats}; expected a whole number of at least 1")
    pin_to_one_core()
    print(circumstances(), flush=True)
    task = get_task("seq_mnist")
    data = task.data(random_stream(0))
    batch = data.batch(0, BATCH)
    example = Example(*[array[np.newaxis] for array in batch])
    bare = BareProducts(task.steps, BATCH, task.inputs, task.units)
    bptt = Ensemble(make_config("seq_mnist", "bptt", [0], [1e-6]), task)
    times = in_turns(repeats, lambda: bptt.train(example, RATE), bare.step)
    report("bptt step", times[:, 0], "its bare products", times[:, 1])
    for rule in ("three_factor", "rflo", "mdgl", "truncated_bptt(14)", "scaled_bptt"):
        other = Ensemble(make_config("seq_mnist", rule, [0], [1e-6]), task)
        times = in_turns(repeats, lambda p=other: p.train(example, RATE), lambda: bptt.train(example, RATE))
        report(f"{rule} step", times[:, 0], "a bptt step", times[:, 1])
        other.close()
    run = power_iterations(example, task)
    if (run(1), run(11)) != (1, 11):
        raise RuntimeError("the power iteration stopped by itself; its start is meant to be far from an eigenvector")
    times = in_turns(repeats, lambda: run(1), lambda: run(11), bare.hessian_vector_product)
    product = (times[:, 1] - times[:, 0]) / 10
    report("Hessian-vector product", product, "its bare products", times[:, 2])
    report("eigenvalue, 20 products", times[:, 0] + 19 * product, "one product in its loop", product)
    for small, size in ENSEMBLES:
        compare_ensemble(small, size, repeats)
    for rule in PRODUCTS:
        print(share_of_evaluations(rule), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
