"""The measures themselves: each a table over the runs of an ensemble; the command line says what they hold."""

from typing import Callable, Dict, Optional, Tuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from experiments.evidence.files import write_whole
from experiments.measure.saved_run import SavedRun, read_table
from experiments.plan.schedule import learning_rate_factor

EIGENVALUES = 200  # the appendix's top 200
FITTED = (200, 100, 50)
COMPARED = ("exponential", "lognormal")
FIT_COLUMNS = ("slope",) + tuple(
    name
    for end in ("", "_own")
    for name in (f"alpha{end}", f"alpha{end}_error", f"xmin{end}", f"decay{end}")
    + tuple(f"{other}{end}_{number}" for other in COMPARED for number in ("R", "p"))
)


Note = Callable[[str], None]


def spectrum(run: SavedRun, every: int, note: Note) -> pd.DataFrame:
    """seed, learning_rate, rank, eigenvalue, residual, converged, at each run's last evaluation; and asymmetry, one
    per run (_asymmetry)."""
    from experiments.measure.curvature import spectrum as leading_part

    rows = []
    for evaluation, point in run.points(run.last_evaluations()):
        operator = run.tools().operator(run.config.hessian_of, point)
        masked = _masked(run)

        def products(done, evaluation=evaluation):
            note(f"seed {run.key(evaluation)['seed']}, {done} products")

        pairs = leading_part(operator, min(EIGENVALUES, operator.shape[0] - masked), products)
        own = dict(run.key(evaluation), asymmetry=_asymmetry(operator, run.key(evaluation)["seed"]))
        for rank, values in enumerate(zip(pairs.eigenvalues, pairs.residuals, pairs.converged), 1):
            found = dict(zip(("eigenvalue", "residual", "converged"), values))
            rows.append(dict(own, rank=rank, **found))
    columns = ["seed", "learning_rate", "rank", "eigenvalue", "residual", "converged", "asymmetry"]
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


def power_law(run: SavedRun, every: int, note: Note) -> pd.DataFrame:
    """Of each run's spectrum.csv: slope, fits and comparisons, for the top 200, 100 and 50.

    used: of how many eigenvalues. Near zero error the Hessian of a squared error has, but for the L2 term's shift, no
    more that differ from rounding than its batch has target values; the last of them is left out, too.
    """
    found, _ = _table(run, "spectrum", every, note)
    distinct = run.target_values() - 1 if run.task.loss == "squared_error" else EIGENVALUES
    rows = []
    for (seed, rate), eigenvalues in found.groupby(["seed", "learning_rate"], sort=False):
        for top in FITTED:
            for l2, shift in (("with", 0.0), ("without", run.task.l2)):
                note(f"seed {seed}, top {top}")
                used = top if run.task.l2 > shift else min(top, distinct)
                fit = dict(_fitted(eigenvalues.eigenvalue.values - shift, used), used=used)
                rows.append(dict(seed=seed, learning_rate=rate, top=top, l2=l2, **fit))
    return pd.DataFrame(rows, columns=["seed", "learning_rate", "top", "used", "l2", *FIT_COLUMNS, "refused"])


def _fitted(eigenvalues: np.ndarray, top: int) -> Dict[str, object]:
    """The columns of a fit; what products in single precision leave of a zero eigenvalue counts as zero."""
    from hessian.power_law import power_law as fit
    from hessian.spectrum import ROUNDING

    rounding = ROUNDING * np.finfo(np.float32).eps * np.abs(eigenvalues).max(initial=0)
    try:
        found = fit(np.where(np.abs(eigenvalues) > rounding, eigenvalues, 0), top)
    except ValueError as error:
        return dict(dict.fromkeys(FIT_COLUMNS, np.nan), refused=str(error))
    columns = {"slope": found.slope}
    for end, density in (("", found.fit), ("_own", found.own)):
        columns.update({f"alpha{end}": density.alpha, f"alpha{end}_error": density.error})
        columns.update({f"xmin{end}": density.xmin, f"decay{end}": density.decay})
        for other in COMPARED:
            comparison = getattr(density, other)
            columns.update({f"{other}{end}_R": comparison.ratio, f"{other}{end}_p": comparison.p})
    return dict(columns, refused="")


