"""Decay of the spectrum with rank, and fits of its density, with and without the L2 term's shift.

Where none can be made, `refused` says why.
"""

from typing import Dict

import numpy as np
import pandas as pd

from experiments.measure.measures import Measure, Note, table_of
from experiments.measure.measures.spectrum import EIGENVALUES
from experiments.measure.saved_run import SavedRun

FITTED = (200, 100, 50)
COMPARED = ("exponential", "lognormal")
FIT_COLUMNS = ("slope",) + tuple(
    name
    for end in ("", "_own")
    for name in (f"alpha{end}", f"alpha{end}_error", f"xmin{end}", f"decay{end}")
    + tuple(f"{other}{end}_{number}" for other in COMPARED for number in ("R", "p"))
)


def table(run: SavedRun, every: int, note: Note) -> pd.DataFrame:
    """Of each run's spectrum.csv: slope, fits and comparisons, for the top 200, 100 and 50.

    used: of how many eigenvalues. Near zero error the Hessian of a squared error has, but for the L2 term's shift, no
    more that differ from rounding than its batch has target values; the last of them is left out, too.
    """
    found, _ = table_of(run, "spectrum", every, note)
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


MEASURE = Measure(table, along_training=False)
