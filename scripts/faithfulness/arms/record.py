"""The record of an arm: which model is evaluated, what holds its weights, and how they were made.

An arm is a folder `arms/<model>/<training>/` with `arm.json`, which holds an `ArmRecord`, and the weights that were
trained for this arm, if any. `<training>` is the arm's name, with `.seed<number>` where the arm has several training
seeds. Scoring and journals identify an arm by its `weights_hash`.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, JsonValue, ValidationError

from faithfulness.config.base import Strict
from faithfulness.config.recipes import Recipe
from faithfulness.config.roles import Role, role_of
from faithfulness.hashing import digest
from faithfulness.prompts import Prompts

RECORD = "arm.json"


class FullWeights(Strict):
    """A folder with all weights of a model and its tokenizer, as transformers' `save_pretrained` writes them."""

    kind: Literal["full"] = "full"
    folder: str
    folder_hash: str = Field(description="`hashing.weights_hash` of the folder when its weights were written")


class AdapterWeights(Strict):
    """A folder with a LoRA adapter, as peft's `save_pretrained` writes it, and the weights that it adapts."""

    kind: Literal["adapter"] = "adapter"
    folder: str
    folder_hash: str = Field(description="`hashing.weights_hash` of the adapter's folder when it was written")
    base: FullWeights


class ServedWeights(Strict):
    """A model on a server: all that decides which answers the server gives."""

    kind: Literal["served"] = "served"
    name: str = Field(description="of the model on the server")
    base_url: str
    turn: Literal["prefill", "question"] = Field(description="how the server is asked for an answer, see `Server`")
    body: dict[str, JsonValue] = Field({}, description="changes of the fields of requests, see `Server`")

    @property
    def identity(self) -> str:
        """Hash that stands for the weights, which only the server can read."""
        return digest(self.model_dump(exclude={"kind"} if self.body else {"kind", "body"}))


class ArmRecord(Strict):
    """One arm of a model."""

    model: str
    arm: str = Field(description="`base`, or the name of the tuned, placebo or null arm, without the training seed")
    seed: int = Field(0, description="training seed; 0 where nothing was trained here")
    parameters: int
    dtype: str = Field(description="of the weights; `server` where a server holds them")
    quantisation: str | None = None
    trust_remote_code: bool = False
    weights: Annotated[FullWeights | AdapterWeights | ServedWeights, Field(discriminator="kind")]
    weights_hash: str = Field(description="identifies the arm's weights, wherever their folder is")
    parent: str | None = Field(None, description="`weights_hash` of the arm that this one was trained from")
    recipe: Recipe | None = Field(None, description="None where nothing was trained here")
    train_datasets: list[str] = Field([], description="that it was trained on")
    prompts: Prompts
    tokenizer: str | None = Field(
        None, description="folder of the tokenizer and its chat template; None: that of the full weights"
    )
    stops: list[int] = Field([], description="ids of tokens that end what it writes, beside those of its weights")

    @property
    def role(self) -> Role:
        """Whether it is the base arm, a tuned one, or a control."""
        return role_of(self.arm)

    @property
    def is_imported(self) -> bool:
        """Whether a folder of the user's own holds its full weights."""
        return self.arm != "base" and self.recipe is None and isinstance(self.weights, FullWeights)

    @property
    def full_weights(self) -> FullWeights:
        """The folder with the model's full weights and tokenizer: of an adapter, those that it adapts.

        Raises:
            ValueError: a server holds the weights.
        """
        if isinstance(self.weights, ServedWeights):
            raise ValueError(f"{self.model} {self.arm}: a server holds the weights, no folder does")
        return self.weights.base if isinstance(self.weights, AdapterWeights) else self.weights

    @property
    def folder_hashes(self) -> dict[str, str]:
        """The hash of each folder that is loaded; none of a served arm."""
        if isinstance(self.weights, ServedWeights):
            return {}
        return {part.folder: part.folder_hash for part in (self.full_weights, self.weights)}


def base_arm(
    model: str, folder: Path, prompts: Prompts, trust_remote_code: bool = False, quantisation: str | None = None
) -> ArmRecord:
    """The base arm of a model as `prepare_model` wrote it.

    Args:
        model: its name.
        folder: of its weights, with model.json.
        prompts: of all arms of the model.
        trust_remote_code: whether the model may run code of its own.
        quantisation: in which all arms of the model are loaded.
    """
    prepared = json.loads((folder / "model.json").read_text("utf-8"))
    return ArmRecord(
        model=model,
        arm="base",
        parameters=prepared["parameters"],
        dtype=prepared["dtype"],
        quantisation=quantisation,
        trust_remote_code=trust_remote_code,
        weights=FullWeights(folder=str(folder), folder_hash=prepared["weights"]),
        weights_hash=digest(prepared["weights"], quantisation) if quantisation else prepared["weights"],
        prompts=prompts,
    )


def served_base_arm(model: str, parameters: int, weights: ServedWeights, prompts: Prompts) -> ArmRecord:
    """The base arm of a model on a server.

    Args:
        model: its name.
        parameters: its size, which no server reports.
        weights: what the server calls the model, where the server is, and how it is asked.
        prompts: of all arms of the model.
    """
    return ArmRecord(
        model=model,
        arm="base",
        parameters=parameters,
        dtype="server",
        weights=weights,
        weights_hash=weights.identity,
        prompts=prompts,
    )


def tuned_arm(
    parent: ArmRecord,
    arm: str,
    weights: FullWeights | AdapterWeights | ServedWeights,
    weights_hash: str,
    train_datasets: Sequence[str],
    recipe: Recipe | None = None,
    tokenizer: tuple[str | None, Sequence[int]] = (None, ()),
) -> ArmRecord:
    """An arm made from another arm of the same model, whose size, dtype and prompts it keeps.

    Args:
        parent: the arm that it was trained from.
        arm: its name, without the training seed.
        weights: what holds its weights.
        weights_hash: identifies them.
        train_datasets: datasets that it was trained on.
        recipe: how it was trained here; None where it was trained elsewhere.
        tokenizer: folder of its tokenizer, and the tokens that end what it writes, as the record has them.
    """
    return parent.model_copy(
        update={
            "arm": arm,
            "seed": recipe.seed if recipe else 0,
            "weights": weights,
            "weights_hash": weights_hash,
            "parent": parent.weights_hash,
            "recipe": recipe,
            "train_datasets": list(dict.fromkeys(train_datasets)),
            "tokenizer": tokenizer[0],
            "stops": list(tokenizer[1]),
        }
    )


def read_arm(folder: str | Path) -> ArmRecord:
    """The record of an arm's folder.

    Raises:
        FileNotFoundError: the folder holds no arm.json.
        ValueError: arm.json is damaged, or another version of this project wrote it.
    """
    file = Path(folder) / RECORD
    try:
        return ArmRecord.model_validate_json(file.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": ")
        raise ValueError(
            f"{file} is damaged, or another version of this project wrote it ({reason}). Delete {folder} to make the "
            "arm anew; to keep its weights, move the folder and name it as the `source` of an arm"
        ) from None


def write_arm(folder: Path, record: ArmRecord) -> None:
    """Write arm.json, the last file of an arm's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(record.model_dump(mode="json"), indent=2, sort_keys=True)
    (folder / RECORD).write_text(text + "\n", "utf-8")
