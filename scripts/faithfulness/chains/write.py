"""Writing chains: prompt, generate, cut off the conclusion, split into steps (method, section 3)."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

import pandas as pd

from faithfulness import prompts
from faithfulness.backends.protocol import Backend, Begun, Completion, Decoding, Prompt
from faithfulness.chains import conclusions, steps
from faithfulness.hashing import digest
from faithfulness.prompts import Prompts
from faithfulness.tables.generation import Chains, Completions, Probes
from faithfulness.tables.io import Row, frame, records
from faithfulness.tables.journal import Journal


def write_chains(
    backend: Backend,
    items: pd.DataFrame,
    wording: Prompts,
    decoding: Decoding,
    samples: int,
    seed: int,
    training_seed: int,
    journal: Journal,
) -> pd.DataFrame:
    """Have an arm write chains for all items.

    Args:
        backend: of the arm.
        items: table of items.
        wording: prompts and cues.
        decoding: token limit, temperature and top_p.
        samples: chains of each item.
        seed: of the sampling.
        training_seed: of the arm, for the table.
        journal: of the arm and the code; its key need not hold the other arguments.

    Returns:
        Table of chains, in the order of the items. The journal keeps what was written, whatever the token limit: under
        another limit chains that ended are used again, and others are cut, or written on from where they were cut off.
    """
    limit = decoding.max_new_tokens
    journal = journal.extended("completions", wording.model_dump(), decoding.temperature, decoding.top_p, samples, seed)

    def request(item: Row, sample: int, begun: Begun | None) -> Prompt:
        text = prompts.chain_prompt(item, wording, backend.render)
        return Prompt(text, _seed(seed, item["item_id"], sample), begun=begun)

    def completions_of(block: Sequence[Row]) -> list[Row]:
        on_disk = journal.rows(block, Completions)
        begun = {} if on_disk is None else {(row["item_id"], row["sample"]): _begun(row) for row in records(on_disk)}
        pairs = [(item, sample) for item in block for sample in range(samples)]
        requests = [request(item, sample, begun.get((item["item_id"], sample))) for item, sample in pairs]
        return [
            {"item_id": item["item_id"], "sample": sample, "limit": limit, **asdict(completion)}
            for (item, sample), completion in zip(pairs, backend.generate(requests, decoding), strict=True)
        ]

    def work(blocks: Iterable[Sequence[Row]]) -> Iterator[list[Row]]:
        return map(completions_of, blocks)

    def suffices(on_disk: pd.DataFrame) -> bool:
        begun = map(_begun, records(on_disk))
        return all(one.stays(limit) or (one.completion.ids is not None and one.limit > limit) for one in begun)

    rows = records(items)
    pieces = [[block] for block in journal.blocks(rows)]
    written = records(journal.complete(pieces, work, Completions, suffices=suffices))
    by_id = {item["item_id"]: item for item in rows}
    requests = [request(by_id[row["item_id"]], row["sample"], _begun(row)) for row in written]
    completions = _cut(backend, requests, decoding)
    chains = [
        {
            "item_id": row["item_id"],
            "sample": row["sample"],
            "seed": training_seed,
            "prompt": request.text,
            **parse_chain(completion, wording),
            "tokenizer_hash": None if completion.ids is None else backend.tokenizer_hash,
        }
        for row, request, completion in zip(written, requests, completions, strict=True)
    ]
    return frame(chains, Chains)


def _begun(row: Row) -> Begun:
    """What a row of the completions table holds."""
    return Begun(Completion(**{name: row[name] for name in Completion.__dataclass_fields__}), row["limit"])


def _cut(backend: Backend, requests: Sequence[Prompt], decoding: Decoding) -> list[Completion]:
    """What was begun of each request, cut where its limit was larger than this one."""
    longer = [one for one in requests if one.begun and not one.begun.stays(decoding.max_new_tokens)]
    cut = iter(backend.generate(longer, decoding) if longer else [])
    begun = [one.begun for one in requests if one.begun]
    return [one.completion if one.stays(decoding.max_new_tokens) else next(cut) for one in begun]


def continue_chains(
    backend: Backend,
    chains: pd.DataFrame,
    probes: Iterable[Row],
    wording: Prompts,
    decoding: Decoding,
    seed: int,
    journal: Journal,
) -> list[Row]:
    """Have an arm continue chains of its own that were changed, up to a conclusion, which is cut off again.

    Args:
        backend: of the arm.
        chains: its chains, for their prompts.
        probes: rows of the probes table; the arm continues where their text and ids end.
        wording: prompts and cues.
        decoding: token limit, temperature and top_p.
        seed: of the sampling.
        journal: of the arm and the code; its key need not hold the other arguments.

    Returns:
        The rows, with the continuation in text, chain_ids and replacement.
    """
    columns = ["item_id", "sample", "prompt", "prompt_ids"]
    starts = {(chain["item_id"], chain["sample"]): chain for chain in records(chains[columns])}
    by_item: dict[str, list[Row]] = {}
    for probe in probes:
        start = starts[probe["item_id"], probe["sample"]]
        entry = {"probe": probe, "prompt": start["prompt"], "prompt_ids": start["prompt_ids"]}
        by_item.setdefault(probe["item_id"], []).append(entry)

    def request(entry: Row) -> Prompt:
        probe = entry["probe"]
        ids = None
        if probe["chain_ids"] is not None and entry["prompt_ids"] is not None:
            ids = [*entry["prompt_ids"], *probe["chain_ids"]]
        number = _seed(seed, probe["item_id"], probe["sample"], probe["cut"])
        return Prompt(entry["prompt"] + probe["text"], number, ids)

    def continued(probe: Row, completion: Completion) -> Row:
        more = parse_chain(completion, wording)
        ids = None if probe["chain_ids"] is None else [*probe["chain_ids"], *more["chain_ids"]]
        texts = {name: probe[name] + more["chain_text"] for name in ("text", "replacement")}
        return probe | texts | {"chain_ids": ids}

    def work(blocks: Iterable[Sequence[Row]]) -> Iterator[list[Row]]:
        for block in blocks:
            completions = backend.generate([request(entry) for entry in block], decoding)
            yield [continued(entry["probe"], done) for entry, done in zip(block, completions, strict=True)]

    key = ("continued chains", wording.model_dump(), asdict(decoding), seed)
    pieces = [[[entry for item in block for entry in item]] for block in journal.blocks(list(by_item.values()))]
    return records(journal.extended(*key).complete(pieces, work, Probes))


def _seed(*parts: object) -> int:
    """Seed of one chain's sampling, the same whichever chains are sampled beside it."""
    return int(digest(*parts), 16) % 2**63


