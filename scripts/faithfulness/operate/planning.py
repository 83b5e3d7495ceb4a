"""What a run takes, from its configuration alone: tokens, hours and cost, before anything is fetched (make plan).

The run is made in miniature: the first items of each dataset, with worked chains (or chains of assumed length) in
place of written ones, go through the prompts, perturbations and prefix trees of a run, and their tokens are counted
instead of computed. A finished run is counted in the same way, from its tables.
"""

import json
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass, field, replace
from functools import lru_cache, partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from faithfulness import prefix_tree, prompts
from faithfulness.arms.record import prompts_of, read_arm
from faithfulness.backends import Decoding, Probe, Prompt
from faithfulness.calibrate import calibration
from faithfulness.calibrate.exact import WorkedChains
from faithfulness.chains.write import parse_chain
from faithfulness.config.datasets import Dataset, TableDataset
from faithfulness.config.models import Model, Server, Speaker
from faithfulness.config.settings import Settings
from faithfulness.config.training import Recipe, train_datasets
from faithfulness.finetune import examples
from faithfulness.perturb import perturbations
from faithfulness.perturb.mistakes import corrupt
from faithfulness.perturb.registry import PERTURBATIONS
from faithfulness.prepare import datasets, sources
from faithfulness.prepare.sources import SourceError
from faithfulness.prompts import Prompts
from faithfulness.rescore import readout
from faithfulness.tables.fields import FLOAT, INT, STR
from faithfulness.tables.generation import Chains, Items, Probes, Scores
from faithfulness.tables.io import frame, read_table, records

Row = dict[str, Any]
Encode = Callable[[str], list[int]]

TOKENIZER = "tokenizer.json"
TRAINING_STEPS = 100  # of a training are counted; the others are as long on average
WIDTH = 96  # of what is shown, in characters
PARAPHRASER = "paraphraser"  # its name among the models
FORWARD = 2  # floating-point operations a parameter and token: a multiplication and an addition
# Times as many: frozen weights need no gradients of their own; QLoRA passes forward twice (gradient checkpointing).
TRAINING = {"full": 3, "lora": 2, "qlora": 3}
# Steps and questions of which nothing is known: common words, each of them a token in most vocabularies.
WORDS = "it is at first one of the two that are in this with all the others as they were".split()


def _assumed(default: Any, meaning: str) -> Any:
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True)
class Assumptions:
    """What no configuration says. Each is an option of `make plan`."""

    flops: float = field(metadata={"meaning": "FLOP/s of the device (an A100's data sheet: 312e12)"})
    utilisation: float = _assumed(0.4, "share of it in training and reading (.46 in PaLM's training)")
    writing_utilisation: float = _assumed(0.05, "share of it in writing, which adds a token at a time")
    reply_seconds: float = _assumed(2.0, "seconds that a server takes to reply")
    items: int = _assumed(20, "items of each dataset, which stand for all")
    # The medians of GSM8K, CosmosQA, MedQA, MedMCQA, LogiQA, OpenBookQA, TruthfulQA and CommonsenseQA: 57 on average.
    question_tokens: int = _assumed(60, "tokens of a question that is not on this disk")
    option_tokens: int = _assumed(5, "tokens of each of its options")
    chain_share: float = _assumed(0.5, "share of max_new_tokens that a chain takes where no worked chain is known")
    step_tokens: int = _assumed(20, "tokens of a step of such a chain")
    instruction_tokens: int = _assumed(100, "tokens that tell a paraphrasing model what to do")

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise ValueError(f"{name}: must be more than 0 (got {value})")


