#!/usr/bin/env bash
# The one entry point: makes its own environment, then runs the workflow.
#
#   ./run_all.sh [quick] [OPTION...]          every figure and table, reduced -> results/quick/
#   ./run_all.sh full [FIGURE...] [OPTION...] the paper at its published size -> results/full/
#   ./run_all.sh FILE.yaml [OPTION...]        an experiment file of your own -> results/FILE/
#   ./run_all.sh environment                  makes the environment in .venv/ and prints the path of its Python
#   ./run_all.sh quick --help                 all options; what stands after -- goes to Snakemake
#
# The environment is Python 3.7 with requirements.txt, hash-checked. Python comes from $PYTHON37, python3.7 on the PATH,
# a pyenv version, or uv. In the image, $BIOLHESS_PYTHON names the image's own and nothing is installed.
set -euo pipefail
case ${1:-} in # an experiment file's path begins where we were called
  /*) ;;
  *.yaml | *.yml) set -- "${PWD%/}/$1" "${@:2}" ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")"

fail() { echo "run_all.sh: $1" >&2; exit "${2:-2}"; }

preflight() {
  local machine; machine=$(uname -m)
  [[ $machine == x86_64 ]] || fail "this machine is $machine; TensorFlow 1.14 exists for x86-64 only"
  grep -qsw avx "${CPUINFO:-/proc/cpuinfo}" ||
    fail "this processor has no AVX, which TensorFlow 1.14 needs (emulated x86 on Arm lacks it)"
  { mkdir -p results && [[ -w results ]]; } 2>/dev/null || fail "results/ in $PWD cannot be written by user $(id -u)"
}

is_python37() { "$1" -c 'import sys, venv; sys.exit(sys.version_info[:2] != (3, 7))' >/dev/null 2>&1; }

find_python37() {
  local candidate
  for candidate in "${PYTHON37:-}" python3.7 "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.7.*/bin/python3.7; do
    if [[ -n $candidate ]] && is_python37 "$candidate"; then echo "$candidate"; return; fi
  done
  if command -v uv >/dev/null && uv python install --quiet 3.7 >&2; then uv python find 3.7; return; fi
  fail "no Python 3.7 found: use the Docker image (README.md), or install it with pyenv (pyenv install 3.7) or uv, \
or name one in PYTHON37"
}

is_complete() { [[ -x .venv/bin/python && -f .venv/stamp && $(<.venv/stamp) == "$1" ]]; }

# .venv/ holds the stamp, the checksum of requirements.txt, only when everything is installed.
make_environment() {
  local wanted; wanted=$(sha256sum <requirements.txt)
  is_complete "$wanted" && return
  exec 9>.venv.lock
  flock -n 9 || { echo "waiting for another installation in $PWD to end" >&2; flock 9; }
  is_complete "$wanted" && { exec 9>&-; return; }
  local base; base=$(find_python37)
  echo "making the environment in .venv with $base (about 200 MB to download, a minute or two)" >&2
  rm -f .venv/stamp # first, lest a removal cut short leave it beside half an environment
  rm -rf .venv
  "$base" -m venv .venv >&2 || fail "$base cannot make a virtual environment" 1
  install_requirements .venv/bin/python
  echo "$wanted" >.venv/stamp
  echo "environment ready" >&2
  exec 9>&-
}

# The installers first, pinned and hash-checked like the rest: four packages are built from source with them
# (snakemake reads its version with tomli).
install_requirements() {
  local python=$1 tools; tools=$(mktemp)
  awk '/^[a-z]/ { keep = /^(pip|setuptools|tomli|wheel)==/ } keep' requirements.txt >"$tools"
  local install=("$python" -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-deps --require-hashes)
  echo "  1/2 the installers" >&2
  "${install[@]}" -r "$tools" >&2 || fail "installing the installers failed (above)" 1
  rm -f "$tools"
  echo "  2/2 everything in requirements.txt" >&2
  "${install[@]}" --no-build-isolation -r requirements.txt >&2 || fail "installing requirements.txt failed (above)" 1
}

writable_home() {
  if [[ ! -w ${HOME:-/nonexistent} ]]; then HOME=$(mktemp -d); export HOME; fi
  export MPLCONFIGDIR=${MPLCONFIGDIR:-$HOME/.config/matplotlib} XDG_CACHE_HOME=${XDG_CACHE_HOME:-$HOME/.cache}
}

case ${1:-quick} in
  -h | --help) sed -n '2,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit ;;
  install-requirements) install_requirements "$2"; exit ;; # the Dockerfile's
esac

preflight
unset PYTHONHOME PYTHONPATH # another environment's packages would come before ours
python=${BIOLHESS_PYTHON:-}
if [[ -z $python ]]; then make_environment; python=$PWD/.venv/bin/python; fi
if [[ ${1:-} == environment ]]; then echo "$python"; exit; fi

writable_home
# One process per core, one thread each, is fastest, and what makes a run repeat to the bit.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 PYTHONHASHSEED=0
export TF_CPP_MIN_LOG_LEVEL=2 MPLBACKEND=Agg PYTHONDONTWRITEBYTECODE=1
exec "$python" -m experiments.workflow.reproduce "$@"
