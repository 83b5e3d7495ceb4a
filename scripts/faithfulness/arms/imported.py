"""Tuned arms whose weights were trained elsewhere, or by an earlier version of this project."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from faithfulness.arms.record import RECORD, AdapterWeights, ArmRecord, FullWeights, ServedWeights, tuned_arm, write_arm
from faithfulness.hashing import digest, weights_hash


def import_arm(folder: Path, arm: str, base: ArmRecord, source: Path, train_datasets: Sequence[str]) -> ArmRecord:
    """Make a tuned arm of an adapter or of full weights.

    An adapter is copied to the arm's folder; full weights stay where they are.

    Args:
        folder: the new arm's folder.
        arm: its name.
        base: the model's base arm.
        source: folder as peft's or transformers' `save_pretrained` writes it, or the folder of an arm that this project
            trained, also in an earlier version.
        train_datasets: datasets whose domain it was trained on.

    Raises:
        ValueError: the folder holds neither an adapter nor a model, or no weights as safetensors, or they are not those
            that were trained.
    """
    if source.resolve() == folder.resolve():
        raise ValueError(f"{source} is the folder that the arm is written to; move it, and name its new place")
    is_adapter = (source / "adapter_config.json").exists()
    if not is_adapter and not (source / "config.json").exists():
        if (source / RECORD).exists():
            raise ValueError(f"{source} holds no weights of its own: its {RECORD} says which folder or server does")
        raise ValueError(
            f"{source} holds neither an adapter_config.json nor a config.json, as save_pretrained() writes"
        )
    if not list(source.glob("adapter_model.safetensors" if is_adapter else "*.safetensors")):
        raise ValueError(f"{source} holds no weights as safetensors, and weights of no other format are loaded")
    in_source = weights_hash(source)
    _check_record(source, in_source)
    weights: AdapterWeights | FullWeights
    if is_adapter:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("adapter_config.json", "adapter_model.safetensors"):
            shutil.copyfile(source / name, folder / name)
        scale = (source / "adapter_config.json").read_text("utf-8")  # is in no tensor, and decides on answers
        weights = AdapterWeights(folder=str(folder), folder_hash=weights_hash(folder), base=base.full_weights)
        identity = digest(base.weights_hash, weights.folder_hash, scale)
    else:
        weights = FullWeights(folder=str(source), folder_hash=in_source)
        identity = digest(base.weights_hash, weights.folder_hash)
    record = tuned_arm(base, arm, weights, identity, train_datasets)
    write_arm(folder, record)
    return record


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
