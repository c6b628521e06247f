#!/usr/bin/env bash
# The one entry point: makes its own environment, then runs the workflow.
#
#   ./run_all.sh [quick] [OPTION...]          the paper's figures and tables, reduced -> results/quick/
#   ./run_all.sh full [FIGURE...] [OPTION...] the paper at its published size -> results/full/
#   ./run_all.sh FILE.yaml [OPTION...]        an experiment file of your own -> results/FILE/
#   ./run_all.sh verify [OPTION...]           retrains runs of evidence/ and compares them bit by bit
#   ./run_all.sh environment                  makes the environment and prints the path of its Python
#   ./run_all.sh quick --help                 all options; anything after -- is passed to Snakemake
#
# The environment is Python 3.7 with requirements.txt, hash-checked, in .venv/. Python comes from $PYTHON37, the PATH, a
# pyenv version, or uv. In the image, $BIOLHESS_PYTHON names the image's own and nothing is installed.
# Where TensorFlow 1.14 cannot run, or with BIOLHESS_TENSORFLOW=2, it is Python 3.10 to 3.13 ($PYTHON_TF2) with
# requirements-tf2.txt in .venv-tf2/. Such results are kept apart, in results/quick-tf2/ and the like.
set -euo pipefail
words=()
for word in "$@"; do # an experiment file's path begins where we were called
  case $word in
    /*) ;;
    *.yaml | *.yml) [[ " ${words[*]-} " == *" -- "* ]] || word=${PWD%/}/$word ;;
  esac
  words+=("$word")
done
set -- ${words[@]+"${words[@]}"}
cd "$(dirname "${BASH_SOURCE[0]}")"

fail() { echo "run_all.sh: $1" >&2; exit "${2:-2}"; }

check_results() {
  { mkdir -p results && [[ -w results ]]; } 2>/dev/null || fail "results/ in $PWD cannot be written by user $(id -u)"
}

# Why TensorFlow 1.14 cannot run on this machine; nothing if it can.
obstacle_of_machine() {
  local machine; machine=$(uname -m)
  [[ $machine == x86_64 ]] || echo "this machine is $machine, and TensorFlow 1.14 exists for x86-64 only"
}

# Of any version that is published.
check_avx() {
  [[ $(uname -m) != x86_64 ]] || grep -qsw avx "${CPUINFO:-/proc/cpuinfo}" ||
    fail "this processor has no AVX, which TensorFlow 1.14 and 2 need on x86-64 (emulated x86 on Arm lacks it)"
}

# is_python CANDIDATE VERSION...: whether it is a Python of one of these versions that can make an environment.
is_python() {
  local code='import sys, venv, ensurepip; sys.exit("%d.%d" % sys.version_info[:2] not in sys.argv[1:])'
  "$1" -c "$code" "${@:2}" >/dev/null 2>&1
}

# find_python NAMED VERSION...: a Python of one of these versions; the named one comes first.
find_python() {
  local candidate candidates=("$1") version
  shift
  for version in "$@"; do
    candidates+=("python$version" "${PYENV_ROOT:-${HOME:-}/.pyenv}/versions/$version".*/bin/"python$version")
  done
  for candidate in "${candidates[@]}"; do
    if [[ -n $candidate ]] && is_python "$candidate" "$@"; then echo "$candidate"; return; fi
  done
  command -v uv >/dev/null && uv python install --quiet "$1" >&2 && uv python find "$1"
}

is_complete() { [[ -x $venv/bin/python && -f $venv/stamp && $(<"$venv/stamp") == "$(sha256sum <"$requirements")" ]]; }

