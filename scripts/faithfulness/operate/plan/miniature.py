"""The run in miniature: what is done with a dataset, counted on some of its items without a model.

Worked chains, or chains of an assumed length, take the place of generated ones. They pass through the prompts,
perturbations and prefix trees of a real run, and their tokens are counted instead of computed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle, islice
from pathlib import Path

import pandas as pd

from faithfulness import prompts
from faithfulness.backends.protocol import Decoding, Prompt
from faithfulness.calibrate import worked
from faithfulness.calibrate.exact import WorkedChains
from faithfulness.chains.write import parse_chain
from faithfulness.config.datasets import Dataset, TableDataset
from faithfulness.config.settings import Settings
from faithfulness.operate.cost import Assumptions, Tokens
from faithfulness.operate.plan.pieces import Tokenizer
from faithfulness.operate.plan.tokens import (
    Encode,
    Row,
    encoder,
    generation_tokens,
    probes_of,
    scoring_tokens,
    with_cues,
)
from faithfulness.perturb.mistake import corrupt, mistaken_probes
from faithfulness.prepare import datasets, sources
from faithfulness.prepare.sources import SourceError
from faithfulness.prompts import Prompts
from faithfulness.tables.generation import Items
from faithfulness.tables.io import frame, records

# Text of unknown steps and questions: common words, each of them one token in most vocabularies.
WORDS = "it is at first one of the two that are in this with all the others as they were".split()


@dataclass(frozen=True)
class ItemWork:
    """What is done with a dataset, on average for each of its evaluation items."""

    chain: Tokens  # to generate a chain
    probes: float  # number of probes of a chain, without the direct one
    readings: float  # the same, those that are read with both cues twice
    resample: Tokens  # to continue a chain after each of its mistakes
    reword: Tokens  # to reword the steps of a chain by a language model
    direct: Tokens  # to score the direct probe
    first: Tokens  # to score the direct probe and the probes of one chain
    further: Tokens  # to score the probes of one more chain of the same item


def miniature_items(dataset: Dataset, assumed: Assumptions, resources: Path) -> tuple[list[Row], list[Row]]:
    """Train and evaluation items: generated, from a table on this disk, or of assumed length.

    Args:
        dataset: their dataset.
        assumed: lengths of questions and options.
        resources: folder of fetched sources.

    Raises:
        ValueError: too few usable questions.
    """
    files = files_here(dataset, resources)
    if files is not None:
        return datasets.items(dataset, *files)
    assert isinstance(dataset, TableDataset), "questions of other datasets are generated"
    items = [_assumed_item(dataset, number, assumed) for number in range(2 * assumed.items)]
    return items[assumed.items :], items[: assumed.items]


def files_here(dataset: Dataset, resources: Path) -> list[list[Path]] | None:
    """Files of each source of a dataset; empty for generated questions, None where they are not on this disk."""
    try:
        return [
            sources.locate(source, sources.local_path(source) or resources / "sources" / sources.slug(source))
            for source in dataset.sources()
        ]
    except SourceError:
        return None


def has_worked_chains(dataset: Dataset, resources: Path) -> bool:
    """Whether a dataset's worked chains are on this disk."""
    described = not isinstance(dataset, TableDataset) or dataset.columns.rationale is not None
    return described and files_here(dataset, resources) is not None


def assumed_steps(dataset: Dataset, assumed: Assumptions) -> list[str]:
    """Steps of a chain of assumed length, each with a claim of its own that a mistake can change."""
    count = max(1, round(assumed.chain_share * dataset.max_new_tokens / assumed.step_tokens))
    return [f"Then there are {12 + start} {_words(assumed.step_tokens - 5, start)}." for start in range(count)]


def _assumed_item(dataset: TableDataset, number: int, assumed: Assumptions) -> Row:
    """An item of a table that is not on this disk."""
    columns = dataset.columns.options
    if columns is None:
        count = 0
    elif isinstance(columns, list):
        count = len(columns)
    else:
        count = 4
    options = [_words(assumed.option_tokens, start) for start in range(count)] or None
    return {
        "item_id": str(number),
        "question": f"{number} {_words(assumed.question_tokens - 1)}",
        "options": options,
        "answer": options[0] if options else WORDS[0],
        "rationale": assumed_steps(dataset, assumed) if dataset.columns.rationale else None,
        "show_options": options is not None,
        "letters": dataset.readout == "letters",
    }


def _words(count: int, start: int = 0) -> str:
    return " ".join(islice(cycle(WORDS), start, start + count))


