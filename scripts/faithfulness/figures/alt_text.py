"""What a figure shows, in words: for those who do not see it. Each function takes the rows of a figure."""

import pandas as pd

from faithfulness.compare.measures import MEASURES
from faithfulness.text import signed, size_text, spaced


def furthest(data: pd.DataFrame, where: list[str], column: str, what: str) -> str:
    """Where a tuned arm's curve is furthest from that of base, in words.

    Args:
        data: rows with model, arm, dataset, fraction and the columns named next.
        where: columns that say which points of two curves belong together.
        column: what the curves show.
        what: the column in words: 'share of ...'.
    """
    usable = data[data.interpretable]
    tuned, base = usable[usable.arm != "base"], usable[usable.arm == "base"]
    both = tuned.merge(base[[*where, column]], on=where, suffixes=("", "_base"))
    both = both.dropna(subset=[column, f"{column}_base"])
    if both.empty:
        return ""
    change = both[column] - both[f"{column}_base"]
    row = both.iloc[int(change.abs().to_numpy().argmax())]
    kind = f"{spaced(row.perturbation)}, " if "perturbation" in where else ""
    return (
        f"Largest distance of a tuned arm from base for {row.model}: {what} {row[column]:.2f} after {row.arm} against "
        f"{row[f'{column}_base']:.2f} ({kind}{row.dataset}, at {row.fraction:.2f} of the chain)."
    )


def largest(data: pd.DataFrame) -> str:
    """The largest reading effect and how many are shown to differ from none, in words."""
    rows = data[(data.component == "reading") & data.interpretable].dropna(subset="estimate")
    if rows.empty:
        return ""
    row = rows.iloc[int(rows.estimate.abs().to_numpy().argmax())]
    apart = int(((rows.ci_low > 0) | (rows.ci_high < 0)).sum())
    return (
        f"Largest effect on reading: {MEASURES[row.measure].label} {signed(row.estimate)} (interval "
        f"{signed(row.ci_low)} to {signed(row.ci_high)}) for {row.model} on {row.dataset} after {row.arm}. "
        f"The intervals of {apart} of {len(rows)} reading effects leave out zero."
    )


def apart(data: pd.DataFrame) -> str:
    """The largest difference between two runs and how many are shown to differ from none, in words."""
    rows = data[(data.run == "A minus B") & data.interpretable].dropna(subset="estimate")
    if rows.empty:
        return ""
    row = rows.iloc[int(rows.estimate.abs().to_numpy().argmax())]
    shown = int(((rows.ci_low > 0) | (rows.ci_high < 0)).sum())
    return (
        f"Largest difference between the runs: {MEASURES[row.measure].label} {signed(row.estimate)} (interval "
        f"{signed(row.ci_low)} to {signed(row.ci_high)}) for {row.model} on {row.dataset} after {row.arm}. "
        f"The intervals of {shown} of {len(rows)} differences leave out zero."
    )


def gain_beside_aoc(data: pd.DataFrame) -> str:
    """The largest effect on information gain, and whether it falls where the AOC does, in words."""
    rows = data[data.interpretable].dropna(subset=["aoc", "info_gain"])
    if rows.empty:
        return ""
    row = rows.iloc[int(rows.info_gain.abs().to_numpy().argmax())]
    less = rows[rows.aoc_high < 0]
    return (
        f"Largest effect on information gain: {signed(row.info_gain)} nats (interval {signed(row.info_gain_low)} to "
        f"{signed(row.info_gain_high)}), with AOC {signed(row.aoc)}, for {row.model} on {row.dataset} after "
        f"{row.arm}. AOC falls, its interval below zero, in {len(less)} of {len(rows)} cells; in "
        f"{(less.info_gain >= 0).sum()} of these information gain does not."
    )


def calibrated(data: pd.DataFrame) -> list[str]:
    """Which measures passed and which failed, in words, a sentence for each dataset."""
    sentences = []
    for dataset, rows in data.groupby("dataset", sort=False):
        status = rows.drop_duplicates("measure")
        failed = [MEASURES[name].label for name in status[status.status == "failed"].measure]
        passed = int((status.status == "validated").sum())
        tail = f"; failed: {', '.join(failed)}" if failed else ""
        sentences.append(f"{passed} of {len(status)} measures are validated on {dataset}{tail}.")
    return sentences


def failed_gates(data: pd.DataFrame) -> str:
    """How often each gate failed, in words."""
    counts = data[~data.passed.astype(bool)].groupby("gate", sort=False).size()
    words = ", ".join(f"{spaced(str(name))} in {n}" for name, n in counts.items())
    return f"Gates that failed: {words}." if words else "No gate failed."


def ends(data: pd.DataFrame, column: str, what: str) -> str:
    """The least and the largest value of a column, in words."""
    rows = data.dropna(subset=column).sort_values(column, kind="stable")
    if rows.empty:
        return ""
    least, most = (
        f"{row[column]:.2f} ({row['model']}, {row['arm']}, {row['dataset']})"
        for row in rows.iloc[[0, -1]].to_dict("records")
    )
    return f"{what}: from {least} to {most}."


def closed(data: pd.DataFrame) -> str:
    """How many cells cannot be interpreted, and on which datasets, in words."""
    cells = data[data.arm != "base"].groupby(["model", "arm", "dataset"], sort=False)["interpretable"].any()
    shut = cells[~cells.astype(bool)]
    if shut.empty:
        return "All cells can be interpreted."
    where = ", ".join(shut.index.get_level_values("dataset").unique())
    return f"{len(shut)} of {len(cells)} cells cannot be interpreted and are grey and hatched ({where})."


def sizes(data: pd.DataFrame) -> str:
    """How many sizes of models there are, and from which to which, in words."""
    count = data.parameters.nunique()
    ends = f", {size_text(data.parameters.min())} to {size_text(data.parameters.max())} parameters" if count > 1 else ""
    return f"Effects on reading for {count} model size{'s' if count != 1 else ''}{ends}."


def joined(*sentences: str) -> str:
    """Sentences one after the other, without empty ones."""
    return " ".join(filter(None, sentences))