Plan = pa.schema(
    [
        pa.field(name, kind, metadata={"meaning": meaning})
        for name, kind, meaning in (
            ("rule", STR, "rule of the workflow; 'perturbations' are five"),
            ("model", STR, "model, or 'paraphraser'"),
            ("jobs", INT, "jobs"),
            ("items", INT, "examples of a training, or evaluation items of all datasets"),
            ("chains", INT, "chains written, perturbed or read; 0 in a training"),
            ("probes", INT, "probes made or read"),
            ("tokens", INT, "unique tokens computed; of a server: sent and written"),
            ("hours", FLOAT, "one job after the other; null where the model's size is unknown"),
            ("cost", FLOAT, "by the prices of the model's server; null without one"),
            ("used", INT, "unique tokens that the finished run computed; null where there is none"),
        )
    ]
)


@dataclass(frozen=True)
class Tokens:
    """Tokens of some requests: as they are computed here, and as a server counts them."""

    read: float = 0  # computed at once, each distinct one of a prefix tree once
    grown: float = 0  # computed one after the other
    requests: float = 0
    sent: float = 0  # every request pays its whole prompt
    written: float = 0

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def __mul__(self, factor: float) -> "Tokens":
        return Tokens(*(factor * a for a in astuple(self)))

    @property
    def computed(self) -> float:
        """What is computed here, all in all."""
        return self.read + self.grown

    def again(self) -> "Tokens":
        """The same requests once more, where what they ask is computed already."""
        return replace(self, read=0)


