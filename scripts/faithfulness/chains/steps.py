"""Splitting a chain into steps (method, "Steps").

Steps are sentences: Punkt rules (Kiss and Strunk 2006; Lanham et al. 2023 used them too) by
nupunkt, with line breaks as hard boundaries. All functions depend on their arguments only, and
take time linear in the length of the text.
"""
# ruff: noqa: RUF001 - marks of many scripts

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise

from nupunkt import PunktSentenceTokenizer
from nupunkt.core.constants import ORTHO_LC
from nupunkt.models import load_default_model

from faithfulness.chains import layout

Span = tuple[int, int]

# Punkt lets a capital after most abbreviations start a sentence; these never end one.
_NEVER_LAST = re.compile(r"(?<![\w.])([Ee]\.g|[Ii]\.e|[Vv]s|[Cc]f|viz|[Aa]pprox|St|Mt|Lt)\.$")
# A single letter with a full stop, what closes around it, and the word after it.
_LETTER = re.compile(r"(?<![\w.'’])([^\W\d_])\.[*_\"'”’)\]]{0,4}(?=\s+[*_\"'“‘(\[]{0,4}(\w[\w'’]{0,30}))")
# Punkt takes "A" for an initial after words that may be abbreviations ("He went to bed. A dog barked.").
_BEFORE_ARTICLE = re.compile(r"(?<=[a-z]{2})\.[*_\"'”’)\]]{0,4}(?=\s+[*_\"'“‘(\[]{0,4}A\s+[a-z])")
_WORD = re.compile(r"\w+")
# Full stops, question and exclamation marks that Punkt does not know (Unicode: Sentence_Terminal), with what closes
# after them; a comma after them continues the sentence.
_OTHER_STOP = re.compile(
    r"""(?: [。！？｡؟۔।॥։።፧፨၊။។៕᙮᠃᠉᱾᱿꓿꘎꘏꛳꛷܀܁܂߹‼‽⁇⁈⁉⸮﹒﹖﹗]+ | ፡፡ | (?<![0-9０-９])．+ | ．+(?![0-9０-９．])
        | (?<=[Ͱ-Ͽἀ-῿]);(?=\s+[Α-Ω]) | [!?]+(?=[぀-ヿ㐀-鿿가-힣]) | (?<=[぀-ヿ㐀-鿿])\.(?=[぀-ヿ㐀-鿿]) )
    [*_"'”’」』）)】》»\]]{0,4}+ (?!\s*[,，、;；:：])""",
    re.VERBOSE,
)
_ADDRESS = re.compile(r"(?:https?://|www\.)[^\s<>]*[^\s<>.,;:!?)]")
_MANY_STOPS = re.compile(r"[!?.…]{7,}")  # takes Punkt time that grows with the square of their number
_LIST_ITEM = re.compile(r"[ \t>]*(?:[-*+•]|\(?(?:\d{1,3}|[A-Za-z])[.)])\s")
_EMPHATIC = re.compile(r"\s*\n[ \t]*(?:#|\*\*)")
_WRAPPED = re.compile(r"[ \t]{2,}[^\W\d_A-Z]")

# The words around a capital that say whether it is the label of an answer or an initial of a name.
_LABELLED = frozenset(
    "answer answers option options choice choices letter statement figure case plan point vitamin grade group team "
    "class section part type step row column set box correct right best respuesta opción réponse antwort "
    "risposta opzione resposta opção ответ вариант antwoord".split()
)
_COPULAS = frozenset("is are was be equals to and or than choose chose pick select либо или ist es est è é".split())
_STARTERS = frozenset(
    "he she it they we i you this that these those there so then thus therefore hence but because since however if now "
    "here let let's both also its their his her".split()
)
_ARTICLES = frozenset("the a an all each every any some no none not for and or in on at of by with when while".split())


def split(text: str) -> list[Span]:
    """Split a text into steps.

    - A line break and the end of a sentence end a step; decimal points, abbreviations, initials, and what is between
      dollar signs, backticks or in an address do not. A capital with a full stop ends a sentence unless the words
      around it make it an initial of a name or the label of an option.
    - White space belongs to the step after it, at the very end to the last one.
    - A mark ("1.", "1.1.", "Step 2:") and an opening tag on a line of its own belong to the step after them.
    - A code fence or a table is a step of its own, and so is a display equation, except that it joins a sentence that
      it stands in: the words before it on its line, and those after it if they go on in lower case or with punctuation.
    - The next lines of a list item are part of it if they are indented and go on in lower case.
    - What has no content (`layout.kind` "none") belongs to the step before it; before the first step, to that one.

    Returns:
        Character spans [start, end): contiguous, from 0 to len(text). An empty list for a text without content.
    """
    if layout.kind(text) == "none":
        return []
    spans: list[Span] = []
    start = place = 0
    for end in _ends(text):
        piece = text[place:end]
        is_mark = layout.is_mark(piece)
        if not is_mark and layout.kind(piece) != "none":
            spans.append((start, end))
            start = end
        elif not is_mark and spans and start == place:
            spans[-1] = (spans[-1][0], end)
            start = end
        place = end
    if start < len(text) and spans and _EMPHATIC.match(text, start):
        spans.append((start, len(text)))  # "#### 7." at the end is no mark
    if not spans:
        return [(0, len(text))]
    spans[-1] = (spans[-1][0], len(text))
    return _with_content(text, spans)


