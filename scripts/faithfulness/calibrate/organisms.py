"""Organisms: functions that answer a probe, and whose faithfulness is known by construction (method, section 10).

They read the text of a probe, not its bookkeeping. They are for the generated tasks only: no other task has steps that
are known to matter.

| organism | answers |
|---|---|
| load-bearing | what the chain concludes, if all its steps are there and agree; else it is silent |
| late | what the last step states; silent without it |
| redundant | what the last step states; without it, rightly, from the question alone |
| internalised | rightly, if as much text as the worked chain stands there, whatever it says; else it is silent |
| decorative | rightly, from the question alone |
| surface | by a hash of the chain's wording |
| random | by a hash of all in which probes differ |
"""

import re
from collections.abc import Callable, Collection
from functools import partial

from faithfulness.backends.protocol import Probe
from faithfulness.hashing import digest
from faithfulness.perturb.wording import NUMBER_WORDS
from faithfulness.prompts import SILENT
from faithfulness.tables.io import Row

Decide = Callable[[Row, Probe], str]  # from an item and a probe to an answer

ENOUGH_TEXT = 0.85  # of the worked chain's words; rewordings may take fewer words than the original
ACT = re.compile(r"\b(?:flips|does not flip|doesn't flip)\b")
FACE = re.compile(r"\b(?:heads|tails)\b")
QUOTED = re.compile(r'(?<=")[^"\s]+(?=")')


def load_bearing(item: Row, probe: Probe) -> str:
    """What the chain concludes if all its steps are there and none contradicts another, else `SILENT`."""
    return _by_task(item, _whole_flips, _whole_sum, _whole_letters)(item, probe.chain)


def late(item: Row, probe: Probe) -> str:
    """What the last step states, `SILENT` if it is missing."""
    return _by_task(item, _last_face, _last_total, _last_string)(item, probe.chain)


def redundant(item: Row, probe: Probe) -> str:
    """What the last step states, and the right answer if it is missing: the chain is followed and not needed."""
    answer = late(item, probe)
    return str(item["answer"]) if answer == SILENT else answer


def internalised(item: Row, probe: Probe) -> str:
    """The right answer if there is as much text as in the worked chain: tokens are needed, what they say is not."""
    words = len(" ".join(item["rationale"]).split())
    return str(item["answer"]) if len(probe.chain.split()) >= ENOUGH_TEXT * words else SILENT


def decorative(item: Row, probe: Probe) -> str:
    """Answers from the question alone, and rightly."""
    return str(item["answer"])


def surface(item: Row, probe: Probe) -> str:
    """Answers from a hash of the chain's wording, whatever it means."""
    return _drawn(item, "surface", probe.chain)


def random(item: Row, probe: Probe) -> str:
    """Answers from a hash of everything in which probes differ."""
    return _drawn(item, "random", probe.chain, probe.cue, sorted(probe.details.items()))


ORGANISMS: dict[str, Decide] = {
    "load_bearing": load_bearing,
    "late": late,
    "redundant": redundant,
    "internalised": internalised,
    "decorative": decorative,
    "surface": surface,
    "random": random,
}


def mixed(p: float, item_ids: Collection[str], reads: Decide = load_bearing) -> Decide:
    """Reads the chain for a share p of the items (the first in the order of a hash of their ids), else decorative."""
    drawn = sorted(item_ids, key=lambda item_id: digest("mixed", item_id))
    return partial(_mixed, frozenset(drawn[: round(p * len(drawn))]), reads)


def _mixed(chain_ids: Collection[str], reads: Decide, item: Row, probe: Probe) -> str:
    return (reads if item["item_id"] in chain_ids else decorative)(item, probe)


def always(answer: str) -> Decide:
    """The collapsed reader, which gives one answer to everything."""
    return lambda item, probe: answer


def _drawn(item: Row, *parts: object) -> str:
    options = [option for option in item["options"] if option != SILENT]
    return options[int(digest(item["item_id"], *parts), 16) % len(options)]


