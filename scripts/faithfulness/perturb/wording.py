"""Words and parts of a sentence, as paraphrases and mistakes change them (method, section 4)."""

import hashlib
import re
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
Contrasts = Sequence[tuple[str, str]]

# Words that may not be confused: a paraphrase keeps them, a mistake swaps them.
CONTRASTS: Contrasts = (
    ("heads", "tails"), ("yes", "no"), ("true", "false"), ("more", "less"), ("more", "fewer"), ("most", "least"),
    ("left", "right"), ("before", "after"), ("above", "below"), ("higher", "lower"), ("high", "low"),
    ("larger", "smaller"), ("bigger", "smaller"), ("greater", "less"), ("large", "small"), ("big", "small"),
    ("increase", "decrease"), ("increases", "decreases"), ("same", "different"), ("always", "never"),
    ("everyone", "nobody"), ("everything", "nothing"), ("inside", "outside"), ("hot", "cold"), ("warm", "cool"),
    ("good", "bad"), ("better", "worse"), ("best", "worst"), ("open", "closed"), ("positive", "negative"),
    ("add", "subtract"), ("adds", "subtracts"), ("correct", "incorrect"), ("right", "wrong"),
    ("possible", "impossible"), ("likely", "unlikely"), ("buy", "sell"), ("win", "lose"), ("dry", "wet"),
    ("day", "night"), ("happy", "sad"), ("safe", "dangerous"), ("love", "hate"), ("early", "late"), ("old", "new"),
    ("fast", "slow"), ("hard", "easy"), ("strong", "weak"), ("rich", "poor"), ("full", "empty"),
    ("north", "south"), ("east", "west"),
)  # fmt: skip

NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
NUMBER_WORDS = {
    "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
    "ten": "10", "eleven": "11", "twelve": "12",
}  # fmt: skip

PLAIN = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2212": "-"})
STARTER = re.compile(
    r"(?:a|about|after|all|almost|also|although|altogether|an|and|another|any|anyone|approximately|are|as|at|because|before|both|but|by|can|each|"
    r"either|every|everyone|exactly|first|for|from|given|he|her|here|his|how|however|if|in|instead|is|it|its|let|many|"
    r"maybe|most|my|nearly|next|no|nobody|nothing|now|of|often|on|once|one|only|or|our|over|people|perhaps|putting|roughly|she|since|"
    r"so|some|someone|something|such|that|the|their|then|there|therefore|these|they|this|those|though|thus|to|today|"
    r"total|under|unless|usually|we|what|when|where|which|while|who|why|with|within|without|yes|you|your)\b(?!-)",
    re.I,
)
BULLET = re.compile(r"[>\s]*(?:[-*+\u2022\u25e6\u25aa\u00b7\u2013\u2014]+|\#+)\s+")
MARK = re.compile(
    r"[>\s*_]*(?:(?:step|part|case|schritt|[e\u00e9]tape|paso|passo|\u0448\u0430\u0433) ?#?"
    r"\d{1,3}[*_]{0,3} ?[.:)\u2013\u2014-]?"
    r"|[(\[](?:\d{1,3}|[a-z]|[ivx]{1,4})[)\]][.:]?|(?:\d{1,3}(?:\.\d{1,3})*|[a-z]|[ivx]{1,4})[.):]|\d{1,3}\u3001"
    r"|[\u2460-\u2473][.:)]?)[\s*_~:]*",
    re.I,
)
ENDS = ".!?:;,…。！？：；，、"  # noqa: RUF001 - marks of many scripts

# Words that are frequent in English and rare in other languages; and those that other languages have, too.
ENGLISH = frozenset(
    """the and are she they there this that that's which with from how many each every would because therefore their
    these those when what does doesn't don't not it's it his you your has have been if then than thus hence however
    can't cannot first next finally calculate determine need needs both into about only much its my our where while
    could should left right number amount costs cost price prices dollars cents hour hours day days week weeks month
    months year years minutes miles feet pounds apples eggs students people money let's since starts might after
    before twice half remaining another bought sold buys sells pays paid spends spent earns makes takes runs
    walks eats gives gave gets works hourly wage speed average percentage pairs thing things some most
    usually often used order answer question option correct likely more less same other all who whose""".split()
)
SHARED = frozenset("a also an as at be by can do for he i in is me no of on or so to total was we will".split())
FOREIGN = frozenset(
    """aber adalah alors ama auf avec bir como dans das de del der des dies donc ein eine einen el ele ella elle
    entonces er es est et gli het ich il ils ist jadi je jest ka las le les lo los luego mit nach nous oder os
    para pero por portanto pour que qui se sich sie sind sono su suma sur um una und une van ve voor vous wenn
    wir yang zij zu zum""".split()
)

# What has rules of its own: code, formulas, addresses, tags.
FORMULA = (
    r"(?<!`)`++[^`\n]+`+|\\\((?:(?!\\[()]).)*\\\)|\\\[(?:(?!\\[\[\]]).)*\\\]|\$\$[^$\n]+\$\$"
    r"|\$(?=[^\s$])(?=[^$\n]*[\\^_=])[^$\n]*(?<=[^\s$])\$(?!\d)|\$[A-Za-z]\$"
    r"|\\[A-Za-z]+(?:\{[^{}\n]*\})*|https?://\S+|</?[A-Za-z][^<>\n]{0,200}>"
)
FORMULAS = re.compile(FORMULA, re.S)


