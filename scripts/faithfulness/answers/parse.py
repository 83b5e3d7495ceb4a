"""What a reply answers, and whether that is the gold answer."""

# ruff: noqa: RUF001 (signs that look alike are what these expressions are about)
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache

from faithfulness.answers.plain import canonical_text, folded, plain_text, without_marks, words
from faithfulness.answers.quantities import Quantity, as_said_of, quantities, stated, whole
from faithfulness.tables.fields import Row

# What introduces an answer in a reply.
CUE = re.compile(
    r"(?:\b(?:answer|option|choice|solution|result|respuesta|réponse|antwort|lösung|risposta|resposta|ответ)\b"
    r"[^.:：\n]{0,40}?(?:\s(?:is|are|was|be|es|est|ist|lautet|è|é)\b|:|：|=)"
    r"|(?:答案|答え|正解|答)(?:应该|應該)?(?:是|为|為|は|：|:)|(?:정답|답)(?:은|:)|^(?:it|that|this)(?: is|'s)\b)"
    r"[\s:：]*(?:[*_]+(?=\s))?(?!\s*not\b)",
    re.IGNORECASE,
)
BOXED = re.compile(r"\\boxed\s*\{((?:[^{}]++|\{(?:[^{}]++|\{(?:[^{}]++|\{[^{}]*+\})*+\})*+\})*+)\}")
SENTENCE = re.compile(  # where a first sentence, or an answer before its reasons, ends
    r"(?<=[^\W\d]{3})(?<!\bMrs)(?<!\bProf)\.\s+(?=[A-Z])|[!?]\s+(?=\S)|[。！？](?=.)"
    r"|[,;]?\s+because\b|[,;，；]\s*(?:because\b|since\b|as\b|因为|因為|weil\b|porque\b|car\b|потому\b)"
)
# What may follow an option where a reply goes on: nothing, a space, punctuation of a sentence.
GOES_ON = re.compile(r"(?:的|です|だ|입니다)?(?:$|\s|[;!?…)\]\"”»]|[.,:'’—–](?!\d)|[，。；：！？、）」،؛؟۔।☀-➿🀀-🫿])")
OR = re.compile(r"[\s,]*(?:or|and|oder|und|ou|et|y|o|и|или|或者?|和|および|か)\s*", re.IGNORECASE)
# The letter of an option by itself, or before its text or a reason; "A rock" and "A or B" have none.
LABEL = re.compile(
    r"(?:(?:the )?(?:option|choice|answer|letter)\s)?[(\[]?([a-z])"
    r"(?:[)\].:,;]{1,3}(?=\s|$)|$|(?=\s(?:because|since)\b))(?!\s*(?:or|and|[a-z])(?:$|\W))",
    re.IGNORECASE,
)
HEADING = re.compile(r"(?:the )?(?:final |correct |short )?(?:answer|solution|result|conclusion)s?", re.IGNORECASE)
DISPLAY = re.compile(r"[`~]{3,}[\w+-]*|\\(?:begin|end)\s*\{[^{}]*\}(?:\{[^{}]*\})?")
EMPTY = re.compile(r"[\s\\$\[\]{}*_#`~|>-]*")

Reading = tuple[str | None, str | None]


