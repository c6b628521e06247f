import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from explicit import (
    central_differences,
    log_softmax,
    outputs_of,
    random_problem,
    rates,
    total_loss,
    trace_gradient,
)
from graphs import dense_hessian

from experiments.inspect import __main__ as inspect
from experiments.inspect.settings import InputError

HOME = Path(__file__).resolve().parents[2]


def arrays_of(problem):
    """The two files' arrays of a problem of test/explicit.py."""
    weights = {name: getattr(problem, name) for name in ("W_x", "W_h", "w", "feedback")}
    y = problem.y.transpose(1, 0, 2)
    if problem.loss == "cross_entropy":
        y = problem.y[0].argmax(axis=1)
    if problem.loss == "binary_cross_entropy":
        y = problem.y[0, :, 0].astype(int)
    return dict(weights, c=problem.c[0]), {"x": problem.x.transpose(1, 0, 2), "y": y}


def write(folder, problem, **changes):
    """Writes W.npz and B.npz with changed arrays (None: left out); returns the options that name them."""
    for file, arrays in zip(("W", "B"), arrays_of(problem)):
        arrays.update({name: value for name, value in changes.items() if name in arrays})
        np.savez(str(folder / f"{file}.npz"), **{name: a for name, a in arrays.items() if a is not None})
    return ["--weights", str(folder / "W.npz"), "--batch", str(folder / "B.npz")]


