"""Models: weights that are loaded here, or a model on a server."""

import json
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, field_validator, model_validator
from pydantic import Tag as Case

from faithfulness.config.base import SWITCHES, Count, Date, Name, Scalar, Strict, Tag
from faithfulness.config.recipes import Recipe
from faithfulness.config.servers import Server
from faithfulness.config.sources import Source
from faithfulness.config.weights import Weights


class Dialogue(Strict):
    """How a model is prompted, and how large it is."""

    parameters: Count | None = Field(
        None,
        description="size, before the weights are fetched and counted (make plan); of a server's model as published",
    )
    system: str | None = Field(
        None, description="system message; default: that of the prompts file, or that of the chat template"
    )
    think: tuple[Tag, Tag] | None = Field(
        None,
        description="tags that enclose the reasoning of a model, such as `[<think>, </think>]`: the text between them "
        "is the chain, and probes end with the second before they ask for the answer",
    )
    template: dict[str, Scalar] = Field(
        {},
        description="variables of the model's chat template, such as `{enable_thinking: false}`; a server is sent them "
        "as `server.body: {chat_template_kwargs: {...}}` (vLLM, SGLang and llama.cpp read them)",
    )

    def dialogue(self) -> dict[str, Any]:
        """How the model is prompted: arguments of `prompts.load`."""
        return self.model_dump(include={"system", "think", "template", "date"})

    @model_validator(mode="after")
    def _thinks_or_not(self) -> "Dialogue":
        off = [name for name in SWITCHES if self.template.get(name) is False]
        if self.think and off:
            raise ValueError(f"think and template.{off[0]}: false contradict each other; set one of them")
        return self


class LocalSpeaker(Dialogue, Weights):
    """A model whose weights are loaded here."""

    served: ClassVar[bool] = False

    date: Date | None = Field(
        None,
        description="day that the chat template shows, if it shows one (`strftime_now`, `date_string`), never the "
        "clock's; default: that of the prompts file, 2024-07-26 if it has none",
    )
    quantisation: Literal["nf4"] | None = Field(
        None,
        description="bits of the weights when generating and scoring, the same for all arms: nf4 is 4 bits with double "
        "quantisation (bitsandbytes)",
    )
    gpus: Count = Field(
        1, description="GPUs of a job; the layers are spread over several of them (transformers' device_map)"
    )

    def service(self) -> str:
        """No server: ''."""
        return ""

    def on_server(self) -> None:
        """No server: None."""


class ServedSpeaker(Dialogue):
    """A model on a server."""

    served: ClassVar[bool] = True
    gpus: ClassVar[int] = 0
    date: ClassVar[None] = None  # the server's own, unless `template` has a variable for it

    source: Source = Field(description="`openai:name`, the name of the model on its server (see Source)")
    server: Server = Field(Server(), description="address, limits and prices (see Server; default: OpenAI's own)")

    @model_validator(mode="after")
    def _template_is_the_servers(self) -> "ServedSpeaker":
        if self.template:
            raise ValueError(
                f"template: the server applies the chat template; it is sent `server.body: {{chat_template_kwargs: "
                f"{json.dumps(self.template)}}}`"
            )
        return self

    @model_validator(mode="after")
    def _closes_the_tag(self) -> "ServedSpeaker":
        if self.think and self.server.turn != "prefill":
            raise ValueError("think: to close the tag, the server must continue a turn (server.turn: prefill)")
        return self

    def service(self) -> str:
        """How the server is asked, as JSON."""
        return self.server.model_dump_json()

    def on_server(self) -> dict[str, object]:
        """What of the server decides answers: size and name of the model, address, turn, and changes of requests."""
        name = self.source.uri.removeprefix("openai:")
        place: dict[str, object] = {"name": name, "base_url": self.server.base_url, "turn": self.server.turn}
        place |= {"body": self.server.body} if self.server.body else {}
        return {"parameters": self.parameters or 0, "place": place}  # a paraphraser may leave its size out


class LocalModel(LocalSpeaker):
    """One set of base weights that is loaded here, and the training that makes the base arm of it."""

    name: Name = Field(description="used in paths, tables and figures")
    warm_start: Recipe | None = Field(
        None,
        description="full training that makes the base arm, for models that are too small to reason by themselves; its "
        "`seed` decides which examples are seen and in which order (see Recipe)",
    )

    @field_validator("warm_start")
    @classmethod
    def _warm_starts_are_full(cls, recipe: Recipe | None) -> Recipe | None:
        if recipe and recipe.method != "full":
            raise ValueError(
                f"needs `method: full`: tuned arms would be trained without the adapter of {recipe.method}"
            )
        return recipe


class ServedModel(ServedSpeaker):
    """A base model on a server, with a source `openai:name`."""

    warm_start: ClassVar[None] = None

    name: Name = Field(description="used in paths, tables and figures")

    @model_validator(mode="after")
    def _has_a_size(self) -> "ServedModel":
        if not self.parameters:
            raise ValueError("needs `parameters`, which no server reports; a guess will do")
        return self


def case(entry: object) -> Literal["local", "served"]:
    """Whether an entry, as plain values or as a model, has its weights here or on a server."""
    source = entry.get("source") if isinstance(entry, dict) else getattr(entry, "source", None)
    uri = source.get("uri") if isinstance(source, dict) else getattr(source, "uri", None)
    return "served" if str(uri).startswith("openai:") else "local"


Model = Annotated[Annotated[LocalModel, Case("local")] | Annotated[ServedModel, Case("served")], Discriminator(case)]
Speaker = LocalSpeaker | ServedSpeaker
