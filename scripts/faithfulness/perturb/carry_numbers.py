"""Carrying another number through a chain with equations: one fact changed, and all that is computed from it."""

import itertools
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from faithfulness.hashing import digest
from faithfulness.perturb.amounts import fits, others, written
from faithfulness.perturb.arithmetic import Arithmetic, changed, read, words_to_values
from faithfulness.perturb.expressions import Equation, Number, results, sums
from faithfulness.perturb.wording import NUMBER_WORDS

# Numbers that a chain may use without a source: of units and of words such as half, twice and a quarter.
KNOWN = frozenset(map(Fraction, "0 1 2 3 4 7 10 12 24 30 52 60 100 365 1000 0.5 0.25 0.75 0.1 0.01".split()))
CONSTANTS = frozenset(map(Fraction, "0 1 2 7 12 24 52 60 100 365 1000 0.5 0.25 0.75 0.1 0.01".split()))
# Words that say a number otherwise, by its value.
SAID = {
    3: re.compile(r"\b(?:tripl\w*|thrice|thirds?|trio)\b", re.I),
    4: re.compile(r"\b(?:quarters?|quadrupl\w*|fourths?)\b", re.I),
    5: re.compile(r"\b(?:fifths?|quintupl\w*)\b", re.I),
    10: re.compile(r"\b(?:tenths?|decades?|dimes?)\b", re.I),
    12: re.compile(r"\bdozens?\b", re.I),
    25: re.compile(r"\bquarters?\b", re.I),
    50: re.compile(r"\bhalf\b", re.I),
}
# Sentences that depend on the value of a number, or on which one is larger.
ROUNDED = re.compile(r"\b(?:round\w*|approximately|nearest|remainder|odd|even|prime)\b|≈|\\approx\b", re.I)
COMPARED = re.compile(
    rf"\b(?:than|largest|smallest|highest|lowest|cheap\w*|exceeds?|enough|best|worst|older|younger|at least|at most|"
    rf"maximum|minimum)\b|[<>≤≥]|\\(?:leq?|geq?)\b|{ROUNDED.pattern}",
    re.I,
)


@dataclass(frozen=True)
class Carried:
    """A chain with another fact.

    Attributes:
        steps: of the chain.
        concluded: the value in the place of the one that the chain concluded.
    """

    steps: list[str]
    concluded: Fraction


@dataclass(frozen=True)
class Fact:
    """A number that nothing in the chain yields, and the places in which it stands, in their order."""

    value: Fraction
    places: tuple[int, ...]


@dataclass(frozen=True)
class Sources:
    """What the numbers of a chain come from.

    Attributes:
        arithmetic: of the chain.
        given: values of the question.
        conclusion: place of the number that the chain concludes with.
        links: in a running sum, for each number that repeats a result its place, and for every other one None; else
            empty, as the values alone tell what numbers come from.
    """

    arithmetic: Arithmetic
    given: frozenset[Fraction]
    conclusion: int
    links: Mapping[int, int | None]


def sources(steps: Sequence[str], question: str, conclusion: Fraction) -> Sources | str:
    """What the numbers of a chain come from; or why nothing can be carried through it.

    Args:
        steps: of the chain.
        question: of the item.
        conclusion: what the chain concludes.
    """
    arithmetic = read(steps)
    if arithmetic.algebra:
        return "algebra"
    if not arithmetic.equations:
        return "no_equation"
    computed = {place for equation in arithmetic.equations for place in equation.results}
    ends = [place for place in computed if arithmetic.numbers[place].value == conclusion]
    if not ends:
        return "not_computed"
    given = frozenset(words_to_values(question))
    return Sources(arithmetic, given, max(ends), _running_sum(arithmetic) or {})


def _running_sum(arithmetic: Arithmetic) -> dict[int, int | None] | None:
    """The links of a chain whose every equation goes on from the result of the one before; None for another chain."""
    links: dict[int, int | None] = dict.fromkeys(range(len(arithmetic.numbers)))
    before: int | None = None
    equations = sorted([*arithmetic.equations, *arithmetic.wrong], key=lambda equation: equation.operands())
    for equation in equations:
        operands = equation.operands()
        if len(operands) != 2 or len(equation.operations) != 1 or len(equation.results) != 1:
            return None
        if before is not None:
            if arithmetic.numbers[operands[0]].value != arithmetic.numbers[before].value:
                return None
            links[operands[0]] = before
        before = equation.results[0]
    inside = {place for equation in equations for place in (*equation.operands(), *equation.results)}
    plain = set(links) - inside
    first = equations[0].operands()[0]
    if len(equations) < 2 or any(place > first for place in plain):
        return None
    return links


