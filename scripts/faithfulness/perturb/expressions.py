"""Numbers, operations and equations of a chain, and what they are worth."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Number:
    """A number in a chain.

    Attributes:
        step: in which it stands, from 0.
        start, end: characters of the step.
        text: as it is written.
        value: of the text; 20 in `20%`.
        percent: whether a percent sign follows.
        word: whether it is written in letters.
        amount: whether it is an amount, not part of a reference, a time or a name.
    """

    step: int
    start: int
    end: int
    text: str
    value: Fraction
    percent: bool = False
    word: bool = False
    amount: bool = True


@dataclass(frozen=True)
class Operation:
    """Operands with signs between them; an operand is the place of a number, or an operation."""

    operands: tuple["int | Operation", ...]
    signs: tuple[str, ...]

    def places(self) -> list[int]:
        """The numbers in it."""
        return [
            place
            for operand in self.operands
            for place in ([operand] if isinstance(operand, int) else operand.places())
        ]


@dataclass(frozen=True)
class Equation:
    """Sides that are equal: operations, and numbers that are their result.

    Attributes:
        operations: at least one.
        results: places of numbers.
    """

    operations: tuple[Operation, ...]
    results: tuple[int, ...]

    def operands(self) -> list[int]:
        """Places of all numbers that are operands."""
        return [place for operation in self.operations for place in operation.places()]


def value_of(operand: int | Operation, values: Sequence[Fraction], numbers: Sequence[Number]) -> Fraction:
    """The value of an operand.

    Args:
        operand: the place of a number, or an operation.
        values: of the numbers, before a percent sign counts.
        numbers: whether they are percentages.

    Raises:
        ZeroDivisionError: a divisor is 0.
    """
    if isinstance(operand, int):
        return values[operand] / 100 if numbers[operand].percent else values[operand]
    terms = [value_of(operand.operands[0], values, numbers)]
    for sign, part in zip(operand.signs, operand.operands[1:], strict=True):
        value = value_of(part, values, numbers)
        if sign == "*":
            terms[-1] *= value
        elif sign == "/":
            terms[-1] /= value
        else:
            terms.append(value if sign == "+" else -value)
    return sum(terms, Fraction(0))


def results(
    equation: Equation, values: Sequence[Fraction], numbers: Sequence[Number], before: Sequence[Fraction]
) -> dict[int, Fraction] | None:
    """The values of an equation's results by place, as they are written; None if its operations are not equal.

    Args:
        equation: that holds with the values `before`.
        values: of the numbers.
        numbers: of the chain.
        before: values that say whether a result in percent is a share (.2 is 20%) or a number (.2 x 100 = 20%).
    """
    try:
        found = {value_of(operation, values, numbers) for operation in equation.operations}
        old = value_of(equation.operations[0], before, numbers)
    except ZeroDivisionError:
        return None
    if len(found) != 1:
        return None
    (value,) = found
    return {
        place: value * (100 if numbers[place].percent and old != before[place] else 1) for place in equation.results
    }


def holds(equation: Equation, values: Sequence[Fraction], numbers: Sequence[Number]) -> bool:
    """Whether all sides of an equation are equal."""
    found = results(equation, values, numbers, values)
    return found is not None and all(values[place] == value for place, value in found.items())


def sums(equation: Equation) -> list[list[int | Operation]]:
    """What is added up in the operations of an equation, also in those within others."""
    found, left = [], list(equation.operations)
    while left:
        operation = left.pop()
        if "+" in operation.signs:
            after = (0, *(place + 1 for place, sign in enumerate(operation.signs) if sign in "+-"))
            found.append([operation.operands[place] for place in after])
        left += [operand for operand in operation.operands if isinstance(operand, Operation)]
    return found
