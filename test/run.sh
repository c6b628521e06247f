#!/usr/bin/env bash
# All tests, after formatting and linting. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=$(./run_all.sh environment)
status=0
"$python" -m ruff format --check . || status=1
"$python" -m ruff check . || status=1
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MPLBACKEND=Agg
# a process a core, a file a process, for the tests of a file share what they have built
"$python" -m pytest test -q -p no:cacheprovider -n auto --dist loadfile "$@" || status=$?
exit "$status"
