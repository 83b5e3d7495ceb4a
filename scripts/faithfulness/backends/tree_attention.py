"""Attention over prefix trees, for any model of transformers whose attention can be exchanged.

Registered with transformers as an attention implementation of its own, which attends chunk by chunk
as the layout says (see `prefix_tree`). Everything else, positions, adapters and the cache among it,
stays the model's own business. A model that has this attention can be called through `forward` only.
"""

from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import torch
from torch.nn.functional import pad, scaled_dot_product_attention
from transformers import AttentionInterface

from faithfulness.prefix_tree import Layout

NAME = "prefix_tree"


class _Placed:
    """A layout on one device, with the masks that the layers there ask for."""

    def __init__(self, layout: Layout, device: torch.device) -> None:
        self.keys, self.key_depths, self.depths, self.mask = (torch.from_numpy(part).to(device) for part in layout)
        self.biases: dict[tuple[int | None, int], torch.Tensor] = {}

    def bias(self, window: int | None, groups: int, dtype: torch.dtype) -> torch.Tensor:
        """0 or minus infinity (G, 1, groups x C, K), for a sliding window and query heads that share their keys.

        Made once for all layers: attention takes a mask of booleans, but turns it into this at every call.
        """
        if (window, groups) not in self.biases:
            mask = self.mask
            if window is not None:
                mask = mask & (self.depths[:, :, None] - self.key_depths[:, None] < window)
            bias = torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill_(~mask, -torch.inf)
            self.biases[window, groups] = bias.repeat(1, groups, 1)[:, None]
        return self.biases[window, groups]


class _Layouts(dict[torch.device, _Placed]):
    """A layout on every device that a model's layers are spread over."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def __missing__(self, device: torch.device) -> _Placed:
        self[device] = _Placed(self.layout, device)
        return self[device]


_active: ContextVar[_Layouts] = ContextVar("layouts")


def _attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of a row: query (1, heads, T, D); key and value (1, key heads, nodes, D). Gives (1, T, heads, D)."""
    layout = _active.get()[query.device]
    if any(options.get(name) is not None for name in ("s_aux", "position_bias")):
        raise NotImplementedError("attention with sinks or a position bias")
    (heads, length, width), (chunk_count, size) = query.shape[1:], layout.depths.shape
    key_heads = key.shape[1]
    groups = heads // key_heads
    # Query heads that share their keys become more queries of the same head: no key is copied for them.
    query = pad(query[0], (0, 0, 0, chunk_count * size - length)).view(key_heads, groups, chunk_count, size, width)
    query = query.permute(2, 0, 1, 3, 4).reshape(chunk_count, key_heads, groups * size, width)
    key, value = _gather(key[0], layout.keys), _gather(value[0], layout.keys)
    bias = layout.bias(sliding_window, groups, query.dtype)
    if softcap is None:
        output = scaled_dot_product_attention(query, key, value, attn_mask=bias, scale=scaling)
    else:
        scores = torch.tanh(query @ key.transpose(-1, -2) * (scaling or width**-0.5) / softcap) * softcap
        output = (scores + bias).softmax(-1, dtype=torch.float32).to(value.dtype) @ value
    output = output.view(chunk_count, key_heads, groups, size, -1).permute(0, 3, 1, 2, 4)
    return output.reshape(1, chunk_count * size, heads, -1)[:, :length], None


def _gather(states: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
    """Rows (heads, nodes, D) of the keys (G, K), as (G, heads, K, D)."""
    return states.index_select(1, keys.flatten()).view(len(states), *keys.shape, -1).transpose(0, 1)


AttentionInterface.register(NAME, _attend)


@contextmanager
def _over(layout: Layout) -> Any:
    token = _active.set(_Layouts(layout))
    try:
        yield
    finally:
        _active.reset(token)


def forward(
    model: Any, tokens: np.ndarray, positions: np.ndarray, layout: Layout, keep: np.ndarray, cache: Any = None
) -> torch.Tensor:
    """Logits (len(keep), vocabulary) at some nodes of a row.

    Args:
        model: a causal language model with the attention implementation `NAME`.
        tokens: (T,) the row's token ids.
        positions: (T,) their positions.
        layout: what they attend to: nodes of the cache (in the order they came) and, after them, of the row.
        keep: nodes of the row whose logits are wanted.
        cache: of transformers; holds earlier rows and takes this one. None: nothing is kept.
    """
    device = model.device
    with _over(layout):
        return model(
            input_ids=torch.from_numpy(tokens)[None].to(device),
            position_ids=torch.from_numpy(positions)[None].to(device),
            past_key_values=cache,
            use_cache=cache is not None,
            logits_to_keep=torch.from_numpy(keep).to(device),
        ).logits[0]
