#!/usr/bin/env bash
# A Slurm cluster of one node on this machine, for trying the shipped profile by hand; no test needs it.
#
#   cluster.sh start [accounting]   starts munged, slurmctld, slurmd; with accounting MariaDB and slurmdbd too
#   cluster.sh stop                 ends them all
#   eval "$(cluster.sh environment)"   what sbatch, squeue, scancel need to find it
#
# As root on Debian, with: apt-get install --no-install-recommends slurm-wlm munge [slurmdbd mariadb-server]
# (a /usr/sbin/policy-rc.d that exits 101 keeps apt from starting them as services). Everything is in one folder,
# SLURM_TEST_FOLDER, by default /run/biolhess-slurm. The node claims SLURM_TEST_CPUS processors, by default 4.
set -euo pipefail
folder=${SLURM_TEST_FOLDER:-/run/biolhess-slurm}
cpus=${SLURM_TEST_CPUS:-4}
host=$(hostname -s)
export SLURM_CONF=$folder/slurm.conf

fail() { echo "cluster.sh: $1" >&2; exit 1; }

configure() { # configure ACCOUNTING
  mkdir -p "$folder"/{state,spool,log}
  chmod 755 "$folder"
  dd if=/dev/urandom of="$folder/munge.key" bs=128 count=1 status=none
  chmod 400 "$folder/munge.key"
  cat >"$folder/slurm.conf" <<END
ClusterName=biolhess
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
SlurmctldPort=36817
SlurmdPort=36818
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cpus RealMemory=16000 State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP
END
  [[ $1 == accounting ]] || return 0
  cat >>"$folder/slurm.conf" <<END
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=36819
AccountingStoragePass=$folder/munge.socket
END
  cat >"$folder/slurmdbd.conf" <<END
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
DbdHost=localhost
DbdPort=36819
SlurmUser=root
PidFile=$folder/slurmdbd.pid
LogFile=$folder/log/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=33306
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm
END
  chmod 600 "$folder/slurmdbd.conf"
}

await() { # await WHAT COMMAND...
  local what=$1; shift
  for _ in $(seq 100); do "$@" >/dev/null 2>&1 && return; sleep 0.3; done
  fail "$what has not started; its log is in $folder/log"
}

start_accounting() {
  local database=$folder/database
  mkdir -p "$database"
  chown mysql "$database"
  mysql_install_db --user=mysql --datadir="$database" --skip-test-db >"$folder/log/mysql_install_db.log" 2>&1
  cat >"$database/init.sql" <<END
CREATE DATABASE slurm;
CREATE USER slurm@'127.0.0.1' IDENTIFIED BY 'slurm';
GRANT ALL ON slurm.* TO slurm@'127.0.0.1';
END
  mariadbd --no-defaults --user=mysql --datadir="$database" --bind-address=127.0.0.1 --port=33306 --skip-name-resolve \
    --socket="$database/socket" --pid-file="$database/mariadbd.pid" --init-file="$database/init.sql" \
    --innodb-buffer-pool-size=64M >"$folder/log/mariadbd.log" 2>&1 </dev/null &
  await MariaDB mariadb --no-defaults --host=127.0.0.1 --port=33306 --user=slurm --password=slurm --execute "SELECT 1"
  SLURM_CONF=$folder/slurm.conf slurmdbd
  await slurmdbd sacctmgr --immediate --noheader show cluster
}

start() {
  [[ ! -e $folder ]] || fail "$folder exists; stop the cluster first"
  configure "${1:-}"
  munged --force --key-file "$folder/munge.key" --socket "$folder/munge.socket" --pid-file "$folder/munged.pid" \
    --log-file "$folder/log/munged.log" --seed-file "$folder/munge.seed"
  [[ ${1:-} != accounting ]] || start_accounting
  slurmctld
  slurmd -N "$host"
  await Slurm sh -c 'sinfo --noheader --states idle | grep -q idle'
  sinfo
}

stop() { # each daemon by its own process number
  local name pid
  for name in slurmd slurmctld slurmdbd database/mariadbd munged; do
    [[ -s $folder/$name.pid ]] || continue
    pid=$(<"$folder/$name.pid")
    kill "$pid" 2>/dev/null || continue
    for _ in $(seq 100); do [[ -d /proc/$pid ]] || break; sleep 0.1; done
  done
  rm -rf "$folder"
}

case ${1:-} in
  start) start "${2:-}" ;;
  stop) stop ;;
  environment) echo "export SLURM_CONF=$folder/slurm.conf" ;;
  *) fail "expected start, stop or environment" ;;
esac