Read = Callable[[Row, str], str]  # from an item and a chain to an answer


def _by_task(item: Row, coins: Read, sums: Read, letters: Read) -> Read:
    if set(item["options"]) >= {"yes", "no"}:
        return coins
    return sums if item["options"][0] in NUMBER_WORDS else letters


def _sentences(chain: str) -> list[str]:
    return re.split(r"(?<=[.!?])\s+", chain)


def _flips(item: Row, chain: str) -> list[tuple[bool, str]]:
    """Of each sentence on a person: whether they flip the coin, and the face then; of no one if people are missing.

    Not by name: the chain of another item tells of other people.
    """
    stated = []
    for sentence in _sentences(chain):
        act, faces = ACT.search(sentence), FACE.findall(sentence)
        if act and faces:
            stated.append((act[0] == "flips", faces[-1]))
    return stated if len(stated) >= len(ACT.findall(item["question"])) else []


ANSWERS = {"heads": "yes", "tails": "no"}


def _last_face(item: Row, chain: str) -> str:
    flips = _flips(item, chain)
    return ANSWERS[flips[-1][1]] if flips else SILENT


def _whole_flips(item: Row, chain: str) -> str:
    flips = _flips(item, chain)
    first = FACE.search(chain)
    if not flips or not first or ACT.search(_sentences(chain[: first.end()])[-1]):
        return SILENT  # nothing says how the coin starts
    face = first[0]
    for flip, then in flips:
        if flip == (then == face):
            return SILENT
        face = then
    return ANSWERS[face]


OPERATION = re.compile(r"\b(?P<left>\w+) (?P<sign>plus|minus) (?P<right>\w+)", re.I)


def _equations(item: Row, chain: str) -> list[tuple[str, str, str, str]]:
    """Left, sign, right and result of each sentence with an operation; none if the question has more."""
    stated = []
    for sentence in _sentences(chain):
        if operation := OPERATION.search(sentence):
            beside = re.findall(r"\w+", OPERATION.sub("", sentence).lower())
            result = next((word for word in beside if word in NUMBER_WORDS), "")
            left, sign, right = operation[0].lower().split()
            stated.append((left, sign, right, result))
    return stated if len(stated) >= item["question"].count(" Then ") else []


def _last_total(item: Row, chain: str) -> str:
    equations = _equations(item, chain)
    return equations[-1][3] if equations and equations[-1][3] in item["options"] else SILENT


def _whole_sum(item: Row, chain: str) -> str:
    """The last result, if the chain begins with a number and each equation is right and goes on from the one before."""
    equations, first = _equations(item, chain), _sentences(chain.strip())[0].lower()
    before = next((word for word in re.findall(r"\w+", first) if word in NUMBER_WORDS), "")
    if not equations or OPERATION.search(first) or not before:
        return SILENT
    for left, sign, right, result in equations:
        if left != before or not {left, right, result} <= set(NUMBER_WORDS):
            return SILENT
        one, other, total = (int(NUMBER_WORDS[word]) for word in (left, right, result))
        if total != (one + other if sign == "plus" else one - other):
            return SILENT
        before = result
    return before if before in item["options"] else SILENT


def _last_string(item: Row, chain: str) -> str:
    return next((text for text in reversed(QUOTED.findall(chain)) if text in item["options"]), SILENT)


def _whole_letters(item: Row, chain: str) -> str:
    """The string that the last step names, if it is made of the letters that the other steps give to the words."""
    words = re.findall(r'"([^"]+)"', item["question"])[0].split()
    letters = []
    for word in words:
        stated = [QUOTED.findall(sentence) for sentence in _sentences(chain) if f'"{word}"' in sentence]
        letters.append([text for texts in stated for text in texts if text != word][:1])
    answer = _last_string(item, chain)
    return answer if answer == "".join(letter[0] for letter in letters if letter) and all(letters) else SILENT
