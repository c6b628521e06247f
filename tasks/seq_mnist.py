"""Sequential MNIST: a digit is shown row by row, 28 grey values per step, and classified at the last.

The images, by LeCun, Cortes and Burges, are in tasks/data/mnist and checked against their SHA-256 sums at every start.
"""

import functools
import gzip
import hashlib
import math
from pathlib import Path
from typing import Callable, Iterator, NamedTuple, Tuple

import numpy as np

from tasks import Data, DataFileError, Example, Parameter, Task, initialisation_of
from tasks import _parameters as shared

FOLDER = Path(__file__).parent / "data" / "mnist"
DIGITS, ROWS, COLUMNS = 10, 28, 28
SAMPLE_SEED = 0  # of the sample of training images
CHUNK = 1000  # images per forward pass when a whole set is evaluated; their activations fit a core's cache


class Parameters(NamedTuple):
    """All that can be varied; the sizes of the images cannot."""

    units: int = shared.UNITS._replace(default=128, source="code")
    validation: int = Parameter(
        5000, "code", "the first training images, as in tensorflow.examples.tutorials.mnist", maximum=59999
    )
    test_noise_sd: float = Parameter(0.2, "code", "of the noise added to the test images")
    training_sample: int = Parameter(10000, "ours", "training images evaluated before the end of training, at most all")
    hessian_batch: int = Parameter(256, "code", "images on which curvature is measured", maximum=59999)
    recurrent_gain: float = shared.RECURRENT_GAIN._replace(default=math.sqrt(2), source="code")
    input_distribution: str = shared.INPUT_DISTRIBUTION._replace(source="code")
    input_scale: float = shared.INPUT_SCALE._replace(default=math.sqrt(2), source="code")
    readout_distribution: str = shared.READOUT_DISTRIBUTION
    readout_scale: float = shared.READOUT_SCALE
    feedback_distribution: str = shared.FEEDBACK_DISTRIBUTION
    self_connections: bool = shared.SELF_CONNECTIONS
    alpha: float = shared.ALPHA
    l2: float = shared.L2._replace(default=1e-2, source="code")
    batch_size: int = Parameter(256, "paper", "of the grid in A.3; also the published code's", maximum=59999)
    iterations_bptt: int = Parameter(10000, "code", "length of a BPTT run")
    iterations: int = Parameter(16000, "code", "length of the other rules' runs")


def data(parameters: Parameters, random: Callable) -> Data:
    """Training batches without replacement, and test images with one draw of noise per seed, clipped to [0, 1].

    The sample of training images is the same for all seeds, so that it adds no difference between runs.
    """
    training_x, training_y, test_x, test_y = load(FOLDER)
    noise = random("test_noise").normal(0, parameters.test_noise_sd, test_x.shape).astype(np.float32)
    split = parameters.validation
    validation = training_x[:, :split], training_y[:split]
    # contiguous: np.take would copy anything else whole at every batch
    training = np.ascontiguousarray(training_x[:, split:]), training_y[split:]
    noisy = np.clip(test_x + noise, 0, 1), test_y
    examples = len(training[1])

    @functools.lru_cache(maxsize=2)
    def order(epoch):
        return random("batches", epoch).permutation(examples)

    def batch(iteration: int, size: int) -> Example:
        """Images iteration * size ... of the endless sequence of shuffled epochs."""
        return _pick(training, _members(order, examples, iteration * size, size))

    sample = np.random.RandomState(SAMPLE_SEED).permutation(examples)[: parameters.training_sample]

    def hessian_batch(which: str, iteration: int) -> Example:
        """The first validation or training images; for "fresh", validation images drawn anew at each iteration."""
        if which == "fresh":
            drawn = random("hessian_batch", iteration).permutation(split)[: parameters.hessian_batch]
            return _pick(validation, drawn)
        return _pick(training if which == "training" else validation, np.arange(parameters.hessian_batch))

    return Data(
        training_examples=examples,
        batch=batch,
        hessian_batch=hessian_batch,
        sets={
            name: functools.partial(_chunks, images)
            for name, images in (("training", training), ("validation", validation), ("test", noisy))
        },
        training_sample=functools.partial(_chunks, (np.take(training[0], sample, axis=1), training[1][sample])),
    )


