"""Names of arms and of their trainings. The name of an arm says which role it has."""

import re
from collections.abc import Sequence
from typing import Annotated, Literal, cast

from pydantic import AfterValidator, Field

Role = Literal["base", "tuned", "placebo", "null"]
# Arms that write no chains: they read those of base, and answer without a chain.
CONTROLS: tuple[Role, ...] = ("placebo", "null")

Seed = Annotated[int, Field(ge=0)]


def role_of(arm: str) -> Role:
    """The role of an arm or training, by its name: `base`, `tuned-...`, `placebo-...` or `null-...`."""
    return cast(Role, arm.partition("-")[0])


def is_control(arm: str) -> bool:
    """Whether an arm or training is a placebo or null arm."""
    return role_of(arm) in CONTROLS


def of_seed(arm: str, seed: int) -> str:
    """Name of the training of an arm that has several seeds."""
    return f"{arm}.seed{seed}"


def distinct(seeds: Sequence[int] | None) -> None:
    """Refuse seeds of which one is named twice."""
    if seeds and len(set(seeds)) < len(seeds):
        raise ValueError("seeds: a seed is named twice")


def _without_a_seed(name: str) -> str:
    if re.search(r"\.seed\d+$", name):
        raise ValueError("an arm's name may not end in .seed<number>; list the seeds under `seeds`")
    return name


_REST = r"-[a-z0-9][a-z0-9_.-]*$"
TunedName = Annotated[str, Field(pattern=f"^tuned{_REST}", max_length=60), AfterValidator(_without_a_seed)]
PlaceboName = Annotated[str, Field(pattern=f"^placebo{_REST}", max_length=60), AfterValidator(_without_a_seed)]
NullName = Annotated[str, Field(pattern=f"^null{_REST}", max_length=60), AfterValidator(_without_a_seed)]