def parse_answer(text: str, item: Row) -> Reading:
    r"""The answer that a continuation states in its first line with content, and as it is written there.

    With options: the one that the line names or begins with. Open questions: the stated quantity where the gold answer
    is one, else the line as text. What stands in `\boxed{}` or behind a cue such as "The answer is" comes first.

    Args:
        text: what a reader wrote after the cue.
        item: with `options` (None for open questions), `answer`, and perhaps `answers` (several right ones) and
            `letters`.

    Returns:
        The answer (an option; or the one text of all equal answers, so that these are equal strings), and the part of
        `text` that states it. None and None where there is none.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return None, None
    parts = list(_statements(next(filter(_content, lines), lines[0])))
    if item["options"]:
        option = _option(parts, item)
        return option, option
    golds = _golds(item)
    readings = [reading for gold in golds for reading in _open(parts, gold)]
    right = (reading for reading in readings if any(reading[0] == _canonical(gold, gold) for gold in golds))
    return next(right, readings[0] if readings else (None, None))


def is_correct(answer: str | None, item: Row) -> bool:
    """Whether an answer is the gold one, or one of several: an option exactly, a quantity by value, others as text."""
    if answer is None:
        return False
    if item["options"]:
        return bool(answer == item["answer"])
    return any(same_answer(answer, gold) for gold in _golds(item))


def same_answer(answer: str, gold: str) -> bool:
    """Whether two answers to an open question are the same; it does not matter which of them is the gold one."""
    found = _canonical(answer, gold)
    return bool(found) and found == _canonical(gold, gold)


def canonical(gold: str) -> str:
    """The text that `parse_answer` gives for a right answer to an open question."""
    return _canonical(gold, gold)


def _golds(item: Row) -> list[str]:
    several = item.get("answers")
    return [item["answer"]] if several is None or not len(several) else list(several)


def _canonical(answer: str, gold: str) -> str:
    quantity, of = whole(answer), whole(gold)
    return canonical_text(answer) if quantity is None or of is None else str(as_said_of(quantity, of))


def _content(line: str) -> bool:
    """Whether a line is more than marks, a cue or the beginning of a display."""
    if DISPLAY.fullmatch(line):
        return False
    line = without_marks(line)
    cue = CUE.match(line) or HEADING.fullmatch(line)
    return not EMPTY.fullmatch(line[cue.end() :] if cue else line)


def _statements(line: str) -> Iterator[str]:
    """The parts of a line that may be its answer, the likeliest first: in a box, after a cue, the whole line."""
    if boxes := BOXED.findall(line):
        yield boxes[-1].strip()
    for cue in list(CUE.finditer(line))[-1:]:
        rest = line[cue.end() :].strip()
        marks = len(rest) - len(rest.rstrip("*"))
        rest = rest[:-marks] if marks and rest.count("*") == marks else rest  # **Answer: 7**
        if rest:
            yield rest
    yield line


def _open(parts: Sequence[str], gold: str) -> Iterator[Reading]:
    """The readings of an open answer, the likeliest first."""
    of = whole(gold)
    for part in parts:
        if of is None:
            sentences = SENTENCE.split(part, maxsplit=1)
            for text in dict.fromkeys((sentences[0], part)):
                if (found := canonical_text(text)) and (re.search(r"\w", found) or found == canonical_text(gold)):
                    yield found, text
        elif (quantity := stated(part)) is not None:
            yield str(as_said_of(quantity, of)), _written(part, quantity)
            return


def _written(part: str, quantity: Quantity) -> str:
    """The fewest words of a statement that are its quantity; of several the last: results come last.

    Signs of equality and tags are between words: of `570/30=19 hours` it is `19`.
    """
    pieces = re.split(r"(?:[\s=]|</?[a-z]+>)+", part)[:100]
    for length in range(1, 7):
        for start in reversed(range(len(pieces) - length + 1)):
            text = " ".join(pieces[start : start + length]).rstrip(".,;:!?")
            if re.search(r"\d", text) and (found := whole(text)) is not None and found.value == quantity.value:
                return text
    return part


Form = Callable[[str], str]


def _option(parts: Sequence[str], item: Row) -> str | None:
    """The option that a reply is in the strictest form, else the one of its value, else the one that it begins with."""
    options: list[str] = item["options"]
    forms = _telling_forms(tuple(options))
    for part in (parts[-1], *parts[:-1]):
        for form, texts in forms:
            if option := texts.get(form(part)):
                return option
    values = _values(tuple(options))
    quantity = next((quantity for part in parts if (quantity := stated(part)) is not None), None) if values else None
    if quantity is not None:
        same = [option for option, value in values.items() if as_said_of(quantity, value) == value]
        return same[0] if len(same) == 1 else None
    for part in parts:
        if begun := [option for form, texts in forms if (option := _begun(form(part), texts))]:
            return max(begun, key=len)
    return _labelled(parts, item)


@lru_cache(maxsize=1024)
def _telling_forms(options: tuple[str, ...]) -> list[tuple[Form, dict[str, str]]]:
    """The forms that tell all options apart, the strictest first, each with the options by their texts in it."""
    forms = [(form, {form(option): option for option in options}) for form in FORMS]
    return [(form, texts) for form, texts in forms if len(texts) == len(options) and all(texts)]


@lru_cache(maxsize=1024)
def _values(options: tuple[str, ...]) -> dict[str, Quantity]:
    """The quantities that the options are; empty unless all are."""
    values = {option: quantity for option in options if (quantity := whole(option)) is not None}
    return values if len(values) == len(options) else {}


def _unmarked(text: str) -> str:
    return folded(without_marks(text))


FORMS: tuple[Form, ...] = (str.strip, folded, _unmarked, canonical_text, words)


def _begun(text: str, options: Mapping[str, str]) -> str | None:
    """The longest option, of options by their texts, that a text begins with; None if "or" and another one follow."""
    begun = [start for start in options if text.startswith(start) and GOES_ON.match(text, len(start))]
    if not begun:
        return None
    start = max(begun, key=len)
    joined = OR.match(text, len(start))
    others = tuple(folded(other) for other in options if other != start)
    return None if joined and folded(text[joined.end() :]).startswith(others) else options[start]


def _labelled(parts: Sequence[str], item: Row) -> str | None:
    """The option whose letter a reply gives, where the options were shown with letters."""
    labels = [LABEL.match(plain_text(without_marks(part)).strip()) for part in parts] if item.get("letters") else []
    places = [ord(label[1].upper()) - ord("A") for label in labels if label]
    return next((item["options"][place] for place in places if place < len(item["options"])), None)


def states(text: str, answer: str) -> bool:
    """Whether a text contains an answer as words or a number of its own."""
    if (gold := whole(answer)) is not None:
        return any(as_said_of(quantity, gold) == gold for quantity in quantities(text))
    return re.search(rf"(?<!\w){re.escape(canonical_text(answer))}(?!\w)", canonical_text(text)) is not None
