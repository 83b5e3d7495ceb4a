"""Loading an arm: tokenizer and model. Adapters are never merged."""

from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

from faithfulness.arms.record import AdapterWeights, ArmRecord, read_arm
from faithfulness.hashing import check_weights


def load_base(
    folder: Path,
    dtype: torch.dtype,
    trust_remote_code: bool = False,
    quantisation: str | None = None,
    device_map: str | dict[str, str] | None = None,
) -> tuple[Any, Any]:
    """Tokenizer and causal language model of a folder with full weights.

    Args:
        folder: as `save_pretrained` writes it.
        dtype: of the weights; of what is computed with them where they are quantised.
        trust_remote_code: whether the model may run code of its own.
        quantisation: 'nf4' loads linear layers in 4 bits (Dettmers et al. 2023, section 3).
        device_map: where its layers go, as transformers takes it; None: all to the CPU's memory.

    Raises:
        ValueError: the weights are damaged or missing; says which folder.
    """
    options: dict[str, Any] = {"trust_remote_code": trust_remote_code, "local_files_only": True}
    placing: dict[str, Any] = {"device_map": device_map}
    if quantisation:
        placing["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type=quantisation,
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
        )
    try:
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, use_safetensors=True, **placing, **options)
        tokenizer = AutoTokenizer.from_pretrained(folder, **options)
    except Exception as error:
        raise ValueError(
            f"the model in {folder} cannot be loaded ({error}); delete the folder to make it anew"
        ) from error
    if getattr(model.config, "attn_logit_softcapping", None):
        model.set_attn_implementation("eager")  # the default one leaves soft capping out
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer, model


def load_arm(folder: Path, device_map: str | dict[str, str]) -> tuple[Any, Any, ArmRecord]:
    """Tokenizer, model in evaluation mode, and record of an arm; `device_map` says where its layers go.

    Raises:
        ValueError: the weights are damaged or missing, or the adapter is of another model; says which folder.
    """
    arm = read_arm(folder)
    dtype = getattr(torch, arm.dtype)
    full = Path(arm.full_weights.folder)
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
