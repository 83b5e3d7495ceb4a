# What all stages share: the checked configuration, names for wildcards, and the code that a rule depends on.

import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, f"{workflow.basedir}/scripts")

from faithfulness import claims, closure, prompts, settings, sources
from faithfulness.tables import PERTURBATIONS

try:
    SETTINGS = settings.load(config)
    prompts.load(SETTINGS.prompts)
    claims.load(SETTINGS.claims)
    settings.check_paths(SETTINGS)
except settings.SettingsError as error:
    sys.exit(
        f"The configuration cannot be used:\n{error}\nAll settings are explained in config/README.md."
    )

RESULTS = SETTINGS.results
JOURNAL = f"{RESULTS}/.journal"
ENVIRONMENT = "../envs/environment.yaml"
# Taken up where it was made; nothing here makes it.
CALIBRATION = [file for file in (SETTINGS.calibration,) if file and Path(file).exists()]
MODELS = [model.name for model in SETTINGS.models]
DATASETS = [dataset.name for dataset in SETTINGS.datasets]
TUNED = [arm.name for arm in SETTINGS.trainings()]
SOURCES = {
    sources.slug(entry.source): (kind, entry.source)
    for kind, entries in (("model", SETTINGS.models), ("dataset", SETTINGS.datasets))
    for entry in entries
    if getattr(entry, "source", None)
}
# Named by what they are made of, not by the model's name: configurations share what is the same, and nothing else.
WEIGHTS = {
    sources.weights_slug(weights): weights
    for model in SETTINGS.models
    for weights in (model.weights(), model.whole())
    if weights
}

# A model job takes one GPU where the machine has any, and sees no other: two jobs on a device would share its memory,
# and a trainer that sees several multiplies its batch.
GPU = int(bool(shutil.which("nvidia-smi")))
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0")

# Training and scoring allocate and free large blocks all the time. glibc gives each back to the kernel at once and
# takes page faults to get it again; keeping them makes a training step on the CPU a quarter faster.
os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(2**32))
os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(2**33))
# Many jobs, few cores: nothing is gained by threads that tokenise beside those that compute.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


wildcard_constraints:
    model="|".join(map(re.escape, MODELS)),
    weights="|".join(map(re.escape, WEIGHTS)),
    arm="|".join(map(re.escape, TUNED)),
    writer="|".join(map(re.escape, ["base", *TUNED])),
    reader="|".join(map(re.escape, ["base", *TUNED])),
    dataset="|".join(map(re.escape, DATASETS)),
    perturbation="|".join(PERTURBATIONS),
    source="|".join(map(re.escape, SOURCES)) or "none",


def code(script):
    """Hash of the code that a script depends on: a parameter of its rule, so that a change runs it again."""
    return closure.code_hash(Path(workflow.basedir) / "scripts" / f"{script}.py")


def source_of(entry):
    """Input files of a model or dataset: what its source was fetched to, the path it names, or nothing."""
    source = getattr(entry, "source", None)
    if source is None or source.uri.startswith("random:"):
        return []
    return str(
        sources.local_path(source) or f"resources/sources/{sources.slug(source)}"
    )


def made_of(weights):
    """What a model's weights are made of: their source, or the same weights with all layers."""
    whole = weights.whole()
    return weights_folder(whole) if whole else source_of(weights)


def weights_folder(weights):
    return f"resources/models/{sources.weights_slug(weights)}"


def weights_of(wildcards):
    """Folder of the weights of the model that the wildcards name."""
    return weights_folder(SETTINGS.model(wildcards.model))


def training_threads(wildcards):
    """Jobs that share cores slow each other down many times, so a training takes all; a tiny model needs one."""
    tiny = SETTINGS.model(wildcards.model).source.uri.startswith("random:")
    return 1 if tiny else workflow.cores


def inference_threads(wildcards):
    """Half of the cores: two jobs side by side, as neither start-up nor decoding gains much from more."""
    return max(1, training_threads(wildcards) // 2)


def max_new_tokens_of(wildcards):
    return SETTINGS.dataset(wildcards.dataset).max_new_tokens


def contrasts_of(wildcards):
    """Pairs of words that mean different things in a dataset, beside those that do everywhere."""
    return [list(pair) for pair in SETTINGS.dataset(wildcards.dataset).contrasts]


def train_items(recipe):
    """Train items of all datasets that a recipe uses."""
    return expand(
        f"{RESULTS}/items/{{dataset}}/train.parquet",
        dataset=settings.train_datasets(recipe),
    )


def arms_of(model, arm="base"):
    """Arms whose chains and answers are compared with those of an arm: base with all, a tuned one with base."""
    return SETTINGS.arms_of(model) if arm == "base" else ["base", arm]


def of_all_arms(pattern):
    """Files of all models, arms and datasets, and of all perturbations where the pattern names one."""
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
