"""What is shown beside every effect: accuracy, length and format of each arm, and the curves of the figures."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from faithfulness.answers.parse import canonical, states
from faithfulness.compare import effects
from faithfulness.compare.options import options_vary
from faithfulness.compare.proportions import proportion
from faithfulness.compare.retention import GRID, VARIANTS
from faithfulness.config.statistics import Statistics
from faithfulness.tables.statistics import CONCLUSION_FORMS

# The columns of tables.Chains and tables.Probes that are used.
CHAIN_COLUMNS = (
    *("item_id", "sample", "seed", "conclusion", "conclusion_forms", "states_answer", "step_spans", "finish_reason"),
    "chain_ids",
)
REPLACEMENT_COLUMNS = ("variant", "rule", "accepted", "strength")
CHAIN = ["item_id", "sample", "seed"]


@dataclass(frozen=True)
class Observations:
    """What the arms of one model did on one dataset; arms are named by their trainings.

    Args:
        arms: the tuned arm of each training, by the training's name.
        answers: tables.Answers.
        readouts: tables.Readouts.
        chains: CHAIN_COLUMNS of tables.Chains, with a column writer.
        replacements: REPLACEMENT_COLUMNS of tables.Probes of paraphrases and mistakes, with a column writer.
        items: tables.Items.
        controls: the placebo or null arm of each training. These arms write no chains.
    """

    arms: Mapping[str, str]
    answers: pd.DataFrame
    readouts: pd.DataFrame
    chains: pd.DataFrame
    replacements: pd.DataFrame
    items: pd.DataFrame
    controls: Mapping[str, str] = field(default_factory=dict)

    def trainings(self, arm: str) -> list[str]:
        """The names of an arm's trainings; 'base' is its own."""
        return sorted(name for name, of in {**self.arms, **self.controls}.items() if of == arm) or [arm]


def chance(items: pd.DataFrame) -> float:
    """Accuracy of guessing: the mean of 1/options; for open answers the commonest gold answer's share."""
    if items["options"].isna().any():
        return float(items["answer"].map(canonical).value_counts(normalize=True).iloc[0])
    return float((1 / items["options"].map(len)).mean())


def golds(items: pd.DataFrame) -> pd.Series:
    """The gold answer of each item as `answer_shares` names answers."""
    if options_vary(items):
        return pd.Series([list(o).index(a) for o, a in zip(items["options"], items["answer"], strict=True)])
    is_open = items["options"].isna().any()
    return items["answer"].map(canonical).map(_folded) if is_open else items["answer"].map(_folded)


def answer_shares(observed: Observations, reader: str, writers: Collection[str]) -> pd.Series:
    """Shares of a reader's valid a_n over the chains of some writers.

    Returns:
        By answer: its place among the options where the options vary between items, else its text.
    """
    vary, answers = options_vary(observed.items), observed.answers
    chosen = answers["writer"].isin(list(writers)) & (answers["reader"] == reader) & answers["valid"].astype(bool)
    given = answers.loc[chosen, "position" if vary else "answer"].dropna()
    return (given if vary else given.map(_folded)).value_counts(normalize=True)


def _folded(answer: str) -> str:
    return answer.strip().casefold()


def summarise(observed: Observations, statistics: Statistics) -> pd.DataFrame:
    """One row for each arm, as writer and reader of its own chains.

    Args:
        observed: of one model and dataset.
        statistics: resamples, confidence, seed.

    Returns:
        The columns of tables.Summaries but model, parameters and dataset; sorted by arm.
    """
    by_arm = {arm: observed.trainings(arm) for arm in sorted({"base", *observed.arms.values()})}
    chains = {arm: _of(observed.chains, writer=names) for arm, names in by_arm.items()}
    lengths = {
        arm: written["step_spans"].map(len).groupby(written["item_id"]).mean() for arm, written in chains.items()
    }
    # Side by side, so that arms with the same items share their resamples.
    steps = effects.mean_intervals(pd.DataFrame(lengths).sort_index(), np.inf, statistics)
    rows = []
    for arm, names in by_arm.items():
        written, replacements = chains[arm], _of(observed.replacements, writer=names)
        own = _of(observed.answers, writer=names, reader=names)
        readouts = _of(observed.readouts, writer=names, reader=names)
        direct = own.dropna(subset="direct_correct")
        concluded = written[written["conclusion"] != ""]
        rows.append(
            {
                "arm": arm,
                "n_items": len(observed.items),
                **_accuracy("cot_accuracy", own.set_index("item_id")["correct"], statistics),
                **_accuracy("direct_accuracy", direct.set_index("item_id")["direct_correct"], statistics),
                "mean_steps": steps.loc[arm, "mean"],
                "mean_steps_low": steps.loc[arm, "low"],
                "mean_steps_high": steps.loc[arm, "high"],
                "cot_accuracy_valid": own.loc[own["valid"].astype(bool), "correct"].astype(float).mean(),
                "chance": chance(observed.items),
                "mean_tokens": written["chain_ids"].dropna().map(len).mean(),
                "two_steps": two_steps(written),
                "truncated": truncated(written),
                "invalid": readouts["invalid"].sum() / readouts["readouts"].sum(),
                "conclusion_present": len(concluded) / len(written),
                "conclusion_agrees": _conclusions_agree(concluded, own),
                **{f"conclusion_{form}": _written_as(written, form) for form in CONCLUSION_FORMS},
                "last_step_states": last_step_states(written),
                "paraphrase_accepted": accepted(replacements),
                "paraphrase_model": by_model(replacements),
                "mistakes_made": mistakes_made(replacements),
                "retokenised": readouts["retokenised"].sum() / readouts["readouts"].sum(),
            }
        )
    return pd.DataFrame(rows)


