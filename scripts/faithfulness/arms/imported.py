"""Tuned arms whose weights were trained elsewhere, or by an earlier version of this project."""

import json
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Literal

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from faithfulness.arms.adapters import CONFIG, WEIGHTS, attach, embedding_rows, trained_on
from faithfulness.arms.record import RECORD, AdapterWeights, ArmRecord, FullWeights, ServedWeights, tuned_arm, write_arm
from faithfulness.arms.tokenizers import has_vocabulary, own_tokenizer
from faithfulness.arms.weight_files import check_full, file_shapes, rows_of
from faithfulness.hashing import digest, weights_hash
from faithfulness.prompts import tokenizer_hash

logger = logging.getLogger("faithfulness")

CAUSAL = "CAUSAL_LM"


def import_arm(
    folder: Path,
    arm: str,
    base: ArmRecord,
    source: Path,
    train_datasets: Sequence[str],
    chat_template: Literal["base", "own"] = "base",
) -> ArmRecord:
    """Make a tuned arm of an adapter or of full weights.

    An adapter is copied to the arm's folder; full weights stay where they are. What a later job would stumble over is
    looked for here: missing files, another model, another tokenizer.

    Args:
        folder: the new arm's folder.
        arm: its name.
        base: the model's base arm.
        source: folder as peft's or transformers' `save_pretrained` writes it, or the folder of an arm that this project
            trained, also in an earlier version.
        train_datasets: datasets whose domain it was trained on.
        chat_template: whether it is prompted with the template of the base arm, or with its own.

    Raises:
        ValueError: the folder holds neither an adapter nor a model, or not all of its weights as safetensors; or they
            are not those that were trained, or are of another model; or their tokenizer gives other ids than base's.
    """
    if source.resolve() == folder.resolve():
        raise ValueError(f"{source} is the folder that the arm is written to; move it, and name its new place")
    is_adapter = (source / CONFIG).exists()
    if not is_adapter and not (source / "config.json").exists():
        raise ValueError(_what_is_missing(source))
    if not list(source.glob(WEIGHTS if is_adapter else "*.safetensors")):
        raise ValueError(f"{source} holds no weights as safetensors, and weights of no other format are loaded")
    in_source, base_folder = weights_hash(source), Path(base.full_weights.folder)
    _check_record(source, in_source)
    if is_adapter:
        rows = _check_adapter(source, base_folder, base.trust_remote_code)
    else:
        check_full(source, base_folder)
        rows = rows_of(source)
    remote, template = base.trust_remote_code, chat_template
    own = own_tokenizer(source, base_folder, rows, template, remote, is_required=not is_adapter)
    folder.mkdir(parents=True, exist_ok=True)
    if own.tokenizer is not None:
        own.tokenizer.save_pretrained(folder)
    saved = [] if own.tokenizer is None else [tokenizer_hash(own.tokenizer), own.tokenizer.chat_template]
    weights: AdapterWeights | FullWeights
    if is_adapter:
        for name in (CONFIG, WEIGHTS):
            shutil.copyfile(source / name, folder / name)
        scale = (source / CONFIG).read_text("utf-8")  # is in no tensor, and decides on answers
        weights = AdapterWeights(folder=str(folder), folder_hash=weights_hash(folder), base=base.full_weights)
        identity = digest(base.weights_hash, weights.folder_hash, scale, *saved, *own.stops)
    else:
        weights = FullWeights(folder=str(source), folder_hash=in_source)
        identity = digest(base.weights_hash, weights.folder_hash, *saved, *own.stops)
    place = str(folder) if saved else None if is_adapter else str(base_folder)
    record = tuned_arm(base, arm, weights, identity, train_datasets, tokenizer=(place, own.stops))
    write_arm(folder, record)
    return record


def _what_is_missing(source: Path) -> str:
    """Why a folder is no arm, and where one may be."""
    if (source / RECORD).exists():
        return f"{source} holds no weights of its own: its {RECORD} says which folder or server does"
    reason = f"{source} holds neither an adapter_config.json nor a config.json, as save_pretrained() writes"
    inside = sorted(file.parent for name in (CONFIG, "config.json") for file in source.glob(f"*/{name}"))
    return f"{reason}; name the folder {inside[-1]}, which does" if inside else reason


def _check_adapter(source: Path, base: Path, trust_remote_code: bool) -> int:
    """Refuse an adapter that does not fit a base model, by the shapes of both; the number of tokens it has rows for."""
    try:
        task = json.loads((source / CONFIG).read_text("utf-8")).get("task_type") or CAUSAL
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{source / CONFIG} is damaged ({error}); copy it once more") from None
    if task != CAUSAL:
        raise ValueError(f"the adapter in {source} is for the task {task}; only models that write text have chains")
    file_shapes(source / WEIGHTS)
    options = {"trust_remote_code": trust_remote_code}
    with torch.device("meta"):
        config = AutoConfig.from_pretrained(base, local_files_only=True, **options)
        model = AutoModelForCausalLM.from_config(config, **options)
    rows = embedding_rows(model, source / WEIGHTS)
    base_rows = model.get_input_embeddings().weight.shape[0]
    count = max(rows.values(), default=base_rows)
    if count > base_rows and not has_vocabulary(source):
        raise ValueError(
            f"the adapter in {source} has embeddings of {count} tokens, and its base arm of {base_rows}: tokens were "
            "added in training, and no tokenizer beside it says which; copy its files there"
        )
    attach(model, source, on_meta=True)
    if PurePath(named := trained_on(source)).name.lower() not in str(base).lower():
        logger.warning("the adapter in %s was trained on %s; its base arm here is %s", source, named, base)
    return count


def _check_record(source: Path, in_source: str) -> None:
    """Compare the hash of an arm's weights with its record, if this project trained it."""
    file = source / RECORD
    if not file.exists():
        return
    try:
        record = json.loads(file.read_text("utf-8"))
        # Earlier versions have the hash of each folder that is loaded, the base arm's among them.
        known = [*record["hashes"].values()] if "hashes" in record else [record["weights"]["folder_hash"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{file} is damaged ({type(error).__name__}: {error}), so nothing says whether the weights beside it are "
            "intact. Restore it; or delete it, if you are sure of them"
        ) from None
    if in_source not in known:
        raise ValueError(f"the weights in {source} are not those that its {RECORD} names; restore what was changed")


def import_served_arm(folder: Path, arm: str, base: ArmRecord, name: str, train_datasets: Sequence[str]) -> ArmRecord:
    """Make a tuned arm of the model that is called `name` on the server of the base arm.

    Raises:
        ValueError: no server holds the base arm.
    """
    if not isinstance(base.weights, ServedWeights):
        raise ValueError(f"{arm}: its weights are on a server, and those of the base arm of {base.model} are not")
    weights = base.weights.model_copy(update={"name": name})
    record = tuned_arm(base, arm, weights, weights.identity, train_datasets)
    write_arm(folder, record)
    return record
