"""Prompt templates and answer cues, and the token ids of their segments.

Every text that a model sees consists of segments: prompt | chain | cue | answer. Each segment is encoded by itself and
the token ids are joined, in fine-tuning and in probing alike. The token ids of a chain are therefore those that the
model generated, never the result of encoding its text again (method, section 2).
"""

import hashlib
import re
import string
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Protocol

import tokenizers
from pydantic import Field, ValidationInfo, field_validator

from faithfulness import segments, templates
from faithfulness.config.base import Date, Scalar, Strict, Tag, from_file
from faithfulness.tables.fields import Row
from faithfulness.templates import Message

LETTERS = string.ascii_uppercase
NEW_LINE = "\n"
SENTENCE_END = re.compile(r"[.!?\u2026\u3002\uff01\uff1f]['\"\u2019\u201d)\]]*\s*$")
SILENT = "?"  # the answer, not one of the options, of a load-bearing reader whose chain does not state one


class Tokenizer(templates.ChatTokenizer, Protocol):
    """The part of a tokenizer of transformers that is used here."""

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

    def __hash__(self) -> int:
        """Of the object: what is found out about a tokenizer is kept."""

    def get_vocab(self) -> dict[str, int]:
        """Token ids by token."""


class Prompts(Strict):
    """Wording of all prompts; see config/prompts/default.yaml for what each part does."""

    version: int
    system: str | None = None
    think: tuple[Tag, Tag] | None = None
    date: Date = "2024-07-26"
    template: dict[str, Scalar] = Field({})
    question: str = Field(pattern=r"\{question\}")
    question_with_options: str = Field(pattern=r"\{question\}[\s\S]*\{options\}")
    option_separator: str
    question_with_letters: str = Field(pattern=r"\{question\}[\s\S]*\{options\}")
    lettered_option: str = Field(pattern=r"\{letter\}[\s\S]*\{option\}")
    letter_separator: str
    plain: str = Field(pattern=r"\{question\}")
    chain_prefill: str = Field(min_length=1)
    chain_cue: str = Field(min_length=1)
    second_cue: str = Field("\nSo the final answer is", min_length=1)
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

    @field_validator("second_cue")
    @classmethod
    def _cues_differ(cls, cue: str, field: ValidationInfo) -> str:
        if cue.strip() == field.data.get("chain_cue", "").strip():
            raise ValueError("must ask in other words than chain_cue")
        return cue

    @field_validator("conclusion_cues", "stop_cues")
    @classmethod
    def _cues_are_expressions(cls, cues: list[str]) -> list[str]:
        for cue in cues:
            try:
                re.compile(cue)
            except re.error as error:
                raise ValueError(f"{cue!r} is not a regular expression: {error}") from None
        return cues


# From messages and prompts (for their frame without a chat template, and their date) to a text; see `render`.
Render = Callable[[Sequence[Message], Prompts], str]


def load(
    path: str | Path,
    system: str | None = None,
    think: tuple[str, str] | None = None,
    date: str | None = None,
    template: Mapping[str, Scalar] | None = None,
) -> Prompts:
    """Read a prompts file.

    Args:
        path: of the file.
        system: replaces the file's system message, for one model.
        think: the tags between which a model thinks.
        date: replaces the date that chat templates tell, for one model.
        template: variables of a model's chat template; they replace the file's.

    Raises:
        SettingsError: the file is missing, is not YAML, or has wrong keys.
    """
    prompts = from_file(Prompts, path, "prompts", example="config/prompts/default.yaml")
    changes = {"system": system, "date": date, "template": dict(template) if template else None}
    prompts = prompts.model_copy(update={name: value for name, value in changes.items() if value is not None})
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
        "second_cue": f"\n{closing}\n{prompts.second_cue}",
        "direct_cue": f"{opening}\n\n{closing}\n\n{prompts.direct_cue}",
        "paraphrase_prefill": f"{opening}\n\n{closing}\n\n{prompts.paraphrase_prefill}",
        # A model that opens its thoughts again at once has not ended them.
        "stop_cues": [rf"{re.escape(closing)}(?!\s*{re.escape(opening)})"],
    }
    return prompts.model_copy(update=changes)


def render(tokenizer: Tokenizer | None, messages: Sequence[Message], prompts: Prompts) -> str:
    """Text of a conversation, up to where the model's turn begins.

    Args:
        tokenizer: of the model; its chat template is used if it has one.
        messages: a system message if there is one, and the user's.
        prompts: whose `plain` is the frame for models without a chat template.

    Raises:
        ValueError: there is a system message, or a variable of a template, and no chat template; or see
            `templates.apply`.
    """
    if tokenizer is None or not getattr(tokenizer, "chat_template", None):
        *before, user = messages
        if before:
            raise ValueError("a model without a chat template takes no `system` message; put it into `plain`")
        if prompts.template:
            raise ValueError(f"template: a model without a chat template reads no {next(iter(prompts.template))!r}")
        return _beginning(tokenizer) + prompts.plain.format(question=user["content"])
    return templates.apply(tokenizer, messages, prompts.date, prompts.template, prompts.think is not None)


def renderer(tokenizer: Tokenizer | None) -> Render:
    """`render` with one tokenizer."""
    return partial(render, tokenizer)


