"""Splitting a chain into steps, and cutting off its conclusion (method, sections 2 and 3).

Steps are sentences: Punkt rules (Kiss and Strunk 2006; Lanham et al. 2023 used them too) by
nupunkt, with line breaks as hard boundaries. All functions depend on their arguments only.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import cache
from itertools import pairwise

from nupunkt import PunktSentenceTokenizer
from nupunkt.models import load_default_model

Span = tuple[int, int]

LINE = re.compile(r"[^\r\n]+")
WORD_CHARACTER = re.compile(r"\w")
LIST_MARKER = re.compile(r"\s*\(?(\d{1,2}|[A-Za-z])[.)]\s*")
# Punkt takes every single letter for an initial, but only a capital is one ("ends in n. The next").
LOWER_CASE_LETTER = re.compile(r"(?<=\s)[a-z]\.(?=\s+[A-Z])")
# Punkt lets a capital after most abbreviations start a sentence; these never end one.
NEVER_LAST = re.compile(r"(?<![\w.])([Ee]\.g|[Ii]\.e|[Vv]s|[Cc]f|viz|[Aa]pprox|St|Mt|Lt)\.$")


def split(text: str) -> list[Span]:
    """Split a text into sentences.

    Line breaks end a sentence; decimal points, abbreviations, initials and list markers do not.
    Whitespace belongs to the sentence after it, at the very end to the last one. A list marker
    ("1.") belongs to the sentence after it. A span without any word character joins the sentence
    before it, and the first such span the sentence after it.

    Returns:
        Character spans [start, end): contiguous, from 0 to len(text). An empty list for a text
        without any word character.
    """
    spans: list[Span] = []
    start = 0
    for end in _sentence_ends(text):
        piece = text[start:end]
        if not WORD_CHARACTER.search(piece):
            if spans:
                spans[-1] = (spans[-1][0], end)
                start = end
        elif not LIST_MARKER.fullmatch(piece):
            spans.append((start, end))
            start = end
    if spans:
        return [*spans[:-1], (spans[-1][0], len(text))]
    return [(0, len(text))] if WORD_CHARACTER.search(text) else []


def _sentence_ends(text: str) -> list[int]:
    ends: list[int] = []
    for line in LINE.finditer(text):
        words = line[0].rstrip()
        in_line = {end for _, end in _punkt().spans(words) if not NEVER_LAST.search(words[:end])}
        in_line |= {letter.end() for letter in LOWER_CASE_LETTER.finditer(words)}
        ends += sorted(line.start() + end for end in in_line | {len(words)})
    return ends


@cache
def _punkt() -> PunktSentenceTokenizer:
    # A separate instance: nupunkt.load() returns a shared one that any other code could change.
    return load_default_model()


def cut_conclusion(text: str, cues: Sequence[str], stops: Sequence[str] = ()) -> tuple[int, list[Span], bool]:
    """Find the end of the chain in a text, and its sentences: the rest of the text is its conclusion.

    First the text is cut where a stop begins: "Answer: yes" on a line of its own ends the chain, whatever the model
    writes after it. Then trailing sentences that match a cue are cut, one after the other, up to the first one that
    matches none. A sentence is never cut for containing the answer's value.

    Args:
        text: what the arm wrote.
        cues: regular expressions for a concluding sentence, searched in the sentence without the whitespace around it
            (so `^` is its first character), in upper and lower case.
        stops: regular expressions for what ends a chain, searched in the whole text, where `^` and `$` match at line
            breaks, in upper and lower case.

    Returns:
        Length of the chain, which does not end in whitespace; the character spans of its sentences (see `split`);
        whether a stop ended it.

    Raises:
        re.error: a pattern is not a regular expression.
    """
    matches = (re.search(stop, text, re.IGNORECASE | re.MULTILINE) for stop in stops)
    stop = min((match.start() for match in matches if match), default=None)
    chain = text[:stop].rstrip()
    sentences = split(chain)
    kept = len(sentences)
    while kept and _concludes(chain[slice(*sentences[kept - 1])], cues):
        kept -= 1
    end = len(chain) if kept == len(sentences) else sentences[kept][0]
    return end, sentences[:kept], stop is not None


def _concludes(sentence: str, cues: Sequence[str]) -> bool:
    return any(re.search(cue, sentence.strip(), re.IGNORECASE) for cue in cues)


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
