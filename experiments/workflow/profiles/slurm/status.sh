#!/usr/bin/env bash
# status.sh NUMBER   prints running, success or failed for a job that submit.sh has submitted.
set -euo pipefail
trap '' TERM INT # sent to all of the workflow's processes; Snakemake expects an answer
queue=slurm/queue

# one question to Slurm for all jobs, every five seconds
if [[ -z $(find "$queue" -newermt '5 seconds ago' 2>/dev/null) ]]; then
  if ! squeue --noheader --user "$(id -u)" --format %A >"$queue.$$"; then
    rm -f "$queue.$$"
    echo running # Slurm does not answer: later
    exit
  fi
  mv "$queue.$$" "$queue"
fi

if grep --quiet --line-regexp --fixed-strings "$1" "$queue"; then
  echo running
elif scontrol --oneliner show job "$1" 2>/dev/null | grep --quiet 'JobState=COMPLETED '; then
  echo success
elif xargs --arg-file "slurm/$1" ls >/dev/null 2>&1; then # Slurm has forgotten it
  echo success
else
  echo failed
fi