def _beginning(tokenizer: Tokenizer | None) -> str:
    """What the tokenizer puts at the beginning of every text, as in the model's training; '' if nothing.

    A token, and behind it a space where the tokenizer puts one before every text.
    """
    first = tokenizer.encode("")[:1] if tokenizer is not None else []
    if tokenizer is None or not first or first[0] != tokenizer.bos_token_id:
        return ""
    token = tokenizer.decode(first)
    return token + " " * tokenizer.decode(tokenizer.encode("x")).startswith(f"{token} ")


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
    return render([*before, user], prompts)


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
    """The question and the beginning of the model's turn; see `templates.begin_turn`."""
    return templates.begin_turn(question, turn, prompts.think, bool(prompts.template))


def said(item: Row, answer: str) -> str:
    """An answer as the prompt of its item asks for it: the letter of the option where options have letters."""
    return LETTERS[item["options"].index(answer)] if item["letters"] else answer


def chain_text(steps: Sequence[str]) -> str:
    """Steps of a worked chain as a model would write them after the prefill.

    Each begins after a space; or after a line break where the step before it does not end a sentence, as in GSM8K, so
    that both stay steps of their own.
    """
    pairs = zip([".", *steps], steps, strict=False)
    return "".join(f"{' ' if SENTENCE_END.search(before) else NEW_LINE}{step}" for before, step in pairs)


def answer_text(answer: str) -> str:
    """An answer as it follows a cue: after a space."""
    return f" {answer}"


def segment_coder(folder: str | Path | None) -> segments.Coder | tuple[None, None]:
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

    added = {token.content: number for number, token in tokenizer.get_added_tokens_decoder().items()}
    return segments.behind(encode, decode, added)


def _plain_coder(tokenizer: Tokenizer) -> segments.Coder:
    def decode(ids: list[int]) -> str:
        return tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)

    return partial(tokenizer.encode, add_special_tokens=False), decode


@lru_cache(maxsize=16)
def _coder(tokenizer: Tokenizer) -> segments.Coder:
    """Functions that encode and decode a segment behind others."""
    added = tokenizer.get_added_vocab() if hasattr(tokenizer, "get_added_vocab") else {}
    return segments.behind(*_plain_coder(tokenizer), added)


@lru_cache(maxsize=16)
def anchor_ids(tokenizer: Tokenizer) -> list[int]:
    """Token ids of what segments are decoded behind; none for most tokenizers (see `segments`)."""
    encode, decode = _plain_coder(tokenizer)
    text = segments.anchor(encode, decode)
    return encode(text) if text else []


def encode(tokenizer: Tokenizer, text: str) -> list[int]:
    """Token ids of one segment behind others, without the special tokens that the tokenizer adds to whole texts."""
    return _coder(tokenizer)[0](text)


def decode(tokenizer: Tokenizer, ids: list[int]) -> str:
    """Text of the token ids of one segment behind others."""
    return _coder(tokenizer)[1](ids)


def encode_prompt(tokenizer: Tokenizer, text: str) -> list[int]:
    """Token ids of the first segment, which nothing stands before.

    Where the tokenizer puts a space before a text, and takes it away when it decodes, the ids have that space, as those
    of the texts of training have.
    """
    plain_encode, plain_decode = _plain_coder(tokenizer)
    ids = plain_encode(text)
    return encode(tokenizer, text) if anchor_ids(tokenizer) and plain_decode(ids) != text else ids


def check(tokenizer: Tokenizer, prompts: Prompts) -> None:
    """Refuse a model whose prompts or token ids would be others than they seem, before anything is computed.

    Raises:
        ValueError: see `templates` and `segments.check`.
    """
    question = "Is 12 more than 7?"
    item = {"question": question, "options": ["yes", "no"], "letters": False, "show_options": True}
    render_ = renderer(tokenizer)
    direct, cue = direct_prompt(item, prompts, render_)
    _check_said(direct, question, prompts, render_)
    steps = chain_text(["First, 12 - 7 = 5.", "So it's 5 more.\nIt is."])
    texts = [
        [chain_prompt(item, prompts, render_), steps, prompts.chain_cue, answer_text("yes")],
        [chain_prompt(item, prompts, render_), steps, prompts.second_cue, answer_text("yes")],
        [direct, cue, answer_text("no")],
    ]
    for first, *others in texts:
        ids = [encode_prompt(tokenizer, first), *(encode(tokenizer, text) for text in others)]
        segments.check(_plain_coder(tokenizer)[1], [first, *others], ids)


def _check_said(prompt: str, question: str, prompts: Prompts, render: Render) -> None:
    """Refuse a chat template that loses what it is given, as those do that want messages in parts."""
    if question not in prompt:
        raise ValueError(
            "the model's chat template leaves out or changes what the user says; it may want messages in parts, as for "
            "pictures: give the tokenizer a chat template for texts"
        )
    without = [{"role": "user", "content": question}]
    if prompts.system and render(without, prompts) == render(
        [{"role": "system", "content": prompts.system}, *without], prompts
    ):
        raise ValueError(
            "the model's chat template leaves out the `system` message; leave out the model's `system` message, or put "
            "it into the prompts file (`question`, `question_with_options`, `question_with_letters`)"
        )


def tokenizer_hash(tokenizer: Tokenizer) -> str:
    """Hash of what a tokenizer does: of its serialised rules if it is a fast one, else of its vocabulary."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    text = backend.to_str() if backend is not None else str(sorted(tokenizer.get_vocab().items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
