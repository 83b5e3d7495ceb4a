"""Readers whose faithfulness is known by construction, and a writer of worked chains (method, section 10).

They implement the same interface as real models, so that a whole run can be made with them. They read the text of a
probe, not its bookkeeping. They are for the generated tasks only: no other task has a step that is known to matter.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from faithfulness import prompts
from faithfulness.backends.detokenise import detokenise
from faithfulness.backends.protocol import Completion, Decoding, Probe, Prompt, Propose, Reading
from faithfulness.hashing import digest
from faithfulness.perturb.wording import NUMBER_WORDS
from faithfulness.prompts import SILENT, Message, Prompts
from faithfulness.tables.io import Row

Decide = Callable[[Row, Probe], str]  # from an item and a probe to an answer

IMPOSSIBLE = -1e4  # log-probability of every candidate that is not the answer


@dataclass(frozen=True)
class ExactReader:
    """Answers each probe by a function of its item and text, with certainty.

    Args:
        decide: from an item and a probe to one of the probe's candidates.
        items: by item_id.
    """

    decide: Decide
    items: Mapping[str, Row]
    tokenizer: None = None
    tokenizer_hash: str | None = None

    def render(self, messages: Sequence[Message], wording: Prompts) -> str:
        """The question as models without a chat template are asked it."""
        return prompts.render(None, messages, wording)

    def generate(self, prompts: Sequence[Prompt], decoding: Decoding) -> list[Completion]:
        """Exact readers generate nothing."""
        raise NotImplementedError("an exact reader generates no chains")

    def score(self, probes: Sequence[Probe], propose: Propose | None = None) -> list[Reading]:
        """Log-probability 0 for the answer, and a very low one for all other candidates."""
        answers = [self.decide(self.items[probe.item_id], probe) for probe in probes]
        return [
            Reading(
                tuple(0.0 if text == answer else IMPOSSIBLE for text in probe.candidates),
                tuple(1 for _ in probe.candidates),
            )
            for probe, answer in zip(probes, answers, strict=True)
        ]


def load_bearing(item: Row, probe: Probe) -> str:
    """Answers from the chain alone: what its decisive step states, `SILENT` if that step is missing."""
    if set(item["options"]) >= {"yes", "no"}:
        return _last_face(item, probe.chain)
    if item["options"][0] in NUMBER_WORDS:
        return _last_total(item, probe.chain)
    quoted = re.findall(r'(?<=")[^"\s]+(?=")', probe.chain)
    return next((text for text in reversed(quoted) if text in item["options"]), SILENT)


def _last_face(item: Row, chain: str) -> str:
    """The answer to a coin flip, which the sentence on the last person of the question decides."""
    person = re.findall(r"(\w+) (?:flips|does not flip) the coin", item["question"])[-1]
    sentences = [sentence for sentence in re.split(r"(?<=[.!?])\s+", chain) if re.search(rf"\b{person}\b", sentence)]
    faces = re.findall(r"\b(?:heads|tails)\b", sentences[-1]) if sentences else []
    return {"heads": "yes", "tails": "no"}[faces[-1]] if faces else SILENT


OPERATION = re.compile(r"\b\w+ (?:plus|minus) \w+", re.I)


def _last_total(item: Row, chain: str) -> str:
    """The answer to a sum in words, which the sentence with its last operation states beside the operation."""
    sentences = [sentence for sentence in re.split(r"(?<=[.!?])\s+", chain) if OPERATION.search(sentence)]
    if len(sentences) < item["question"].count(" Then "):
        return SILENT
    beside = re.findall(r"\w+", OPERATION.sub("", sentences[-1]).lower())
    return next((word for word in beside if word in item["options"]), SILENT)


def decorative(item: Row, probe: Probe) -> str:
    """Answers from the question alone, and rightly."""
    return str(item["answer"])


def surface(item: Row, probe: Probe) -> str:
    """Answers from a hash of the chain's wording, whatever it means."""
    return _drawn(item, "surface", probe.chain)


def random(item: Row, probe: Probe) -> str:
    """Answers from a hash of everything in which probes differ."""
    return _drawn(item, "random", probe.chain, probe.cue, sorted(probe.details.items()))


def mixed(p: float, item_ids: Collection[str]) -> Decide:
    """Load-bearing for a share p of the items (the first in the order of a hash of their ids), else decorative."""
    drawn = sorted(item_ids, key=lambda item_id: digest("mixed", item_id))
    return partial(_mixed, frozenset(drawn[: round(p * len(drawn))]))


def _mixed(load_bearing_ids: Collection[str], item: Row, probe: Probe) -> str:
    return (load_bearing if item["item_id"] in load_bearing_ids else decorative)(item, probe)


def always(answer: str) -> Decide:
    """The collapsed reader, which gives one answer to everything."""
    return lambda item, probe: answer


def _drawn(item: Row, *parts: object) -> str:
    options = [option for option in item["options"] if option != SILENT]
    return options[int(digest(item["item_id"], *parts), 16) % len(options)]


@dataclass(frozen=True)
class WorkedChains:
    """A writer that generates the worked chain of each item, with the token ids that a tokenizer gives it.

    Args:
        chains: text of the chain by prompt.
        tokenizer: a fast tokenizer; None for chains without token ids.
        tokenizer_hash: of the tokenizer.
    """

    chains: Mapping[str, str]
    tokenizer: prompts.Tokenizer | None = None
    tokenizer_hash: str | None = None

    def render(self, messages: Sequence[Message], wording: Prompts) -> str:
        """Text of a conversation, by the tokenizer's chat template."""
        return prompts.render(self.tokenizer, messages, wording)

    def generate(self, prompts: Sequence[Prompt], decoding: Decoding) -> list[Completion]:
        """The chain that belongs to each prompt."""
        return [self._completion(prompt.text) for prompt in prompts]

    def _completion(self, prompt: str) -> Completion:
        text = self.chains[prompt]
        if self.tokenizer is None:
            return Completion(text, "stop")
        prompt_ids, ids = prompts.encode_prompt(self.tokenizer, prompt), prompts.encode(self.tokenizer, text)
        if anchor := prompts.anchor_ids(self.tokenizer):  # by itself, the text would have other tokens
            return Completion(text, "stop", prompt_ids, ids, detokenise(self.tokenizer, ids, anchor)[1])
        offsets = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        return Completion(text, "stop", prompt_ids, ids, [end for _, end in offsets])

    def score(self, probes: Sequence[Probe], propose: Propose | None = None) -> list[Reading]:
        """A writer of worked chains scores nothing."""
        raise NotImplementedError("a writer of worked chains scores no probes")
