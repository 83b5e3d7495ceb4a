# What jobs request from a cluster's scheduler: memory and time, by the sizes of models and tables. On a workstation they
# limit nothing.

ASSUMED_PARAMETERS = 8e9  # of a model that does not say (`parameters`)
# Bytes a parameter in a training: of float32 weights, gradients and AdamW's two moments; frozen weights; 4-bit ones,
# quantised from bfloat16.
TRAINING_BYTES = {"full": 16, "lora": 4, "qlora": 2}
# Seconds in which a model of 10^9 parameters writes or reads a chain with all its probes, or learns an example: six times
# what an H200 took with 8e9 (benchmarks/README.md), and three times what two cores took with 1.3e8.
SECONDS = 0.05 if GPU else 16
MARGIN = 6 if GPU else 3  # of these
START_SECONDS = (
    4  # of a job: Snakemake and the imports; as much again where a model is loaded
)
STEP_SECONDS = 0.1  # of a training, however small the model is
TABLES_MB = (
    0.05  # of a chain, its probes and the answers to them: in memory 0.02 were measured
)
# Of a server's model: twenty requests of two seconds, eight at a time.
SERVED_SECONDS = 5
DAY = 24 * 60  # minutes: nothing is lost at a time limit, and partitions have one


def parameters_of(speaker):
    """Parameters that a job loads: none of a server's model, next to none of a tiny one."""
    if speaker.served or speaker.source.uri.startswith("random:"):
        return 0
    return speaker.parameters or ASSUMED_PARAMETERS


def loaded(speaker):
    """MB of the weights as they are written and read with; `auto` may be float32 on CPUs."""
    wide = speaker.dtype == "float32" or (speaker.dtype == "auto" and not GPU)
    return parameters_of(speaker) * (4 if wide else 2) / 1e6


def loaded_of(wildcards):
    return loaded(SETTINGS.model(wildcards.model))


def chains_of(wildcards):
    """Chains of one arm; all arms' of one model or of all, where the wildcards name no more."""
    named = wildcards.get("dataset")
    items = sum(d.eval for d in SETTINGS.datasets if named in (d.name, None))
    arms = 1
    if "writer" not in wildcards.keys():
        named = [wildcards.model] if "model" in wildcards.keys() else MODELS
        arms = sum(
            len(arms_of(model, wildcards.get("reader", "base"))) for model in named
        )
    return SETTINGS.chains.samples * items * arms


def tables_of_chains(wildcards):
    """MB of the tables of those chains."""
    return TABLES_MB * chains_of(wildcards)


def loaded_with_tables(wildcards):
    return loaded_of(wildcards) + tables_of_chains(wildcards)


def reworders_of(wildcards):
    return loaded(PARAPHRASER)


def prepared_of(wildcards):
    """MB of weights as they come and as they are kept."""
    source = WEIGHTS[wildcards.weights].source
    return 2 * max(loaded(speaker) for speaker in SPEAKERS if speaker.source == source)


def recipe_of(wildcards):
    """What an arm is trained by: the one that the wildcards name, or base, which may be warm-started."""
    if "arm" in wildcards.keys():
        return SETTINGS.arm(wildcards.arm)
    return SETTINGS.model(wildcards.model).warm_start


def trained_of(wildcards):
    """MB of what a training holds of its model."""
    recipe = recipe_of(wildcards)
    parameters = parameters_of(SETTINGS.model(wildcards.model))
    return parameters * TRAINING_BYTES[recipe.method] / 1e6 if recipe else 0


def seconds(speaker, chains):
    """Seconds in which a model, or the server that holds it, works on chains."""
    if speaker.served:
        return SERVED_SECONDS * chains
    return SECONDS * chains * parameters_of(speaker) / 1e9


def training_seconds(wildcards):
    recipe = recipe_of(wildcards)
    examples = recipe.steps * recipe.batch_size if recipe else 0
    return seconds(SETTINGS.model(wildcards.model), examples)


def worked_on(wildcards):
    """Of those chains, how many a job works on."""
    shards = shard_of(wildcards)
    return chains_of(wildcards) / (int(shards.split("-")[-1]) if shards else 1)


def model_seconds(wildcards):
    """Of writing an arm's chains, or of reading those of all of a reader's writers."""
    return seconds(SETTINGS.model(wildcards.model), worked_on(wildcards))


def rewording_seconds(wildcards):
    return seconds(PARAPHRASER, PARAPHRASER.candidates * worked_on(wildcards))


def calibration_seconds(wildcards):
    """All models' readers, one after the other."""
    return sum(seconds(model, chains_of(wildcards)) for model in SETTINGS.models)


def comparison_seconds(wildcards):
    """Three times what was measured: 23 s of 720 chains."""
    return 0.1 * chains_of(wildcards)


def memory(base, more=lambda wildcards: 0):
    """Resource mem_mb: `base` and what model and tables add, in MB; twice that at the second attempt, and so on."""
    return lambda wildcards, attempt: attempt * round(base + more(wildcards))


def runtime(base, more=lambda wildcards: 0):
    """Resource runtime, in minutes: `base` and the seconds that the work adds; longer at every attempt."""
    return lambda wildcards, attempt: min(
        DAY, attempt * round(base + more(wildcards) / 60)
    )


def expected_seconds(job):
    """Seconds that a job is expected to take: the weight of a job in the run's line of progress."""
    work = {
        "warm_start": training_seconds,
        "finetune": training_seconds,
        "write_chains": model_seconds,
        "rescore_answers": model_seconds,
        "compare_arms": comparison_seconds,
        "calibrate": calibration_seconds,
    }
    if PARAPHRASER:
        work["paraphrase"] = rewording_seconds
    if job.rule.name not in work:
        return START_SECONDS
    recipe = (
        recipe_of(job.wildcards) if work[job.rule.name] is training_seconds else None
    )
    steps = STEP_SECONDS * recipe.steps if recipe else 0
    return 2 * START_SECONDS + max(steps, work[job.rule.name](job.wildcards) / MARGIN)