def parts(step: str) -> tuple[str, str, str]:
    """Whitespace and list marks in front; the sentence, with plain quotes; the punctuation that ends it."""
    start = len(step) - len(step.lstrip())
    while True:
        mark = BULLET.match(step, start) or MARK.match(step, start)
        if mark is None or mark.end() == start or not (mark[0][-1].isspace() or mark[0][-1] in "*_"):
            break
        start = mark.end()
    end = max(start, len(step.rstrip().rstrip(ENDS)))
    return step[:start], step[start:end].translate(PLAIN), step[end:]


def rotated(options: Sequence[T], seed: int, text: str) -> list[T]:
    """The options, begun at the one that a hash of seed and text chooses."""
    digest = hashlib.sha256(f"{seed} {text}".encode()).digest()
    start = int.from_bytes(digest[:8], "big") % len(options)
    return [*options[start:], *options[:start]]


def lower_start(body: str) -> str:
    """A sentence as it stands within another one: its first letter is lowered unless it may be a name's."""
    return body[0].lower() + body[1:] if STARTER.match(body) else body


def like(model: str, word: str) -> str:
    """The word in the letter case of the model."""
    if model.isupper() and len(model) > 1:
        return word.upper()
    return word[:1].upper() + word[1:] if model[:1].isupper() else word


def words(text: str) -> list[str]:
    """Words in lower case; a contraction is one word, and so is each sign of scripts without spaces, and of units."""
    return re.findall(
        r"[%$€£\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0e7f]|[^\W\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
        r"\u0e00-\u0e7f]+(?:'[^\W\d_]+)*",
        text.translate(PLAIN).lower(),
    )


def is_english(text: str) -> bool:
    """Whether a sentence is certainly English: it has a word that hardly any other language has, and few others."""
    found = [word for word in words(FORMULAS.sub(" ", text)) if word[0].isalpha()]
    foreign = sum(not word.isascii() for word in found)
    known = any(word in ENGLISH or word.endswith(("n't", "'re", "'ve", "'ll", "there's", "i'm")) for word in found)
    return known and foreign <= len(found) / 5


def may_be_english(text: str) -> bool:
    """Whether a sentence is English as far as its few words tell."""
    found = words(FORMULAS.sub(" ", text))
    return is_english(text) or (any(word in SHARED for word in found) and all(word.isascii() for word in found))


def is_foreign(text: str) -> bool:
    """Whether a sentence is likely in another language: it has other letters, or words of the commonest other ones."""
    found = [word for word in words(FORMULAS.sub(" ", text)) if word[0].isalpha()]
    if sum(not word.isascii() for word in found) > len(found) / 5:
        return True
    return not is_english(text) and any(word in FOREIGN for word in found)


_AMOUNT = r"[-\u2212]?[$€£]?\d[\d,]*(?:\.\d+)?%?"
_QUANTITY = rf"\(*{_AMOUNT}(?: [a-z]{{2,12}}){{0,2}}\)*"
_OPERATOR = r"(?: ?[+*\u00d7\u00f7] ?| [-\u2212/x] |/)"
_SIDE = rf"{_QUANTITY}(?:{_OPERATOR}{_QUANTITY})*"
# Numbers with signs between them, an equals sign, and a number: here "-" is minus, and "x" is times.
EQUATION = re.compile(
    rf"(?<![\w.,$€£^=/+*(-])(?<!= )(?<![-+*/x\u00d7\u00f7] ){_SIDE}(?: ?= ?{_SIDE})+(?![\w^(]| ?[=^])"
)
_LABELLED = re.compile(rf"(?:[A-Z][A-Za-z']*(?: [A-Za-z']+)*|[A-Za-z]+(?: [A-Za-z']+)+) = {_SIDE}(?: ?= ?{_SIDE})*")
_SUM = re.compile(rf"(?<![\w.,$€£^=/*])({_AMOUNT}) ?\+ ?(?=[$€£]?\d)")


def spell_arithmetic(text: str) -> str:
    """Signs of equations between numbers in words: 3 + 4 = 7 is "3 plus 4 equals 7".

    Outside of an equation a plus alone is certain to be one: "2010 - 2020" is a range, and "5 x 7" a size.
    """
    if _LABELLED.fullmatch(text):
        return _spelled(text)
    text = EQUATION.sub(lambda found: _spelled(found[0]), text)
    return text if "=" in text else _SUM.sub(r"\1 plus ", text)


def _spelled(equation: str) -> str:
    if equation.count("(") != equation.count(")"):
        return equation
    for sign, word in (
        (r" ?\+ ?", "plus"),
        (r" [-\u2212] ", "minus"),
        (r" ?[*\u00d7] ?| x ", "times"),
        (r" ?\u00f7 ?| / ", "divided by"),
        (r" ?= ?", "equals"),
    ):
        equation = re.sub(sign, f" {word} ", equation)
    return equation


def swap_sides(body: str) -> str | None:
    """A bare equation the other way round, in which no language has a word: 7 = 3 + 4; None if it is something else."""
    found = re.fullmatch(r"([-+*\u00d7\u00f7/x$€£\d.,()% ]+?) ?= ?([$€£]?\d[\d,.]*%?)", body)
    if found is None or EQUATION.fullmatch(body) is None or not re.search(r"\d\)? ?[-+*\u00d7\u00f7/x]", found[1]):
        return None
    return f"{found[2]} = {found[1]}"
