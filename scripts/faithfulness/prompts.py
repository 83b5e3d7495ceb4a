"""Prompt templates and answer cues, and the token ids of their segments.

Every text that a model sees consists of segments: prompt | chain | cue | answer. Each segment is encoded by itself and
the token ids are joined, in fine-tuning and in probing alike. The token ids of a chain are therefore those that the
model generated, never the result of encoding its text again (method, section 2).
"""

import hashlib
import re
import string
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import tokenizers
from jinja2 import TemplateError
from pydantic import Field, ValidationInfo, field_validator

from faithfulness.config.base import Strict, Tag, from_file
from faithfulness.tables.fields import Row

LETTERS = string.ascii_uppercase
SILENT = "?"  # the answer, not one of the options, of a load-bearing reader whose chain does not state one

Message = dict[str, str]  # `role` (system, user or assistant) and `content`
# From messages, and the template of models without a chat template, to the text of a prompt; see `render`.
Render = Callable[[Sequence[Message], str], str]


class Tokenizer(Protocol):
    """The part of a tokenizer of transformers that is used here."""

    chat_template: Any  # text, or one for each purpose
    bos_token_id: int | None
    eos_token_id: int

    def __call__(
        self, text: str, *, add_special_tokens: bool, return_offsets_mapping: bool
    ) -> Mapping[str, Sequence[tuple[int, int]]]:
        """`offset_mapping`: the characters [start, end) of each token."""

    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        """Token ids of a text."""

    def decode(
        self, ids: list[int], *, skip_special_tokens: bool = False, clean_up_tokenization_spaces: bool = False
    ) -> str:
        """Text of token ids."""

    def get_vocab(self) -> dict[str, int]:
        """Token ids by token."""

    def apply_chat_template(self, messages: Sequence[Message], *, tokenize: bool, add_generation_prompt: bool) -> str:
        """Text of a conversation."""


class Prompts(Strict):
    """Wording of all prompts; see config/prompts/default.yaml for what each part does."""

    version: int
    system: str | None = None
    think: tuple[Tag, Tag] | None = None
    question: str = Field(pattern=r"\{question\}")
    question_with_options: str = Field(pattern=r"\{question\}[\s\S]*\{options\}")
    option_separator: str
    question_with_letters: str = Field(pattern=r"\{question\}[\s\S]*\{options\}")
    lettered_option: str = Field(pattern=r"\{letter\}[\s\S]*\{option\}")
    letter_separator: str
    plain: str = Field(pattern=r"\{question\}")
    chain_prefill: str = Field(min_length=1)
    chain_cue: str = Field(min_length=1)
    direct_cue: str = Field(min_length=1)
    second_turn: str = Field(pattern=r"\{form\}")
    paraphrase: str = Field(pattern=r"\{text\}")
    paraphrase_prefill: str
    conclusion_cues: list[str]
    stop_cues: list[str]

    @field_validator(
        *("question", "question_with_options", "question_with_letters", "lettered_option"),
        *("plain", "second_turn", "paraphrase"),
    )
    @classmethod
    def _templates_can_be_filled(cls, template: str, field: ValidationInfo) -> str:
        fields = {"lettered_option": ("letter", "option"), "second_turn": ("form",), "paraphrase": ("text",)}
        names = fields.get(str(field.field_name), ("question", "options"))
        try:
            template.format(**dict.fromkeys(names, ""))
        except (KeyError, IndexError, ValueError) as error:
            allowed = " and ".join(f"{{{name}}}" for name in names)
            raise ValueError(f"only {allowed} can be filled in; write other braces twice ({error!r})") from None
        return template

    @field_validator("conclusion_cues", "stop_cues")
    @classmethod
    def _cues_are_expressions(cls, cues: list[str]) -> list[str]:
        for cue in cues:
            try:
                re.compile(cue)
            except re.error as error:
                raise ValueError(f"{cue!r} is not a regular expression: {error}") from None
        return cues


def load(path: str | Path, system: str | None = None, think: tuple[str, str] | None = None) -> Prompts:
    """Read a prompts file.

    Args:
        path: of the file.
        system: replaces the file's system message, for one model.
        think: the tags between which a model thinks.

    Raises:
        SettingsError: the file is missing, is not YAML, or has wrong keys.
    """
    prompts = from_file(Prompts, path, "prompts", example="config/prompts/default.yaml")
    if system is not None:
        prompts = prompts.model_copy(update={"system": system})
    return prompts if think is None else thinking(prompts, think)


def thinking(prompts: Prompts, tags: tuple[str, str]) -> Prompts:
    """The prompts for a model that thinks between tags: its chain begins after the first and ends before the second.

    Where it answers without a chain, and where it rewords a text, nothing is between the tags.
    """
    opening, closing = tags
    changes = {
        "think": tags,
        "chain_prefill": f"{opening}\n",
        "chain_cue": f"\n{closing}\n{prompts.chain_cue}",
        "direct_cue": f"{opening}\n\n{closing}\n\n{prompts.direct_cue}",
        "paraphrase_prefill": f"{opening}\n\n{closing}\n\n{prompts.paraphrase_prefill}",
        # A model that opens its thoughts again at once has not ended them.
        "stop_cues": [rf"{re.escape(closing)}(?!\s*{re.escape(opening)})"],
    }
    return prompts.model_copy(update=changes)