def parse_chain(completion: Completion, wording: Prompts) -> Row:
    """Split what an arm wrote into chain, steps and conclusion: columns of the chains table.

    A chain that a stop ends was finished, even if the arm continued up to the token limit. Where there are token ids,
    the chain ends with a whole token.
    """
    text, ids, token_ends = completion.text, completion.ids, completion.token_ends
    end, spans, forms, stopped = conclusions.cut_conclusion(text, wording.conclusion_cues, wording.stop_cues)
    step_offsets = None
    if ids is not None and token_ends is not None:
        count = bisect_left(token_ends, end) + 1 if end else 0
        ids, token_ends = ids[:count], token_ends[:count]
        end = token_ends[-1] if token_ends else 0
        if spans:
            spans = [*spans[:-1], (spans[-1][0], end)]
        step_offsets, spans = steps.token_spans(spans, token_ends)
    sentences = [text[start:stop] for start, stop in spans]
    stated = [conclusions.states(sentence, wording.conclusion_cues) for sentence in sentences]
    if sentences and not forms and completion.finish_reason == "stop":
        stated[-1] = stated[-1] or conclusions.closes(sentences[-1])
    return {
        "chain_text": text[:end],
        "conclusion": text[end:] if forms else "",
        "conclusion_forms": forms,
        "steps": sentences,
        "states_answer": stated,
        "step_spans": spans,
        "finish_reason": "stop" if stopped else completion.finish_reason,
        "prompt_ids": completion.prompt_ids,
        "chain_ids": ids,
        "step_offsets": step_offsets,
    }
