"""Token tries: sequences that share prefixes, laid out so that each shared token is computed once.

All probes of an item begin with the same prompt and most with the same steps. Merged into a
trie and laid out in one row, every node attends to its ancestors and to itself, at the position
it would have in a sequence of its own:

    sequences      row           attends to      position
    a b c          0 a           a               0
    a b d e        1 b           a b             1
    a f            2 c           a b c           2
                   3 d           a b . d         2
                   4 e           a b . d e       3
                   5 f           a . . . . f     1

One forward pass over the row then gives, at each node, what a causal transformer would give
there in the sequence that leads to it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Tree(NamedTuple):
    """A trie in insertion order, parents before children (T nodes, S sequences)."""

    tokens: np.ndarray  # (T,) token ids
    parents: np.ndarray  # (T,) index of the parent, -1 at a root
    depths: np.ndarray  # (T,) distance from the root: the position id
    paths: list[list[int]]  # S lists: node of each token of each sequence


def build(sequences: Sequence[Sequence[int]]) -> Tree:
    """The trie of token sequences. None may be empty."""
    tokens: list[int] = []
    parents: list[int] = []
    depths: list[int] = []
    children: dict[tuple[int, int], int] = {}
    paths = []
    for sequence in sequences:
        node, path = -1, []
        for depth, token in enumerate(sequence):
            child = children.get((node, token))
            if child is None:
                child = children[node, token] = len(tokens)
                tokens.append(token)
                parents.append(node)
                depths.append(depth)
            path.append(child)
            node = child
        paths.append(path)
    return Tree(np.array(tokens), np.array(parents), np.array(depths), paths)


def ancestor_mask(tree: Tree) -> np.ndarray:
    """Which node attends to which: boolean, (T, T), true for its ancestors and itself."""
    mask = np.eye(len(tree.tokens), dtype=bool)
    for node, parent in enumerate(tree.parents):
        if parent >= 0:
            mask[node] |= mask[parent]
    return mask
