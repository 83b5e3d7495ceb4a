"""The answer of a run to the question of the page: is the chain still used, is it still needed, and on what evidence.

Every count and number in a sentence is that of the verdict tables, single cells and pooled datasets apart, so that the
first lines of the page agree with the tables below them.
"""

from collections.abc import Iterator

import pandas as pd

from faithfulness.compare.claims import CLAIMS
from faithfulness.compare.readings import CHANCE
from faithfulness.compare.verdicts import CLOSED, DECIDED
from faithfulness.report.labels import label
from faithfulness.report.verdict_tables import pooled_cells, single_cells
from faithfulness.text import capital, interval, listed, percent, signed

PLACE = ["model", "arm", "dataset"]
USE = "C8"  # the claim that the chain is followed less
NEED = ("C3", "C1")  # the claims that the answer can be had without the rest of the chain
WORDING = "C2"  # the claim that the wording matters less
ASKED = [claim for claim in CLAIMS if claim in (USE, *NEED, WORDING)]

# What verdicts come to where all that decide something agree; where they do not, the state is 'mixed'.
STATES = {
    "supported": "claimed",
    "contradicted": "opposite",
    "as placebo": "placebo",
    "equivalent": "same",
    "inconclusive": "open",
}
CHANGED = ("claimed", "opposite", "placebo")
NEED_WORDS = {
    "claimed": "the answer can be had without the chain more often",
    "opposite": "the answer can be had without the chain less often",
    "mixed": "how often the answer can be had without the chain differs between comparisons",
    "placebo": "how often the answer can be had without the chain changes, but the placebo changes it as much",
    "same": "the answer needs the chain as before",
    "open": "whether the answer can be had without the chain more often is open",
}
USE_WORDS = {
    "claimed": "where chain and question disagree, answers follow the chain less",
    "opposite": "where chain and question disagree, answers follow the chain more",
    "mixed": "how far answers follow a chain that disagrees with the question differs between comparisons",
    "placebo": "how far answers follow a chain that disagrees with the question changes, but the placebo changes it as "
    "much",
    "same": "where chain and question disagree, the chain still decides",
    "seldom": "where chain and question disagree, the chain decides as seldom as before",
    "open": "whether the chain still decides where it disagrees with the question is open",
}
# What need and use come to together, where one cell shows both.
CONCLUSIONS = {
    ("claimed", "same"): "redundant, not decorative",
    ("claimed", "claimed"): "more decorative than before",
    ("same", "same"): "as load-bearing as before",
}
NUMBERS = ["estimate", "ci_low", "ci_high", "base_mean", "tuned_mean"]
FOLLOWED = 0.5  # with no larger share of answers that follow the chain, it does not "still decide"


def headline(effects: pd.DataFrame) -> list[str]:
    """The answer: one sentence, then sentences about the evidence for it.

    Args:
        effects: tables.Effects.
    """
    rows = _judged(effects)
    return [_answer(rows), *_counts(rows), *_largest(rows), *_closed(rows), *_placebo(rows, effects)]


def _judged(effects: pd.DataFrame) -> pd.DataFrame:
    """The rows with a verdict on a claim of ASKED, single cells and pools, and the state of each; '' where closed."""
    rows = pd.concat([single_cells(effects), pooled_cells(effects)])
    rows = _with_numbers_judged(rows[rows.claim.isin(ASKED)], effects)
    states = rows.verdict.map(STATES).fillna("")
    seldom = (rows.claim == USE) & (states == "same") & (rows.tuned_mean <= FOLLOWED)
    return rows.assign(state=states.mask(seldom, "seldom"))


def _with_numbers_judged(rows: pd.DataFrame, effects: pd.DataFrame) -> pd.DataFrame:
    """The same rows with the numbers of those that say whether there is a change against base, and what they are of."""
    place = [*PLACE, "measure", "component"]
    judged = rows[[*place, "judged_by"]].merge(
        effects[[*place, "contrast", *NUMBERS]].drop_duplicates([*place, "contrast"]),
        left_on=[*place, "judged_by"],
        right_on=[*place, "contrast"],
        how="left",
    )
    corrected = rows.judged_by.str.endswith(CHANCE).map({True: ", corrected for chance,", False: ""})
    of = rows.measure.map(label) + corrected
    return rows.assign(**{name: judged[name].to_numpy() for name in NUMBERS}, of=of)


def _answer(rows: pd.DataFrame) -> str:
    """The answer in one sentence."""
    need, use = rows[rows.claim.isin(NEED)], rows[rows.claim == USE]
    of_need, of_use = _state(need), _state(use)
    if not of_need and not of_use:
        return "This run cannot tell whether the chain is still needed or followed."
    if (of_need, of_use) == ("open", "open"):
        return "Open: whether the chain is needed less, or used less, was neither shown nor ruled out."
    clauses = [NEED_WORDS[of_need] + _brackets(_sizes(need, of_need), _where(need, of_need))] if of_need else []
    clauses += [USE_WORDS[of_use] + _brackets(_shares(use, of_use), _where(use, of_use))] if of_use else []
    joint = ", but " if (of_need, of_use) in {("claimed", "same"), ("opposite", "claimed")} else "; "
    return f"{capital(joint.join(clauses))}{_conclusion(need, use, of_need, of_use)}."


def _state(rows: pd.DataFrame) -> str:
    """What verdicts come to: the one state that is decided, 'mixed' for several, 'open', or '' where all are closed."""
    states = set(rows.state) - {""}
    decided = states - {"open"}
    return "mixed" if len(decided) > 1 else next(iter(decided or states), "")


