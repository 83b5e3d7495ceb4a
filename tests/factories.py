"""Values that the tests of several modules need."""

from pathlib import Path
from typing import Any

import yaml

from faithfulness.arms.record import AdapterWeights, ArmRecord, FullWeights
from faithfulness.prompts import Prompts

PROMPTS = Path(__file__).parents[1] / "config/prompts/default.yaml"
FULL = FullWeights(folder="resources/models/m", folder_hash="f" * 16)
ADAPTER = AdapterWeights(folder="results/arms/m/tuned-x", folder_hash="a" * 16, base=FULL)


def make_arm(model: str = "m", arm: str = "base", **changes: Any) -> ArmRecord:
    """The record of an arm; of the weights of a model of 1,000 parameters where nothing else is said."""
    values = {"parameters": 1000, "dtype": "float32", "weights": FULL, "weights_hash": f"{model}-{arm}"}
    prompts = {"prompts": Prompts(**yaml.safe_load(PROMPTS.read_text("utf-8")))} if "prompts" not in changes else {}
    return ArmRecord(model=model, arm=arm, **values | prompts | changes)
