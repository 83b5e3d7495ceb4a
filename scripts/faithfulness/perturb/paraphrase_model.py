"""Paraphrases by a language model, cleaned and checked; by rule where none passes (method, section 4).

A step is shown by itself, without its question and without the other steps. What the model writes must pass the
checks of what the rules write (`paraphrase.check`) and some more, as a model may say anything (`strays`); what fails is
sampled again.
"""

import re
from collections.abc import Iterator, Sequence

from faithfulness import prompts
from faithfulness.backends.protocol import Backend, Completion, Decoding, Prompt
from faithfulness.chains.layout import kind
from faithfulness.hashing import digest
from faithfulness.perturb.paraphrase import Paraphrase, paraphrase
from faithfulness.perturb.paraphrase_check import QUOTED, check
from faithfulness.perturb.wording import NUMBER, PLAIN, STARTER, Contrasts, parts, words
from faithfulness.prompts import Prompts
from faithfulness.tables.fields import Row
from faithfulness.tables.generation import Rewordings
from faithfulness.tables.io import records
from faithfulness.tables.journal import Journal

KEPT = 1 / 3  # of a step's longer words; good rewordings keep more, another sentence hardly any

Pair = tuple[str, str]  # a step, and the gold answer of its item


def reword(
    backend: Backend,
    chains: Sequence[tuple[Sequence[str], str]],
    wording: Prompts,
    decoding: Decoding,
    candidates: int,
    seed: int,
    contrasts: Contrasts,
    journal: Journal,
) -> dict[Pair, Paraphrase]:
    """Have a model say every step in other words.

    Args:
        backend: the model.
        chains: of each chain, its steps and the gold answer of its item (see `paraphrase.check`).
        wording: prompts of the model.
        decoding: token limit, temperature and top_p.
        candidates: most wordings that are sampled of a step.
        seed: of the sampling, and of the rules where no wording passes.
        contrasts: pairs of words that may not be confused.
        journal: of the paraphrases; its blocks are of chains.

    Returns:
        By step and answer, the first of the model's wordings that passes all checks (rule `model`), or else what the
        rules make of the step. A step that comes twice with one answer is worded once. The model is not shown code,
        formulas and tables.
    """

    def work(pieces: list[list[Pair]]) -> Iterator[list[Row]]:
        for pairs in pieces:
            paraphrases = accepted(pairs)
            for step, answer in pairs:
                paraphrases.setdefault((step, answer), paraphrase(step, seed, contrasts, answer))
            yield [{"step": pair[0], "answer": pair[1], **vars(paraphrases[pair])} for pair in pairs]

    def accepted(pairs: list[Pair]) -> dict[Pair, Paraphrase]:
        passed: dict[Pair, Paraphrase] = {}
        for number in range(candidates):
            left = [pair for pair in pairs if pair not in passed and kind(pair[0]) == "prose"]
            requests = [request(step, number) for step, _ in left]
            for (step, answer), written in zip(left, backend.generate(requests, decoding) if left else [], strict=True):
                text = clean(written, step, wording.paraphrase_prefill)
                if not (check(step, text, contrasts, answer) or strays(step, text)):
                    passed[step, answer] = Paraphrase(text, "model", True)
        return passed

    def request(step: str, number: int) -> Prompt:
        _, body, end = parts(step)
        text = prompts.paraphrase_prompt(f"{body}{end}".strip(), wording, backend.render)
        return Prompt(text, int(digest(seed, step, number), 16) % 2**63)

    blocks, seen = [], set[Pair]()
    for block in journal.blocks(chains):
        pairs = dict.fromkeys((step, answer) for steps, answer in block for step in steps)
        blocks.append([[pair for pair in pairs if pair not in seen]])
        seen.update(pairs)
    journal = journal.extended("reworded", wording.model_dump(), vars(decoding), candidates, seed, contrasts)
    rows = records(journal.complete(blocks, work, Rewordings))
    return {(row["step"], row["answer"]): Paraphrase(row["text"], row["rule"], row["accepted"]) for row in rows}


def clean(written: Completion, step: str, prefill: str) -> str:
    """A step in the words of a model: its first line, without what announces it and without quotes around it.

    The prompt opens a quote, so what follows the closing one is no wording. Of a line that hit the token limit, or has
    other quotes that the step does not have, nothing is left for `check` to accept. Whitespace and a list marker in
    front and what ends the sentence are the step's own.

    Args:
        written: what the model wrote.
        step: what it was to reword.
        prefill: the beginning of its turn, which some models write once more.
    """
    lead, body, end = parts(step)
    lines = [line.strip() for line in written.text.translate(PLAIN).splitlines() if line.strip()]
    if written.finish_reason == "length":
        lines = lines[:-1]
    if lines and lines[0].endswith(":") and ":" not in end:
        lines = lines[1:]
    line = lines[0].removeprefix(prefill) if lines else ""
    unknown = line.count('"') - body.count('"')  # quotes that the step does not have
    if unknown > 0:
        line = line[: line.rindex('"')]
    if unknown > 1:
        line = line.removeprefix('"')
    if line.count('"') > body.count('"'):
        line = ""
    return f"{lead}{parts(line)[1]}{end}"


def strays(step: str, text: str) -> list[str]:
    """Reasons to refuse a model's wording, beside those of `paraphrase.check`, which ignores order and first words.

    Numbers and quoted parts must stand in the same order; a first word that may be a name must be there; and so must a
    third of the words of four letters and more, or others that begin like them.
    """
    step, text = step.translate(PLAIN), text.translate(PLAIN)
    findings = [
        f"{what} in another order"
        for what, pattern in {"numbers": NUMBER, "quoted parts": QUOTED}.items()
        if pattern.findall(step) != pattern.findall(text)
    ]
    body = parts(step)[1]
    first = re.match(r"[A-Z]\w*", body)
    if first and not STARTER.match(body) and first[0].lower() not in re.findall(r"\w+", text.lower()):
        findings.append("the first word is gone")
    before, after = ({word[:4] for word in words(sentence) if len(word) > 3} for sentence in (step, text))
    if len(before & after) < KEPT * len(before):
        findings.append("another subject")
    return findings
