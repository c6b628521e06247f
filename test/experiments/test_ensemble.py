import resource
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from experiments.plan.config import make_config, members, task_of
from experiments.train.data import load_data
from experiments.train.ensemble import Ensemble
from experiments.train.streams import random_stream
from tasks import Example, stack_examples

RATE = np.array([1e-2], np.float32)
SMALL = {  # shortened: TensorFlow takes a while to build fifty steps
    "pattern_generation": {"steps": 6},
    "delayed_match": {"units": 20, "adaptive_units": 10, "delay": 4, "max_test_delay": 6},
    "seq_mnist": {},
}


def examples(count, seed=0):
    """Random sequences of the shape of sequential MNIST's."""
    random = np.random.RandomState(seed)
    return Example(
        random.uniform(size=(1, 28, count, 28)).astype(np.float32),
        np.eye(10, dtype=np.float32)[random.randint(10, size=(1, 1, count))],
    )


@contextmanager
def built(*arguments, ensemble=None, examples=None, **settings):
    """(ensemble, configuration); `ensemble` overrides the task's own number, `examples` fixes the batches' size."""
    config = make_config(*arguments, parameters=SMALL[arguments[0]], **settings)
    task = task_of(config)
    task = task if ensemble is None else task._replace(ensemble_size=ensemble)
    found = Ensemble(config, task, examples, examples)
    yield found, config
    found.close()


@pytest.fixture(scope="module")
def ensemble():
    with built("seq_mnist", "bptt", [0], [1e-2], batch_size=16) as (found, _):
        yield found


def seconds_of(ensemble, batch):
    begun = time.process_time()
    ensemble.curvature(batch, [0])
    return time.process_time() - begun


@pytest.mark.slow
def test_evaluating_builds_nothing_and_keeps_memory_and_speed(ensemble):
    batch = examples(32)
    memory = []
    for _ in range(100):
        ensemble.curvature(batch, [0])
        memory.append(int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize())
    assert memory[-1] - memory[4] < 4 * 2**20
    with built("seq_mnist", "bptt", [0], [1e-2], batch_size=16) as (fresh, _):
        # in turns, for what else runs on the machine slows both alike; the first call of all is slower
        pairs = np.array([(seconds_of(ensemble, batch), seconds_of(fresh, batch)) for _ in range(31)])[1:]
    used, new = np.median(pairs, axis=0)
    assert used < 1.3 * new
    with pytest.raises(RuntimeError, match="finalized"), ensemble._graph.as_default():
        tf.constant(0)


def test_curvature_is_the_same_at_every_call(ensemble):
    batch = examples(32)
    first, second = ensemble.curvature(batch, [0]), ensemble.curvature(batch, [0])
    assert np.array_equal(first.eigenvalue, second.eigenvalue) and first.eigenvalue[0] > 0


def test_training_lowers_the_loss_and_restoring_undoes_it(ensemble):
    batch = examples(16)
    state = ensemble.state()
    losses = [ensemble.train(batch, RATE)[0][0] for _ in range(20)]
    assert losses[-1] < losses[0]
    ensemble.restore(state)
    assert ensemble.train(batch, RATE)[0][0] == losses[0]
    ensemble.restore(state)


def test_a_set_in_parts_has_the_mean_of_the_whole(ensemble):
    whole = examples(30)
    parts = [Example(whole.x[:, :, a:b], whole.y[:, :, a:b]) for a, b in ((0, 7), (7, 30))]
    one, other = ensemble.evaluate([whole]), ensemble.evaluate(parts)
    assert one["data_loss"] == pytest.approx(other["data_loss"], rel=1e-6)
    assert one["performance"] == pytest.approx(other["performance"], rel=1e-6)


@pytest.mark.parametrize(
    "task", ["pattern_generation", "delayed_match", pytest.param("seq_mnist", marks=pytest.mark.slow)]
)
def test_rules_share_their_random_numbers(task):
    """The same seed gives every rule the same weights, input, batches, test noise and start of the power iteration."""
    found = []
    for rule, rate in (("bptt", 1e-2), ("rflo", 1e-3)):
        with built(task, rule, [3], [rate]) as (ensemble, config):
            data = load_data(config)[0]
            batches = [data.batch(i, config.batch_size or None) for i in (0, 500)]
            sets = [next(iter(data.sets[name]())) for name in sorted(data.sets)]
            examples = [array for example in batches + sets for array in example]
            found.append(list(ensemble.weights()) + [ensemble.measures.directions] + examples)
    assert all(np.array_equal(one, other) for one, other in zip(*found))


def trained(pairs, task, rule, steps, ensemble=None, optimizer="sgd"):
    """{(seed, rate): everything that is recorded of that replica after some steps}."""
    seeds, rates = sorted({s for s, _ in pairs}), sorted({r for _, r in pairs})
    config = make_config(task, rule, seeds, rates, parameters=SMALL[task])
    data = load_data(config)
    batch = stack_examples([d.batch(0, None) for d in data])
    size = batch.x.shape[2]
    with built(task, rule, seeds, rates, ensemble=ensemble, examples=size, optimizer=optimizer) as (found, config):
        rates = np.array([rate for _, rate in members(config)], np.float32)
        for _ in range(steps):
            loss, finite = found.train(batch, rates)
        sets = [
            found.evaluate(stack_examples(p) for p in zip(*[d.sets[n]() for d in data])) for n in ("training", "test")
        ]
        arrays = [
            loss,
            finite,
            *found.weights(),
            *found.curvature(batch, range(len(rates))),
            *found.compare(batch, range(len(rates))),
        ]
        arrays += [values for one in sets for values in one.values()]
        return {member: [array[i] for array in arrays] for i, member in enumerate(members(config))}


