"""Bring your own network: its loss, a rule's gradient beside BPTT's, and its leading Hessian eigenvalue.

    python -m experiments.inspect --task seq_mnist --rule mdgl --weights W.npz --batch B.npz --out G.npz

W.npz holds W_x [N_in, N], W_h [N, N] with zero diagonal, w [N, N_out], c [N_out] and, for rflo, feedback [N, N_out].
B.npz holds x [B, T, N_in] and y: [B] integer labels for a cross-entropy (0 or 1 if binary), [B, T, N_out] targets for
squared errors.
G.npz gets loss, grad_W_x, grad_W_h, grad_w, grad_c, the same with bptt_ before, rho and cosine (over W_x and W_h
together), leading_eigenvalue, rayleigh, iterations, residual, converged; with --top-eigenvalues also top_eigenvalues,
top_residuals, top_converged, signed and by falling magnitude; with --relative-flatness also relative_flatness, of the
readout. Sizes are the arrays' own.
"""

import sys
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from experiments.command_line import OneLineParser
from experiments.evidence.archives import ArchiveError, read_npz
from experiments.plan.settings import BY_NAME
from models.initialisation import Weights
from rules import get_rule, known_rules
from tasks import get_task, known_tasks

# name -> (loss in models.losses, whether it stands at the last step alone)
LOSSES = {
    "last-cross-entropy": ("cross_entropy", True),
    "last-binary-cross-entropy": ("binary_cross_entropy", True),
    "squared": ("squared_error", False),
    "last-squared": ("squared_error", True),
}


class InputError(ValueError):
    """What was brought cannot be used; the message is one line that says which array and what was expected."""


class Brought(NamedTuple):
    """What the user brings, checked, in the shapes of models with one replica.

    weights: Weights of [1, ...]. feedback: [1, N, N_out]. x: [1, T, B, N_in]. y: [1, K, B, N_out].
    """

    weights: Weights
    feedback: np.ndarray
    x: np.ndarray
    y: np.ndarray


class Settings(NamedTuple):
    """How it is looked at; loss is a key of LOSSES, hessian_of W_h or W_x, top_eigenvalues 0 for none."""

    rule: str
    loss: str
    alpha: float
    beta: float
    adaptive_units: int
    l2: float
    hessian_of: str
    dtype: str
    top_eigenvalues: int = 0
    relative_flatness: bool = False


def load(weights: Path, batch: Path, settings: Settings) -> Brought:
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
    return Brought(replica, feedback[np.newaxis], x.transpose(1, 0, 2)[np.newaxis], y[np.newaxis])


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
        raise InputError(f"loss {loss} has one output, w in the file of weights {sizes['N_out']}; expected N_out = 1")
    classes = 2 if logistic else sizes["N_out"]
    if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= classes:
        raise InputError(f"array y in {path} must hold integer labels; expected 0 to {classes - 1}")
    return labels[np.newaxis, :, np.newaxis] if logistic else np.eye(classes)[labels][np.newaxis]


def inspect(brought: Brought, settings: Settings) -> Dict[str, np.ndarray]:
    """All results, under the names that G.npz has, without the replica axis."""
    import tensorflow.compat.v1 as tf

    from experiments.measure.curvature import readout, relative_flatness, spectrum
    from experiments.train.gradients import compare, rule_gradient
    from hessian.operator import HessianOperator
    from hessian.power_iteration import leading_eigenvalue
    from models import losses
    from models.cells import make_cell
    from models.network import Batch, Network, plain_loss

    loss, last_only = LOSSES[settings.loss]
    steps, units = brought.x.shape[1], brought.weights.W_h.shape[1]
    cell = make_cell(units, settings.adaptive_units, settings.alpha, settings.beta)
    supervised_steps = (steps,) if last_only else tuple(range(1, steps + 1))
    network = Network(cell, getattr(losses, loss), supervised_steps, settings.l2)
    options = tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    with tf.Graph().as_default(), tf.Session(config=options) as session:
        weights = Weights(*[tf.constant(array) for array in brought.weights])
        batch, fixed = Batch(tf.constant(brought.x), tf.constant(brought.y)), tf.constant(brought.feedback)
        exact = rule_gradient(network, weights, batch, "bptt", fixed)
        used = rule_gradient(network, weights, batch, settings.rule, fixed)
        matrix = getattr(weights, settings.hessian_of)
        start = np.random.RandomState(0).normal(size=matrix.shape.as_list()).astype(settings.dtype)
        plain = plain_loss(network, weights, batch).total
        leading = leading_eigenvalue(plain, matrix, tf.constant(start))
        results = {"loss": exact.losses.total, **compare(exact, used)._asdict()}
        results.update({f"grad_{name}": gradient for name, gradient in used.total._asdict().items()})
        results.update({f"bptt_grad_{name}": gradient for name, gradient in exact.total._asdict().items()})
        results.update({name: getattr(leading, name) for name in ("rayleigh", "iterations", "residual", "converged")})
        results["leading_eigenvalue"] = leading.eigenvalue
        found = {name: value[0] for name, value in session.run(results).items()}
        if settings.relative_flatness:
            features, outputs = (array[0] for array in session.run(readout(network, weights, batch)))
            found["relative_flatness"] = np.float64(relative_flatness(loss, features, brought.weights.w[0], outputs))
        if settings.top_eigenvalues:
            pairs = spectrum(HessianOperator(plain, matrix, session), settings.top_eigenvalues)
            found["top_eigenvalues"], found["top_residuals"] = pairs.eigenvalues, pairs.residuals
            found["top_converged"] = pairs.converged
    for name in ("grad_c", "bptt_grad_c"):
        found[name] = found[name][0]
    return found


