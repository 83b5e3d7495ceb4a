r"""The arithmetic in a chain: its numbers, where they stand, and the equations that they form.

Read are equations as models write them: `48/2 = 24`, `\frac{48}{2} = 24`, `3 \times \$5 = \$15`, `4 boxes x 3 pens = 12
pens`, `20% of 50 is 10`, `12 + 5 * 3 = 12 + 15 = 27`, `5 plus 7 equals 12`. An equation whose sides are not equal is no
equation here: it was misread or is wrong.
"""

# ruff: noqa: RUF001 - signs of many forms

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from faithfulness.perturb.claims import LISTED, REFERENCE
from faithfulness.perturb.expressions import Equation, Number, Operation, holds
from faithfulness.perturb.wording import NUMBER_WORDS, parts

LONGEST = 15  # digits of a number
DEEPEST = 8  # brackets within brackets
UNIT_WORDS = 8  # between a number and a sign

# What a text consists of, as far as equations go.
TOKEN = re.compile(
    r"(?P<unit>\\(?:text|textbf|textit|mathrm|mathbf|operatorname)\s?\{[^{}\d]*\})"
    r"|(?P<frac>\\[dt]?frac\b)"
    r"|(?P<sign>\\times\b|\\cdot\b|\\div\b|\\ast\b|[+×÷·∙∗/−–*-](?!\*)|(?<=\d)[xX](?=\s?[\d$(]))"
    r"|(?P<percent>\\?%|percent\b)"
    r"|(?P<currency>\\?[$€£](?!\$))"
    r"|(?P<space>\\[()\[\],;!: ]|\\(?:left|right|quad|qquad|displaystyle|text|textbf|mathbf)\b|\$\$|\*\*|&|~|\s+)"
    r"|(?P<open>\\boxed\s?\{|[({\[])|(?P<close>[)}\]])"
    r"|(?P<number>(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|(?<![\d.])\.\d+)"
    r"|(?P<equals>(?<![<>!:=])=(?!=))"
    r"|(?P<word>[^\W\d_]+(?:['’][^\W\d_]+)*)"
    r"|(?P<other>.)",
    re.S,
)
SIGNS = {
    **dict.fromkeys(("+", "plus"), "+"),
    **dict.fromkeys(("-", "−", "–", "minus"), "-"),
    **dict.fromkeys(("*", "×", "·", "∙", "∗", "x", "X", "times", "of", "\\times", "\\cdot", "\\ast"), "*"),
    **dict.fromkeys(("/", "÷", "\\div"), "/"),
}
EQUAL_WORDS = frozenset("equals is are gives makes leaves".split())  # between an expression and its result
CLAUSE_WORDS = frozenset(
    "and or so then because since but while if when therefore thus hence which that to is are was were equals gives "
    "makes leaves plus minus times".split()
)
# Letters in place of numbers.
ALGEBRA = re.compile(
    r"(?<![\w.,$])\d[\d,.]*(?:[a-zA-Z](?![\w])(?<!\d[gmlLkKhsx%])(?<!\d[Cc])|x(?=\s?[-+=/)]))"
    r"|(?<![\w'\\])(?![aAIxX]\b)[a-zA-Z]\s?[-+*/×]\s?\$?(?=[\d(]|[a-zA-Z]\b)"
    r"|\d\s?[-+*×]\s?(?![aAxX]\b)[a-zA-Z]\b(?!['\w])|\\\(\s?[a-zA-Z]\s?\\\)|\^|√|\\sqrt"
)
# Numbers that are no amounts: list marks in running text, references, clock times, ratios, ordinals, names (Q3, CO2).
NO_AMOUNT = re.compile(
    rf"(?i:\b(?:{REFERENCE}) (?:no\. ?|\#|\()?{LISTED}(?! \w+s\b))|\d+ ?: ?\d+|\d+(?:st|nd|rd|th)\b|[A-Za-z_]\d+"
    r"|\d+\.\d+\.\d+|\(\d\)(?= [a-z])|\d{1,2}/\d{1,2}/\d{2,4}"
)
WORDS = re.compile(rf"(?<![\w-])(?:{'|'.join(NUMBER_WORDS)})(?![\w])", re.I)


@dataclass(frozen=True)
class Arithmetic:
    """What a chain computes.

    Attributes:
        numbers: all of them, in their order.
        equations: those that hold, in their order.
        wrong: what looks like an equation and does not hold.
        unread: places of numbers beside an equals sign that is part of no equation here.
        algebra: whether letters stand for numbers.
    """

    numbers: tuple[Number, ...]
    equations: tuple[Equation, ...]
    wrong: tuple[Equation, ...]
    unread: frozenset[int]
    algebra: bool


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int
    place: int = -1  # of a number, among the numbers of the chain


