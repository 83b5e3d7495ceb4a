"""Memory and time of jobs, from the configuration: what they request from a scheduler, and how long they should take.

Time is that of `cost.seconds`, as in `make plan`. A plan counts tokens; here they are estimated from lengths, as this
runs whenever Snakemake reads the rules.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from faithfulness.config.datasets import Dataset
from faithfulness.config.models import LocalSpeaker, Model, Speaker
from faithfulness.config.recipes import ANSWER_TARGETS, Recipe
from faithfulness.config.settings import Settings
from faithfulness.operate import cost
from faithfulness.operate.cost import TRAINING_PASSES, Assumptions, Tokens
from faithfulness.perturb.registry import PERTURBATIONS
from faithfulness.prepare import sources

UNKNOWN_PARAMETERS = 8e9  # assumed of a model whose `parameters` are not set
ON_GPU = Assumptions(flops=312e12)  # an A100's data sheet
ON_CPU = Assumptions(flops=1e12)  # two cores with bfloat16, measured
# Bytes for each parameter in a training: float32 weights, gradients and AdamW's two moments; frozen weights; weights in
# 4 bits, quantised from bfloat16.
TRAINING_BYTES = {"full": 16, "lora": 4, "qlora": 2}

# Tokens of a prompt: a question with four options, and its template.
PROMPT_TOKENS = ON_CPU.question_tokens + 4 * ON_CPU.option_tokens + 20
ANSWER_TOKENS = 20  # a cue, and the options behind it
# Variants of perturbations that are not counted at each cut: early termination has one probe more, there is one direct
# probe, mistakes are continued where the configuration says so, and conflict chains have no cuts.
COUNTED_APART = {("early_termination", "keep_k"), ("direct", "direct"), ("mistake", "resample")}
AT_CUTS = {(p.name, v.name) for p in PERTURBATIONS.values() for v in p.variants if not v.whole}
PROBES_AT_CUT = len(AT_CUTS - COUNTED_APART)
MOST_VARIANTS = max(len(perturbation.variants) for perturbation in PERTURBATIONS.values())  # of one perturbation

# Memory of tables as rows of Python objects.
TOKEN_BYTES = 46  # an integer in a list (40) and its text
ROW_BYTES = 1500  # the other columns
FORMS = 2  # of a block's probes: rows, and what they are read from
READING_MEGABYTES = 80  # of Parquet's own buffers, however small a table is
SCORE_BYTES = 250  # a row of scores, in a data frame
SCORED_BYTES = 700  # the same while a job joins and sorts the rows of its blocks, in several copies (make bench-shard)

START_SECONDS = 4  # of any job: Snakemake and imports; the same again to load a model
STEP_SECONDS = 0.1  # of a training step of the smallest model
CHAIN_SECONDS = 0.002  # of the statistics of an arm, for each chain of the arm and of base
MARGIN = 2  # requested time, in expected times
DAY = 24 * 60  # minutes: the longest request. A job that reaches its time limit continues where it stopped.


@dataclass(frozen=True)
class Job:
    """What the size of a job depends on.

    Args:
        settings: the configuration.
        names: the job's wildcards. Each of model, arm, writer, reader, dataset and scatteritem may be missing.
        gpu: whether models run on GPUs.
    """

    settings: Settings
    names: Mapping[str, str]
    gpu: bool

    @property
    def model(self) -> Model:
        """The model that the wildcards name."""
        return self.settings.model(self.names["model"])

    @property
    def datasets(self) -> list[Dataset]:
        """The dataset that the wildcards name, or all."""
        if name := self.names.get("dataset"):
            return [self.settings.dataset(name)]
        return list(self.settings.datasets)

    @property
    def recipe(self) -> Recipe | None:
        """How the arm that the wildcards name, or else the base arm, is trained; None for a base arm as it comes."""
        return self.settings.recipe(self.names["model"], self.names.get("arm", "base"))

    @property
    def continued(self) -> bool:
        """Whether chains are also continued after mistakes."""
        return "resample" in self.settings.perturbations.mistakes

    @property
    def second_cue(self) -> float:
        """Share of the items that are also read with the second cue."""
        return self.settings.perturbations.second_cue_items

    @property
    def conflicts(self) -> int:
        """Conflict chains of each chain, at most."""
        conflict = self.settings.perturbations.conflict
        return conflict.targets * len(conflict.kinds)

    @property
    def speed(self) -> Assumptions:
        """Of the device that models run on."""
        return ON_GPU if self.gpu else ON_CPU

    @property
    def shards(self) -> int:
        """Number of jobs that share the work, from a scatteritem such as `2-of-10`."""
        return int(self.names["scatteritem"].split("-")[-1]) if "scatteritem" in self.names else 1


def chains(job: Job, dataset: Dataset) -> int:
    """Chains of a dataset that a job reads or writes, together with its other shards.

    With a writer, its own; with a reader, those of all its writers; with an arm, those of its trainings and of base;
    else those of all arms of the model, or of all models. What a placebo or null arm reads of base counts as its own.
    """
    settings, names = job.settings, job.names
    if "writer" in names:
        arms = 1
    elif "arm" in names:
        trainings = [training.name for training in settings.trainings()]
        arms = 1 + sum(names["arm"] in (name, settings.arm_of_training(name)) for name in trainings)
    elif "reader" in names:
        arms = len(settings.writers_read_by(names["model"], names["reader"]))
    else:
        models = [names["model"]] if "model" in names else [model.name for model in settings.models]
        arms = sum(len(settings.readers_of(model)) for model in models)
    return arms * dataset.eval * settings.chains.samples


# Memory, in MB


def parameters(speaker: Speaker) -> float:
    """Parameters that a job loads: none of a model on a server, next to none of a tiny one."""
    if not isinstance(speaker, LocalSpeaker) or speaker.source.uri.startswith("random:"):
        return 0
    return speaker.parameters or UNKNOWN_PARAMETERS


def loaded_megabytes(speaker: Speaker, gpu: bool) -> float:
    """Weights for generation and scoring; `dtype: auto` may be float32 on CPUs."""
    if not isinstance(speaker, LocalSpeaker):
        return 0
    wide = speaker.dtype == "float32" or (speaker.dtype == "auto" and not gpu)
    return parameters(speaker) * (4 if wide else 2) / 1e6


def weights_megabytes(job: Job) -> float:
    """Weights of the job's model."""
    return loaded_megabytes(job.model, job.gpu)


