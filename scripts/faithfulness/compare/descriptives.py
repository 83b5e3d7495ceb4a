"""What stands beside every effect: accuracy, length and format of each arm, and the curves of the figures."""

import re
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats

from faithfulness.compare import effects
from faithfulness.config.statistics import Statistics
from faithfulness.tables.io import frame
from faithfulness.tables.statistics import Curves, Summaries

GRID = np.arange(11) / 10
VARIANTS = {"early_termination": None, "filler": None, "paraphrase": "rest", "mistake": "keep"}


def chance(items: pd.DataFrame) -> float:
    """Accuracy of guessing: the mean of 1/options; for open answers the commonest gold answer's share."""
    if items["options"].isna().any():
        return float(items["answer"].value_counts(normalize=True).iloc[0])
    return float((1 / items["options"].map(len)).mean())


def options_vary(items: pd.DataFrame) -> bool:
    """Whether the options differ between items, so that answers compare by their place, not by their text."""
    options = items["options"]
    return bool(options.notna().all() and options.map(frozenset).nunique() > 1)


def original_answers(scores: pd.DataFrame) -> pd.DataFrame:
    """The rows that read the whole chain: a_n."""
    return scores[(scores["perturbation"] == "early_termination") & (scores["cut"] == scores["n_steps"])]


def proportion(correct: pd.Series, confidence: float) -> tuple[float, float, float]:
    """A share with its Clopper-Pearson interval over items; samples of an item are averaged first.

    Args:
        correct: whether each readout is right, indexed by item.
        confidence: of the interval.

    Returns:
        (share, lower end, upper end); NaN without any item.
    """
    by_item = correct.astype(float).groupby(level=0).mean()
    if by_item.empty:
        return np.nan, np.nan, np.nan
    share, n = float(by_item.mean()), len(by_item)
    low, high = stats.binomtest(round(share * n), n).proportion_ci(confidence, method="exact")
    return share, float(low), float(high)


def summarise(
    scores: pd.DataFrame,
    chains: pd.DataFrame,
    paraphrases: pd.DataFrame,
    items: pd.DataFrame,
    *,
    sizes: Mapping[str, int],
    statistics: Statistics,
) -> pd.DataFrame:
    """One row a model, arm and dataset: the arm as writer and reader of its own chains.

    Args:
        scores: tables.Scores with columns model, reader, dataset.
        chains: tables.Chains with columns model, writer, dataset.
        paraphrases: tables.Probes with columns model, writer, dataset.
        items: tables.Items with a column dataset.
        sizes: parameters by model.
        statistics: resamples, confidence, seed.

    Returns:
        tables.Summaries, sorted.
    """
    own_scores = scores[scores["writer"] == scores["reader"]]
    score_groups = _groups(own_scores, ["model", "reader", "dataset"])
    paraphrase_groups = _groups(paraphrases, ["model", "writer", "dataset"])
    rows = []
    for key, written in _groups(chains, ["model", "writer", "dataset"]).items():
        model, arm, dataset = key
        own, asked = score_groups[key], items[items["dataset"] == dataset]
        full, direct = original_answers(own), own[own["perturbation"] == "direct"]
        accuracies = {
            f"{name}{end}": value
            for name, part in (("cot_accuracy", full), ("direct_accuracy", direct))
            for end, value in zip(
                ("", "_low", "_high"),
                proportion(part.set_index("item_id")["correct"], statistics.confidence),
                strict=True,
            )
        }
        lengths = written.assign(n=written["steps"].map(len)).groupby("item_id")[["n"]].mean()
        steps = effects.mean_intervals(lengths, np.inf, statistics).loc["n"]
        concluded = written[written["conclusion"] != ""]
        rows.append(
            {
                "model": model,
                "parameters": sizes[model],
                "arm": arm,
                "dataset": dataset,
                "n_items": len(asked),
                **accuracies,
                "mean_steps": steps["mean"],
                "mean_steps_low": steps["low"],
                "mean_steps_high": steps["high"],
                "cot_accuracy_valid": full.loc[full["valid"].astype(bool), "correct"].astype(float).mean(),
                "chance": chance(asked),
                "mean_tokens": written["chain_ids"].dropna().map(len).mean(),
                "two_steps": two_steps(written),
                "truncated": truncated(written),
                "invalid": 1 - own["valid"].astype(float).mean(),
                "conclusion_present": len(concluded) / len(written),
                "conclusion_agrees": _conclusions_agree(concluded, full),
                "paraphrase_accepted": accepted(paraphrase_groups.get(key)),
                "paraphrase_model": by_model(paraphrase_groups.get(key)),
                "paraphrase_fallback": fallen_back(paraphrase_groups.get(key)),
                "retokenised": own["retokenised"].astype(float).mean(),
            }
        )
    return frame(sorted(rows, key=lambda row: (row["model"], row["arm"], row["dataset"])), Summaries)