def read(steps: Sequence[str]) -> Arithmetic:
    """The arithmetic of a chain's steps; an equation is within one step."""
    numbers: list[Number] = []
    equations: list[Equation] = []
    wrong: list[Equation] = []
    unread: set[int] = set()
    for place, step in enumerate(steps):
        tokens = _tokens(step, place, numbers)
        chains = _Reader(tokens, numbers).chains()
        unread.update(_beside_equals(tokens, [(start, end) for _, start, end in chains]))
        for sides, _, _ in chains:
            operations = tuple(side for side in sides if isinstance(side, Operation))
            results = tuple(side for side in sides if isinstance(side, int))
            equation = Equation(operations, results)
            true = holds(equation, [number.value for number in numbers], numbers)
            (equations if true else wrong).append(equation)
    algebra = any(ALGEBRA.search(_unmarked(step)) for step in steps)
    return Arithmetic(tuple(numbers), tuple(equations), tuple(wrong), frozenset(unread), algebra)


def _unmarked(step: str) -> str:
    """A step without what LaTeX sets around its signs."""
    return re.sub(r"\\(?:text|textbf|mathrm)\s?\{[^{}]*\}|\\boxed|\\[()\[\]](?=\s*\d)", " ", step)


def _tokens(step: str, place: int, numbers: list[Number]) -> list[_Token]:
    """The tokens of a step that are not white space; its numbers are added to `numbers`."""
    mark = len(parts(step)[0])
    spoken = [found.span() for found in NO_AMOUNT.finditer(step)]
    starts = [start for start, _ in spoken]
    tokens: list[_Token] = []
    for match in TOKEN.finditer(step):
        kind, text = match.lastgroup or "other", match[0]
        start, end = match.span()
        if kind == "space" or (start < mark and end <= mark):
            continue
        word = kind == "word" and WORDS.fullmatch(text) is not None and step[start - 1 : start] != "-"
        if kind == "number" or word:
            if len(text) > LONGEST:
                tokens.append(_Token("other", text, start, end))
                continue
            value = Fraction(NUMBER_WORDS[text.lower()] if word else text.replace(",", ""))
            inside = bisect_right(starts, start) - 1
            amount = inside < 0 or spoken[inside][1] <= start
            percent = re.match(r"\s?\\?%|\s?percent\b", step[end:]) is not None
            tokens.append(_Token("number" if amount else "other", text, start, end, len(numbers)))
            numbers.append(Number(place, start, end, text, value, percent, word, amount))
        else:
            tokens.append(_Token(kind, text, start, end))
    return tokens


def _beside_equals(tokens: Sequence[_Token], read_spans: Sequence[tuple[int, int]]) -> set[int]:
    """Places of the numbers on both sides of equals signs outside of spans of tokens; none beside `name =`."""
    found: set[int] = set()
    spans = [*read_spans, (len(tokens), len(tokens))]
    for at, token in enumerate(tokens):
        if token.kind != "equals" or any(start <= at < end for start, end in spans):
            continue
        begin = max((end for start, end in spans if end <= at), default=0)
        left = [each.place for each in tokens[begin:at] if each.kind == "number"]
        right = next((each.place for each in tokens[at:] if each.kind == "number"), None)
        if left and right is not None:
            found.update([*left, right])
    return found


