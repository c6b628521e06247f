"""run_all.sh refuses what cannot work in one line, and installs nothing where the environment is complete."""

import concurrent.futures
import hashlib
import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
NEEDED = "awk bash cat chmod cp dirname flock grep id mkdir mktemp readlink rm sed sha256sum sleep".split()


@pytest.fixture
def checkout(tmp_path):
    """A folder with run_all.sh and an empty PATH of its own: no Python, no uv, a plain x86-64 machine with AVX."""
    folder = tmp_path / "checkout"
    tools = tmp_path / "tools"
    folder.mkdir()
    tools.mkdir()
    shutil.copy2(str(ROOT / "run_all.sh"), str(folder))
    (folder / "requirements.txt").write_text("nothing==1.0\n")
    (folder / "requirements-tf2.txt").write_text("nothing==2.0\n")
    for name in NEEDED:
        (tools / name).symlink_to(shutil.which(name))
    program(tools / "uname", '[[ $1 == -s ]] && echo Linux || echo "${MACHINE:-x86_64}"')
    (tmp_path / "cpuinfo").write_text("flags\t\t: fpu sse4_2 avx avx2\n")
    return folder


def program(path, body):
    """Writes a bash script that can be run."""
    path.write_text(f"#!/usr/bin/env bash\n{body}\n")
    path.chmod(0o755)


def run_all(checkout, *arguments, **variables):
    """Runs the copy with nothing of this machine's environment but what is named."""
    environment = {
        "PATH": str(checkout.parent / "tools"),
        "HOME": str(checkout.parent),
        "CPUINFO": str(checkout.parent / "cpuinfo"),
        **variables,
    }
    return subprocess.run(
        [str(checkout / "run_all.sh"), *arguments],
        env=environment,
        cwd=os.sep,
        capture_output=True,
        text=True,
        timeout=60,
    )


def make_complete(checkout, folder=".venv", requirements="requirements.txt"):
    """Gives the copy an environment that looks installed; its Python prints what it is handed."""
    binaries = checkout / folder / "bin"
    binaries.mkdir(parents=True)
    program(binaries / "python", 'echo "ran: $*"')
    digest = hashlib.sha256((checkout / requirements).read_bytes()).hexdigest()
    (checkout / folder / "stamp").write_text(f"{digest}  -\n")


def refused(done, *words):
    """Whether a call ended with exit code 2, one line on stderr that has every word, and nothing on stdout."""
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr


def test_processor_without_avx_is_refused(checkout):
    make_complete(checkout)
    (checkout.parent / "cpuinfo").write_text("flags\t\t: fpu sse4_2 avx2 avx512f\n")
    refused(run_all(checkout), "AVX", "TensorFlow 1.14", "Arm")


def test_other_machine_than_x86_64_with_no_python_for_tensorflow_2_is_refused(checkout):
    make_complete(checkout)
    refused(run_all(checkout, MACHINE="aarch64"), "aarch64", "x86-64", "3.10 to 3.13", "PYTHON_TF2")
    refused(run_all(checkout, MACHINE="aarch64", BIOLHESS_TENSORFLOW="1"), "aarch64", "x86-64")


def test_tensorflow_2_is_taken_where_the_other_cannot_be_and_one_line_says_so(checkout):
    make_complete(checkout)
    make_complete(checkout, ".venv-tf2", "requirements-tf2.txt")
    (checkout.parent / "cpuinfo").unlink()  # Arm's names no AVX
    done = run_all(checkout, "environment", MACHINE="aarch64")
    assert done.stdout == f"{checkout}/.venv-tf2/bin/python\n"
    assert len(done.stderr.splitlines()) == 1
    assert "TensorFlow 2" in done.stderr and "aarch64" in done.stderr and "results/*-tf2/" in done.stderr


def test_tensorflow_2_is_taken_without_python37(checkout):
    make_complete(checkout, ".venv-tf2", "requirements-tf2.txt")
    done = run_all(checkout, "environment")
    assert done.stdout == f"{checkout}/.venv-tf2/bin/python\n"
    assert "no Python 3.7" in done.stderr
    refused(run_all(checkout, "environment", BIOLHESS_TENSORFLOW="1"), "no Python 3.7")


def test_tensorflow_is_the_user_s_choice(checkout):
    make_complete(checkout)
    make_complete(checkout, ".venv-tf2", "requirements-tf2.txt")
    for wish, folder in (("", ".venv"), ("1", ".venv"), ("2", ".venv-tf2")):
        done = run_all(checkout, "environment", BIOLHESS_TENSORFLOW=wish)
        assert (done.stdout, done.stderr) == (f"{checkout}/{folder}/bin/python\n", "")
    refused(run_all(checkout, "environment", BIOLHESS_TENSORFLOW="2.21"), "2.21", "1 or 2")


def test_results_that_cannot_be_written_are_refused(checkout):
    make_complete(checkout)
    (checkout / "results").write_text("a file, not a folder")
    refused(run_all(checkout), "results")


def test_without_python37_docker_is_named_first(checkout):
    done = run_all(checkout)
    refused(done, "Docker", "pyenv", "PYTHON37")
    assert done.stderr.index("Docker") < done.stderr.index("pyenv")


@pytest.mark.parametrize("body", ["exit 127", "exit 1"], ids=["a shim of no version", "another version"])
def test_python37_that_does_not_run_is_passed_over(checkout, body):
    program(checkout.parent / "tools" / "python3.7", body)
    refused(run_all(checkout), "Docker")


def test_complete_environment_is_used_as_it_is(checkout):
    make_complete(checkout)
    done = run_all(checkout, "environment")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{checkout}/.venv/bin/python\n"