class Pieces:
    """Stands in for a tokenizer that is not on this disk: pieces that byte-level BPE never joins.

    A piece is a word with the space before it, up to three digits, or a run of punctuation or of white space; longer
    ones than eight bytes are several. Its count of English questions is within 12 % of SmolLM2's; of worked
    arithmetic, where SmolLM2 takes every digit for a token, it is a quarter lower. Its chat template is ChatML.
    """

    chat_template = "ChatML"
    bos_token_id, eos_token_id = None, 0
    bytes = 8
    pattern = re.compile(r"<\|\w+\|>| ?[^\W\d_]+| ?\d{1,3}| ?[^\w\s]+|_+|\s+")

    def __init__(self) -> None:
        self.vocabulary: dict[tuple[str, int], int] = {}

    def __call__(self, text: str, **_: Any) -> dict[str, list[Any]]:
        """Token ids, and the characters that each stands for."""
        found: dict[str, list[Any]] = {"input_ids": [], "offset_mapping": []}
        for match in self.pattern.finditer(text):
            count = 1 if match[0].startswith("<|") else -(-len(match[0].encode()) // self.bytes)
            pieces = [(match[0], part) for part in range(count)]
            found["input_ids"] += [self.vocabulary.setdefault(piece, len(self.vocabulary) + 1) for piece in pieces]
            found["offset_mapping"] += [match.span()] * count
        return found

    def encode(self, text: str, **_: Any) -> list[int]:
        """Token ids."""
        return self(text)["input_ids"]

    def decode(self, _ids: Sequence[int]) -> str:
        """Nothing: nobody reads the filler of a plan."""
        return ""

    def apply_chat_template(self, messages: Sequence[dict[str, str]], **_: Any) -> str:
        """ChatML."""
        turns = [f"<|im_start|>{message['role']}\n{message['content']}<|im_end|>\n" for message in messages]
        return "".join([*turns, "<|im_start|>assistant\n"])


def tokenizer_of(folder: Path) -> Any:
    """The tokenizer of a model that is prepared in a folder, or else what stands in for it."""
    if not (folder / TOKENIZER).exists():
        return Pieces()
    from transformers import AutoTokenizer  # noqa: PLC0415 - torch comes with it, and takes seconds to import

    return AutoTokenizer.from_pretrained(folder, local_files_only=True)


def writing(asked: Sequence[list[int]], written: Sequence[int]) -> Tokens:
    """Tokens of chains that are written together.

    Args:
        asked: token ids of their prompts.
        written: how many tokens each has.
    """
    sent, grown = sum(map(len, asked)), sum(written)
    return Tokens(_nodes(asked), grown, len(asked), sent, grown)


def reading(probes: Sequence[Probe], encode: Encode) -> Tokens:
    """Tokens of probes that are read together, as `backends.transformers` and `backends.forest` compute them.

    The last token of a candidate is looked up after the one before it, and not computed. Texts are counted at their
    limit. A server writes a text, or a letter.

    Args:
        probes: their candidates are options, or, where a text is asked for, what it is held against.
        encode: from a text to token ids.
    """
    found, sequences = Tokens(), []
    for probe in probes:
        chain = probe.chain_ids if probe.chain_ids is not None else encode(probe.chain)
        context = [*encode(probe.prompt), *chain, *encode(probe.cue)]
        scored = [encode(prompts.answer_text(text))[:-1] for text in probe.candidates]
        limit = probe.answer_tokens
        sequences += [context] if limit else [[*context, *ids] for ids in scored]
        found += Tokens(0, limit + sum(map(len, scored)) if limit else 0, 1, len(context), limit or 1)
    return found + Tokens(_nodes(sequences))


def training(recipe: Recipe, items: dict[str, list[Row]], wording: Prompts, tokenizer: Any) -> Tokens:
    """Tokens of all examples of a training, without padding."""

    some = recipe.model_copy(update={"steps": min(recipe.steps, TRAINING_STEPS)})
    lengths = [len(example["input_ids"]) for example in examples.examples(some, items, wording, tokenizer)]
    return Tokens(sum(lengths)) * (recipe.steps / some.steps)


def _nodes(sequences: Sequence[list[int]]) -> int:
    return len(prefix_tree.build(sequences).tokens)


def _encoder(tokenizer: Any) -> Encode:
    return lru_cache(maxsize=2**14)(partial(prompts.encode, tokenizer))  # prompts and options come many times


def _asked(
    items: Sequence[Row], rows: Sequence[Row], dataset: Dataset, wording: Prompts, tokenizer: Any
) -> list[Probe]:
    """Rows of the probes table, with writer and perturbation, as they are asked."""
    by_id = {item["item_id"]: item for item in items}
    probes = [readout.as_probe(by_id[row["item_id"]], row, wording, tokenizer) for row in rows]
    if dataset.readout != "text":
        return probes
    limit = dataset.answer_tokens
    return [replace(p, candidates=(by_id[p.item_id]["answer"],), answer_tokens=limit) for p in probes]


@dataclass(frozen=True)
class Work:
    """What is done with a dataset, for each of its evaluation items."""

    write: Tokens  # a chain
    probes: float  # of a chain, but for the direct one
    resample: Tokens  # writing on from the mistakes in a chain
    reword: Tokens  # rewording the steps of a chain by a language model
    direct: Tokens  # answering directly
    own: Tokens  # reading a chain, and answering directly
    other: Tokens  # reading one more chain


def items_of(dataset: Dataset, known: Assumptions, resources: Path) -> tuple[list[Row], list[Row]]:
    """Train and evaluation items: generated, from a table on this disk, or else of assumed length.

    Raises:
        ValueError: too few usable questions.
    """
    files = _files(dataset, resources)
    if files is None:
        made = [_stand_in(dataset, number, known) for number in range(2 * known.items)]
        return made[known.items :], made[: known.items]
    return datasets.items(dataset, *files)


def _files(dataset: Dataset, resources: Path) -> list[list[Path]] | None:
    """Tables of a dataset, those of each source; none for generated questions, None where they are not on this disk."""
    lie = [sources.local_path(one) or resources / "sources" / sources.slug(one) for one in dataset.sources()]
    try:
        return [sources.locate(*one) for one in zip(dataset.sources(), lie, strict=True)]
    except SourceError:
        return None


def _has_worked_chains(dataset: Dataset, resources: Path) -> bool:
    named = not isinstance(dataset, TableDataset) or dataset.columns.rationale is not None
    return named and _files(dataset, resources) is not None


def _stand_in(dataset: Dataset, number: int, known: Assumptions) -> Row:
    """An item of a table that is not on this disk."""
    assert isinstance(dataset, TableDataset), "others are generated"
    named = dataset.columns.options
    count = 0 if named is None else len(named) if isinstance(named, list) else 4
    options = [_words(known.option_tokens, start) for start in range(count)] or None
    return {
        "item_id": str(number),
        "question": f"{number} {_words(known.question_tokens - 1)}",
        "options": options,
        "answer": options[0] if options else WORDS[0],
        "rationale": _steps(dataset, known) if dataset.columns.rationale else None,
        "show_options": options is not None,
        "letters": dataset.readout == "letters",
    }


def _words(count: int, start: int = 0) -> str:
    return " ".join(islice(cycle(WORDS), start, start + count))


def _steps(dataset: Dataset, known: Assumptions) -> list[str]:
    """Steps of a chain of which nothing but its length is known."""
    count = max(1, round(known.chain_share * dataset.max_new_tokens / known.step_tokens))
    return [f"So {_words(known.step_tokens - 2, start)}." for start in range(count)]


def planned_chain(item: Row, dataset: Dataset, wording: Prompts, tokenizer: Any, known: Assumptions) -> Row:
    """A row of the chains table, and with `written` how many tokens it has with its conclusion.

    It is the item's worked chain, or one of assumed length, and the answer after the cue.
    """
    text = calibration.worked_text(item if item["rationale"] else item | {"rationale": _steps(dataset, known)})
    text += wording.chain_cue + prompts.answer_text(prompts.said(item, item["answer"]))
    prompt = prompts.chain_prompt(item, wording, tokenizer)
    (completion,) = WorkedChains({prompt: text}, tokenizer).write([Prompt(prompt)], Decoding(dataset.max_new_tokens))
    kept = {"item_id": item["item_id"], "sample": 0, "seed": 0, "prompt": prompt}
    return kept | parse_chain(completion, wording) | {"written": len(completion.ids or ())}


def work(
    items: Sequence[Row], dataset: Dataset, settings: Settings, wording: Prompts, tokenizer: Any, known: Assumptions
) -> Work:
    """Count what is done with a dataset, on some of its evaluation items."""
    perturbed, encode, share = settings.perturbations, _encoder(tokenizer), 1 / len(items)
    written = [planned_chain(item, dataset, wording, tokenizer, known) for item in items]
    made = calibration.perturb(pd.DataFrame(written), frame(items, Items), perturbed, encode, tokenizer.decode)
    if "keep" not in perturbed.mistakes:
        del made["mistake"]
    rows = [{"writer": "", "perturbation": kind, **row} for kind in made for row in records(made[kind])]
    asked: list[list[int]] = []
    lengths: list[int] = []
    if "resample" in perturbed.mistakes:
        for chain in written:
            for row, prompt, length in _written_on(chain, settings, encode):
                rows.append(row)
                asked.append(prompt)
                lengths.append(length)
    probes = _asked(items, rows, dataset, wording, tokenizer)
    direct = [probe for probe in probes if probe.details["perturbation"] == "direct"]
    # The chains of another writer: other tokens from the first on, behind the same prompt.
    others = [
        replace(probe, chain_ids=[~token for token in probe.chain_ids or ()])
        for probe in probes
        if probe.details["perturbation"] != "direct"
    ]
    own = reading(probes, encode)
    steps, step_tokens = (sum(len(chain[key]) for chain in written) for key in ("steps", "chain_ids"))
    reworded = step_tokens * (perturbed.paraphraser.candidates if perturbed.paraphraser else 0)
    sent = steps * known.instruction_tokens + step_tokens
    return Work(
        write=writing([chain["prompt_ids"] for chain in written], [chain["written"] for chain in written]) * share,
        probes=len(others) * share,
        resample=writing(asked, lengths) * share,
        reword=Tokens(step_tokens, reworded, steps, sent, reworded) * share,
        direct=reading(direct, encode) * share,
        own=own * share,
        other=(reading([*probes, *others], encode) + own * -1) * share,
    )


def _written_on(chain: Row, settings: Settings, encode: Encode) -> Iterator[tuple[Row, list[int], int]]:
    """A chain written on from each mistake: the probe, what is asked, and how many tokens are written.

    As many as followed the step before it was made wrong, and others.
    """
    wrong = partial(corrupt, seed=settings.perturbations.seed)
    for row in perturbations.mistake(chain, settings.perturbations.max_cuts, wrong, encode, "resample"):
        rest = chain["chain_ids"][chain["step_offsets"][row["cut"] - 1][1] :]
        probe = {**row, "writer": "", "perturbation": "mistake", "chain_ids": [*row["chain_ids"], *(~i for i in rest)]}
        conclusion = chain["written"] - len(chain["chain_ids"])
        yield probe, [*chain["prompt_ids"], *row["chain_ids"]], len(rest) + conclusion


def plan(settings: Settings, known: Assumptions, resources: Path) -> pd.DataFrame:
    """What each rule does with each model, in the order of the run.

    Args:
        settings: the configuration.
        known: what it does not say.
        resources: folder of what is fetched and prepared; nothing in it is needed.

    Returns:
        Table of the schema `Plan`, without what was used.

    Raises:
        ValueError: a table on this disk has too few usable questions.
    """
    items = {dataset.name: items_of(dataset, known, resources) for dataset in settings.datasets}
    lines: list[Row] = []
    paraphraser, reworded, rewordings = settings.perturbations.paraphraser, Tokens(), 0
    kinds = len(PERTURBATIONS) - bool(paraphraser)
    for model in settings.models:
        wording = prompts.load(settings.prompts, model.system, model.think)
        tokenizer = Pieces() if model.served else tokenizer_of(_weights(model, resources))
        names, samples = settings.arms_of(model.name), settings.chains.samples
        line = partial(_line, model.name, model, parameters(model, resources), known)
        trainings: list[tuple[str, Recipe]] = [("warm_start", model.warm_start)] if model.warm_start else []
        trainings += [("finetune", arm) for arm in map(settings.arm, names[1:]) if not arm.source]
        for rule, recipe in trainings:
            train = {name: items[name][0] for name in train_datasets(recipe)}
            tokens, factor = training(recipe, train, wording, tokenizer), TRAINING[recipe.method]
            lines.append(line(rule, 1, recipe.steps * recipe.batch_size, 0, 0, tokens, factor))
        for dataset in settings.datasets:
            each = work(items[dataset.name][1][: known.items], dataset, settings, wording, tokenizer, known)
            n, arms_n = dataset.eval, len(names)
            written = n * arms_n * samples
            write = (each.write + each.write.again() * (samples - 1)) * (n * arms_n)
            lines.append(line("write_chains", arms_n, n, written, 0, write))
            made = round(written * (each.probes + 1))
            lines.append(line("perturbations", kinds * arms_n, n, written, made, each.resample * written))
            read, read_chains = Tokens(), 0
            for writers in [arms_n, *[2] * (arms_n - 1)]:  # base reads all of them, a tuned arm base's and its own
                others = 0 if writes_worked_chains(model, dataset.name, settings) else writers * samples - 1
                read += (each.own + each.other * others + each.direct.again() * (samples - 1)) * n
                read_chains += writers * samples * n
            probes = round(read_chains * each.probes + written)
            lines.append(line("rescore_answers", arms_n, n, read_chains, probes, read))
            reworded, rewordings = reworded + each.reword * written, rewordings + arms_n
    if paraphraser:
        line = partial(_line, PARAPHRASER, paraphraser, parameters(paraphraser, resources), known)
        lines.append(line("paraphrase", rewordings, 0, 0, 0, reworded))
    found = pd.DataFrame(lines).groupby(["rule", "model"], sort=False, as_index=False).sum(min_count=1)
    return frame(found.assign(tokens=found["tokens"].round(), used=None), Plan)


def writes_worked_chains(model: Model, dataset: str, settings: Settings) -> bool:
    """Whether all arms of a model write the same chains: base was trained on the worked ones, and nothing is drawn."""
    recipe = model.warm_start
    if recipe is None or settings.chains.temperature > 0:
        return False
    worked = recipe.datasets if recipe.target == "rationale" else recipe.replay_datasets or recipe.datasets
    return dataset in worked and (recipe.target == "rationale" or recipe.replay > 0)


def _weights(speaker: Speaker, resources: Path) -> Path:
    return resources / "models" / sources.weights_slug(speaker.weights())


def parameters(speaker: Speaker, resources: Path) -> int | None:
    """Size of a model: as counted where it is prepared, else as its settings say; None where they do not."""
    counted = _weights(speaker, resources) / "model.json"
    if speaker.served or not counted.exists():
        return speaker.parameters
    return int(json.loads(counted.read_text("utf-8"))["parameters"])


def _line(
    name: str,
    speaker: Speaker,
    size: int | None,
    known: Assumptions,
    rule: str,
    jobs: int,
    items: int,
    chains: int,
    probes: int,
    tokens: Tokens,
    factor: float = 1,
) -> Row:
    """A row of `Plan`; `factor` is that of a training over reading."""
    counts = {"jobs": jobs, "items": items, "chains": chains, "probes": probes}
    return {
        **{"rule": rule, "model": name, **counts},
        "tokens": tokens.sent + tokens.written if speaker.served else tokens.computed,
        "hours": hours(tokens, speaker, size, known, factor),
        "cost": cost(tokens, speaker),
    }


def measured_flops() -> float:
    """FLOP/s of this machine's device: of large matrix products, in the data type that `dtype: auto` would choose."""

    from faithfulness.arms.devices import (  # noqa: PLC0415 - torch takes seconds to import
        pick_device,
        pick_dtype,
        product_time,
    )

    device = pick_device("auto")
    size = 1024 if device == "cpu" else 8192
    return 2 * size**3 / (product_time(pick_dtype("auto"), device, size) / 1e3)


def hours(tokens: Tokens, speaker: Speaker, size: int | None, known: Assumptions, factor: float = 1) -> float | None:
    """Hours that some requests take.

    Here 2 x parameters x tokens operations (Kaplan et al. 2020), `factor` times as many in training (see
    `TRAINING`); of a server, its replies. Several GPUs hold a model, and compute one after the other.
    """
    if speaker.served:
        at_a_time = (speaker.server or Server()).concurrency
        return tokens.requests * known.reply_seconds / at_a_time / 3600
    if not tokens.computed:
        return 0.0
    if size is None:
        return None
    slowed = tokens.read * factor / known.utilisation + tokens.grown / known.writing_utilisation
    return FORWARD * size * slowed / known.flops / 3600


def cost(tokens: Tokens, speaker: Speaker) -> float | None:
    """What a server takes for some requests; None without a server."""
    if not speaker.served:
        return None
    server = speaker.server or Server()
    return (tokens.sent * server.input_price + tokens.written * server.output_price) / 1e6


def used(settings: Settings) -> dict[tuple[str, str], int]:
    """Unique tokens that a finished run computed, by rule and model, from its tables; nothing of what is missing."""
    results, found = Path(settings.results), {}
    for model in (model for model in settings.models if not model.served):
        folder, names = results / "arms" / model.name, settings.arms_of(model.name)
        if not (folder / "base" / "arm.json").exists():
            continue
        base = read_arm(folder / "base")
        wording, tokenizer = prompts_of(base), tokenizer_of(Path(base["weights_folder"]))
        here = [name for name in names[1:] if not settings.arm(name).source]
        counted: dict[str, list[Iterator[Tokens]]] = {
            "warm_start": [_trained(folder / "base", results, tokenizer)] * bool(model.warm_start),
            "finetune": [_trained(folder / name, results, tokenizer) for name in here],
            "write_chains": [],
            "rescore_answers": [],
        }
        for dataset in settings.datasets:
            for name in names:
                writers = names if name == "base" else ["base", name]
                counted["write_chains"].append(_wrote(settings, model.name, name, dataset, tokenizer))
                counted["rescore_answers"].append(
                    _read(settings, model.name, name, writers, dataset, wording, tokenizer)
                )
        for rule, parts in counted.items():
            try:
                total = sum((tokens for part in parts for tokens in part), Tokens())
            except FileNotFoundError:
                continue
            if parts:
                found[rule, model.name] = round(total.computed)
    return found


def _trained(folder: Path, results: Path, tokenizer: Any) -> Iterator[Tokens]:
    """Tokens of the training that made an arm."""
    arm = read_arm(folder)
    recipe = Recipe(**arm["recipe"])
    files = {name: results / f"items/{name}/train.parquet" for name in train_datasets(recipe)}
    items = {name: records(read_table(file, Items)) for name, file in files.items()}
    yield training(recipe, items, prompts_of(arm), tokenizer)


def _wrote(settings: Settings, model: str, arm: str, dataset: Dataset, tokenizer: Any) -> Iterator[Tokens]:
    """Tokens of an arm's chains of a dataset, block by block."""
    table = _there(settings, f"chains/{model}/{arm}/{dataset.name}", Chains)
    for block in _blocks(records(table), settings.block_items * settings.chains.samples):
        lengths = [len(row["chain_ids"]) + len(prompts.encode(tokenizer, row["conclusion"])) for row in block]
        yield writing([row["prompt_ids"] for row in block], lengths)


def _read(
    settings: Settings,
    model: str,
    reader: str,
    writers: Sequence[str],
    dataset: Dataset,
    wording: Prompts,
    tokenizer: Any,
) -> Iterator[Tokens]:
    """Tokens of all probes of a dataset that a reader answered, block by block."""
    _there(settings, f"scores/{model}/{reader}/{dataset.name}", Scores)
    items = records(_there(settings, f"items/{dataset.name}/eval", Items))
    rows: dict[str, list[Row]] = {item["item_id"]: [] for item in items}
    for writer in writers:
        for kind in PERTURBATIONS if writer == reader else set(PERTURBATIONS) - {"direct"}:
            table = _there(settings, f"probes/{model}/{writer}/{dataset.name}/{kind}", Probes)
            for row in records(table):
                rows[row["item_id"]].append({**row, "writer": writer, "perturbation": kind})
    encode = _encoder(tokenizer)
    for block in _blocks(items, settings.block_items):
        asked = [row for item in block for row in rows[item["item_id"]]]
        yield reading(_asked(block, asked, dataset, wording, tokenizer), encode)


def _there(settings: Settings, name: str, schema: pa.Schema) -> pd.DataFrame:
    """A table of the results.

    Raises:
        FileNotFoundError: it was not made yet.
    """
    file = Path(settings.results) / f"{name}.parquet"
    if not file.exists():
        raise FileNotFoundError(file)
    return read_table(file, schema)


def _blocks(rows: Sequence[Row], size: int) -> list[Sequence[Row]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def show(lines: pd.DataFrame, settings: Settings, known: Assumptions, resources: Path) -> str:
    """A plan as text, by rule and by model, with what it rests on and what speaks against it.

    Args:
        lines: table of the schema `Plan`.
        settings, known, resources: what it was made of.
    """
    counts = ["jobs", "items", "chains", "probes"]
    rules = {rule: _sums(part, counts) for rule, part in lines.groupby("rule", sort=False)}
    rules["total"] = _sums(lines, [])
    models = {}
    for name, part in lines.groupby("model", sort=False):
        speaker = _speaker(str(name), settings)
        size, limit = parameters(speaker, resources), speaker.server.max_cost if speaker.server else None
        models[name] = {"parameters": _number(size, "?"), **_sums(part, []), "max_cost": _number(limit, "", 2)}
    text = [_table(rules, "rule"), _table(models, "model")]
    done = lines.dropna(subset="used")
    if len(done):
        planned, computed = int(done["tokens"].sum()), int(done["used"].sum())
        text.append(f"What has run was planned at {planned:,} tokens, {planned / computed:.2f} times what it used.")
    text.append("\n".join(["Assumed:", *(_filled(f"- {line}") for line in _assumptions(settings, known, resources))]))
    text.append("\n".join(_filled(f"Warning: {line}") for line in warnings(lines, settings, resources)))
    return "\n\n".join(filter(None, text))


def warnings(lines: pd.DataFrame, settings: Settings, resources: Path) -> Iterator[str]:
    """What speaks against a plan, a line each."""
    for name, part in lines.groupby("model", sort=False):
        speaker, spent = _speaker(str(name), settings), part["cost"].sum()
        if not speaker.served and parameters(speaker, resources) is None:
            yield f"{name}: its size is not known before it is fetched; give it `parameters`, and hours can be told"
        if speaker.served and not spent:
            yield f"{name}: its server has no input_price and output_price; no cost can be told"
        if speaker.server and speaker.server.max_cost and spent > speaker.server.max_cost:
            yield (
                f"{name}: {spent:,.2f} is more than its max_cost of {speaker.server.max_cost:,.2f}, at which the run "
                "will stop; raise it, or ask less (eval, max_cuts, samples)"
            )


def _speaker(name: str, settings: Settings) -> Speaker:
    paraphraser = settings.perturbations.paraphraser
    return paraphraser if name == PARAPHRASER and paraphraser else settings.model(name)


def _sums(lines: pd.DataFrame, counts: Sequence[str]) -> dict[str, str]:
    """Sums of some lines as text: '?' where a part is not known, nothing where there is none."""
    return {
        **{name: _number(lines[name].sum(), "") for name in counts},
        "tokens": _number(lines["tokens"].sum(), ""),
        "hours": _number(lines["hours"].sum(skipna=False), "?", 2),
        "cost": _number(lines["cost"].sum(min_count=1), "", 2),
        "used": _number(lines["used"].sum(min_count=1), ""),
    }


def _number(value: float | None, unknown: str, digits: int = 0) -> str:
    return unknown if pd.isna(value) or (value == 0 and not digits) else f"{value:,.{digits}f}"


def _table(rows: dict[Any, dict[str, str]], what: str) -> str:
    """Rows in columns, without those that hold nothing."""
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis(columns=what).fillna("")
    return table.loc[:, (table != "").any()].to_string()


def _filled(line: str) -> str:
    return textwrap.fill(line, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _assumptions(settings: Settings, known: Assumptions, resources: Path) -> Iterator[str]:
    """What a plan rests on, a line each."""
    for dataset in settings.datasets:
        said = []
        if _files(dataset, resources) is None:
            said.append(f"not on this disk, questions of {known.question_tokens} tokens")
        if _has_worked_chains(dataset, resources):
            said.append("chains as long as its worked ones")
        else:
            count = len(_steps(dataset, known))
            said.append(
                f"chains of {count} steps of {known.step_tokens} tokens (its max_new_tokens x {known.chain_share:g})"
            )
        yield f"{dataset.name}: {'; '.join(said)}"
    alike = [
        d.name for d in settings.datasets if any(writes_worked_chains(m, d.name, settings) for m in settings.models)
    ]
    if alike:
        yield f"{', '.join(alike)}: a model that is warm-started on the worked chains writes them in all its arms"
    if any(dataset.readout == "text" for dataset in settings.datasets):
        yield "text answers are as long as answer_tokens lets them be"
    local = [model for model in settings.models if not model.served]
    pieces = [m.name for m in settings.models if m.served or not (_weights(m, resources) / TOKENIZER).exists()]
    if pieces:
        yield f"{', '.join(pieces)}: no tokenizer on this disk; a word is a token, a long one several"
    if local:
        yield (
            f"{known.flops:.3g} FLOP/s, of it {known.utilisation:.0%}, in writing {known.writing_utilisation:.0%}; "
            "2 FLOPs a parameter and token, 3 times as many in training (LoRA: 2)"
        )
    if len(local) < len(settings.models):
        yield f"servers reply in {known.reply_seconds:g} s and keep no prompt: each request pays its own"
