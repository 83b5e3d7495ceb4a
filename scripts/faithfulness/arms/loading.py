"""Loading an arm: its record, tokenizer and model. Adapters are never merged into the model's weights."""

from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from faithfulness.arms.base_weights import load_base
from faithfulness.arms.record import AdapterWeights, ArmRecord, read_arm
from faithfulness.hashing import check_weights


def load_arm(folder: Path, device_map: str | dict[str, str]) -> tuple[Any, Any, ArmRecord]:
    """Tokenizer, model in evaluation mode, and record of an arm; `device_map` says where its layers go.

    Raises:
        ValueError: the weights are damaged or missing, or the adapter is of another model; says which folder.
    """
    arm = read_arm(folder)
    full = Path(arm.full_weights.folder)
    dtype = getattr(torch, arm.dtype)
    check_weights(arm.folder_hashes)
    tokenizer, model = load_base(full, dtype, arm.trust_remote_code, arm.quantisation, device_map)
    if isinstance(arm.weights, AdapterWeights):
        from peft import PeftModel  # noqa: PLC0415 - takes seconds to import, and base arms need none of it

        # The adapter keeps the model's dtype: casting to float32 and back at every layer costs more than it gives.
        # Parameters only: the buffers of rotary positions stay float32, as they are in the base arm.
        try:
            model = PeftModel.from_pretrained(model, arm.weights.folder, autocast_adapter_dtype=False)
            _check_fit(model, Path(arm.weights.folder) / "adapter_model.safetensors")
        except Exception as error:
            raise ValueError(
                f"the adapter in {arm.weights.folder} does not fit the model in {full} ({error})"
            ) from error
        for parameter in model.parameters():
            if parameter.is_floating_point():  # what is quantised stays so
                parameter.data = parameter.data.to(dtype)
    return tokenizer, model.eval(), arm


def _check_fit(model: Any, adapter: Path) -> None:
    """Refuse an adapter that does not match the model's layers.

    peft itself ignores tensors of the file that the model has no layer for, and leaves layers that the file has no
    tensor for untrained.
    """
    from peft import get_peft_model_state_dict  # noqa: PLC0415 - takes seconds to import, see above

    with safe_open(adapter, "pt") as file:
        stored = {name for name in file.keys() if "lora_" in name}  # noqa: SIM118 - a file is no mapping
    expected = {name for name in get_peft_model_state_dict(model, save_embedding_layers=False) if "lora_" in name}
    if stored != expected:
        raise ValueError(
            f"{len(stored - expected)} tensors of the adapter belong to no layer of the model, and "
            f"{len(expected - stored)} tensors that the model needs are missing from it"
        )
