"""What any TensorFlow must agree on, computed by the one that this Python has, into an .npz file.

    python test/agreement.py FILE

In float64: the gradient of every rule and the Hessian's eigenvalues on small problems. In float32: 200 iterations of
training. The names begin with gradient/, eigenvalues/ or training/.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from scipy.sparse.linalg import aslinearoperator

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from explicit import random_problem  # noqa: E402
from graphs import dense_hessian, leading, rule_gradient  # noqa: E402

from experiments.evidence.archives import read_npz  # noqa: E402
from experiments.plan.config import make_config  # noqa: E402
from experiments.train.loop import train  # noqa: E402
from hessian.spectrum import top_eigenpairs  # noqa: E402
from rules import get_rule, known_rules  # noqa: E402

PROBLEMS = {
    "plain": random_problem(1, steps=8, units=6, l2=0.01),
    "leaky": random_problem(2, "cross_entropy", steps=8, units=6, alpha=0.3, supervised_steps=(4, 8)),
    "adaptive": random_problem(3, "cross_entropy", steps=8, units=6, beta=0.9, adaptive=3, l2=0.01),
}
TRAINED = [("pattern_generation", "three_factor"), ("delayed_match", "bptt")]
COLUMNS = ["training_loss", "test_data_loss", "training_performance", "test_performance", "eigenvalue"]


def all_rules():
    """Every rule in the folder; one that takes a number with 3."""
    for name in known_rules():
        try:
            get_rule(name)
        except ValueError:
            name += "(3)"
        yield name


def gradients():
    """{name: [W_x, W_h, w and c, flat]} of each rule on each problem."""
    return {
        f"gradient/{rule}/{name}": np.concatenate([part.ravel() for part in rule_gradient(problem, rule)])
        for rule in all_rules()
        for name, problem in PROBLEMS.items()
    }


def eigenvalues():
    """{name: eigenvalues of the Hessian in W_h} by power iteration, by ARPACK, and of the whole matrix."""
    found = {}
    for name, problem in PROBLEMS.items():
        dense = dense_hessian(problem)
        dense = (dense + dense.T) / 2
        found[f"eigenvalues/leading/{name}"] = leading([problem]).rayleigh
        found[f"eigenvalues/top/{name}"] = top_eigenpairs(aslinearoperator(dense), 5, "arpack", 1e-12).eigenvalues
        found[f"eigenvalues/all/{name}"] = np.linalg.eigvalsh(dense)
    return found


def trainings():
    """{name: a column of the history, or the weights at the end} of short runs of two seeds."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for task, rule in TRAINED:
            config = make_config(task, rule, [9000, 9001], [0.01], iterations=200, evaluate_every=100)
            run = Path(train(config, Path(folder)))
            history = np.genfromtxt(str(run / "history.csv"), delimiter=",", names=True)
            found.update({f"training/{task}/{rule}/{name}": history[name] for name in COLUMNS})
            weights = read_npz(run / "weights" / "000200.npz")
            found.update({f"training/{task}/{rule}/{name}": array for name, array in weights.items()})
    return found


if __name__ == "__main__":
    np.savez(sys.argv[1], **gradients(), **eigenvalues(), **trainings())
