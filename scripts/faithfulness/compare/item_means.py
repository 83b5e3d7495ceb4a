"""Means of each item (method, sections 6 and 8): from the measures of chains to the frames that are compared.

A *frame of means* is of one cell (model, tuned arm, dataset): one row for each item, columns (measure, writer, reader)
with writer and reader in {base, tuned}. Placebo and null arms have cells of their own, in the role of the tuned arm; as
they write no chains, these have no means where tuned is the writer.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

import pandas as pd
import pyarrow as pa

from faithfulness.compare.alternatives import ALTERNATIVES, MAIN
from faithfulness.compare.chain_probes import CHAIN
from faithfulness.compare.chain_values import ChainValues, Pair, alternatives_of, control_values, pair_values
from faithfulness.compare.measures import MEASURES
from faithfulness.tables.fields import FLOAT, INT, ITEM_ID, STR, field
from faithfulness.tables.io import frame as as_table

Cell = tuple[str, str, str]  # model, tuned arm, dataset
Cells = Mapping[Cell, pd.DataFrame]  # frames of means
Seeds = Mapping[Cell, Mapping[int, pd.DataFrame]]  # frames of means by cell and training seed

ROLES = [("base", "base"), ("base", "tuned"), ("tuned", "base"), ("tuned", "tuned")]  # (writer, reader)
KEYS = ["item_id", "writer", "reader"]
# Measures that say nothing where a target is a_n.
FOLLOWING = ("chain_following", "question_following", "neither_followed", "chain_following_log_odds")


def schema() -> pa.Schema:
    """The table of item means: one column for each measure."""
    return pa.schema(
        [
            field("arm", STR, meaning="tuned, placebo or null arm of the cell"),
            field(
                "seed",
                INT,
                meaning="training seed of the arm; null: all trainings of an arm with several",
                nullable=True,
            ),
            field("alternative", STR, meaning=f"{MAIN}, or how answers are counted or read: {', '.join(ALTERNATIVES)}"),
            ITEM_ID,
            field("writer", STR, meaning="who wrote the chains: base or tuned"),
            field("reader", STR, meaning="who read them: base or tuned (whatever the role of the cell's arm)"),
            *(field(name, FLOAT, meaning=measure.label, nullable=True) for name, measure in MEASURES.items()),
        ]
    )


def of_chains(chains: pd.DataFrame, left_out: Collection[str] = ()) -> pd.DataFrame:
    """Item means of one cell; samples and seeds of an item are averaged.

    A chain counts where it has a step and a valid a_n with both readers, and an item where each writer (of a placebo or
    null arm: base) has such a chain: one set of items for each contrast. Accuracies and lengths, which count an invalid
    answer as wrong, are means over all chains, also of the items that are left out. Where a conflict chain of an item
    leads to the a_n of any of its readers, the item has no measure of chain following with any, but for
    `chain_following_all`.

    Args:
        chains: columns CHAIN and measures (chain_values.SUPPORT at least), of base and of one or more trainings of the
            tuned arm, with writer and reader 'base' or 'tuned'; base that reads its own chains is there once.
        left_out: items that do not count, as a chain of the cell was cut off.

    Returns:
        Index KEYS, sorted, one column for each measure; NaN where a measure is undefined.
    """
    names = [name for name in MEASURES if name in chains]
    # Base writes the same chain for every training seed of its tuned reader.
    chain_seed = chains["seed"].where(chains["writer"] == "tuned", 0)
    chain = [chains["writer"], chains["item_id"], chains["sample"], chain_seed]
    usable = chains["aoc_raw"].notna().groupby(chain).transform("all") & ~chains["item_id"].isin(left_out)
    of_chain = [name for name in names if MEASURES[name].of_chain]
    values = chains[names].copy()
    values[of_chain] = values[of_chain].where(usable)
    following = [name for name in FOLLOWING if name in names]
    if following:
        met = values[following[0]].isna() & values["chain_following_all"].notna()
        values[following] = values[following].mask(met.groupby(chains["item_id"]).transform("any"))
    items = values.groupby([chains[key] for key in KEYS]).mean()
    roles = items["aoc_raw"].notna().groupby(level="item_id").transform("sum")
    items[of_chain] = items[of_chain].where(roles == len(chains[["writer", "reader"]].drop_duplicates()))
    return items


def tables(
    values: Mapping[Pair, ChainValues], arms: Mapping[str, str], controls: Mapping[str, tuple[str, int]] | None = None
) -> Iterator[pd.DataFrame]:
    """Item means of each arm, by alternative, by training and (if several) over all of them.

    Args:
        values: from `chain_values.of_pairs`.
        arms: the tuned arm of each training, by the training's name.
        controls: the placebo or null arm of each training, and its seed.

    Returns:
        Tables of `schema`, one for each alternative and arm, made as they are taken. An alternative is missing where it
        reads nothing of an arm and base otherwise, and has few measures beside those of its claims.
    """
    controls = controls or {}
    of_arm = {name: arm for name, (arm, _) in controls.items()} | dict(arms)
    for alternative in (MAIN, *ALTERNATIVES):
        for arm in (*sorted(set(arms.values())), *sorted({arm for arm, _ in controls.values()})):
            trainings = [name for name in of_arm if of_arm[name] == arm]
            if any(alternative in alternatives_of(values, name) for name in trainings):
                chains = [
                    control_values(values, name, controls[name][1], alternative)
                    if name in controls
                    else pair_values(values, name, alternative)
                    for name in trainings
                ]
                shared = [name for name in chains[0] if all(name in part for part in chains)]
                means = of_trainings([part[shared] for part in chains]).assign(arm=arm, alternative=alternative)
                yield as_table(means.reindex(columns=schema().names), schema())


def of_trainings(trainings: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Item means of each training of an arm and, if there are several, over all of them.

    An item of which a chain was cut off, of base or of any training, leaves all of them: trainings have the same items.

    Args:
        trainings: the chains of each training, as `pair_values` returns them: base that reads its own chains is part of
            each.

    Returns:
        Columns KEYS, seed (null over all trainings) and the measures; writer and reader are 'base' or 'tuned'.
    """
    by_training = [_in_roles(chains) for chains in trainings]
    together = pd.concat(by_training).drop_duplicates(CHAIN)
    left_out = together.loc[together["truncated"], "item_id"].unique()
    groups: list[tuple[int | None, pd.DataFrame]] = [(_seed(chains), chains) for chains in by_training]
    if len(groups) > 1:
        groups.append((None, together))
    means = [(seed, of_chains(chains, left_out).reset_index()) for seed, chains in groups]
    parts = [items.assign(seed=pd.Series([seed] * len(items), dtype="Int64")) for seed, items in means]
    return pd.concat(parts, ignore_index=True)


