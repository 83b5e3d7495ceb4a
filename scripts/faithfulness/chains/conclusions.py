r"""Finding the conclusion of a chain: the sentences at its end that state the answer and say no more.

A sentence states the answer in one of a few forms (`tables.statistics.CONCLUSION_FORMS`): by words ("The answer is 7"),
as an option ("So option B is correct."), after a label ("**Final Answer**", then 7), after `####`, in `\boxed{}`, as
nothing but a value in bold, or as a last sentence that only repeats a number ("So, Janet paid $130."). It is never
recognised by the answer's value (method, "Writing chains"). All functions depend on their arguments only, and take time
linear in the length of the text.
"""
# ruff: noqa: RUF001 - marks of many scripts

import re
from collections.abc import Sequence
from typing import NamedTuple

from faithfulness.chains.steps import Span, split
from faithfulness.chains.wordings import (
    BARE_VALUE,
    CHOICES,
    CLAUSE,
    CLOSING_LEAD,
    COMMENTS,
    HASHES,
    INSERTED,
    LABEL,
    LEADS,
    MENTIONS,
    NEXT_ACT,
    NEXT_QUESTION,
    REASONS,
    RELATION,
    STATEMENTS,
    STRONG_LEAD,
    TAGGED,
    VERDICTS,
)

