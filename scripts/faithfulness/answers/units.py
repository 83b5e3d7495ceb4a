"""Units of quantities: which words after a number are one, and when two are the same.

A library of units (such as `pint`) would convert them, which changes the number that was asked for; it knows no apples.
"""

# ruff: noqa: RUF001 (signs that look alike are what this module is about)
import re

CURRENCY = (
    r"(?:(?:US|AU|CA|C|A|NZ|HK|S|R)?[$€£¥₹₩₽₺₫₪₦₱฿₴₸₿]|\b(?:USD|EUR|GBP|JPY|INR|CNY|RMB|CHF|CAD|AUD|Rs\.?)(?![a-zA-Z]))"
)
WORD = r"[^\W\d_]+(?:\^?-?[23](?![\d.]))?"
UNIT = re.compile(rf"\s?({CURRENCY}|[¢°'\"′″‰µμΩ]?(?:{WORD}|[^\W\d_]+\.)?(?:[ /*]{WORD}){{0,4}})")
WORDS_AFTER = set(  # words that go on after a number without naming a unit
    "in is are was were be because since so as and or for if when which that who will would from at to by on with "
    "after before total altogether left more less fewer than each per every of it he she they we you this these there "
    "the a".split()
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


def unit_after(text: str, place: int) -> str:
    """The words that may be the unit of a number that ends at a place."""
    match = UNIT.match(text, place)
    found = match[1].lower().split(" ") if match else []
    if found == ["in"]:
        return "in"
    after = (number for number, word in enumerate(found) if word in WORDS_AFTER and not (number and word == "per"))
    return " ".join(found[: next(after, len(found))])


def canonical_unit(unit: str) -> str:
    """One text for a unit: without plural, with symbols for the common ones (`square meters` is `m^2`)."""
    unit = re.sub(r"\bper ", "/", re.sub(r"° (?=[cfk]\b)", "°", unit.lower())).replace(" /", "/").replace("**", "^")
    unit = re.sub(r"(?<=[^\W\d])(?=[23]\b)", "^", unit)
    unit = re.sub(r"\b(sq|square|cubic|cu)\.? ([^\W\d]+)", lambda m: f"{m[2]}^{2 if m[1][0] == 's' else 3}", unit)
    return re.sub(r"[^\s/^*\d]+", lambda word: _singular(word[0].rstrip(".")), unit).strip()


def _singular(word: str) -> str:
    short = word[:-1] if len(word) > 2 and word.endswith("s") and not word.endswith("ss") else word
    return SAME.get(word, SAME.get(short, short))
