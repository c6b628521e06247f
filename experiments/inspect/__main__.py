"""Inspects a network of your own: its loss, a rule's gradient next to BPTT's, and its leading Hessian eigenvalue.

    python -m experiments.inspect --task seq_mnist --rule mdgl --weights W.npz --batch B.npz --out G.npz

W.npz holds W_x [N_in, N], W_h [N, N] with zero diagonal, w [N, N_out], c [N_out] and, for rflo, feedback [N, N_out].
B.npz holds x [B, T, N_in] and y: [B] integer labels for a cross-entropy (0 or 1 if binary), [B, T, N_out] targets for
squared errors.
G.npz gets loss, grad_W_x, grad_W_h, grad_w, grad_c, the same by BPTT as bptt_..., rho and cosine (over W_x and W_h
together), leading_eigenvalue, rayleigh, iterations, residual, converged; with --top-eigenvalues also top_eigenvalues,
top_residuals, top_converged, signed and by falling magnitude; with --relative-flatness also relative_flatness, of the
readout. Sizes are the arrays' own.
"""

import sys
from pathlib import Path
from typing import List, Optional

import numpy as np

from experiments.command_line import OneLineParser
from experiments.inspect.arrays import load
from experiments.inspect.results import inspect, summary
from experiments.inspect.settings import LOSSES, settings_of
from rules import known_rules
from tasks import known_tasks


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
    p.add_argument("--out", type=Path, metavar="G.npz", help="where the results go; a summary is printed in any case")
    return p


def main(arguments: Optional[List[str]] = None) -> None:
    """Command line. Exit codes: 0 done, 1 the results could not be written, 2 bad input."""
    p = parser()
    given = p.parse_args(arguments)
    try:
        settings = settings_of(given)
        arrays = load(given.weights, given.batch, settings)
        results = inspect(arrays, settings)
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
