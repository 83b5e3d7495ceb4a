"""Arms that were trained elsewhere."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from faithfulness.arms.record import write_arm
from faithfulness.hashing import digest, weights_hash


def import_arm(
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
    write_arm(folder, description)
    return description


def import_served_arm(
    folder: Path, arm: str, base: dict[str, Any], uri: str, datasets: Sequence[str]
) -> dict[str, Any]:
    """Make a tuned arm of what is called `openai:<name>` on the server of its base arm; gives its arm.json."""
    place = base["served"] | {"name": uri.removeprefix("openai:")}
    tuned = {"arm": arm, "weights": digest(place), "served": place, "parent": base["weights"]}
    description = base | tuned | {"train_datasets": list(datasets)}
    write_arm(folder, description)
    return description