def relative_flatness(run: SavedRun, every: int, note: Note) -> pd.DataFrame:
    """seed, learning_rate, iteration, relative_flatness."""
    rows = []
    for evaluation, point in run.points(run.evaluations(every)):
        note(f"iteration {evaluation.iteration}")
        value = run.tools().relative_flatness(point)
        rows.append(dict(run.key(evaluation), iteration=evaluation.iteration, relative_flatness=value))
    return pd.DataFrame(rows, columns=["seed", "learning_rate", "iteration", "relative_flatness"])


def alignment(run: SavedRun, every: int, note: Note) -> pd.DataFrame:
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
        g, ghat = run.tools().gradients(point)
        of_error = mean_cosines(error_vector(g, ghat), pairs.eigenvectors)
        of_gradient = mean_cosines(g, pairs.eigenvectors)
        for top in TOPS:
            row = dict(run.key(evaluation), iteration=evaluation.iteration, top=top)
            row.update(error_alignment=of_error[top], gradient_alignment=of_gradient[top])
            rows.append(dict(row, converged=bool(np.all(pairs.converged[:top]))))
    columns = ["seed", "learning_rate", "iteration", "top", "error_alignment", "gradient_alignment", "converged"]
    return pd.DataFrame(rows, columns=columns)


def taylor(run: SavedRun, every: int, note: Note) -> pd.DataFrame:
    """T1, T1_hat, T2, T2_hat with eta_B = eta_e = the rate of the iteration, rho over W_h, and the leading eigenvalue
    that the run itself measured (of config's hessian_of)."""
    from hessian.theorem import taylor_terms

    rows = []
    for evaluation, point in run.points(run.evaluations(every)):
        note(f"iteration {evaluation.iteration}")
        key = run.key(evaluation)
        eta = key["learning_rate"] * learning_rate_factor(run.config, evaluation.iteration)
        terms = taylor_terms(run.tools().operator("W_h", point), *run.tools().gradients(point), eta, eta)._asdict()
        terms["rho_W_h"] = terms.pop("rho")
        rows.append(dict(key, iteration=evaluation.iteration, **terms, eigenvalue=evaluation.eigenvalue))
    terms = ["T1", "T1_hat", "T2", "T2_hat", "assumption_1", "rho_W_h", "eigenvalue"]
    return pd.DataFrame(rows, columns=["seed", "learning_rate", "iteration", *terms])


MEASURES = {
    "spectrum": spectrum,
    "power_law": power_law,
    "relative_flatness": relative_flatness,
    "alignment": alignment,
    "taylor": taylor,
}
AT_THE_END = ("spectrum", "power_law")  # those that need no weights but the last ones'


def measure(run: SavedRun, name: str, every: int = 1, show_progress: Optional[bool] = None) -> bool:
    """Takes one measure of a run, unless it is there; returns whether it was not.

    show_progress: None shows it on a terminal only. Raises MeasureError, DataFileError, and ValueError where the
    measure itself refuses.
    """
    disable = None if show_progress is None else not show_progress
    with tqdm(desc=f"{run.folder.name} {name}", disable=disable, mininterval=1) as bar:

        def note(text):
            bar.set_postfix_str(text, refresh=False)
            bar.update()

        return _table(run, name, every, note)[1]


def _table(run: SavedRun, name: str, every: int, note: Note) -> Tuple[pd.DataFrame, bool]:
    """(the measure's table, whether it had to be made)."""
    path = run.folder / f"{name}.csv"
    made = not path.is_file()
    if made:
        write_whole(path, MEASURES[name](run, every, note).to_csv(index=False).encode())
    return read_table(path), made