class _Reader:
    """A reader of equations in the tokens of a step, by recursive descent."""

    def __init__(self, tokens: Sequence[_Token], numbers: Sequence[Number]) -> None:
        self.tokens = tokens
        self.numbers = numbers
        self.depth = 0  # of brackets

    def chains(self) -> list[tuple[list[int | Operation], int, int]]:
        """Sides, first token and end of everything that looks like an equation with an operation."""
        found, at = [], 0
        while at < len(self.tokens):
            side = self._side(at)
            if side is None:
                at += 1
                continue
            sides, end = [side[0]], side[1]
            while (after := self._equals(end, sides[-1])) is not None and (other := self._side(after)) is not None:
                sides.append(other[0])
                end = other[1]
            if len(sides) > 1 and any(isinstance(part, Operation) for part in sides):
                found.append((sides, at, end))
            at = max(end, at + 1)
        return found

    def _kind(self, at: int) -> str:
        return self.tokens[at].kind if at < len(self.tokens) else "end"

    def _side(self, at: int) -> tuple[int | Operation, int] | None:
        first = self._operand(at)
        if first is None:
            return None
        operands, signs, end = [first[0]], [], first[1]
        while (sign := self._sign(end)) is not None and (operand := self._operand(sign[1])) is not None:
            signs.append(sign[0])
            operands.append(operand[0])
            end = operand[1]
        return (operands[0] if not signs else Operation(tuple(operands), tuple(signs))), end

    def _operand(self, at: int) -> tuple[int | Operation, int] | None:
        while self._kind(at) == "currency":
            at += 1
        if self._kind(at) == "number":
            end = at + 1 + (self._kind(at + 1) == "percent")
            return self.tokens[at].place, end
        if self._kind(at) == "frac":
            over = self._group(at + 1)
            under = self._group(over[1]) if over else None
            return (Operation((over[0], under[0]), ("/",)), under[1]) if over and under else None
        return self._group(at)

    def _group(self, at: int) -> tuple[int | Operation, int] | None:
        """What is in brackets; of `( ... )` and `{ ... }`."""
        if self._kind(at) != "open" or self.depth == DEEPEST:
            return None
        self.depth += 1
        side = self._side(at + 1)
        self.depth -= 1
        end = self._units(side[1]) if side else at
        return (side[0], end + 1) if side and self._kind(end) == "close" else None

    def _units(self, at: int) -> int:
        """Where the unit that may stand at a place ends: a few words, `/day`."""
        end, words = at, 0
        while words < UNIT_WORDS:
            token = self.tokens[end] if end < len(self.tokens) else None
            if token is None:
                break
            if token.kind == "unit" or (token.kind == "word" and token.text.lower() not in CLAUSE_WORDS | {"x", "of"}):
                end, words = end + 1, words + 1
            elif token.text in "/-" and self._kind(end + 1) in ("word", "unit"):
                end += 1
            else:
                break
        return end

    def _sign(self, at: int) -> tuple[str, int] | None:
        """A sign and where it ends, behind a unit if there is one."""
        for place in dict.fromkeys((at, self._units(at))):
            token = self.tokens[place] if place < len(self.tokens) else None
            if token is None:
                continue
            text = token.text.lower()
            if text in ("multiplied", "divided") and [t.text.lower() for t in self.tokens[place + 1 : place + 2]] == [
                "by"
            ]:
                return "*" if text == "multiplied" else "/", place + 2
            if self._kind(place + 1) in ("number", "currency", "open", "frac") and (
                token.kind == "sign"
                or (token.kind == "word" and text in SIGNS and (text != "of" or self._is_share(at - 1)))
            ):
                return SIGNS[text], place + 1
        text = re.sub(r"\W|text|textbf|mathrm", "", self.tokens[at].text) if self._kind(at) == "unit" else ""
        return ("*", at + 1) if text == "of" and self._is_share(at - 1) else None

    def _is_share(self, at: int) -> bool:
        """Whether "of" behind a token multiplies: behind a percentage, a fraction, a number below 1."""
        token = self.tokens[at]
        if token.kind == "number":
            below = self.tokens[at - 1].text == "/" if at else False
            return below or self.numbers[token.place].value < 1
        return token.kind in ("percent", "close")

    def _equals(self, at: int, side: int | Operation) -> int | None:
        """Where what equals a side begins."""
        for place in dict.fromkeys((at, self._units(at))):
            if self._kind(place) == "equals":
                return place + 1
            token = self.tokens[place] if place < len(self.tokens) else None
            if token and token.kind == "word" and token.text.lower() in EQUAL_WORDS and isinstance(side, Operation):
                after = place + 1
                if [part.text.lower() for part in self.tokens[after : after + 2]] == ["equal", "to"]:
                    after += 2
                return after if self._kind(after) in ("number", "currency") else None
        return None


def words_to_values(text: str) -> set[Fraction]:
    """The values of all numbers of a text, also of those in words."""
    found: list[Number] = []
    _tokens(text, 0, found)
    return {number.value for number in found}


def changed(steps: Sequence[str], texts: Mapping[int, str], numbers: Sequence[Number]) -> list[str]:
    """Steps with other texts in the places of numbers."""
    changed_steps = list(steps)
    for place in sorted(texts, reverse=True):
        number = numbers[place]
        step = changed_steps[number.step]
        changed_steps[number.step] = step[: number.start] + texts[place] + step[number.end :]
    return changed_steps
