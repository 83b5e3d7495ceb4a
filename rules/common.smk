# What all stages share: the checked configuration, names for wildcards, and the code that a rule depends on.

import fcntl
import functools
import os
import shutil
import sys
from pathlib import Path

import yaml

sys.path.insert(0, f"{workflow.basedir}/scripts")

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from faithfulness import prompts
from faithfulness.chains import notices
from faithfulness.compare import claims
from faithfulness.config import roles, settings
from faithfulness.config.base import SettingsError
from faithfulness.config.controls import NullArm
from faithfulness.config.recipes import READER_TARGETS
from faithfulness.config.training import ImportedArm, TrainedArm
from faithfulness.operate import code_hash, versions
from faithfulness.perturb.registry import PERTURBATIONS
from faithfulness.prepare import sources
from faithfulness.report import published
from faithfulness.tables.generation import Forecast
from faithfulness.tables.io import read_table

CATALOGUE = yaml.safe_load(
    (Path(workflow.basedir) / "config/datasets.yaml").read_text("utf-8")
)

try:
    SETTINGS = settings.load(config, CATALOGUE)
    prompts.load(SETTINGS.prompts)
    DECLARED = claims.load(SETTINGS.claims)
    settings.check_paths(SETTINGS)
    PUBLISHED = published.load(SETTINGS.published)
    published.check_datasets(
        PUBLISHED, [*CATALOGUE, *(dataset.name for dataset in SETTINGS.datasets)]
    )
    # Jobs may have an environment of their own, which they check themselves (operate/job.py).
    if not workflow.deployment_settings.deployment_method:
        versions.check()
except versions.VersionError as error:
    sys.exit(str(error))
except SettingsError as error:
    sys.exit(
        f"The configuration cannot be used:\n{error}\nAll settings are explained in config/README.md."
    )

RESULTS = SETTINGS.results
JOURNAL = f"{RESULTS}/.journal"
# Modules of the backends: of models on a server, and of models whose weights are loaded here.
BACKENDS = {
    True: "faithfulness.backends.openai",
    False: "faithfulness.backends.transformers",
}
# What the gates allow, as far as chains and rewordings decide.
LIMITS = DECLARED.gates.model_dump(include={*notices.Limits.__annotations__})
ENVIRONMENT = "../envs/environment.yaml"
# Used if it exists; no rule of this workflow makes it.
CALIBRATION = [file for file in (SETTINGS.calibration,) if file and Path(file).exists()]
MODELS = [model.name for model in SETTINGS.models]
PARAPHRASER = SETTINGS.perturbations.paraphraser
SPEAKERS = [*SETTINGS.models, *filter(None, [PARAPHRASER])]
DATASETS = [dataset.name for dataset in SETTINGS.datasets]
TRAININGS = [arm.name for arm in SETTINGS.trainings()]
WRITERS = ["base", *(name for name in TRAININGS if not roles.is_control(name))]
# Trainings that begin where the base arm's began, not where it ended.
WARM_AGAIN = [
    arm.name
    for arm in SETTINGS.trainings()
    if isinstance(arm, NullArm) and not arm.null.of
]
IMPORTED = [arm for arm in SETTINGS.arms if isinstance(arm, ImportedArm)]
ELSEWHERE = [arm.name for arm in IMPORTED]  # trained there
COVERED = [name for name in DATASETS if name in PUBLISHED.datasets]
SOURCES = {
    sources.slug(source): (kind, source)
    for kind, found in (
        ("model", [speaker.source for speaker in SPEAKERS]),
        ("model", [arm.source for arm in IMPORTED]),
        ("dataset", [source for d in SETTINGS.datasets for source in d.sources()]),
    )
    for source in found
    if not source.served
}
# Named by what they are made of, not by the model's name, so that configurations share the same weights and no others.
WEIGHTS = {
    sources.weights_slug(weights): weights
    for speaker in SPEAKERS
    if not speaker.served
    for weights in speaker.prepared()
}

# A model job takes GPUs if the machine has any; it decides which ones when it runs (arms/gpus.py). A login node cannot
# know whether the nodes of a cluster have GPUs: the profile says so, and passes it on to the job on the node.
DEFAULTS = workflow.resource_settings.default_resources or {}
GPU = int(
    DEFAULTS["gpu_nodes"].value
    if "gpu_nodes" in DEFAULTS
    else bool(shutil.which("nvidia-smi"))
)

# Nodes of a cluster may reach no server, and jobs of a served model do not compute: they run where Snakemake does.
SERVED = all(model.served for model in SETTINGS.models)

# Variables that all jobs inherit. They are set here, while the rules are read, because jobs of this machine and Snakemake
# on a node both begin with this file; what the user has set stays.
# glibc returns freed blocks to the kernel at once, and getting them again costs page faults: keeping them makes a
# training step on the CPU a quarter faster.
os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(2**32))
os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(2**33))
# There are many jobs and few cores: threads that tokenise beside those that compute gain nothing.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# A job ends when this process does (operate/job.py).
os.environ.update(SNAKEMAKE_PID=str(os.getpid()))