def render(tokenizer: Tokenizer | None, messages: Sequence[Message], plain: str) -> str:
    """Text of a conversation, up to where the model's turn begins.

    Args:
        tokenizer: of the model; its chat template is used if it has one.
        messages: a system message if there is one, and the user's.
        plain: template with the field `{question}`, for models without a chat template.

    Raises:
        ValueError: there is a system message and no chat template, or the chat template refuses the messages.
    """
    if tokenizer is None or not getattr(tokenizer, "chat_template", None):
        *before, user = messages
        if before:
            raise ValueError("a model without a chat template takes no `system` message; put it into `plain`")
        return _beginning(tokenizer) + plain.format(question=user["content"])
    try:
        return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    except TemplateError as error:
        raise ValueError(f"the model's chat template refuses these messages, {messages}: {error}") from error


def renderer(tokenizer: Tokenizer | None) -> Render:
    """`render` with one tokenizer."""
    return partial(render, tokenizer)


def _beginning(tokenizer: Tokenizer | None) -> str:
    """The token that the tokenizer puts at the beginning of every text, as in the model's training; '' if none."""
    first = tokenizer.encode("")[:1] if tokenizer is not None else []
    return tokenizer.decode(first) if tokenizer is not None and first and first[0] == tokenizer.bos_token_id else ""


def ask(item: Row, prompts: Prompts, render: Render) -> str:
    """The prompt that asks a question, up to where the model's turn begins.

    Raises:
        ValueError: the model takes no system message, and there is one.
    """
    template = prompts.question
    fields = {"question": item["question"]}
    if item["letters"]:
        template = prompts.question_with_letters
        named = zip(LETTERS, item["options"], strict=False)
        lines = [prompts.lettered_option.format(letter=letter, option=option) for letter, option in named]
        fields["options"] = prompts.letter_separator.join(lines)
    elif item["show_options"]:
        template = prompts.question_with_options
        fields["options"] = prompts.option_separator.join(item["options"])
    return _user_turn(template.format(**fields), prompts, render)


def _user_turn(text: str, prompts: Prompts, render: Render) -> str:
    """The prompt in which the user says a text, up to where the model's turn begins."""
    user = {"role": "user", "content": text}
    before = [] if prompts.system is None else [{"role": "system", "content": prompts.system}]
    return render([*before, user], prompts.plain)


def chain_prompt(item: Row, prompts: Prompts, render: Render) -> str:
    """The text before the chain."""
    return "".join(_begin_turn(ask(item, prompts, render), prompts, prompts.chain_prefill))


def direct_prompt(item: Row, prompts: Prompts, render: Render) -> tuple[str, str]:
    """The text before the cue, and the cue, of an answer without a chain."""
    return _begin_turn(ask(item, prompts, render), prompts, prompts.direct_cue)


def paraphrase_prompt(text: str, prompts: Prompts, render: Render) -> str:
    """The prompt that asks for a text in other words, without its context, up to where the new words begin."""
    question = _user_turn(prompts.paraphrase.format(text=text), prompts, render)
    return "".join(_begin_turn(question, prompts, prompts.paraphrase_prefill))


def _begin_turn(question: str, prompts: Prompts, turn: str) -> tuple[str, str]:
    """The question and the beginning of the model's turn, whose first tag some chat templates add themselves."""
    if prompts.think and question.rstrip().endswith(prompts.think[0]):
        return question.rstrip(), turn.removeprefix(prompts.think[0])
    return question, turn


def said(item: Row, answer: str) -> str:
    """An answer as the prompt of its item asks for it: the letter of the option where options have letters."""
    return LETTERS[item["options"].index(answer)] if item["letters"] else answer


def chain_text(steps: Sequence[str]) -> str:
    """Steps of a worked chain as a model would write them after the prefill: a space before each."""
    return "".join(f" {step}" for step in steps)


def answer_text(answer: str) -> str:
    """An answer as it follows a cue: after a space."""
    return f" {answer}"


Coder = tuple[Callable[[str], list[int]], Callable[[list[int]], str]]


def segment_coder(folder: str | Path | None) -> Coder | tuple[None, None]:
    """Functions that encode and decode a segment with a model's tokenizer, without importing a model library.

    Args:
        folder: with the model's tokenizer.json; None or '' for a model on a server.

    Returns:
        The two functions; None and None for a model on a server, whose tokenizer is unknown.

    Raises:
        FileNotFoundError: the model has no fast tokenizer.
    """
    if not folder:
        return None, None
    file = Path(folder) / "tokenizer.json"
    if not file.exists():
        raise FileNotFoundError(
            f"{folder} contains no tokenizer.json; only models with a fast tokenizer can be perturbed"
        )
    tokenizer = tokenizers.Tokenizer.from_file(str(file))

    def encode(text: str) -> list[int]:
        return tokenizer.encode(text, add_special_tokens=False).ids

    def decode(ids: list[int]) -> str:
        return tokenizer.decode(ids, skip_special_tokens=False)

    return encode, decode


def encode(tokenizer: Tokenizer, text: str) -> list[int]:
    """Token ids of one segment, without the special tokens that the tokenizer adds to whole texts."""
    return tokenizer.encode(text, add_special_tokens=False)


def tokenizer_hash(tokenizer: Tokenizer) -> str:
    """Hash of what a tokenizer does: of its serialised rules if it is a fast one, else of its vocabulary."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    text = backend.to_str() if backend is not None else str(sorted(tokenizer.get_vocab().items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
