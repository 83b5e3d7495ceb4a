r"""Texts without the ways to write them: LaTeX, Markdown and Unicode forms of the same signs.

`5\,\text{ meters}` and `**5 meters**` are "5 meters", `x²` and `x^{2}` are "x^2"; `x2` is another text.
"""

# ruff: noqa: RUF001 (signs that look alike are what this module is about)
import re
import unicodedata

SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
SUPERSCRIPT = re.compile(r"[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
# One half, two thirds, ...
VULGAR = re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,9}\u2044[₀-₉]{1,9}|[\u00bc-\u00be\u2150-\u215f\u2189]")
SIGNS = str.maketrans(
    {
        **dict.fromkeys("‐‑‒–—−﹣－", "-"),
        **dict.fromkeys("×·⋅∙∗✕", "*"),
        **dict.fromkeys("÷⁄∕", "/"),
        **dict.fromkeys("’‘ʼ＇´`", "'"),
        **dict.fromkeys("“”„«»「」『』", '"'),
        **dict.fromkeys("，、،٬", ","),
        **dict.fromkeys("。۔।", "."),
        **{"؛": ";", "؟": "?"},
        **{"٫": ".", "٪": "%", "≤": "<=", "⩽": "<=", "≥": ">=", "⩾": ">=", "≠": "!=", "º": "°"},
    }
)
NUMERAL = re.compile(r"(?![0-9])\d")  # of another script
INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe0e\ufe0f\ufeff]")

MATH = re.compile(r"(?<![\\$])\$\$?(?=[^\s$])([^$\n]*)(?<=[^\s\\])\$\$?(?!\d)")
DELIMITER = re.compile(r"\\[()\[\]]|\$\$")
ARGUMENT = r"(?:\{([^{}]*)\}|\s*(\d|[a-zA-Z](?![a-zA-Z])))"
FRACTION = re.compile(rf"\\[dtc]?frac\s*{ARGUMENT}\s*{ARGUMENT}")
WRAPPED = re.compile(r"\\(?:boxed|fbox|mbox|text[a-z]*|math[a-z]+|operatorname|underline|emph|bm)\s*\{([^{}]*)\}")
RAISED = re.compile(r"([\^_])\s*\{([^{}]*)\}")
ROOT = re.compile(r"\\sqrt\s*\{([^{}]*)\}")
COMMAND = re.compile(r"\\([a-zA-Z]+)\s?")
COMMANDS = {
    **dict.fromkeys(("left", "right", "big", "Big", "bigl", "bigr", "displaystyle", "textstyle", "limits"), ""),
    **dict.fromkeys(("quad", "qquad", "space", "hspace", "newline"), " "),
    **dict.fromkeys(("times", "cdot", "ast"), "*"),
    **dict.fromkeys(("le", "leq", "leqslant"), "<="),
    **dict.fromkeys(("ge", "geq", "geqslant"), ">="),
    **dict.fromkeys(("ne", "neq"), "!="),
    **dict.fromkeys(("approx", "approxeq", "simeq"), "≈"),
    **dict.fromkeys(("to", "rightarrow", "longrightarrow"), "→"),
    **dict.fromkeys(("implies", "Rightarrow"), "⇒"),
    **dict.fromkeys(("circ", "degree"), "°"),
    **{"div": "/", "pm": "±", "lt": "<", "gt": ">", "sim": "~", "pi": "π", "infty": "∞", "percent": "%"},
    **{"sqrt": "√", "dots": "...", "ldots": "...", "textdollar": "$", "euro": "€", "pounds": "£"},
}
CHARGE = re.compile(r"(?<=[^\W_])\^\(?(\d?[-+])\)?(?=$|[\s,.;!?])")  # of an ion: `Na^+`, `Ca^{2+}`
DEPTH = 10  # of braces within braces

EMPHASIS = re.compile(r"(?<![\w*])(\*{1,3})(?=[^\s*])([^*\n]+)(?<=[^\s*])\1(?![\w*])")
UNDERLINE = re.compile(r"(?<![\w_])(_{1,3})(?=[^\s_])([^_\n]+)(?<=[^\s_])\1(?![\w_])")
CODE = re.compile(r"(?<!`)`++([^`\n]++)`++")
BLOCK = re.compile(r"^\s*(?:#{1,6}\s+|[-*+•]\s+|>\s+(?=[^\d\s]))+")
TAG = re.compile(r"</?[a-zA-Z]+>")


def without_marks(line: str) -> str:
    """A line without Markdown (heading, list mark, emphasis, code) and without HTML tags."""
    line = TAG.sub("", BLOCK.sub("", line))
    for marks, group in ((CODE, r"\1"), (EMPHASIS, r"\2"), (UNDERLINE, r"\2")):
        line = marks.sub(group, line)
    return line.strip()


