"""The reference of all settings, as Markdown for config/README.md."""

import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from faithfulness.config.base import Strict
from faithfulness.config.controls import Null, NullArm, Placebo, PlaceboArm
from faithfulness.config.datasets import CoinFlip, Columns, LastLetters, TableDataset, WordSums
from faithfulness.config.models import LocalModel, LocalSpeaker, ServedModel
from faithfulness.config.probing import Chains, Conflict, LocalParaphraser, Perturbations
from faithfulness.config.recipes import Recipe
from faithfulness.config.servers import Server
from faithfulness.config.settings import Settings
from faithfulness.config.sources import Source
from faithfulness.config.statistics import Resampling
from faithfulness.config.training import ImportedArm, TrainedArm

# Title and model of each section, the model whose keys it repeats, and how the reference names those keys.
SECTIONS: tuple[tuple[str, type[Strict], type[Strict] | None, str], ...] = (
    ("Top level", Settings, None, ""),
    ("LocalModel", LocalModel, None, ""),
    ("ServedModel", ServedModel, None, ""),
    ("Server", Server, None, ""),
    ("Source", Source, None, ""),
    ("Recipe", Recipe, None, ""),
    ("TrainedArm", TrainedArm, Recipe, "Recipe"),
    ("ImportedArm", ImportedArm, None, ""),
    ("PlaceboArm", PlaceboArm, None, ""),
    ("Placebo", Placebo, None, ""),
    ("NullArm", NullArm, None, ""),
    ("Null", Null, None, ""),
    ("LastLetters", LastLetters, None, ""),
    ("CoinFlip", CoinFlip, None, ""),
    ("WordSums", WordSums, None, ""),
    ("TableDataset", TableDataset, None, ""),
    ("Columns", Columns, None, ""),
    ("Chains", Chains, None, ""),
    ("Perturbations", Perturbations, None, ""),
    ("Conflict", Conflict, None, ""),
    ("Paraphraser", LocalParaphraser, LocalSpeaker, "LocalModel or ServedModel but name and warm_start"),
    ("Resampling", Resampling, None, ""),
)


def reference() -> str:
    """The reference of all settings, as Markdown."""
    parts = []
    for title, model, parent, keys in SECTIONS:
        lines = [f"### {title}", "", (model.__doc__ or "").strip(), ""]
        if parent:
            lines += [f"All keys of {keys}, and:", ""]
        lines += ["| key | type | default | meaning |", "|---|---|---|---|"]
        for key, field in model.model_fields.items():
            if parent and key in parent.model_fields:
                continue
            default = field.get_default(call_default_factory=True)
            shown = "required" if default is PydanticUndefined else _show(default)
            lines.append(
                f"| `{key}` | {_type(field.annotation)} | {shown} | {field.description or 'kind of the dataset'} |"
            )
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _show(value: Any) -> str:
    if isinstance(value, BaseModel):
        return "see below"
    return "none" if value is None else f"`{value!r}`" if isinstance(value, str) else f"`{value}`"


def _type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{a}`" for a in arguments)
    if origin is Annotated:
        return _type(arguments[0])
    if origin in (Union, types.UnionType):
        return " or ".join(_type(a) for a in arguments if a is not type(None))
    if origin is list:
        return f"list of {_type(arguments[0])}"
    names = {str: "text", int: "integer", float: "number", bool: "true or false"}
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)))
