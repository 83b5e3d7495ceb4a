"""What is wrong with a configuration, in words: one line for each finding."""

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from faithfulness.config.base import suggestion


def explain(detail: ErrorDetails, root: type[BaseModel]) -> str:
    """One finding of pydantic in words; `root` is the model of the whole configuration."""
    where = ".".join(str(part) for part in detail["loc"]) or "configuration"
    if detail["type"] == "extra_forbidden":
        return f"{where}: unknown key{suggestion(str(detail['loc'][-1]), _keys_at(detail['loc'][:-1], root))}"
    if detail["type"] == "missing":
        return f"{where}: missing, and there is no default"
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "value_error":
        return message if where == "configuration" else f"{where}: {message}"
    return f"{where}: {message} (got {detail['input']!r})"


def _keys_at(location: tuple[int | str, ...], root: type[BaseModel]) -> list[str]:
    """Keys that are allowed at a place in the configuration."""
    model: Any = root
    for part in location:
        if isinstance(part, int):
            continue
        if isinstance(model, list):  # a dataset's task chooses among several models
            model = next((m for m in model if part == _task(m) or part in m.model_fields), model[0])
            if part == _task(model):
                continue
        found = list(_models_in(model.model_fields[part].annotation))
        model = found[0] if len(found) == 1 else found
    return list(model[0].model_fields if isinstance(model, list) else model.model_fields)


def _task(model: Any) -> str | None:
    field = model.model_fields.get("task")
    return get_args(field.annotation)[0] if field else None


def _models_in(annotation: Any) -> Iterator[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
