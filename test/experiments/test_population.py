import resource
import time

import numpy as np
import pytest
import tensorflow as tf

from experiments.config import make_config
from experiments.population import Population
from experiments.streams import random_stream
from tasks import Example, get_task, stack_examples


def examples(count, seed=0):
    """Random sequences of the shape of sequential MNIST's."""
    random = np.random.RandomState(seed)
    return Example(
        random.uniform(size=(1, 28, count, 28)).astype(np.float32),
        np.eye(10, dtype=np.float32)[random.randint(10, size=(1, 1, count))],
    )


@pytest.fixture(scope="module")
def population():
    return Population(make_config("seq_mnist", "bptt", [0], batch_size=16), get_task("seq_mnist"))


def test_evaluating_builds_nothing_and_keeps_memory_and_speed(population):
    batch = examples(32)
    seconds, memory = [], []
    for _ in range(100):
        begun = time.perf_counter()
        population.curvature(batch)
        seconds.append(time.perf_counter() - begun)
        memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)  # KB, the most so far
    assert memory[-1] - memory[4] < 4096
    assert np.median(seconds[50:]) < 1.3 * np.median(seconds[1:10])
    with pytest.raises(RuntimeError, match="finalized"), population._graph.as_default():
        tf.constant(0)


def test_curvature_is_the_same_at_every_call(population):
    batch = examples(32)
    first, second = population.curvature(batch), population.curvature(batch)
    assert np.array_equal(first.eigenvalue, second.eigenvalue) and first.eigenvalue[0] > 0


def test_training_lowers_the_loss_and_restoring_undoes_it(population):
    batch = examples(16)
    state = population.state()
    losses = [population.train(batch)[0] for _ in range(20)]
    assert losses[-1] < losses[0]
    population.restore(state)
    assert population.train(batch)[0] == losses[0]
    population.restore(state)


def test_a_set_in_parts_has_the_mean_of_the_whole(population):
    whole = examples(30)
    parts = [Example(whole.x[:, :, a:b], whole.y[:, :, a:b]) for a, b in ((0, 7), (7, 30))]
    one, other = population.evaluate([whole]), population.evaluate(parts)
    assert one["data_loss"] == pytest.approx(other["data_loss"], rel=1e-6)
    assert one["performance"] == pytest.approx(other["performance"], rel=1e-6)


def test_rules_share_initial_weights_and_batches():
    states = []
    for rule in ("bptt", "three_factor"):
        population = Population(make_config("seq_mnist", rule, [3], batch_size=16), get_task("seq_mnist"))
        states.append(population.state())
        population.close()
    assert all(np.array_equal(one, other) for one, other in zip(*states))


def test_replicas_of_a_population_are_the_single_runs():
    """After one step the weights agree to rounding; kernels differ between one replica and several."""
    task, single = get_task("seq_mnist"), []
    batches = [examples(16, seed) for seed in (1, 2)]
    for seed, batch in zip((0, 1), batches):
        population = Population(make_config("seq_mnist", "bptt", [seed], batch_size=16), task)
        population.train(batch)
        single.append(population.state())
        population.close()
    population = Population(make_config("seq_mnist", "bptt", [0, 1], batch_size=16), task)
    population.train(stack_examples([Example(b.x[0], b.y[0]) for b in batches]))
    for replica, state in enumerate(single):
        for together, alone in zip(population.state(), state):
            assert together[replica] == pytest.approx(alone[0], rel=1e-5, abs=1e-7)


def test_streams_are_keyed_by_seed_and_purpose():
    draw = [random_stream(s)(p).normal() for s, p in ((0, "a"), (0, "a"), (1, "a"), (0, "b"))]
    assert draw[0] == draw[1] and len(set(draw)) == 3