def parser() -> OneLineParser:
    """The command line of `python -m experiments.inspect`."""
    p = OneLineParser("experiments.inspect", __doc__)
    p.add_argument(
        "--task", default="seq_mnist", help=f"whose loss and leaks are the defaults: {', '.join(known_tasks())}"
    )
    p.add_argument("--rule", required=True, help=f"one of: {', '.join(known_rules())}")
    p.add_argument("--weights", type=Path, required=True, metavar="W.npz")
    p.add_argument("--batch", type=Path, required=True, metavar="B.npz")
    p.add_argument("--alpha", type=float, help="leak of the hidden state (default: the task's)")
    p.add_argument("--beta", type=float, help="leak of the threshold (default: the task's)")
    p.add_argument("--adaptive-units", type=int, default=0, metavar="n", help="the last n units adapt (default 0)")
    p.add_argument("--l2", type=float, default=0.0, help="factor of the L2 penalty (default 0)")
    p.add_argument("--truncate", type=int, metavar="X", help="steps that truncated_bptt leaves out")
    p.add_argument("--loss", help=f"one of: {', '.join(LOSSES)} (default: the task's)")
    p.add_argument("--hessian-of", default="W_h", help="W_h or W_x (default W_h)")
    p.add_argument("--top-eigenvalues", type=int, metavar="k", help="also the k of largest magnitude, with their signs")
    p.add_argument("--relative-flatness", action="store_true", help="also the readout's relative flatness")
    p.add_argument("--dtype", default="float32", help="float32 or float64 (default float32)")
    p.add_argument("--out", type=Path, metavar="G.npz", help="where the results go; the summary is printed anyhow")
    return p


def settings_of(given) -> Settings:
    """The settings of a command line. Raises ValueError with one line."""
    task = get_task(given.task)
    own = next(
        name for name, (loss, last) in LOSSES.items() if loss == task.loss and last == (len(task.supervised_steps) == 1)
    )
    rule = given.rule
    if given.truncate is not None:
        if rule != "truncated_bptt":
            raise InputError(f"--truncate goes with the rule truncated_bptt, not with {rule}")
        if given.truncate < 0:
            raise InputError(f"--truncate is {given.truncate}; expected a whole number of at least 0")
        rule = f"truncated_bptt({given.truncate})"
    get_rule(rule)
    loss = own if given.loss is None else given.loss
    known = (
        ("loss", loss, LOSSES),
        ("matrix", given.hessian_of, BY_NAME["hessian_of"].choices),
        ("dtype", given.dtype, ("float32", "float64")),
    )
    for name, value, choices in known:
        if value not in choices:
            raise InputError(f"unknown {name} '{value}'; known: {', '.join(choices)}")
    if given.top_eigenvalues is not None and given.top_eigenvalues < 1:
        raise InputError(f"--top-eigenvalues is {given.top_eigenvalues}; expected a whole number of at least 1")
    if not 0 <= given.l2 < float("inf"):
        raise InputError(f"--l2 is {given.l2}; expected a number of at least 0")
    return Settings(
        rule=rule,
        loss=loss,
        alpha=task.alpha if given.alpha is None else given.alpha,
        beta=task.beta if given.beta is None else given.beta,
        adaptive_units=given.adaptive_units,
        l2=given.l2,
        hessian_of=given.hessian_of,
        dtype=given.dtype,
        top_eigenvalues=given.top_eigenvalues or 0,
        relative_flatness=given.relative_flatness,
    )


def summary(results: Dict[str, np.ndarray], settings: Settings) -> str:
    """The results that are numbers, a line each."""
    names = ("loss", "rho", "cosine", "leading_eigenvalue", "rayleigh", "iterations", "residual", "converged")
    lines = [f"{settings.rule}, loss {settings.loss}, Hessian of {settings.hessian_of}, {settings.dtype}"]
    lines += [f"{name:20} {results[name]:.8g}" for name in names[:-1]] + [f"{names[-1]:20} {bool(results[names[-1]])}"]
    for name in ("W_x", "W_h", "w", "c"):
        norms = [np.linalg.norm(results[f"{kind}_{name}"]) for kind in ("grad", "bptt_grad")]
        lines.append(f"{f'|grad_{name}|':20} {norms[0]:.8g}   bptt {norms[1]:.8g}")
    if settings.relative_flatness:
        lines.append(f"{'relative_flatness':20} {results['relative_flatness']:.8g}")
    if settings.top_eigenvalues:
        columns = (results[name] for name in ("top_eigenvalues", "top_residuals", "top_converged"))
        for rank, (value, residual, converged) in enumerate(zip(*columns), 1):
            lines.append(f"{f'eigenvalue {rank}':20} {value:.8g}   residual {residual:.2g}   converged {converged}")
    return "\n".join(lines)


def main(arguments: Optional[List[str]] = None) -> None:
    """Command line. Exit codes: 0 done, 1 the results could not be written, 2 bad input."""
    p = parser()
    given = p.parse_args(arguments)
    try:
        settings = settings_of(given)
        brought = load(given.weights, given.batch, settings)
        results = inspect(brought, settings)
    except ValueError as error:
        p.error(str(error))
    print(summary(results, settings))
    if given.out is not None:
        try:
            np.savez(str(given.out), **results)
        except OSError as error:
            p.exit(1, f"{p.prog}: {error}\n")


if __name__ == "__main__":
    sys.exit(main())
