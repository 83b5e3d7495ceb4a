"""Numbers, shares, intervals, sizes and lists as people read them, in figures, tables, sentences and pages.

A value that is missing becomes an empty text. The minus sign is U+2212, as wide as the plus sign.
"""

import re
from collections.abc import Callable, Iterable

import pandas as pd


def number(value: float | None, digits: int = 2) -> str:
    """A number: -0.135 is '\u22120.14'; zero has no sign, also where it was rounded to zero."""
    if pd.isna(value):
        return ""
    shown = f"{value:.{digits}f}"
    return shown.removeprefix("-") if float(shown) == 0 else shown.replace("-", "\u2212")


def signed(value: float | None, digits: int = 2) -> str:
    """A number with its sign, which stays where it was rounded to zero: it says on which side the value is."""
    return "" if pd.isna(value) else f"{value:+.{digits}f}".replace("-", "\u2212")


def count(value: float | None, digits: int = 0) -> str:
    """An amount: 1234567 is '1,234,567'."""
    return "" if pd.isna(value) else f"{value:,.{digits}f}"


def counted(amount: int, noun: str) -> str:
    """An amount of things: '1 item', '2 items'."""
    return f"{amount:,} {noun}{'' if amount == 1 else 's'}"


def percent(share: float | None) -> str:
    """A share as a whole percentage: 0.137 is '14 %'."""
    return "" if pd.isna(share) else f"{100 * share:.0f} %"


def exact_percent(share: float) -> str:
    """A declared share as a percentage with all its digits, which no line breaks: 0.975 is '97.5\u00a0%'."""
    return f"{100 * share:g}\u00a0%"


def interval(low: float | None, high: float | None, digits: int = 2) -> str:
    """An interval: '[0.05, 0.23]'."""
    return "" if pd.isna(low) or pd.isna(high) else f"[{number(low, digits)}, {number(high, digits)}]"


def with_interval(
    value: float | None, low: float | None, high: float | None, write: Callable[[float | None], str] = number
) -> str:
    """A number and its interval, where there is one: '0.14 [0.05, 0.23]'."""
    return " ".join(filter(None, [write(value), interval(low, high)]))


def p_value(value: float | None) -> str:
    """A p value: 0.0123 is '0.012', and what is smaller than 0.001 is '< 0.001'."""
    return "< 0.001" if not pd.isna(value) and value < 0.001 else number(value, 3)


def size_text(parameters: int) -> str:
    """A number of parameters: 134515008 is '135M'."""
    for unit, name in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if parameters >= 0.9995 * unit:
            return f"{parameters / unit:.2g}{name}" if parameters < 10 * unit else f"{parameters / unit:.0f}{name}"
    return str(parameters)


def listed(words: Iterable[str]) -> str:
    """A list in a sentence: 'a', 'a and b', 'a, b and c'."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def spaced(name: str) -> str:
    """A name of the configuration or of a table as words: 'coin_flip' is 'coin flip'."""
    return name.replace("_", " ")


def capital(text: str) -> str:
    """A text with a capital first letter."""
    return text[:1].upper() + text[1:]


def slug(text: str) -> str:
    """A text as an id of a page: small letters and digits, with hyphens between them."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
