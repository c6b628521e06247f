#!/usr/bin/env bash
# cancel.sh NUMBER...   cancels jobs: those that train save their state within Slurm's KillWait (30 s by default) and end.
exec scancel "$@"
