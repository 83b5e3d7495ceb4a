"""A reader that answers by a function, and a writer of worked chains (method, section 10).

They implement the same interface as real models, so that a whole run can be made with them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from faithfulness import prompts
from faithfulness.backends.detokenise import detokenise
from faithfulness.backends.protocol import Completion, Decoding, Probe, Prompt, Propose, Reading
from faithfulness.calibrate.organisms import Decide
from faithfulness.prompts import Message, Prompts
from faithfulness.tables.io import Row

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
