"""Rotary positions whose frequencies depend on the length of the row (`dynamic` and `longrope` scaling).

Up to the length of pretraining, a row has the frequencies of pretraining, and beyond it has others, in all its places:
sequences on the two sides share no states, and no pass. transformers also keeps the frequencies of the longest
row so far (`dynamic`), so that a row would depend on those before it.
"""

import math
from collections.abc import Iterator

import torch
from transformers import PreTrainedModel

DYNAMIC, LONGROPE = "dynamic", "longrope"


def longest_alike(model: PreTrainedModel) -> float:
    """The most tokens of a sequence that has the frequencies of all shorter ones; infinite for most models."""
    return min((limit for *_, limit in _switching(model)), default=math.inf)


def forget_rows(model: PreTrainedModel) -> None:
    """Let every pass of a model begin with the frequencies of pretraining, whatever rows it had before."""
    dynamic = [(module, prefix) for module, prefix, kind, _ in _switching(model) if DYNAMIC in kind]
    if not dynamic:
        return

    def forget(*_: object) -> None:
        for module, prefix in dynamic:
            frequencies = getattr(module, f"{prefix}inv_freq")
            original = getattr(module, f"{prefix}original_inv_freq").to(frequencies.device)
            module.register_buffer(f"{prefix}inv_freq", original, persistent=False)
            setattr(module, f"{prefix}max_seq_len_cached", module.original_max_seq_len)

    for module, _ in dynamic:
        module.register_forward_pre_hook(forget)


def scaled_from(model: PreTrainedModel) -> int:
    """The length of pretraining of a model whose positions are scaled beyond it in any way; 0 for other models."""
    config = model.config.get_text_config()
    parameters = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    by_layer = [part for part in parameters.values() if isinstance(part, dict)] or [parameters]
    scaled = [part for part in by_layer if part.get("rope_type", part.get("type", "default")) != "default"]
    longest = getattr(config, "max_position_embeddings", 0)
    return min((part.get("original_max_position_embeddings") or longest for part in scaled), default=0)


def _switching(model: PreTrainedModel) -> Iterator[tuple[torch.nn.Module, str, str, int]]:
    """Rotary embeddings that switch: module, prefix of its attributes, kind of scaling, and the last length before."""
    for module in model.modules():
        kinds = getattr(module, "rope_type", None)
        if kinds is None or not hasattr(module, "config"):
            continue
        for layer_type, kind in (kinds if isinstance(kinds, dict) else {"": kinds}).items():
            if DYNAMIC not in str(kind) and kind != LONGROPE:
                continue
            parameters = module.config.rope_parameters
            parameters = parameters[layer_type] if layer_type else parameters
            limit = parameters["original_max_position_embeddings"] if kind == LONGROPE else module.original_max_seq_len
            yield module, f"{layer_type}_" if layer_type else "", kind, int(limit)
