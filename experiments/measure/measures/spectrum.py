"""Leading eigenvalues at the last evaluation, signed, by falling magnitude."""

import numpy as np
import pandas as pd

from experiments.measure.measures import Measure, Note
from experiments.measure.saved_run import SavedRun

EIGENVALUES = 200  # the appendix's top 200


def table(run: SavedRun, every: int, note: Note) -> pd.DataFrame:
    """seed, learning_rate, rank, eigenvalue, residual, settled, converged, at each run's last evaluation; and
    asymmetry, one per run (_asymmetry)."""
    from experiments.measure.curvature import spectrum as leading_part

    rows = []
    for evaluation, point in run.points(run.last_evaluations()):
        operator = run.tools().operator(run.config.hessian_of, point)
        masked = _masked(run)

        def products(done, evaluation=evaluation):
            note(f"seed {run.key(evaluation)['seed']}, {done} products")

        pairs = leading_part(operator, min(EIGENVALUES, operator.shape[0] - masked), products)
        own = dict(run.key(evaluation), asymmetry=_asymmetry(operator, run.key(evaluation)["seed"]))
        for rank, values in enumerate(zip(pairs.eigenvalues, pairs.residuals, pairs.settled, pairs.converged), 1):
            found = dict(zip(("eigenvalue", "residual", "settled", "converged"), values))
            rows.append(dict(own, rank=rank, **found))
    columns = ["seed", "learning_rate", "rank", "eigenvalue", "residual", "settled", "converged", "asymmetry"]
    return pd.DataFrame(rows, columns=columns)


def _asymmetry(operator, seed: int) -> float:
    """|u.Hv - v.Hu| / 2 of two random unit vectors, in units of |Hv| / sqrt(n), as large as u.Hv is on average."""
    from hessian.operator import asymmetry

    u, v = np.random.RandomState(seed).normal(size=(2, operator.shape[0]))
    u, v = u / np.linalg.norm(u), v / np.linalg.norm(v)
    size = np.linalg.norm(operator.matvec(v)) / np.sqrt(operator.shape[0])
    return float(abs(asymmetry(operator, u, v)) / size) if size > 0 else 0.0


def _masked(run: SavedRun) -> int:
    """How many weights are masked, whose rows of the Hessian are zero: the diagonal of W_h without self-connections."""
    free = run.config.hessian_of == "W_x" or run.task.initialisation.get("self_connections", False)
    return 0 if free else run.task.units


MEASURE = Measure(table, along_training=False)
