"""Taylor terms of an update (Eq. 33-36) by both gradients, at the run's learning rate, over W_h."""

import pandas as pd

from experiments.measure.measures import Measure, Note
from experiments.measure.saved_run import SavedRun
from experiments.plan.schedule import learning_rate_factor


def table(run: SavedRun, every: int, note: Note) -> pd.DataFrame:
    """T1, T1_hat, T2, T2_hat at eta_B = eta_e = the learning rate of the iteration, rho over W_h, and the leading
    eigenvalue that the run itself measured (of config's hessian_of)."""
    from hessian.theorem import taylor_terms

    rows = []
    for evaluation, point in run.points(run.evaluations(every)):
        note(f"iteration {evaluation.iteration}")
        key = run.key(evaluation)
        eta = key["learning_rate"] * learning_rate_factor(run.config, evaluation.iteration)
        g, ghat, rho = run.tools().gradients(point)
        terms = taylor_terms(run.tools().operator("W_h", point), g, ghat, rho, eta, eta)._asdict()
        terms.update(rho_W_h=rho, eigenvalue=evaluation.eigenvalue)
        rows.append(dict(key, iteration=evaluation.iteration, **terms))
    columns = ["T1", "T1_hat", "T2", "T2_hat", "assumption_1", "rho_W_h", "eigenvalue"]
    return pd.DataFrame(rows, columns=["seed", "learning_rate", "iteration", *columns])


MEASURE = Measure(table, along_training=True)
