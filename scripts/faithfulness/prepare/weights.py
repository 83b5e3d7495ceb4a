"""Model folders: bringing weights into one form, and pruning depth.

`resources/models/<weights>/` holds safetensors, a tokenizer and model.json.
"""

import json
import logging
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from faithfulness.arms.base_weights import load_base
from faithfulness.arms.devices import pick_dtype
from faithfulness.config.weights import Weights
from faithfulness.hashing import check_weights, weights_hash
from faithfulness.prepare.toy import random_llama

logger = logging.getLogger("faithfulness")


def prepare_model(settings: Weights, source: Path | None, folder: Path, for_gpus: bool = False) -> None:
    """Write a model's weights, tokenizer and model.json to `folder`, in its own dtype.

    Args:
        settings: what the weights are made of.
        source: fetched file or folder, or the prepared folder of the whole model; None for `random:` models.
        folder: where the model goes.
        for_gpus: the weights are for GPUs, which this machine may lack.

    Raises:
        ValueError: more layers are asked for than there are, or the weights cannot be read.
    """
    dtype = _dtype(settings.dtype, source, for_gpus)
    if source is None:
        tokenizer, model = random_llama()
    else:
        tokenizer, model = _load_source(source, settings, dtype)
    if settings.layers:
        keep_layers(model, settings.layers)
    model = model.to(dtype)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    description = {
        "parameters": model.num_parameters(),
        "layers": model.config.num_hidden_layers,
        "dtype": str(dtype).removeprefix("torch."),
        "weights": weights_hash(folder),
    }
    (folder / "model.json").write_text(json.dumps(description, indent=2) + "\n")
    logger.info("%.1f M parameters, %d layers", description["parameters"] / 1e6, description["layers"])


def _dtype(wanted: str, source: Path | None, for_gpus: bool) -> torch.dtype:
    """`pick_dtype`, but the sizes of one model share what was found for the whole one: depth is all that differs."""
    whole = source / "model.json" if source else None
    if wanted == "auto" and whole and whole.exists():
        wanted = json.loads(whole.read_text("utf-8"))["dtype"]
    return pick_dtype(wanted, for_gpus)


def _load_source(source: Path, settings: Weights, dtype: torch.dtype) -> tuple[Any, Any]:
    if source.suffix != ".gguf":
        if not (source / "config.json").exists():
            raise ValueError(f"{source} holds no config.json; a model folder as save_pretrained() writes it is needed")
        # With `layers`, it is the folder that this project prepared of the whole model.
        hint = "delete the folder to make it anew" if settings.layers else "fetch or copy it anew"
        if (source / "model.json").exists():
            known = json.loads((source / "model.json").read_text("utf-8"))["weights"]
            check_weights({str(source): known}, hint)
        return load_base(source, dtype, settings.trust_remote_code, hint=hint)
    try:
        tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
        model = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype=torch.float32)
    except Exception as error:
        raise ValueError(f"{source} cannot be read as GGUF ({error}); fetch or copy it anew") from error
    # Its weights are plain floats now, but the model still calls itself quantised and would refuse to be saved.
    del model.config.quantization_config, model.hf_quantizer, model.is_quantized, model.quantization_method
    return tokenizer, model


def keep_layers(model: Any, count: int) -> None:
    """Depth pruning: keep `count` evenly spaced layers, the first and the last among them.

    Raises:
        ValueError: more layers than there are, or a model whose layers are not found where most have them.
    """
    layers = getattr(getattr(model, "model", None), "layers", None)
    if layers is None:
        raise ValueError(f"layers: a {type(model).__name__} cannot be pruned; leave `layers` out")
    if count > len(layers):
        raise ValueError(f"layers: {count} is more than the model's {len(layers)}")
    kept = torch.linspace(0, len(layers) - 1, count).round().long().tolist()
    model.model.layers = torch.nn.ModuleList(layers[i] for i in kept)
    for position, layer in enumerate(model.model.layers):
        layer.self_attn.layer_idx = position
    model.config.num_hidden_layers = count
    if getattr(model.config, "layer_types", None):
        model.config.layer_types = [model.config.layer_types[i] for i in kept]
