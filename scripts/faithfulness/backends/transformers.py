"""Writing and reading with local weights, through transformers."""

import itertools
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import log_softmax
from transformers import LogitsProcessor, LogitsProcessorList, TemperatureLogitsWarper, TopPLogitsWarper
from transformers.utils import logging as transformers_logging

from faithfulness import models, prefix_tree
from faithfulness.backends import Completion, Decoding, Probe, Prompt, Reading
from faithfulness.prompts import answer_text, encode, tokenizer_hash

logger = logging.getLogger("faithfulness")

# Largest difference between packed and plain log-probabilities that rounding explains.
PARITY = {torch.float32: 1e-3, torch.bfloat16: 0.5, torch.float16: 0.1}


class TransformersBackend:
    """One arm, loaded once; see `backends.Backend`."""

    def __init__(self, folder: Path, device: str = "auto", threads: int | None = None) -> None:
        if threads:
            torch.set_num_threads(threads)
        transformers_logging.disable_progress_bar()
        self.device = models.pick_device(device)
        self.tokenizer, self.model, self.arm = models.load_arm(folder, self.device)
        self.tokenizer_hash: str | None = tokenizer_hash(self.tokenizer)
        self.packs = self._packing_is_exact()
        logger.info("%s on %s, %s", folder, self.device, "packed scoring" if self.packs else "one sequence a row")

    # Writing

    @torch.inference_mode()
    def write(self, prompts: Sequence[Prompt], decoding: Decoding) -> list[Completion]:
        """Continue all prompts in one left-padded batch."""
        prompt_ids = [encode(self.tokenizer, prompt.text) for prompt in prompts]
        written = self._generate(prompt_ids, decoding, [prompt.seed for prompt in prompts])
        done = []
        for start, (ids, reason) in zip(prompt_ids, written, strict=True):
            text, ends = self._decode(ids)
            done.append(Completion(text, reason, start, ids, ends))
        return done

    def _generate(
        self, prompt_ids: list[list[int]], decoding: Decoding, seeds: list[int]
    ) -> list[tuple[list[int], str]]:
        """New token ids of each row, up to the end-of-sequence token, and why they end."""
        longest = max(map(len, prompt_ids))
        pad = self.tokenizer.pad_token_id
        rows = torch.tensor([[pad] * (longest - len(ids)) + ids for ids in prompt_ids], device=self.device)
        lengths = torch.tensor([len(ids) for ids in prompt_ids], device=self.device)
        mask = (torch.arange(longest, device=self.device) >= longest - lengths[:, None]).long()
        ends = self.model.generation_config.eos_token_id
        stops = set(ends if isinstance(ends, list) else [ends]) | {self.tokenizer.eos_token_id}
        output = self.model.generate(
            rows,
            attention_mask=mask,
            max_new_tokens=decoding.max_new_tokens,
            do_sample=False,
            eos_token_id=sorted(token for token in stops if token is not None),
            pad_token_id=pad,
            temperature=None,
            top_p=None,
            top_k=None,
            logits_processor=sampler(decoding, seeds),
        )[:, longest:].tolist()
        return [_until_stop(ids, stops) for ids in output]

    def _decode(self, ids: list[int]) -> tuple[str, list[int]]:
        """Text of token ids, and the character offset where each token ends."""

        def decode(part: list[int]) -> str:
            return self.tokenizer.decode(part, skip_special_tokens=False, clean_up_tokenization_spaces=False)

        text = decode(ids)
        # A token that ends inside a character decodes to a replacement sign, which the next one takes back.
        ends = [min(len(decode(ids[: i + 1]).rstrip("\ufffd")), len(text)) for i in range(len(ids))]
        return text, [*itertools.accumulate(ends[:-1], max), len(text)] if ids else []

    # Reading

    @torch.inference_mode()
    def read(self, probes: Sequence[Probe]) -> list[Reading]:
        """Log-probabilities of candidates, and greedy continuations where they are wanted."""
        contexts = [self._context(probe) for probe in probes]
        candidates = [[encode(self.tokenizer, answer_text(c)) for c in probe.candidates] for probe in probes]
        requests = [
            (context, candidate) for context, some in zip(contexts, candidates, strict=True) for candidate in some
        ]
        owners = [probe.item_id for probe, some in zip(probes, candidates, strict=True) for _ in some]
        scores = iter(self.log_probs(requests, owners))
        texts = self._continue(probes, contexts)
        return [
            Reading(
                log_probs=tuple(itertools.islice(scores, len(some))),
                tokens=tuple(map(len, some)),
                text=text,
                retokenised=probe.chain_ids is None and bool(probe.chain),
            )
            for probe, some, text in zip(probes, candidates, texts, strict=True)
        ]

    def _context(self, probe: Probe) -> list[int]:
        chain = probe.chain_ids if probe.chain_ids is not None else encode(self.tokenizer, probe.chain)
        return [*encode(self.tokenizer, probe.prompt), *chain, *encode(self.tokenizer, probe.cue)]

    def _continue(self, probes: Sequence[Probe], contexts: list[list[int]]) -> list[str | None]:
        texts: list[str | None] = [None] * len(probes)
        wanted = [i for i, probe in enumerate(probes) if probe.answer_tokens]
        for batch in _batched(wanted, 16):
            limit = max(probes[i].answer_tokens for i in batch)
            written = self._generate([contexts[i] for i in batch], Decoding(limit), [0] * len(batch))
            for i, (ids, _) in zip(batch, written, strict=True):
                texts[i] = self._decode(ids[: probes[i].answer_tokens])[0]
        return texts

    def log_probs(self, requests: Sequence[tuple[list[int], list[int]]], owners: Sequence[str]) -> list[float]:
        """Log-probability of each continuation after its context, in nats.

        Args:
            requests: pairs of token ids: context, continuation.
            owners: the item of each request; requests of one item share a prefix tree.
        """
        score = self._packed if self.packs else self._plain
        result = [0.0] * len(requests)
        groups: dict[str, list[int]] = {}
        for i, owner in enumerate(owners):
            groups.setdefault(owner, []).append(i)
        for group in groups.values():
            for i, value in zip(group, score([requests[i] for i in group]), strict=True):
                result[i] = value
        return result

    def _packed(self, requests: Sequence[tuple[list[int], list[int]]]) -> list[float]:
        """All requests as one prefix tree in one row: each distinct token is computed once."""
        tree = prefix_tree.build([context + continuation for context, continuation in requests])
        scored = sorted({node for path, (context, _) in _zip(tree.paths, requests) for node in path[len(context) :]})
        parents = sorted({int(tree.parents[node]) for node in scored})
        allowed = torch.from_numpy(prefix_tree.ancestor_mask(tree)).to(self.device)
        mask = torch.zeros(allowed.shape, dtype=self.model.dtype, device=self.device)
        mask.masked_fill_(~allowed, torch.finfo(self.model.dtype).min)
        logits = self.model(
            input_ids=torch.from_numpy(tree.tokens)[None].to(self.device),
            position_ids=torch.from_numpy(tree.depths)[None].to(self.device),
            attention_mask=mask[None, None],
            logits_to_keep=torch.tensor(parents, device=self.device),
            use_cache=False,
        ).logits[0]
        row_of = {node: row for row, node in enumerate(parents)}
        rows = torch.tensor([row_of[int(tree.parents[node])] for node in scored], device=self.device)
        tokens = torch.from_numpy(tree.tokens[scored]).to(self.device)
        values = log_softmax(logits.float(), dim=-1)[rows, tokens].tolist()
        value_of = dict(zip(scored, values, strict=True))
        return [
            sum(value_of[node] for node in path[len(context) :]) for path, (context, _) in _zip(tree.paths, requests)
        ]

    def _plain(self, requests: Sequence[tuple[list[int], list[int]]]) -> list[float]:
        """Each request in a row of its own: the reference, and the way for models that cannot be packed."""
        values = []
        for context, continuation in requests:
            ids = torch.tensor([context + continuation], device=self.device)
            logits = self.model(input_ids=ids, use_cache=False).logits[0, len(context) - 1 : -1]
            target = torch.tensor(continuation, device=self.device)
            values.append(float(log_softmax(logits.float(), dim=-1).gather(1, target[:, None]).sum()))
        return values

    @torch.inference_mode()
    def _packing_is_exact(self) -> bool:
        """Whether this model gives packed the log-probabilities it gives plain; tried on a few sequences."""
        vocabulary = self.model.get_input_embeddings().weight.shape[0]
        ids = [(7 * i * i + 13 * i) % vocabulary for i in range(96)]
        requests = [(ids[:48], ids[50:52]), (ids[:32] + ids[60:80], ids[80:83]), (ids[:32] + ids[40:70], ids[2:4])]
        plain = torch.tensor(self._plain(requests))
        try:
            packed = torch.tensor(self._packed(requests))
        except (TypeError, ValueError, RuntimeError, IndexError) as error:  # a model that takes no such mask
            logger.warning("packed scoring is not possible with this model (%s)", error)
            return False
        difference = float((plain - packed).abs().max())
        exact = difference <= PARITY[self.model.dtype]
        if not exact:
            logger.warning("packed scoring differs from plain by %.2g nats; scoring one sequence a row", difference)
        return exact


