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
  exit
fi
state=$(scontrol --oneliner show job "$1" 2>/dev/null | grep --only-matching 'JobState=[A-Z_]*' || true)
case $state in
  JobState=COMPLETED) echo success ;;
  JobState=BOOT_FAIL | JobState=CANCELLED | JobState=DEADLINE | JobState=FAILED | JobState=NODE_FAIL | \
    JobState=OUT_OF_MEMORY | JobState=PREEMPTED | JobState=TIMEOUT) echo failed ;;
  JobState=*) echo running ;; # younger than the list
  *) if xargs --arg-file "slurm/$1" ls >/dev/null 2>&1; then echo success; else echo failed; fi ;; # Slurm has forgotten it
esac
