"""What an inspection finds, as arrays and as text."""

from typing import Dict

import numpy as np

from experiments.inspect.arrays import Arrays
from experiments.inspect.settings import LOSSES, Settings
from models.initialisation import Weights


def inspect(arrays: Arrays, settings: Settings) -> Dict[str, np.ndarray]:
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
    steps, units = arrays.x.shape[1], arrays.weights.W_h.shape[1]
    cell = make_cell(units, settings.adaptive_units, settings.alpha, settings.beta)
    supervised_steps = (steps,) if last_only else tuple(range(1, steps + 1))
    network = Network(cell, getattr(losses, loss), supervised_steps, settings.l2)
    options = tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    with tf.Graph().as_default(), tf.Session(config=options) as session:
        weights = Weights(*[tf.constant(array) for array in arrays.weights])
        batch, fixed = Batch(tf.constant(arrays.x), tf.constant(arrays.y)), tf.constant(arrays.feedback)
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
            found["relative_flatness"] = np.float64(relative_flatness(loss, features, arrays.weights.w[0], outputs))
        if settings.top_eigenvalues:
            pairs = spectrum(HessianOperator(plain, matrix, session), settings.top_eigenvalues)
            found["top_eigenvalues"], found["top_residuals"] = pairs.eigenvalues, pairs.residuals
            found["top_converged"] = pairs.converged
    for name in ("grad_c", "bptt_grad_c"):
        found[name] = found[name][0]
    return found


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