def paraphraser_megabytes(job: Job) -> float:
    """Weights of the model that rewords."""
    paraphraser = job.settings.perturbations.paraphraser
    return loaded_megabytes(paraphraser, job.gpu) if paraphraser else 0


def largest_weights_megabytes(job: Job) -> float:
    """Weights of the largest model."""
    return max(loaded_megabytes(model, job.gpu) for model in job.settings.models)


def prepared_megabytes(job: Job) -> float:
    """Weights as they are fetched and as they are kept, of any model that is made from the same source."""
    speakers: list[Speaker] = [*job.settings.models]
    if job.settings.perturbations.paraphraser:
        speakers.append(job.settings.perturbations.paraphraser)
    local = [speaker for speaker in speakers if isinstance(speaker, LocalSpeaker)]
    slugs = {sources.weights_slug(weights): weights.source for speaker in local for weights in speaker.prepared()}
    source = slugs[job.names["weights"]]
    return 2 * max(loaded_megabytes(speaker, job.gpu) for speaker in speakers if speaker.source == source)


def trained_megabytes(job: Job) -> float:
    """Weights, gradients and moments of a training."""
    return parameters(job.model) * TRAINING_BYTES[job.recipe.method] / 1e6 if job.recipe else 0


def row_megabytes(rows: float, tokens: float) -> float:
    """Rows of chains or probes of a number of tokens each, as Python objects."""
    return rows * (ROW_BYTES + tokens * TOKEN_BYTES) / 1e6


def scored_megabytes(
    chains: float,
    tokens: int,
    cuts: int,
    block_chains: float,
    continued: bool = False,
    second_cue: float = 0.0,
    conflicts: int = 0,
) -> float:
    """Tables of a scoring job: the probes of a block, of which there are several forms at a time, and all its scores.

    Args:
        chains: number of chains that the job scores.
        tokens: of a chain, at most.
        cuts: of a chain, at most.
        block_chains: chains that are scored together: those of all writers to the items of a block.
        continued: whether chains are also continued after mistakes.
        second_cue: share of the items that are also read with the second cue.
        conflicts: conflict chains of each chain.
    """
    probes = probes_of_chain(cuts, continued, second_cue, conflicts)
    block = FORMS * row_megabytes(min(chains, block_chains) * probes, tokens)
    return READING_MEGABYTES + block + chains * probes * SCORED_BYTES / 1e6


