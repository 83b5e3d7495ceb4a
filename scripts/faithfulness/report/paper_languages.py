"""How LaTeX and Markdown write names, marks, citations and tables."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import NamedTuple

import pandas as pd
from jinja2 import Environment, StrictUndefined

from faithfulness.report.plain import Plain
from faithfulness.text import exact_percent, listed

ROWS_A_PAGE = 35  # longer tables are broken across pages


# Columns of the tables that hold numbers, which are set flush right.
_NUMBERS = {
    "Effect",
    "Total",
    "Reading",
    "p (Holm)",
    "n",
    "With chain",
    "Without chain",
    "Steps per chain",
    "Smallest minus largest",
    "Slope",
    "Measured",
    "Limit",
}


class Ready(str):
    """A text that is already in the language of its document."""


class Language(NamedTuple):
    """How a document's language writes everything that is not plain text.

    Args:
        suffix: of its files.
        escape: a text, so that it is shown unchanged.
        code: a name, or a literal text.
        cite: a key of the BibTeX file.
        heading: the subject of a paragraph.
        table: a frame of texts, its caption and its name.
        comment: a line that the reader does not see.
    """

    suffix: str
    escape: Callable[[str], str]
    code: Callable[[str], str]
    cite: Callable[[str], str]
    heading: Callable[[str], str]
    table: Callable[[pd.DataFrame, str, str], str]
    comment: Callable[[str], str]


def _one_line(text: str) -> str:
    """A text on one line: runs of spaces, tabs and line breaks become one space; spaces that do not break stay."""
    return re.sub(r"[^\S\u00a0]+", " ", text)


_LATEX = {
    **{char: f"\\{char}" for char in "&%$#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    **{
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': r"\textquotedbl{}",
        "`": r"\textasciigrave{}",
    },
    **{"\u2212": "$-$", "\u00a0": "~", "\u00b7": r"\textperiodcentered{}"},
    **{"\u2018": "`", "\u2019": "'", "\u201c": "``", "\u201d": "''", "\u2013": "--", "\u2014": "---"},
}


_LETTERS = set("ßÆæØøŁłŒœÐðÞþ")  # beside those with an accent, what the T1 fonts of LaTeX hold


def latex_escape(text: str) -> str:
    """A text for pdfLaTeX with T1 fonts; a character that they lack is written as its code point."""
    shown = "".join(map(_latex_character, _one_line(text)))
    return shown.replace("--", "-{}-") if "--" in text else shown


def _latex_character(char: str) -> str:
    base = unicodedata.normalize("NFD", char)[0]
    if char in _LATEX or (char.isascii() and char.isprintable()):
        return _LATEX.get(char, char)
    accented = char != base and base.isascii() and base.isalpha() and ord(char) < 0x180
    return char if accented or char in _LETTERS else rf"\texttt{{U+{ord(char):04X}}}"


def _latex_code(text: str) -> str:
    """In typewriter letters; a line may break after a mark."""
    breakable = re.sub(r"(\\_|[/.:=@-])(?=.)", r"\1\\allowbreak{}", latex_escape(text))
    return rf"\texttt{{{breakable}}}"


def _latex_table(data: pd.DataFrame, caption: str, name: str) -> str:
    shown = data.map(latex_escape).set_axis([*map(latex_escape, data.columns)], axis=1)
    numbers = ["r" if column in _NUMBERS else "l" for column in data]
    return shown.to_latex(
        index=False,
        escape=False,
        longtable=len(data) > ROWS_A_PAGE,
        column_format="".join(numbers),
        caption=latex_escape(caption),
        label=f"tab:{name}",
        position="t" if len(data) <= ROWS_A_PAGE else None,
    )


LATEX = Language(
    suffix="tex",
    escape=latex_escape,
    code=_latex_code,
    cite=lambda key: rf"\cite{{{key}}}",
    heading=lambda text: rf"\paragraph{{{latex_escape(text)}}}",
    table=_latex_table,
    comment=lambda text: f"% {text}\n",
)


def markdown_escape(text: str) -> str:
    """A text for Markdown, on one line; marks of Markdown, of pandoc's citations and of HTML are escaped."""
    return re.sub(r"([\\`*_{}\[\]<>#|~^$@&!])", r"\\\1", _one_line(text))


def _markdown_code(text: str) -> str:
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    inside = " ".join(text.split())
    return f"{fence} {inside} {fence}" if "`" in inside else f"{fence}{inside}{fence}"


def _markdown_table(data: pd.DataFrame, caption: str, name: str) -> str:
    marks = ["--:" if column in _NUMBERS else "---" for column in data]
    rows = [[markdown_escape(text) for text in row] for row in (list(data.columns), *data.itertuples(index=False))]
    lines = [f"| {' | '.join(row)} |" for row in (rows[0], marks, *rows[1:])]
    return "\n".join([*lines, "", f"Table: {markdown_escape(caption)}"]) + "\n"


MARKDOWN = Language(
    suffix="md",
    escape=markdown_escape,
    code=_markdown_code,
    cite=lambda key: f"[@{key}]",
    heading=lambda text: f"**{markdown_escape(text)}.**",
    table=_markdown_table,
    comment=lambda text: f"<!-- {text} -->\n",
)


def render(template: str, shown: Plain, language: Language) -> str:
    """A document. Everything but the template's own words is escaped, and blank lines are made single.

    Args:
        template: the text of the template.
        shown: what it is filled with, by name.
        language: of the document.
    """

    def ready(write: Callable[[str], str]) -> Callable[[str], Ready]:
        return lambda value: Ready(write(value))

    def names(values: Iterable[str]) -> Ready:
        return Ready(listed(map(language.code, values)))

    environment = Environment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: value if isinstance(value, Ready) else Ready(language.escape(str(value))),
    )
    environment.filters |= {name: ready(getattr(language, name)) for name in ("code", "cite")}
    environment.filters["heading"] = lambda text: Ready(f"\n\n{language.heading(text)}")
    environment.filters |= {"names": names, "ready": Ready, "percent": exact_percent}
    environment.filters |= {"short": "{:g}".format, "thousands": "{:,}".format}
    text = environment.from_string(template).render(**shown)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
