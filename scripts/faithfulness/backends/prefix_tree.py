"""Prefix trees (tries): token sequences with common prefixes, laid out so that each shared token is computed once.

All probes of an item begin with the same prompt, and most of them with the same steps. All items of a dataset may begin
with the same examples. Sorted and merged into a trie whose nodes are numbered depth first, the sequences form one row.
A node attends to its ancestors and to itself, at the position that it has in its own sequence. One forward pass over
the row therefore gives at each node what a causal transformer gives at the end of the sequence that leads there:

    sequences      node    position   attends to (rows: nodes, columns: nodes)
                                      0 1 2 3 4 5
    a b c          0 a     0          x
    a b d e        1 b     1          x x
    a f            2 c     2          x x x
                   3 d     2          x x . x
                   4 e     3          x x . x x
                   5 f     1          x . . . . x

The mask of the whole row would be mostly empty, and the cost of attention would grow with the square of the row.
Depth-first order allows better: cut the row into equal chunks. Whatever a node attends to is either in its own chunk or
on the path from the root to the first node of its chunk, because an ancestor that comes before the chunk is an ancestor
of the chunk's first node, too. So a chunk needs the keys of that path and its own, and no others:

    chunk 0 1 2           chunk 3 4 5
    path   own            path   own
    -      0 1 2          0 1    3 4 5
           x              x x    x
           x x            x x    x x
           x x x          x .    . . x

A decoding step is the same with chunks of one node: the new last token of each sequence, behind the path to it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Tree(NamedTuple):
    """A trie in depth-first order (T nodes, S sequences)."""

    tokens: Ints  # (T,) token ids
    parents: Ints  # (T,) index of the parent, -1 at a root
    depths: Ints  # (T,) number of ancestors: the position id
    ends: Ints  # (S,) node of the last token of each sequence


class Layout(NamedTuple):
    """What the nodes of a row attend to, chunk by chunk (G chunks of C nodes, K keys each).

    The chunks hold the nodes of the row in order. The last chunk is filled up with copies of its last node.
    """

    keys: Ints  # (G, K) nodes whose keys a chunk needs
    key_depths: Ints  # (G, K) their positions
    depths: Ints  # (G, C) positions of the chunk's own nodes
    mask: Bools  # (G, C, K) which of the keys each node attends to


def build(sequences: Sequence[list[int]]) -> Tree:
    """The trie of token sequences, none of which may be empty."""
    tokens: list[int] = []
    parents: list[int] = []
    depths: list[int] = []
    ends = np.empty(len(sequences), dtype=np.int64)
    path: list[int] = []  # nodes of the previous sequence
    previous: list[int] = []
    for index in sorted(range(len(sequences)), key=sequences.__getitem__):
        sequence = sequences[index]
        del path[common_prefix(previous, sequence) :]  # in sorted order, the previous sequence shares the most
        for depth in range(len(path), len(sequence)):
            parents.append(path[-1] if path else -1)
            path.append(len(tokens))
            tokens.append(sequence[depth])
            depths.append(depth)
        ends[index] = path[-1]
        previous = sequence
    return Tree(np.array(tokens), np.array(parents), np.array(depths), ends)


def count(sequences: Sequence[list[int]]) -> int:
    """Number of nodes of the trie, without building it."""
    nodes = 0
    previous: list[int] = []
    for sequence in sorted(sequences):
        nodes += len(sequence) - common_prefix(previous, sequence)
        previous = sequence
    return nodes


def common_prefix(first: list[int], second: list[int]) -> int:
    """Length of the common prefix of two sequences."""
    shortest = min(len(first), len(second))
    if first[:shortest] == second[:shortest]:
        return shortest
    return next(i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b)


def paths(tree: Tree, nodes: Ints) -> Ints:
    """Paths from the root to nodes.

    Args:
        tree: a trie.
        nodes: (N,) indices of nodes.

    Returns:
        (N, D), D the depth of the deepest of the nodes plus 1: the ancestor at each depth, then the node itself at its
        own depth, then -1.
    """
    result = np.full((len(nodes), int(tree.depths[nodes].max(initial=-1)) + 1), -1)
    rows, current = np.arange(len(nodes)), nodes.copy()  # rows that have not reached the root, and their node
    while len(rows):
        result[rows, tree.depths[current]] = current
        current = tree.parents[current]
        below_root = current >= 0
        rows, current = rows[below_root], current[below_root]
    return result


def chunks(tree: Tree, size: int) -> Layout:
    """The layout of a whole trie in chunks of `size` nodes."""
    size = min(size, len(tree.tokens))
    first = np.arange(0, len(tree.tokens), size)  # (G,) first node of each chunk
    own = np.minimum(first[:, None] + np.arange(size), len(tree.tokens) - 1)  # (G, C) nodes of each chunk
    depths = tree.depths[own]  # (G, C)

    path = paths(tree, first)[:, :-1] if len(first) else np.empty((0, 0), int)  # (G, P) ancestors of the first node
    path_depths = np.arange(path.shape[1])  # (P,)
    # In depth-first order, two nodes have as many common ancestors as the shallowest node between them has.
    common_ancestors = np.minimum.accumulate(depths, axis=1)  # (G, C) of the first node and each node
    on_path = path_depths < common_ancestors[:, :, None]  # (G, C, P)

    inside = np.zeros((len(first), size, size), dtype=bool)  # (G, C, C)
    parents = tree.parents[own] - first[:, None]  # (G, C) place of the parent in the chunk, negative outside it
    for place in range(size):  # a node attends to what its parent attends to, and to itself
        has_parent = parents[:, place] >= 0
        inside[has_parent, place] = inside[has_parent, parents[has_parent, place]]
        inside[:, place, place] = True
    return Layout(
        keys=np.concatenate([np.maximum(path, 0), own], axis=1),  # (G, P + C)
        key_depths=np.concatenate([np.broadcast_to(path_depths, path.shape), depths], axis=1),
        depths=depths,
        mask=np.concatenate([on_path, inside], axis=2),
    )


def tips(path: Ints, lengths: Ints) -> Layout:
    """The layout of the last node of each path, in chunks of one node.

    Args:
        path: (N, L) nodes from the root to the last node, which is in column `lengths - 1`; what follows is ignored.
        lengths: (N,) number of nodes of each path.
    """
    depths = np.arange(path.shape[1])  # (L,)
    mask = depths < lengths[:, None]  # (N, L)
    return Layout(
        keys=np.where(mask, path, 0),
        key_depths=np.tile(depths, (len(path), 1)),
        depths=lengths[:, None] - 1,
        mask=mask[:, None],
    )