def _conclusion(need: pd.DataFrame, use: pd.DataFrame, of_need: str, of_use: str) -> str:
    """What both come to together: ': redundant, not decorative', and in how many cells that show both; '' for none."""
    words = CONCLUSIONS.get((of_need, of_use), "")
    both = need[need.state == of_need][PLACE].drop_duplicates().merge(use[[*PLACE, "state"]])
    if not words or not (both.state == of_use).any():
        return ""
    return f": {words}{_brackets(_where(use.merge(both[PLACE]), of_use, among=use))}"


def _where(rows: pd.DataFrame, state: str, among: pd.DataFrame | None = None) -> str:
    """In how many cells and pools a state stands: 'in 1 of 4 cells, 1 of 2 pooled'; '' where in all, or undecided.

    Args:
        rows: with their state; that of one row is enough for a place.
        state: of _state.
        among: the rows of all places that are counted; None: the same rows.
    """
    if state in ("mixed", "open"):
        return ""
    total = (rows if among is None else among)[PLACE].drop_duplicates()
    here = rows[rows.state == state][PLACE].drop_duplicates()
    return "" if len(here) == len(total) else f"in {_count(here, total)}"


def _count(here: pd.DataFrame, total: pd.DataFrame) -> str:
    """'1 of 4 cells, 1 of 2 pooled'."""
    parts = []
    for pooled, noun in ((False, "cells"), (True, "pooled")):
        found, of = ((places.dataset == "pooled").eq(pooled).sum() for places in (here, total))
        parts += [f"{found} of {of} {noun if of != 1 or pooled else 'cell'}"] if of else []
    return ", ".join(parts)


def _brackets(*parts: str) -> str:
    """What is added to a clause: ' (98 % against 100 %; in 1 of 4 cells)'."""
    text = "; ".join(filter(None, parts))
    return f" ({text})" if text else ""


def _sizes(need: pd.DataFrame, state: str) -> str:
    """By how much the need for the chain changed: 'filler tolerance +0.16', a range where several rows say so."""
    rows = need[need.state == state]
    if state not in CHANGED:
        return ""
    of_claim = rows[rows.claim == next(claim for claim in NEED if (rows.claim == claim).any())]
    return ", ".join(
        f"{of} {_range(signed(part.estimate.min()), signed(part.estimate.max()))}"
        for of, part in of_claim.groupby("of", sort=False)
    )


def _shares(use: pd.DataFrame, state: str) -> str:
    """'98 % against 100 %': answers that follow the chain after tuning and before, as ranges for several rows."""
    rows = use[use.state == state]
    if state not in (*CHANGED, "same", "seldom"):
        return ""
    tuned, base = (_range(percent(rows[side].min()), percent(rows[side].max())) for side in ("tuned_mean", "base_mean"))
    return f"{tuned} against {base}"


def _range(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"


def _counts(rows: pd.DataFrame) -> Iterator[str]:
    """How often each verdict stands that decides something: 'Supported: C3 in 2 of 4 cells, 1 of 2 pooled.'."""
    for verdict in DECIDED:
        counts = []
        for claim in ASKED:
            of_claim = rows[rows.claim == claim]
            here, total = (part[PLACE].drop_duplicates() for part in (of_claim[of_claim.verdict == verdict], of_claim))
            counts += [f"{claim} in {_count(here, total)}"] if len(here) else []
        if counts:
            yield f"{capital(verdict)}: {'; '.join(counts)}."


def _largest(rows: pd.DataFrame) -> list[str]:
    """The largest change in how a chain is used or needed that a verdict stands on, with its interval."""
    changed = rows[rows.claim.isin([USE, *NEED]) & rows.state.isin(CHANGED)]
    if changed.empty:
        return []
    row = changed.iloc[int(changed.estimate.abs().to_numpy().argmax())]
    where = "all datasets pooled" if row.dataset == "pooled" else row.dataset
    return [
        f"Largest change: {row.of} {signed(row.estimate)} {interval(row.ci_low, row.ci_high)}, for "
        f"{row.model} on {where} after {row.arm}."
    ]


def _closed(rows: pd.DataFrame) -> list[str]:
    """How many verdicts on single cells could not be given, and why."""
    single = rows[rows.dataset != "pooled"].groupby(["claim", *PLACE], sort=False)
    why = [_why_closed(part) for _, part in single if (part.verdict == CLOSED).any()]
    if not why:
        return []
    several = len(set(why)) > 1
    reasons = listed(f"{reason} in {why.count(reason)}" if several else reason for reason in dict.fromkeys(why))
    return [f"{len(why)} of {single.ngroups} verdicts on single cells could not be given: {reasons}."]


def _why_closed(rows: pd.DataFrame) -> str:
    if not rows.interpretable.all():
        return "a gate failed"
    return "a measure failed its calibration" if rows.calibration.eq("failed").any() else "too few items were left"


def _placebo(rows: pd.DataFrame, effects: pd.DataFrame) -> list[str]:
    """That no placebo was run of arms of which a change is claimed."""
    changed = rows[rows.state.isin(["claimed", "opposite"])]
    of_placebo = effects[effects.contrast == "placebo"]
    with_one = set(zip(of_placebo.model, of_placebo.arm, strict=True))
    places = dict.fromkeys(zip(changed.model, changed.arm, strict=True))
    without = [f"{model} after {arm}" for model, arm in places if (model, arm) not in with_one]
    if not without:
        return []
    of = "" if len(without) == len(places) else f" for {listed(without)}"
    return [f"No placebo was run{of}, so part of a change may come from any training with this recipe."]
