#!/usr/bin/env bash
# The tests, after formatting and linting. Arguments go to pytest: -m slow for the slow ones, -m "" for all. With
# BIOLHESS_TENSORFLOW=2, or where run_all.sh takes TensorFlow 2 by itself: the tests of what computes, in its environment,
# which has no linter.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=$(./run_all.sh environment)
status=0 tests=(test/rules test) # the longest file first
if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 8))'; then
  tests=(test/models test/rules test/tasks test/hessian test/experiments test/figures test/test_tensorflow2.py)
else
  "$python" -m ruff format --check . || status=1
  "$python" -m ruff check . || status=1
fi
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MPLBACKEND=Agg
# a process a core, a file a process, for the tests of a file share what they have built
"$python" -m pytest "${tests[@]}" -q -m "not slow" -p no:cacheprovider -n auto --dist loadfile "$@" || status=$?
exit "$status"