def probes_of_chain(cuts: int, continued: bool = False, second_cue: float = 0.0, conflicts: int = 0) -> float:
    """Probes of a chain: one that stops at each cut, the substitutions at all cuts but the last, and the direct one.

    Args:
        cuts: of the chain, without its end.
        continued: whether the chain is also continued after mistakes.
        second_cue: share of the items whose probes that stop, and whose conflict chains, are read twice.
        conflicts: conflict chains of the chain.
    """
    return (1 + second_cue) * (cuts + 1 + conflicts) + (PROBES_AT_CUT + continued) * cuts + 1


def chains_megabytes(job: Job) -> float:
    """Table of chains."""
    return sum(row_megabytes(chains(job, d) / job.shards, PROMPT_TOKENS + d.max_new_tokens) for d in job.datasets)


def perturbed_megabytes(job: Job) -> float:
    """Tables of chains and of one perturbation, which has a probe of each of its variants at a cut."""
    rows = 2 + MOST_VARIANTS * job.settings.perturbations.max_cuts
    return sum(row_megabytes(rows * chains(job, d) / job.shards, d.max_new_tokens) for d in job.datasets)


def scoring_megabytes(job: Job) -> float:
    """Tables of a scoring job: a block of probes at a time, and the scores of its shard."""
    cuts, block_items = job.settings.perturbations.max_cuts, job.settings.block_items
    return sum(
        scored_megabytes(
            _chains_of_shard(job, d),
            d.max_new_tokens,
            cuts,
            chains(job, d) * min(1, block_items / d.eval),
            job.continued,
            job.second_cue,
            job.conflicts,
        )
        for d in job.datasets
    )


def scores_megabytes(job: Job) -> float:
    """Tables of scores, and of the chains behind them, as data frames."""
    probes = probes_of_chain(job.settings.perturbations.max_cuts, job.continued, job.second_cue, job.conflicts)
    return sum(chains(job, dataset) * (ROW_BYTES + probes * SCORE_BYTES) for dataset in job.datasets) / 1e6


# Time, in seconds


def training_tokens(recipe: Recipe, settings: Settings) -> Tokens:
    """Tokens of a training: a prompt and an answer an example, with a chain where it is a worked one."""
    lengths = {dataset.name: _chain_tokens(dataset) for dataset in settings.datasets}
    datasets = recipe.worked_datasets()
    worked = recipe.replay if recipe.target in ANSWER_TARGETS else 1.0
    chain = sum(lengths[name] for name in datasets) / max(len(datasets), 1)
    return Tokens(recipe.steps * recipe.batch_size * (PROMPT_TOKENS + worked * chain))


def generation_tokens(dataset: Dataset) -> Tokens:
    """Tokens of a chain."""
    length = _chain_tokens(dataset)
    return Tokens(PROMPT_TOKENS, length, requests=1, sent=PROMPT_TOKENS, received=length)


def scoring_tokens(
    dataset: Dataset, max_cuts: int, continued: bool = False, second_cue: float = 0.0, conflicts: int = 0
) -> Tokens:
    """Tokens of all probes of a chain, in one prefix tree."""
    length = _chain_tokens(dataset)
    cuts = min(max_cuts, max(1, round(length / ON_CPU.step_tokens)))
    probes = probes_of_chain(cuts, continued, second_cue, conflicts)
    # The tokens in place of the steps after a cut are as many as theirs: on average half of the chain and half a step.
    branches = (PROBES_AT_CUT + continued) * length * (cuts + 1) / 2 + conflicts * length
    prefilled = PROMPT_TOKENS + length + branches + probes * ANSWER_TOKENS
    generated = probes * dataset.answer_tokens if dataset.readout == "text" else 0
    return Tokens(prefilled, generated, requests=probes, sent=probes * (PROMPT_TOKENS + length), received=probes)


