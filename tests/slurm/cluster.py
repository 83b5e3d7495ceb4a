"""A SLURM cluster of one node with two pretend GPUs, on loopback only, for as long as tests need it.

It needs root and the packages of Debian in PACKAGES, but neither systemd nor control groups: memory is watched by
polling, and a GPU is any device file. slurm.conf must lie where SLURM looks by itself, as jobs of Snakemake's executor
drop SLURM_CONF.
"""

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.servers import free_port

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge")
CONFIGURATION = Path("/etc/slurm")
SOCKET = Path("/run/munge/munge.socket.2")  # where SLURM looks for it
NODE = socket.gethostname().partition(".")[0]
GPUS = 2
GRACE = 5  # seconds from SIGTERM until a preempted job is killed
PATIENCE = 90  # seconds until something must have happened
CONF = """
ClusterName=test
SlurmctldHost={node}(127.0.0.1)
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=cred_expire=10
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
MpiDefault=none
SwitchType=switch/none
SchedulerType=sched/backfill
SchedulerParameters=sched_min_interval=100000,bf_interval=5
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
SlurmdTimeout=10
ReturnToService=2
KillWait=5
JobRequeue=0
MinJobAge=600
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
GresTypes=gpu
AccountingStorageType=accounting_storage/none
NodeName={node} NodeAddr=127.0.0.1 CPUs=16 CoresPerSocket=16 RealMemory=16000 Gres=gpu:{gpus} State=UNKNOWN
PartitionName=cpu Nodes={node} Default=YES MaxTime=1440 State=UP
PartitionName=gpu Nodes={node} MaxTime=1440 PriorityTier=1 GraceTime={grace} State=UP
PartitionName=urgent Nodes={node} MaxTime=1440 PriorityTier=2 PreemptMode=OFF State=UP
"""


def missing() -> str:
    """What this machine lacks for such a cluster; '' if nothing."""
    tools = ["slurmctld", "slurmd", "munged", "sbatch", "squeue", "srun"]
    lacking = [tool for tool in tools if not shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin")]
    if lacking:
        return f"{', '.join(lacking)} not found: apt-get install {' '.join(PACKAGES)}"
    if os.getuid() != 0:
        return "only root can start a SLURM node"
    if any((CONFIGURATION / name).exists() for name in ("slurm.conf", "gres.conf")):
        return f"{CONFIGURATION}/slurm.conf exists: this machine belongs to a cluster"
    return ""


def ask(*command: str) -> str:
    """What a SLURM command prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def wait_for(done: str, *command: str) -> str:
    """Ask until what a command prints matches a regular expression, and return it."""
    for _ in range(5 * PATIENCE):
        said = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
        if re.fullmatch(done, said):
            return said
        time.sleep(0.2)
    raise TimeoutError(f"{' '.join(command)}: says {said!r} after {PATIENCE} s, not {done!r}")


def start_node() -> None:
    """Start the node's daemon, and wait until it takes jobs."""
    subprocess.run(["/usr/sbin/slurmd", "-N", NODE], check=True)
    wait_for("idle|mixed|allocated", "sinfo", "--noheader", "--format=%T", "--partition=cpu")


def lose_node(folder: Path) -> None:
    """End the node's daemon, its jobs and all that they started, at once, as a power failure does."""
    roots = [process for process in psutil.process_iter() if process.name() == "slurmstepd"]
    roots.append(psutil.Process(int((folder / "slurmd.pid").read_text())))
    for process in [child for root in roots for child in (root, *root.children(recursive=True))]:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def _stop(file: Path) -> None:
    try:
        daemon = psutil.Process(int(file.read_text()))
        daemon.terminate()
        daemon.wait(PATIENCE)
    except (FileNotFoundError, psutil.NoSuchProcess):
        return


@contextmanager
def cluster(folder: Path) -> Iterator[Path]:
    """Run the cluster, with its state and logs in `folder`."""
    ours = not SOCKET.exists()
    if ours:
        subprocess.run(["install", "-d", "-o", "munge", "-g", "munge", SOCKET.parent], check=True)
        subprocess.run(["runuser", "-u", "munge", "--", "/usr/sbin/munged"], check=True)
    ports = {"controller_port": free_port(), "node_port": free_port()}
    (folder / "state").mkdir()
    for number in range(GPUS):
        os.mknod(folder / f"gpu{number}", 0o20666, os.makedev(1, 3))  # a null device
    gres = f"NodeName={NODE} Name=gpu File={folder}/gpu[0-{GPUS - 1}]\n"
    files = {"slurm.conf": CONF.format(node=NODE, folder=folder, gpus=GPUS, grace=GRACE, **ports), "gres.conf": gres}
    CONFIGURATION.mkdir(exist_ok=True)
    for name, content in files.items():
        (CONFIGURATION / name).write_text(content)
    try:
        subprocess.run(["/usr/sbin/slurmctld", "-c"], check=True)
        start_node()
        yield folder
    finally:
        for name in files:
            (CONFIGURATION / name).unlink()
        _stop(folder / "slurmd.pid")
        _stop(folder / "slurmctld.pid")
        if ours:
            _stop(SOCKET.with_name("munged.pid"))
