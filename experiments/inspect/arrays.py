"""The user's files of weights and examples, read and checked."""

from pathlib import Path
from typing import Dict, NamedTuple, Tuple

import numpy as np

from experiments.evidence.archives import ArchiveError, read_npz
from experiments.inspect.settings import LOSSES, InputError, Settings
from models.initialisation import Weights
from rules import get_rule


class Arrays(NamedTuple):
    """The arrays of both files, checked, in the shapes of models with one replica.

    weights: Weights of [1, ...]. feedback: [1, N, N_out]. x: [1, T, B, N_in]. y: [1, K, B, N_out].
    """

    weights: Weights
    feedback: np.ndarray
    x: np.ndarray
    y: np.ndarray


def load(weights: Path, batch: Path, settings: Settings) -> Arrays:
    """Reads and checks both files. Raises InputError, and ValueError if the rule cannot be used on such sizes."""
    stored, examples = _read(weights), _read(batch)
    dtype, sizes = settings.dtype, {}

    def take(arrays, path, name, shape):
        return _cast(_checked(arrays, path, name, shape, sizes), path, name, dtype)

    W_x, W_h = take(stored, weights, "W_x", ("N_in", "N")), take(stored, weights, "W_h", ("N", "N"))
    w, c = take(stored, weights, "w", ("N", "N_out")), take(stored, weights, "c", ("N_out",))
    if np.any(np.diag(W_h) != 0):
        raise InputError(f"array W_h in {weights} has self-connections; expected a zero diagonal")
    feedback = w
    if settings.rule == "rflo" or "feedback" in stored:
        feedback = take(stored, weights, "feedback", ("N", "N_out"))
    x = take(examples, batch, "x", ("B", "T", "N_in"))
    check = get_rule(settings.rule).check
    if check is not None:
        check(sizes["T"], sizes["N"])
    y = _cast(_targets(examples, batch, settings.loss, sizes), batch, "y", dtype)
    replica = Weights(*[array[np.newaxis] for array in (W_x, W_h, w, c[np.newaxis])])
    return Arrays(replica, feedback[np.newaxis], x.transpose(1, 0, 2)[np.newaxis], y[np.newaxis])


def _read(path: Path) -> Dict[str, np.ndarray]:
    """The arrays of an .npz file. Raises InputError for anything else."""
    try:
        return read_npz(path)
    except ArchiveError as error:
        raise InputError(str(error))


def _cast(array: np.ndarray, path: Path, name: str, dtype: str) -> np.ndarray:
    """The array in the precision asked for, if its values fit."""
    with np.errstate(over="ignore"):
        cast = array.astype(dtype)
    if not np.all(np.isfinite(cast)):
        raise InputError(f"array {name} in {path} has values that {dtype} cannot hold; expected less than 3.4e38")
    return cast


def _checked(arrays: dict, path: Path, name: str, shape: Tuple[str, ...], sizes: Dict[str, int]) -> np.ndarray:
    """The array, if it is there, finite, of numbers, and of the shape. `sizes` collects the sizes met so far."""
    expected = f"expected [{', '.join(f'{s} = {sizes[s]}' if s in sizes else s for s in shape)}]"
    if name not in arrays:
        raise InputError(f"array {name} is missing in {path}; {expected}")
    array = arrays[name]
    if array.dtype.kind not in "fiu":
        raise InputError(f"array {name} in {path} has dtype {array.dtype}; expected real numbers")
    found = f"array {name} in {path} has shape {list(array.shape)}"
    if array.ndim != len(shape) or 0 in array.shape:
        raise InputError(f"{found}; {expected}, none of them zero")
    for size, axis in zip(array.shape, shape):
        if sizes.setdefault(axis, size) != size:
            raise InputError(f"{found}; {expected}")
    if not np.all(np.isfinite(array)):
        raise InputError(f"array {name} in {path} has values that are not finite; expected finite numbers")
    return array


def _targets(arrays: dict, path: Path, loss: str, sizes: Dict[str, int]) -> np.ndarray:
    """y as [K, B, N_out]."""
    if LOSSES[loss][0] == "squared_error":
        y = _checked(arrays, path, "y", ("B", "T", "N_out"), sizes).transpose(1, 0, 2)
        return y[-1:] if LOSSES[loss][1] else y
    labels = _checked(arrays, path, "y", ("B",), sizes)
    logistic = loss == "last-binary-cross-entropy"
    if logistic and sizes["N_out"] != 1:
        raise InputError(
            f"loss {loss} needs one output, but w in the weights file has {sizes['N_out']}; expected N_out = 1"
        )
    classes = 2 if logistic else sizes["N_out"]
    if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= classes:
        raise InputError(f"array y in {path} must hold integer labels; expected 0 to {classes - 1}")
    return labels[np.newaxis, :, np.newaxis] if logistic else np.eye(classes)[labels][np.newaxis]