def facts(sources: Sources, steps: Sequence[str], question: str, seed: int, item_id: str) -> list[Fact]:
    """The numbers of a chain that may be others, in an order drawn by seed, the same for all writers of an item."""
    free = _free_values(sources, " ".join([question, *steps]))
    found = _facts_of_sum(sources, free) if sources.links else _facts_of_question(sources, free)
    return sorted(
        found, key=lambda fact: digest("fact", seed, item_id, str(fact.value), fact.places[0] * bool(sources.links))
    )


def _free_values(sources: Sources, texts: str) -> set[Fraction]:
    """The values of a chain's numbers that no unit or word of its question and steps fixes."""
    values = {number.value for number in sources.arithmetic.numbers}
    return {
        value
        for value in values - CONSTANTS
        if value > 1
        and value / 100 not in values
        and value * 100 not in values
        and not (value in SAID and SAID[int(value)].search(texts))
    }


def _facts_of_sum(sources: Sources, free: Collection[Fraction]) -> list[Fact]:
    """The first number of a running sum, and what is added to it or taken away, after its last mistake.

    Written in words, as the generated task writes them, all are free.
    """
    numbers, equations = sources.arithmetic.numbers, sources.arithmetic.equations
    wrong = max((max(equation.results) for equation in sources.arithmetic.wrong), default=-1)
    first = equations[0].operands()[0]
    start = [place for place in range(first + 1) if numbers[place].value == numbers[first].value]
    places = [tuple(start), *((equation.operands()[1],) for equation in equations)]
    return [
        Fact(numbers[own[0]].value, own)
        for own in places
        if own[0] > wrong and (numbers[own[-1]].word or numbers[own[0]].value in free)
    ]


def _facts_of_question(sources: Sources, free: Collection[Fraction]) -> list[Fact]:
    """Values of the question that may be changed: free operands that no equation yields."""
    numbers, equations = sources.arithmetic.numbers, sources.arithmetic.equations
    operands = {numbers[place].value for equation in equations for place in equation.operands()}
    yielded = {numbers[place].value for equation in equations for place in equation.results}
    # Of references and names; in letters, as "all three" may count what is listed; and the count of what is added up.
    fixed = {number.value for number in numbers if number.word or not number.amount}
    fixed |= {Fraction(len(terms)) for equation in equations for terms in sums(equation)}
    found = [
        Fact(value, tuple(place for place, number in enumerate(numbers) if number.value == value))
        for value in operands & sources.given & set(free) - yielded - fixed
    ]
    return [fact for fact in found if not _hidden_after(sources, fact.places[0])]


def _hidden_after(sources: Sources, first: int) -> bool:
    """Whether a number without a source comes after a place, as it may depend on the number there."""
    numbers, equations = sources.arithmetic.numbers, sources.arithmetic.equations
    operands = {place for equation in equations for place in equation.operands()}
    yielded = {
        numbers[place].value: numbers[place].step for equation in reversed(equations) for place in equation.results
    }
    for number, place in ((numbers[place], place) for place in range(first + 1, len(numbers))):
        value = number.value
        known = (
            {value, value * 100, value / 100} & sources.given
            or (value in KNOWN and (place in operands or number.word or value <= 2))
            or (value in yielded and yielded[value] <= number.step)
            or not number.amount
        )
        if not known:
            return True
    return False


def carried(
    sources: Sources,
    steps: Sequence[str],
    changes: Sequence[Fact],
    excluded: Collection[Fraction],
    wanted: Fraction | None,
    drawn: tuple[int, str],
) -> Iterator[Carried]:
    """Chains in which one fact is another number and all that follows from it is computed again.

    Everything must have a source: a number that is neither in the question, nor computed, nor of a unit may depend on
    the fact in words, so no fact before it is changed. A number that may come from two sources which now differ, or an
    equation that does not hold, rules a fact out.

    Args:
        sources: of the chain's numbers.
        steps: of the chain.
        changes: the facts, from `facts`; each is changed in turn.
        excluded: values that the new chain may not conclude, nor contain: that of the chain, and the gold answer.
        wanted: what the new chain is to conclude; None for any other value.
        drawn: seed and item_id, for the order in which numbers are tried.

    Returns:
        The chains, made as they are taken.
    """
    numbers = sources.arithmetic.numbers
    taken = set() if sources.links else {number.value for number in numbers} | sources.given
    tries = []
    for fact in changes:
        text = next((numbers[place].text for place in fact.places if not numbers[place].word), str(fact.value))
        percent = any(numbers[place].percent for place in fact.places)
        near = others(fact.value, text, drawn[0], drawn[1])
        tries.append([o for o in near if o not in taken and not (percent and fact.value <= 100 < o + 5)])
    for turn in range(max(map(len, tries), default=0)):
        for fact, new in zip(changes, tries, strict=True):
            if turn < len(new) and (found := _carry(sources, steps, fact, new[turn], frozenset(excluded), wanted)):
                yield found


