"""Building blocks of the configuration: types of its values, the base of its models, and its errors."""

import difflib
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, TypeVar

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
)

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$", max_length=60)]
Word = Annotated[str, Field(pattern=r"^[^\sA-Z]+$")]  # one word, in lower case
Tag = Annotated[str, Field(min_length=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Scalar = StrictBool | StrictInt | StrictFloat | StrictStr | None  # a value that YAML writes on one line
# Variables of chat templates that decide whether a model thinks: of Qwen3, GLM, SmolLM3, Hunyuan; of Granite, DeepSeek
# V3.1; of Command A; of others.
SWITCHES = ("enable_thinking", "thinking", "reasoning", "enable_reasoning", "use_thinking", "add_thinking")
# YAML reads `2024-07-26` as a date, which JSON cannot hold.
Date = Annotated[str, BeforeValidator(str), AfterValidator(lambda text: date.fromisoformat(text).isoformat())]


class SettingsError(ValueError):
    """The configuration cannot be used; the message has one line for each finding."""


class Strict(BaseModel):
    """A model that refuses unknown keys, and cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


File = TypeVar("File", bound=Strict)  # the model of a file that the configuration names


def check_known(name: str, names: Sequence[str], where: str, kind: str) -> None:
    """Refuse a name that no entry of its kind has; `where` is its place in the configuration."""
    if name not in names:
        raise ValueError(f"{where}: no {kind} is named {name!r}{suggestion(name, names)}")


def suggestion(name: str, names: Sequence[str]) -> str:
    """The end of an error message: the name that was probably meant, or all names."""
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; there are: {', '.join(names)}"


def from_file(model: type[File], path: str | Path, setting: str, example: str) -> File:
    """Read and validate a YAML file that a setting names; `example` is a file of this kind in the project.

    Raises:
        SettingsError: the file is missing, is not YAML, or cannot be used; the message says which, in one line.
    """
    try:
        return model.model_validate(yaml.safe_load(Path(path).read_text("utf-8")))
    except FileNotFoundError:
        raise SettingsError(f"{setting}: there is no file {str(path)!r}; {example} is one") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{setting}: {path} is not YAML: {error}".replace("\n", " ")) from None
    except ValidationError as error:
        first = error.errors()[0]
        parts = setting, str(path), ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
        raise SettingsError(": ".join(filter(None, parts))) from None
