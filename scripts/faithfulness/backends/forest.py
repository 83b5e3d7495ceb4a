"""Sequences that share prefixes and grow together: the forward passes of writing and of reading.

Whatever has ended takes no more time: each step computes one token of each sequence that still grows.
"""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache, LogitsProcessorList

from faithfulness import prefix_tree
from faithfulness.backends import tree_attention

# Nodes a chunk: small ones waste little of the mask, large ones gather fewer keys. Measured on the CPU; flat around it.
CHUNK = 64

Request = tuple[list[int], list[int]]  # token ids of a context and of its continuation


def score(model: Any, requests: Sequence[Request]) -> list[float]:
    """Log-probability of each continuation after its context, in nats: one forward pass over one prefix tree.

    The last token of a continuation is looked up after the one before, and needs no node.
    """
    tree = prefix_tree.build([[*context, *continuation[:-1]] for context, continuation in requests])
    nodes: list[int] = []  # where each token of each continuation is predicted: up from the sequence's last node
    for end, (_, continuation) in zip(tree.ends, requests, strict=True):
        path = [int(end)]
        while len(path) < len(continuation):
            path.append(int(tree.parents[path[-1]]))
        nodes += reversed(path)
    kept, places = np.unique(nodes, return_inverse=True)
    layout = prefix_tree.chunks(tree, CHUNK)
    logits = tree_attention.forward(model, tree.tokens, tree.depths, layout, kept)
    tokens = np.array([token for _, continuation in requests for token in continuation])
    owners = np.repeat(np.arange(len(requests)), [len(continuation) for _, continuation in requests])
    return np.bincount(owners, log_probs(logits, places, tokens), len(requests)).tolist()


class Forest:
    """Sequences behind a cache of what they share, ready to be continued.

    Args:
        model: a causal language model with tree attention.
        sequences: token ids; none may be empty.
    """

    def __init__(self, model: Any, sequences: Sequence[list[int]]) -> None:
        tree = prefix_tree.build(sequences)
        self.model, self.cache, self.nodes = model, DynamicCache(), len(tree.tokens)
        self.paths, self.lengths = prefix_tree.paths(tree, tree.ends), tree.depths[tree.ends] + 1
        ends, places = np.unique(tree.ends, return_inverse=True)
        layout = prefix_tree.chunks(tree, CHUNK)
        self.logits = tree_attention.forward(model, tree.tokens, tree.depths, layout, ends, self.cache)[places]

    def _step(self, paths: np.ndarray, lengths: np.ndarray, rows: list[int], tokens: list[int]) -> torch.Tensor:
        """Put a token at the end of some paths, which take the new nodes; its logits, a row each."""
        paths[rows, lengths[rows]] = np.arange(self.nodes, self.nodes + len(tokens))
        self.nodes += len(tokens)
        positions = lengths[rows]
        lengths[rows] += 1
        layout = prefix_tree.tips(paths[rows, : lengths[rows].max()], lengths[rows])
        keep = np.arange(len(tokens))
        return tree_attention.forward(self.model, np.array(tokens), positions, layout, keep, self.cache)

    def grow(
        self, limits: Sequence[int], stops: Collection[int], samplers: Sequence[LogitsProcessorList]
    ) -> list[tuple[list[int], str]]:
        """Continue each sequence until a stop token, or by `limits` tokens.

        Args:
            limits: most tokens of each sequence.
            stops: tokens that end a sequence; they are not part of it.
            samplers: what is done to each sequence's logits before the largest is taken.

        Returns:
            New token ids of each sequence, and why they end: 'stop' or 'length'.
        """
        written: list[tuple[list[int], str]] = [([], "length") for _ in limits]
        paths, lengths = np.pad(self.paths, ((0, 0), (0, max(limits)))), self.lengths.copy()
        growing = [i for i, limit in enumerate(limits) if limit > 0]
        logits = self.logits[growing]
        unused: Any = None  # samplers are given the tokens so far, but look at the logits alone
        while growing:
            scores = [samplers[i](unused, row[None].float()) for i, row in zip(growing, logits, strict=True)]
            tokens = dict(zip(growing, likeliest(torch.cat(scores)).tolist(), strict=True))
            for i, token in tokens.items():
                if token in stops:
                    written[i] = written[i][0], "stop"
                else:
                    written[i][0].append(token)
            growing = [i for i, token in tokens.items() if token not in stops and len(written[i][0]) < limits[i]]
            if growing:
                logits = self._step(paths, lengths, growing, [tokens[i] for i in growing])
        return written

    def score(self, owners: Sequence[int], continuations: Sequence[Sequence[int]]) -> list[float]:
        """Log-probability of continuations, in nats, each of the sequence that `owners` names."""
        totals = np.zeros(len(continuations))
        longest = max(map(len, continuations), default=0)
        rows = list(owners)
        paths, lengths = np.pad(self.paths[rows], ((0, 0), (0, longest))), self.lengths[rows]
        growing = [i for i, continuation in enumerate(continuations) if continuation]
        logits = self.logits[[rows[i] for i in growing]]
        for position in range(longest):
            tokens = [continuations[i][position] for i in growing]
            totals[growing] += log_probs(logits, np.arange(len(growing)), np.array(tokens))
            growing = [i for i in growing if len(continuations[i]) > position + 1]
            if growing:
                logits = self._step(paths, lengths, growing, [continuations[i][position] for i in growing])
        return totals.tolist()


def log_probs(logits: torch.Tensor, rows: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """Log-probability of tokens: the softmax of their rows of logits (N, vocabulary), in float32."""
    # In slices: as float32 all at once, the logits of a large vocabulary would be the largest thing in memory.
    normalisers = torch.cat([part.float().logsumexp(dim=-1) for part in logits.split(64)])
    where = torch.from_numpy(rows).to(logits.device)
    values = logits[where, torch.from_numpy(tokens).to(logits.device)].float() - normalisers[where]
    refuse_unless_finite(values)
    return values.double().cpu().numpy()


def likeliest(scores: torch.Tensor) -> torch.Tensor:
    """The token of the largest score in each row."""
    best = scores.max(dim=-1)
    refuse_unless_finite(best.values)
    return best.indices


def refuse_unless_finite(values: torch.Tensor) -> None:
    """A model whose weights hold a NaN, or whose values overflow, would go on as if nothing were wrong."""
    if not values.isfinite().all():
        raise ValueError(
            "the model's logits are not finite numbers: its weights hold such values, or overflow in its dtype; take "
            "sound weights, or dtype bfloat16 or float32"
        )