def hold_folder():
    """One run in a folder at a time, for as long as this process lives; `make` lifts Snakemake's own lock under it."""
    global HELD
    HELD = open(".snakemake/run.lock", "w")
    try:
        fcntl.flock(HELD, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise WorkflowError(
            "Another run is at work in this folder; wait for it, or use a copy of the folder."
        )
    except OSError:
        pass  # a file system without locks


def stop_before_scoring():
    """End a run that is to stop and would score chains that close a comparison, as it is known of them already.

    Chains that are written or checked in this run are left to their check.
    """
    jobs = list(workflow.dag.needrun_jobs())
    made = {str(file) for job in jobs for file in job.output}
    needed = {str(file) for job in jobs for file in job.input}
    for file in sorted(needed - made):
        if file.startswith(f"{RESULTS}/forecast/"):
            known = read_table(file, Forecast)
            place = ", ".join(known.loc[0, ["model", "dataset"]])
            try:
                notices.stop(place, notices.notices(known, notices.Limits(**LIMITS)))
            except notices.StoppedError as error:
                raise WorkflowError(str(error))


def any_of(names):
    """Regular expression of wildcards: any of the names, or one that matches nothing."""
    return "|".join(map(re.escape, names)) or "none"


# `--set-scatter shards=<n>` (in a profile: `set-scatter`) splits writing (also continuing from mistakes), paraphrasing and
# scoring of a dataset into shards of whole blocks, one job each. Their tables are joined again.
scattergather:
    shards=1,


SHARDED = len(gather.shards("{scatteritem}")) > 1


def shard(path):
    """Path of a shard's file; of the whole where there is one shard."""
    path = Path(path)
    return (
        f"{path.with_suffix('')}.{{scatteritem}}{path.suffix}" if SHARDED else f"{path}"
    )


def shard_of(wildcards):
    """Which shard a job works on, '<number>-of-<count>'; None for the whole."""
    return wildcards.get("scatteritem")


wildcard_constraints:
    model=any_of(MODELS),
    weights=any_of(WEIGHTS),
    arm=any_of(TRAININGS),
    writer=any_of(WRITERS),
    reader=any_of(["base", *TRAININGS]),
    dataset=any_of(DATASETS),
    perturbation=any_of(PERTURBATIONS),
    source=any_of(SOURCES),


def code(script, *modules, words=True, without=()):
    """Hash of the code that a script depends on, as a parameter of its rule: a change of that code runs it again.

    `modules` are those that the script imports by name; `words=False` is for rules whose tables hold no words for people
    (code_hash.py); `without` are modules that the job does not use, or a function from wildcards to them.
    """
    path = Path(workflow.basedir) / "scripts" / f"{script}.py"

    @functools.cache
    def hash_without(*left_out):
        return code_hash.code_hash(path, words=words, without=left_out, extra=modules)

    def of_job(wildcards):
        return hash_without(*(without(wildcards) if callable(without) else without))

    return of_job  # evaluated for the jobs of the run only


def unused_backends(*speakers):
    """Modules of the backends that none of these models uses."""
    used = {speaker.served for speaker in speakers if speaker}
    return [module for served, module in BACKENDS.items() if served not in used]


def unused_backends_of(wildcards):
    return unused_backends(SETTINGS.model(wildcards.model))


def fetched(source):
    """Input file or folder of a source: what it was fetched to, or the path that it names; none on a server."""
    if source.served:
        return []
    return str(
        sources.local_path(source) or f"resources/sources/{sources.slug(source)}"
    )


def tables_of(wildcards):
    """Tables that a dataset's items come from: of evaluation items, then of train items where they have their own."""
    return [fetched(source) for source in SETTINGS.dataset(wildcards.dataset).sources()]


def made_of(weights):
    """What a model's weights are made of: their source, the same weights with all layers, or nothing."""
    unpruned = weights.unpruned()
    if unpruned:
        return weights_folder(unpruned)
    return [] if weights.source.uri.startswith("random:") else fetched(weights.source)


def weights_folder(weights):
    return f"resources/models/{sources.weights_slug(weights)}"


def weights_of(wildcards):
    """Folder of the weights of the model that the wildcards name; none where a server holds them."""
    model = SETTINGS.model(wildcards.model)
    return [] if model.served else weights_folder(model)


def service_of(wildcards):
    """Settings of requests to a server, as JSON: a resource, because they change no answer; '' without a server."""
    return SETTINGS.model(wildcards.model).service()


def gpus_of(wildcards):
    return GPU * SETTINGS.model(wildcards.model).gpus


def training_threads(wildcards):
    """Jobs that share cores slow each other down many times, so a training takes all; a tiny or served model needs one."""
    model = SETTINGS.model(wildcards.model)
    tiny = model.source.uri.startswith("random:")
    return 1 if tiny or model.served else workflow.cores


def inference_threads(wildcards):
    """Half of the cores: two jobs side by side, because neither start-up nor decoding gains much from more."""
    return max(1, training_threads(wildcards) // 2)


def setting(path, **parts):
    """A setting of the model, arm or dataset that the wildcards name, as an input function or parameter.

    `setting("model.parameters")` is the model's size, `setting("model.dialogue")` what a method returns, and
    `setting("dataset", include={"readout"})` part of an entry, as plain values. None stays None.
    """
    kind, *keys = path.split(".")

    def of_job(wildcards):
        value = getattr(SETTINGS, kind)(getattr(wildcards, kind))
        for key in keys:
            value = None if value is None else getattr(value, key)
        value = value() if callable(value) else value
        return value.model_dump(**parts) if hasattr(value, "model_dump") else value

    return of_job


def of_all_arms(pattern):
    """Files of all models, arms and datasets, and of all perturbations where the pattern names one.

    Those of a reader are there for all arms, the others for those that write chains.
    """
    arms_of = SETTINGS.readers_of if "{reader}" in pattern else SETTINGS.writers_of
    return [
        file
        for model in MODELS
        for arm in arms_of(model)
        for file in expand(
            pattern,
            model=model,
            reader=arm,
            writer=arm,
            dataset=DATASETS,
            perturbation=PERTURBATIONS,
        )
    ]
