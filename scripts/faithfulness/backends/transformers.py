"""Generating and scoring with local weights, through transformers."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path

import torch
from transformers import LogitsProcessorList, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from faithfulness import prompts
from faithfulness.arms.devices import place
from faithfulness.arms.loading import load_arm
from faithfulness.backends import forest, padded, parity, positions, prefix_tree, tree_attention
from faithfulness.backends.batching import TokenBudget
from faithfulness.backends.detokenise import detokenise
from faithfulness.backends.forest import Forest
from faithfulness.backends.logits import sampler
from faithfulness.backends.protocol import (
    Begun,
    Completion,
    Decoding,
    FinishReason,
    Generated,
    Probe,
    Prompt,
    Propose,
    Reading,
    Request,
)
from faithfulness.prompts import Message, Prompts, answer_text, render, tokenizer_hash

logger = logging.getLogger("faithfulness")


class TransformersBackend:
    """An arm with local weights, loaded once; see `protocol.Backend`.

    Args:
        folder: folder of the arm.
        device: 'cpu', 'cuda' or 'auto'.
        threads: CPU threads; None for torch's default.
        token_budget: number of tokens in a forward pass; halved whenever the device runs out of memory.
        gpus: number of GPUs to spread the layers over; 0 if none is required.
        trees: whether prefix trees are used where they are exact; without them, padded batches are.

    Raises:
        ValueError: the weights cannot be loaded; or the arm's prompts would not be what they seem (`prompts.check`).
    """

    def __init__(
        self,
        folder: Path,
        device: str = "auto",
        threads: int | None = None,
        token_budget: int = 8192,
        gpus: int = 0,
        trees: bool = True,
    ) -> None:
        if threads:
            torch.set_num_threads(threads)
        transformers_logging.disable_progress_bar()
        self.device, device_map = place(device, gpus)
        self.tokenizer, self.model, self.arm = load_arm(folder, device_map)
        prompts.check(self.tokenizer, self.arm.prompts)
        self.tokenizer_hash: str | None = tokenizer_hash(self.tokenizer)
        # Prompts and options recur.
        self.encode = lru_cache(maxsize=2**14)(partial(prompts.encode, self.tokenizer))
        self.encode_prompt = lru_cache(maxsize=2**14)(partial(prompts.encode_prompt, self.tokenizer))
        self.anchor = prompts.anchor_ids(self.tokenizer)
        self.stops = _stop_tokens(self.tokenizer, self.model)
        self.pad = self.tokenizer.pad_token_id or 0
        positions.forget_rows(self.model)
        self.alike = positions.longest_alike(self.model)  # tokens of the longest sequences that share passes
        self.attention = self.model.config._attn_implementation  # of rows; that of trees cannot be used for them
        self.trees = trees and parity.use_trees(self.model, self.pad)
        self.budget = TokenBudget(token_budget, self.device, padded=not self.trees)
        logger.info("%s on %s, %s", folder, self.device, "prefix trees" if self.trees else "one sequence per row")

    def render(self, messages: Sequence[Message], prompts: Prompts) -> str:
        """Text of a conversation, by the model's chat template."""
        return render(self.tokenizer, messages, prompts)

    # Generating

    @torch.inference_mode()
    def generate(self, prompts: Sequence[Prompt], decoding: Decoding) -> list[Completion]:
        """Continue all prompts; those that have ended cost no more time."""
        contexts = [self.encode_prompt(prompt.text) if prompt.ids is None else prompt.ids for prompt in prompts]
        sizes = [len(ids) + decoding.max_new_tokens for ids in contexts]
        known = [_known(prompt.begun, decoding.max_new_tokens) for prompt in prompts]
        generated = {i: found for i, found in enumerate(known) if found is not None}
        # Positions that change with the length of the whole make another text of a row that is begun again.
        begun = [_ids(prompt.begun) if size <= self.alike else [] for prompt, size in zip(prompts, sizes, strict=True)]

        def work(batch: list[int]) -> None:
            starts = [[*contexts[i], *begun[i]] for i in batch]
            seeds, drawn = [prompts[i].seed for i in batch], [len(begun[i]) for i in batch]
            for i, (ids, finish_reason) in zip(batch, self.generate_ids(starts, decoding, seeds, drawn), strict=True):
                generated[i] = [*begun[i], *ids], finish_reason

        units = [[i] for i in sorted(set(range(len(prompts))) - generated.keys(), key=sizes.__getitem__)]
        self.budget.run(units, lambda unit: sizes[unit[0]], work)
        return [self._completion(context, *generated[i]) for i, context in enumerate(contexts)]

    def _completion(self, context: list[int], ids: list[int], finish_reason: FinishReason) -> Completion:
        text, ends = detokenise(self.tokenizer, ids, self.anchor)
        return Completion(text, finish_reason, context, ids, ends)

    @torch.inference_mode()
    def generate_ids(
        self, contexts: list[list[int]], decoding: Decoding, seeds: list[int], drawn: list[int] | None = None
    ) -> list[Generated]:
        """New token ids after each context, and why they end.

        Args:
            contexts: token ids.
            decoding: settings of generation.
            seeds: one for each context.
            drawn: tokens at the end of each context that were generated before; they count towards the token limit.
        """
        drawn = drawn or [0] * len(contexts)
        limits = [decoding.max_new_tokens - count for count in drawn]
        together, alone = self._apart([len(ids) + limit for ids, limit in zip(contexts, limits, strict=True)])
        generated: dict[int, Generated] = {}
        if together and self.trees:
            samplers = [sampler(decoding, [seeds[i]], [drawn[i]]) for i in together]
            behind = Forest(self.model, [contexts[i] for i in together])
            grown = behind.grow([limits[i] for i in together], self.stops, samplers)
            generated.update(zip(together, grown, strict=True))
            together = []
        longest = max((len(contexts[i]) for i in together), default=0) + decoding.max_new_tokens
        for rows in [*batched(together, self.budget.rows(longest)), *batched(alone, 1)]:
            texts, before = [contexts[i] for i in rows], [drawn[i] for i in rows]
            own = [seeds[i] for i in rows]
            with self._row_attention():
                written = padded.generate(self.model, texts, decoding, own, before, self.stops, self.pad)
            generated.update(zip(rows, written, strict=True))
        return [generated[i] for i in range(len(contexts))]

    @contextmanager
    def _row_attention(self) -> Iterator[None]:
        """The attention of ordinary rows, also in a model that uses trees."""
        if self.trees:
            self.model.set_attn_implementation(self.attention)
        try:
            yield
        finally:
            if self.trees:
                self.model.set_attn_implementation(tree_attention.NAME)

    def _apart(self, lengths: Sequence[int]) -> tuple[list[int], list[int]]:
        """Which sequences can share a pass, and which need one of their own, by their lengths (see `positions`)."""
        indices = range(len(lengths))
        return [i for i in indices if lengths[i] <= self.alike], [i for i in indices if lengths[i] > self.alike]

    # Scoring

    @torch.inference_mode()
    def score(self, probes: Sequence[Probe], propose: Propose | None = None) -> list[Reading]:
        """Log-probabilities of candidates and greedy answers; each token that probes share is computed once."""
        contexts = [self.context_ids(probe) for probe in probes]
        items: dict[str, list[int]] = {}
        # Sorted, so that similar contexts stay together when an item is halved.
        for i in sorted(range(len(probes)), key=contexts.__getitem__):
            items.setdefault(probes[i].item_id, []).append(i)
        # The first and the last context have in common what all have: it is computed once per batch, not per item.
        shared = prefix_tree.common_prefix(min(contexts), max(contexts)) if contexts and self.trees else 0
        readings: dict[int, Reading] = {}

        def size(unit: list[int]) -> int:
            answers = sum(probes[i].answer_tokens for i in unit)
            candidates = sum(len(ids) for i in unit for ids in self.candidate_ids(probes[i].candidates))
            return prefix_tree.count([contexts[i] for i in unit]) - shared + answers + candidates

        def work(batch: list[int]) -> None:
            in_batch = self._score_batch([probes[i] for i in batch], [contexts[i] for i in batch], batch, propose)
            readings.update(zip(batch, in_batch, strict=True))

        # Proposed candidates may depend on the answers to other probes of the item, which must not be split then.
        self.budget.run(list(items.values()), size, work, divisible=propose is None)
        return [readings[i] for i in range(len(probes))]

    def _score_batch(
        self, probes: list[Probe], contexts: list[list[int]], indices: list[int], propose: Propose | None
    ) -> list[Reading]:
        """Readings of the probes of a batch; `indices` are theirs in the call of `score`."""
        texts: list[str | None] = [None] * len(probes)
        chains = {i: self.chain_request(probe) for i, probe in enumerate(probes) if probe.chain_nats and probe.chain}
        candidates: Sequence[tuple[str, ...]] = [probe.candidates for probe in probes]
        grown: Forest | None = None
        limits = [probe.answer_tokens for probe in probes]
        if any(limits):
            _, alone = self._apart([len(ids) + limit for ids, limit in zip(contexts, limits, strict=True)])
            if self.trees and not alone:
                grown = Forest(self.model, contexts, list(chains.values()))
                generated = grown.grow(limits, self.stops, [LogitsProcessorList()] * len(probes))
            else:
                generated = self.generate_ids(contexts, Decoding(max(limits)), [0] * len(probes))
            answers = [ids[:limit] for (ids, _), limit in zip(generated, limits, strict=True)]
            texts = [detokenise(self.tokenizer, ids, self.anchor)[0] for ids in answers]
            candidates = propose(indices, texts) if propose else candidates
        candidate_ids = [self.candidate_ids(names) for names in candidates]
        owners = [i for i, of_probe in enumerate(candidate_ids) for _ in of_probe]
        continuations = [ids for of_probe in candidate_ids for ids in of_probe]
        lengths = [len(contexts[i]) + len(ids) for i, ids in zip(owners, continuations, strict=True)]
        if grown is not None and not self._apart(lengths)[1]:  # its cache holds the contexts already
            log_probs = [*grown.score(owners, continuations), *grown.chain_log_probs]
        else:
            requests = [(contexts[i], ids) for i, ids in zip(owners, continuations, strict=True)]
            log_probs = self.score_ids(requests, list(chains.values()))
        of_chains = dict(zip(chains, log_probs[len(owners) :], strict=True))
        remaining = iter(log_probs)
        return [
            Reading(
                log_probs=tuple(islice(remaining, len(of_probe))),
                tokens=tuple(map(len, of_probe)),
                text=text,
                retokenised=probe.chain_ids is None and bool(probe.chain),
                chain_nats=-of_chains[i] / len(chains[i][1]) if i in chains else None,
            )
            for i, (probe, of_probe, text) in enumerate(zip(probes, candidate_ids, texts, strict=True))
        ]

    @torch.inference_mode()
    def score_ids(self, requests: Sequence[Request], chains: Sequence[Request] = ()) -> list[float]:
        """Log-probability of each continuation after its context, in nats: of the requests, then of the chains.

        Chains are requests, too, with long continuations (see `forest.score`).
        """
        both = [*requests, *chains]
        lengths = [len(context) + len(continuation) for context, continuation in both]
        together, alone = self._apart(lengths)
        shared = [both[i] for i in together]
        values: dict[int, float] = {}
        if alone:
            with self._row_attention():
                of_rows = padded.score(self.model, [both[i] for i in alone], 1, self.pad)
            values.update(zip(alone, of_rows, strict=True))
        if shared and self.trees:
            answers = sum(i < len(requests) for i in together)
            in_trees = forest.score(self.model, shared[:answers], shared[answers:])
            values.update(zip(together, in_trees, strict=True))
        elif shared:
            rows = self.budget.rows(max(lengths[i] for i in together))
            values.update(zip(together, padded.score(self.model, shared, rows, self.pad), strict=True))
        return [values[i] for i in range(len(both))]

    def context_ids(self, probe: Probe) -> list[int]:
        """Token ids of a probe up to its answer. Its segments are encoded one by one (see `prompts`)."""
        chain = probe.chain_ids if probe.chain_ids is not None else self.encode(probe.chain)
        return [*self.encode_prompt(probe.prompt), *chain, *self.encode(probe.cue)]

    def chain_request(self, probe: Probe) -> Request:
        """Token ids of a probe's prompt and of its chain, as they are in its context."""
        chain = probe.chain_ids if probe.chain_ids is not None else self.encode(probe.chain)
        return self.encode_prompt(probe.prompt), chain

    def candidate_ids(self, candidates: Sequence[str]) -> list[list[int]]:
        """Token ids of each candidate as it follows the cue."""
        return [self.encode(answer_text(candidate)) for candidate in candidates]


def batched(indices: Sequence[int], size: int) -> list[Sequence[int]]:
    """Indices in groups of a size; the last group may be smaller."""
    return [indices[start : start + size] for start in range(0, len(indices), size)]


def _ids(begun: Begun | None) -> list[int]:
    """Token ids of what was begun; none where there is nothing, or a server wrote it."""
    return (begun.completion.ids if begun else None) or []


def _known(begun: Begun | None, limit: int) -> Generated | None:
    """What a prompt is continued by with a token limit, as far as what was begun says so; None if it has to go on."""
    ids = _ids(begun)
    if len(ids) >= limit:
        return ids[:limit], "length"
    return (ids, "stop") if begun and begun.completion.finish_reason == "stop" else None


def _stop_tokens(tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel) -> list[int]:
    """Tokens that end what the model generates."""
    ends = model.generation_config.eos_token_id
    stops = {*(ends if isinstance(ends, list) else [ends]), tokenizer.eos_token_id}
    return sorted(token for token in stops if token is not None)