def _zip(paths: list[list[int]], requests: Sequence[tuple[list[int], list[int]]]) -> Any:
    return zip(paths, requests, strict=True)


def _batched(values: list[int], size: int) -> list[tuple[int, ...]]:
    return [tuple(values[i : i + size]) for i in range(0, len(values), size)]


def _until_stop(ids: list[int], stops: set[int]) -> tuple[list[int], str]:
    for position, token in enumerate(ids):
        if token in stops:
            return ids[:position], "stop"
    return ids, "length"


def sampler(decoding: Decoding, seeds: list[int]) -> LogitsProcessorList:
    """Nothing for greedy decoding; else sampling whose draws belong to the row, not to the batch."""
    if decoding.temperature == 0:
        return LogitsProcessorList()
    steps = [TemperatureLogitsWarper(decoding.temperature), TopPLogitsWarper(decoding.top_p), GumbelNoise(seeds)]
    return LogitsProcessorList(steps)


class GumbelNoise(LogitsProcessor):
    """Turns greedy decoding into sampling: argmax(scores + Gumbel noise) is a draw from softmax(scores).

    A row's noise comes from its own seed, so neither batch size nor order changes what is drawn.
    """

    def __init__(self, seeds: list[int]) -> None:
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores of shape (rows, vocabulary), with noise."""
        uniform = torch.stack([torch.rand(scores.shape[1], generator=g) for g in self.generators]).to(scores.device)
        return scores.float() - torch.log(-torch.log(uniform.clamp(1e-20, 1 - 1e-7)))
