"""Numbers of any size, exactly.

A number is n/d * 2^a * 5^b, where n and d have neither a factor 2 or 5 nor one in common: two numbers are equal if
these four parts are. `5e1000000` is (1, 1, 1000000, 1000001), so no integer is as long as a number that is written with
an exponent. (`decimal` rounds to a number of digits, and `fractions` would compute all of them.)
"""

import math
from typing import NamedTuple

DIGITS = 400  # of one number as it is written; longer ones are no numbers here
EXPONENT = 18  # digits of an exponent
BITS = 2000  # of a power; these limits keep each integer below the 4300 digits that Python writes


class Exact(NamedTuple):
    """See above; n carries the sign, and zero is (0, 1, 0, 0)."""

    n: int
    d: int
    twos: int
    fives: int


def exact(n: int, d: int = 1, tens: int = 0) -> Exact:
    """The number n/d * 10^tens.

    Raises:
        ZeroDivisionError: d is 0.
    """
    if d == 0:
        raise ZeroDivisionError
    if n == 0:
        return Exact(0, 1, 0, 0)
    common = math.gcd(n, d)
    n, d = (n // common, d // common) if d > 0 else (-n // common, -d // common)
    (n, n2, n5), (d, d2, d5) = _without(n), _without(d)
    return Exact(n, d, tens + n2 - d2, tens + n5 - d5)


def _without(n: int) -> tuple[int, int, int]:
    """An integer without its factors 2 and 5, and how many of them there were."""
    twos = (n & -n).bit_length() - 1
    n, fives = n >> twos, 0
    while n % 5 == 0:
        n, fives = n // 5, fives + 1
    return n, twos, fives


def decimal(text: str) -> Exact:
    """The number that digits with or without a point and an exponent (`1.50e3`) are.

    Raises:
        ValueError: it is longer than is read.
    """
    digits, _, exponent = text.lower().partition("e")
    whole, _, places = digits.partition(".")
    if len(digits) > DIGITS or len(exponent.lstrip("+-")) > EXPONENT:
        raise ValueError(f"a number of {len(text)} characters is not read")
    return exact(int(whole + places), tens=int(exponent or 0) - len(places))


def quotient(a: Exact, b: Exact) -> Exact:
    """a / b.

    Raises:
        ZeroDivisionError: b is 0.
    """
    ratio = exact(a.n * b.d, a.d * b.n)
    return ratio if ratio.n == 0 else ratio._replace(twos=a.twos - b.twos, fives=a.fives - b.fives)


def power(base: Exact, exponent: int) -> Exact:
    """base ** exponent.

    Raises:
        ValueError: it is too large to be computed.
        ZeroDivisionError: a negative power of 0.
    """
    if base.n == 0:
        return exact(0**exponent) if exponent >= 0 else exact(1, 0)
    n, d = (base.n, base.d) if exponent >= 0 else (base.d, base.n)
    size = abs(exponent) * max(abs(base.n).bit_length() - 1, base.d.bit_length() - 1, abs(base.twos - base.fives))
    if size > BITS:
        raise ValueError("a power of this size is not computed")
    ratio = exact(n ** abs(exponent), d ** abs(exponent))
    return ratio._replace(twos=base.twos * exponent, fives=base.fives * exponent)


def shifted(number: Exact, tens: int) -> Exact:
    """number * 10^tens."""
    return number._replace(twos=number.twos + tens, fives=number.fives + tens) if number.n else number


def below_one(number: Exact) -> bool:
    """Whether the number is in (-1, 1)."""
    if number.n == 0:
        return True
    tens = min(number.twos, number.fives)
    n, d = abs(number.n) * 2 ** (number.twos - tens) * 5 ** (number.fives - tens), number.d
    if abs(tens) <= 2 * BITS:
        return n < d * 10**-tens if tens < 0 else n * 10**tens < d
    return tens < 0


def written(number: Exact) -> str:
    """The one text of a number: `1024`, `-0.5`, `2/3`, `5e1000000`."""
    tens = min(number.twos, number.fives)
    n = number.n * 2 ** (number.twos - tens) * 5 ** (number.fives - tens)
    if number.d == 1:
        digits = str(abs(n))
        if len(digits) + abs(tens) > 60:
            return f"{n}e{tens}"
        if tens >= 0:
            digits += "0" * tens
        else:
            digits = digits.rjust(1 - tens, "0")
            digits = f"{digits[:tens]}.{digits[tens:]}"
        return f"-{digits}" if n < 0 else digits
    if abs(tens) > 60:
        return f"{n}e{tens}/{number.d}"
    n, d = n * 10 ** max(tens, 0), number.d * 10 ** max(-tens, 0)
    common = math.gcd(n, d)
    return f"{n // common}/{d // common}"
