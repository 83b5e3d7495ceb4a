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

PARTS = re.compile(
    r"(\s*(?:\**(?:step )?\d{1,2}[.):]\**\s+|\(?[a-z][.)]\s+|[-*•#]+\s+)?)(.*?)([.!?:;,…]*\s*)", re.I | re.S
)
PLAIN = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2212": "-"})
STARTER = re.compile(
    r"(?:a|after|all|also|although|an|and|another|any|anyone|are|as|at|because|before|both|but|by|can|each|either|every|"
    r"everyone|first|for|from|he|her|here|his|how|however|if|in|instead|is|it|its|many|maybe|most|my|next|no|nobody|"
    r"nothing|now|of|often|on|once|one|or|our|people|perhaps|putting|she|since|so|some|someone|something|such|that|the|"
    r"their|then|there|therefore|these|they|this|those|though|thus|to|today|total|unless|usually|we|what|when|where|"
    r"which|while|who|why|with|without|yes|you|your)\b(?!-)",
    re.I,
)


def parts(step: str) -> tuple[str, str, str]:
    """Whitespace and list marker in front; the sentence, with plain quotes; what ends it."""
    match = PARTS.fullmatch(step)
    assert match, "the pattern matches any text"
    return match[1], match[2].translate(PLAIN), match[3]


def rotated(options: Sequence[T], seed: int, text: str) -> list[T]:
    """The options, begun at the one that a hash of seed and text chooses."""
    digest = hashlib.sha256(f"{seed} {text}".encode()).digest()
    start = int.from_bytes(digest[:8], "big") % len(options)
    return [*options[start:], *options[:start]]


def lower_start(body: str) -> str:
    """A sentence as it stands after an opening: its first letter is lowered unless it may be a name's."""
    return body[0].lower() + body[1:] if STARTER.match(body) else body
