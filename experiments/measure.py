"""Further measures of curvature on finished runs, from the weights that they saved.

    python -m experiments.measure RUN... --measure spectrum,power_law,relative_flatness,alignment,taylor

RUN is a folder that experiments.train has made. Each measure is one table beside the run's own, over all its replicas;
one that is there already is not taken again.

    spectrum.csv           the leading eigenvalues at the last evaluation, signed, by falling magnitude
    power_law.csv          decay of these with rank and the fit of their density, with and without the L2 term's shift;
                           `refused` says why there is none
    relative_flatness.csv  of the readout, at every evaluation
    alignment.csv          mean |cos| of the rule's error and of the gradient with the leading eigenvectors of W_h
    taylor.csv             Taylor terms of an update (Eq. 33-36), both gradients at the run's own rate, over W_h

Hessian and gradients are those of the whole loss, L2 term included, on the Hessian's batch. Replicas that diverged have
no end of training, so no spectrum; evaluations whose leading eigenvalue was not finite are left out.
"""

import json
import sys
from pathlib import Path
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from experiments.command_line import OneLineParser
from experiments.config import Config, ConfigError, from_dict, rate_factor, replicas, task_of
from experiments.run_folder import ArchiveError, read_npz, write_whole
from experiments.streams import random_stream
from experiments.train import load_data
from models.initialisation import Weights, glorot_uniform
from tasks import DataFileError, Example, Task

EIGENVALUES = 200  # the appendix's top 200
FITTED = (200, 100, 50)
COMPARED = ("exponential", "lognormal")
FIT_COLUMNS = ("slope",) + tuple(
    name
    for end in ("", "_own")
    for name in (f"alpha{end}", f"alpha{end}_error", f"xmin{end}", f"decay{end}")
    + tuple(f"{other}{end}_{number}" for other in COMPARED for number in ("R", "p"))
)
DEFAULT = "spectrum,power_law,relative_flatness,alignment"


class MeasureError(ValueError):
    """A run that cannot be measured; the message is one line that names it."""


class Evaluation(NamedTuple):
    """One row of a run's history: of which replica, when, and the leading eigenvalue found then."""

    replica: int
    iteration: int
    eigenvalue: float


class SavedRun:
    """A finished run: its configuration and history, and what was measured on its weights. Raises MeasureError."""

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        if not (self.folder / "summary.json").is_file():
            raise MeasureError(f"{folder} is not the folder of a finished run: it has no summary.json")
        try:
            self.config: Config = from_dict(json.loads((self.folder / "config.json").read_text()))
            self.history = _read_table(self.folder / "history.csv")
            summary = json.loads((self.folder / "summary.json").read_text())
            self.diverged = {(s["seed"], s["learning_rate"]) for s in summary if s["status"] == "diverged"}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise MeasureError(f"{folder} cannot be measured: {' '.join(str(error).split())}")
        self.task: Task = task_of(self.config)
        self.members = replicas(self.config)
        self._data = self._tools = None

    def evaluations(self, every: int = 1) -> List[Evaluation]:
        """All whose eigenvalue is finite, in the order of time: those at multiples of `every` iterations, and the last
        of each replica.
        """
        number = {member: replica for replica, member in enumerate(self.members)}
        found = []
        for (seed, rate), rows in self.history.groupby(["seed", "learning_rate"]):
            rows = rows[np.isfinite(rows.eigenvalue)]
            chosen = rows[(rows.iteration % every == 0) | (rows.iteration == rows.iteration.max())]
            replica = number[(int(seed), float(rate))]
            found += [Evaluation(replica, int(row.iteration), float(row.eigenvalue)) for row in chosen.itertuples()]
        return sorted(found, key=lambda evaluation: (evaluation.iteration, evaluation.replica))

    def last_evaluations(self) -> List[Evaluation]:
        """One of each replica that did not diverge, in the order of the replicas."""
        last = {evaluation.replica: evaluation for evaluation in self.evaluations()}
        return [last[replica] for replica in sorted(last) if self.members[replica] not in self.diverged]

    def key(self, evaluation: Evaluation) -> dict:
        """The columns that say which replica it is."""
        seed, rate = self.members[evaluation.replica]
        return {"seed": seed, "learning_rate": rate}

    def tools(self):
        """experiments.curvature.Instruments for this run, made once."""
        if self._tools is None:
            from experiments.curvature import Instruments  # imports TensorFlow: not for --help or a bad option
            from experiments.population import keep_freed_memory

            keep_freed_memory()
            self._tools = Instruments(self.task, self.config.rule)
        return self._tools

    def points(self, evaluations: Sequence[Evaluation]) -> Iterator[Tuple[Evaluation, NamedTuple]]:
        """Each evaluation with the network as it was, an experiments.curvature.Point.

        A file of weights is read once if its evaluations are adjacent. Raises MeasureError.
        """
        from experiments.curvature import Point

        stored, arrays = None, None
        for evaluation in evaluations:
            if stored != evaluation.iteration:
                stored, arrays = evaluation.iteration, self._weights(evaluation.iteration)
            mine = slice(evaluation.replica, evaluation.replica + 1)
            examples, feedback = self._surroundings(evaluation.replica)
            yield evaluation, Point(Weights(*[array[mine] for array in arrays]), examples, feedback)

    def _weights(self, iteration: int) -> Weights:
        path = self.folder / "weights" / f"{iteration:06d}.npz"
        try:
            stored = read_npz(path)
            return Weights(*[stored[name] for name in Weights._fields])
        except (ArchiveError, KeyError) as error:
            raise MeasureError(f"weights {path} cannot be read: {' '.join(str(error).split())}")

    def _surroundings(self, replica: int) -> Tuple[Example, np.ndarray]:
        """The Hessian's batch and the feedback weights of a replica, with its axis."""
        if self._data is None:
            self._data = load_data(self.config)
        random = random_stream(self.members[replica][0])
        feedback = glorot_uniform(random("feedback"), self.task.units, self.task.outputs).astype(np.float32)
        examples = self._data[replica].hessian_batches[self.config.hessian_on]
        return Example(*[array[np.newaxis] for array in examples]), feedback[np.newaxis]


