"""How long Snakemake plans a large run on a cluster, and what its jobs request from the scheduler: `make bench-dag`.

Dry runs of the published setting (config/paper.yaml) with 10,000 items per dataset and the SLURM profile: with its one
model, with more models of that size, and with these in shards.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import pandas as pd
import yaml

ROOT = Path(__file__).parents[1]
JOB = re.compile(r" *rule (\w+):$")  # those of a group are indented
REQUESTS = {"mem_mb": int, "runtime": int, "gpu": int, "slurm_partition": str}


def configuration(items: int, models: int) -> dict[str, Any]:
    """The published setting, larger."""
    config = yaml.safe_load((ROOT / "config/paper.yaml").read_text("utf-8"))
    (model,) = config["models"]
    config["models"] = [model | {"name": f"model-{number}"} for number in range(models)]
    for dataset in config["datasets"]:
        dataset["eval"] = items
    for arm in config["arms"]:
        arm["models"] = [one["name"] for one in config["models"]]
    return config


def dry_run(config: dict[str, Any], shards: int) -> tuple[float, float, pd.DataFrame]:
    """Seconds on the clock, seconds of the processor, and a row for each job."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        yaml.safe_dump(config | {"results": "results-dag"}, file)  # it does not exist and is not written
        file.flush()
        command = [sys.executable, "-m", "snakemake", "--dry-run", "--printshellcmds", "--configfile", file.name]
        command += ["--workflow-profile", "profiles/slurm", "--set-scatter", f"shards={shards}"]
        before, start = os.times(), perf_counter()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        seconds, after = perf_counter() - start, os.times()
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    rows: list[dict[str, Any]] = []
    for line in (done.stdout + done.stderr).splitlines():
        if job := JOB.match(line):
            rows.append({"rule": job[1], "threads": 1, "gpu": 0})
        elif line.lstrip().startswith("threads: "):
            rows[-1]["threads"] = int(line.split()[-1])
        elif line.lstrip().startswith("resources: "):
            requested = dict(re.findall(r"(\w+)=([^,]*)", line))
            rows[-1] |= {name: kind(requested[name]) for name, kind in REQUESTS.items() if name in requested}
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds, used, pd.DataFrame(rows)


def by_rule(jobs: pd.DataFrame) -> str:
    """What the largest job of each rule requests."""
    table = jobs.groupby("rule", sort=False).agg(
        jobs=("rule", "size"),
        partition=("slurm_partition", "first"),
        threads=("threads", "max"),
        gpus=("gpu", "max"),
        gigabytes=("mem_mb", lambda values: values.max() / 1000),
        hours=("runtime", lambda values: values.max() / 60),
    )
    return table.sort_values(["gpus", "gigabytes"], ascending=False).round(1).to_string()


def main() -> None:
    """Plan, count, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=10_000, help="items per dataset (default: %(default)s)")
    parser.add_argument("--models", type=int, default=5, help="models of the second run (default: %(default)s)")
    parser.add_argument("--shards", type=int, default=10, help="shards of the third run (default: %(default)s)")
    arguments = parser.parse_args()
    for models, shards in ((1, 1), (arguments.models, 1), (arguments.models, arguments.shards)):
        config = configuration(arguments.items, models)
        seconds, used, jobs = dry_run(config, shards)
        size = f"{arguments.items} items x {len(config['datasets'])} datasets x {1 + len(config['arms'])} arms"
        print(f"{size} x {models} models, shards: {shards}")
        print(f"  {len(jobs)} jobs, dry run {seconds:.1f} s ({used:.1f} s of one core)", flush=True)
        if models == shards == 1:
            print(f"\nThe largest request of each rule's jobs, at the first attempt:\n{by_rule(jobs)}\n")


if __name__ == "__main__":
    main()