def results(folder, problem, *options):
    files = write(folder, problem)
    out = folder / "G.npz"
    inspect.main([*files, "--dtype", "float64", "--out", str(out), *options])
    with np.load(str(out), allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def test_cross_entropy_of_a_brought_network(tmp_path):
    problem = random_problem(
        1, "cross_entropy", alpha=0.3, beta=0.7, adaptive=2, l2=0.01, supervised_steps=(6,), units=4, outputs=4
    )
    options = "--rule three_factor --alpha 0.3 --beta 0.7 --adaptive-units 2 --l2 0.01".split()
    found = results(tmp_path, problem, *options)
    W_x, W_h = trace_gradient(problem, "three_factor")
    assert found["loss"] == pytest.approx(total_loss(problem), rel=1e-12)
    assert found["grad_W_x"] == pytest.approx(W_x, rel=1e-10, abs=1e-13)
    assert found["grad_W_h"] == pytest.approx(W_h, rel=1e-10, abs=1e-13)
    g = []
    for name in ("W_x", "W_h", "w"):
        g.append(central_differences(problem, name))
        assert found[f"bptt_grad_{name}"] == pytest.approx(g[-1], rel=1e-5, abs=1e-8)
    assert found["grad_c"].shape == (4,)
    g = np.concatenate([g[0].ravel(), g[1].ravel()])
    ghat = np.concatenate([W_x.ravel(), W_h.ravel()])
    assert found["rho"] == pytest.approx(ghat @ g / (g @ g), rel=1e-5)
    assert found["cosine"] == pytest.approx(ghat @ g / np.linalg.norm(g) / np.linalg.norm(ghat), rel=1e-5)
    # a symmetric matrix has an eigenvalue within |Hv - mu v| of any Rayleigh quotient mu
    nearest = np.abs(np.linalg.eigvalsh(dense_hessian(problem)) - found["rayleigh"]).min()
    assert nearest <= found["residual"] * found["leading_eigenvalue"] and found["residual"] < 0.1


@pytest.mark.parametrize("loss, steps", [("squared", None), ("last-squared", (6,))])
def test_squared_losses(tmp_path, loss, steps):
    problem = random_problem(2, supervised_steps=steps)
    whole = problem._replace(y=np.repeat(problem.y[-1:], 6, axis=0)) if steps else problem
    found = results(tmp_path, whole, "--rule", "mdgl", "--loss", loss)
    assert found["loss"] == pytest.approx(total_loss(problem), rel=1e-12)
    assert found["grad_W_h"] == pytest.approx(trace_gradient(problem, "mdgl")[1], rel=1e-10, abs=1e-13)


def test_binary_cross_entropy(tmp_path):
    problem = random_problem(5, "binary_cross_entropy", outputs=1, supervised_steps=(6,))
    found = results(tmp_path, problem, "--rule", "mdgl", "--loss", "last-binary-cross-entropy", "--relative-flatness")
    assert found["loss"] == pytest.approx(total_loss(problem), rel=1e-12)
    assert found["grad_W_h"] == pytest.approx(trace_gradient(problem, "mdgl")[1], rel=1e-10, abs=1e-13)
    assert found["relative_flatness"] > 0


@pytest.mark.slow
def test_every_rule_and_matrix_can_be_asked_for(tmp_path, capsys):
    problem = random_problem(3, steps=3)
    expected = {"rflo": trace_gradient(problem, "rflo")[1]}
    for rule, more in (("rflo", []), ("truncated_bptt", ["--truncate", "2"]), ("scaled_bptt", []), ("rtrl", [])):
        found = results(tmp_path, problem, "--rule", rule, "--loss", "squared", "--hessian-of", "W_x", *more)
        assert np.all(np.isfinite(found["grad_W_h"])) and found["leading_eigenvalue"] > 0
        if rule in expected:
            assert found["grad_W_h"] == pytest.approx(expected[rule], rel=1e-10, abs=1e-13)
    assert "leading_eigenvalue" in capsys.readouterr().out


P = random_problem(4, "cross_entropy", supervised_steps=(6,))  # 5 units, 2 inputs, 3 outputs, 6 steps, batch of 3
LARGE = {"W_x": np.ones((2, 51)), "W_h": np.zeros((51, 51)), "w": np.ones((51, 3)), "feedback": np.ones((51, 3))}
BAD = {
    "diagonal": ({"W_h": P.W_h + np.eye(5)}, [], "W_h.*self-connections; expected a zero diagonal"),
    "shape": ({"w": P.w.T}, [], r"array w in .* has shape \[3, 5\]; expected \[N = 5, N_out\]"),
    "ranks": ({"c": P.c}, [], r"array c in .* has shape \[1, 3\]; expected \[N_out = 3\]"),
    "inputs": ({"x": np.ones((3, 6, 9))}, [], r"array x in .* expected \[B, T, N_in = 2\]"),
    "missing": ({"W_x": None}, [], "array W_x is missing"),
    "no feedback": ({"feedback": None}, ["--rule", "rflo"], r"feedback is missing.*; expected \[N = 5, N_out = 3\]"),
    "nan": ({"W_h": P.W_h * np.nan}, [], "array W_h in .* has values that are not finite"),
    "dtype": ({"x": np.full((3, 6, 2), "a")}, [], "array x in .* has dtype <U1; expected real numbers"),
    "objects": ({"x": np.array([[[None]]])}, [], "without pickled objects"),
    "labels": ({"y": np.array([0, 1, 3])}, [], "array y in .* must hold integer labels; expected 0 to 2"),
    "two logistic outputs": ({"y": np.array([0, 1, 1])}, ["--loss", "last-binary-cross-entropy"], "expected N_out = 1"),
    "real labels": ({"y": np.ones(3)}, [], "array y in .* must hold integer labels"),
    "loss": ({}, ["--loss", "hinge"], "unknown loss 'hinge'; known: last-cross-entropy, last-bin.*, squared"),
    "rule": ({}, ["--rule", "hebb"], "unknown rule 'hebb'; known: bptt"),
    "task": ({}, ["--task", "chess"], "unknown task 'chess'; known: .*seq_mnist"),
    "alpha": ({}, ["--alpha", "1"], "alpha is 1.0; expected 0 <= alpha < 1"),
    "units": ({}, ["--adaptive-units", "6"], "adaptive units: 6 of 5"),
    "truncate": ({}, ["--truncate", "3"], "--truncate goes with the rule truncated_bptt, not with bptt"),
    "truncate all": ({}, ["--rule", "truncated_bptt", "--truncate", "6"], "leaves nothing of 6 steps; at most 5"),
    "truncate less": ({}, ["--rule", "truncated_bptt", "--truncate", "-1"], "--truncate is -1; expected .* at least 0"),
    "too many units": (LARGE, ["--rule", "rtrl"], "at most 50 units, not 51"),
    "no eigenvalues": ({}, ["--top-eigenvalues", "0"], "--top-eigenvalues is 0; expected .* at least 1"),
    "eigenvalues": ({}, ["--top-eigenvalues", "26"], "k is 26; expected 1 to 25"),
    "too large": ({"w": P.w * 1e200}, [], "array w in .* has values that float32 cannot hold"),
    "large targets": ({"x": P.x.transpose(1, 0, 2) * 1e200}, [], "array x in .* has values that float32 cannot hold"),
    "no truncate": ({}, ["--rule", "truncated_bptt"], "expected a number"),
    "empty": ({"x": np.ones((0, 6, 2))}, [], "array x in .* none of them zero"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_exit_2(case, tmp_path, capsys):
    changes, options, message = BAD[case]
    files = write(tmp_path, P, **changes)
    with pytest.raises(SystemExit) as stopped:
        inspect.main(["--rule", "bptt", *files, *options])
    out, err = capsys.readouterr()
    assert stopped.value.code == 2 and out == "" and len(err.splitlines()) == 1
    with pytest.raises(InputError, match=message):
        raise InputError(err)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"no zip at all"])
def test_unreadable_file_is_one_line_and_exit_2(content, tmp_path, capsys):
    files = write(tmp_path, P)
    (tmp_path / "B.npz").write_bytes(content)
    with pytest.raises(SystemExit) as stopped:
        inspect.main(["--rule", "bptt", *files])
    err = capsys.readouterr().err
    assert stopped.value.code == 2 and len(err.splitlines()) == 1 and "B.npz cannot be read" in err


def test_archive_cut_short_anywhere_is_one_line_and_exit_2(tmp_path, capsys):
    files = write(tmp_path, P)
    whole = (tmp_path / "B.npz").read_bytes()
    for kept in range(1, len(whole), 23):
        (tmp_path / "B.npz").write_bytes(whole[:kept])
        with pytest.raises(SystemExit) as stopped:
            inspect.main(["--rule", "bptt", *files])
        err = capsys.readouterr().err
        assert stopped.value.code == 2 and len(err.splitlines()) == 1 and "B.npz cannot be read" in err


def test_archive_garbled_in_an_array_is_refused(tmp_path, capsys):
    files = write(tmp_path, P)
    garbled = bytearray((tmp_path / "B.npz").read_bytes())
    garbled[200] ^= 1
    (tmp_path / "B.npz").write_bytes(bytes(garbled))
    with pytest.raises(SystemExit) as stopped:
        inspect.main(["--rule", "bptt", *files])
    assert stopped.value.code == 2 and "Bad CRC-32" in capsys.readouterr().err


def test_other_members_and_single_arrays_are_refused(tmp_path, capsys):
    files = write(tmp_path, P)
    with zipfile.ZipFile(str(tmp_path / "B.npz"), "a") as archive:
        archive.writestr("notes.txt", "from last week")
    with pytest.raises(SystemExit) as stopped:
        inspect.main(["--rule", "bptt", *files])
    assert stopped.value.code == 2 and "its member notes.txt is not an array" in capsys.readouterr().err
    with open(str(tmp_path / "B.npz"), "wb") as stream:
        np.save(stream, P.x)
    with pytest.raises(SystemExit) as stopped:
        inspect.main(["--rule", "bptt", *files])
    err = capsys.readouterr().err
    assert stopped.value.code == 2 and len(err.splitlines()) == 1 and "B.npz is a single array" in err


@pytest.mark.parametrize("matrix", ["W_h", "W_x"])
def test_top_eigenvalues_and_relative_flatness(matrix, tmp_path, capsys):
    problem = random_problem(5, "cross_entropy", steps=4, supervised_steps=(4,), l2=0.1)
    options = f"--rule bptt --l2 0.1 --top-eigenvalues 7 --relative-flatness --hessian-of {matrix}".split()
    found = results(tmp_path, problem, *options)
    expected = np.linalg.eigvalsh(dense_hessian(problem, matrix))
    expected = expected[np.argsort(-np.abs(expected))][:7]
    assert np.abs(found["top_eigenvalues"]) == pytest.approx(np.abs(expected), rel=1e-9)
    assert sorted(found["top_eigenvalues"]) == pytest.approx(sorted(expected), rel=1e-9)
    assert np.all(found["top_converged"]) and np.all(found["top_residuals"] < 1e-6)
    # of the data loss alone: f f^T times the spread of the weight vectors under the softmax
    f, z = rates(problem)[0][4], outputs_of(problem)[0]
    p = np.exp(log_softmax(z))
    spread = [row @ np.sum(problem.w**2, axis=0) - np.sum((problem.w @ row) ** 2) for row in p]
    assert found["relative_flatness"] == pytest.approx(np.mean(np.sum(f**2, axis=1) * spread), rel=1e-12)
    out = capsys.readouterr().out
    assert f"relative_flatness    {found['relative_flatness']:.8g}" in out and "eigenvalue 7 " in out


@pytest.mark.slow
def test_it_runs_as_a_command_and_says_nothing_else(tmp_path):
    command = [sys.executable, "-m", "experiments.inspect", "--rule", "bptt", *write(tmp_path, P)]
    done = subprocess.run(command, cwd=str(HOME), capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "" and "rho                  1\n" in done.stdout
