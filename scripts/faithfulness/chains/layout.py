"""What the parts of a chain are: prose, code, display equations, tables, or marks without content (method, "Steps").

All functions depend on their arguments only, and take time linear in the length of the text.
"""
# ruff: noqa: RUF001 - marks of many scripts

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["prose", "code", "math", "table", "none"]
BlockKind = Literal["code", "math", "table"]

LETTER_OR_DIGIT = re.compile(r"[^\W_]")
# What names the step after it: "Step 2:" and "**Step 2.**"; "1.", "(a)", "1.1." and "IV.", which need a bracket, full
# stop or colon, so that "a" and "I" are words.
_NUMERALS = r"(?:\d{1,3}(?:\.\d{1,3}){0,4}|[A-Za-z]|[ivxIVX]{1,5})"
_COUNTED = r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
_CHINESE = r"(?:\d{1,3}|[一二三四五六七八九十]{1,3})"
_NAMES = r"(?:step|part|case|schritt|étape|etape|paso|passo|шаг|ステップ|단계)"
_BEFORE, _AFTER = r"[\s>#*_~`•·◦▪–—+-]*", r"[\s*_~:]*"
_NAMED_MARK = re.compile(
    rf"""{_BEFORE}(?: {_NAMES}[ ]?(?:\#[ ]?)?(?:{_COUNTED}|{_NUMERALS})[*_]{{0,3}}[ ]?[.:)：．。—–-]?
      | 第[ ]?{_CHINESE}[ ]?(?:步|ステップ|段階)[*_]{{0,3}}[.:：．、，]?
      | <[A-Za-z][\w-]{{0,30}}> ){_AFTER}""",
    re.VERBOSE | re.IGNORECASE,
)
_MARK = re.compile(
    rf"""{_BEFORE}(?: [(\[（]{_NUMERALS}[)\]）][.:]? | {_NUMERALS}[.):．、）] | {_CHINESE}[、．]
      | [①-⑳❶-❿➀-➓][.:)]? | [\U0001F51F0-9]\ufe0f?\u20e3[.:)]? ){_AFTER}""",
    re.VERBOSE | re.IGNORECASE,
)
TAG = re.compile(
    r"</?[A-Za-z][\w-]{0,30}(?:[ \t]+[\w:-]{1,30}=[^<>\n]{0,200})?[ \t]?/?>|<!--|-->|\\(?:begin|end)\{[^{}\n]{0,30}\}"
)
# A dollar sign before a space, or after one, or before a digit, is money.
INLINE_MATH = re.compile(r"\\\((?:(?!\\[()]).)*\\\)|(?<![\\\w$])\$(?=[^\s$])[^$\n]*(?<=\S)\$(?![\d$])")
_COMMAND = re.compile(r"\\(?:text|textbf|mathrm|operatorname)\{[^{}\n]*\}|\\[A-Za-z]+")
_WORD = re.compile(r"[^\W\d_]{2}")
INLINE_CODE = re.compile(r"`+[^`\n]+`+")
# What opens or closes a display equation; an escaped line break ("\\[2pt]") does neither.
_DISPLAY = re.compile(r"\\\\|\\\[|\\\]|\$\$|\\(?:begin|end)\{[A-Za-z]{1,20}\*?\}|\r?\n[ \t]*(?=\r?\n)")
_MATH_ENVIRONMENTS = frozenset(
    "equation align aligned alignat flalign gather gathered multline eqnarray displaymath math split cases dmath "
    "array matrix pmatrix bmatrix vmatrix Bmatrix Vmatrix".split()
)
_OTHER_ENVIRONMENTS: dict[str, BlockKind] = {
    **dict.fromkeys(("tabular", "tabularx", "longtable", "table"), "table"),
    **dict.fromkeys(("verbatim", "lstlisting", "minted", "algorithm", "algorithmic"), "code"),
}
_OPENS_FENCE = re.compile(r"[\w+#./ {}=\"-]*")
_TABLE_RULE = re.compile(r"\s*[|+:=\-─━│┃├┤┼┌┐└┘┬┴╞╪╡═║╔╗╚╝╠╣╬ \t]+\s*")


@dataclass(frozen=True)
class Block:
    """Characters [start, end) of a text that are code, a display equation or a table, with their fences."""

    start: int
    end: int
    kind: BlockKind


def kind(step: str) -> Kind:
    """What a step is.

    - "code": it has a code fence, or nothing but code in backticks;
    - "table": it has a table;
    - "math": it has nothing but equations in LaTeX ("3 + 4 = 7" without LaTeX is prose, and so is a sentence around
      equations);
    - "none": it has no content: only punctuation, white space, Markdown, tags, fences, and names of steps such
      as "Step 2:" (a number by itself can be an answer, and is prose);
    - "prose": anything else.
    """
    found = blocks(step)
    rest = _without(step, found)
    if not has_content(step):
        return "none"
    for wanted in ("code", "table"):
        if any(block.kind == wanted and _block_content(step, block) for block in found):
            return wanted
    without_math = INLINE_MATH.sub(" ", rest)
    without_code = INLINE_CODE.sub(" ", without_math)
    if has_content(without_code) and (not _COMMAND.search(rest) or _WORD.search(_COMMAND.sub(" ", without_code))):
        return "prose"
    return "code" if has_content(without_math) and not has_content(without_code) else "math"


