#!/usr/bin/env bash
# job.sh LOG MARKER COMMAND...   runs a command, its output to the log, its exit code and seconds to the marker.
# While it runs there is a file of the marker's name in running/, with the number of the Slurm job, if it is in one.
# A command that was told to stop leaves no marker, and this script ends as it did.
set -u
log=$1 marker=$2 code=0 running=running/${2##*/}
shift 2
SECONDS=0
mkdir -p running
echo "${SLURM_JOB_ID:-}" >"$running"
trap 'rm -f "$running"' EXIT
"$@" >>"$log" 2>&1 || code=$?
if [[ $code == 130 || $code == 143 ]]; then exit "$code"; fi
echo "$code $SECONDS" >"$running" # as one: whoever sees the marker can read it
mv "$running" "$marker"