def _members(order: Callable, examples: int, start: int, size: int) -> np.ndarray:
    """Places `start` to `start + size` of the sequence order(0), order(1), ..., each `examples` long."""
    parts = []
    while size > 0:
        epoch, offset = divmod(start, examples)
        part = order(epoch)[offset : offset + size]
        parts.append(part)
        start, size = start + len(part), size - len(part)
    return np.concatenate(parts)


def _pick(images: Tuple[np.ndarray, np.ndarray], which: np.ndarray) -> Example:
    x, y = images
    return Example(np.take(x, which, axis=1), y[which][np.newaxis])


def _chunks(images: Tuple[np.ndarray, np.ndarray]) -> Iterator[Example]:
    x, y = images
    for start in range(0, len(y), CHUNK):
        yield Example(x[:, start : start + CHUNK], y[np.newaxis, start : start + CHUNK])


@functools.lru_cache(maxsize=1)
def load(folder: Path) -> Tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training x [28, 60000, 28] in [0, 1], one-hot y [60000, 10], and the same for the 10,000 test images.

    Raises DataFileError that names the file, and the checksums if it is damaged.
    """
    sums = _checksums(folder / "SHA256SUMS")
    arrays = []
    for name in ("train", "t10k"):
        arrays.append(_images(_checked(folder, f"{name}-images-idx3-ubyte.gz", sums)))
        arrays.append(_labels(_checked(folder, f"{name}-labels-idx1-ubyte.gz", sums)))
    return tuple(arrays)


def _checksums(path: Path) -> dict:
    lines = _read(path).decode().splitlines()
    return {name: digest for digest, name in (line.split() for line in lines if line)}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataFileError(f"data file {path} cannot be read: {error.strerror}")


def _checked(folder: Path, name: str, sums: dict) -> bytes:
    """The unzipped content of a file whose SHA-256 sum is right."""
    content = _read(folder / name)
    found = hashlib.sha256(content).hexdigest()
    if found != sums.get(name):
        raise DataFileError(f"data file {folder / name} is damaged: SHA-256 {found}, expected {sums.get(name)}")
    return gzip.decompress(content)


def _images(content: bytes) -> np.ndarray:
    """IDX3: 16 bytes of header, then one byte per pixel. Time, that is rows, comes first: [28, n, 28]."""
    pixels = np.frombuffer(content, np.uint8, offset=16).reshape(-1, ROWS, COLUMNS)
    return np.ascontiguousarray(pixels.transpose(1, 0, 2), dtype=np.float32) / 255


def _labels(content: bytes) -> np.ndarray:
    """IDX1: 8 bytes of header, then one byte per label. One-hot [n, 10]."""
    return np.eye(DIGITS, dtype=np.float32)[np.frombuffer(content, np.uint8, offset=8)]


def task(parameters: Parameters) -> Task:
    """Sequential MNIST with these parameters. Raises ValueError if the Hessian's batch is larger than a set."""
    available = min(parameters.validation, 60000 - parameters.validation)
    if parameters.hessian_batch > available:
        given = f"hessian_batch is {parameters.hessian_batch}, validation {parameters.validation}"
        raise ValueError(f"{given}; expected a hessian_batch of at most {available}")
    return Task(
        inputs=COLUMNS,
        units=parameters.units,
        adaptive_units=0,
        outputs=DIGITS,
        steps=ROWS,
        evaluation_steps=ROWS,
        supervised_steps=(ROWS,),
        loss="cross_entropy",
        performance="accuracy",
        alpha=parameters.alpha,
        beta=0.0,
        l2=parameters.l2,
        batch_size=parameters.batch_size,
        iterations={"bptt": parameters.iterations_bptt, "default": parameters.iterations},
        until_stable=False,
        ensemble_size=1,
        data=functools.partial(data, parameters),
        initialisation=initialisation_of(parameters),
    )