def without_latex(text: str) -> str:
    r"""A text without LaTeX: `\frac{1}{2}` is " 1/2", `\text{m}` is "m"; unknown commands are their names."""
    text = MATH.sub(r"\1", text.replace("{,}", ","))
    text = DELIMITER.sub(" ", text).replace("\\!", "").replace("\\$", "$").replace("\\%", "%").replace("&", " ")
    text = re.sub(r"\\[,;:> ]|(?<=\d)~(?=\d)", " ", text)
    text = re.sub(r"(\\[a-zA-Z]++)(?=\\[a-zA-Z])", r"\1 ", text)  # two commands stay two without their braces
    for _ in range(DEPTH):
        before = text
        text = RAISED.sub(lambda match: match[1] + _operand(match[2]), WRAPPED.sub(r"\1", text))
        text = ROOT.sub(lambda match: "√" + _operand(match[1]), FRACTION.sub(_fraction, text))
        if text == before:
            break
    text = COMMAND.sub(lambda match: COMMANDS.get(match[1], match[1]), text)
    return text.replace("^°", "°").replace("\\{", "{").replace("\\}", "}")


def _fraction(match: re.Match[str]) -> str:
    over, under = match[1] if match[1] is not None else match[2], match[3] if match[3] is not None else match[4]
    space = " " if match.start() and match.string[match.start() - 1].isdigit() else ""  # a mixed number
    return f"{space}{_operand(over)}/{_operand(under)}"


def _operand(text: str) -> str:
    if re.fullmatch(r"\s*\\[a-zA-Z]+\s*", text):
        return f"{text.strip()} "  # a letter after it is no part of the command
    return text.strip() if re.fullmatch(r"\s*[-+]?√?[\w.,]+\s*", text) else f"({text.strip()})"


def plain_text(text: str) -> str:
    """A text without LaTeX, with one form of each sign (NFKC, minus, times, quotes, digits); case is kept."""
    text = _lowered(INVISIBLE.sub("", text))
    # A minus sign belongs to its number; a hyphen or dash before a space does not.
    text = re.sub(r"\u2212\s*(?=[\d.$€£\\])", "-", text)
    text = unicodedata.normalize("NFKC", without_latex(text.translate(SIGNS)))
    return NUMERAL.sub(_ascii_digit, text)


def _ascii_digit(match: re.Match[str]) -> str:
    return str(unicodedata.decimal(match[0]))


def folded(text: str) -> str:
    """A text in NFKC, without case, with single spaces; a raised digit does not become a common one."""
    return " ".join(unicodedata.normalize("NFKC", _lowered(text)).casefold().split())


def _lowered(text: str) -> str:
    """A text with ` 1/2 ` for a sign of a fraction and `^2` for a raised digit."""
    text = VULGAR.sub(lambda match: f" {unicodedata.normalize('NFKC', match[0])} ", text)
    return SUPERSCRIPT.sub(lambda match: "^" + match[0].translate(SUPERSCRIPTS), text)


def canonical_text(text: str) -> str:
    """What is compared of a text that is no number: its words and signs, without case, quotes and a last full stop.

    Spaces beside signs of mathematics do not count. The canonical form of a canonical form is the same.
    """
    before = None
    while text != before:
        before, text = text, _canonical_text(text)
    return text


def _canonical_text(text: str) -> str:
    text = " ".join(plain_text(without_marks(text)).casefold().split())
    text = re.sub(r"\s?([-+*/^=<>|:()\[\]{}])\s?", r"\1", text)
    text = CHARGE.sub(r"\1", text)
    text = re.sub(r"\s?,\s?", ", ", text).strip(' "¿¡').rstrip('.,;:?… "')
    text = text.strip("'") if text.startswith("'") else text  # by itself at the end it is a prime
    while re.search(r"[^\W\d]{2}\s?!$", text):  # 5! and n! are factorials
        text = text[:-1].rstrip()
    return text


def words(text: str) -> str:
    """`canonical_text` without the punctuation of sentences; signs of numbers and names (`1/2`, `C#`) stay."""
    text = re.sub(r"[\"…?¿¡!]|(?<!\d)'(?!\d)|[.,;:](?!\d)", " ", canonical_text(text))
    text = " ".join(re.sub(r"(?<=[^\W\d_])-(?=[^\W\d_])", " ", text).split())
    return text[1:-1].strip() if re.fullmatch(r"\([^()]*\)|\[[^\[\]]*\]", text) else text