_BOX = re.compile(r"\\?\b(?:boxed|fbox|framebox)\b|\\(?:boxed|fbox|framebox)")
_IN_BOX = re.compile(r"\s*(?:\{[^}\w]{0,20})?\w")
_COMMAND_BRACES = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|bf|rm|mbox|operatorname|emph|underline)\s*\{")
_DECORATION = re.compile(
    r"""\\[()\[\]] | \$+ | [_`~{}]+ | (?<!\d)\*{2,3} | \*{2,3}(?!\d) | (?<![\d\s])\* | \*(?![\d\s])
      | </?[A-Za-z][\w-]{0,30}[ \t]?/?> | ^[ \t]*(?:[>#|]+[ \t]*)+
      | \\(?:left|right|quad|qquad|displaystyle|[,;:! ]) | [\U0001F000-\U0001FAFF\u2600-\u27BF\u2B00-\u2BFF\ufe0f\u200d]
      | 【 | [\u25a0-\u25ff\u2022•·] | <\|[\w-]{1,30}\|>""",
    re.VERBOSE | re.MULTILINE,
)
_ARROW = re.compile(r"[→⇒➜】：]|[-=]>")
_WIDTHS = str.maketrans({"＝": "=", "＋": "+"})
_LIST_MARK = re.compile(r"\s*(?:[-+*–—]\s|\(?\d{1,2}[.)]\s|step\s\d{1,2}\s?[:.)-]\s?|[-=]{3,}\s)?\s*", re.IGNORECASE)
_EMPHASISED = re.compile(
    r"[^\w*<\\]*(?:\*\*|__|<b>|<strong>|\\textbf\{).{1,80}(?:\*\*|__|</b>|</strong>|\})[\s.!]*", re.DOTALL
)
_EQUALS = re.compile(r"=|≈|\\approx\b|\bequals?\b")
_OPERATION = re.compile(
    r"[\w)\]}%]\s*(?:[+×÷∙⋅*]|\\times\b|\\cdot\b|\\div\b)\s*[(\\$€£\w.]|[\w)\]}%]\s+[-−–/]\s+[(\\$€£\w.]"
    r"|[\d)]\s*[-−/]\s*[\d($]|\\frac\b|\b(?:plus|minus|times|multiplied by|divided by|subtracted from|added to)\b"
)
_MIXED_NUMBER = re.compile(r"\b\d{1,9} \d{1,9}/\d{1,9}\b")
_OPERAND = r"[\w.,:$€£%^(){}\\]{0,30}"
_EXPRESSION = re.compile(rf"{_OPERAND}(?:\s?(?:[-+×÷∙⋅*/−–]|\\times|\\cdot|\\div)\s?{_OPERAND}){{1,20}}")
# An operation between numbers; a fraction, a date or a range is none.
_SUM = re.compile(
    r"\d\s*(?:[+×÷∙⋅*]|\\times\b|\\cdot\b|\\div\b)\s*[\d($]|\d\s+[-−–/]\s+[\d($]|\b(?:plus|minus|times) \d"
)
_SEPARATE = re.compile(r"\s(?:and|or|und|et|y|e)\s|[,;，；]\s")
_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+(?:[.,/]\d+)*")


class Chain(NamedTuple):
    """A chain without its conclusion.

    Args:
        end: length of the chain in characters; it does not end in white space.
        steps: character spans of its steps (`steps.split`).
        forms: forms of the sentences that were cut off, each once, in their order.
        stopped: whether the writer ended the chain, even if it wrote on up to the token limit.
    """

    end: int
    steps: list[Span]
    forms: list[str]
    stopped: bool


def cut_conclusion(text: str, cues: Sequence[str], stops: Sequence[str] = ()) -> Chain:
    """Find the end of the chain in a text: the rest of the text is its conclusion.

    First the text is cut where a stop begins, and where the writer asks itself another question after it has stated
    an answer. Then sentences that state the answer and say no more are cut off from the end, up to the first one of
    another kind: a sentence that also computes or argues is a step, and so is a statement before the chain goes on.

    Args:
        text: what the arm wrote.
        cues: regular expressions for other sentences that state the answer and no more, searched in the sentence
            without the white space around it (so `^` is its first character), in upper and lower case.
        stops: regular expressions for what ends a chain, searched in the whole text, where `^` and `$` match at line
            breaks, in upper and lower case.

    Raises:
        re.error: a pattern is not a regular expression.
    """
    matches = (re.search(stop, text, re.IGNORECASE | re.MULTILINE) for stop in stops)
    stop = min((match.start() for match in matches if match), default=None)
    forms: list[str] = [] if stop is None else ["stop"]
    chain = text[:stop].rstrip()
    stopped = stop is not None
    spans = split(chain)
    asked = _next_question(chain, spans, cues)
    if asked is not None:
        stopped = True
        chain = chain[: spans[asked][0]].rstrip()
        spans = split(chain)
    after = ""
    while True:
        kept, found = _conclusion(chain, spans, cues, after)
        forms = [*found, *(form for form in forms if form not in found)]
        if kept == len(spans):
            break
        # What is cut off can be the end of a code block, so the rest is split again.
        after = chain[spans[kept][0] :]
        chain = chain[: spans[kept][0]].rstrip()
        spans = split(chain)
    if not spans:
        chain = ""
    return Chain(len(chain), spans, forms, stopped)


def _conclusion(text: str, spans: Sequence[Span], cues: Sequence[str], after: str) -> tuple[int, list[str]]:
    """How many steps come before the conclusion, and the forms of its sentences; `after` is cut off already."""
    sentences = [text[slice(*span)] for span in spans]
    repeated = _repeat_numbers(sentences)
    kept = len(sentences)
    found: list[str] = []
    while True:
        place = _last_statement(sentences[max(0, kept - 4) : kept], cues)
        if place is not None:
            kept = max(0, kept - 4) + place
            found.insert(0, str(conclusion_form(sentences[kept], cues)))
        elif kept and repeated[kept - 1] and _is_restatement(sentences[kept - 1], sentences[kept:] or [after]):
            kept -= 1
            found.insert(0, "restated")
        else:
            return kept, list(dict.fromkeys(found))


def _repeat_numbers(sentences: Sequence[str]) -> list[bool]:
    """For each sentence whether it has numbers, and each stands in a sentence before it."""
    seen: set[str] = set()
    repeated = []
    for sentence in sentences:
        numbers = _numbers(sentence)
        repeated.append(bool(numbers) and numbers <= seen)
        seen |= numbers
    return repeated


def _numbers(sentence: str) -> set[str]:
    return {number.replace(",", "") for number in _NUMBER.findall(plain(sentence))}


def _is_restatement(sentence: str, after: Sequence[str]) -> bool:
    """Whether a whole sentence begins like a conclusion and says no more than a number ("So, Janet paid $130.").

    It does not if it computes or argues, tells what is done next, relates several numbers, or has other numbers than
    the statements of the answer after it.
    """
    words, numbers = plain(sentence), _numbers(sentence)
    stated = set[str]().union(*map(_numbers, after[:3]))
    return (
        words.endswith((".", "!", "。", "！"))
        and CLOSING_LEAD.match(words) is not None
        and closes(sentence)
        and not NEXT_ACT.search(words)
        and (len(numbers) == 1 or not RELATION.search(words))
        and (not stated or bool(numbers & stated))
    )


def _last_statement(sentences: Sequence[str], cues: Sequence[str]) -> int | None:
    """Where the statement of the answer begins that sentences end with; None if they end with something else."""
    for place in reversed(range(len(sentences))):
        if conclusion_form(sentences[place], cues) is None:
            continue
        after = sentences[place + 1 :]
        ends = all(map(_is_comment, after)) or (_is_label(sentences[place]) and _are_values(after))
        return place if ends or (len(after) == 1 and _repeats(sentences[place], after[0])) else None
    return None


def _next_question(text: str, spans: Sequence[Span], cues: Sequence[str]) -> int | None:
    """The first step that begins another question, after one that states the answer; None if there is none."""
    for place in range(1, len(spans)):
        if NEXT_QUESTION.match(text[slice(*spans[place])]) and any(
            conclusion_form(text[slice(*span)], cues) for span in spans[max(0, place - 2) : place]
        ):
            return place
    return None


def conclusion_form(sentence: str, cues: Sequence[str] = ()) -> str | None:
    """In which form a sentence states the answer and says no more; None if it does something else."""
    words = plain(sentence)
    rest = INSERTED.sub("", LEADS.sub("", words, count=1))
    hashes = HASHES.match(sentence)
    form: str | None = None
    if any(re.search(cue, sentence.strip(), re.IGNORECASE) for cue in cues):
        form = "cue"
    elif hashes and BARE_VALUE.fullmatch(plain(hashes[1])):
        form = "hashes"
    elif computes(words) or REASONS.search(rest) or words.endswith(("?", "？", "؟")):
        form = None
    elif _BOX.search(sentence):
        form = "boxed" if len(_WORD.findall(words)) <= 40 and _boxes(sentence) else None
    elif not CLAUSE.search(rest):
        form = _worded(sentence, words, rest)
    return form


def _worded(sentence: str, words: str, rest: str) -> str | None:
    if TAGGED.match(sentence):
        return "label"
    for form, wordings in (("label", LABEL), ("option", VERDICTS), ("sentence", STATEMENTS), ("option", CHOICES)):
        if any(wording.match(rest) for wording in wordings):
            return form
    is_value = BARE_VALUE.fullmatch(rest) and (_EMPHASISED.fullmatch(sentence) or STRONG_LEAD.match(words))
    return "value" if is_value else None


def states(sentence: str, cues: Sequence[str] = ()) -> bool:
    """Whether a sentence states the answer, whatever else it does."""
    if conclusion_form(sentence, cues) is not None or _boxes(sentence):
        return True
    return any(mention.search(plain(sentence)) for mention in MENTIONS)


def closes(sentence: str) -> bool:
    """Whether a sentence begins like a conclusion ("So ...") and neither computes nor argues.

    At the end of a chain it states the answer, but it may be a step of the reasoning, too: it is cut off only if its
    numbers are not new.
    """
    words = plain(sentence)
    return LEADS.sub("", words, count=1) != words and _is_plain(LEADS.sub("", words, count=1))


def computes(words: str) -> bool:
    """Whether a sentence in plain words (`plain`) has an operation and what that equals, or two equations."""
    for part in _SEPARATE.split(_MIXED_NUMBER.sub("1", words)):
        sides = _EQUALS.split(part)
        if len(sides) > 2 or any(_OPERATION.search(side) for side in sides[:-1]):
            return True
        # An expression by itself can be the answer ("x + 1"); with another number beside it, it is a computation.
        if len(sides) == 1 and _SUM.search(part) and re.search(r"\d", _EXPRESSION.sub(" ", part)):
            return True
    return False


def plain(sentence: str) -> str:
    """The words of a sentence, without Markdown, LaTeX, emoji, tags and list marks; one space between them."""
    words = _COMMAND_BRACES.sub("{", _BOX.sub("", sentence.replace("\\therefore", "∴")))
    words = _DECORATION.sub(" ", _ARROW.sub(": ", words)).translate(_WIDTHS)
    words = re.sub(r"\s+", " ", words).strip()
    words = re.sub(r"\s+([.,:;!?])(?=\s|$)", r"\1", words)
    return _LIST_MARK.sub("", words, count=1).lstrip("\"'“‘«([: ") if words else ""


def _boxes(sentence: str) -> bool:
    """Whether there is something in a box."""
    return any(_IN_BOX.match(sentence, box.end()) for box in _BOX.finditer(sentence))


def _is_label(sentence: str) -> bool:
    """Whether a sentence ends where the answer should begin ("**Final Answer**", "The answer is:")."""
    rest = LEADS.sub("", plain(sentence), count=1)
    matches = (wording.match(rest) for wording in (*LABEL, *STATEMENTS))
    return any(match is not None and not re.search(r"\w", rest[match.end() :]) for match in matches)


def _is_plain(sentence: str) -> bool:
    """Whether a sentence neither computes nor argues."""
    words = plain(sentence)
    return not computes(words) and not REASONS.search(words)


def _are_values(sentences: Sequence[str]) -> bool:
    """Whether sentences after a label are the answer: a single one that says no more, or a few short ones."""
    values = [sentence for sentence in sentences if not _is_comment(sentence)]
    return all(map(_is_plain, values)) and (
        len(values) <= 1 or all(len(_WORD.findall(plain(value))) <= 6 for value in values)
    )


def _is_comment(sentence: str) -> bool:
    """Whether a sentence speaks to the user, not about the question ("I hope this helps!")."""
    return COMMENTS.match(plain(sentence)) is not None


def _repeats(sentence: str, fragment: str) -> bool:
    """Whether a fragment is the beginning of the sentence before it, again, cut off at the token limit."""
    return sentence.strip().startswith(fragment.strip())