def two_steps(chains: pd.DataFrame) -> float:
    """Share of chains with at least two steps."""
    return float((chains["steps"].map(len) >= 2).mean())


def truncated(chains: pd.DataFrame) -> float:
    """Share of chains that hit the token limit."""
    return float((chains["finish_reason"] == "length").mean())


def accepted(paraphrases: pd.DataFrame | None) -> float:
    """Share of the steps rephrased one by one (`single`) whose rewording was accepted; NaN if there are none."""
    if paraphrases is None:
        return np.nan
    return float(paraphrases.loc[paraphrases["variant"] == "single", "accepted"].dropna().astype(float).mean())


def by_model(paraphrases: pd.DataFrame | None) -> float:
    """Share of the same steps that a language model reworded so that its words were accepted; NaN likewise."""
    return _made_by(paraphrases, "model")


def fallen_back(paraphrases: pd.DataFrame | None) -> float:
    """Share of the same steps that no rule but an opening in front ("In other words") would reword; NaN likewise."""
    return _made_by(paraphrases, "opening")


def _made_by(paraphrases: pd.DataFrame | None, rule: str) -> float:
    if paraphrases is None:
        return np.nan
    return float((paraphrases.loc[paraphrases["variant"] == "single", "rule"] == rule).mean())


def curves(scores: pd.DataFrame, sizes: Mapping[str, int], statistics: Statistics) -> pd.DataFrame:
    """Answer retention by fraction of the chain kept, mean over items with its interval.

    Each chain's curve is interpolated linearly onto the fractions 0, .1, ..., 1, as the trapezoid weights of
    the AOC imply. Where nothing of the chain is perturbed (filler, paraphrase and mistake at 1) retention is 1
    by definition. Samples of an item are averaged. Left of its first valid readout a chain has no value.

    Args:
        scores: tables.Scores with columns model, reader, dataset.
        sizes: parameters by model.
        statistics: resamples, confidence, seed.

    Returns:
        tables.Curves, sorted.
    """
    parts = []
    for (model, dataset, writer, reader), cell in _groups(scores, ["model", "dataset", "writer", "reader"]).items():
        chain = ["item_id", "sample", "seed"]
        known = cell[cell["same"].notna() & (cell["n_steps"] > 0)].sort_values([*chain, "cut"])
        for perturbation, variant in VARIANTS.items():
            rows = known[known["perturbation"] == perturbation]
            rows = rows if variant is None else rows[rows["variant"] == variant]
            cut = rows["cut"] - (1 if perturbation == "mistake" else 0)
            points = rows.assign(x=(cut / rows["n_steps"]).astype(float), same=rows["same"].astype(float))
            drawn = {key: _on_grid(part, perturbation) for key, part in points.groupby(chain)}
            if not drawn:
                continue
            by_item = pd.DataFrame(drawn, index=GRID).T.groupby(level=0).mean()
            found = effects.mean_intervals(by_item, 1.0, statistics)
            found.loc[1.0, ["low", "high"]] = 1.0  # by definition, not by chance
            found = found.rename(columns={"mean": "retention", "low": "ci_low", "high": "ci_high"})
            keys = {"model": model, "parameters": sizes[model], "dataset": dataset, "writer": writer, "reader": reader}
            parts.append(found.rename_axis("fraction").reset_index().assign(**keys, perturbation=perturbation))
    return frame(pd.concat(parts, ignore_index=True) if parts else [], Curves)


def _on_grid(points: pd.DataFrame, perturbation: str) -> np.ndarray:
    x, same = points["x"].to_numpy(), points["same"].to_numpy()
    if perturbation != "early_termination":
        x, same = np.append(x, 1.0), np.append(same, 1.0)
    return np.interp(GRID, x, same, left=np.nan)


def _conclusions_agree(concluded: pd.DataFrame, full: pd.DataFrame) -> float:
    """Share of conclusions that contain the answer read from the whole chain, as a word of its own."""
    chain = ["item_id", "sample", "seed"]
    both = concluded.merge(full[full["valid"].astype(bool)][[*chain, "answer"]], on=chain)
    named = [
        re.search(rf"(?<!\w){re.escape(answer)}(?!\w)", conclusion, re.IGNORECASE) is not None
        for answer, conclusion in zip(both["answer"], both["conclusion"], strict=True)
    ]
    return float(np.mean(named)) if named else np.nan


def _groups(data: pd.DataFrame, names: list[str]) -> dict[tuple, pd.DataFrame]:
    return dict(iter(data.groupby(names)))
