"""Token tries: sequences that share prefixes, laid out so that each shared token is computed once.

All probes of an item begin with the same prompt and most with the same steps; all items of a
dataset may begin with the same examples. Sorted and merged into a trie, whose nodes are numbered
depth first, they make one row. A node attends to its ancestors and to itself, at the position it
would have in a sequence of its own, so that one forward pass over the row gives at each node what
a causal transformer would give there in the sequence that leads to it:

    sequences      node    position   attends to (rows: nodes, columns: nodes)
                                      0 1 2 3 4 5
    a b c          0 a     0          x
    a b d e        1 b     1          x x
    a f            2 c     2          x x x
                   3 d     2          x x . x
                   4 e     3          x x . x x
                   5 f     1          x . . . . x

The mask of the whole row would be mostly empty, and its cost would grow with the square of the
row. Depth-first order allows better. Cut the row into equal chunks: whatever a node of a chunk
attends to lies in the chunk itself or on the path from the root to the chunk's first node, for an
ancestor that comes before the chunk has the first node among its descendants, too. So a chunk
needs the keys of that path and its own, and nothing else of the row:

    chunk 0 1 2           chunk 3 4 5
    path   own            path   own
    -      0 1 2          0 1    3 4 5
           x              x x    x
           x x            x x    x x
           x x x          x .    . . x

A step of decoding is the same with chunks of one node: each tip, behind the path that leads to it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Tree(NamedTuple):
    """A trie in depth-first order (T nodes, S sequences)."""

    tokens: np.ndarray  # (T,) token ids
    parents: np.ndarray  # (T,) index of the parent, -1 at a root
    depths: np.ndarray  # (T,) number of ancestors: the position id
    ends: np.ndarray  # (S,) node of each sequence's last token


class Layout(NamedTuple):
    """What the nodes of a row attend to, chunk by chunk (G chunks of C nodes, K keys each).

    The nodes are the row's, in order; the last chunk is filled up with its last node.
    """

    keys: np.ndarray  # (G, K) nodes whose keys a chunk needs
    key_depths: np.ndarray  # (G, K) their positions
    depths: np.ndarray  # (G, C) positions of the chunk's own nodes
    mask: np.ndarray  # (G, C, K) which of the keys each node attends to


def build(sequences: Sequence[list[int]]) -> Tree:
    """The trie of token sequences. None may be empty."""
    tokens: list[int] = []
    parents: list[int] = []
    depths: list[int] = []
    ends = np.empty(len(sequences), dtype=np.int64)
    path: list[int] = []  # nodes of the sequence before: what the next one shares with it is a prefix
    before: list[int] = []
    for index in sorted(range(len(sequences)), key=sequences.__getitem__):
        sequence = sequences[index]
        del path[shared(before, sequence) :]
        for depth in range(len(path), len(sequence)):
            parents.append(path[-1] if path else -1)
            path.append(len(tokens))
            tokens.append(sequence[depth])
            depths.append(depth)
        ends[index] = path[-1]
        before = sequence
    return Tree(np.array(tokens), np.array(parents), np.array(depths), ends)


def shared(one: list[int], other: list[int]) -> int:
    """Length of the common prefix of two sequences."""
    shortest = min(len(one), len(other))
    if one[:shortest] == other[:shortest]:
        return shortest
    return next(i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)


def paths(tree: Tree, nodes: np.ndarray) -> np.ndarray:
    """Nodes from the root to each of some nodes: (N, deepest + 1), column d at depth d; -1 below a node."""
    found = np.full((len(nodes), int(tree.depths[nodes].max(initial=-1)) + 1), -1)
    rows, at = np.arange(len(nodes)), nodes.copy()
    while len(rows):
        found[rows, tree.depths[at]] = at
        at = tree.parents[at]
        rows, at = rows[at >= 0], at[at >= 0]
    return found


def chunks(tree: Tree, size: int) -> Layout:
    """The layout of a whole trie in chunks of `size` nodes."""
    size = min(size, len(tree.tokens))
    first = np.arange(0, len(tree.tokens), size)
    own = np.minimum(first[:, None] + np.arange(size), len(tree.tokens) - 1)
    depths = tree.depths[own]

    path = paths(tree, first)[:, :-1] if len(first) else np.empty((0, 0), int)
    above = np.arange(path.shape[1])
    # Depth first, two nodes have as many ancestors in common as the shallowest node from the one to the other has.
    on_path = above < np.minimum.accumulate(depths, axis=1)[:, :, None]

    inside = np.zeros((len(first), size, size), dtype=bool)
    parents = tree.parents[own] - first[:, None]
    for i in range(size):
        known = parents[:, i] >= 0
        inside[known, i] = inside[known, parents[known, i]]
        inside[:, i, i] = True
    return Layout(
        keys=np.concatenate([np.maximum(path, 0), own], axis=1),
        key_depths=np.concatenate([np.broadcast_to(above, path.shape), depths], axis=1),
        depths=depths,
        mask=np.concatenate([on_path, inside], axis=2),
    )


def tips(path: np.ndarray, lengths: np.ndarray) -> Layout:
    """The layout of one more node at the end of each path: chunks of one.

    Args:
        path: (N, L) nodes from the root to each tip, the tip last, at column `lengths - 1`; the rest is ignored.
        lengths: (N,) nodes of each path.
    """
    depths = np.arange(path.shape[1])
    mask = depths < lengths[:, None]
    return Layout(
        keys=np.where(mask, path, 0),
        key_depths=np.tile(depths, (len(path), 1)),
        depths=lengths[:, None] - 1,
        mask=mask[:, None],
    )
