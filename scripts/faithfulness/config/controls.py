"""Controls of tuned arms: arms that no training on right answers has made (method, section 8).

Both kinds read base's chains and answer without a chain; they write none. A *placebo* is trained by the recipe of a
tuned arm on answers that teach nothing. A *null* arm is a second base: what differs from base there is chance.
"""

from typing import Literal

from pydantic import Field, model_validator

from faithfulness.config.base import Name, Strict
from faithfulness.config.recipes import Recipe
from faithfulness.config.roles import NullName, PlaceboName, Seed, distinct, of_seed

UNQUOTED = None  # how YAML reads the key `null`


class Placebo(Strict):
    """What a placebo arm is trained on."""

    of: Name = Field(description="the tuned arm whose recipe is used: `target: answer`, trained here")
    target: Literal["shuffled", "random", "rationale"] = Field(
        description="in place of the right answers: those of the dataset's train items in another order, where all "
        "items have the same options (shuffled); one of the item's own options, each with equal chances, or for open "
        "questions another train item's answer (random); worked chains alone, for as many steps (rationale)"
    )


class PlaceboArm(Strict):
    """An arm that is trained as a tuned arm is, on answers that teach nothing about the questions."""

    name: PlaceboName = Field(description="`placebo-<recipe>`")
    placebo: Placebo = Field(description="of which arm, and on what (see Placebo)")
    models: list[Name] | None = Field(None, description="models that get this arm (default: those of the tuned arm)")
    seed: Seed = Field(0, description="training seed: order of the examples, initial adapter, and the answers drawn")
    seeds: list[Seed] | None = Field(
        None,
        min_length=1,
        description="several training seeds in place of `seed`: one training each; with three or more, intervals of a "
        "tuned arm that was trained once cover what other trainings would show",
    )

    @model_validator(mode="after")
    def _seeds_differ(self) -> "PlaceboArm":
        distinct(self.seeds)
        return self

    def trainings(self) -> list["PlaceboArm"]:
        """The arm itself, or one arm for each of its seeds, named `<arm>.seed<seed>`."""
        if self.seeds is None:
            return [self]
        changes = ({"name": of_seed(self.name, seed), "seed": seed, "seeds": None} for seed in self.seeds)
        return [self.model_copy(update=change) for change in changes]

    def recipe(self, of: Recipe) -> Recipe:
        """The recipe of the placebo, from that of the tuned arm."""
        changes: dict[str, object] = {"target": self.placebo.target, "seed": self.seed}
        if self.placebo.target == "rationale":
            # The worked chains that the tuned arm sees, too: its own datasets may have none.
            changes |= {"datasets": of.replay_datasets or of.datasets, "replay": 0.0, "replay_datasets": None}
        return Recipe.model_validate(of.decisive() | changes)


class Null(Strict):
    """How a null arm is made."""

    seeds: list[Seed] = Field(
        [1], min_length=1, description="training seeds, other than that of the warm start: one training each"
    )
    of: Name | None = Field(
        None,
        description="for models without a warm start: a tuned arm whose recipe is used on text that has nothing to do "
        "with it",
    )
    datasets: list[Name] | None = Field(
        None, min_length=1, description="with `of`: datasets whose train questions are that text"
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> "Null":
        distinct(self.seeds)
        if (self.of is None) != (self.datasets is None):
            raise ValueError("`of` and `datasets` belong together: a recipe, and the text that it is used on")
        return self


class NullArm(Strict):
    """A second base arm: the warm start again by another seed, or a recipe on text that has nothing to do with it."""

    name: NullName = Field(description="`null-<what>`")
    null: Null = Field(description="how it is made (see Null)")
    models: list[Name] | None = Field(None, description="models that get this arm (default: all)")

    @model_validator(mode="before")
    @classmethod
    def _key_need_not_be_quoted(cls, entry: object) -> object:
        if isinstance(entry, dict) and UNQUOTED in entry:
            return {"null" if key is UNQUOTED else key: value for key, value in entry.items()}
        return entry

    def trainings(self) -> list["NullArm"]:
        """One arm for each seed, named `<arm>.seed<seed>`."""
        return [
            self.model_copy(
                update={"name": of_seed(self.name, seed), "null": self.null.model_copy(update={"seeds": [seed]})}
            )
            for seed in self.null.seeds
        ]

    @property
    def seed(self) -> int:
        """The seed of one of its `trainings`."""
        return self.null.seeds[0]

    def recipe(self, source: Recipe) -> Recipe:
        """The recipe of one of its `trainings`, from the warm start's or from that of the arm that it names."""
        changes: dict[str, object] = {"seed": self.seed}
        if self.null.datasets:
            changes |= {"target": "text", "datasets": self.null.datasets, "replay": 0.0, "replay_datasets": None}
        return Recipe.model_validate(source.decisive() | changes)
