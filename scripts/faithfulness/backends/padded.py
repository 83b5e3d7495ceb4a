"""Padded batches: slow, simple, and right for every causal model.

With one row per batch they are the reference that prefix trees are tested against; with more, the fallback for models
that cannot use trees.
"""

from collections.abc import Collection, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import LogitsProcessorList, PreTrainedModel

from faithfulness.backends.logits import likeliest, log_probs, sampler
from faithfulness.backends.protocol import Decoding, Generated, Request


def score(model: PreTrainedModel, requests: Sequence[Request], rows: int, pad: int) -> list[float]:
    """Log-probability of each continuation after its context, in nats.

    Rows are padded on the right: a causal model does not see what follows, so the padding token does not matter.

    Args:
        model: a causal language model (B rows of L tokens, V tokens in the vocabulary).
        requests: token ids of contexts and continuations.
        rows: number of rows in a batch.
        pad: id of the padding token.
    """
    values = [0.0] * len(requests)
    order = sorted(range(len(requests)), key=lambda i: len(requests[i][0]) + len(requests[i][1]))
    for start in range(0, len(order), rows):
        batch = order[start : start + rows]
        sequences = [torch.tensor([*requests[i][0], *requests[i][1]]) for i in batch]
        ids = pad_sequence(sequences, batch_first=True, padding_value=pad)  # (B, L)
        mask = pad_sequence([torch.ones_like(row) for row in sequences], batch_first=True)  # (B, L)
        logits = model(
            input_ids=ids.to(model.device), attention_mask=mask.to(model.device), use_cache=False
        ).logits  # (B, P + L, V), where an adapter may put P tokens of its own in front
        logits = logits[:, -ids.shape[1] :]  # (B, L, V)
        for row, i in enumerate(batch):
            context, continuation = requests[i]
            first = len(context) - 1  # the last token of the context predicts the first of the continuation
            predicting = logits[row, np.arange(first, first + len(continuation))]  # (len(continuation), V)
            values[i] = float(log_probs(predicting, np.arange(len(continuation)), np.array(continuation)).sum())
    return values


def generate(
    model: PreTrainedModel,
    contexts: Sequence[list[int]],
    decoding: Decoding,
    seeds: Sequence[int],
    drawn: Sequence[int],
    stops: Collection[int],
    pad: int,
) -> list[Generated]:
    """New token ids after each context, and why they end; all contexts in one batch.

    Rows are padded on the left, so that all of them continue at the same position.

    Args:
        model: a causal language model (B rows of L tokens).
        contexts: token ids.
        decoding: settings of generation.
        seeds: one for each context.
        drawn: tokens at the end of each context that were generated before; they count towards the token limit.
        stops: tokens that end a sequence; they are not part of it.
        pad: id of the padding token.
    """
    longest = max(map(len, contexts))
    limits = [decoding.max_new_tokens - count for count in drawn]
    rows = torch.tensor([[pad] * (longest - len(ids)) + ids for ids in contexts], device=model.device)  # (B, L)
    lengths = torch.tensor([len(ids) for ids in contexts], device=model.device)  # (B,)
    mask = (torch.arange(longest, device=model.device) >= longest - lengths[:, None]).long()  # (B, L)
    output = model.generate(
        rows,
        attention_mask=mask,
        max_new_tokens=max(limits),
        do_sample=False,
        eos_token_id=list(stops),
        pad_token_id=pad,
        temperature=None,
        top_p=None,
        top_k=None,
        logits_processor=LogitsProcessorList([_check_finite, *sampler(decoding, seeds, drawn)]),
    )  # (B, L + new tokens)
    new = output[:, longest:].tolist()
    return [until_stop(ids[:limit], stops) for ids, limit in zip(new, limits, strict=True)]


def _check_finite(_ids: Tensor, scores: Tensor) -> Tensor:
    likeliest(scores)
    return scores


def until_stop(ids: list[int], stops: Collection[int]) -> Generated:
    """The token ids before the first stop token, and whether there is one."""
    for position, token in enumerate(ids):
        if token in stops:
            return ids[:position], "stop"
    return ids, "length"
