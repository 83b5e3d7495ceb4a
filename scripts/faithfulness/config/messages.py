"""What is wrong with a configuration, in words: one line for each finding."""

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel
from pydantic import Tag as Case
from pydantic_core import ErrorDetails

from faithfulness.config.base import suggestion

# Of the cases of an entry, why one refuses a key of the other.
CASES = {
    "local": "{key} belongs to a model on a server (source `openai:name`), and this one has weights of its own",
    "served": "{key} belongs to weights that are loaded here, and a server holds these; leave it out",
    "trained": "{key} belongs to an arm with a source, and this one has none",
    "imported": "{key} belongs to a recipe, but the arm has a source; leave one of the two out",
    "placebo": "{key} is not a placebo's own: its recipe is that of the tuned arm, on other answers; leave it out",
    "null": "{key} is not a null arm's own: its recipe is the warm start's, or that of the arm `of`; leave it out",
}
Location = tuple[int | str, ...]


def explain(detail: ErrorDetails, root: type[BaseModel]) -> str:
    """One finding of pydantic in words; `root` is the model of the whole configuration."""
    location = detail["loc"]
    where = ".".join(str(part) for part in location if part not in CASES) or "configuration"
    if detail["type"] == "extra_forbidden":
        return f"{where}: {_unknown_key(location, root)}"
    if detail["type"] == "missing":
        return f"{where}: missing, and there is no default"
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "value_error":
        return message if where == "configuration" else f"{where}: {message}"
    return f"{where}: {message} (got {detail['input']!r})"


def _unknown_key(location: Location, root: type[BaseModel]) -> str:
    *place, key = location
    model, cases = _models_at(place, root)
    if place and place[-1] in CASES and any(key in other.model_fields for other in cases.values()):
        return CASES[str(place[-1])].format(key=key)
    return f"unknown key{suggestion(str(key), list(model.model_fields))}"


def _models_at(place: list[int | str], root: type[BaseModel]) -> tuple[type[BaseModel], dict[str, type[BaseModel]]]:
    """The model at a place in the configuration, and the cases that it is one of."""
    model, cases, open_choice = root, dict[str, type[BaseModel]](), False
    for part in place:
        if isinstance(part, int):
            continue
        if open_choice:
            model, open_choice = cases[part], False
        else:
            cases = dict(_cases(model.model_fields[part].annotation))
            model, open_choice = next(iter(cases.values())), len(cases) > 1
    return model, cases


def _cases(annotation: Any, case: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """The models that a setting may be, by the name of their case in pydantic's locations."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        task = annotation.model_fields.get("task")
        yield (get_args(task.annotation)[0] if task else case), annotation
    case = next((part.tag for part in getattr(annotation, "__metadata__", ()) if isinstance(part, Case)), case)
    for argument in get_args(annotation):
        yield from _cases(argument, case)
