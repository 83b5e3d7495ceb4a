"""Models: their weights or the server that holds them."""

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from faithfulness.config.base import Count, Name, Strict, Tag
from faithfulness.config.sources import Source
from faithfulness.config.training import Recipe


class Weights(Strict):
    """What a model's weights are made of."""

    source: Source = Field(description="where the weights come from (see Source)")
    layers: Count | None = Field(
        None, description="keep only this many evenly spaced layers, first and last included (depth pruning)"
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto",
        description="of the weights when writing and reading, the same for all arms of the model; auto: bfloat16 where "
        "it is measured to be faster than float32, or where only other nodes of a cluster have GPUs",
    )
    trust_remote_code: bool = Field(False, description="let the model's repository run its own Python code")

    def weights(self, **changes: Any) -> "Weights":
        """This part of a model, changed."""
        return Weights(**{name: getattr(self, name) for name in Weights.model_fields} | changes)

    def whole(self) -> "Weights | None":
        """The same weights with all layers, where some are left out."""
        return self.weights(layers=None) if self.layers else None


class Server(Strict):
    """An OpenAI-compatible server, for models whose source is `openai:name`. Its key is read from the environment."""

    base_url: str = Field("https://api.openai.com/v1", pattern=r"^https?://\S+$", description="up to its version")
    key_variable: str = Field(
        "OPENAI_API_KEY",
        pattern=r"^\w+$",
        description="environment variable that holds the key; may be unset for servers that want none",
    )
    turn: Literal["prefill", "question"] = Field(
        "question",
        description="how the answer is asked for: the server goes on with the assistant's unfinished turn (prefill; "
        "vLLM does), or a second question is put to it (Lanham et al. 2023)",
    )
    concurrency: Count = Field(8, description="requests at a time")
    timeout: float = Field(120, gt=0, description="seconds that a reply may take")
    attempts: Count = Field(8, description="tries of a request that the server fails, ever longer apart")
    input_price: float = Field(0, ge=0, description="of a million tokens sent")
    output_price: float = Field(0, ge=0, description="of a million tokens written")
    max_cost: float | None = Field(
        None, gt=0, description="most that all requests to this model may cost, those of earlier runs among them"
    )

    @field_validator("base_url")
    @classmethod
    def _no_password(cls, url: str) -> str:
        if "@" in url:  # the address stands in tables and reports
            raise ValueError("holds a name or password; put it into the variable that key_variable names")
        return url

    @model_validator(mode="after")
    def _costs_something(self) -> "Server":
        if self.max_cost and not (self.input_price or self.output_price):
            raise ValueError("max_cost holds back nothing without input_price and output_price")
        return self


class Speaker(Weights):
    """Weights or a server, and how they are spoken to."""

    quantisation: Literal["nf4"] | None = Field(
        None,
        description="bits of the weights when writing and reading, the same for all arms: nf4 is 4 bits with double "
        "quantisation (bitsandbytes)",
    )
    gpus: Count = Field(
        1, description="GPUs that a job of it takes; its layers are spread over several (transformers' device_map)"
    )
    parameters: Count | None = Field(
        None,
        description="size, where none can be counted: of a server's model as published, or a guess that places it "
        "among the others; of others before they are fetched (make plan)",
    )
    server: Server | None = Field(None, description="of a source `openai:name` (see Server; default: OpenAI's own)")
    system: str | None = Field(
        None, description="system message; default: that of the prompts file, or what the chat template says by itself"
    )
    think: tuple[Tag, Tag] | None = Field(
        None,
        description="tags that a reasoning model thinks between, such as `[<think>, </think>]`: what stands between "
        "them is the chain, and probes end with the second before they ask",
    )

    @property
    def served(self) -> bool:
        """Whether a server holds the weights."""
        return self.source.served

    def on_server(self) -> dict[str, Any] | None:
        """Size and place of a served model: its name there, where, and how it is asked; None for weights."""
        if not self.served:
            return None
        server = self.server or Server()
        place = {"name": self.source.uri.removeprefix("openai:"), "base_url": server.base_url, "turn": server.turn}
        return {"parameters": self.parameters, "place": place}

    @model_validator(mode="after")
    def _server_or_weights(self) -> "Speaker":
        if self.server and not self.served:
            raise ValueError("server belongs to a source `openai:name`; this one has weights of its own")
        local = sorted(self.model_fields_set & {"layers", "dtype", "quantisation", "gpus", "trust_remote_code"})
        if self.served and self.think and (self.server or Server()).turn != "prefill":
            raise ValueError("think: to close the tag, the server must go on with a turn (server.turn: prefill)")
        if self.served and local:
            raise ValueError(f"{local[0]} is of weights that are loaded here, and a server holds these; leave it out")
        return self


class Model(Speaker):
    """One set of base weights, and what makes the base arm of it."""

    name: Name = Field(description="used in paths, tables and figures")
    warm_start: Recipe | None = Field(
        None, description="full training that makes the base arm, for models too small to reason by themselves"
    )

    @field_validator("warm_start")
    @classmethod
    def _warm_starts_are_full(cls, recipe: Recipe | None) -> Recipe | None:
        if recipe and recipe.method != "full":
            raise ValueError(
                f"needs `method: full`: tuned arms would be trained without the adapter of {recipe.method}"
            )
        return recipe
