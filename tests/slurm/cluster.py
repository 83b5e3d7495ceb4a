"""A SLURM cluster of one node with two pretend GPUs, on loopback only, for as long as tests need it.

It needs root and the packages of Debian in PACKAGES, but neither systemd nor control groups: memory is watched by
polling, and a GPU is any device file. slurm.conf must lie where SLURM looks by itself, as jobs of Snakemake's executor
drop SLURM_CONF: what tests that were killed have left there is told from a real cluster's by its first line, and from
that of tests at work by the lock that these hold.
"""

import fcntl
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
MUNGE = Path("/run/munge")  # where SLURM looks for its socket
NODE = socket.gethostname().partition(".")[0]
DAEMONS = ("slurmctld", "slurmd", "slurmstepd")
GPUS = 2
GRACE = 5  # seconds from SIGTERM until a preempted job is killed
PATIENCE = 90  # seconds until something must have happened
LOCK = Path("/run/lock/tests-of-a-slurm-cluster")
OURS = "# Of tests: theirs for as long as they hold their lock, and left over after that"
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
    conf = CONFIGURATION / "slurm.conf"
    if not conf.exists():  # a node may have got it from its controller
        return "this machine belongs to a cluster: slurmd or slurmctld is at work" if _daemons(*DAEMONS) else ""
    if not conf.read_text().startswith(OURS):
        return f"{conf} exists: this machine belongs to a cluster"
    try:
        with _lock():
            return ""
    except BlockingIOError:
        return f"other tests are at work with {conf}"


@contextmanager
def _lock() -> Iterator[None]:
    """Lock out other tests; the death of this process lets them in again."""
    with LOCK.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


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


def _daemons(*names: str) -> list[psutil.Process]:
    return [process for process in psutil.process_iter(["name"]) if process.info["name"] in names]


def _kill(*names: str) -> None:
    """Kill daemons and all that they started, and wait until they are gone."""
    doomed = []
    for daemon in _daemons(*names):
        try:
            doomed += [daemon, *daemon.children(recursive=True)]
        except psutil.NoSuchProcess:
            continue
    for process in doomed:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(doomed, PATIENCE)


def lose_node() -> None:
    """End the node's daemon, its jobs and all that they started, at once, as a power failure does."""
    _kill("slurmd", "slurmstepd")


def _clear_away() -> None:
    _kill(*DAEMONS)
    for name in ("slurm.conf", "gres.conf"):
        (CONFIGURATION / name).unlink(missing_ok=True)


@contextmanager
def _munge() -> Iterator[None]:
    """The daemon that vouches for users, unless the machine's own is at work."""
    if subprocess.run(["munge", "--no-input"], capture_output=True, check=False).returncode == 0:
        yield
        return
    subprocess.run(["install", "-d", "-o", "munge", "-g", "munge", MUNGE], check=True)
    subprocess.run(["runuser", "-u", "munge", "--", "/usr/sbin/munged"], check=True)
    try:
        yield
    finally:
        _kill("munged")


@contextmanager
def cluster(folder: Path) -> Iterator[None]:
    """Run the cluster, with its state and logs in `folder`. Nothing may be `missing`.

    Raises:
        BlockingIOError: other tests run one.
    """
    (folder / "state").mkdir()
    for number in range(GPUS):
        os.mknod(folder / f"gpu{number}", 0o20666, os.makedev(1, 3))  # a null device
    ports = {"controller_port": free_port(), "node_port": free_port()}
    conf = OURS + CONF.format(node=NODE, folder=folder, gpus=GPUS, grace=GRACE, **ports)
    with _lock(), _munge():
        _clear_away()
        try:
            CONFIGURATION.mkdir(exist_ok=True)
            (CONFIGURATION / "slurm.conf").write_text(conf)
            (CONFIGURATION / "gres.conf").write_text(f"NodeName={NODE} Name=gpu File={folder}/gpu[0-{GPUS - 1}]\n")
            subprocess.run(["/usr/sbin/slurmctld", "-c"], check=True)
            start_node()
            yield
        finally:
            _clear_away()