def assert_bits(one, other):
    assert all(np.array_equal(a, b) for a, b in zip(one, other))


@pytest.mark.parametrize(
    "task, optimizer",
    [("pattern_generation", "adam"), pytest.param("delayed_match", "sgd", marks=pytest.mark.slow)],
)
def test_a_replica_is_the_same_to_the_bit_whoever_shares_its_ensemble(task, optimizer):
    """Alone, and in ensembles in which it falls into a vector register of eight numbers or is left over after it."""
    first, rule = (1, 1e-3), "mdgl"
    alone = trained([first], task, rule, 20, optimizer=optimizer)[first]
    for size in (3, 11):
        others = trained([(seed, 1e-3) for seed in range(1, 1 + size)], task, rule, 20, optimizer=optimizer)
        assert_bits(others[first], alone)
    pair = trained([(10, 1e-3), (11, 1e-3)], task, rule, 20, optimizer=optimizer)
    assert_bits(others[10, 1e-3], pair[10, 1e-3])


@pytest.mark.slow
def test_learning_rates_that_share_an_ensemble_do_not_disturb_each_other():
    member = (4, 3e-3)
    pair = trained([(1, 1e-3), (1, 3e-3), (4, 1e-3), (4, 3e-3)], "pattern_generation", "mdgl", 10)
    assert_bits(pair[member], trained([member], "pattern_generation", "mdgl", 10)[member])


@pytest.mark.parametrize("task", ["pattern_generation", pytest.param("delayed_match", marks=pytest.mark.slow)])
def test_one_replica_agrees_with_several_after_a_step(task):
    """Kernels differ between one replica and several, so the last bits do."""
    member = (1, 1e-3)
    one, two = trained([member], task, "bptt", 1, ensemble=1)[member], trained([member], task, "bptt", 1)[member]
    for single, paired in zip(one[2:6], two[2:6]):  # the weights
        assert np.abs(single - paired).max() <= 1e-6 * np.abs(paired).max()


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_replica_that_diverges_is_frozen_and_disturbs_nobody(optimizer):
    quiet, wild = (1, 1e-3), (1, 1e8)
    together = trained([quiet, wild], "pattern_generation", "bptt", 20, optimizer=optimizer)
    assert_bits(together[quiet], trained([quiet], "pattern_generation", "bptt", 20, optimizer=optimizer)[quiet])
    assert together[quiet][1] and not together[wild][1]
    assert all(np.all(np.isfinite(weights)) for weights in together[wild][2:6])


def test_each_replica_has_its_own_learning_rate():
    with built("pattern_generation", "bptt", [0, 1], [1e-3]) as (ensemble, config):
        batch = stack_examples([d.batch(0, None) for d in load_data(config)])
        before = ensemble.weights()
        ensemble.train(batch, np.array([0, 1e-3], np.float32))
        after = ensemble.weights()
    assert all(np.array_equal(b[0], a[0]) for b, a in zip(before, after))
    assert not any(np.array_equal(b[1], a[1]) for b, a in zip(before, after))


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_training_the_recurrent_weights_alone_leaves_all_others_to_the_bit(optimizer):
    arguments = ("pattern_generation", "three_factor", [0, 1], [0.01])
    after = {}
    for trained in ("all", "W_h"):
        with built(*arguments, trained=trained, optimizer=optimizer) as (found, config):
            batch = stack_examples(data.batch(0, None) for data in load_data(config))
            before = found.weights()
            found.train(batch, RATE.repeat(2))
            first = found.weights()
            found.train(batch, RATE.repeat(2))
            after[trained] = first.W_h
            for name in ("W_x", "w", "c"):
                for later in (first, found.weights()):
                    same = np.array_equal(getattr(later, name), getattr(before, name))
                    assert same == (trained == "W_h"), name
    assert np.array_equal(after["all"], after["W_h"]) and not np.array_equal(after["W_h"], before.W_h)


def test_self_connections_are_drawn_trained_and_kept_apart_from_masked_ones():
    arguments = ("pattern_generation", "bptt", [0, 1], [0.01])
    for free in (True, False):
        config = make_config(*arguments, parameters={"steps": 6, "self_connections": free})
        found = Ensemble(config, task_of(config))
        batch = stack_examples(data.batch(0, None) for data in load_data(config))
        before = found.weights().W_h
        found.train(batch, RATE.repeat(2))
        diagonals = [np.diagonal(W_h, axis1=1, axis2=2) for W_h in (before, found.weights().W_h)]
        found.close()
        if free:
            assert np.all(diagonals[0] != 0) and np.abs(diagonals[1] - diagonals[0]).max() > 1e-6
        else:
            assert not np.any(diagonals)


def test_streams_are_keyed_by_seed_and_purpose():
    draw = [random_stream(s)(p).normal() for s, p in ((0, "a"), (0, "a"), (1, "a"), (0, "b"))]
    assert draw[0] == draw[1] and len(set(draw)) == 3