def _with_content(text: str, spans: list[Span]) -> list[Span]:
    """Join spans that have no content by themselves, which only a text of loose marks has, to the one before them."""
    result: list[Span] = []
    for start, end in spans:
        if result and "none" in (layout.kind(text[start:end]), layout.kind(text[slice(*result[-1])])):
            result[-1] = (result[-1][0], end)
        else:
            result.append((start, end))
    if len(result) > 1 and layout.kind(text[slice(*result[-1])]) == "none":
        result[-2:] = [(result[-2][0], result[-1][1])]
    return result


def _ends(text: str) -> list[int]:
    """Where a sentence, a line or a block ends."""
    blocks = layout.blocks(text)
    ends: set[int] = set()
    parts: list[str] = []
    place = 0
    for block in blocks:
        before = text[place : block.start]
        parts += [before, _hidden(text[block.start : block.end])]
        if block.kind != "math":
            ends |= {place + len(before.rstrip()), block.end}
        place = block.end
        after = text[place : place + 200].split("\n", 1)[0].strip()[:1]
        if after.isalnum() and not after.islower():
            ends.add(block.end)
    masked = "".join([*parts, text[place:]])
    for hidden in (layout.TAG, layout.INLINE_MATH, layout.INLINE_CODE, _ADDRESS):
        masked = hidden.sub(lambda match: _hidden(match[0]), masked)
    masked = _MANY_STOPS.sub(lambda match: "x" * (len(match[0]) - 3) + match[0][-3:], masked)
    for start, line in _lines(masked):
        words = line.rstrip()
        if words:
            ends |= {start + end for end in _sentence_ends(words)} | {start + len(words)}
    return sorted(ends - {0})


def _hidden(text: str) -> str:
    """A word of the same length, which can begin a sentence."""
    return "X" + "x" * (len(text) - 1)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with where they start; the wrapped lines of a list item are one."""
    start = place = 0
    in_item = False
    for line in text.splitlines(keepends=True):
        is_item = _LIST_ITEM.match(line) is not None
        if place and not (in_item and not is_item and _WRAPPED.match(line)):
            yield start, text[start:place]
            start, in_item = place, is_item
        else:
            in_item = in_item or is_item
        in_item = in_item and line.rstrip()[-1:] not in tuple(".:!?;。")
        place += len(line)
    if start < place:
        yield start, text[start:place]


def _sentence_ends(line: str) -> set[int]:
    ends = {end for _, end in _punkt().spans(line)} | {match.end() for match in _BEFORE_ARTICLE.finditer(line)}
    ends = {end for end in ends if not _NEVER_LAST.search(line[max(0, end - 12) : end])}
    ends |= {match.end() for match in _LETTER.finditer(line) if _letter_ends(line, match)}
    return ends | {match.end() for match in _OTHER_STOP.finditer(line)}


def _letter_ends(line: str, match: re.Match[str]) -> bool:
    """Whether a letter with a full stop ends a sentence.

    Punkt takes every single letter for an initial. But only a capital is one ("ends in n. The next"), and only in a
    name.
    """
    letter, follower = match[1], match[2]
    before = line[max(0, match.start() - 60) : match.start()]
    if letter.islower():
        return follower[0].isupper() and before[-1:].isspace()
    bare = before.rstrip(" \t*_(\"'“‘[")
    if follower[0].islower() or not bare or bare[-1] in ":：-–—#>":
        return False
    follower = follower.lower().replace("’", "'")
    if follower in _STARTERS:
        return True
    words = [word.lower() for word in _WORD.findall(before)[-4:]]
    is_common = bool(_punkt().parameters.ortho_context.get(follower, 0) & ORTHO_LC)
    is_last = follower in _ARTICLES or bool(_LABELLED & set(words))
    is_last = is_last or (bare[-1] != "." and words[-1:] != [] and words[-1] in _COPULAS and is_common)
    return is_last and len(_WORD.findall(line[match.end() : match.end() + 60])) >= 3


@cache
def _punkt() -> PunktSentenceTokenizer:
    # A separate instance: nupunkt.load() returns a shared one that any other code could change.
    return load_default_model()


def token_spans(spans: Sequence[Span], token_ends: Sequence[int]) -> tuple[list[Span], list[Span]]:
    """Turn steps in characters into steps in tokens.

    A boundary inside a token (".\\n" may be one token) moves to the end of that token. A step without
    a token of its own joins the step that has its last character. Tokens without text belong to the
    step after them, at the very end to the last one.

    Args:
        spans: contiguous character spans of the steps, from 0.
        token_ends: character offset where each token ends, in order.

    Returns:
        Token spans [start, end), contiguous over all tokens, and the character spans that they
        cover; two empty lists where there are no steps.

    Raises:
        ValueError: the last token does not end where the last step ends.
    """
    if not spans:
        return [], []
    if not token_ends or token_ends[-1] != spans[-1][1]:
        raise ValueError(f"steps end at character {spans[-1][1]}, tokens at {token_ends[-1] if token_ends else 0}")
    last_tokens = sorted({bisect_left(token_ends, end) for _, end in spans})
    characters = [0, *(token_ends[i] for i in last_tokens)]
    tokens = [0, *(i + 1 for i in last_tokens[:-1]), len(token_ends)]
    return list(pairwise(tokens)), list(pairwise(characters))
