"""Putting an adapter on a model, by peft, whatever its kind; what does not fit is refused in one line."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import safe_open

if TYPE_CHECKING:  # transformers takes seconds to import
    from transformers import PreTrainedModel

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def attach(model: "PreTrainedModel", folder: Path, on_meta: bool = False) -> "PreTrainedModel":
    """A model with an adapter, which keeps the model's dtype.

    Args:
        model: a causal language model, as transformers loads it; its embeddings are resized where the adapter holds
            some of another size.
        folder: of the adapter.
        on_meta: whether the model has shapes and no values, to see whether the adapter fits.

    Raises:
        ValueError: the adapter does not fit the model.
    """
    from peft import PeftModel  # noqa: PLC0415 - takes seconds to import, and base arms need none of it

    try:
        fit_vocabulary(model, folder / WEIGHTS)
        # Casting to float32 and back at every layer costs more than it gives.
        adapted = PeftModel.from_pretrained(model, folder, autocast_adapter_dtype=False, low_cpu_mem_usage=on_meta)
        _check_names(adapted, folder / WEIGHTS)
    except NotImplementedError:
        if not on_meta:  # some kinds of adapter read values of the model
            raise
        return model
    except Exception as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"the adapter in {folder} does not fit the model: it was trained on {trained_on(folder)} ({reason[:240]})"
        ) from error
    return adapted


def trained_on(folder: Path) -> str:
    """The model that an adapter was trained on, as its configuration names it."""
    return json.loads((folder / CONFIG).read_text("utf-8")).get("base_model_name_or_path") or "a model without a name"


def embedding_rows(model: "PreTrainedModel", adapter: Path) -> dict[str, int]:
    """Number of rows of each embedding of a model, input or output, that an adapter's file holds, by its name."""
    ends = model.get_input_embeddings(), model.get_output_embeddings()
    names = [name for name, module in model.named_modules() if any(module is end for end in ends)]
    rows: dict[str, int] = {}
    with safe_open(adapter, "pt") as file:
        for key in file.keys():  # noqa: SIM118 - a file is no mapping
            for name in names:
                if f".{name}." in f".{key}" and key.endswith(".weight") and "lora_" not in key:
                    rows[name] = file.get_slice(key).get_shape()[0]
    return rows


def fit_vocabulary(model: "PreTrainedModel", adapter: Path) -> None:
    """Resize a model's embeddings to those that an adapter holds: its training added tokens, or dropped unused rows.

    All rows of the model's embeddings are then replaced by the adapter's.

    Raises:
        ValueError: the adapter holds one of two embeddings that are not tied, or embeddings of two sizes.
    """
    rows, inputs, outputs = embedding_rows(model, adapter), model.get_input_embeddings(), model.get_output_embeddings()
    size = inputs.weight.shape[0]
    if not rows or set(rows.values()) == {size}:
        return
    tied = outputs is None or outputs.weight is inputs.weight or model.config.get_text_config().tie_word_embeddings
    if len(set(rows.values())) > 1 or not (tied or len(rows) > 1):
        raise ValueError(
            f"it holds embeddings of {', '.join(f'{count} tokens ({name})' for name, count in rows.items())}, and the "
            f"model has {size} tokens; save the adapter with both embeddings (save_embedding_layers=True)"
        )
    model.resize_token_embeddings(rows.popitem()[1], mean_resizing=False)


def _check_names(model: "PreTrainedModel", adapter: Path) -> None:
    """Refuse an adapter that does not match the model's layers.

    peft itself ignores tensors of the file that the model has no layer for, and leaves layers that the file has no
    tensor for untrained.
    """
    from peft import get_peft_model_state_dict  # noqa: PLC0415 - takes seconds to import, see above

    expected = set(get_peft_model_state_dict(model, save_embedding_layers=False))
    embeddings = embedding_rows(model.get_base_model(), adapter)
    with safe_open(adapter, "pt") as file:
        # Embeddings that were not trained are saved all the same, in places that differ between versions of peft.
        stored = {
            key
            for key in file.keys()  # noqa: SIM118 - a file is no mapping
            if key in expected or not any(f".{name}." in f".{key}" for name in embeddings)
        }
    if stored != expected:
        raise ValueError(
            f"{len(stored - expected)} tensors of the adapter belong to no layer of the model, and "
            f"{len(expected - stored)} tensors that the model needs are missing from it"
        )