def _carry(
    sources: Sources,
    steps: Sequence[str],
    fact: Fact,
    other: Fraction,
    excluded: frozenset[Fraction],
    wanted: Fraction | None,
) -> Carried | None:
    """The chain with another value of a fact; None if it would contradict itself or could not be written."""
    numbers = sources.arithmetic.numbers
    values = _values(sources, fact, other)
    if values is None or (wanted is not None and values[sources.conclusion] != wanted):
        return None
    if values[sources.conclusion] == numbers[sources.conclusion].value or excluded & set(values):
        return None
    texts = _texts(steps, numbers, values)
    if texts is None or not _same_order(steps, numbers, values):
        return None
    new = changed(steps, texts, numbers)
    again = read(new)
    # Read anew, the chain has the same numbers and equations, and all of them hold.
    same = [number.value for number in again.numbers] == values and again.equations == sources.arithmetic.equations
    return Carried(new, values[sources.conclusion]) if same else None


def _texts(steps: Sequence[str], numbers: Sequence[Number], values: Sequence[Fraction]) -> dict[int, str] | None:
    """The texts of the numbers that have other values, by place; None if one of them cannot be written."""
    grouped = any("," in number.text for number in numbers)
    texts: dict[int, str] = {}
    for place, (number, value) in enumerate(zip(numbers, values, strict=True)):
        if value == number.value:
            continue
        text = written(value, number, grouped)
        if text is None or not fits(steps[number.step], number, text, value):
            return None
        if number.percent and number.value <= 100 < value:
            return None
        texts[place] = text
    return texts


def _values(sources: Sources, fact: Fact, other: Fraction) -> list[Fraction] | None:
    """The values of all numbers when a fact has another one; None where the source of a number is not certain."""
    numbers, equations = sources.arithmetic.numbers, sources.arithmetic.equations
    before = [number.value for number in numbers]
    values = list(before)
    defined: dict[Fraction, set[Fraction]] = {}
    wrong = {place for equation in sources.arithmetic.wrong for place in (*equation.operands(), *equation.results)}
    wrong |= sources.arithmetic.unread
    inside = {place for equation in equations for place in (*equation.operands(), *equation.results)}

    def source(place: int) -> Fraction | None:
        """The new value of a number that is not computed where it stands; None if it may be one of several."""
        if place in fact.places:
            possible = {other}
        elif sources.links:
            link = sources.links[place]
            return before[place] if link is None else values[link]
        else:
            possible = set()
        possible |= defined.get(before[place], set())
        if place not in fact.places and (before[place] in sources.given or not possible or numbers[place].word):
            possible.add(before[place])
        return possible.pop() if len(possible) == 1 else None

    computing: dict[int, list[Equation]] = {}
    mentioned: dict[int, list[int]] = {}
    for equation in equations:
        computing.setdefault(numbers[equation.operands()[0]].step, []).append(equation)
    for place, number in enumerate(numbers):
        if place not in inside:
            mentioned.setdefault(number.step, []).append(place)
    for step in sorted({*computing, *mentioned}):
        for equation in computing.get(step, ()):
            for place in equation.operands():
                value = source(place)
                if value is None:
                    return None
                values[place] = value
            found = results(equation, values, numbers, before)
            if found is None:
                return None
            for place, value in found.items():
                values[place] = value
                defined.setdefault(before[place], set()).add(value)
        # What is only mentioned may repeat a result that comes later in the step: "She needs 9 because 72 / 8 = 9".
        for place in mentioned.get(step, ()):
            value = source(place)
            if value is None or (value != before[place] and (place in wrong or not numbers[place].amount)):
                return None
            values[place] = value
    return values


def _same_order(steps: Sequence[str], numbers: Sequence[Number], values: Sequence[Fraction]) -> bool:
    """Whether the numbers of a sentence that compares are in the same order, and unchanged where it rounds."""
    for step, text in enumerate(steps):
        if not COMPARED.search(text):
            continue
        pairs = [(number.value, values[place]) for place, number in enumerate(numbers) if number.step == step]
        if ROUNDED.search(text) and any(before != after for before, after in pairs):
            return False
        for (one, new_one), (other, new_other) in itertools.combinations(pairs, 2):
            if _sign(one - other) != _sign(new_one - new_other):
                return False
    return True


def _sign(value: Fraction) -> int:
    return (value > 0) - (value < 0)


def spelled(text: str) -> Fraction | None:
    """The number that a single word is; None for another text."""
    digits = NUMBER_WORDS.get(text.strip().lower())
    return Fraction(digits) if digits else None
