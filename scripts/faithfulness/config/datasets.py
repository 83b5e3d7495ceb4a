"""Datasets: generated tasks, and questions from tables."""

import re
from typing import Annotated, Literal, Union

from pydantic import Field, field_validator, model_validator

from faithfulness.config.base import Count, Name, Share, Strict, Word
from faithfulness.config.sources import Source


class Columns(Strict):
    """What the columns of a table hold; `outer.inner` is the entry `inner` of a column `outer` of mappings."""

    question: str = Field(
        "question", description="column of the question, or a text with several columns: `{context}\\n{question}`"
    )
    options: str | list[str] | None = Field(
        "options",
        description="column of the options: a list (of texts, or of mappings with `text` and `label`), a mapping "
        "from labels, or lines such as `A. bank`; or a list of columns with one option each; null for open questions",
    )
    labels: str | None = Field(None, description="column of the options' labels; default: A, B, C ...")
    answer: str = Field(
        "answer", description="column of the gold answer; of open questions also a list of all right answers"
    )
    answer_is: Literal["auto", "text", "label", "index", "index_from_1", "flags"] = Field(
        "auto",
        description="what that column holds: an option's text, label or index (`index`: counted from 0), or one flag "
        "for each option; auto: whichever of these names an option in nearly all rows, which the log says; rows where "
        "two of them name different options are refused",
    )
    answer_pattern: str | None = Field(
        None,
        description="regular expression whose first group is the answer, where the column holds more than the answer",
    )
    rationale: str | None = Field(
        None,
        description="column of a worked chain, lines of text or a list of steps, for `target: rationale` and replay",
    )
    leave_out: list[str] = Field([], description="regular expressions of parts that are removed from the worked chain")

    @field_validator("answer_pattern", "leave_out")
    @classmethod
    def _are_expressions(cls, value: str | list[str] | None) -> str | list[str] | None:
        for pattern in [value] if isinstance(value, str) else value or []:
            try:
                groups = re.compile(pattern).groups
            except re.error as error:
                raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
            if isinstance(value, str) and groups < 1:
                raise ValueError(f"{pattern!r} has no group; put what is the answer into parentheses")
        return value


class DatasetBase(Strict):
    """Settings that all datasets have."""

    name: Name = Field(description="used in paths, tables and figures")
    readout: Literal["cloze", "letters", "text"] = Field(
        "cloze",
        description="how answers are read: from the log-probability of each option per byte (cloze; for small "
        "models) or of its letter (letters; the prompt then names the options by letters), or from greedy text (text)",
    )
    train: Annotated[int, Field(ge=0)] = Field(1000, description="train items, disjoint from the evaluation items")
    eval: Count = Field(48, description="evaluation items")
    seed: int = Field(0, ge=0, description="seed of the generated questions, or of the draw from the source")
    max_new_tokens: Count = Field(96, description="token limit of a chain")
    answer_tokens: Count = Field(16, description="token limit of an answer (readout `text`)")
    reasoning: Literal["none", "some"] | None = Field(
        None,
        description="how much reasoning its questions need, where that is known: arms that are tuned on datasets that "
        "need none are compared with arms that are tuned on datasets that need some (claim C7)",
    )
    contrasts: list[tuple[Word, Word]] = Field(
        [],
        description="pairs of words that differ in meaning here: a paraphrase keeps them, a mistake swaps them",
    )

    def sources(self) -> list[Source]:
        """Sources of its tables; none for generated questions."""
        return []

    @field_validator("contrasts")
    @classmethod
    def _contrasts_differ(cls, pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
        for one, other in pairs:
            if one == other:
                raise ValueError(f"{one!r} is no contrast to itself")
        return pairs


class LastLetters(DatasetBase):
    """Last-letter concatenation (Wei et al. 2022), generated."""

    task: Literal["last_letters"]
    words: Annotated[int, Field(ge=2, le=8)] = Field(
        2,
        description="difficulty: number of words whose last letters are joined; with three or more, the strings of the "
        "evaluation items are not those of the train items",
    )


class CoinFlip(DatasetBase):
    """Coin flip (Wei et al. 2022), generated, with as many answers yes as no."""

    task: Literal["coin_flip"]
    people: Annotated[int, Field(ge=2, le=8)] = Field(
        4,
        description="difficulty: number of people who may flip the coin; with four or more, the patterns of flips of "
        "the evaluation items are not those of the train items",
    )


class WordSums(DatasetBase):
    """Sums in number words, from two to twelve, generated."""

    task: Literal["word_sums"]
    terms: Annotated[int, Field(ge=3, le=8)] = Field(
        3, description="difficulty: number of numbers that are added and subtracted"
    )


class TableDataset(DatasetBase):
    """Questions from a JSON, CSV or Parquet file."""

    task: Literal["table"]
    source: Source = Field(description="source of the file (see Source)")
    train_source: Source | None = Field(
        None, description="source of the train items; default: the same file, after the evaluation items"
    )
    columns: Columns = Field(Columns(), description="names of its columns (see Columns)")
    shuffle_options: bool = Field(
        False, description="put the options into a seeded random order, for sources that list the right one first"
    )

    max_refused: Share = Field(
        0.01,
        description="share of the rows of a table that may be unusable (an empty question, an option twice, an answer "
        "that is none of the options); above it, the run ends before any model is used",
    )

    def sources(self) -> list[Source]:
        """Source of the evaluation items, and of the train items if it is another one."""
        return [self.source, *filter(None, [self.train_source])]

    @model_validator(mode="after")
    def _sources_differ(self) -> "TableDataset":
        if self.train_source == self.source:
            raise ValueError(
                "train_source is source; leave it out, and the project keeps train and evaluation items apart"
            )
        return self

    @model_validator(mode="after")
    def _open_questions_are_read_as_text(self) -> "TableDataset":
        if self.shuffle_options and self.columns.options is None:
            raise ValueError("shuffle_options: there are none, columns.options is null")
        if self.columns.options is None and self.readout != "text":
            raise ValueError(
                f"readout: {self.readout} compares options, and columns.options is null; use `readout: text`"
            )
        return self

    @field_validator("source", "train_source")
    @classmethod
    def _no_random_tables(cls, source: Source | None) -> Source | None:
        if source and source.uri.startswith("random:"):
            raise ValueError("random: sources are for models only")
        return source


Dataset = Annotated[Union[LastLetters, CoinFlip, WordSums, TableDataset], Field(discriminator="task")]
