"""Loading an arm: its record, tokenizer and model. Adapters are never merged into the model's weights."""

from pathlib import Path
from typing import Any

import torch

from faithfulness.arms.adapters import attach
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
    hint = "restore what was changed in it" if arm.is_imported else "delete the folder to make it anew"
    check_weights(arm.folder_hashes, hint)
    tokenizer, model = load_base(
        full,
        dtype,
        arm.trust_remote_code,
        arm.quantisation,
        device_map,
        tokenizer_folder=Path(arm.tokenizer) if arm.tokenizer else None,
        hint=hint,
    )
    if isinstance(arm.weights, AdapterWeights):
        model = attach(model, Path(arm.weights.folder))
        # Parameters only: the buffers of rotary positions stay float32, as they are in the base arm.
        for parameter in model.parameters():
            if parameter.is_floating_point():  # what is quantised stays so
                parameter.data = parameter.data.to(dtype)
    if arm.stops:
        ends = model.generation_config.eos_token_id
        own = ends if isinstance(ends, list) else [ends]
        model.generation_config.eos_token_id = sorted({*own, *arm.stops} - {None})
    return tokenizer, model.eval(), arm
