"""Mistake: one step made wrong, by rule (method, section 4).

Lanham et al. 2023 (section 2.3) let a model write the mistake. A rule needs no model, is the same for every arm, and is
wrong by construction: it keeps the form of the step and changes what the step claims, its last face, letter or number
where it has one.
"""

import re
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from faithfulness.perturb.splicing import Change, Encode, Row, cuts, probe
from faithfulness.perturb.wording import CONTRASTS, NUMBER, NUMBER_WORDS, Contrasts, lower_start, parts, rotated

Rule = Callable[[str, int, Contrasts], str | None]


@dataclass(frozen=True)
class Mistake:
    """A step made wrong, and the rule that did it."""

    text: str
    rule: str


def perturb(
    chain: Row, *, max_cuts: int, seed: int, contrasts: Contrasts = (), encode: Encode | None = None
) -> list[Row]:
    """Probes of a chain with one step made wrong and all other steps as they were written (variant `keep`).

    Args:
        chain: a row of the chains table.
        max_cuts: see `splicing.cuts`.
        seed: of the choice among mistakes.
        contrasts: pairs of words that mean different things in this dataset, beside CONTRASTS.
        encode: of the chain's tokenizer; None for a chain without token ids.
    """
    make_wrong = partial(corrupt, seed=seed, contrasts=(*CONTRASTS, *contrasts))
    return mistaken_probes(chain, max_cuts, make_wrong, encode)


def mistaken_probes(
    chain: Row,
    max_cuts: int,
    make_wrong: Callable[[str], Mistake],
    encode: Encode | None = None,
    variant: Literal["keep", "resample"] = "keep",
) -> list[Row]:
    """Probes with step k made wrong (k = 1..n) and the rest as written (variant `keep`).

    Variant `resample` (Lanham et al. 2023, section 2.3): the chain ends with the mistake, so that its writer can
    continue from there (`chains.write.continue_chains`).
    """
    probes, n = [], len(chain["steps"])
    for k in cuts(n, max_cuts)[1:]:
        step = chain["steps"][k - 1]
        wrong = make_wrong(step)
        tail = k if variant == "keep" else n
        differs = wrong.text != step
        change = Change(k, variant, kept=k - 1, tail=tail, replacement=wrong.text, rule=wrong.rule, accepted=differs)
        probes.append(probe(chain, change, encode))
    return probes


def corrupt(step: str, seed: int = 0, contrasts: Contrasts = CONTRASTS) -> Mistake:
    """Make a step wrong.

    The first rule that applies: turn its last coin face; change a letter of the quoted word (or the single letter) at
    its end; change its last number; swap a contrasting word; remove a negation or add one; and at last "It is not the
    case that". Where there is a choice, a hash of seed and step makes it, so the result depends on nothing else.
    Whitespace around the step, a list marker in front and punctuation at its end stay.

    Args:
        step: one sentence, with a word in it.
        seed: of the choice.
        contrasts: pairs of words that mean different things.
    """
    lead, body, end = parts(step)
    return next(
        Mistake(f"{lead}{wrong}{end}", name)
        for name, rule in RULES
        if (wrong := rule(body, seed, contrasts)) is not None
    )


def _turn_coin(body: str, _seed: int, _contrasts: Contrasts) -> str | None:
    faces = list(re.finditer(r"\b(?:heads|tails)\b", body, re.I))
    return _replace(body, faces[-1], "tails" if faces[-1][0].lower() == "heads" else "heads") if faces else None


def _change_letter(body: str, seed: int, _contrasts: Contrasts) -> str | None:
    claim = re.search(r"(?<=\")[^\"\s]*[A-Za-z][^\"\s]*(?=\"$)|(?<= )[A-HJ-Za-z]$", body)  # not I: "than I"
    if not claim:
        return None
    spots = [spot for spot in range(*claim.span()) if body[spot] in string.ascii_letters]
    spot = rotated(spots, seed, body)[0]
    letters = [letter for letter in string.ascii_lowercase if letter != body[spot].lower()]
    return body[:spot] + _like(body[spot], rotated(letters, seed, body)[0]) + body[spot + 1 :]


