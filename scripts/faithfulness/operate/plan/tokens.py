"""Tokens of generation, scoring and training, counted as the backends compute them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

from faithfulness import prompts
from faithfulness.backends import prefix_tree
from faithfulness.backends.protocol import Probe
from faithfulness.config.datasets import Dataset
from faithfulness.config.recipes import Recipe
from faithfulness.finetune import examples
from faithfulness.operate.cost import Tokens
from faithfulness.operate.plan.pieces import Tokenizer
from faithfulness.prompts import Prompts
from faithfulness.rescore import readout

Row = dict[str, Any]  # a row of a table: values of several types
Encode = Callable[[str], list[int]]

TRAINING_STEPS = 100  # of a training at most are counted; the others are as long on average


def generation_tokens(prompt_ids: Sequence[list[int]], lengths: Sequence[int]) -> Tokens:
    """Tokens of chains that are generated together.

    Args:
        prompt_ids: token ids of each prompt.
        lengths: number of tokens of each chain.
    """
    sent, generated = sum(map(len, prompt_ids)), sum(lengths)
    return Tokens(prefix_tree.count(prompt_ids), generated, len(prompt_ids), sent, generated)


def scoring_tokens(probes: Sequence[Probe], encode: Encode) -> Tokens:
    """Tokens of probes that are scored together, as `backends.transformers` and `backends.forest` compute them.

    The last token of a candidate is predicted by the one before it and not computed. Text answers count at their limit.
    A server generates a text, or a letter.

    Args:
        probes: their candidates are the options, or, where a text is generated, the answers that it is compared with.
        encode: from a text to token ids.
    """
    total = Tokens()
    sequences = []
    for probe in probes:
        chain = probe.chain_ids if probe.chain_ids is not None else encode(probe.chain)
        context = [*encode(probe.prompt), *chain, *encode(probe.cue)]
        scored = [encode(prompts.answer_text(text))[:-1] for text in probe.candidates]
        if probe.answer_tokens:
            sequences.append(context)
            generated = probe.answer_tokens + sum(map(len, scored))
            total += Tokens(0, generated, 1, len(context), probe.answer_tokens)
        else:
            sequences += [[*context, *ids] for ids in scored]
            total += Tokens(0, 0, 1, len(context), 1)
    return total + Tokens(prefix_tree.count(sequences))


def training_tokens(
    recipe: Recipe, items: dict[str, list[Row]], wording: Prompts, tokenizer: Tokenizer, filler: str | None = None
) -> Tokens:
    """Tokens of all examples of a training, without padding."""
    counted = recipe.model_copy(update={"steps": min(recipe.steps, TRAINING_STEPS)})
    counted_examples = examples.examples(counted, items, wording, tokenizer, filler)
    lengths = [len(example["input_ids"]) for example in counted_examples]
    return Tokens(sum(lengths)) * (recipe.steps / counted.steps)


def encoder(tokenizer: Tokenizer) -> Encode:
    """From a text to token ids; remembers texts, as prompts and options are encoded many times."""
    return lru_cache(maxsize=2**14)(partial(prompts.encode, tokenizer))


def with_cues(rows: Sequence[Row], second_cue_items: float) -> list[Row]:
    """Rows of the probes table, to which writer and perturbation were added, once for each cue that they are read with.

    Args:
        rows: of any items.
        second_cue_items: see `readout.cues_of`.
    """
    return [
        {**row, "cue": cue}
        for row in rows
        for cue in readout.cues_of(row["item_id"], row["perturbation"], second_cue_items)
    ]


def probes_of(
    rows: Sequence[Row], items: Sequence[Row], dataset: Dataset, wording: Prompts, tokenizer: Tokenizer
) -> list[Probe]:
    """Probes from rows of the probes table to which writer and perturbation were added."""
    by_id = {item["item_id"]: item for item in items}
    probes = [readout.as_probe(by_id[row["item_id"]], row, wording, prompts.renderer(tokenizer)) for row in rows]
    if dataset.readout != "text":
        return probes
    limit = dataset.answer_tokens
    return [replace(p, candidates=(by_id[p.item_id]["answer"],), answer_tokens=limit) for p in probes]
