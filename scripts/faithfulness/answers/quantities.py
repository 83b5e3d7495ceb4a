r"""The grammar of numbers, the same for reply and gold: a value, perhaps a percent sign, perhaps a unit.

    quantity = [currency] number [magnitude] [percent | currency | unit]
    number   = [sign] (digits | digits "/" digits | digits digits "/" digits) [x 10^exponent | ^exponent]
    digits   = groups of three after comma, apostrophe or space (also 12,34,567 and 1.234,56), a point, e23

A comma is no decimal point unless dots separate the thousands: `1,5` may be a list. What the grammar does not cover (`12:00`,
`<5`, `10-15`, `5x`, `1.2.3`) is no number, and is compared as text.

`math-verify` 0.9.0 was tried in its place on 65 pairs of gold and reply; 20 came out wrong, and many of the equal ones are
not read at all: `1{,}234` is 1, `6.02e23` is 6.02, `3e8` is 3, `2 2/3` is 2, `−5` is nothing, 1e400 equals 1e401, `5 feet`
equals `5 meters`, and 1/3 equals 0.333333 because it rounds to six places. It takes 5 ms per comparison, sets an alarm
signal (none in threads), and gives no text of an answer by which equal answers could be found, which `same` needs.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from faithfulness.answers import exact
from faithfulness.answers.exact import Exact
from faithfulness.answers.plain import plain_text, without_marks

EXPONENT = r"(?:[eE][-+]?\d++(?![\w.]))?"
DIGITS = (
    r"(?>\d{1,3}(?:\.\d{3})++,\d++"  # 1.234,56
    r"|\d{1,3}(?:\.\d{3}){2,}+(?!\d)"  # 1.234.567
    r"|\d{1,3}(?: \d{3})++,\d{1,2}(?!\d)"  # 1 234,56
    r"|(?:\d{1,3}(?:,\d{3})++|\d{1,3}(?:'\d{3})++|\d{1,3}(?: \d{3})++|\d{1,3}(?:_\d{3})++|\d{1,2}(?:,\d{2}(?=,))++,\d{3})"
    r"(?!\d)(?:\.\d++)?"
    r"|(?:\d++(?:\.\d++)?|\.\d++)" + EXPONENT + ")"
)
CURRENCY = r"(?:(?:US|AU|CA|C|A|NZ|HK|S|R)?[$€£¥₹₩₽₺₫₪₦₱฿₴₸₿]|\b(?:USD|EUR|GBP|JPY|INR|CNY|RMB|CHF|CAD|AUD|Rs\.?)(?![a-zA-Z]))"
NUMBER = re.compile(
    rf"(?P<sign>[-+])?(?:(?P<currency>{CURRENCY})\ ?)?(?P<second>(?<!\d)[-+](?=[\d.]))?"
    rf"(?:(?P<whole>\d{{1,9}})\s+(?P<over>\d{{1,3}})\s?/\s?(?P<under>\d{{1,3}})(?![\d/.])"
    rf"|(?P<number>{DIGITS})(?:\s?/\s?(?P<divisor>-?{DIGITS}))?)"
    r"(?:\s?(?:[*xX]|times)\s?10\s?(?:\^|\*\*)\s?\(?(?P<tens>[-+]?\d{1,18})\)?|(?:\^|\*\*)\(?(?P<power>[-+]?\d{1,9})\)?)?"
)
MAGNITUDES = {
    **{"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12, "bn": 9, "mn": 6, "k": 3},
    **{"千": 3, "万": 4, "萬": 4, "億": 8, "亿": 8, "만": 4, "억": 8},
}
MAGNITUDE = re.compile(r"\s?(hundred|thousand|million|billion|trillion|bn\b|mn\b|[千万萬億亿만억])|(?<=\d)[kK]\b")
PERCENT = re.compile(r"\s?(?:%|(?:percent|per cent|pct|prozent|pour cent|por ciento)\b)", re.IGNORECASE)
UNIT = re.compile(
    rf"\s?({CURRENCY}|[¢°'\"′″‰µμΩ]?(?:[^\W\d_]+\.?)?(?:\^?-?[23](?![\d.]))?(?:[ /*](?=[^\W\d_])[^\W\d_]+(?:\^?-?[23](?![\d.]))?){{0,4}})"
)
# What follows or precedes a number that is a part of something else.
LETTERS = "a-zA-Z\u0370-\u03ff"
CONTINUED = re.compile(
    r"[.,:/'_]\d| : \d|\s?(?:[-+*/^x÷]|\*\*|plus\b|minus\b|times\b|divided by\b|to\b|or\b)\s?[-(√]?\s?\$?[\d√π]"
    r"|\s?[-+*/^÷]\s?\(?[xynzπ](?![a-zA-Z])|[\^(√π!∞]|\s?[xyzni](?![a-zA-Z'])|\s?(?:[ap]\.?m\b)|e\d|\s?[±]"
    r"|(?: ?[^\W\d]++){1,3} ?[-+*/÷] ?\(?[$€£]?\d"
)
BOUND = re.compile(r"(?:[<>≤≥±√^_=]=|[<>±√^_]|!=|(?:less|more|greater|fewer|smaller|larger) than|\bnot)\s?$", re.IGNORECASE)
NAME = re.compile(rf"[{LETTERS}]-?\(?$|[{LETTERS}]_$")
EQUALS = re.compile(
    r"(?<![<>!:=])={1,3}>?(?!=)|≈|≃|≅|→|⇒|->|\b(?:equals|is equal to|makes|gives|comes to|results in)\b"
    r"|(?<=\d) (?:is|are) (?=[-$€£]?\d)"
)
CLAUSE = re.compile(
    r"[,;.!?:](?=\s|$)|\b(?:because|since|so|and|therefore|thus|hence|then|which|but|where|after|before|when|if)\b", re.IGNORECASE
)
LIST = re.compile(rf"[(\[{{]?\s*-?{DIGITS}(?:\s*,\s*-?{DIGITS})+\s*[)\]}}]?\.?")
WORDS_AFTER = set(
    "in is are was were be because since so as and or for if when which that who will would from at to by on with after "
    "before total altogether left more less fewer than each per every of it he she they we you this these there the a".split()
)
SAME = {
    **dict.fromkeys(("$", "us$", "usd", "dollar", "buck"), "$"),
    **dict.fromkeys(("€", "eur", "euro"), "€"),
    **dict.fromkeys(("£", "gbp", "pound sterling"), "£"),
    **dict.fromkeys(("¥", "jpy", "yen", "cny", "rmb", "yuan"), "¥"),
    **dict.fromkeys(("₹", "inr", "rs", "rupee"), "₹"),
    **dict.fromkeys(("¢", "cent"), "¢"),
    **dict.fromkeys(("meter", "metre"), "m"),
    **dict.fromkeys(("kilometer", "kilometre"), "km"),
    **dict.fromkeys(("centimeter", "centimetre"), "cm"),
    **dict.fromkeys(("millimeter", "millimetre"), "mm"),
    **dict.fromkeys(("liter", "litre"), "l"),
    **dict.fromkeys(("milliliter", "millilitre"), "ml"),
    **dict.fromkeys(("gram", "gramme"), "g"),
    **dict.fromkeys(("kilogram", "kilo", "kilogramme"), "kg"),
    **dict.fromkeys(("second", "sec"), "s"),
    **dict.fromkeys(("minute",), "min"),
    **dict.fromkeys(("hour", "hr"), "h"),
    **dict.fromkeys(("foot", "feet", "'"), "ft"),
    **dict.fromkeys(("inch", "inche", '"', "in"), "inch"),
    **dict.fromkeys(("mile",), "mi"),
    **dict.fromkeys(("mph",), "mi/h"),
    **dict.fromkeys(("kph", "kmh"), "km/h"),
    **dict.fromkeys(("lb", "pound"), "lb"),
    **dict.fromkeys(("ounce",), "oz"),
    **dict.fromkeys(("°", "degree", "deg"), "°"),
    **dict.fromkeys(("celsiu", "°c"), "°c"),
    **dict.fromkeys(("fahrenheit", "°f"), "°f"),
    **{"ohm": "ω", "kelvin": "k", "watt": "w", "volt": "v", "newton": "n", "joule": "j"},
}


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
    """The quantity that a statement gives: its first one, but the right side of an equation.

    `3 + 4 = 7` and `x = 7` state 7; of several equations the last one counts (`5 * 4 = 20, 20 - 3 = 17`), unless a number
    by itself comes first (`12, because 3 * 4 = 12`). A side that is no single quantity is passed over (`7 = 3 + 4`).
    """
    text = _plain(text)
    if LIST.fullmatch(text) and not NUMBER.fullmatch(text):
        return None
    clauses = [clause for clause in _clauses(text) if re.search(r"\d", clause)]
    equations = [clause for clause in clauses if EQUALS.search(clause)]
    if clauses and equations and clauses[0] == equations[0]:
        return _side(equations[-1])
    return _first(text)


def quantities(text: str) -> list[Quantity]:
    """All quantities of a text."""
    return [quantity for quantity in _numbers(_plain(text)) if quantity is not None]


def _plain(text: str) -> str:
    return " ".join(plain_text(without_marks(text)).split())


def _clauses(text: str) -> list[str]:
    """The parts of a text between commas, full stops and conjunctions."""
    return CLAUSE.split(text)


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
        part = BOUND.search(before) or CONTINUED.match(text, match.end()) or re.search(r"\d[.,:/'_*^]?$", before)
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
    if magnitude := MAGNITUDE.match(text, end):
        value, end = exact.shifted(value, MAGNITUDES[magnitude[0].strip().lower()]), magnitude.end()
    if percent := PERCENT.match(text, end):
        return Quantity(value, percent=True), percent.end()
    unit = match["currency"] or _unit(text, end)
    return Quantity(value, unit=_canonical_unit(unit)), end


def _value(match: re.Match[str]) -> Exact:
    if match["whole"]:
        n, d = int(match["over"]), int(match["under"])
        if n >= d:
            raise ValueError("no mixed number")
        return exact.total(int(match["whole"]), n, d)
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
    negative, digits = digits.startswith("-"), re.sub(r"[ '_-](?=\d)", "", digits)
    if re.fullmatch(r"[\d.]+,\d+", digits) and (digits.count(",") == 1 and ("." in digits or len(digits) - digits.index(",") <= 3)):
        digits = digits.replace(".", "").replace(",", ".")
    elif digits.count(".") > 1:
        digits = digits.replace(".", "")
    value = exact.decimal(digits.replace(",", ""))
    return value._replace(n=-value.n) if negative else value


def _unit(text: str, place: int) -> str:
    """The words that may be the unit of a number that ends at a place."""
    match = UNIT.match(text, place)
    found = match[1].lower().split(" ") if match else []
    if found == ["in"]:
        return "in"
    after = (number for number, word in enumerate(found) if word in WORDS_AFTER and not (number and word == "per"))
    return " ".join(found[: next(after, len(found))])


def _canonical_unit(unit: str) -> str:
    """One text for a unit: without plural, with symbols for the common ones (`square meters` is `m^2`)."""
    unit = re.sub(r"\bper ", "/", unit.lower()).replace(" /", "/").replace("**", "^")
    unit = re.sub(r"(?<=[^\W\d])(?=[23]\b)", "^", unit)
    unit = re.sub(r"\b(sq|square|cubic|cu)\.? ([^\W\d]+)", lambda m: f"{m[2]}^{2 if m[1][0] == 's' else 3}", unit)
    return re.sub(r"[^\s/^*\d]+", lambda word: _singular(word[0].rstrip(".")), unit).strip()


def _singular(word: str) -> str:
    short = word[:-1] if len(word) > 2 and word.endswith("s") and not word.endswith("ss") else word
    return SAME.get(word, SAME.get(short, short))


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
    if gold.percent and not quantity.percent:
        if value != gold.value and (hundred == gold.value or (exact.below_one(value) and not share)):
            value = hundred
    elif quantity.percent and not gold.percent:
        if value != gold.value and (hundredth == gold.value or share):
            value = hundredth
    same = not quantity.unit or not gold.unit or re.match(rf"{re.escape(gold.unit)}(?![a-z/^])", quantity.unit)
    unit = gold.unit if same else quantity.unit
    return Quantity(value, gold.percent, unit)
