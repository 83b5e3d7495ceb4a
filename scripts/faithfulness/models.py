"""Model folders: bringing weights into one form, pruning depth, and loading an arm.

`resources/models/<weights>/` holds safetensors, a tokenizer and model.json. An arm's folder holds
arm.json and, where it differs from its parent, an adapter or full weights. Adapters are never merged.
"""

import hashlib
import json
import logging
import os
import platform
import random
import shutil
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from tokenizers import Tokenizer, decoders, pre_tokenizers, trainers
from tokenizers.models import BPE
from torch.utils.benchmark import Timer
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)
from transformers.utils import strtobool

from faithfulness import arms, datasets
from faithfulness.gpus import take as take_gpus
from faithfulness.settings import CoinFlip, LastLetters, Weights
from faithfulness.tables import digest

logger = logging.getLogger("faithfulness")

# What a model answers depends on these files, too.
BESIDE = {"config.json", "generation_config.json", "tokenizer.json", "chat_template.jinja"}
LEAST_GAIN = 1.2  # in speed, for which float32 is given up


def prepare(settings: Weights, source: Path | None, folder: Path, for_gpus: bool = False) -> None:
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
        tokenizer, model = _random_llama()
    else:
        tokenizer, model = _load_source(source, settings, dtype)
    if settings.layers:
        _keep_layers(model, settings.layers)
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
        if (source / "model.json").exists():
            check({str(source): json.loads((source / "model.json").read_text("utf-8"))["weights"]})
        return load_base(source, dtype, settings.trust_remote_code)
    try:
        tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
        model = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype=torch.float32)
    except Exception as error:
        raise ValueError(f"{source} cannot be read as GGUF ({error}); fetch or copy it anew") from error
    # Its weights are plain floats now, but the model still calls itself quantised and would refuse to be saved.
    del model.config.quantization_config, model.hf_quantizer, model.is_quantized, model.quantization_method
    return tokenizer, model


def _keep_layers(model: Any, count: int) -> None:
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


def _random_llama() -> tuple[Any, Any]:
    """A tiny untrained Llama whose tokenizer knows the words of the generated tasks: for smoke runs."""
    tasks = (
        datasets.last_letters(LastLetters(name="a", task="last_letters")),
        datasets.coin_flip(CoinFlip(name="b", task="coin_flip")),
    )
    texts = [" ".join([item["question"], *item["rationale"]]) for task in tasks for item in islice(task, 500)]
    rules = Tokenizer(BPE())
    rules.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    rules.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    rules.train_from_iterator(
        texts,
        trainers.BpeTrainer(vocab_size=768, special_tokens=["<eos>"], initial_alphabet=alphabet, show_progress=False),
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=rules, eos_token="<eos>", pad_token="<eos>")
    random.seed(0)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return tokenizer, LlamaForCausalLM(config)


def weights_hash(folder: Path) -> str:
    """Hash of a folder's safetensors and of what else decides on answers: identifies weights wherever they lie."""
    total = hashlib.sha256()
    for file in sorted(file for file in folder.iterdir() if file.suffix == ".safetensors" or file.name in BESIDE):
        with file.open("rb") as stream:
            total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()[:16]


def check(hashes: dict[str, str]) -> None:
    """Compare folders of weights with what they were: a flipped bit loads like any other.

    Once a job, of files that loading reads anyway: about a second for each GB.

    Raises:
        ValueError: one has changed; says which.
    """
    for folder, expected in hashes.items():
        if weights_hash(Path(folder)) != expected:
            raise ValueError(
                f"the weights in {folder} are not those that were put there; delete the folder to make it anew, "
                "or restore it where it is your own"
            )


def take_in(
    folder: Path, arm: str, base: dict[str, Any], weights: Path, datasets_known: Sequence[str]
) -> dict[str, Any]:
    """Make a tuned arm of an adapter or of full weights that were trained elsewhere.

    An adapter is copied to the arm's folder; full weights stay where they are.

    Args:
        folder: the new arm's folder.
        arm: its name.
        base: arm.json of the base arm.
        weights: folder as peft's or transformers' `save_pretrained` writes it.
        datasets_known: datasets whose domain it was trained on.

    Returns:
        Its arm.json.

    Raises:
        ValueError: the folder holds neither, or none as safetensors.
    """
    adapter = (weights / "adapter_config.json").exists()
    if not adapter and not (weights / "config.json").exists():
        raise ValueError(
            f"{weights} holds neither an adapter_config.json nor a config.json, as save_pretrained() writes"
        )
    if not list(weights.glob("adapter_model.safetensors" if adapter else "*.safetensors")):
        raise ValueError(f"{weights} holds no weights as safetensors, and none of another kind are loaded")
    found = weights_hash(weights)
    parts = [base["weights"], found]
    if adapter:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("adapter_config.json", "adapter_model.safetensors"):
            shutil.copyfile(weights / name, folder / name)
        parts.append((weights / "adapter_config.json").read_text("utf-8"))  # its scale is no weight
    description = {
        **base,
        "kind": "adapter" if adapter else "full",
        "arm": arm,
        "weights": digest(*parts),
        "weights_folder": base["weights_folder"] if adapter else str(weights),
        "hashes": base["hashes"] | {str(folder): found} if adapter else {str(weights): found},
        "parent": base["weights"],
        "recipe": None,
        "train_datasets": list(datasets_known),
        "seed": 0,
    }
    arms.write(folder, description)
    return description


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


