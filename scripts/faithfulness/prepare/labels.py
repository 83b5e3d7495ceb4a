"""Labels of options, as `A.` in `A. bank`: which texts carry them, and which option an answer names by one."""

import re
import string
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

ROMAN = "I II III IV V VI VII VIII IX X XI XII".split()
# What options are labelled with, in order; a text that begins with one of these by chance has no such neighbours.
SEQUENCES: tuple[list[str], ...] = (
    list(string.ascii_uppercase),
    list(string.ascii_lowercase),
    [str(number) for number in range(1, 27)],
    [str(number) for number in range(26)],
    ROMAN,
    [numeral.lower() for numeral in ROMAN],
    *(
        list(letters)
        for letters in (
            *("①②③④⑤⑥⑦⑧⑨⑩", "ⅠⅡⅢⅣⅤⅥⅦⅧⅨⅩ", "ⅰⅱⅲⅳⅴⅵⅶⅷⅸⅹ"),
            *("ＡＢＣＤＥＦＧＨＩＪ", "１２３４５６７８９", "ΑΒΓΔΕΖΗΘ", "αβγδεζηθ", "АБВГДЕЖЗ", "абвгдежз"),  # noqa: RUF001
            *(
                "甲乙丙丁戊己庚辛",
                "一二三四五六七八九",
                "アイウエオカキク",
                "가나다라마바사아",
                "ㄱㄴㄷㄹㅁㅂㅅㅇ",
                "אבגדהוזח",
                "أبجدهوزح",
            ),
        )
    ),
)
MARK = re.compile(
    r"(?:[-*•] +)?((?:\*\*)?[(\[（【]?) ?([①-⑳Ⅰ-ⅿ]|\w{1,4})"  # noqa: RUF001
    r"((?: ?[)\]）】])?[.:．：、。]?(?:\*\*[.:)]?)?)(\s*)(.*)",  # noqa: RUF001
    re.DOTALL,
)
BARE = re.compile(r"([A-Z])([ \t]+(?:[-\u2013\u2014|=][ \t]+)?)(\S.*)", re.DOTALL)
ENCLOSED = re.compile(r"[①-⑳Ⅰ-ⅿ]")  # need no sign behind them
AROUND_LABELS = " ()[]（）【】{}.:,;、．：。*\"'"  # noqa: RUF001
# Left out where texts are compared without it: what quotes a text or ends a sentence. Other signs have a meaning.
QUOTES, ENDS = " \n\t\"'“”‘’«»", ".,;:!?…。"  # noqa: RUF001


class Refusal(ValueError):
    """A row cannot be used.

    Args:
        kind: why, in words that are the same for all rows of the kind.
        detail: what is the case in this row.
        reason: all of it in one sentence; default: the kind and the detail.
    """

    def __init__(self, kind: str, detail: str = "", reason: str = "") -> None:
        super().__init__(reason or (f"{kind}: {detail}" if detail else kind))
        self.kind = kind


@dataclass(frozen=True)
class Options:
    """Texts of the options in their order, and their labels.

    Args:
        texts: without labels.
        labels: by which an answer may name them; none where it would be uncertain which.
        own: whether the row states the labels, so that they are not just those of the places.
    """

    texts: list[str]
    labels: list[str]
    own: bool = False


@dataclass(frozen=True)
class Mark:
    """How a text begins that may carry a label: `form` is the brackets and the sign around it."""

    label: str
    form: tuple[str, str]
    text: str


def mark_of(text: str) -> Mark | None:
    """The label-like beginning of a text."""
    match = MARK.fullmatch(text.strip())
    if match is None:
        return None
    opening, label, sign, space, rest = match.groups()
    sign = sign.strip()
    if not rest or (not sign.strip("*") and not ENCLOSED.fullmatch(label)):
        return None
    # `1.5`, `10:30` and `1: 2` are numbers.
    if label.isdecimal() and (sign in {":", "："} or (sign == "." and not space)):  # noqa: RUF001
        return None
    return Mark(label, (opening, sign), rest)


def labelled(texts: Sequence[str]) -> Options:
    """Options from their texts: their labels are taken off where all carry labels of one form, in order.

    Labels in another order or with gaps stay, and no answer is read as a label: it could mean the place.

    Raises:
        Refusal: the labels are in order, but do not begin with the first (three options or more).
    """
    marks = [mark_of(text) for text in texts]
    plain = Options(list(texts), list(string.ascii_uppercase[: len(texts)]))
    if len(texts) < 2 or None in marks or len({mark.form for mark in marks if mark}) > 1:
        return _without_sign(texts) or plain
    labels = [mark.label for mark in marks if mark]
    for sequence in SEQUENCES:
        first = sequence[: len(labels)]
        if labels == first:
            return Options([mark.text for mark in marks if mark], labels, own=True)
        places = [sequence.index(label) for label in labels if label in sequence]
        in_another_order = len(places) == len(labels) == len(set(places)) and max(places) < len(labels)
        with_gaps = len(places) == len(labels) and places[0] == 0 and places == sorted(set(places))
        if in_another_order or with_gaps:
            return Options(list(texts), [])
        if len(labels) > 2 and labels[0] in sequence:
            start = sequence.index(labels[0])
            if labels == sequence[start : start + len(labels)]:
                raise Refusal("the labels of the options do not begin with the first", ", ".join(labels))
    return plain


