"""The reference of all settings, as Markdown for config/README.md."""

import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from faithfulness.config.base import Strict
from faithfulness.config.datasets import CoinFlip, Columns, LastLetters, TableDataset
from faithfulness.config.models import Model, Server, Speaker
from faithfulness.config.probing import Chains, Paraphraser, Perturbations
from faithfulness.config.settings import Settings
from faithfulness.config.sources import Source
from faithfulness.config.statistics import Resampling
from faithfulness.config.training import Arm, Recipe


def reference() -> str:
    """The reference of all settings, as Markdown."""
    parents: dict[Any, type[Strict]] = {Arm: Recipe, Paraphraser: Speaker}
    parts = []
    for model in (
        Settings,
        Model,
        Server,
        Source,
        Recipe,
        Arm,
        LastLetters,
        CoinFlip,
        TableDataset,
        Columns,
        Chains,
        Perturbations,
        Paraphraser,
        Resampling,
    ):
        title = model.__name__ if model is not Settings else "Top level"
        lines = [
            f"### {title}",
            "",
            (model.__doc__ or "").strip(),
            "",
            "| key | type | default | meaning |",
            "|---|---|---|---|",
        ]
        parent = parents.get(model)
        inherited = set(parent.model_fields) if parent else set()
        if inherited:
            lines.insert(3, f"All keys of {'Recipe' if parent is Recipe else 'Model but name and warm_start'}, and:\n")
        for key, field in model.model_fields.items():
            if key in inherited:
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