def load_arm(folder: Path, device_map: str | dict[str, str]) -> tuple[Any, Any, dict[str, Any]]:
    """Tokenizer, model in evaluation mode, and arm.json of an arm; `device_map` says where its layers go."""
    arm = arms.read(folder)
    dtype = getattr(torch, arm["dtype"])
    weights = Path(arm["weights_folder"])
    check(arm["hashes"])
    tokenizer, model = load_base(weights, dtype, arm["trust_remote_code"], arm["quantisation"], device_map)
    if arm["kind"] == "adapter":
        from peft import PeftModel  # noqa: PLC0415 - takes seconds to import, and base arms need none of it

        # The adapter keeps the model's dtype: casting to float32 and back at every layer costs more than it gives.
        # Parameters only: the buffers of rotary positions stay float32, as they are in the base arm.
        try:
            model = PeftModel.from_pretrained(model, folder, autocast_adapter_dtype=False)
            _check_fit(model, folder / "adapter_model.safetensors")
        except Exception as error:
            raise ValueError(f"the adapter in {folder} does not fit the model in {weights} ({error})") from error
        for parameter in model.parameters():
            if parameter.is_floating_point():  # what is quantised stays so
                parameter.data = parameter.data.to(dtype)
    return tokenizer, model.eval(), arm


def _check_fit(model: Any, adapter: Path) -> None:
    """peft leaves out what a model has no place for, and leaves as it was what an adapter does not hold."""
    from peft import get_peft_model_state_dict  # noqa: PLC0415 - likewise

    with safe_open(adapter, "pt") as file:
        held = {name for name in file.keys() if "lora_" in name}  # noqa: SIM118 - a file is no mapping
    placed = {name for name in get_peft_model_state_dict(model, save_embedding_layers=False) if "lora_" in name}
    if held != placed:
        raise ValueError(f"{len(held - placed)} of its parts have no place, {len(placed - held)} places no part")


def place(wanted: str, gpus: int = 0) -> tuple[str, str | dict[str, str]]:
    """The device that takes a model's inputs, and where its layers go (transformers' `device_map`).

    Args:
        wanted: 'cpu', 'cuda' or 'auto'.
        gpus: how many GPUs its layers are spread over; 0 if none must be there.

    Raises:
        RuntimeError: fewer can be seen, or PyTorch cannot use them.
    """
    if wanted != "cpu" and not _kept_from_gpus():
        take_gpus(max(1, gpus))  # before PyTorch looks for them
        if gpus and not torch.cuda.is_available():
            raise RuntimeError(
                f"this job asks for GPUs (gpus of a model), and PyTorch {torch.__version__} can use none on "
                f"{platform.node()}: is the node in a partition with GPUs, and its driver (nvidia-smi) as new as this "
                "PyTorch wants? With ACCELERATE_USE_CPU=true in the environment, jobs stay on the processor"
            )
    device = pick_device(wanted)
    return device, "auto" if device == "cuda" and gpus > 1 else {"": device}


def pick_device(wanted: str | None) -> str:
    """`wanted`, or CUDA where there is one, or the CPU."""
    if wanted and wanted != "auto":
        return wanted
    return "cuda" if torch.cuda.is_available() and not _kept_from_gpus() else "cpu"


def _kept_from_gpus() -> bool:
    return bool(strtobool(os.environ.get("ACCELERATE_USE_CPU", "false")))  # accelerate's own switch


def pick_dtype(wanted: str, for_gpus: bool = False) -> torch.dtype:
    """The data type of that name; for 'auto' bfloat16 where its matrix products are clearly faster, else float32.

    Not all processors with bfloat16 arithmetic gain by it, some lose half of their speed: measured, not looked up.
    Where it is for GPUs that other nodes of a cluster have: bfloat16.
    """
    if wanted != "auto":
        return getattr(torch, wanted)
    device = pick_device("auto")
    if for_gpus and device == "cpu" and not _kept_from_gpus():
        logger.info("bfloat16, for GPUs of other nodes: `dtype` names another one")
        return torch.bfloat16
    times = {dtype: product_time(dtype, device) for dtype in (torch.float32, torch.bfloat16)}
    logger.info("matrix products take %s ms", {str(d).removeprefix("torch."): round(t, 1) for d, t in times.items()})
    return torch.bfloat16 if LEAST_GAIN * times[torch.bfloat16] < times[torch.float32] else torch.float32


def product_time(dtype: torch.dtype, device: str, size: int = 1024) -> float:
    """Milliseconds that a product of two square matrices takes: the fastest of several, as others may be disturbed."""
    one, other = (torch.ones(size, size, dtype=dtype, device=device) for _ in range(2))
    timer = Timer("one @ other", globals={"one": one, "other": other}, num_threads=torch.get_num_threads())
    return min(timer.timeit(5).mean for _ in range(7)) * 1e3
