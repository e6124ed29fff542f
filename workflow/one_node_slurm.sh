#!/bin/sh
# A SLURM of one node on this machine, for trying the workflow's cluster profile: one_node_slurm.sh start|stop FOLDER
#
# For root, on Debian or Ubuntu and in containers without systemd: apt-get install slurm-wlm munge
# Key, configuration, state and logs lie in FOLDER; all that listens does so on the loopback device. Only a link to the
# configuration is put where SLURM's programs look for it, and `stop` removes it: jobs of Snakemake lose $SLURM_CONF.
set -eu
link=/etc/slurm/slurm.conf
action=${1:?start or stop} folder=${2:?a folder}

stop() {
    for name in slurmd slurmctld munged; do
        if [ -f "$folder/$name.pid" ]; then kill "$(cat "$folder/$name.pid")" 2>/dev/null || true; fi
    done
    if [ "$(readlink -f $link)" = "$(readlink -f "$folder/slurm.conf")" ]; then rm -f $link; fi
}

wait_for() {  # a test of the shell, for half a minute
    tries=0
    until eval "$1" >/dev/null 2>&1; do
        tries=$((tries + 1))
        if [ "$tries" -gt 60 ]; then
            echo "SLURM does not start; its logs are in $folder" >&2
            tail -n 5 "$folder"/*.log >&2
            stop
            exit 1
        fi
        sleep 0.5
    done
}

if [ "$action" = stop ]; then
    stop
    exit 0
fi
for program in munged slurmctld slurmd sbatch; do
    command -v "$program" >/dev/null || { echo "$program is missing: apt-get install slurm-wlm munge" >&2; exit 2; }
done
if [ -e $link ]; then
    echo "$link is there: this machine has a SLURM already, or another one of this script was not stopped" >&2
    exit 2
fi
mkdir -p /etc/slurm "$folder/state" "$folder/spool"
folder=$(cd "$folder" && pwd)
(umask 077 && head -c 1024 /dev/urandom > "$folder/munge.key")
memory=$(awk '/MemTotal/ {print int($2 / 1024 * 0.9)}' /proc/meminfo)
# Processes are tracked by parent, since cgroups are not to be had in every container.
cat > "$folder/slurm.conf" <<CONF
ClusterName=here
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
CredType=cred/munge
SlurmctldPort=16817
SlurmdPort=16818
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
NodeName=$(hostname -s) NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$memory State=UNKNOWN
PartitionName=here Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
ln -sfn "$folder/slurm.conf" $link
# Sockets and keys in folders that others may write to are refused without --force.
munged --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" --pid-file="$folder/munged.pid" \
    --log-file="$folder/munged.log" --seed-file="$folder/munged.seed"
slurmctld
slurmd
wait_for 'sinfo --noheader --format %T | grep -q idle'
sinfo
