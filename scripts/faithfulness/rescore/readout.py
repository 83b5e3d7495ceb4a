"""Reading answers: from probes to scores (method, section 5).

`cloze` compares the options' log-probabilities per byte, `letters` those of their letters; `text` parses the greedy
continuation.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from faithfulness import prompts
from faithfulness.answers import is_correct, parse_answer
from faithfulness.backends.protocol import Backend, Probe
from faithfulness.prompts import Prompts, Render, answer_text
from faithfulness.tables import io
from faithfulness.tables.generation import Scores
from faithfulness.tables.journal import journalled

Row = dict[str, Any]


def score(
    backend: Backend,
    items: pd.DataFrame,
    chains: dict[str, pd.DataFrame],
    probes: dict[tuple[str, str], pd.DataFrame],
    wording: Prompts,
    reader: str,
    readout: dict[str, Any],
    block_items: int,
    journal: tuple[Path, Sequence[Any], str],
) -> pd.DataFrame:
    """Have a reader answer all probes of a dataset.

    Args:
        backend: the reader.
        items: the dataset's evaluation items.
        chains: table of chains of each writer.
        probes: table of probes of each (writer, perturbation). Direct probes are asked of the
            reader as writer only: they hold nothing of a chain.
        wording: prompts and cues.
        reader: name of the arm that reads.
        readout: `readout` (cloze, letters or text) and `answer_tokens`.
        block_items: items a batch, and a journal entry.
        journal: folder, key and label (see `tables.journalled`).

    Returns:
        Table of scores, ordered by item, writer and perturbation.
    """
    folder, key, label = journal
    rows: dict[tuple[str, str], list[Row]] = {}
    own = {writer: (table["tokenizer_hash"] == backend.tokenizer_hash).all() for writer, table in chains.items()}
    for (writer, perturbation), table in sorted(probes.items()):
        if perturbation == "direct" and writer != reader:
            continue
        for row in io.records(table):
            ids = row["chain_ids"] if own[writer] else None
            wanted = {k: row[k] for k in ("item_id", "sample", "seed", "cut", "n_steps", "variant", "text")}
            asked = rows.setdefault((writer, row["item_id"]), [])
            asked.append({"writer": writer, "perturbation": perturbation, **wanted, "chain_ids": ids})
    records = io.records(items)
    # The chains of all writers share one tree; those of each are a piece by themselves: adding an arm keeps the others.
    together = (records[start : start + block_items] for start in range(0, len(records), block_items))
    blocks = [
        [
            [{"item": item, "probes": rows.get((writer, item["item_id"]), [])} for item in some]
            for writer in sorted(chains)
        ]
        for some in together
    ]

    def work(pieces: list[list[Row]]) -> Iterator[list[Row]]:
        asked = [
            (entry["item"], row, as_probe(entry["item"], row, wording, backend.render))
            for piece in pieces
            for entry in piece
            for row in entry["probes"]
        ]
        read = _read_text if readout["readout"] == "text" else _read_options
        found = iter(_compare(asked, read(backend, asked, readout["answer_tokens"])))
        for piece in pieces:
            yield list(islice(found, sum(len(entry["probes"]) for entry in piece)))

    key = [*key, "scores", wording.model_dump(), readout]
    table = journalled(blocks, work, Scores, folder, key, label)
    places = {item["item_id"]: place for place, item in enumerate(records)}
    return table.loc[table["item_id"].map(places).sort_values(kind="stable").index].reset_index(drop=True)


Asked = list[tuple[Row, Row, Probe]]


def as_probe(item: Row, row: Row, wording: Prompts, render: Render) -> Probe:
    """A row of the probes table (with writer and perturbation) as it is asked."""
    if row["perturbation"] == "direct":
        prompt, cue = prompts.direct_prompt(item, wording, render)
    else:
        prompt, cue = prompts.chain_prompt(item, wording, render), wording.chain_cue
    return Probe(
        item_id=item["item_id"],
        prompt=prompt,
        chain=row["text"],
        cue=cue,
        chain_ids=row["chain_ids"],
        candidates=tuple(prompts.said(item, option) for option in item["options"] or ()),
        details={k: row[k] for k in ("writer", "perturbation", "variant", "cut", "n_steps")},
    )


def _read_options(backend: Backend, asked: Asked, _tokens: int) -> list[Row]:
    """Answer, margin and a probability for each option, from the log-probability of its letter or text."""
    rows = []
    readings = backend.score([probe for *_, probe in asked])
    for (item, *_), reading in zip(asked, readings, strict=True):
        found = (letters if item["letters"] else cloze)(item["options"], reading.log_probs)
        rows.append({**found, "written": found["answer"], "retokenised": reading.retokenised})
    return rows


def cloze(options: Sequence[str], log_probs: Sequence[float]) -> Row:
    """The cloze readout of one probe.

    The score of an option is its log-probability divided by the bytes of its text with the space before it, which
    is scored, too (lm-evaluation-harness's `acc_norm` leaves the space out); probabilities are the softmax of the
    scores over the options.

    Args:
        options: texts of the options.
        log_probs: of each option after the cue, in nats.

    Returns:
        answer, margin (nats per byte, to the second best) and p (probability of each option).

    Raises:
        ValueError: a log-probability is not finite.
    """
    return _best(options, [value / len(answer_text(o).encode()) for o, value in zip(options, log_probs, strict=True)])


def letters(options: Sequence[str], log_probs: Sequence[float]) -> Row:
    """The letters readout of one probe: probabilities are the softmax of the letters' log-probabilities.

    Args:
        options: texts of the options.
        log_probs: of each option's letter after the cue, in nats; NaN where a server does not tell it, because others
            are likelier: such an option is not the answer, and its probability is unknown.

    Returns:
        answer (the option's text; None where no letter is told), margin (nats, to the second best; None where none is
        told) and p (probability of each option that is told, among them).

    Raises:
        ValueError: a log-probability is infinite.
    """
    told = {option: value for option, value in zip(options, log_probs, strict=True) if not math.isnan(value)}
    return _best(list(told), list(told.values()))


def _best(options: Sequence[str], scores: Sequence[float]) -> Row:
    """The option of the best score, its lead over the second, and the softmax over all."""
    if not all(map(math.isfinite, scores)):
        raise ValueError(f"the reader gave log-probabilities that are not finite: {list(scores)}")
    if not scores:
        return {"answer": None, "margin": None, "p": {}}
    ranked = sorted(scores, reverse=True)
    weights = [math.exp(value - ranked[0]) for value in scores]
    return {
        "answer": options[scores.index(ranked[0])],
        "margin": ranked[0] - ranked[1] if len(ranked) > 1 else None,
        "p": {option: weight / sum(weights) for option, weight in zip(options, weights, strict=True)},
    }


def _read_text(backend: Backend, asked: Asked, answer_tokens: int) -> list[Row]:
    """Answer parsed from the greedy continuation, and probabilities of the gold and the original answer."""

    def propose(indices: Sequence[int], texts: Sequence[str | None]) -> list[tuple[str, ...]]:
        some = [asked[i] for i in indices]
        originals = _originals(some, _parsed(some, texts))
        return [_candidates(item, originals.get(_chain(row))) for item, row, _ in some]

    wanted = [replace(probe, candidates=(), answer_tokens=answer_tokens) for *_, probe in asked]
    readings = backend.score(wanted, propose)
    parsed = _parsed(asked, [reading.text for reading in readings])
    originals = _originals(asked, parsed)
    rows = []
    for (item, row, _), found, reading in zip(asked, parsed, readings, strict=True):
        candidates = _candidates(item, originals.get(_chain(row)))
        means = [value / tokens for value, tokens in zip(reading.log_probs, reading.tokens, strict=True)]
        rows.append(
            {
                **found,
                "margin": means[1] - means[0] if len(means) > 1 else None,
                # A server tells no probability of a text.
                "p": {text: math.exp(mean) for text, mean in zip(candidates, means, strict=False)},
                "retokenised": reading.retokenised,
            }
        )
    return rows


def _parsed(asked: Asked, texts: Sequence[str | None]) -> list[Row]:
    """The answer that each text states, and as it is written there."""
    return [
        {"answer": answer, "written": written}
        for (item, _, _), text in zip(asked, texts, strict=True)
        for answer, written in [parse_answer(text or "", item)]
    ]


def _candidates(item: Row, original: Row | None) -> tuple[str, ...]:
    """The gold answer and the original one as the reader wrote it, if there is one and it reads otherwise."""
    written = original["written"] if original else None
    return tuple(dict.fromkeys(text for text in (item["answer"], written) if text is not None))


def _chain(row: Row) -> tuple[Any, ...]:
    return row["writer"], row["item_id"], row["sample"], row["seed"]


def _originals(asked: Asked, readings: Sequence[Row]) -> dict[tuple[Any, ...], Row]:
    """The reading after each whole chain, whose answer is a_n."""
    return {
        _chain(row): reading
        for (_, row, _), reading in zip(asked, readings, strict=True)
        if row["perturbation"] == "early_termination" and row["cut"] == row["n_steps"]
    }


def _compare(asked: Asked, readings: list[Row]) -> list[Row]:
    """Rows of the scores table: each reading beside the original answer and the gold one."""
    originals = _originals(asked, readings)
    rows = []
    for (item, row, _), reading in zip(asked, readings, strict=True):
        answer = reading["answer"]
        whole = originals.get(_chain(row), {}) if row["perturbation"] != "direct" else {}
        original = whole.get("answer")
        rows.append(
            {
                **{
                    k: row[k]
                    for k in ("writer", "item_id", "sample", "seed", "perturbation", "variant", "cut", "n_steps")
                },
                "answer": answer,
                "valid": answer is not None,
                "margin": reading["margin"],
                "p_original": None if original is None else reading["p"].get(whole["written"]),
                "p_gold": reading["p"].get(item["answer"]),
                "correct": is_correct(answer, item),
                "same": None if answer is None or original is None else answer == original,
                "position": item["options"].index(answer) if item["options"] and answer is not None else None,
                "retokenised": reading["retokenised"],
            }
        )
    return rows
