"""Mean |cos| of the rule's error and of the gradient with the leading eigenvectors of W_h."""

import numpy as np
import pandas as pd

from experiments.measure.measures import Measure, Note
from experiments.measure.saved_run import SavedRun


def table(run: SavedRun, every: int, note: Note) -> pd.DataFrame:
    """Mean |cos| of e = ghat - rho g and of g with the top 5, 10 and 20 eigenvectors; NaN where e or g is zero.

    converged: whether all these eigenvectors are.
    """
    from hessian.alignment import TOPS, error_vector
    from hessian.alignment import alignment as mean_cosines
    from hessian.spectrum import top_eigenpairs

    rows = []
    for evaluation, point in run.points(run.evaluations(every)):
        note(f"iteration {evaluation.iteration}")
        pairs = top_eigenpairs(run.tools().operator("W_h", point), max(TOPS), "arpack")
        g, ghat, rho = run.tools().gradients(point)
        of_error = mean_cosines(error_vector(g, ghat, rho), pairs.eigenvectors)
        of_gradient = mean_cosines(g, pairs.eigenvectors)
        for top in TOPS:
            row = dict(run.key(evaluation), iteration=evaluation.iteration, top=top)
            row.update(error_alignment=of_error[top], gradient_alignment=of_gradient[top])
            rows.append(dict(row, converged=bool(np.all(pairs.converged[:top]))))
    columns = ["seed", "learning_rate", "iteration", "top", "error_alignment", "gradient_alignment", "converged"]
    return pd.DataFrame(rows, columns=columns)


MEASURE = Measure(table, along_training=True)
