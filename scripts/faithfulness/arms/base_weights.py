"""Loading a model of which a folder holds all weights: tokenizer and model."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig


def load_base(
    folder: Path,
    dtype: torch.dtype,
    trust_remote_code: bool = False,
    quantisation: str | None = None,
    device_map: str | dict[str, str] | None = None,
    tokenizer_folder: Path | None = None,
    hint: str = "delete the folder to make it anew",
) -> tuple[Any, Any]:
    """Tokenizer and causal language model of a folder with full weights.

    Args:
        folder: as `save_pretrained` writes it.
        dtype: of the weights; of what is computed with them where they are quantised.
        trust_remote_code: whether the model may run code of its own.
        quantisation: 'nf4' loads linear layers in 4 bits (Dettmers et al. 2023, section 3).
        device_map: where its layers go, as transformers takes it; None: all to the CPU's memory.
        tokenizer_folder: holds the tokenizer; None: the same folder.
        hint: what to do about weights that cannot be loaded.

    Raises:
        ValueError: the weights are damaged or missing, or not all that the model needs; says which folder.
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
    loading: dict[str, Any] = {"use_safetensors": True, "output_loading_info": True}
    try:
        model, info = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, **loading, **placing, **options)
        if info["missing_keys"]:  # transformers would go on with random values
            names = sorted(info["missing_keys"])
            raise ValueError(f"it lacks {len(names)} tensors of the model, among them {names[0]}")
        tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder or folder, **options)
    except Exception as error:
        reason = " ".join(str(error).split())[:700]
        raise ValueError(f"the model in {folder} cannot be loaded ({reason}); {hint}") from error
    if getattr(model.config, "attn_logit_softcapping", None):
        model.set_attn_implementation("eager")  # the default one leaves soft capping out
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer, model
