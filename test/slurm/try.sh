#!/usr/bin/env bash
# try.sh PYTHON   runs a small experiment file on the cluster of cluster.sh through the shipped profile: undisturbed;
# stopped with Ctrl-C in the middle and given again; killed with kill -9 in the middle and given again. All three must
# end with the same bytes; Ctrl-C must cancel the Slurm job, which saves; after kill -9 nothing may be submitted twice.
# By hand: test/slurm/cluster.sh start && test/slurm/try.sh "$(./run_all.sh environment)"; test/slurm/cluster.sh stop
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=$1
work=$(mktemp -d "${TMPDIR:-/tmp}/it's {a} try.XXXXXX") # a path that a shell or Snakemake could split
eval "$("$here/cluster.sh" environment)"
export MPLBACKEND=Agg PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1 TF_CPP_MIN_LOG_LEVEL=2
unset USER LOGNAME # batch systems and containers may not have them

fail() { echo "try.sh: FAILED: $1 (in $work)" >&2; exit 1; }

copies() { # three copies of the project as it is now, without data and results
  mkdir "$work/undisturbed"
  for folder in models rules tasks hessian experiments figures; do cp -r "$here/../../$folder" "$work/undisturbed/"; done
  rm -rf "$work/undisturbed/tasks/data"
  cat >"$work/undisturbed/small.yaml" <<'END'
note: a try of Slurm
reduced: true
blocks:
  pattern:
    {task: pattern_generation, rules: [bptt, three_factor], seeds: 2, learning_rates: [0.003], settings:
      {iterations: 1500, evaluate_every: 500, until_stable: false, parameters: {steps: 8}}, measures: [spectrum]}
groups: {main: [pattern]}
figures: [figure3]
END
  cp -r "$work/undisturbed" "$work/stopped"
  cp -r "$work/undisturbed" "$work/killed"
}

workflow() { # workflow NAME: replaces this shell
  cd "$work/$1"
  exec "$python" -m experiments.workflow.reproduce small.yaml -- --profile "$PWD/experiments/workflow/profiles/slurm"
}

results() { # results NAME: what must be the same bytes
  cd "$work/$1/results/small"
  find runs -name history.csv -o -name summary.json -o -name spectrum.csv -o -name checkpoint.npz | sort | xargs sha256sum
}

await_training() { # await_training NAME: until a run is in the middle
  for _ in $(seq 600); do
    grep -qs "^iteration 500 " "$work/$1"/results/small/logs/*.log && return
    sleep 0.2
  done
  fail "$1: no run has begun"
}

in_queue() { squeue --noheader --states PENDING,RUNNING --format %A | wc -l; }

copies
echo "== undisturbed"
(workflow undisturbed) || fail "undisturbed: exit code $?"
[[ -f $work/undisturbed/results/small/report.html ]] || fail "no report"

echo "== Ctrl-C"
setsid bash -c "$(declare -f workflow); work=$(printf %q "$work") python=$(printf %q "$python") workflow stopped" &
await_training stopped
began=$SECONDS
kill -INT -- -$! # as a terminal does: to the whole group
code=0; wait $! || code=$?
[[ $code == 130 ]] || fail "stopped: exit code $code"
for _ in $(seq 300); do [[ $(squeue --noheader | wc -l) == 0 ]] && break; sleep 0.1; done
[[ $(squeue --noheader | wc -l) == 0 ]] || fail "stopped: $(squeue)"
grep -h "stopped at iteration" "$work"/stopped/results/small/logs/*.log || fail "stopped: the run has not saved"
echo "the workflow and its Slurm jobs had ended after $((SECONDS - began)) s"
(workflow stopped) || fail "stopped: exit code $? of the second call"
[[ $(results stopped) == "$(results undisturbed)" ]] || fail "stopped: other results"

echo "== kill -9"
setsid bash -c "$(declare -f workflow); work=$(printf %q "$work") python=$(printf %q "$python") workflow killed" &
await_training killed
kill -KILL -- -$!
wait $! || true
for pid in /proc/[0-9]*; do # Snakemake has a session of its own
  [[ $(readlink "$pid/cwd") == "$work/killed/results/small" && $(tr '\0' ' ' <"$pid/cmdline") == *--profile* ]] || continue
  kill -KILL "${pid#/proc/}"
done 2>/dev/null
[[ $(in_queue) == 1 ]] || fail "killed: $(squeue)"
number=$(squeue --noheader --format %A)
(workflow killed) || fail "killed: exit code $? of the second call"
grep "with external jobid" "$work/killed/results/small/logs/snakemake.log"
[[ $(ls "$work/killed/results/small/slurm") == "$number"$'\n'queue ]] || fail "killed: submitted twice"
[[ $(results killed) == "$(results undisturbed)" ]] || fail "killed: other results"

rm -rf "$work"
echo "== all good"
