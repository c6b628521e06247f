#!/usr/bin/env bash
# submit.sh MARKERS SBATCH-OPTION... JOBSCRIPT   submits a job that makes the markers; prints its number.
#
# slurm/NUMBER in the results folder lists the markers of a job. If a job that makes all of these is waiting or running,
# left by a workflow that was killed, nothing is submitted, and its number is printed.
set -euo pipefail
trap '' TERM INT # sent to all of the workflow's processes; what was submitted must become known
mkdir -p slurm
wanted=$(tr ' ' '\n' <<<"$1")
shift

for number in $(squeue --noheader --user "$(id -u)" --states PENDING,CONFIGURING,RUNNING,SUSPENDED --format %A); do
  [[ -f slurm/$number ]] || continue
  if ! grep --quiet --invert-match --line-regexp --fixed-strings --file "slurm/$number" <<<"$wanted"; then
    echo "$number"
    exit
  fi
done

number=$(sbatch --parsable --output=logs/slurm-%j.log "$@")
number=${number%%;*} # of a federation it names the cluster too
echo "$wanted" >"slurm/$number"
echo "$number"
