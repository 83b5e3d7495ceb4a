"""Attention over prefix trees, for any model of transformers whose attention can be replaced.

It is registered with transformers as an attention implementation and attends chunk by chunk, as the layout says (see
`prefix_tree`). Positions, adapters, the cache and everything else remain the model's own. A model with this attention
can only be called through `forward`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor
from torch.nn.functional import pad, scaled_dot_product_attention
from transformers import AttentionInterface, DynamicCache, PreTrainedModel

from faithfulness.backends.prefix_tree import Ints, Layout

NAME = "prefix_tree"


class _PlacedLayout:
    """A layout on one device, with the masks that the layers there need."""

    def __init__(self, layout: Layout, device: torch.device) -> None:
        self.keys, self.key_depths, self.depths, self.mask = (torch.from_numpy(part).to(device) for part in layout)
        self.biases: dict[tuple[int | None, int], Tensor] = {}

    def bias(self, window: int | None, groups: int, dtype: torch.dtype) -> Tensor:
        """The mask as 0 or minus infinity: (G, 1, groups * C, K).

        It is made once for all layers: attention accepts booleans, but would convert them at each call.

        Args:
            window: size of the sliding window, if there is one.
            groups: number of query heads that share their keys.
            dtype: of the queries.
        """
        if (window, groups) not in self.biases:
            mask = self.mask  # (G, C, K)
            if window is not None:
                mask = mask & (self.depths[:, :, None] - self.key_depths[:, None] < window)  # (G, C, K)
            bias = torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill_(~mask, -torch.inf)  # (G, C, K)
            self.biases[window, groups] = bias.repeat(1, groups, 1)[:, None]  # (G, 1, groups * C, K)
        return self.biases[window, groups]


class _ActiveLayout:
    """The layout of the current forward pass, on each device that holds layers of the model."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.placed: dict[torch.device, _PlacedLayout] = {}

    def on(self, device: torch.device) -> _PlacedLayout:
        if device not in self.placed:
            self.placed[device] = _PlacedLayout(self.layout, device)
        return self.placed[device]


# transformers calls `attend` inside a model's layers and hands on nothing of ours: the layout reaches it this way.
_active: ContextVar[_ActiveLayout] = ContextVar("layout of the current forward pass")


def attend(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **options: object,
) -> tuple[Tensor, None]:
    """Attention of one row over the active layout; the signature is that of transformers' attention functions.

    Shapes: T nodes in the row, H query heads, J key heads, R = H / J query heads for each key head, D the width of a
    head, N nodes in the cache and the row; G chunks of C nodes with K keys each, as in `Layout`.

    Args:
        module: the layer; not used.
        query: (1, H, T, D).
        key: (1, J, N, D).
        value: (1, J, N, D).
        attention_mask: not used; the layout says what a node attends to.
        scaling: factor of the scores; default 1 / sqrt(D).
        sliding_window: a node attends to this many positions at most.
        softcap: scores are squashed to this range (Gemma 2).
        options: those of other models.

    Returns:
        (1, T, H, D), and no attention weights.

    Raises:
        NotImplementedError: the model uses attention sinks or a position bias.
    """
    if any(options.get(name) is not None for name in ("s_aux", "position_bias")):
        raise NotImplementedError("attention with sinks or a position bias")
    layout = _active.get().on(query.device)
    (heads, length, width), (chunk_count, size) = query.shape[1:], layout.depths.shape  # H, T, D; G, C
    key_heads = key.shape[1]  # J
    groups = heads // key_heads  # R
    # Query heads that share their keys become more queries of one head, so that no key is copied for them.
    query = pad(query[0], (0, 0, 0, chunk_count * size - length))  # (H, G * C, D)
    query = query.view(key_heads, groups, chunk_count, size, width)  # (J, R, G, C, D)
    query = query.permute(2, 0, 1, 3, 4)  # (G, J, R, C, D)
    query = query.reshape(chunk_count, key_heads, groups * size, width)  # (G, J, R * C, D)
    key = _gather(key[0], layout.keys)  # (G, J, K, D)
    value = _gather(value[0], layout.keys)  # (G, J, K, D)
    bias = layout.bias(sliding_window, groups, query.dtype)  # (G, 1, R * C, K)
    if softcap is None:
        output = scaled_dot_product_attention(query, key, value, attn_mask=bias, scale=scaling)  # (G, J, R * C, D)
    else:
        scores = query @ key.transpose(-1, -2) * (scaling or width**-0.5)  # (G, J, R * C, K)
        scores = torch.tanh(scores / softcap) * softcap  # (G, J, R * C, K)
        weights = (scores + bias).softmax(-1, dtype=torch.float32).to(value.dtype)  # (G, J, R * C, K)
        output = weights @ value  # (G, J, R * C, D)
    output = output.view(chunk_count, key_heads, groups, size, -1)  # (G, J, R, C, D)
    output = output.permute(0, 3, 1, 2, 4)  # (G, C, J, R, D)
    output = output.reshape(1, chunk_count * size, heads, -1)  # (1, G * C, H, D)
    return output[:, :length], None  # (1, T, H, D)


def _gather(states: Tensor, keys: Tensor) -> Tensor:
    """The states (J, N, D) of the nodes in keys (G, K): (G, J, K, D)."""
    gathered = states.index_select(1, keys.flatten())  # (J, G * K, D)
    return gathered.view(len(states), *keys.shape, -1).transpose(0, 1)  # (G, J, K, D)


AttentionInterface.register(NAME, attend)


@contextmanager
def _activated(layout: Layout) -> Iterator[None]:
    token = _active.set(_ActiveLayout(layout))
    try:
        yield
    finally:
        _active.reset(token)


def forward(
    model: PreTrainedModel,
    tokens: Ints,
    positions: Ints,
    layout: Layout,
    keep: Ints,
    cache: DynamicCache | None = None,
) -> Tensor:
    """Logits at some nodes of a row.

    Args:
        model: a causal language model with the attention implementation `NAME` (V tokens in its vocabulary).
        tokens: (T,) token ids of the row.
        positions: (T,) their positions.
        layout: what they attend to. Its nodes are those of the cache, in the order in which they were added, and after
            them those of the row.
        keep: (M,) nodes of the row whose logits are wanted.
        cache: holds earlier rows; this one is added. None to keep nothing.

    Returns:
        (M, V) logits.
    """
    device = model.device
    with _activated(layout):
        output = model(
            input_ids=torch.from_numpy(tokens)[None].to(device),  # (1, T)
            position_ids=torch.from_numpy(positions)[None].to(device),  # (1, T)
            past_key_values=cache,
            use_cache=cache is not None,
            logits_to_keep=torch.from_numpy(keep).to(device),  # (M,)
        )
    return output.logits[0]  # (M, V)