def _without_sign(texts: Sequence[str]) -> Options | None:
    """Options that begin with A, B, C ... and no sign but a space, a dash or a bar; None where that may be chance."""
    found = [BARE.fullmatch(text.strip()) for text in texts]
    labels = [match[1] for match in found if match]
    rests = [match[3] for match in found if match]
    alike = len({match[2] for match in found if match}) == 1
    if len(texts) < 3 or not alike or labels != SEQUENCES[0][: len(texts)] or len(set(rests)) < len(rests):
        return None
    return Options(rests, labels, own=True)


def from_lines(text: str) -> Options:
    """Options from lines such as `A. bank`; a line without a label continues the option before.

    Raises:
        Refusal: text stands before the first label, or labels are missing.
    """
    lines = [line.strip() for line in re.split(r"\r?\n", text) if line.strip(QUOTES)]
    marks = [mark_of(line) for line in lines]
    places: dict[str, int] = {}  # of the first line with each label
    for place, mark in enumerate(marks):
        if mark:
            places.setdefault(mark.label, place)
    starts = sorted((places[sequence[0]], sequence) for sequence in SEQUENCES if sequence[0] in places)
    for start, sequence in starts:
        if len(texts := _in_order(lines[start:], marks[start:], sequence)) > 1:
            before = " ".join(lines[:start])
            if re.search(r"\w", before) and not before.endswith((":", "：")):  # noqa: RUF001
                raise Refusal("text stands before the first label of the options", before[:60])
            return Options(texts, sequence[: len(texts)], own=True)
    return labelled(lines)


def _in_order(lines: Sequence[str], marks: Sequence[Mark | None], sequence: Sequence[str]) -> list[str]:
    """Texts of the options whose labels follow the sequence, the first line's being its first."""
    form = marks[0].form if marks[0] else None
    options: list[list[str]] = []
    for line, mark in zip(lines, marks, strict=True):
        if not mark or mark.form != form or mark.label not in sequence:
            options[-1].append(line)
        elif [mark.label] == sequence[len(options) : len(options) + 1]:
            options.append([mark.text])
        elif len(options) > 1 and abs(sequence.index(mark.label) - len(options)) < 3:  # farther away, it is a text
            raise Refusal("the labels of the options are not in order", f"{mark.label!r} comes after {len(options)}")
        else:
            options[-1].append(line)
    return ["\n".join(option).strip() for option in options]


def place_of_label(answer: str, options: Options) -> int | None:
    """Which option an answer names that is only a label, as `B`, `b`, `(B)` or `B.`; None where it is none."""
    bare = answer.strip(AROUND_LABELS)
    for form in (str, folded):
        for text in (answer, bare):
            places = [place for place, label in enumerate(options.labels) if form(label) == form(text)]
            if len(places) == 1:
                return places[0]
    return None


def place_of_text(answer: str, options: Options) -> int | None:
    """Which option an answer names by its text, or by its label and its text, as `B. bank`; None where it is none.

    Texts are compared exactly, then by what is left of them without case and form, without quotes and ends of
    sentences, and as numbers; only as far as the options stay different.
    """
    place = _same(answer, options.texts)
    if place is not None or (mark := mark_of(answer)) is None:
        return place
    label = place_of_label(mark.label, options)
    return label if label is not None and _same(mark.text, options.texts) == label else None


def _same(answer: str, texts: Sequence[str]) -> int | None:
    for form in (str, folded, _without_ends, _as_number):
        wanted = form(answer)
        places = [place for place, text in enumerate(texts) if form(text) == wanted] if wanted else []
        if places:
            return places[0] if len(places) == 1 else None
    return None


def folded(text: str) -> str:
    """A text without case, and with one form for signs that look the same."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _without_ends(text: str) -> str:
    return folded(text).strip(QUOTES).rstrip(ENDS).strip(QUOTES)


def _as_number(text: str) -> str:
    """`1` of `1.0` and `1.00`; '' of what is no plain number."""
    match = re.fullmatch(r"(-?\d+)(\.\d+)?", text, re.ASCII)
    return "" if match is None else match[1] + (match[2] or "").rstrip("0").rstrip(".")