# TensorFlow 1.14, the reference, or 2: sets venv, requirements, and base, the Python that can make the environment.
choose_environment() {
  local obstacle="" wish=${BIOLHESS_TENSORFLOW:-}
  [[ $wish =~ ^[12]?$ ]] || fail "BIOLHESS_TENSORFLOW is $wish; expected 1 or 2"
  base=""
  if [[ $wish != 2 ]]; then
    venv=.venv requirements=requirements.txt megabytes=200
    obstacle=$(obstacle_of_machine)
    if [[ -z $obstacle ]]; then
      if is_complete || base=$(find_python "${PYTHON37:-}" 3.7); then return; fi
      obstacle="no Python 3.7 found: use the Docker image (README.md), or install it with pyenv (pyenv install 3.7) \
or uv, or name one in PYTHON37"
    fi
    [[ $wish != 1 ]] || fail "$obstacle"
  fi
  venv=.venv-tf2 requirements=requirements-tf2.txt megabytes=500
  is_complete || base=$(find_python "${PYTHON_TF2:-}" 3.12 3.13 3.11 3.10) ||
    fail "${obstacle:+$obstacle; }for TensorFlow 2, no Python 3.10 to 3.13 found: install one with pyenv or uv, \
or name one in PYTHON_TF2"
  [[ -z $obstacle ]] || echo "run_all.sh: TensorFlow 2 instead of 1.14, results in results/*-tf2/: $obstacle" >&2
}

# The environment's folder holds the stamp, the checksum of its requirements, only when everything is installed.
make_environment() {
  is_complete && return
  exec 9>"$venv.lock"
  flock -n 9 || { echo "waiting for another installation in $PWD to end" >&2; flock 9; }
  is_complete && { exec 9>&-; return; }
  echo "making the environment in $venv with $base (about $megabytes MB to download, a few minutes)" >&2
  rm -f "$venv/stamp" # first, lest a removal cut short leave it beside half an environment
  rm -rf "$venv"
  "$base" -m venv "$venv" >&2 || fail "$base cannot make a virtual environment" 1
  install_requirements "$venv/bin/python" "$requirements"
  sha256sum <"$requirements" >"$venv/stamp"
  echo "environment ready" >&2
  exec 9>&-
}

# The installers first, pinned and hash-checked like the rest: four packages are built from source with them
# (snakemake reads its version with tomli); beside TensorFlow 2 one, on Python 3.10 another three.
install_requirements() {
  local python=$1 requirements=$2 tools; tools=$(mktemp)
  awk '/^[a-z]/ { keep = /^(cython|pip|setuptools|tomli|wheel)==/ } keep' "$requirements" >"$tools"
  local install=("$python" -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-deps --require-hashes)
  echo "  1/2 the build tools" >&2
  "${install[@]}" -r "$tools" >&2 || fail "installing the build tools failed (see above)" 1
  rm -f "$tools"
  echo "  2/2 everything in $requirements" >&2
  "${install[@]}" --no-build-isolation -r "$requirements" >&2 || fail "installing $requirements failed (above)" 1
}

writable_home() {
  if [[ ! -w ${HOME:-/nonexistent} ]]; then HOME=$(mktemp -d); export HOME; fi
  export MPLCONFIGDIR=${MPLCONFIGDIR:-$HOME/.config/matplotlib} XDG_CACHE_HOME=${XDG_CACHE_HOME:-$HOME/.cache}
}

case ${1:-quick} in
  -h | --help) sed -n '2,15s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit ;;
  install-requirements) install_requirements "$2" requirements.txt; exit ;; # the Dockerfile's
esac

check_results
check_avx
unset PYTHONHOME PYTHONPATH # another environment's packages would come before ours
python=${BIOLHESS_PYTHON:-}
if [[ -z $python ]]; then
  choose_environment
  make_environment
  python=$PWD/$venv/bin/python
fi
if [[ ${1:-} == environment ]]; then echo "$python"; exit; fi

writable_home
# One process per core, one thread each, is fastest, and what makes a run repeat to the bit.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 PYTHONHASHSEED=0
export TF_CPP_MIN_LOG_LEVEL=2 MPLBACKEND=Agg PYTHONDONTWRITEBYTECODE=1
module=reproduce
if [[ ${1:-} == verify ]]; then module=verify; shift; fi
exec "$python" -m "experiments.workflow.$module" "$@"
