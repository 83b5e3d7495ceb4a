r"""The grammar of numbers, the same for reply and gold: a value, perhaps a percent sign, perhaps a unit.

    quantity = [currency] number [magnitude] [percent | currency | unit]
    number   = [sign] (digits | digits "/" digits | digits digits "/" digits) [x 10^exponent | ^exponent]
    digits   = groups of three after comma, apostrophe or space (also 12,34,567 and 1.234,56), a point, e23

A comma is no decimal point unless dots or spaces separate the thousands: `1,5` may be a list. What the grammar does not
cover (`12:00`, `<5`, `10-15`, `5x`, `1.2.3`) is no number, and is compared as text.

`math-verify` 0.9.0 was tried in its place on 65 pairs of gold and reply; 20 came out wrong: it reads `1{,}234` as 1,
`6.02e23` as 6.02, `3e8` as 3, `2 2/3` as 2 and U+2212 as no minus; for it 1e400 equals 1e401, `5 feet` equals
`5 meters`, and 1/3 equals 0.333333, because it rounds to six places. It takes 5 ms per comparison, sets an alarm signal
(and refuses threads), and gives no text of an answer by which equal answers could be found, as the column `same` needs.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from faithfulness.answers import exact
from faithfulness.answers.exact import Exact
from faithfulness.answers.plain import plain_text, without_marks
from faithfulness.answers.units import CURRENCY, UNIT, canonical_unit, unit_after

EXPONENT = r"(?:[eE][-+]?\d++(?![\w.]))?"
DIGITS = (
    r"(?>\d{1,3}(?:\.\d{3})++,\d++"  # 1.234,56
    r"|\d{1,3}(?:\.\d{3}){2,}+(?!\d)"  # 1.234.567
    r"|\d{1,3}(?: \d{3})++,\d{1,2}(?!\d)"  # 1 234,56
    r"|(?:\d{1,3}(?:,\d{3})++|\d{1,3}(?:'\d{3})++|\d{1,3}(?: \d{3})++|\d{1,3}(?:_\d{3})++"
    r"|\d{1,2}(?:,\d{2}(?=,))++,\d{3})"
    r"(?!\d)(?:\.\d++)?"
    r"|(?:\d++(?:\.\d++)?|\.\d++)" + EXPONENT + ")"
)
NUMBER = re.compile(
    rf"(?P<sign>[-+])?(?:(?P<currency>{CURRENCY})\ ?)?(?P<second>(?<!\d)[-+](?=[\d.]))?"
    rf"(?:(?P<whole>\d{{1,9}})\s+(?P<over>\d{{1,3}})\s?/\s?(?P<under>\d{{1,3}})(?![\d/.])"
    rf"|(?P<number>{DIGITS})(?:\s?/\s?(?P<divisor>-?{DIGITS}))?)"
    r"(?:\s?(?:[*xX]|times)\s?10\s?(?:\^|\*\*)\s?\(?(?P<tens>[-+]?\d{1,18})\)?|(?:\^|\*\*)\(?(?P<power>[-+]?\d{1,9})\)?)?"
)
MAGNITUDES = {
    **{
        "hundred": 2,
        "thousand": 3,
        "million": 6,
        "billion": 9,
        "trillion": 12,
        "bn": 9,
        "mn": 6,
        "k": 3,
        "m": 6,
        "b": 9,
    },
    **{"千": 3, "万": 4, "萬": 4, "億": 8, "亿": 8, "만": 4, "억": 8},
}
MAGNITUDE = re.compile(
    r"\s?(?:(?:hundred|thousand|million|billion|trillion|bn|mn)(?![^\W\d_])|[千万萬億亿만억])|(?<=\d)[kK](?![^\W\d_])"
)
MONEY = re.compile(r"[mMbB](?![^\W\d_])")  # $1.2M
LONGEST = 300  # characters of a number in the tables
PERCENT = re.compile(r"\s?(?:%|(?:percent|per cent|pct|prozent|pour cent|por ciento)\b)", re.IGNORECASE)
# What follows or precedes a number that is a part of something else.
LETTERS = "a-zA-Z\u0370-\u03ff"
CONTINUED = re.compile(
    r"[.,:/'_]\d| : \d|\s?(?:[-+*/^x÷]|\*\*|plus\b|minus\b|times\b|divided by\b|to\b|or\b|and\b)\s?[-(√]?\s?\$?[\d√π]"
    r"|\s?[-+*/^÷]\s?\(?[xynzπ](?![a-zA-Z])|[\^(√π!∞]|\s?[xyzni](?![a-zA-Z])|e\d|\s?[±]"
    r"|(?: ?[^\W\d]++){1,3} ?[-+*/÷] ?\(?[$€£]?\d"
)
BOUND = re.compile(
    r"(?:[<>≤≥±√^_=]=|[<>±^_]|√\(?|!=|(?:less|more|greater|fewer|smaller|larger) than|\bnot"
    r"|(?:(?:^|[^\w])[a-zA-Z]|\))\s?[-+*/^]|frac\s?\{)\s?$",
    re.IGNORECASE,
)
NAME = re.compile(rf"[{LETTERS}]-?\(?$|[{LETTERS}]_$")
EQUALS = re.compile(
    r"(?<![<>!:=])={1,3}>?(?!=)|≈|≃|≅|→|⇒|->|\b(?:equals|is equal to|makes|gives|comes to|results in)\b"
    r"|(?<=\d) (?:is|are) (?=[-$€£]?\d)"
)
CLAUSE = re.compile(
    r"[,;.!?:](?=\s|$)|\b(?:because|since|so|and|therefore|thus|hence|then|which|but|where|after|before|when|if)\b",
    re.IGNORECASE,
)
ALONE = re.compile(rf"(?: ?%| ?{CURRENCY})?(?: ?[^\W\d]+){{0,3}}? ?(?:$|\(|- |{CLAUSE.pattern})", re.IGNORECASE)
LIST = re.compile(rf"[(\[{{]?\s*-?{DIGITS}(?:\s*,\s*-?{DIGITS})+\s*[)\]}}]?\.?")


@dataclass(frozen=True)
class Quantity:
    """A number as it is stated: its value without the percent sign, whether there is one, its unit ('' if none)."""

    value: Exact
    percent: bool = False
    unit: str = ""

    def __str__(self) -> str:
        return exact.written(self.value) + ("%" if self.percent else "") + (f" {self.unit}" if self.unit else "")


def whole(text: str) -> Quantity | None:
    """The quantity that all of a text is, also behind a name and an equals sign (`x = 5`); None for another text."""
    text = _plain(text)
    name, equals, right = text.rpartition("=")
    if equals and re.fullmatch(r"[^\W\d]{1,20}\s?", name):
        text = right.strip()
    text = re.sub(r"^(?:≈|~|about |approximately )\s?", "", text)
    if re.fullmatch(r"\([^()]*\)", text):
        text = text[1:-1].strip()
    match = NUMBER.match(text)
    if match is None or CONTINUED.match(text, match.end()):
        return None
    quantity, end = _quantity(match)
    if quantity is None:
        return None
    unit = UNIT.match(text, end)
    end = unit.end() if unit else end
    return quantity if not text[end:].strip(" .") else None


def stated(text: str) -> Quantity | None:
    """The quantity that a statement gives.

    A quantity at its beginning that stands by itself (`12, because 3 * 4 = 12`); else the right side of its last
    equation (`3 + 4 = 7`, `5 * 4 = 20, 20 - 3 = 17`), or the left one where only that is a single quantity
    (`7 = 3 + 4`); else its first number. In the last lines of GSM8K's 8,792 worked solutions this is the gold answer
    in 99.0 %, the first number in 8.7 %.
    """
    text = _plain(text)
    if LIST.fullmatch(text) and not NUMBER.fullmatch(text):
        return None
    start = NUMBER.match(text)
    if start and ALONE.match(text, start.end()) and (quantity := _first(text)) is not None:
        return quantity
    equations = [clause for clause in CLAUSE.split(text) if EQUALS.search(clause) and re.search(r"\d", clause)]
    return _side(equations[-1]) if equations else _first(text)


def quantities(text: str) -> list[Quantity]:
    """All quantities of a text."""
    return [quantity for quantity in _numbers(_plain(text)) if quantity is not None]


def _plain(text: str) -> str:
    return " ".join(plain_text(without_marks(text)).split())


def _side(equation: str) -> Quantity | None:
    """The last side of an equation that begins with a quantity."""
    sides = EQUALS.split(equation)
    found = (_first(side) for side in reversed(sides))
    return next((quantity for quantity in found if quantity is not None), None)


def _first(text: str) -> Quantity | None:
    """The first number of a text that is no part of a name (`CO2`); None if it is part of something else (`12:00`)."""
    return next(_numbers(text), None)


def _numbers(text: str) -> Iterator[Quantity | None]:
    """The numbers of a text that are no parts of names; None for those that are parts of something else."""
    for match in NUMBER.finditer(text):
        start = match.start("sign") if match["sign"] else match.start()
        if NAME.search(text, max(0, start - 3), start):
            continue
        before = text[max(0, start - 16) : start]
        part = BOUND.search(before) or CONTINUED.match(text, match.end()) or re.search(r"\d[.,:/'_*^(]?$", before)
        yield None if part else _quantity(match)[0]


def _quantity(match: re.Match[str]) -> tuple[Quantity | None, int]:
    """The quantity of a match of NUMBER with what follows it, and where its percent sign, if any, ends."""
    try:
        value = _value(match)
    except (ValueError, ZeroDivisionError):
        return None, match.end()
    if "-" in (match["sign"], match["second"]):
        value = value._replace(n=-value.n)
    text, end = match.string, match.end()
    while magnitude := MAGNITUDE.match(text, end) or (match["currency"] and MONEY.match(text, end)):
        value, end = exact.shifted(value, MAGNITUDES[magnitude[0].strip().lower()]), magnitude.end()
    if len(exact.written(value)) > LONGEST:
        return None, end
    if percent := PERCENT.match(text, end):
        return Quantity(value, percent=True), percent.end()
    unit = match["currency"] or unit_after(text, end)
    return Quantity(value, unit=canonical_unit(unit)), end


def _value(match: re.Match[str]) -> Exact:
    if match["whole"]:
        n, d = int(match["over"]), int(match["under"])
        if n >= d:
            raise ValueError("no mixed number")
        return exact.exact(int(match["whole"]) * d + n, d)
    value = _decimal(match["number"])
    if match["divisor"]:
        if match["power"] or match["tens"]:
            raise ValueError("a power of a quotient's part")
        return exact.quotient(value, _decimal(match["divisor"]))
    if match["power"]:
        return exact.power(value, int(match["power"]))
    return exact.shifted(value, int(match["tens"] or 0))


def _decimal(digits: str) -> Exact:
    """The value of digits with any separators."""
    negative, digits = digits.startswith("-"), re.sub(r"^-|[ '_]", "", digits)
    if re.fullmatch(r"[\d.]+,\d+", digits) and (
        digits.count(",") == 1 and ("." in digits or len(digits) - digits.index(",") <= 3)
    ):
        digits = digits.replace(".", "").replace(",", ".")
    elif digits.count(".") > 1:
        digits = digits.replace(".", "")
    value = exact.decimal(digits.replace(",", ""))
    return value._replace(n=-value.n) if negative else value


def as_said_of(quantity: Quantity, gold: Quantity) -> Quantity:
    """A quantity in the terms of a gold one, so that the two are the same if and only if it answers the question.

    A percent sign counts where the gold answer has one, and `.28` is 28% there; elsewhere `28%` is 28 (or .28, if that
    is the gold value). A unit is dropped where the gold answer has none; a number without unit gets the gold one's.
    """
    value = quantity.value
    hundred, hundredth = exact.shifted(value, 2), exact.shifted(value, -2)
    share = exact.below_one(gold.value)
    if (quantity.percent and gold.unit) or (quantity.unit and gold.percent):
        return quantity
    if value == gold.value:
        pass
    elif gold.percent and not quantity.percent:
        if hundred == gold.value or (exact.below_one(value) and not share):
            value = hundred
    elif quantity.percent and not gold.percent and (hundredth == gold.value or share):
        value = hundredth
    same = not quantity.unit or not gold.unit or re.match(rf"{re.escape(gold.unit)}(?![a-z/^])", quantity.unit)
    unit = gold.unit if same else quantity.unit
    return Quantity(value, gold.percent, unit)
