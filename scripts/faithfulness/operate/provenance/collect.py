"""Making the record of a run when its results are finished."""

import platform
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from faithfulness.arms.record import ArmRecord, read_arm
from faithfulness.config.datasets import Dataset
from faithfulness.config.models import LocalModel, ServedModel
from faithfulness.config.settings import AnyArm, Settings
from faithfulness.config.training import ImportedArm
from faithfulness.hashing import digest, file_hash
from faithfulness.operate import job, versions
from faithfulness.operate.provenance.record import Arm, DatasetRecord, Record, RuleCost
from faithfulness.operate.provenance.software import code_state, installed_versions
from faithfulness.prepare import sources

SHARD = re.compile(r"\.\d+-of-\d+$")  # at the end of a job's name


def collect(
    root: Path, settings: Settings, arms: Sequence[str | Path], resources: Path, shared: Sequence[str]
) -> Record:
    """The record of a run whose results are finished.

    Args:
        root: folder of the project.
        settings: the configuration.
        arms: folders of all arms.
        resources: folder that several runs share.
        shared: names of the sources and weights in it that are this run's; the logs and benchmarks of their jobs have
            these names.
    """
    results = Path(settings.results)
    names = {"all", *(name for folder in arms for name in Path(folder).parts[-2:])}
    names |= {dataset.name for dataset in settings.datasets}
    owners = [(results, names), (resources, set(shared))]
    places = [job.read_facts(file) for _, file in _files_of_jobs("logs", job.FACTS, owners)]
    configuration = settings.model_dump(mode="json")
    named_files = (settings.prompts, settings.claims, settings.published, settings.calibration)
    return Record(
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        configuration=configuration,
        configured=settings.model_dump(mode="json", exclude_unset=True),
        configuration_hash=digest(configuration),
        files={file: hash_if_there(file) for file in named_files if file},
        code=code_state(root),
        versions=installed_versions(versions.pins(root / "envs/requirements.txt")),
        platform=platform.platform(),
        processors=sorted({place.processor for place in places}),
        gpus=sorted({gpu for place in places for gpu in place.gpus}),
        slurm_jobs=sorted({place.slurm_job for place in places if place.slurm_job}),
        arms=[_arm(read_arm(folder), settings) for folder in arms],
        datasets=[_dataset(dataset, results) for dataset in settings.datasets],
        seeds={
            "chains": settings.chains.seed,
            "perturbations": settings.perturbations.seed,
            "statistics": settings.statistics.seed,
        },
        rules=costs(_files_of_jobs("benchmarks", ".tsv", owners)),
    )


def _files_of_jobs(part: str, suffix: str, owners: Iterable[tuple[Path, set[str]]]) -> list[tuple[str, Path]]:
    """Rule and file of each job that wrote a file of a kind.

    Jobs are named by their wildcards. Other names belong to jobs of other runs, or of an earlier configuration. Where
    some items were computed by one job and others by shards of it, all of them count.

    Args:
        part: folder of these files, in the folders of the owners.
        suffix: of these files.
        owners: folders, and the names of the jobs in each that are this run's.
    """
    files = []
    for folder, names in owners:
        for file in (folder / part).rglob(f"*{suffix}"):
            rule, *wildcards = str(file.relative_to(folder / part)).removesuffix(suffix).split("/")
            if {SHARD.sub("", name) for name in wildcards} <= names:
                files.append((rule, file))
    return sorted(files)


def _arm(record: ArmRecord, settings: Settings) -> Arm:
    entry = settings.model(record.model) if record.arm == "base" else _arm_entry(record.arm, settings)
    return Arm(
        model=record.model,
        arm=record.arm,
        kind=record.weights.kind,
        source=entry.source if isinstance(entry, LocalModel | ServedModel | ImportedArm) else None,
        parameters=record.parameters,
        dtype=record.dtype,
        quantisation=record.quantisation,
        seed=record.seed,
        weights=record.weights_hash,
        parent=record.parent,
        date=record.prompts.date,
        template=record.prompts.template,
    )


def _arm_entry(name: str, settings: Settings) -> AnyArm:
    """The entry of the configuration that describes an arm, whatever the seeds of its trainings are."""
    return next(arm for arm in settings.arms if arm.name == name)


def _dataset(dataset: Dataset, results: Path) -> DatasetRecord:
    here = [(source, path) for source in dataset.sources() if (path := sources.local_path(source))]
    items = results / "items" / dataset.name
    return DatasetRecord(
        dataset=dataset.name,
        seed=dataset.seed,
        sources=dataset.sources(),
        files={str(file): hash_if_there(file) for source, path in here for file in sources.locate(source, path)},
        train=hash_if_there(items / "train.parquet"),
        eval=hash_if_there(items / "eval.parquet"),
    )


def hash_if_there(file: str | Path) -> str | None:
    """SHA-256 of a file; None where there is none."""
    return file_hash(file) if Path(file).is_file() else None


def costs(benchmarks: Iterable[tuple[str, Path]]) -> list[RuleCost]:
    """Wall time and peak memory of each rule.

    Args:
        benchmarks: rule and file of the `benchmark:` of each job.
    """
    tables: dict[str, list[pd.DataFrame]] = {}
    for rule, file in benchmarks:
        tables.setdefault(rule, []).append(pd.read_csv(file, sep="\t")[["s", "max_rss"]])
    rule_costs = []
    for rule, jobs in tables.items():
        measured = pd.concat(jobs).apply(pd.to_numeric, errors="coerce")
        peak = measured["max_rss"].max()
        rule_costs.append(
            RuleCost(
                rule=rule,
                jobs=len(jobs),
                seconds=round(float(measured["s"].sum()), 2),
                max_rss=None if pd.isna(peak) else float(peak),
            )
        )
    return rule_costs
