"""Writing chains: prompt, generate, cut off the conclusion, split into steps (method, section 3)."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from faithfulness import prompts
from faithfulness.backends.protocol import Backend, Completion, Decoding, Prompt
from faithfulness.chains import steps
from faithfulness.hashing import digest
from faithfulness.prompts import Prompts
from faithfulness.tables.generation import Chains, Probes
from faithfulness.tables.io import records
from faithfulness.tables.journal import journalled


def write_chains(
    backend: Backend,
    items: pd.DataFrame,
    wording: Prompts,
    decoding: Decoding,
    sampling: dict[str, int],
    seed: int,
    block_items: int,
    journal: tuple[Path, Sequence[Any], str],
) -> pd.DataFrame:
    """Have an arm write chains for all items.

    Args:
        backend: the arm.
        items: table of items.
        wording: prompts and cues.
        decoding: token limit, temperature and top_p.
        sampling: `samples` (chains an item) and `seed`.
        seed: training seed of the arm, for the table.
        block_items: items a batch, and a journal entry.
        journal: folder, key and label (see `tables.journalled`).

    Returns:
        Table of chains, in the order of the items.
    """
    folder, key, label = journal

    def work(pieces: list[list[dict[str, Any]]]) -> Iterator[list[dict[str, Any]]]:
        for some in pieces:
            wanted = [(item, sample) for item in some for sample in range(sampling["samples"])]
            texts = [prompts.chain_prompt(item, wording, backend.render) for item, _ in wanted]
            seeds = [int(digest(sampling["seed"], item["item_id"], sample), 16) for item, sample in wanted]
            asked = [Prompt(text, number % 2**63) for text, number in zip(texts, seeds, strict=True)]
            yield [
                {
                    "item_id": item["item_id"],
                    "sample": sample,
                    "seed": seed,
                    "prompt": prompt.text,
                    **parse_chain(completion, wording),
                    "tokenizer_hash": None if completion.ids is None else backend.tokenizer_hash,
                }
                for (item, sample), prompt, completion in zip(
                    wanted, asked, backend.generate(asked, decoding), strict=True
                )
            ]

    rows = records(items)
    blocks = [[rows[start : start + block_items]] for start in range(0, len(rows), block_items)]
    key = [*key, "chains", wording.model_dump(), vars(decoding), sampling, seed]
    return journalled(blocks, work, Chains, folder, key, label)


def continue_chains(
    backend: Backend,
    written: pd.DataFrame,
    rows: Sequence[dict[str, Any]],
    wording: Prompts,
    decoding: Decoding,
    seed: int,
    block_items: int,
    journal: tuple[Path, Sequence[Any], str],
) -> list[dict[str, Any]]:
    """Have an arm go on from where chains of its own were changed, to a conclusion that is cut off again.

    Args:
        backend: the arm.
        written: its chains, for their prompts.
        rows: of the probes table; their text and ids end where it goes on.
        wording: prompts and cues.
        decoding: token limit, temperature and top_p.
        seed: of the sampling.
        block_items: items a batch, and a journal entry.
        journal: folder, key and label (see `tables.journalled`).

    Returns:
        The rows, with what was written in text, chain_ids and replacement.
    """
    folder, key, label = journal
    origin = {(chain["item_id"], chain["sample"]): chain for chain in records(written)}
    by_item: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        chain = origin[row["item_id"], row["sample"]]
        entry = {"row": row, "prompt": chain["prompt"], "prompt_ids": chain["prompt_ids"]}
        by_item.setdefault(row["item_id"], []).append(entry)

    def work(pieces: list[list[dict[str, Any]]]) -> Iterator[list[dict[str, Any]]]:
        for some in pieces:
            found = backend.generate([prompt(**entry) for entry in some], decoding)
            yield [longer(entry["row"], parse_chain(new, wording)) for entry, new in zip(some, found, strict=True)]

    def prompt(row: dict[str, Any], prompt: str, prompt_ids: list[int] | None) -> Prompt:
        number = int(digest(seed, row["item_id"], row["sample"], row["cut"]), 16)
        ids = None if row["chain_ids"] is None or prompt_ids is None else [*prompt_ids, *row["chain_ids"]]
        return Prompt(prompt + row["text"], number % 2**63, ids)

    def longer(row: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
        ids = None if row["chain_ids"] is None else [*row["chain_ids"], *new["chain_ids"]]
        texts = {name: row[name] + new["chain_text"] for name in ("text", "replacement")}
        return row | texts | {"chain_ids": ids}

    items = list(by_item.values())
    together = (items[start : start + block_items] for start in range(0, len(items), block_items))
    blocks = [[[entry for item in some for entry in item]] for some in together]
    key = [*key, "written on", wording.model_dump(), vars(decoding), seed]
    return records(journalled(blocks, work, Probes, folder, key, label))


def parse_chain(completion: Completion, wording: Prompts) -> dict[str, Any]:
    """Split what a writer wrote into chain, steps and conclusion.

    A chain that a stop ends was finished, also where the writer rambled on to the limit.
    """
    text, ids, ends = completion.text, completion.ids, completion.token_ends
    chain, _ = steps.cut_conclusion(text, wording.conclusion_cues, wording.stop_cues)
    stop_position = steps.stop_position(text, wording.stop_cues)
    step_offsets = None
    if ids is not None and ends is not None:
        count = bisect_left(ends, len(chain)) + 1 if chain else 0
        chain, ids, ends = text[: ends[count - 1]] if count else "", ids[:count], ends[:count]
        step_offsets, spans = steps.token_spans(steps.split(chain), ends)
    else:
        spans = steps.split(chain)
    conclusion = text[len(chain) :] if text[len(chain) :].strip() else ""
    return {
        "chain_text": chain,
        "conclusion": conclusion,
        "steps": [chain[start:end] for start, end in spans],
        "step_spans": spans,
        "finish_reason": completion.finish_reason if stop_position is None else "stop",
        "prompt_ids": completion.prompt_ids,
        "chain_ids": ids,
        "step_offsets": step_offsets,
    }
