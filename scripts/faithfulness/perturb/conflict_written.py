"""Conflict chains that a model writes: it continues from a mistake, or argues for another option (method, section 4).

The writer itself writes them, so that they have its form. A chain is accepted if it concludes on an answer that is
neither a right one nor what the writer's own chain concludes; a chain that comes back to that after a mistake was
repaired. An argument has to conclude on its target.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict

from faithfulness import prompts
from faithfulness.answers.parse import is_correct
from faithfulness.backends.protocol import Backend, Completion, Decoding, Prompt
from faithfulness.chains.write import parse_chain
from faithfulness.hashing import digest
from faithfulness.perturb.concluded import concluded, ending_of
from faithfulness.perturb.conflict import Made, accepted, ending, refused, targets_of
from faithfulness.perturb.mistake import Mistake, mistaken_probes
from faithfulness.perturb.splicing import Encode, Row
from faithfulness.perturb.wording import rotated
from faithfulness.prompts import Prompts
from faithfulness.tables.generation import Written
from faithfulness.tables.io import records
from faithfulness.tables.journal import Journal

Corrupt = Callable[[str], Mistake | None]


def mistakes(chain: Row, item: Row, make_wrong: Corrupt, count: int, seed: int, encode: Encode | None) -> list[Row]:
    """What a writer is to continue: its chain up to a mistake, each time in another step, drawn by seed.

    Args:
        chain: a row of the chains table.
        item: of the chain, with `item_id`.
        make_wrong: from a step to the same step made wrong.
        count: chains that are wanted.
        seed: of the choice of steps.
        encode: of the chain's tokenizer.

    Returns:
        `count` starts (see `write`), or refused rows where there is no mistake or the chain concludes nothing.
    """
    ends = ending(chain, item)
    wrong = mistaken_probes(chain, max(2, len(chain["steps"])), make_wrong, encode, "resample") if ends else []
    drawn = rotated(wrong, seed, item["item_id"])[:count] if wrong else []
    rows = [
        _start(chain, "continue", number, None, chain["prompt"] + row["text"])
        | {"text": row["text"], "ids": _joined(chain["prompt_ids"], row["chain_ids"]), "chain_ids": row["chain_ids"]}
        | {"steps": [row["replacement"]]}
        for number, row in enumerate(drawn, start=1)
    ]
    reason = "no_mistake" if ends else "not_concluding"
    return rows + [refused(chain, "continue", number, reason) for number in range(len(rows) + 1, count + 1)]


def arguments(chain: Row, item: Row, count: int, seed: int, wording: Prompts, render: prompts.Render) -> list[Row]:
    """What a writer is asked in order to argue for another option, one for each target; or refused rows.

    Args:
        chain: a row of the chains table.
        item: of the chain, with all columns of `apply.OF_ITEM` and `item_id`.
        count: chains that are wanted.
        seed: of the choice of targets.
        wording: prompts and cues.
        render: of the writer.
    """
    ends = ending(chain, item)
    targets = targets_of(item, ends, seed)[:count] if ends else []
    rows = [
        _start(chain, "argue", number, target, prompts.argument_prompt(item, target, wording, render))
        | {"text": "", "steps": [], "ids": None, "chain_ids": None if chain["chain_ids"] is None else []}
        for number, target in enumerate(targets, start=1)
    ]
    reason = "no_target" if ends else "not_concluding"
    return rows + [refused(chain, "argue", number, reason) for number in range(len(rows) + 1, count + 1)]


def _start(chain: Row, kind: str, number: int, target: str | None, prompt: str) -> Row:
    return {
        **{name: chain[name] for name in ("item_id", "sample")},
        **{"variant": kind, "cut": number, "target": target, "prompt": prompt, "start": True},
    }


def _joined(prompt_ids: Sequence[int] | None, chain_ids: Sequence[int] | None) -> list[int] | None:
    return None if prompt_ids is None or chain_ids is None else [*prompt_ids, *chain_ids]


def write(
    backend: Backend,
    starts: Sequence[Row],
    wording: Prompts,
    decoding: Decoding,
    seed: int,
    journal: Journal,
) -> list[Row]:
    """Have the writer write on from starts, up to a conclusion.

    Args:
        backend: of the writer.
        starts: from `mistakes` and `arguments`, without refused rows.
        wording: prompts and cues.
        decoding: token limit, temperature and top_p.
        seed: of the sampling.
        journal: of the writer and the code; its key need not hold the other arguments.

    Returns:
        Rows of tables.Written, in the order of the starts.
    """
    by_item: dict[str, list[Row]] = {}
    for start in starts:
        by_item.setdefault(start["item_id"], []).append(start)

    def request(start: Row) -> Prompt:
        parts = [start[name] for name in ("item_id", "sample", "variant", "cut")]
        return Prompt(start["prompt"], int(digest(seed, *parts), 16) % 2**63, start["ids"])

    def work(blocks: list[list[Row]]) -> Iterator[list[Row]]:
        for block in blocks:
            completions = backend.generate([request(start) for start in block], decoding)
            yield [_written(start, done, wording) for start, done in zip(block, completions, strict=True)]

    pieces = [[[start for item in block for start in item]] for block in journal.blocks(list(by_item.values()))]
    journal = journal.extended("conflict chains", wording.model_dump(), asdict(decoding), seed)
    rows = records(journal.complete(pieces, work, Written))
    places = {_key(row): row for row in rows}
    return [places[_key(start)] for start in starts]


def _key(row: Row) -> tuple[object, ...]:
    return tuple(row[name] for name in ("item_id", "sample", "variant", "cut"))


def _written(start: Row, completion: Completion, wording: Prompts) -> Row:
    more = parse_chain(completion, wording)
    ids = None if start["chain_ids"] is None or more["chain_ids"] is None else [*start["chain_ids"], *more["chain_ids"]]
    return {
        **{name: start[name] for name in ("item_id", "sample", "variant", "cut", "target")},
        "text": start["text"] + more["chain_text"],
        "steps": more["steps"] or start["steps"],
        "conclusion": more["conclusion"],
        "chain_ids": ids,
    }


def judged(chain: Row, item: Row, written: Row) -> Row:
    """The row of the probes table of a chain that was written.

    Args:
        chain: a row of the chains table.
        item: of the chain, with `item_id`.
        written: a row of tables.Written.
    """
    kind, number, own = written["variant"], written["cut"], ending(chain, item)
    ends, target = ending_of(written["steps"], written["conclusion"], item)
    said = concluded(written["steps"], "", item)
    if kind == "continue" and ends is not None and ends == own:
        return refused(chain, kind, number, "repaired")
    if ends is None or target is None or said not in (ends, None):
        return refused(chain, kind, number, "not_concluding")
    if is_correct(ends, item):
        return refused(chain, kind, number, "gold")
    if written["target"] not in (ends, None):
        return refused(chain, kind, number, "other_answer")
    return accepted(chain, kind, number, Made(target, [written["text"]], "writer", written["chain_ids"]), None)
