"""The rows that a verdict rests on, by the name of their contrast: each reading of the run has the same ones.

A *reading* is the main way to count and read the run, or one of the ALTERNATIVES. In each, tuned is compared with base
over both writers' chains (the reading effect) and, where there is a placebo, with base and with the placebo on base's
chains. Where a reader answers a constant, each of these also has a row that is corrected for chance, which takes the
place of the plain one.
"""

from faithfulness.compare.alternatives import ALTERNATIVES, MAIN

PLAIN, CHANCE = "plain", "chance_corrected"
BASE_CHAINS = "base_chains"  # the arm (tuned or placebo) minus base, on base's chains
PLACEBO = "placebo"  # the tuned arm minus its placebo, on base's chains
NULL = "null"  # the null arm minus base, on base's chains
BETWEEN_ARMS = "between_arms"  # one tuned arm minus another one, on base's chains (C7)


def contrast_of(reading: str = MAIN, readers: str = "", *, corrected: bool = False) -> str:
    """The contrast of a row: 'plain', 'placebo', 'raw_readout:base_chains:chance_corrected', ...

    Args:
        reading: MAIN, or the name of an alternative.
        readers: BASE_CHAINS or PLACEBO; '' for the reading effect.
        corrected: whether the row is corrected for chance.
    """
    parts = ("" if reading == MAIN else reading, readers, CHANCE if corrected else "")
    return ":".join(part for part in parts if part) or PLAIN


# What only says how the plain rows are to be judged, and tests nothing by itself.
BESIDE_PLAIN = frozenset(
    contrast_of(reading, readers, corrected=corrected)
    for reading in (MAIN, *ALTERNATIVES)
    for readers in ("", BASE_CHAINS, PLACEBO)
    for corrected in (False, True)
) - {PLAIN, CHANCE}