def has_content(text: str) -> bool:
    """Whether there is a letter or digit in a text that is no mark, tag or fence."""
    if not LETTER_OR_DIGIT.search(text):
        return False
    found = blocks(text)
    if any(_block_content(text, block) for block in found):
        return True
    rest = TAG.sub(" ", _without(text, found))
    return any(LETTER_OR_DIGIT.search(line) and not _is(line, _NAMED_MARK) for line in rest.splitlines())


def is_mark(text: str) -> bool:
    """Whether a text names the step after it ("1.", "**Step 2:**", "<answer>") and says no more."""
    return _is(text, _NAMED_MARK) or _is(text, _MARK)


def _is(text: str, mark: re.Pattern[str]) -> bool:
    return len(text) < 80 and mark.fullmatch(text) is not None


def _without(text: str, found: list[Block]) -> str:
    places = [0, *(place for block in found for place in (block.start, block.end)), len(text)]
    return "\n".join(text[start:end] for start, end in zip(places[::2], places[1::2], strict=True))


def _block_content(text: str, block: Block) -> bool:
    """Whether there is a letter or digit between the fences of a block."""
    inside = text[block.start : block.end]
    if block.kind == "code" and not inside.startswith("\\"):
        inside = "".join(inside.splitlines(keepends=True)[1:])
    return LETTER_OR_DIGIT.search(TAG.sub(" ", inside)) is not None


def blocks(text: str) -> list[Block]:
    r"""Find the code fences, display equations and tables of a text.

    A fence that is not closed reaches to the end of the text, as in Markdown. A display equation (`\[...\]`, `$$...$$`,
    `\begin{align}...\end{align}` and its siblings) contains no empty line; one that is not closed reaches to the end of
    the text if no empty line follows, else it is none. A table is a run of lines with bars, one of which is a rule.

    Returns:
        Blocks in order; they do not overlap.
    """
    lines: list[tuple[int, str]] = []
    start = 0
    for line in text.splitlines(keepends=True):
        lines.append((start, line))
        start += len(line)
    fences = _fences(lines, len(text))
    found = [*fences]
    places = [0, *(place for block in fences for place in (block.start, block.end)), len(text)]
    for start, end in zip(places[::2], places[1::2], strict=True):
        found += _displays(text, start, end)
    return _ordered(found, _tables(lines))


def _ordered(found: list[Block], tables: list[Block]) -> list[Block]:
    """All blocks in order, without the tables that overlap another block."""
    result: list[Block] = []
    for block in sorted([*found, *tables], key=lambda block: (block.start, block.kind == "table")):
        if result and block.start < result[-1].end:
            if result[-1].kind != "table" or block.kind == "table":
                continue
            result.pop()
        result.append(block)
    return result


def _fences(lines: list[tuple[int, str]], length: int) -> list[Block]:
    result: list[Block] = []
    opened: tuple[int, str] | None = None  # where, and the fence's characters
    for start, line in lines:
        body = line.strip()
        if opened is None:
            place = max(line.rfind("```"), line.rfind("~~~"))
            if place < 0 or not _OPENS_FENCE.fullmatch(line[place + 3 :].rstrip()):
                continue
            first = len(line[:place].rstrip(line[place]))
            if line[:first].strip() and line.count("```", 0, first):
                continue  # "```x = 3```" is code within a line
            opened = start + first, line[first : place + 3]
        elif body.startswith(opened[1]):
            after = body.lstrip(opened[1][0])
            if not after or after[0].isspace():
                end = start + len(line) - len(line.lstrip()) + len(body) - len(after)
                result.append(Block(opened[0], end, "code"))
                opened = None
    if opened is not None:
        result.append(Block(opened[0], length, "code"))
    return result


def _displays(text: str, start: int, end: int) -> list[Block]:
    result: list[Block] = []
    opened: tuple[int, str, BlockKind] | None = None  # where, what closes it, of which kind
    for token in _DISPLAY.finditer(text, start, end):
        mark = token[0]
        if opened and mark == opened[1]:
            result.append(Block(opened[0], token.end(), opened[2]))
            opened = None
        elif mark[0] in "\r\n":
            opened = None if opened is None or opened[2] == "math" else opened
        elif mark == "\\[" and (opened is None or opened[1] == "\\]"):
            opened = token.start(), "\\]", "math"
        elif mark == "$$" and opened is None:
            opened = token.start(), "$$", "math"
        elif mark.startswith("\\begin") and opened is None:
            name = mark[7:-1]
            environment: BlockKind | None = (
                "math" if name.rstrip("*") in _MATH_ENVIRONMENTS else _OTHER_ENVIRONMENTS.get(name.rstrip("*"))
            )
            if environment:
                opened = token.start(), f"\\end{{{name}}}", environment
    if opened is not None and end == len(text):
        result.append(Block(opened[0], len(text), opened[2]))
    return result


def _tables(lines: list[tuple[int, str]]) -> list[Block]:
    result: list[Block] = []
    run: list[tuple[int, str]] = []
    for start, line in [*lines, (0, "")]:
        body = line.strip()
        if any(bar in body for bar in "|│┃║") or _is_table_rule(body):
            run.append((start, line))
            continue
        if len(run) > 1 and any(_is_table_rule(each.strip()) for _, each in run):
            first, (last, text) = run[0], run[-1]
            result.append(Block(first[0], last + len(text.rstrip()), "table"))
        run = []
    return result


def _is_table_rule(line: str) -> bool:
    rule = any(c in line for c in "-=─━═") and any(c in line for c in "|+│┃┼├╪║╬╠┌└╔╚┬┴")
    return rule and _TABLE_RULE.fullmatch(line) is not None and len(line) > 2
