"""Scoring and generating with prefix trees: each shared token is computed once, and no row is padded.

A sequence that has ended costs no more time: each decoding step computes one token of every sequence that still grows.
"""

from collections.abc import Collection, Sequence

import numpy as np
import torch
from torch import Tensor
from transformers import DynamicCache, LogitsProcessorList, PreTrainedModel

from faithfulness.backends import prefix_tree, tree_attention
from faithfulness.backends.logits import likeliest, log_probs
from faithfulness.backends.prefix_tree import Ints
from faithfulness.backends.protocol import Generated, Request

# Nodes in a chunk. Small chunks waste little of the mask, large ones gather fewer keys; on CPUs, time hardly changes
# around this value.
CHUNK = 64


def score(model: PreTrainedModel, requests: Sequence[Request]) -> list[float]:
    """Log-probability of each continuation after its context, in nats: one forward pass over one prefix tree.

    Args:
        model: a causal language model with tree attention (V tokens in its vocabulary).
        requests: token ids of contexts and continuations, neither of which may be empty.
    """
    # The last token of a continuation is predicted by the one before it, and predicts nothing: it needs no node.
    tree = prefix_tree.build([[*context, *continuation[:-1]] for context, continuation in requests])
    paths = prefix_tree.paths(tree, tree.ends)  # (requests, deepest + 1)
    predicting = [  # nodes that predict the tokens of a continuation: from the last token of its context on
        path[len(context) - 1 : len(context) - 1 + len(continuation)]
        for path, (context, continuation) in zip(paths, requests, strict=True)
    ]
    tokens = np.array([token for _, continuation in requests for token in continuation])  # (M,) tokens to score
    owners = np.repeat(np.arange(len(requests)), [len(continuation) for _, continuation in requests])  # (M,)
    kept, rows = np.unique(np.concatenate(predicting), return_inverse=True)  # (N,) nodes, (M,) their rows in the logits
    layout = prefix_tree.chunks(tree, CHUNK)
    logits = tree_attention.forward(model, tree.tokens, tree.depths, layout, kept)  # (N, V)
    return np.bincount(owners, log_probs(logits, rows, tokens), len(requests)).tolist()


class Forest:
    """Sequences behind a cache of their prefix tree, ready to be continued (S sequences).

    Args:
        model: a causal language model with tree attention (V tokens in its vocabulary).
        sequences: token ids; none may be empty.
    """

    def __init__(self, model: PreTrainedModel, sequences: Sequence[list[int]]) -> None:
        tree = prefix_tree.build(sequences)
        self.model = model
        self.cache = DynamicCache()
        self.node_count = len(tree.tokens)  # nodes in the cache
        self.paths = prefix_tree.paths(tree, tree.ends)  # (S, deepest + 1) nodes of each sequence
        self.lengths = tree.depths[tree.ends] + 1  # (S,) tokens of each sequence
        ends, rows = np.unique(tree.ends, return_inverse=True)  # (N,), (S,)
        layout = prefix_tree.chunks(tree, CHUNK)
        logits = tree_attention.forward(model, tree.tokens, tree.depths, layout, ends, self.cache)  # (N, V)
        self.logits = logits[rows]  # (S, V) after the last token of each sequence

    def _step(self, paths: Ints, lengths: Ints, rows: list[int], tokens: list[int]) -> Tensor:
        """Append a token to some paths, and add them to the cache.

        Args:
            paths: (P, L) nodes of each path, with room for one more; changed in place.
            lengths: (P,) nodes of each path; changed in place.
            rows: (B,) the paths that grow.
            tokens: (B,) the token that each of them grows by.

        Returns:
            (B, V) logits after the new tokens.
        """
        paths[rows, lengths[rows]] = np.arange(self.node_count, self.node_count + len(tokens))
        self.node_count += len(tokens)
        positions = lengths[rows]  # (B,)
        lengths[rows] += 1
        layout = prefix_tree.tips(paths[rows, : lengths[rows].max()], lengths[rows])
        keep = np.arange(len(tokens))  # (B,)
        return tree_attention.forward(self.model, np.array(tokens), positions, layout, keep, self.cache)  # (B, V)

    def grow(
        self, limits: Sequence[int], stops: Collection[int], samplers: Sequence[LogitsProcessorList]
    ) -> list[Generated]:
        """Continue each sequence until a stop token, or by `limits` tokens.

        Args:
            limits: the largest number of new tokens of each sequence.
            stops: tokens that end a sequence; they are not part of it.
            samplers: applied to the logits of each sequence before the largest is chosen.

        Returns:
            New token ids of each sequence, and why they end.
        """
        new_tokens: list[list[int]] = [[] for _ in limits]
        stopped = [False] * len(limits)
        paths = np.pad(self.paths, ((0, 0), (0, max(limits))))  # (S, deepest + 1 + new tokens)
        lengths = self.lengths.copy()  # (S,)
        growing = [i for i, limit in enumerate(limits) if limit > 0]
        logits = self.logits[growing]  # (B, V), B sequences that still grow
        no_ids = torch.LongTensor(1, 0)  # the samplers look at the scores alone, not at the tokens so far
        while growing:
            scores = [samplers[i](no_ids, row[None].float()) for i, row in zip(growing, logits, strict=True)]
            tokens = likeliest(torch.cat(scores)).tolist()  # (B,)
            step: dict[int, int] = {}  # the next token of each sequence that continues
            for i, token in zip(growing, tokens, strict=True):
                stopped[i] = token in stops
                if not stopped[i]:
                    new_tokens[i].append(token)
                    if len(new_tokens[i]) < limits[i]:
                        step[i] = token
            growing = list(step)
            if growing:
                logits = self._step(paths, lengths, growing, list(step.values()))
        return [(ids, "stop" if ended else "length") for ids, ended in zip(new_tokens, stopped, strict=True)]

    def score(self, owners: Sequence[int], continuations: Sequence[Sequence[int]]) -> list[float]:
        """Log-probability of continuations, in nats.

        Args:
            owners: the index of the sequence that each continuation follows.
            continuations: token ids.
        """
        totals = np.zeros(len(continuations))
        longest = max(map(len, continuations), default=0)
        paths = np.pad(self.paths[list(owners)], ((0, 0), (0, longest)))  # (continuations, deepest + 1 + longest)
        lengths = self.lengths[list(owners)]  # (continuations,)
        growing = [i for i, continuation in enumerate(continuations) if continuation]
        logits = self.logits[[owners[i] for i in growing]]  # (B, V), B continuations with tokens left to score
        for position in range(longest):
            tokens = [continuations[i][position] for i in growing]
            totals[growing] += log_probs(logits, np.arange(len(growing)), np.array(tokens))
            growing = [i for i in growing if len(continuations[i]) > position + 1]
            if growing:
                logits = self._step(paths, lengths, growing, [continuations[i][position] for i in growing])
        return totals.tolist()
