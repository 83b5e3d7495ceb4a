"""Servers that hold models."""

import re
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field, JsonValue, field_validator, model_validator

from faithfulness.config.base import Count, Strict

SECRET = re.compile(r"(?i)key|token|secret|sig(nature)?$|passw")
END_POINT = re.compile(r"/(chat/completions|completions|responses)/?$")
# Fields of a request that the run itself decides on.
OWN = {"model", "messages", "max_tokens", "max_completion_tokens", "n", "stream", "extra_body", "logprobs"}


class Server(Strict):
    """An OpenAI-compatible server, for models whose source is `openai:name`. Its key is read from the environment."""

    base_url: str = Field(
        "https://api.openai.com/v1",
        pattern=r"^https?://\S+$",
        description="up to its version; Azure's ends with `?api-version=` and a date",
    )
    key_variable: str = Field(
        "OPENAI_API_KEY",
        pattern=r"^\w+$",
        description="environment variable that holds the key; may be unset for servers that want none",
    )
    turn: Literal["prefill", "question"] = Field(
        "question",
        description="how an answer is requested: the server continues the assistant's unfinished turn (prefill; vLLM "
        "does), or gets a second question (Lanham et al. 2023)",
    )
    body: dict[str, JsonValue] = Field(
        {},
        description="fields that requests to this server have besides, or with another value: "
        "`{chat_template_kwargs: {enable_thinking: false}}`, `{reasoning_effort: low}`, `{top_logprobs: 5}`; null "
        "leaves out what the server refuses: `{temperature: null}`",
    )
    concurrency: Count = Field(8, description="requests at a time")
    timeout: float = Field(120, gt=0, description="seconds that a reply may take")
    attempts: Count = Field(8, description="attempts of a request that the server fails, with growing pauses")
    input_price: float = Field(0, ge=0, description="price of a million tokens sent")
    output_price: float = Field(0, ge=0, description="price of a million tokens generated")
    max_cost: float | None = Field(
        None, gt=0, description="limit of the cost of all requests to this model, earlier runs included"
    )

    @field_validator("base_url")
    @classmethod
    def _no_password(cls, url: str) -> str:
        address = urlsplit(url)
        keys = [name for name, _ in parse_qsl(address.query) if SECRET.search(name)]
        if "@" in url or keys:  # tables and reports show the address
            raise ValueError("holds a name or password; put it into the variable that key_variable names")
        if found := END_POINT.search(address.path):
            raise ValueError(f"ends with {found[0]}, which is added to it; leave that out")
        return url

    @field_validator("body")
    @classmethod
    def _leaves_the_question(cls, body: dict[str, JsonValue]) -> dict[str, JsonValue]:
        if own := sorted(OWN & body.keys()):
            raise ValueError(f"{own[0]} is what a request asks for, and cannot be changed here")
        return body

    @model_validator(mode="after")
    def _has_prices(self) -> "Server":
        if self.max_cost and not (self.input_price or self.output_price):
            raise ValueError("max_cost limits nothing without input_price and output_price")
        return self