def _seed(chains: pd.DataFrame) -> int:
    """The seed of the training, which base that reads its own chains does not carry."""
    return int(chains.loc[chains["reader"] != "base", "seed"].max())


def _in_roles(chains: pd.DataFrame) -> pd.DataFrame:
    roles = {role: chains[role].where(chains[role] == "base", "tuned") for role in ("writer", "reader")}
    return chains.assign(**roles)


def frames(means: pd.DataFrame) -> dict[Cell, pd.DataFrame]:
    """Frames of means by cell, over all trainings of its arm.

    Args:
        means: tables of `schema` with columns model and dataset, of one alternative; some measures may be missing.
    """
    frames_of = {}
    for cell, part in _cells(means):
        together = part["seed"].isna()
        frames_of[cell] = _frame(part[together] if together.any() else part)
    return frames_of


def frames_by_seed(means: pd.DataFrame) -> dict[Cell, dict[int, pd.DataFrame]]:
    """Frames of means of each training seed, by cell; see `frames`."""
    return {
        cell: {int(seed): _frame(part[part["seed"] == seed]) for seed in sorted(part["seed"].dropna().unique())}
        for cell, part in _cells(means)
    }


def under_alternatives(means: pd.DataFrame, cells: Cells, seeds: Seeds) -> dict[str, tuple[Cells, Seeds]]:
    """Frames of means, and those of each training seed, under each alternative that has rows, in their usual order.

    What is not of chains, such as direct accuracy, is that of the main frames: no alternative reads it otherwise.

    Args:
        means: as in `frames`, of any number of alternatives.
        cells: the main frames, which a cell keeps in which nothing is read otherwise.
        seeds: the main frames of each training seed.
    """
    parts = {name: means[means["alternative"] == name] for name in ALTERNATIVES}
    under: dict[str, tuple[Cells, Seeds]] = {}
    for name, part in parts.items():
        if len(part):
            of_cells = {cell: _with_main(frame, cells[cell]) for cell, frame in frames(part).items()}
            of_seeds = {
                cell: {seed: _with_main(frame, seeds[cell][seed]) for seed, frame in by_seed.items()}
                for cell, by_seed in frames_by_seed(part).items()
                if cell in seeds
            }
            under[name] = {**cells, **of_cells}, {**seeds, **of_seeds}
    return under


def _with_main(frame: pd.DataFrame, main: pd.DataFrame) -> pd.DataFrame:
    """A frame of means with the columns of a main frame that are not of chains."""
    names = [name for name in main.columns.unique("measure") if not MEASURES[name].of_chain]
    return frame.drop(columns=[name for name in names if name in frame], level="measure").join(main[names])


def _cells(means: pd.DataFrame) -> Iterator[tuple[Cell, pd.DataFrame]]:
    for (model, arm, dataset), part in means.groupby(["model", "arm", "dataset"]):
        yield (str(model), str(arm), str(dataset)), part


def _frame(means: pd.DataFrame) -> pd.DataFrame:
    names = [name for name in MEASURES if name in means]
    wide: pd.DataFrame = means.set_index(KEYS)[names].unstack(["writer", "reader"])  # type: ignore[assignment]
    columns = pd.MultiIndex.from_tuples([(name, *roles) for name in names for roles in ROLES])
    return wide.reindex(columns=columns).rename_axis(columns=["measure", "writer", "reader"])


def usable_items(frame: pd.DataFrame) -> int:
    """How many items a frame of means has in its contrasts."""
    return int(four(frame, "aoc_raw").notna().all(axis=1).sum())


def four(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """A measure in the four writer x reader roles."""
    return frame[[(name, *roles) for roles in ROLES]]
