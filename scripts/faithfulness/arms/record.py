"""Arms: a model as it is evaluated. Each is a folder with arm.json and, where it was trained, weights.

arm.json says what the arm is (`kind`: reference, full, adapter or server), which weights to load, what it
was made from and how; scoring and journals identify an arm by its `weights` hash. `hashes` holds what
`models.weights_hash` gave for each folder that is loaded.
"""

import json
from pathlib import Path
from typing import Any

from faithfulness.hashing import digest
from faithfulness.prompts import Prompts


def read_arm(folder: str | Path) -> dict[str, Any]:
    """arm.json of an arm's folder."""
    return json.loads((Path(folder) / "arm.json").read_text("utf-8"))


def prompts_of(arm: dict[str, Any]) -> Prompts:
    """The prompts and cues of an arm: those of its base arm."""
    return Prompts(**arm["prompts"])


def reference_arm(
    model: str, weights: Path, spoken: Prompts, trust_remote_code: bool, quantisation: str | None = None
) -> dict[str, Any]:
    """arm.json of the base arm of a model that needs no warm start: it stands for the model's own weights.

    Args:
        model: its name.
        weights: folder of its weights.
        spoken: prompts and cues.
        trust_remote_code: whether the model may run code of its own.
        quantisation: that all its arms are loaded in.
    """
    description = json.loads((weights / "model.json").read_text("utf-8"))
    return {
        "kind": "reference",
        "arm": "base",
        "model": model,
        **{key: description[key] for key in ("parameters", "dtype")},
        "weights": digest(description["weights"], quantisation) if quantisation else description["weights"],
        "quantisation": quantisation,
        "trust_remote_code": trust_remote_code,
        "weights_folder": str(weights),
        "hashes": {str(weights): description["weights"]},
        "parent": None,
        "recipe": None,
        "train_datasets": [],
        "seed": 0,
        "prompts": spoken.model_dump(),
    }


def served_arm(model: str, parameters: int, place: dict[str, str], spoken: Prompts) -> dict[str, Any]:
    """arm.json of the base arm of a model on a server.

    Args:
        model: its name.
        parameters: its size.
        place: what decides on its answers: its `name` on the server, `base_url` and `turn`.
        spoken: prompts and cues.
    """
    return {
        "kind": "server",
        "arm": "base",
        "model": model,
        "parameters": parameters,
        "dtype": "server",
        "weights": digest(place),
        "quantisation": None,
        "trust_remote_code": False,
        "weights_folder": None,
        "hashes": {},
        "served": place,
        "parent": None,
        "recipe": None,
        "train_datasets": [],
        "seed": 0,
        "prompts": spoken.model_dump(),
    }


def write_arm(folder: Path, description: dict[str, Any]) -> None:
    """Write arm.json, the last file of an arm."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "arm.json").write_text(json.dumps(description, indent=2, sort_keys=True) + "\n", "utf-8")