def _chain_tokens(dataset: Dataset) -> float:
    return ON_CPU.chain_share * dataset.max_new_tokens


def training_seconds(job: Job) -> float:
    """Seconds of a training."""
    if job.recipe is None:
        return 0
    passes = TRAINING_PASSES[job.recipe.method]
    computing = _seconds(training_tokens(job.recipe, job.settings), job.model, job, passes)
    return max(STEP_SECONDS * job.recipe.steps, computing)


def generation_seconds(job: Job) -> float:
    """Seconds in which an arm writes its chains."""
    return sum(_seconds(generation_tokens(d) * _chains_of_shard(job, d), job.model, job) for d in job.datasets)


def continuation_seconds(job: Job) -> float:
    """Seconds in which an arm continues its chains after each mistake: half of a chain on average."""
    return job.settings.perturbations.max_cuts / 2 * generation_seconds(job)


def conflict_seconds(job: Job) -> float:
    """Seconds in which an arm writes conflict chains: half of a chain after a mistake, a whole one for an argument."""
    conflict = job.settings.perturbations.conflict
    chains_written = sum({"continue": 0.5, "argue": 1.0}.get(kind, 0.0) for kind in conflict.kinds)
    return conflict.targets * chains_written * generation_seconds(job)


def scoring_seconds(job: Job) -> float:
    """Seconds in which a reader answers all probes of its writers' chains."""
    cuts = job.settings.perturbations.max_cuts
    tokens = [
        scoring_tokens(d, cuts, job.continued, job.second_cue, job.conflicts) * _chains_of_shard(job, d)
        for d in job.datasets
    ]
    return sum(_seconds(part, job.model, job) for part in tokens)


def rewording_seconds(job: Job) -> float:
    """Seconds in which a language model rewords the steps of chains; none where rules do."""
    paraphraser = job.settings.perturbations.paraphraser
    if paraphraser is None:
        return 0
    tokens = [generation_tokens(dataset) * _chains_of_shard(job, dataset) for dataset in job.datasets]
    return sum(_seconds(part * paraphraser.candidates, paraphraser, job) for part in tokens)


def calibration_seconds(job: Job) -> float:
    """Seconds in which the readers of all models answer, in turn."""
    cuts = job.settings.perturbations.max_cuts
    return sum(
        _seconds(scoring_tokens(dataset, cuts, job.continued, job.conflicts) * chains(job, dataset), model, job)
        for model in job.settings.models
        for dataset in job.datasets
    )


def comparison_seconds(job: Job) -> float:
    """Seconds of the statistics of chains."""
    return CHAIN_SECONDS * sum(chains(job, dataset) for dataset in job.datasets)


def _chains_of_shard(job: Job, dataset: Dataset) -> float:
    return chains(job, dataset) / job.shards


def _seconds(tokens: Tokens, speaker: Speaker, job: Job, passes: float = 1) -> float:
    return cost.seconds(tokens, speaker, parameters(speaker), job.speed, passes) or 0


# Time of the rules that take longer than it takes to start them.
WORK: dict[str, Callable[[Job], float]] = {
    "warm_start": training_seconds,
    "warm_start_again": training_seconds,
    "finetune": training_seconds,
    "write_chains": generation_seconds,
    "paraphrase": rewording_seconds,
    "add_mistakes": continuation_seconds,
    "add_conflicts": conflict_seconds,
    "rescore_answers": scoring_seconds,
    "estimate_effects": comparison_seconds,
    "estimate_controls": comparison_seconds,
    "calibrate": calibration_seconds,
}


def expected_seconds(rule: str, job: Job) -> float:
    """Seconds that a job of a rule is expected to take."""
    if rule not in WORK:
        return START_SECONDS
    return 2 * START_SECONDS + WORK[rule](job)


def requested_megabytes(megabytes: float, attempt: int) -> int:
    """Memory to request: twice as much at the second attempt, and so on."""
    return attempt * round(megabytes)


def requested_minutes(minutes: float, seconds: float, attempt: int) -> int:
    """Time to request: `minutes` and a margin over the expected seconds, longer at each attempt, a day at most."""
    return min(DAY, attempt * round(minutes + MARGIN * seconds / 60))
