"""The answer to one probe (method, section 5): what a reader says, how sure it is, and of what.

`cloze` compares the options' log-probabilities per byte, `letters` those of their letters; `text` parses the greedy
continuation.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from faithfulness.answers.parse import parse_answer
from faithfulness.backends.protocol import Backend, Probe
from faithfulness.prompts import answer_text
from faithfulness.tables.fields import Row


@dataclass(frozen=True)
class Readout:
    """How the answers to a dataset are read.

    Attributes:
        kind: see above; the items say whether it is `letters` or `cloze`.
        answer_tokens: length limit of the greedy continuation, for `text`.
    """

    kind: Literal["cloze", "letters", "text"]
    answer_tokens: int


@dataclass(frozen=True)
class ItemProbe:
    """A probe with its item and its row of the probes table, to which writer and perturbation were added."""

    item: Row
    row: Row
    probe: Probe


@dataclass(frozen=True)
class Answer:
    """A reader's answer to a probe.

    Attributes:
        text: an option, or the parsed answer; None where the reader gave none.
        written: the answer as the reader wrote it.
        margin: see the scores table.
        p: probability of each option, or of the candidates (`_candidates`) as they are written.
        log_p: log-probability of each of them, in nats, summed over its own tokens (a letter's, where options have
            letters) and not normalised; without those that a server does not report.
        raw: cloze: the option of the highest log-probability, not divided by bytes; None for other readouts.
        options_share: `options_share` of the options; None for `text`, and where a server reports no option.
        retokenised: whether the chain had to be encoded again.
        chain_nats: see the scores table.
    """

    text: str | None
    written: str | None
    margin: float | None
    p: Mapping[str, float]
    log_p: Mapping[str, float]
    raw: str | None
    options_share: float | None
    retokenised: bool
    chain_nats: float | None


def option_answers(backend: Backend, item_probes: Sequence[ItemProbe]) -> list[Answer]:
    """Answers and a probability for each option, from the log-probability of its letter or text."""
    answers = []
    for item_probe, reading in zip(
        item_probes, backend.score([item_probe.probe for item_probe in item_probes]), strict=True
    ):
        options, by_letter = item_probe.item["options"], item_probe.item["letters"]
        best = (letters if by_letter else cloze)(options, reading.log_probs)
        log_p = {o: value for o, value in zip(options, reading.log_probs, strict=True) if not math.isnan(value)}
        raw = None if by_letter else max(log_p, key=log_p.__getitem__)  # the first of equal ones, as for `best`
        share, answer = options_share(log_p) if log_p else None, best["answer"]
        of_chain = reading.retokenised, reading.chain_nats
        answers.append(Answer(answer, answer, best["margin"], best["p"], log_p, raw, share, *of_chain))
    return answers


def options_share(log_p: Mapping[str, float]) -> float:
    """The share of the reader's probability that the options hold: the sum of exp(log-probability), 0 to 1.

    Options of which one begins with another are counted twice; letters that a server does not report, not at all.
    """
    return math.fsum(map(math.exp, log_p.values()))


def cloze(options: Sequence[str], log_probs: Sequence[float]) -> Row:
    """The cloze readout of one probe.

    The score of an option is its log-probability divided by the bytes of its text with the space before it, which is
    scored, too (lm-evaluation-harness's `acc_norm` leaves the space out). Probabilities are the softmax of the scores
    over the options.

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
        log_probs: of each option's letter after the cue, in nats; NaN where a server does not report it because other
            tokens are likelier: such an option is not the answer, and its probability is unknown.

    Returns:
        answer (the option's text; None if no letter is reported), margin (nats, to the second best; None if there is
        none) and p (probability of each reported option, among the reported ones).

    Raises:
        ValueError: a log-probability is infinite.
    """
    reported = {option: value for option, value in zip(options, log_probs, strict=True) if not math.isnan(value)}
    return _best(list(reported), list(reported.values()))


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


def text_answers(
    backend: Backend, item_probes: Sequence[ItemProbe], wholes: Sequence[int | None], answer_tokens: int
) -> list[Answer]:
    """Answer parsed from the greedy continuation, and probabilities of the candidates.

    Args:
        backend: the reader.
        item_probes: probes of items.
        wholes: for each probe the place of the one whose answer is the original one; None if there is none.
        answer_tokens: length limit of the continuation.
    """

    def propose(places: Sequence[int], texts: Sequence[str | None]) -> list[tuple[str, ...]]:
        written = {place: _parsed(item_probes[place], text)[1] for place, text in zip(places, texts, strict=True)}
        return [_candidates(item_probes[place], wholes[place], written) for place in places]

    wanted = [replace(item_probe.probe, candidates=(), answer_tokens=answer_tokens) for item_probe in item_probes]
    readings = backend.score(wanted, propose)
    parsed = [_parsed(item_probe, reading.text) for item_probe, reading in zip(item_probes, readings, strict=True)]
    written = dict(enumerate(text for _, text in parsed))
    answers = []
    for item_probe, whole, (text, as_written), reading in zip(item_probes, wholes, parsed, readings, strict=True):
        # A server reports no probability of a text, so there may be fewer log-probabilities than candidates.
        log_p = dict(zip(_candidates(item_probe, whole, written), reading.log_probs, strict=False))
        means = {key: value / tokens for (key, value), tokens in zip(log_p.items(), reading.tokens, strict=True)}
        original, gold = _original(whole, written), item_probe.item["answer"]
        margin = means[original] - means[gold] if original in means and original != gold else None
        p = {candidate: math.exp(mean) for candidate, mean in means.items()}
        of_chain = reading.retokenised, reading.chain_nats
        answers.append(Answer(text, as_written, margin, p, log_p, None, None, *of_chain))
    return answers


def _parsed(item_probe: ItemProbe, text: str | None) -> tuple[str | None, str | None]:
    """The answer that a text states, and as it is written there."""
    return parse_answer(text or "", item_probe.item)


def _original(whole: int | None, written: Mapping[int, str | None]) -> str | None:
    """The answer after the whole chain as the reader wrote it, if there is one."""
    return None if whole is None else written.get(whole)


def _candidates(item_probe: ItemProbe, whole: int | None, written: Mapping[int, str | None]) -> tuple[str, ...]:
    """The gold answer, the original one and the one that the probe's chain leads to, each if there is one, once."""
    texts = item_probe.item["answer"], _original(whole, written), item_probe.row["target"]
    return tuple(dict.fromkeys(text for text in texts if text is not None))