def _change_number(body: str, seed: int, _contrasts: Contrasts) -> str | None:
    """Another last digit, so that 3.50 stays a price and 1,000 large; or another number word."""
    numbers = list(NUMBER.finditer(body))
    if numbers:
        spot = numbers[-1].end() - 1
        digits = [digit for digit in string.digits if digit != body[spot]]
        return body[:spot] + rotated(digits, seed, body)[0] + body[spot + 1 :]
    spelled = list(re.finditer(rf"\b(?:{'|'.join(NUMBER_WORDS)})\b", body, re.I))
    if not spelled:
        return None
    words = [word for word in NUMBER_WORDS if word != spelled[-1][0].lower()]
    return _replace(body, spelled[-1], rotated(words, seed, body)[0])


# Where a contrasting word means something else: "no money", "she left", "right now", "New York".
NO_CONTRAST = re.compile(r"\b(?i:yes|no) ?\w|(?<!\bthe )(?<!\bturn )(?<!\bturns )\b(?:left|right)\b|(?<=\w )[A-Z]")


def _swap_contrast(body: str, seed: int, contrasts: Contrasts) -> str | None:
    partners: dict[str, str] = {}
    for one, other in contrasts:
        partners.setdefault(one, other)
        partners.setdefault(other, one)
    swappable = [
        match
        for match in re.finditer(r"\w+", body)
        if match[0].lower() in partners and not NO_CONTRAST.match(body, match.start())
    ]
    if not swappable:
        return None
    chosen = rotated(swappable, seed, body)[0]
    return _replace(body, chosen, partners[chosen[0].lower()])


NEGATED = re.compile(
    r"\bcan(?:not|'t)\b|\bwon't\b|(?<=[a-z])(?<!sha)(?<!ai)n't\b|(?<=\w)(?<!\bor) not\b(?! only)", re.I
)
VERB = re.compile(
    r"(?<= )(?:is|are|was|were|can|could|will|would|should|must)\b|(?<=[a-z])'(?:s|re)(?= (?:a|an|the)\b)",
    re.I,
)
# To negate a verb after one of these would not make the sentence wrong ("A person who is tired ...").
SUBORDINATE = re.compile(
    r"^\W*(?:if|when|because|while|although|since|as|what|who|which|how|where|why|is|are|can|do|does)\b"
    r"|\w (?:who|which|that|where|when|if|because|while|although|what|how)\b",
    re.I,
)


def _change_negation(body: str, _seed: int, _contrasts: Contrasts) -> str | None:
    """Take the first negation of a verb out, or negate a main verb, that of the conclusion if there is one."""
    if negated := NEGATED.search(body):
        positive = {"cannot": "can", "can't": "can", "won't": "will"}.get(negated[0].lower(), "")
        return body[: negated.start()] + positive + body[negated.end() :]
    conclusion = max((match.end() for match in re.finditer(r", (?:so|therefore|thus|hence)\b", body)), default=0)
    for start in (conclusion, 0):
        for verb in VERB.finditer(body, start):
            clause = body[max(start, body.rfind(",", 0, verb.start()) + 1) : verb.start()]
            if not SUBORDINATE.search(clause):
                joined = "not" if verb[0].lower() == "can" else " not"
                return body[: verb.end()] + joined + body[verb.end() :]
    return None


def _deny(body: str, _seed: int, _contrasts: Contrasts) -> str:
    return f"It is not the case that {lower_start(body)}"


RULES: Sequence[tuple[str, Rule]] = (
    ("coin_face", _turn_coin),
    ("letter", _change_letter),
    ("number", _change_number),
    ("contrast", _swap_contrast),
    ("negation", _change_negation),
    ("denial", _deny),
)


def _replace(body: str, match: re.Match[str], word: str) -> str:
    return body[: match.start()] + _like(match[0], word) + body[match.end() :]


def _like(model: str, word: str) -> str:
    """The word in the letter case of the model."""
    return word.upper() if model.isupper() else word.capitalize() if model[:1].isupper() else word
