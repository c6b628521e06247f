import gzip
import hashlib
import shutil

import numpy as np
import pytest

from experiments.train.streams import random_stream
from tasks import DataFileError, get_task, seq_mnist

PUBLISHED_MD5 = {  # of the uncompressed files, as widely published
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


@pytest.fixture(scope="module")
def data():
    return get_task("seq_mnist").data(random_stream(0))


@pytest.mark.parametrize("name", PUBLISHED_MD5)
def test_files_are_the_real_mnist(name):
    content = gzip.decompress((seq_mnist.FOLDER / f"{name}.gz").read_bytes())
    assert hashlib.md5(content).hexdigest() == PUBLISHED_MD5[name]


def test_published_split(data):
    x, y, test_x, test_y = seq_mnist.load(seq_mnist.FOLDER)
    sizes = {name: sum(part.x.shape[1] for part in parts()) for name, parts in data.sets.items()}
    assert sizes == {"training": 55000, "validation": 5000, "test": 10000} and data.training_examples == 55000
    assert np.array_equal(next(data.sets["validation"]()).x, x[:, :1000])
    assert np.array_equal(next(data.sets["training"]()).x, x[:, 5000:6000])
    measured = data.hessian_batch("default", 250)
    assert np.array_equal(measured.x, x[:, :256]) and np.array_equal(measured.y[0], y[:256])
    assert np.array_equal(data.hessian_batch("training", 0).x, x[:, 5000:5256])
    assert x.min() == 0 and x.max() == 1 and len(test_y) == test_x.shape[1] == 10000


def test_a_fresh_hessian_batch_is_drawn_from_the_validation_images_at_each_iteration(data):
    x, y, _, _ = seq_mnist.load(seq_mnist.FOLDER)
    validation = {x[:, i].tobytes(): y[i].argmax() for i in range(5000)}
    batches = {iteration: data.hessian_batch("fresh", iteration) for iteration in (0, 250)}
    for batch in batches.values():
        assert batch.x.shape == (28, 256, 28)
        images = [batch.x[:, i].tobytes() for i in range(256)]
        assert len(set(images)) == 256 and [validation[image] for image in images] == batch.y[0].argmax(axis=1).tolist()
    assert not np.array_equal(batches[0].x, batches[250].x)
    assert np.array_equal(data.hessian_batch("fresh", 250).x, batches[250].x)
    assert not np.array_equal(get_task("seq_mnist").data(random_stream(1)).hessian_batch("fresh", 0).x, batches[0].x)


def test_a_row_is_a_step():
    x, y, _, _ = seq_mnist.load(seq_mnist.FOLDER)
    raw = gzip.decompress((seq_mnist.FOLDER / "train-images-idx3-ubyte.gz").read_bytes())[16:]
    first = np.frombuffer(raw[:784], np.uint8).reshape(28, 28) / 255
    assert x[:, 0] == pytest.approx(first) and y[0].argmax() == 5  # the first training image is a five


def test_an_epoch_has_every_image_once(data):
    marks = [tuple(data.batch(i, 5000).x[:, :, 10].sum(axis=0)) for i in range(11)]
    training = np.concatenate([part.x[:, :, 10].sum(axis=0) for part in data.sets["training"]()])
    assert np.array_equal(np.sort(np.concatenate(marks)), np.sort(training))


def test_batches_go_on_across_epochs_without_loss():
    orders = {0: np.array([2, 0, 1]), 1: np.array([1, 2, 0])}
    assert list(seq_mnist._members(orders.get, 3, 2, 3)) == [1, 1, 2]


def test_batches_depend_on_seed_and_iteration_alone(data):
    again = get_task("seq_mnist").data(random_stream(0))
    assert np.array_equal(again.batch(700, 256).x, data.batch(700, 256).x)
    other = get_task("seq_mnist").data(random_stream(1))
    assert not np.array_equal(other.batch(700, 256).x, data.batch(700, 256).x)


def test_test_noise_is_one_clipped_draw_per_seed(data):
    _, _, clean, _ = seq_mnist.load(seq_mnist.FOLDER)
    noisy = np.concatenate([part.x for part in data.sets["test"]()], axis=1)
    again = np.concatenate([part.x for part in data.sets["test"]()], axis=1)
    assert np.array_equal(noisy, again) and noisy.min() == 0 and noisy.max() == 1
    inside = (clean > 0.45) & (clean < 0.55)  # where clipping at 2 sd and more hardly matters
    assert (noisy - clean)[inside].std() == pytest.approx(0.2, rel=0.05)


def copied(tmp_path):
    folder = tmp_path / "mnist"
    shutil.copytree(str(seq_mnist.FOLDER), str(folder))
    return folder


def test_damaged_file_is_named_with_its_checksum(tmp_path):
    folder = copied(tmp_path)
    file = folder / "t10k-labels-idx1-ubyte.gz"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(DataFileError, match="t10k-labels-idx1-ubyte.gz is damaged: SHA-256 .*, expected b91679a0"):
        seq_mnist.load(folder)


def test_missing_file_is_named(tmp_path):
    folder = copied(tmp_path)
    (folder / "train-images-idx3-ubyte.gz").unlink()
    with pytest.raises(DataFileError, match="train-images-idx3-ubyte.gz cannot be read: No such file"):
        seq_mnist.load(folder)


def test_a_split_that_leaves_nothing_is_refused():
    for validation, message in (
        (60000, "validation of seq_mnist is 60000; expected a whole number from 1 to 59999"),
        (59999, "hessian_batch is 256, validation 59999; expected a hessian_batch of at most 1"),
    ):
        with pytest.raises(ValueError, match=message):
            get_task("seq_mnist", {"validation": validation})


def test_unknown_task_lists_the_known_ones():
    with pytest.raises(ValueError, match="unknown task 'chess'; known: .*seq_mnist"):
        get_task("chess")
