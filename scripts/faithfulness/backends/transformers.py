"""Writing and reading with local weights, through transformers."""

import itertools
import logging
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import LogitsProcessor, LogitsProcessorList, TemperatureLogitsWarper, TopPLogitsWarper
from transformers.utils import logging as transformers_logging

from faithfulness import prefix_tree
from faithfulness.arms.devices import place
from faithfulness.arms.loading import load_arm
from faithfulness.backends import Completion, Decoding, Probe, Prompt, Propose, Reading, tree_attention
from faithfulness.backends.forest import Forest, Request, likeliest, log_probs, score
from faithfulness.prompts import answer_text, encode, tokenizer_hash

logger = logging.getLogger("faithfulness")

# Largest difference between packed and plain log-probabilities that rounding explains.
PARITY = {torch.float32: 5e-4, torch.bfloat16: 0.5, torch.float16: 0.1}
ROWS = 16  # a batch, where a model takes no trees


class TransformersBackend:
    """One arm, loaded once; see `backends.Backend`.

    Args:
        folder: the arm's folder.
        device: 'cpu', 'cuda' or 'auto'.
        threads: CPU threads; None for torch's own choice.
        token_budget: tokens a forward pass; halved for good where the device's memory does not suffice.
        gpus: how many GPUs the model's layers are spread over; 0 if none must be there.
    """

    def __init__(
        self, folder: Path, device: str = "auto", threads: int | None = None, token_budget: int = 8192, gpus: int = 0
    ) -> None:
        if threads:
            torch.set_num_threads(threads)
        transformers_logging.disable_progress_bar()
        self.device, device_map = place(device, gpus)
        self.token_budget = token_budget
        self.tokenizer, self.model, self.arm = load_arm(folder, device_map)
        self.tokenizer_hash: str | None = tokenizer_hash(self.tokenizer)
        self._ids = lru_cache(maxsize=2**14)(partial(encode, self.tokenizer))  # prompts and options come many times
        ends = self.model.generation_config.eos_token_id
        stops = {*(ends if isinstance(ends, list) else [ends]), self.tokenizer.eos_token_id}
        self.stops = sorted(token for token in stops if token is not None)
        self.packs = self._packing_is_exact()
        logger.info("%s on %s, %s", folder, self.device, "prefix trees" if self.packs else "one sequence a row")

    # Writing

    @torch.inference_mode()
    def write(self, prompts: Sequence[Prompt], decoding: Decoding) -> list[Completion]:
        """Continue all prompts; those that have ended take no more time."""
        prompt_ids = [self._ids(prompt.text) if prompt.ids is None else prompt.ids for prompt in prompts]
        done: dict[int, Completion] = {}

        def work(batch: list[int]) -> None:
            asked, seeds = [prompt_ids[i] for i in batch], [prompts[i].seed for i in batch]
            for i, (ids, reason) in zip(batch, self._continue(asked, decoding, seeds), strict=True):
                text, ends = self._decode(ids)
                done[i] = Completion(text, reason, prompt_ids[i], ids, ends)

        sizes = [len(ids) + decoding.max_new_tokens for ids in prompt_ids]
        units = [[i] for i in sorted(range(len(prompts)), key=sizes.__getitem__)]
        self._in_batches(units, lambda unit: sizes[unit[0]], work)
        return [done[i] for i in range(len(prompts))]

    def _continue(self, contexts: list[list[int]], decoding: Decoding, seeds: list[int]) -> list[tuple[list[int], str]]:
        if not self.packs:
            rows = self._rows(max(map(len, contexts)) + decoding.max_new_tokens)
            slices = [slice(start, start + rows) for start in range(0, len(contexts), rows)]
            return [row for part in slices for row in self._generate(contexts[part], decoding, seeds[part])]
        samplers = [sampler(decoding, [seed]) for seed in seeds]
        return Forest(self.model, contexts).grow([decoding.max_new_tokens] * len(contexts), self.stops, samplers)

    def _generate(
        self, prompt_ids: list[list[int]], decoding: Decoding, seeds: list[int]
    ) -> list[tuple[list[int], str]]:
        """New token ids of each row, and why they end: the reference of `Forest.grow`, for models without trees."""
        longest = max(map(len, prompt_ids))
        pad = self.tokenizer.pad_token_id
        rows = torch.tensor([[pad] * (longest - len(ids)) + ids for ids in prompt_ids], device=self.device)
        lengths = torch.tensor([len(ids) for ids in prompt_ids], device=self.device)
        mask = (torch.arange(longest, device=self.device) >= longest - lengths[:, None]).long()
        output = self.model.generate(
            rows,
            attention_mask=mask,
            max_new_tokens=decoding.max_new_tokens,
            do_sample=False,
            eos_token_id=self.stops,
            pad_token_id=pad,
            temperature=None,
            top_p=None,
            top_k=None,
            logits_processor=LogitsProcessorList([_finite, *sampler(decoding, seeds)]),
        )[:, longest:].tolist()
        return [_until_stop(ids, self.stops) for ids in output]

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
    def read(self, probes: Sequence[Probe], propose: Propose | None = None) -> list[Reading]:
        """Log-probabilities of candidates, and greedy continuations where they are wanted."""
        contexts = [self._context(probe) for probe in probes]
        items: dict[str, list[int]] = {}
        # What begins alike stands side by side, so that it does in the halves of an item, too.
        for i in sorted(range(len(probes)), key=contexts.__getitem__):
            items.setdefault(probes[i].item_id, []).append(i)
        done: dict[int, Reading] = {}

        def work(batch: list[int]) -> None:
            readings = self._read([probes[i] for i in batch], [contexts[i] for i in batch], batch, propose)
            done.update(zip(batch, readings, strict=True))

        # The first and the last in order share what all share: it is computed once a batch, not once an item.
        preamble = prefix_tree.shared(min(contexts), max(contexts)) if contexts and self.packs else 0

        def size(unit: list[int]) -> int:
            added = (probes[i].answer_tokens + sum(map(len, self._candidates(probes[i].candidates))) for i in unit)
            return len(prefix_tree.build([contexts[i] for i in unit]).tokens) + sum(added) - preamble

        # The candidates of a probe may depend on the answer to another probe of its item.
        self._in_batches(list(items.values()), size, work, divisible=propose is None)
        return [done[i] for i in range(len(probes))]

    def _read(
        self, probes: Sequence[Probe], contexts: list[list[int]], batch: list[int], propose: Propose | None
    ) -> list[Reading]:
        """Readings of a batch of whole items."""
        limits = [probe.answer_tokens for probe in probes]
        texts: list[str | None] = [None] * len(probes)
        candidates: Sequence[tuple[str, ...]] = [probe.candidates for probe in probes]
        forest = None
        if any(limits):
            if self.packs:
                forest = Forest(self.model, contexts)
                written = forest.grow(limits, self.stops, [LogitsProcessorList()] * len(probes))
            else:
                written = self._continue(contexts, Decoding(max(limits)), [0] * len(probes))
            texts = [self._decode(ids[:limit])[0] for (ids, _), limit in zip(written, limits, strict=True)]
            candidates = propose(batch, texts) if propose else candidates
        encoded = [self._candidates(some) for some in candidates]
        owners = [i for i, some in enumerate(encoded) for _ in some]
        wanted = [ids for some in encoded for ids in some]
        if forest:
            scores = iter(forest.score(owners, wanted))
        else:
            scores = iter(self.log_probs([(contexts[i], ids) for i, ids in zip(owners, wanted, strict=True)]))
        return [
            Reading(
                log_probs=tuple(itertools.islice(scores, len(some))),
                tokens=tuple(map(len, some)),
                text=text,
                retokenised=probe.chain_ids is None and bool(probe.chain),
            )
            for probe, some, text in zip(probes, encoded, texts, strict=True)
        ]

    def _context(self, probe: Probe) -> list[int]:
        chain = probe.chain_ids if probe.chain_ids is not None else self._ids(probe.chain)
        return [*self._ids(probe.prompt), *chain, *self._ids(probe.cue)]

    def _candidates(self, texts: Sequence[str]) -> list[list[int]]:
        return [self._ids(answer_text(text)) for text in texts]

    def log_probs(self, requests: Sequence[Request]) -> list[float]:
        """Log-probability of each continuation after its context, in nats."""
        if self.packs:
            return score(self.model, requests)
        return self._padded(requests, self._rows(max(len(context) + len(ids) for context, ids in requests)))

    def _rows(self, longest: int) -> int:
        """Rows a batch of a model that takes no trees."""
        return min(ROWS, max(1, self.token_budget // longest))

    def _padded(self, requests: Sequence[Request], rows: int) -> list[float]:
        """The reference, with one row a batch; with more, the way for models that take no trees.

        Padding stands on the right, where no causal model sees it, whatever it is made of.
        """
        values = [0.0] * len(requests)
        order = sorted(range(len(requests)), key=lambda i: len(requests[i][0]) + len(requests[i][1]))
        for start in range(0, len(order), rows):
            batch = order[start : start + rows]
            ids = [torch.tensor([*requests[i][0], *requests[i][1]]) for i in batch]
            mask = pad_sequence([torch.ones_like(row) for row in ids], batch_first=True)
            padded = pad_sequence(ids, batch_first=True, padding_value=self.tokenizer.pad_token_id or 0)
            logits = self.model(
                input_ids=padded.to(self.device), attention_mask=mask.to(self.device), use_cache=False
            ).logits
            for row, i in enumerate(batch):
                context, continuation = requests[i]
                places = np.arange(len(context) - 1, len(context) + len(continuation) - 1)
                values[i] = float(log_probs(logits[row, places], np.arange(len(places)), np.array(continuation)).sum())
        return values

    def _in_batches(
        self,
        units: list[list[int]],
        size: Callable[[list[int]], int],
        work: Callable[[list[int]], None],
        divisible: bool = False,
    ) -> None:
        """Do the work in batches of whole units: as many as the token budget allows, or one.

        Args:
            units: indices that belong together.
            size: tokens of a unit.
            work: on the indices of a batch.
            divisible: units over the budget may be halved.
        """
        pending = [(unit, size(unit)) for unit in units]
        while pending:
            unit, tokens = pending[0]
            if divisible and tokens > self.token_budget and len(unit) > 1:
                halves = unit[: len(unit) // 2], unit[len(unit) // 2 :]
                pending[:1] = [(half, size(half)) for half in halves]
                continue
            totals = itertools.accumulate(tokens for _, tokens in pending)
            count = max(1, sum(1 for _ in itertools.takewhile(lambda total: total <= self.token_budget, totals)))
            batch, total = [i for unit, _ in pending[:count] for i in unit], sum(n for _, n in pending[:count])
            try:
                work(batch)
                del pending[:count]
                continue
            except torch.OutOfMemoryError:
                pass  # once this block is left, nothing holds on to what did not fit
            torch.cuda.empty_cache()
            # Where a model takes no trees, a smaller budget is fewer rows at once.
            if not (count > 1 or (divisible and len(unit) > 1) or (not self.packs and self.token_budget > 1)):
                raise MemoryError(
                    f"{self.device} has no memory for one item of {total} tokens; "
                    "use a device with more memory, shorter chains (max_new_tokens), or fewer cuts (max_cuts)"
                )
            self.token_budget = min(total, self.token_budget) // 2
            logger.warning("out of memory on %s: going on with %d tokens a batch", self.device, self.token_budget)

    @torch.inference_mode()
    def _packing_is_exact(self) -> bool:
        """Whether this model gives in a prefix tree what it gives in a row; tried on a few sequences."""
        before = self.model.config._attn_implementation
        reason = self._why_not_packed()
        if reason:
            self.model.set_attn_implementation(before)
            logger.warning("prefix trees: %s; scoring one sequence a row, which takes longer", reason)
        return not reason

    def _why_not_packed(self) -> str:
        vocabulary = self.model.get_input_embeddings().weight.shape[0]
        # Long enough to leave a sliding window, where there is one of usual size.
        window = getattr(self.model.config.get_text_config(), "sliding_window", None) or 0
        length = 48 + min(window, 4096)
        ids = [(7 * i * i + 13 * i) % vocabulary for i in range(length + 48)]
        requests = [
            (ids[:length], ids[50:52]),
            (ids[: length - 16] + ids[-36:-16], ids[-16:-13]),
            (ids[: length - 16] + ids[-40:-10], ids[2:4]),
        ]
        plain = np.array(self._padded(requests, 1))
        try:
            self.model.set_attn_implementation(tree_attention.NAME)
            forest = Forest(self.model, [context for context, _ in requests])
            grown = forest.score(range(len(requests)), [continuation for _, continuation in requests])
            difference = np.abs(plain - [score(self.model, requests), grown]).max()
        except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
            return f"not possible with this model ({error})"
        if not difference <= PARITY[self.model.dtype]:
            return f"this model differs by {difference:.2g} nats in them"
        return ""


def _finite(_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
    likeliest(scores)
    return scores


def _until_stop(ids: list[int], stops: Collection[int]) -> tuple[list[int], str]:
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
