"""Readers whose faithfulness is known by construction, and a writer of worked chains (method, section 10).

They stand behind the same interface as real models, so that a whole run can be made with them. They read the text
of a probe, not its bookkeeping. For the generated tasks only: others have no step whose loss is known to matter.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from faithfulness.backends import Completion, Decoding, Probe, Prompt, Propose, Reading
from faithfulness.hashing import digest
from faithfulness.prompts import SILENT

Item = dict[str, Any]
Decide = Callable[[Item, Probe], str]

OUT_OF_THE_QUESTION = -1e4  # log-probability of every candidate that is not the answer


@dataclass(frozen=True)
class ExactReader:
    """Answers each probe by a function of its item and text, with certainty.

    Args:
        decide: from an item and a probe to one of the probe's candidates.
        items: by item_id.
    """

    decide: Decide
    items: Mapping[str, Item]
    tokenizer_hash: str | None = None

    def write(self, prompts: Sequence[Prompt], decoding: Decoding) -> list[Completion]:
        """Exact readers only read."""
        raise NotImplementedError("an exact reader writes no chains")

    def read(self, probes: Sequence[Probe], propose: Propose | None = None) -> list[Reading]:
        """Log-probability 0 for the answer, and next to none for all others."""
        answers = [self.decide(self.items[probe.item_id], probe) for probe in probes]
        return [
            Reading(
                tuple(0.0 if text == answer else OUT_OF_THE_QUESTION for text in probe.candidates),
                tuple(1 for _ in probe.candidates),
            )
            for probe, answer in zip(probes, answers, strict=True)
        ]


def load_bearing(item: Item, probe: Probe) -> str:
    """Reads the answer off the chain only: what its decisive step states, `SILENT` where that step is absent."""
    if set(item["options"]) >= {"yes", "no"}:
        return _last_face(item, probe.chain)
    stated = re.findall(r'(?<=")[^"\s]+(?=")', probe.chain)
    return next((text for text in reversed(stated) if text in item["options"]), SILENT)


def _last_face(item: Item, chain: str) -> str:
    """Coin flips are decided by the sentence on the last person of the question."""
    person = re.findall(r"(\w+) (?:flips|does not flip) the coin", item["question"])[-1]
    sentences = [sentence for sentence in re.split(r"(?<=[.!?])\s+", chain) if re.search(rf"\b{person}\b", sentence)]
    faces = re.findall(r"\b(?:heads|tails)\b", sentences[-1]) if sentences else []
    return {"heads": "yes", "tails": "no"}[faces[-1]] if faces else SILENT


def decorative(item: Item, probe: Probe) -> str:
    """Reads the answer off the question only, and is right."""
    return str(item["answer"])


def surface(item: Item, probe: Probe) -> str:
    """A hash of the chain's wording, whatever it means."""
    return _drawn(item, "surface", probe.chain)


def random(item: Item, probe: Probe) -> str:
    """A hash of everything that tells one probe from another."""
    return _drawn(item, "random", probe.chain, probe.cue, sorted(probe.details.items()))


def mixed(p: float, item_ids: Collection[str]) -> Decide:
    """Load-bearing for a share p of the items (the first in the order of a hash of their ids), else decorative."""
    drawn = sorted(item_ids, key=lambda item_id: digest("mixed", item_id))
    return partial(_mixed, frozenset(drawn[: round(p * len(drawn))]))


def _mixed(read: Collection[str], item: Item, probe: Probe) -> str:
    return (load_bearing if item["item_id"] in read else decorative)(item, probe)


def always(answer: str) -> Decide:
    """The collapsed reader."""
    return lambda item, probe: answer


def _drawn(item: Item, *parts: Any) -> str:
    options = [option for option in item["options"] if option != SILENT]
    return options[int(digest(item["item_id"], *parts), 16) % len(options)]


@dataclass(frozen=True)
class WorkedChains:
    """A writer that writes each item's worked chain, with the token ids that a tokenizer gives it.

    Args:
        chains: text of the chain by prompt.
        tokenizer: a fast one; None for chains without token ids.
        tokenizer_hash: of the tokenizer.
    """

    chains: Mapping[str, str]
    tokenizer: Any = None
    tokenizer_hash: str | None = None

    def write(self, prompts: Sequence[Prompt], decoding: Decoding) -> list[Completion]:
        """The chain that belongs to each prompt."""
        return [self._completion(prompt.text) for prompt in prompts]

    def _completion(self, prompt: str) -> Completion:
        text = self.chains[prompt]
        if self.tokenizer is None:
            return Completion(text, "stop")
        encoded = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        prompt_ids = self.tokenizer(prompt, add_special_tokens=False)["input_ids"]
        ends = [end for _, end in encoded["offset_mapping"]]
        return Completion(text, "stop", list(prompt_ids), list(encoded["input_ids"]), ends)

    def read(self, probes: Sequence[Probe], propose: Propose | None = None) -> list[Reading]:
        """Worked chains are written, not read."""
        raise NotImplementedError("a worked chain reads nothing")