def planned_chain(item: Row, dataset: Dataset, wording: Prompts, tokenizer: Tokenizer, assumed: Assumptions) -> Row:
    """A row of the chains table: an item's worked chain, or one of assumed length, and the answer after the cue.

    Returns:
        The row, and as `generated` the number of its tokens with its conclusion.
    """
    if not item["rationale"]:
        item = item | {"rationale": assumed_steps(dataset, assumed)}
    text = (
        prompts.chain_text(item["rationale"])
        + wording.chain_cue
        + prompts.answer_text(prompts.said(item, item["answer"]))
    )
    prompt = prompts.chain_prompt(item, wording, prompts.renderer(tokenizer))
    writer, decoding = WorkedChains({prompt: text}, tokenizer), Decoding(dataset.max_new_tokens)
    (completion,) = writer.generate([Prompt(prompt)], decoding)
    keys = {"item_id": item["item_id"], "sample": 0, "seed": 0, "prompt": prompt, "tokenizer_hash": None}
    return keys | parse_chain(completion, wording) | {"generated": len(completion.ids or ())}


def item_work(
    items: Sequence[Row],
    dataset: Dataset,
    settings: Settings,
    wording: Prompts,
    tokenizer: Tokenizer,
    assumed: Assumptions,
    second_cue_items: float = 0.0,
) -> ItemWork:
    """Count what is done with a dataset, on some of its evaluation items; `second_cue_items` as in `with_cues`."""
    encode = encoder(tokenizer)
    chains = [planned_chain(item, dataset, wording, tokenizer, assumed) for item in items]
    rows = _probe_rows(chains, items, dataset, settings, tokenizer)
    continued = _continuations(chains, items, dataset, settings, encode)
    rows += [row for row, *_ in continued]
    probes = probes_of(with_cues(rows, second_cue_items), items, dataset, wording, tokenizer)
    direct = [probe for probe in probes if probe.details["perturbation"] == "direct"]
    chained = [probe for probe in probes if probe.details["perturbation"] != "direct"]
    # Probes of another writer's chain: other tokens from the first on, behind the same prompt.
    others = [replace(probe, chain_ids=_different(probe.chain_ids or [])) for probe in chained]
    first = scoring_tokens(probes, encode)
    share = 1 / len(items)
    return ItemWork(
        chain=generation_tokens([c["prompt_ids"] for c in chains], [c["generated"] for c in chains]) * share,
        probes=sum(row["perturbation"] != "direct" for row in rows) * share,
        readings=len(chained) * share,
        resample=generation_tokens([ids for _, ids, _ in continued], [length for *_, length in continued]) * share,
        reword=_rewording(chains, settings, assumed) * share,
        direct=scoring_tokens(direct, encode) * share,
        first=first * share,
        further=(scoring_tokens([*probes, *others], encode) + first * -1) * share,
    )


def _different(ids: Sequence[int]) -> list[int]:
    """As many token ids, all of them different from those of any vocabulary."""
    return [-1 - token for token in ids]


def _probe_rows(
    chains: Sequence[Row], items: Sequence[Row], dataset: Dataset, settings: Settings, tokenizer: Tokenizer
) -> list[Row]:
    """Rows of all probes that need no further generation."""
    tables = worked.perturb(
        pd.DataFrame(chains),
        frame(items, Items),
        settings.perturbations,
        dataset.contrasts,
        encoder(tokenizer),
        tokenizer.decode,
    )
    tables["mistake"] = tables["mistake"][tables["mistake"]["variant"] == "keep"]
    return [
        {"writer": "", "perturbation": perturbation, **row}
        for perturbation, table in tables.items()
        for row in records(table)
    ]


def _continuations(
    chains: Sequence[Row], items: Sequence[Row], dataset: Dataset, settings: Settings, encode: Encode
) -> list[tuple[Row, list[int], int]]:
    """Chains that are continued after a mistake: row of the probe, ids of the prompt, number of generated tokens.

    As many tokens are generated as followed the step before it was made wrong.
    """
    if "resample" not in settings.perturbations.mistakes:
        return []
    seed, contrasts = settings.perturbations.seed, dataset.contrasts
    continued = []
    for chain, item in zip(chains, items, strict=True):
        of_item = {"options": item["options"] or (), "answer": item["answer"]}
        make_wrong = partial(corrupt, seed=seed, contrasts=contrasts, **of_item)
        conclusion = chain["generated"] - len(chain["chain_ids"])
        for row in mistaken_probes(chain, settings.perturbations.max_cuts, make_wrong, encode, "resample"):
            end_of_step = chain["step_offsets"][row["kept"]][1]  # the step after those kept is the wrong one
            rest = chain["chain_ids"][end_of_step:]
            chain_ids = [*row["chain_ids"], *_different(rest)]
            probe = {**row, "writer": "", "perturbation": "mistake", "chain_ids": chain_ids}
            continued.append((probe, [*chain["prompt_ids"], *row["chain_ids"]], len(rest) + conclusion))
    return continued


def _rewording(chains: Sequence[Row], settings: Settings, assumed: Assumptions) -> Tokens:
    """Tokens of a language model that rewords all steps of some chains; none where rules reword them."""
    paraphraser = settings.perturbations.paraphraser
    if paraphraser is None:
        return Tokens()
    steps = sum(len(chain["steps"]) for chain in chains)
    tokens = sum(len(chain["chain_ids"]) for chain in chains)
    generated = tokens * paraphraser.candidates
    return Tokens(tokens, generated, steps, steps * assumed.instruction_tokens + tokens, generated)
