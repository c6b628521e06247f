import itertools

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from experiments.train.streams import random_stream
from models.cells import make_cell
from models.initialisation import Weights, initial_weights
from models.losses import cross_entropy
from models.network import Batch, Network, plain_loss
from tasks import get_task


@pytest.fixture(scope="module")
def data():
    return get_task("delayed_match").data(random_stream(0))


def trial(first, second, delay):
    """A trial written out by hand: [2 + delay + 2, 2]."""
    shown = {1: [1, 0], 0: [0, 1]}
    return np.array([shown[first]] * 2 + [[0, 0]] * delay + [shown[second]] * 2)


def test_sizes_are_the_papers():
    task = get_task("delayed_match")
    assert (task.inputs, task.units, task.adaptive_units, task.outputs, task.steps) == (2, 100, 50, 2, 20)
    assert task.supervised_steps == (20,) and task.beta == pytest.approx(np.exp(-1 / 20)) and task.alpha == 0


def test_training_is_on_the_four_pairs(data):
    batch = data.batch(0, None)
    assert batch.x.shape == (20, 4, 2) and batch.y.shape == (1, 4, 2)
    for i, (first, second) in enumerate(itertools.product((0, 1), repeat=2)):
        assert np.array_equal(batch.x[:, i], trial(first, second, 16))
        assert batch.y[0, i].argmax() == (0 if first == second else 1)


def test_test_is_every_delay_with_every_pair_once(data):
    (test,) = data.sets["test"]()
    assert test.x.shape == (36, 17 * 4, 2)
    found = {(test.x[:, i].tobytes(), test.y[0, i].argmax()) for i in range(68)}
    expected = set()
    for delay in range(16, 33):
        for first, second in itertools.product((0, 1), repeat=2):
            x = np.concatenate([np.zeros((32 - delay, 2)), trial(first, second, delay)]).astype(np.float32)
            expected.add((x.tobytes(), 0 if first == second else 1))
    assert found == expected and len(expected) == 68


def test_one_delay_is_drawn_uniformly_per_run_from_all_delays():
    drawn = []
    for seed in range(400):
        (test,) = get_task("delayed_match", {"test": "one_delay"}).data(random_stream(seed)).sets["test"]()
        assert test.x.shape == (36, 4, 2)
        shown = np.flatnonzero(test.x[:, 0].any(axis=1))
        drawn.append(shown[2] - shown[1] - 1)
    counts = np.bincount(drawn, minlength=33)[16:]
    assert len(counts) == 17 and counts.sum() == 400 and counts.min() > 8 and counts.max() < 45  # 23.5 expected


def test_longer_delays_are_all_but_the_trained_one(data):
    (longer,) = get_task("delayed_match", {"test": "longer_delays"}).data(random_stream(0)).sets["test"]()
    (every,) = data.sets["test"]()
    assert np.array_equal(longer.x, every.x[:, 4:]) and np.array_equal(longer.y, every.y[:, 4:])
    with pytest.raises(ValueError, match="max_test_delay is 16; expected at least 17"):
        get_task("delayed_match", {"test": "longer_delays", "max_test_delay": 16})


def test_one_logistic_output_is_told_1_for_a_match(data):
    task = get_task("delayed_match", {"output": "sigmoid"})
    logistic = task.data(random_stream(0))
    assert (task.outputs, task.loss, task.performance) == (1, "binary_cross_entropy", "accuracy")
    for name in ("training", "test"):
        (one,), (two,) = logistic.sets[name](), data.sets[name]()
        assert np.array_equal(one.x, two.x) and np.array_equal(one.y[:, :, 0], two.y.argmax(axis=2) == 0)


def test_silence_before_a_trial_changes_nothing(data):
    """A network that starts from zero stays there until the first cue, thresholds included."""
    task = get_task("delayed_match")
    with tf.Graph().as_default(), tf.Session() as session:
        arrays = initial_weights(np.random.RandomState(0), task.inputs, 8, task.outputs, dtype="float64")
        weights = Weights(*[tf.constant(array[np.newaxis]) for array in arrays])
        found = []
        for example in (data.batch(0, None), next(data.sets["training"]())):
            steps = len(example.x)
            network = Network(make_cell(8, 4, 0.0, task.beta), cross_entropy, (steps,))
            batch = Batch(*[tf.constant(array[np.newaxis].astype(np.float64)) for array in example])
            found.append(session.run(plain_loss(network, weights, batch).outputs))
    assert found[0].shape == (1, 4, 2) and np.array_equal(*found) and not np.allclose(found[0], 0)


def test_no_test_delay_is_refused():
    with pytest.raises(ValueError, match="max_test_delay is 8; expected at least 16"):
        get_task("delayed_match", {"max_test_delay": 8})
