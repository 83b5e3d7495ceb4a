"""Tries: each shared prefix once, and nothing seen but one's own sequence."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from faithfulness.backends import prefix_tree
from faithfulness.backends.prefix_tree import Layout

SEQUENCES = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=8), min_size=1, max_size=8)


def seen(layout: Layout, chunk: int, place: int) -> list[int]:
    """Nodes that a node of a chunk attends to, each as often as it does."""
    return sorted(layout.keys[chunk][layout.mask[chunk, place]].tolist())


def ancestors(tree: prefix_tree.Tree, node: int) -> list[int]:
    """A node and all above it, by following parents: the reference."""
    found = [node]
    while tree.parents[found[-1]] >= 0:
        found.append(int(tree.parents[found[-1]]))
    return found[::-1]


def test_the_drawing() -> None:
    a, b, c, d, e, f = range(10, 16)
    tree = prefix_tree.build([[a, f], [a, b, d, e], [a, b, c]])
    assert tree.tokens.tolist() == [a, b, c, d, e, f]
    assert tree.depths.tolist() == [0, 1, 2, 2, 3, 1]
    assert tree.ends.tolist() == [5, 4, 2]
    layout = prefix_tree.chunks(tree, 3)
    assert layout.keys[1].tolist()[-3:] == [3, 4, 5]
    assert [seen(layout, 1, place) for place in range(3)] == [[0, 1, 3], [0, 1, 3, 4], [0, 5]]


@given(SEQUENCES)
def test_ends_spell_their_sequences(sequences: list[list[int]]) -> None:
    tree = prefix_tree.build(sequences)
    for sequence, end in zip(sequences, tree.ends, strict=True):
        assert tree.tokens[ancestors(tree, end)].tolist() == sequence
        assert tree.depths[ancestors(tree, end)].tolist() == list(range(len(sequence)))


@given(SEQUENCES)
def test_each_shared_prefix_is_one_node(sequences: list[list[int]]) -> None:
    prefixes = {tuple(s[: i + 1]) for s in sequences for i in range(len(s))}
    assert len(prefix_tree.build(sequences).tokens) == len(prefixes)
    assert prefix_tree.count(sequences) == len(prefixes)


@given(SEQUENCES, st.integers(1, 9))
def test_a_node_sees_its_ancestors_and_itself_once(sequences: list[list[int]], size: int) -> None:
    tree = prefix_tree.build(sequences)
    layout = prefix_tree.chunks(tree, size)
    size = layout.depths.shape[1]
    for node in range(len(tree.tokens)):
        chunk, place = divmod(node, size)
        assert seen(layout, chunk, place) == ancestors(tree, node)
        assert layout.depths[chunk, place] == tree.depths[node]
    assert (layout.key_depths == tree.depths[layout.keys])[layout.mask.any(axis=1)].all()
    assert layout.mask.any(axis=2).all()  # the filling, too: a softmax over nothing is not a number


@given(SEQUENCES, st.integers(0, 3))
def test_tips_see_their_paths(sequences: list[list[int]], room: int) -> None:
    tree = prefix_tree.build(sequences)
    path = np.pad(prefix_tree.paths(tree, tree.ends), ((0, 0), (0, room)), constant_values=7)
    layout = prefix_tree.tips(path, tree.depths[tree.ends] + 1)
    for tip, end in enumerate(tree.ends):
        assert seen(layout, tip, 0) == ancestors(tree, end)
        assert layout.depths[tip, 0] == tree.depths[end]