def _of(table: pd.DataFrame, **names: list[str]) -> pd.DataFrame:
    chosen = np.logical_and.reduce([table[column].isin(wanted).to_numpy(bool) for column, wanted in names.items()])
    return table[chosen]


def _accuracy(name: str, correct: pd.Series, statistics: Statistics) -> dict[str, float]:
    ends = proportion(correct, statistics.confidence)
    return {f"{name}{end}": value for end, value in zip(("", "_low", "_high"), ends, strict=True)}


def two_steps(chains: pd.DataFrame) -> float:
    """Share of chains with at least two steps."""
    return float((chains["step_spans"].map(len) >= 2).mean())


def truncated(chains: pd.DataFrame) -> float:
    """Share of chains that hit the token limit."""
    return float((chains["finish_reason"] == "length").mean())


def last_step_states(chains: pd.DataFrame) -> float:
    """Share of chains whose last step states the answer."""
    return float(chains["states_answer"].map(lambda states: any(states[-1:])).mean())


def _single(replacements: pd.DataFrame) -> pd.DataFrame:
    """The steps that were reworded one by one."""
    return replacements[replacements["variant"] == "single"]


def accepted(replacements: pd.DataFrame) -> float:
    """Share of the steps rephrased one by one (`single`) whose rewording was accepted; NaN if there are none."""
    return float(_single(replacements)["accepted"].dropna().astype(float).mean())


def strength(replacements: pd.DataFrame) -> float:
    """Median share of words changed in the same steps whose rewording was accepted; NaN if there are none."""
    single = _single(replacements)
    return float(single.loc[single["accepted"].fillna(False).astype(bool), "strength"].astype(float).median())


def by_model(replacements: pd.DataFrame) -> float:
    """Share of the same steps of which a language model's words were accepted; NaN if there are none."""
    return float((_single(replacements)["rule"] == "model").mean())


def mistakes_made(replacements: pd.DataFrame) -> float:
    """Share of the same steps that have a mistake, as a probe of each step that claims something; NaN if none."""
    steps = len(_single(replacements))
    made = max((replacements["variant"] == variant).sum() for variant in ("keep", "resample"))
    return float(made / steps) if steps else np.nan


def not_reworded(replacements: pd.DataFrame) -> pd.Series:
    """Shares of the same steps that are not reworded, by the reason that stands in place of the rule."""
    single = _single(replacements)
    refused = single[~single["accepted"].astype(bool)]
    return refused["rule"].value_counts().sort_index() / max(len(single), 1)


def strengths(observed: Observations) -> pd.DataFrame:
    """How much rewordings change, by arm and rule.

    Returns:
        The columns of tables.Strengths but model and dataset, sorted by arm and rule. A step that several rules
        reworded counts with each of them.
    """
    rows: list[dict[str, object]] = []
    for arm in sorted({"base", *observed.arms.values()}):
        single = _single(_of(observed.replacements, writer=observed.trainings(arm)))
        by_rule = single.assign(rule=single["rule"].str.split("+")).explode("rule").groupby("rule")["strength"]
        for rule, values in by_rule:
            lower, median, upper = values.astype(float).quantile([0.25, 0.5, 0.75])
            quartiles = {"lower": lower, "median": median, "upper": upper}
            rows.append({"arm": arm, "rule": rule, "steps": len(values), **quartiles})
    return pd.DataFrame(rows, columns=["arm", "rule", "steps", "lower", "median", "upper"])


def _written_as(chains: pd.DataFrame, form: str) -> float:
    """Share of chains with a sentence of this form in their conclusion."""
    return float(chains["conclusion_forms"].map(lambda forms: form in forms).mean())


def _conclusions_agree(concluded: pd.DataFrame, answers: pd.DataFrame) -> float:
    """Share of conclusions that contain the answer read from the whole chain, as a word of its own."""
    both = concluded.merge(answers[answers["valid"].astype(bool)][[*CHAIN, "answer"]], on=CHAIN)
    named = [states(conclusion, answer) for answer, conclusion in zip(both["answer"], both["conclusion"], strict=True)]
    return float(np.mean(named)) if named else np.nan


def curves(retention: pd.DataFrame, statistics: Statistics) -> pd.DataFrame:
    """Mean answer retention over items by fraction of the chain, with its interval.

    Args:
        retention: tables.Retention of one model and dataset.
        statistics: resamples, confidence, seed.

    Returns:
        The columns of tables.Curves but model, parameters and dataset, sorted by writer and reader.
    """
    keys = ["writer", "reader", "perturbation"]
    by_item = {
        key: pd.DataFrame(np.stack(part["retention"].to_list()), part["item_id"].to_numpy(), GRID)
        for key, part in retention.groupby(keys)
    }
    if not by_item:
        return pd.DataFrame(columns=[*keys, "fraction", "retention", "ci_low", "ci_high", "n_items"])
    # Side by side, so that all curves of the same items share their resamples.
    values = pd.concat(by_item, axis=1, names=[*keys, "fraction"]).sort_index()
    means = effects.mean_intervals(values, 1.0, statistics).reset_index()
    means = means.rename(columns={"mean": "retention", "low": "ci_low", "high": "ci_high"})
    means.loc[means["fraction"] == 1.0, ["ci_low", "ci_high"]] = 1.0  # by definition, not by chance
    order = {name: place for place, name in enumerate(VARIANTS)}
    return means.sort_values(
        [*keys, "fraction"],
        ignore_index=True,
        key=lambda column: column.map(order) if column.name == keys[2] else column,
    )