Note = Callable[[str], None]


def spectrum(run: SavedRun, every: int, note: Note) -> pd.DataFrame:
    """seed, learning_rate, rank, eigenvalue, residual, converged, at each replica's last evaluation."""
    from experiments.curvature import spectrum as leading_part

    rows = []
    for evaluation, point in run.points(run.last_evaluations()):
        operator = run.tools().operator(run.config.hessian_of, point)
        masked = run.task.units if run.config.hessian_of == "W_h" else 0  # the diagonal, whose rows of H are zero

        def products(done, evaluation=evaluation):
            note(f"seed {run.key(evaluation)['seed']}, {done} products")

        pairs = leading_part(operator, min(EIGENVALUES, operator.shape[0] - masked), products)
        for rank, values in enumerate(zip(pairs.eigenvalues, pairs.residuals, pairs.converged), 1):
            found = dict(zip(("eigenvalue", "residual", "converged"), values))
            rows.append(dict(run.key(evaluation), rank=rank, **found))
    return pd.DataFrame(rows, columns=["seed", "learning_rate", "rank", "eigenvalue", "residual", "converged"])


def power_law(run: SavedRun, every: int, note: Note) -> pd.DataFrame:
    """Of each replica's spectrum.csv: slope, fits and comparisons, for the top 200, 100 and 50."""
    found, _ = _table(run, "spectrum", every, note)
    rows = []
    for (seed, rate), eigenvalues in found.groupby(["seed", "learning_rate"], sort=False):
        for top in FITTED:
            for l2, shift in (("with", 0.0), ("without", run.task.l2)):
                note(f"seed {seed}, top {top}")
                fit = _fitted(eigenvalues.eigenvalue.values - shift, top)
                rows.append(dict(seed=seed, learning_rate=rate, top=top, l2=l2, **fit))
    return pd.DataFrame(rows, columns=["seed", "learning_rate", "top", "l2", *FIT_COLUMNS, "refused"])


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
        eta = key["learning_rate"] * rate_factor(run.config, evaluation.iteration)
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
    return _read_table(path), made


def _read_table(path: Path) -> pd.DataFrame:
    # the default parser is off by a unit in the last place, so that a learning rate would not be the one that it was
    return pd.read_csv(str(path), float_precision="round_trip")


def parser() -> OneLineParser:
    """The command line of `python -m experiments.measure`."""
    p = OneLineParser("experiments.measure", __doc__)
    p.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of a finished run")
    p.add_argument("--measure", default=DEFAULT, help=f"some of {','.join(MEASURES)} (default {DEFAULT})")
    p.add_argument(
        "--every",
        type=int,
        default=1,
        help="for curves, only evaluations at multiples of as many iterations (default 1)",
    )
    return p


def main(arguments: Optional[List[str]] = None) -> None:
    """Command line. Exit codes: 0 done, 1 a file could not be written, 2 bad input."""
    p = parser()
    given = p.parse_args(arguments)
    names = given.measure.split(",")
    try:
        for name in names:
            if name not in MEASURES:
                raise MeasureError(f"unknown measure '{name}'; known: {', '.join(MEASURES)}")
        if given.every < 1:
            raise MeasureError(f"--every is {given.every}; expected a whole number of at least 1")
        runs = [SavedRun(folder) for folder in given.runs]
        for run in runs:
            for name in names:
                made = measure(run, name, given.every)
                print(f"{run.folder / name}.csv{'' if made else ' is there already'}", flush=True)
    except (ValueError, ConfigError, DataFileError) as error:
        p.error(" ".join(str(error).split()))
    except OSError as error:
        p.exit(1, f"{p.prog}: {error}\n")


if __name__ == "__main__":
    sys.exit(main())
