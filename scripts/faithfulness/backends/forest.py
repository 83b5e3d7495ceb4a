"""Scoring and generating with prefix trees: each shared token is computed once, and no row is padded.

A sequence that has ended costs no more time: each decoding step computes one token of every sequence that still grows.
"""

from collections.abc import Collection, Sequence

import numpy as np
import torch
from torch import Tensor
from transformers import DynamicCache, LogitsProcessorList, PreTrainedModel
from transformers.utils.generic import ModelOutput

from faithfulness.backends import chunked, prefix_tree, tree_attention
from faithfulness.backends.logits import likeliest, log_probs
from faithfulness.backends.prefix_tree import Ints
from faithfulness.backends.protocol import Generated, Request

# Nodes in a chunk. Small chunks waste little of the mask, large ones gather fewer keys; on CPUs, time hardly changes
# around this value.
CHUNK = 64


def score(model: PreTrainedModel, requests: Sequence[Request], chains: Sequence[Request] = ()) -> list[float]:
    """Log-probability of each continuation after its context, in nats: one forward pass over one prefix tree.

    Args:
        model: a causal language model with tree attention (V tokens in its vocabulary).
        requests: token ids of contexts and continuations, neither of which may be empty.
        chains: the same with long continuations, whose logits are not in memory together; where they are the beginnings
            of requests, they cost no further pass through the layers.

    Returns:
        Those of the requests, then those of the chains.
    """
    tree = prefix_tree.build([_sequence(request) for request in (*requests, *chains)])
    paths = prefix_tree.paths(tree, tree.ends)  # (requests and chains, deepest + 1)
    nodes, tokens, owners = _predictions(paths[: len(requests)], requests)  # (M,) each, M tokens to score
    kept, rows = np.unique(nodes, return_inverse=True)  # (N,) nodes, (M,) their rows in the logits
    layout = prefix_tree.chunks(tree, CHUNK)
    with chunked.recorded(model) as outputs:
        logits = tree_attention.forward(model, tree.tokens, tree.depths, layout, kept)  # (N, V)
    totals = np.bincount(owners, log_probs(logits, rows, tokens), len(requests)).tolist()
    return totals + _chain_log_probs(model, outputs[0], paths[len(requests) :], chains)


def _sequence(request: Request) -> list[int]:
    """The nodes that a request needs: the last token of its continuation predicts nothing."""
    context, continuation = request
    return [*context, *continuation[:-1]]


def _predictions(paths: Ints, requests: Sequence[Request]) -> tuple[Ints, Ints, Ints]:
    """For each token of the continuations, the node that predicts it, its id, and the index of its request.

    Args:
        paths: (requests, L) nodes of each request.
        requests: token ids of contexts and continuations.
    """
    nodes = [  # from the last token of the context on
        path[len(context) - 1 : len(context) - 1 + len(continuation)]
        for path, (context, continuation) in zip(paths, requests, strict=True)
    ]
    tokens = [token for _, continuation in requests for token in continuation]
    owners = [index for index, (_, continuation) in enumerate(requests) for _ in continuation]
    none = np.empty(0, np.int64)
    return np.concatenate([none, *nodes]), np.array(tokens, np.int64), np.array(owners, np.int64)


def _chain_log_probs(
    model: PreTrainedModel, output: ModelOutput, paths: Ints, chains: Sequence[Request]
) -> list[float]:
    """Log-probability of each chain, from the pass that holds its nodes; `paths` as in `_predictions`."""
    nodes, tokens, owners = _predictions(paths, chains)
    return np.bincount(owners, chunked.token_log_probs(model, output, nodes, tokens), len(chains)).tolist()


class Forest:
    """Sequences behind a cache of their prefix tree, ready to be continued (S sequences).

    Args:
        model: a causal language model with tree attention (V tokens in its vocabulary).
        sequences: token ids; none may be empty.
        chains: see `score`; the sequences begin with them.

    Attributes:
        chain_log_probs: log-probability of each chain after its context, in nats.
    """

    def __init__(self, model: PreTrainedModel, sequences: Sequence[list[int]], chains: Sequence[Request] = ()) -> None:
        tree = prefix_tree.build([*sequences, *map(_sequence, chains)])
        self.model = model
        self.cache = DynamicCache()
        self.node_count = len(tree.tokens)  # nodes in the cache
        paths = prefix_tree.paths(tree, tree.ends)
        self.paths, last = (
            paths[: len(sequences)],
            tree.ends[: len(sequences)],
        )  # (S, deepest + 1) nodes of each sequence
        self.lengths = tree.depths[last] + 1  # (S,) tokens of each sequence
        ends, rows = np.unique(last, return_inverse=True)  # (N,), (S,)
        layout = prefix_tree.chunks(tree, CHUNK)
        with chunked.recorded(model) as outputs:
            logits = tree_attention.forward(model, tree.tokens, tree.depths, layout, ends, self.cache)  # (N, V)
        self.chain_log_probs = _chain_log_probs(model, outputs[0], paths[len(sequences) :], chains)
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
