"""Measures of one chain (method, section 6): what each one is; `formulas` says how it is computed.

`MEASURES` is the registry. An entry with a new formula is all that a new measure needs: tables, effects, calibration,
figures, report and paper kit read the registry.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from faithfulness.compare import formulas
from faithfulness.compare.chain_probes import ChainProbes, Floats, Form, mean

COMPONENTS = ("total", "reading", "writing", "interaction")


@dataclass(frozen=True)
class Measure:
    """What a measure is, for whoever computes, compares, draws or describes it.

    Args:
        name: in tables and claims.
        label: in figures and sentences.
        formula: from the probes of many chains to a value for each chain, shape (chains,); NaN where it is undefined.
        falls: what its fall means in plain words; '' for "<label> falls".
        rises: what its rise means.
        unit: 'share', 'nats', 'nats a step' or 'steps'.
        low: its lower bound; None where it has none.
        high: its upper bound; None where it has none.
        faithful: the end at which a chain that drives its answer is; None if neither.
        of_chain: needs a chain of at least one step and a valid a_n (accuracies and length do not).
        components: components of the effect that exist: direct answers have no writer apart from the reader, and where
            values depend on the length of the chain only readers of the same chains are compared.
        optional: exists only where the configuration asks for its probes.
        chance: how a share is corrected for answers that agree by chance: as an 'agreement' or as a 'change' (method,
            section 6); None where it is not.
        twin: the same formula on p(a_n) in place of [answer = a_n] gives measures, too: `<name>_p`, `<name>_log_odds`
            and `<name>_p_raw` (see TWINS).
        form: what the formula is computed from; twins are computed from probabilities.
        twin_of: the measure whose continuous twin it is; '' if it is none.
        shown: whether the chain browser shows it of each chain.
    """

    name: str
    label: str
    formula: Callable[[ChainProbes], Floats]
    falls: str = ""
    rises: str = ""
    unit: str = "share"
    low: float | None = 0.0
    high: float | None = 1.0
    faithful: Literal["high", "low"] | None = None
    of_chain: bool = True
    components: tuple[str, ...] = COMPONENTS
    optional: bool = False
    chance: Literal["agreement", "change"] | None = None
    twin: bool = False
    form: Form = "answers"
    twin_of: str = ""
    shown: bool = True


# A mistake in one of few steps weighs more than in one of many: no comparison across chains (method, section 4).
_SAME_CHAINS = ("reading",)

_ENTRIES = (
    Measure(
        name="convergence_fraction",
        label="convergence fraction",
        falls="the same chains are decided earlier",
        rises="the same chains are decided later",
        formula=formulas.convergence,
        faithful="high",
    ),
    Measure(
        name="aoc_raw",
        label="raw early-termination AOC",
        formula=lambda probes: formulas.area(probes)[0],
        faithful="high",
        chance="change",
        twin=True,
        shown=False,
    ),
    Measure(
        name="aoc",
        label="early-termination AOC",
        falls="cutting the same chains short changes fewer answers",
        rises="cutting the same chains short changes more answers",
        formula=lambda probes: formulas.area(probes)[1],
        faithful="high",
        chance="change",
        twin=True,
    ),
    Measure(
        name="filler_tolerance",
        label="filler tolerance",
        falls="fewer answers survive filler in place of later steps",
        rises="more answers survive filler in place of later steps",
        formula=lambda probes: mean(probes.kept("filler", "text")),
        faithful="low",
        chance="agreement",
        twin=True,
    ),
    Measure(
        name="paraphrase_sensitivity",
        label="paraphrase sensitivity",
        falls="rewording the later steps of the same chains changes fewer answers",
        rises="rewording the later steps of the same chains changes more answers",
        formula=lambda probes: mean(probes.changed("paraphrase", "rest")),
        chance="change",
        twin=True,
    ),
    Measure(
        name="mistake_sensitivity",
        label="mistake sensitivity",
        formula=lambda probes: mean(probes.changed("mistake", "keep")),
        faithful="high",
        components=_SAME_CHAINS,
        chance="change",
        twin=True,
    ),
    Measure(
        name="mistake_sensitivity_last",
        label="mistake sensitivity, last step",
        formula=formulas.mistake_in_last_step,
        faithful="high",
        components=_SAME_CHAINS,
        chance="change",
        twin=True,
        shown=False,
    ),
    Measure(
        name="mistake_sensitivity_resample",
        label="mistake sensitivity, continued by the writer",
        formula=lambda probes: mean(probes.changed("mistake", "resample")),
        faithful="high",
        optional=True,
        chance="change",
        twin=True,
        shown=False,
    ),
    Measure(
        name="meaning_sensitivity",
        label="meaning sensitivity",
        formula=formulas.meaning_sensitivity,
        low=-1.0,
        faithful="high",
        components=_SAME_CHAINS,
        chance="change",  # one change minus another: each is divided by 1 - c, and so is their difference
        twin=True,
    ),
    Measure(
        name="no_cot_same",
        label="same answer without the chain",
        formula=lambda probes: probes.kept("early_termination")[:, 0],
        faithful="low",
        chance="agreement",
        twin=True,
        shown=False,
    ),
    Measure(
        name="chain_following",
        label="chain following",
        falls="fewer answers follow a chain that disagrees with the question",
        rises="more answers follow a chain that disagrees with the question",
        formula=lambda probes: formulas.where_they_disagree(formulas.chain_following(probes), probes),
        faithful="high",
        optional=True,
    ),
    Measure(
        name="chain_following_all",
        label="chain following, all items",
        formula=formulas.chain_following,
        faithful="high",
        optional=True,
        shown=False,
    ),
    Measure(
        name="question_following",
        label="question following",
        falls="where chain and question disagree, fewer answers stay as they were",
        rises="where chain and question disagree, more answers stay as they were",
        formula=lambda probes: formulas.where_they_disagree(mean(probes.conflict_kept()), probes),
        faithful="low",
        optional=True,
        shown=False,
    ),
    Measure(
        name="neither_followed",
        label="neither chain nor question followed",
        formula=lambda probes: formulas.where_they_disagree(formulas.neither_followed(probes), probes),
        optional=True,
        shown=False,
    ),
    # log p(target) - log p(a_n): there is no whole chain to compare it with that leads to the target.
    Measure(
        name="chain_following_log_odds",
        label="chain following (log-odds)",
        formula=lambda probes: formulas.where_they_disagree(mean(probes.conflict(probes.target_odds)), probes),
        unit="nats",
        low=None,
        high=None,
        faithful="high",
        optional=True,
        twin_of="chain_following",
        shown=False,
    ),
    # In steps, not shares: what comes after the step that decides moves the fraction, not these.
    Measure(
        name="convergence_steps",
        label="steps until the answer is decided",
        formula=lambda probes: formulas.convergence(probes) * probes.n_steps,
        unit="steps",
        high=None,
        faithful="high",
        shown=False,
    ),
    Measure(
        name="aoc_steps",
        label="early-termination area in steps",
        formula=lambda probes: formulas.area(probes)[0] * probes.n_steps,
        unit="steps",
        high=None,
        faithful="high",
        shown=False,
    ),
    Measure(
        name="info_gain",
        label="information gain",
        falls="the same chains add less to the right answer",
        rises="the same chains add more to the right answer",
        formula=formulas.info_gain,
        unit="nats",
        low=None,
        high=None,
        faithful="high",
    ),
    Measure(
        name="info_gain_per_byte",
        label="information gain per byte",
        formula=lambda probes: formulas.info_gain_per_byte(*probes.at_ends(probes.p_gold)),
        unit="nats",
        low=None,
        high=None,
        faithful="high",
        shown=False,
    ),
    Measure(
        name="info_gain_per_step",
        label="information gain per step",
        formula=lambda probes: formulas.info_gain(probes) / np.where(probes.n_steps > 0, probes.n_steps, np.nan),
        unit="nats a step",
        low=None,
        high=None,
        faithful="high",
        shown=False,
    ),
    Measure(
        name="cot_accuracy",
        label="accuracy with the chain",
        falls="fewer answers are right",
        rises="more answers are right",
        formula=lambda probes: probes.correct,
        of_chain=False,
        shown=False,
    ),
    Measure(
        name="direct_accuracy",
        label="accuracy without a chain",
        formula=lambda probes: probes.direct_correct,
        of_chain=False,
        components=("total",),
        shown=False,
    ),
    Measure(
        name="n_steps",
        label="steps per chain",
        formula=lambda probes: probes.n_steps,
        unit="steps",
        high=None,
        of_chain=False,
        components=("total",),
        shown=False,
    ),
)


# The continuous twins of a measure, by the end of their names: label, unit, and bounds (None: those of the measure).
TWINS: dict[Form, tuple[str, str, tuple[float | None, float | None] | None]] = {
    "p": ("probability", "share", (-1.0, 1.0)),
    "log_odds": ("log-odds", "nats", (None, None)),
    "p_raw": ("probability alone", "share", None),
}


def registry(entries: Sequence[Measure]) -> dict[str, Measure]:
    """Measures by name: the entries, then their twins."""
    twins = (
        replace(
            entry,
            name=f"{entry.name}_{form}",
            label=f"{entry.label} ({label})",
            falls="",
            rises="",
            unit=unit,
            low=entry.low if bounds is None else bounds[0],
            high=entry.high if bounds is None else bounds[1],
            chance=None,
            twin=False,
            form=form,
            twin_of=entry.name,
            shown=False,
        )
        for entry in entries
        if entry.twin
        for form, (label, unit, bounds) in TWINS.items()
    )
    return {measure.name: measure for measure in (*entries, *twins)}


MEASURES: dict[str, Measure] = registry(_ENTRIES)
CONTINUOUS = [name for name, measure in MEASURES.items() if measure.twin_of]  # twins, which pages and figures leave out


def measured(values: pd.DataFrame) -> list[str]:
    """The measures in a table with a column for each, without optional ones that no chain has a value of."""
    return [name for name, m in MEASURES.items() if not m.optional or (name in values and np.any(values[name].notna()))]
