"""What a gate saw, and what is known of how an arm was tuned."""

from dataclasses import dataclass

ALL = "all"  # a failure closes every claim on reading
NOTE = ""  # it closes nothing
CONFIDENCE = 0.95  # of the intervals that gates compare with chance


@dataclass(frozen=True)
class Finding:
    """What one gate saw; the fields are columns of tables.Gates.

    Args:
        gate: its name.
        subject: the arm, reader, perturbation or measure that was looked at.
        value: what was measured.
        threshold: what it was compared with.
        passed: whether it is as it should be.
        reason: why not, if it is not.
        closes: what a failure closes, see `closed`.
    """

    gate: str
    subject: str
    value: float
    threshold: float
    passed: bool
    reason: str
    closes: str = ALL


@dataclass(frozen=True)
class Tuning:
    """How a tuned arm was made, as far as one dataset is concerned.

    Args:
        on: it was tuned on the dataset (replayed chains do not count).
        answers: it was trained here, with `target: answer`.
        placebo: the arm that is its placebo; None where there is none.
    """

    on: bool = False
    answers: bool = False
    placebo: str | None = None