def test_everything_else_is_handed_over(checkout):
    make_complete(checkout)
    done = run_all(checkout, "quick", "--cores", "2")
    assert done.stdout == "ran: -m experiments.workflow.reproduce quick --cores 2\n"


def test_an_experiment_file_is_looked_for_where_the_caller_is(checkout):
    make_complete(checkout)
    mine = checkout.parent / "mine.yaml"
    mine.write_text("blocks: {}\n")
    done = run_all(checkout, str(mine).lstrip(os.sep), "--dry-run")  # called from the root
    assert done.stdout == f"ran: -m experiments.workflow.reproduce {mine} --dry-run\n"


@pytest.mark.parametrize("stamp", ["", "0000  -\n", None], ids=["empty", "other requirements", "none"])
def test_environment_without_the_right_stamp_is_not_used(checkout, stamp):
    make_complete(checkout)
    path = checkout / ".venv" / "stamp"
    path.unlink()
    if stamp is not None:
        path.write_text(stamp)
    refused(run_all(checkout), "Docker")  # it looks for a Python to install anew, and finds none


def test_failed_installation_leaves_no_stamp(checkout):
    # a Python 3.7 that makes an environment whose pip fails
    program(
        checkout.parent / "tools" / "python3.7",
        'if [[ "$*" == "-m venv .venv" ]]; then mkdir -p .venv/bin; '
        "printf '#!/usr/bin/env bash\\nexit 1\\n' >.venv/bin/python; chmod +x .venv/bin/python; fi",
    )
    done = run_all(checkout)
    assert done.returncode == 1
    assert "failed" in done.stderr.splitlines()[-1]
    assert (checkout / ".venv" / "bin" / "python").exists()
    assert not (checkout / ".venv" / "stamp").exists()


def test_images_own_python_needs_no_environment(checkout):
    program(checkout.parent / "python", 'echo "image: $*"')
    done = run_all(checkout, "quick", BIOLHESS_PYTHON=str(checkout.parent / "python"))
    assert done.stdout == "image: -m experiments.workflow.reproduce quick\n"
    assert not (checkout / ".venv").exists()


# Stands for Python 3.7: makes an environment that holds itself, and notes that it did. Its pip does nothing, slowly.
FAKE_PYTHON = """
case "$1 $2" in
  "-m venv") echo venv >>calls; mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
  "-m pip") sleep 0.1; [[ ! -e broken ]] ;;
  "-m experiments.workflow.reproduce") echo "$PYTHONHASHSEED $TF_CPP_MIN_LOG_LEVEL $OMP_NUM_THREADS $MPLBACKEND" ;;
esac"""


@pytest.fixture
def installable(checkout):
    """A checkout on a machine with a Python 3.7."""
    program(checkout.parent / "tools" / "python3.7", FAKE_PYTHON)
    return checkout


def installations(checkout):
    """How often an environment was begun."""
    return (checkout / "calls").read_text().count("venv")


def test_second_call_installs_nothing_and_changed_requirements_do(installable):
    assert [run_all(installable, "environment").returncode for _ in range(2)] == [0, 0]
    assert installations(installable) == 1
    (installable / "requirements.txt").write_text("nothing==2.0\n")
    assert run_all(installable, "environment").returncode == 0
    assert installations(installable) == 2


def test_failed_installation_is_redone(installable):
    (installable / "broken").write_text("")
    assert run_all(installable, "environment").returncode == 1
    (installable / "broken").unlink()
    assert run_all(installable, "environment").returncode == 0
    assert installations(installable) == 2


def test_environment_that_lost_its_python_is_made_again(installable):
    run_all(installable, "environment")
    (installable / ".venv" / "bin" / "python").unlink()
    assert run_all(installable, "environment").returncode == 0
    assert installations(installable) == 2


def test_each_tensorflow_is_installed_with_its_own_python_and_stamp(installable):
    assert run_all(installable, "environment").returncode == 0
    refused(run_all(installable, "environment", BIOLHESS_TENSORFLOW="2"), "3.10 to 3.13")
    program(installable.parent / "python3.13", FAKE_PYTHON)
    two = {"BIOLHESS_TENSORFLOW": "2", "PYTHON_TF2": str(installable.parent / "python3.13")}
    assert [run_all(installable, "environment", **two).returncode for _ in range(2)] == [0, 0]
    assert installations(installable) == 2
    stamps = [(installable / folder / "stamp").read_text() for folder in (".venv", ".venv-tf2")]
    digests = [hashlib.sha256(f"nothing=={version}.0\n".encode()).hexdigest() for version in (1, 2)]
    assert stamps == [f"{digest}  -\n" for digest in digests]


def test_simultaneous_calls_install_once(installable):
    with concurrent.futures.ThreadPoolExecutor(3) as threads:
        calls = [threads.submit(run_all, installable, "environment") for _ in range(3)]
    assert {call.result().stdout for call in calls} == {f"{installable}/.venv/bin/python\n"}
    assert installations(installable) == 1


def test_workflow_is_given_what_makes_it_repeat(installable):
    assert run_all(installable, "quick").stdout == "0 2 1 Agg\n"


def test_unreadable_cpuinfo_is_one_line(checkout):
    (checkout.parent / "cpuinfo").unlink()
    refused(run_all(checkout), "AVX")


def test_verify_is_a_command_of_its_own(checkout):
    make_complete(checkout)
    done = run_all(checkout, "verify", "--runs", "2")
    assert done.stdout == "ran: -m experiments.workflow.verify --runs 2\n"
