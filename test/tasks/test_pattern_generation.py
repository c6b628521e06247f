import numpy as np
import pytest

from experiments.train.streams import random_stream
from tasks import get_task, pattern_generation, task_parameters


def data(seed, **changed):
    return get_task("pattern_generation", changed).data(random_stream(seed))


def one(found, name):
    (example,) = found.sets[name]()
    return example


def test_sizes_are_the_papers():
    task = get_task("pattern_generation")
    assert (task.inputs, task.units, task.outputs, task.steps) == (1, 30, 1, 50)
    assert task.supervised_steps == tuple(range(1, 51)) and task.adaptive_units == 0


def test_target_is_a_sum_of_four_sinusoids_of_the_papers_periods():
    """The pattern lies in the span of the eight sines and cosines, with every amplitude in its bounds."""
    target = pattern_generation.target(task_parameters("pattern_generation"))
    time = np.arange(1, 51)
    waves = np.array([f(2 * np.pi * time / period) for period in (10, 40, 70, 100) for f in (np.sin, np.cos)]).T
    parts, _, rank, _ = np.linalg.lstsq(waves, target, rcond=None)
    assert rank == 8 and waves @ parts == pytest.approx(target, abs=1e-9)
    amplitudes = np.hypot(parts[::2], parts[1::2])
    assert np.all((amplitudes > 0.5) & (amplitudes < 2))


def test_target_is_the_same_for_all_runs_and_the_input_is_not():
    first, second = data(0), data(1)
    assert np.array_equal(first.batch(0, None).y, second.batch(0, None).y)
    assert not np.array_equal(first.batch(0, None).x, second.batch(0, None).x)
    assert first.batch(0, None) is first.batch(7, None)  # the full batch, always
    other = data(0, target_seed=1).batch(0, None)
    assert not np.array_equal(other.y, first.batch(0, None).y) and np.array_equal(other.x, first.batch(0, None).x)


def test_noise_has_one_sigma_per_run_and_the_fixed_one():
    sigmas = []
    for seed in range(40):
        found = data(seed)
        x, noisy, fixed = found.batch(0, None).x, one(found, "test"), one(found, "fixed_noise")
        assert noisy.x.shape == fixed.x.shape == (50, 100, 1) and np.all(noisy.y == found.batch(0, None).y)
        sigmas.append((noisy.x - x).std())
        assert (fixed.x - x).std() == pytest.approx(0.1, rel=0.05)
        assert np.allclose((noisy.x - x) / sigmas[-1], (fixed.x - x) / (fixed.x - x).std(), atol=1e-3)  # the same draws
    assert 0 < min(sigmas) < 0.03 and 0.17 < max(sigmas) < 0.21 and 0.07 < np.mean(sigmas) < 0.13


def test_noise_is_the_same_at_every_evaluation():
    found = data(3)
    assert np.array_equal(one(found, "test").x, one(found, "test").x)
    assert np.array_equal(one(found, "test").x, one(data(3), "test").x)


def test_amplitudes_may_all_be_one():
    changed = {"min_amplitude": 1, "max_amplitude": 1}
    target = pattern_generation.target(task_parameters("pattern_generation", changed))
    time = np.arange(1, 51)
    waves = np.array([f(2 * np.pi * time / period) for period in (10, 40, 70, 100) for f in (np.sin, np.cos)]).T
    parts = np.linalg.lstsq(waves, target, rcond=None)[0]
    assert np.hypot(parts[::2], parts[1::2]) == pytest.approx(np.ones(4), rel=1e-9)
    with pytest.raises(ValueError, match="min_amplitude is 3.0; expected at most 2.0"):
        get_task("pattern_generation", {"min_amplitude": 3})


def test_noise_may_have_one_sigma_for_all_runs():
    fixed = [data(seed, test_noise="fixed", fixed_test_noise_sd=0.3) for seed in (0, 1)]
    for found in fixed:
        assert (one(found, "test").x - one(found, "training").x).std() == pytest.approx(0.3, rel=0.05)
        assert np.array_equal(one(found, "test").x, one(found, "fixed_noise").x)


def test_supervising_the_last_step_alone_leaves_the_input_as_it_is():
    task = get_task("pattern_generation", {"supervised": "last"})
    last, every = data(2, supervised="last"), data(2)
    assert task.supervised_steps == (50,)
    for name in ("training", "test", "fixed_noise"):
        assert np.array_equal(one(last, name).x, one(every, name).x)
        assert np.array_equal(one(last, name).y, one(every, name).y[-1:])
