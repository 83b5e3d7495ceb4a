"""Texts of models and data as lines for a terminal: at most WIDTH columns, nothing in them that a terminal obeys."""

import re
import unicodedata
from collections.abc import Iterable, Iterator

WIDTH = 100  # columns
WORDS = re.compile(r"\S+\s*|\s+")
# What a terminal or editor would not show as it is: control characters, line ends of all kinds, direction marks.
HIDDEN = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def visible(text: str) -> str:
    """A text whose hidden characters are written as Python writes them; line breaks stay."""
    return HIDDEN.sub(lambda match: match[0].encode("unicode_escape", "surrogatepass").decode("ascii"), text)


def columns(text: str) -> int:
    """Columns that a text takes: two of each wide character, none of a combining one."""
    return sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def flow(chunks: Iterable[str], width: int) -> Iterator[str]:
    """Lines of at most `width` columns; a chunk is broken only where it is longer than a line."""
    line, used = "", 0
    for chunk in chunks:
        size = columns(chunk)
        if used and used + size > width:
            yield line
            line, used = "", 0
        if size <= width:
            line, used = line + chunk, used + size
            continue
        for character in chunk:
            if used + _columns(character) > width:
                yield line
                line, used = "", 0
            line, used = line + character, used + _columns(character)
    yield line


def block(text: str, first: str, further: str | None = None) -> list[str]:
    """A text as lines behind a margin: `first` before its first line, `further` before all others."""
    further = " " * columns(first) if further is None else further
    width = WIDTH - max(columns(first), columns(further))
    lines = [line for part in visible(text).split("\n") for line in flow(WORDS.findall(part), width)]
    return [((further if number else first) + line).rstrip() for number, line in enumerate(lines)]


def sentence(text: str, first: str = "") -> list[str]:
    """A sentence of this program as lines; later lines are set in as far as the first one begins."""
    return block(" ".join(text.split()), first)


def shortened(text: str, most: int) -> str:
    """A text of which the middle is left out where it has clearly more than `most` characters, and how much that is."""
    if len(text) <= most + most // 4:
        return text
    half = most // 2
    return f"{text[:half]} [... {len(text) - 2 * half:,} characters ...] {text[-half:]}"


def tokens(segments: Iterable[list[str]], margin: str) -> list[str]:
    """Tokens with a line between them, and a double one between segments, which are encoded one by one."""
    shown = []
    for segment in segments:
        pieces = [visible(token).replace("\n", "\u21b5") for token in segment]
        shown += [f"{piece}\u2502" for piece in pieces[:-1]] + [f"{piece}\u2551" for piece in pieces[-1:]]
    return [margin + line for line in flow(shown, WIDTH - columns(margin))]
