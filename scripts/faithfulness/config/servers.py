"""Servers that hold models."""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from faithfulness.config.base import Count, Strict


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
        description="how an answer is requested: the server continues the assistant's unfinished turn (prefill; vLLM "
        "does), or gets a second question (Lanham et al. 2023)",
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
        if "@" in url:  # tables and reports show the address
            raise ValueError("holds a name or password; put it into the variable that key_variable names")
        return url

    @model_validator(mode="after")
    def _has_prices(self) -> "Server":
        if self.max_cost and not (self.input_price or self.output_price):
            raise ValueError("max_cost limits nothing without input_price and output_price")
        return self
