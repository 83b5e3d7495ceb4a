"""Chat templates: the date that they name, the settings that they read, and the thinking block that they begin.

A template is a program that came with the model (Jinja). What it writes must follow from the configuration alone: a
date from the clock would be another prompt on the next day, and a thinking block that the template opens or closes
would hold the chain, or keep it out, without a word.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date as Day
from functools import lru_cache
from typing import Any, Protocol

from jinja2 import Environment, TemplateError, meta

from faithfulness.config.base import SWITCHES

Message = dict[str, str]  # `role` (system, user or assistant) and `content`

# Directives of `strftime`, also those that leave out a leading zero.
DIRECTIVES = [f"%{flag}{letter}" for flag in ("-", "") for letter in "aAbBcdDefFgGhHIjklmMnpPrRStTuUVwWxXyYzZ"]
# A tag of a thinking block: <think>, </seed:think>, [THINK], ◁think▷, <|START_THINKING|>, <|inner_prefix|>, <thought>.
TAG = r"[<\[◁][\w:|/.-]{0,40}(?:think|thought|reason|inner_(?:pre|suf)fix)[\w:|/.-]{0,40}[>\]▷]"
CHANNEL = r"<\|?channel\|?>(?:analysis|thought|thinking)(?:<\|message\|>)?"
CLOSING = re.compile(r"/|end|suffix", re.IGNORECASE)


class ChatTokenizer(Protocol):
    """The part of a tokenizer of transformers that is used here."""

    chat_template: Any  # text, or one for each purpose

    def apply_chat_template(
        self,
        messages: Sequence[Message],
        *,
        chat_template: str,
        tokenize: bool,
        add_generation_prompt: bool,
        **variables: object,
    ) -> str:
        """Text of a conversation."""


def apply(
    tokenizer: ChatTokenizer, messages: Sequence[Message], date: str, arguments: Mapping[str, object], thinks: bool
) -> str:
    """Text of a conversation by a model's chat template, up to where the model's turn begins.

    Args:
        tokenizer: of the model.
        messages: of the conversation.
        date: that the template shows, as `2024-07-26`; also as the variable `date_string` of Llama 3's templates.
        arguments: further variables of the template, by name: the setting `template`.
        thinks: whether the configuration says what is done about thinking (`think`).

    Raises:
        ValueError: the template refuses the messages, does not read one of the arguments, or can switch thinking on and
            off while no setting says which.
    """
    text = _text(tokenizer)
    known = _variables(text)
    unread = [name for name in arguments if name not in known]
    if unread:
        raise ValueError(
            f"template: the model's chat template reads no {unread[0]!r}; it reads {', '.join(sorted(known)) or 'none'}"
        )
    switches = [name for name in SWITCHES if name in known]
    if switches and not thinks and not set(switches) & set(arguments):
        raise ValueError(
            f"the model's chat template can switch thinking on and off ({switches[0]}), and no setting of the model "
            f"says which: set `template: {{{switches[0]}: false}}` for a model that does not think, or `think: "
            "[<think>, </think>]` (the tags of this model) for one that does"
        )
    variables = dict(arguments)
    if "date_string" in known:
        variables.setdefault("date_string", Day.fromisoformat(date).strftime("%d %b %Y"))
    try:
        return tokenizer.apply_chat_template(
            messages, chat_template=_dated(text, date), tokenize=False, add_generation_prompt=True, **variables
        )
    except (TemplateError, TypeError) as error:
        raise ValueError(f"the model's chat template refuses these messages, {messages}: {error}") from error


def _text(tokenizer: ChatTokenizer) -> str:
    """The template itself: of several, the one for conversations."""
    template = tokenizer.chat_template
    if isinstance(template, Mapping):
        if "default" not in template:
            raise ValueError(f"the tokenizer has chat templates for {', '.join(template)}, but none that is `default`")
        template = template["default"]
    return str(template)


@lru_cache
def _variables(text: str) -> frozenset[str]:
    """Names that a template reads and does not set itself; none of a template that Jinja alone cannot parse."""
    without_tags = re.sub(r"\{%-?\s*(?:end)?generation\s*-?%\}", "", text)  # marks of transformers, for training
    environment = Environment(extensions=["jinja2.ext.loopcontrols"], autoescape=False)
    try:
        return frozenset(meta.find_undeclared_variables(environment.parse(without_tags)))
    except TemplateError:
        return frozenset()


@lru_cache
def _dated(text: str, date: str) -> str:
    """A template whose `strftime_now` gives a fixed day, at midnight; transformers' own gives the time of the clock.

    transformers replaces functions among a template's variables by their names: only a macro in the template itself can
    take the place of its own `strftime_now`.
    """
    if "strftime_now" not in text:
        return text
    day = Day.fromisoformat(date)
    days = [("%%", "\x01"), *((name, day.strftime(name)) for name in DIRECTIVES), ("\x01", "%")]
    # Blocks end with their line (trim_blocks): the template begins on a line of its own, as before.
    return (
        "{% macro strftime_now(format) %}{% set result = namespace(text=format) %}"
        f"{{% for name, value in {days} %}}"
        "{% set result.text = result.text | replace(name, value) %}{% endfor %}{{ result.text }}{% endmacro %}\n" + text
    )


def begin_turn(prompt: str, turn: str, think: Sequence[str] | None, has_settings: bool) -> tuple[str, str]:
    """The prompt and the beginning of the model's turn, with one opening tag of a thinking block if the model thinks.

    Args:
        prompt: up to where the model's turn begins; a chat template may have opened, or opened and closed, a block.
        turn: how the turn begins; it has the opening tag already.
        think: opening and closing tag; None for a model that does not think.
        has_settings: whether the configuration sets variables of the chat template.

    Raises:
        ValueError: the template begins a block that the configuration does not expect.
    """
    before, opened, closed = _split_thinking(prompt, think or ())
    if think is None:
        if opened and not closed:
            raise ValueError(
                f"the model's chat template opens a thinking block ({opened}) where the model's turn begins: set "
                f"`think` of the model, the tags around its chain ([{opened}, ...]), or switch thinking off if its "
                "template can (`template: {enable_thinking: false}`, `template: {thinking: false}`)"
            )
        if closed and not has_settings:
            raise ValueError(
                f"the model's chat template closes a thinking block ({closed}) where the model's turn begins, so that "
                "the model does not think: set `think` of the model, the tags around its chain "
                f"([{opened or '...'}, {closed}]), or say with `template: {{enable_thinking: false}}` (or the variable "
                "that its template reads) that it is not to think"
            )
        return prompt, turn
    if opened not in (None, think[0]) or closed not in (None, think[1]):
        raise ValueError(
            f"the model's chat template begins the model's turn with {opened or closed}, and `think` of the model "
            f"names {think[0]} and {think[1]}: name the tags of its template"
        )
    if closed and _is_open(before, think):
        raise ValueError(
            f"the model's chat template writes a thinking block of its own before {closed}: with `think`, the block "
            "must be empty or left to the model; does the template read a variable that leaves it out (`template`)?"
        )
    if closed:  # an empty block, which stands for no thinking
        return before, turn
    if opened:
        return prompt.rstrip(), turn.removeprefix(think[0])
    return prompt, turn


def _is_open(text: str, tags: Sequence[str]) -> bool:
    """Whether the last tag of a thinking block in a text opens it."""
    return text.rfind(tags[0]) > text.rfind(tags[1])


def _split_thinking(prompt: str, tags: Sequence[str] = ()) -> tuple[str, str | None, str | None]:
    """Split the thinking block that a chat template begins off the end of a prompt.

    Args:
        prompt: up to where the model's turn begins.
        tags: opening and closing tags, beside those that are known.

    Returns:
        The prompt before the block; its opening tag; its closing tag. A tag that is not there is None. Only a block
        without content is split off.
    """
    opening, closing = (tags[0], tags[1]) if tags else ("", "")
    before, tag = _last_tag(prompt, tags)
    if tag is None:
        return prompt, None, None
    if not (tag == closing or (tag != opening and CLOSING.search(tag))):
        return before, tag, None
    outside, opened = _last_tag(before, tags)
    if opened is None or opened == closing or (opened != opening and CLOSING.search(opened)):
        return before, None, tag
    return outside, opened, tag


def _last_tag(text: str, tags: Sequence[str]) -> tuple[str, str | None]:
    """A text before the tag that it ends with, and the tag; all of the text and None where it ends with none."""
    stripped = text.rstrip()
    pattern = "|".join([*map(re.escape, tags), TAG, CHANNEL])
    end = stripped[-200:]
    for found in re.finditer(pattern, end, re.IGNORECASE):
        if found.end() == len(end):
            return stripped[: len(stripped) - len(found[0])], found[0]
    return text, None
