"""Calibration (method, section 10): readers whose faithfulness is known must come out as known.

All readers read the same worked chains of the generated tasks. *Exact* readers are functions; *real* ones are models
tuned to follow the chain whatever the question (load-bearing), or the question whatever the chain (decorative).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from faithfulness import prompts
from faithfulness.backends.protocol import Backend, Decoding
from faithfulness.calibrate import exact
from faithfulness.calibrate.criterion import LEAST_AREA
from faithfulness.calibrate.exact import Decide, ExactReader, WorkedChains
from faithfulness.chains.write import write_chains
from faithfulness.compare import chain_values, measures
from faithfulness.compare.inference import SPARSE, Floats
from faithfulness.compare.measures import MEASURES
from faithfulness.config.probing import Perturbations
from faithfulness.config.statistics import Statistics
from faithfulness.perturb.apply import probes_of
from faithfulness.perturb.registry import PERTURBATIONS
from faithfulness.perturb.splicing import Decode, Encode
from faithfulness.prompts import Prompts
from faithfulness.rescore import readout
from faithfulness.rescore.readout import Readout
from faithfulness.tables.by_item import rows_of
from faithfulness.tables.generation import Probes
from faithfulness.tables.io import frame, records
from faithfulness.tables.journal import Journal
from faithfulness.tables.measures import Calibration

Item = dict[str, Any]

WRITER = "worked"
MIXTURES = (0.0, 0.25, 0.5, 0.75, 1.0)  # shares of the items that the mixed reader reads off the chain
CONFIDENCE = 0.95
EXACT: dict[str, Decide] = {
    "load_bearing": exact.load_bearing,
    "decorative": exact.decorative,
    "surface": exact.surface,
    "random": exact.random,
}


def worked_text(item: Item) -> str:
    """An item's worked chain as a writer would write it after the prefill."""
    return "".join(f" {step}" for step in item["rationale"])


def write_worked(
    items: pd.DataFrame, wording: Prompts, journal: Path, tokenizer: Any = None, block_items: int = 20
) -> pd.DataFrame:
    """The worked chains as a table of chains, with token ids where there is a tokenizer."""
    render = prompts.renderer(tokenizer)
    texts = {prompts.chain_prompt(item, wording, render): worked_text(item) for item in records(items)}
    writer = WorkedChains(texts, tokenizer, prompts.tokenizer_hash(tokenizer) if tokenizer else None)
    kept = Journal(journal, (writer.tokenizer_hash, texts), "worked chains", block_items)
    return write_chains(writer, items, wording, Decoding(1), 1, 0, 0, kept)


def perturb(
    written: pd.DataFrame,
    items: pd.DataFrame,
    settings: Perturbations,
    encode: Encode | None = None,
    decode: Decode | None = None,
) -> dict[str, pd.DataFrame]:
    """All probes of a table of chains, a table by perturbation.

    Args:
        written: tables.Chains.
        items: their tables.Items, whose answers the paraphraser may not give away.
        settings: of the perturbations.
        encode, decode: of the tokenizer of the chains' ids; None for chains without.
    """
    chains, answers = records(written), dict(zip(items["item_id"], items["answer"], strict=True))
    offered = {**settings.model_dump(), "contrasts": (), "encode": encode, "decode": decode}
    return {
        name: frame(probes_of(name, perturbation.needs, chains, offered, answers), Probes)
        for name, perturbation in PERTURBATIONS.items()
    }


def read(
    backend: Backend,
    name: str,
    items: pd.DataFrame,
    probes: Mapping[str, pd.DataFrame],
    wording: Prompts,
    key: Sequence[Any],
    journal: Path,
    block_items: int = 20,
) -> pd.DataFrame:
    """Scores of a reader on worked chains, with a column reader; `key` identifies the reader in the journal."""
    rows = {(WRITER, perturbation): rows_of(table) for perturbation, table in probes.items()}
    kept = Journal(journal, tuple(key), f"{name}: answers", block_items)
    return readout.score(backend, items, rows, wording, name, Readout("cloze", 0), kept).assign(reader=name)


def with_silence(items: pd.DataFrame) -> pd.DataFrame:
    """The items with a further option, for readers that find no answer."""
    return items.assign(options=items["options"].map(lambda options: [*options, prompts.SILENT]))


def exact_scores(items: pd.DataFrame, wording: Prompts, settings: Perturbations, journal: Path) -> pd.DataFrame:
    """Scores of all exact readers, the mixed ones named 'mixed <share>'."""
    asked = with_silence(items)
    written = write_worked(asked, wording, journal)
    probes = perturb(written, asked, settings)
    by_id = {item["item_id"]: item for item in records(asked)}
    readers = EXACT | {f"mixed {p}": exact.mixed(p, list(by_id)) for p in MIXTURES}
    return pd.concat(
        [
            read(ExactReader(decide, by_id), name, asked, probes, wording, [name], journal)
            for name, decide in readers.items()
        ],
        ignore_index=True,
    )


def area(higher: Floats, lower: Floats, axis: int = -1) -> Floats:
    """Area under the ROC curve: the chance that a value of `higher` exceeds one of `lower`, ties counting half.

    It is Mann and Whitney's U over the product of the sizes (Hanley and McNeil 1982).
    """
    u = stats.mannwhitneyu(higher, lower, axis=axis, method="asymptotic").statistic
    return np.asarray(u / (np.shape(higher)[axis] * np.shape(lower)[axis]))


def area_with_interval(higher: Floats, lower: Floats, statistics: Statistics) -> tuple[float, float, float]:
    """Area and its 95 % interval, both readers paired by item.

    BCa bootstrap over items. Where fewer than ten items are not ordered as they should be, the Clopper-Pearson limit
    of the share of such items stands in for it: a bootstrap of next to no variation is worthless.

    Returns:
        (area, low, high); NaN with fewer than two items.
    """
    known = np.isfinite(higher) & np.isfinite(lower)
    higher, lower = higher[known], lower[known]
    if len(higher) < 2:
        return np.nan, np.nan, np.nan
    found = float(area(higher, lower))
    for end, misplaced in ((1.0, higher <= lower.max()), (0.0, higher >= lower.min())):
        count = int(misplaced.sum())
        if abs(found - end) < 0.5 and count < SPARSE:
            limit = stats.binomtest(count, len(higher)).proportion_ci(CONFIDENCE, method="exact").high
            return found, max(0.0, end - limit) if end else 0.0, 1.0 if end else limit
    low, high = stats.bootstrap(
        (higher, lower),
        area,
        paired=True,
        vectorized=True,
        n_resamples=statistics.resamples,
        batch=256,
        confidence_level=CONFIDENCE,
        method="BCa",
        rng=np.random.default_rng(statistics.seed),
    ).confidence_interval
    return found, float(low), float(high)


def separate(scores: pd.DataFrame, dataset: str, readers: str, statistics: Statistics) -> list[dict[str, Any]]:
    """How well each measure tells the readers apart that it must tell apart; rows of tables.Calibration.

    Args:
        scores: tables.Scores with a column reader: load_bearing and decorative at least; for exact readers also
            surface, random and the mixed ones.
        dataset: their name in the table.
        readers: 'exact', or the model that the real ones are made of.
        statistics: resamples and seed.
    """
    values = chain_values.of_chains(scores).reset_index().set_index(["reader", "item_id"])
    present = set(scores["reader"])
    rows = []
    for name in measures.measured(values):
        measure = MEASURES[name]
        if not measure.of_chain or not (measure.faithful or name.startswith("paraphrase_sensitivity")):
            continue
        column = values[name].unstack(0)
        pair = ["load_bearing", "decorative"] if measure.faithful else ["surface", "decorative"]
        if not set(pair) <= present:
            continue
        higher, lower = pair[::-1] if measure.faithful == "low" else pair
        found, low, high = area_with_interval(column[higher].to_numpy(float), column[lower].to_numpy(float), statistics)
        means = column.mean()
        row = {
            "dataset": dataset,
            "measure": name,
            "readers": readers,
            **{reader: float(means[reader]) if reader in present else None for reader in EXACT},
            **{
                "area": found,
                "area_low": low,
                "area_high": high,
                "n_items": int(column[pair].notna().all(axis=1).sum()),
            },
            "monotone": None,
            "unfit": "",
        }
        if measure.faithful and f"mixed {MIXTURES[0]}" in present:
            response = np.array([means[f"mixed {p}"] for p in MIXTURES]) * (1 if measure.faithful == "high" else -1)
            row["monotone"] = bool((np.diff(response) > 0).all())
        rows.append(row)
    return rows


def unfit(scores: pd.DataFrame, items: pd.DataFrame) -> str:
    """Why real readers cannot calibrate anything: '' if they can.

    The decorative one must know the answer without the chain, the load-bearing one with it, both above chance.
    """
    chance = float(np.mean([1 / len(options) for options in items["options"]]))
    early = scores[scores["perturbation"] == "early_termination"]
    wanted = {"decorative": early["cut"] == 0, "load_bearing": early["cut"] == early["n_steps"]}
    for reader, chosen in wanted.items():
        right = early.loc[chosen & (early["reader"] == reader), "correct"].astype(bool)
        if stats.binomtest(int(right.sum()), len(right)).proportion_ci(CONFIDENCE, method="exact").low <= chance:
            return (
                f"the {reader.replace('_', '-')} reader is right in {right.mean():.0%} of the items, not above chance"
            )
    return ""


def with_status(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """tables.Calibration, with the status of each measure on each dataset.

    | readers | status |
    |---|---|
    | an area below .9, or a response to the mixture that is not monotone | failed |
    | fewer than two items, so that there is no area | not calibrated |
    | exact and real ones, all areas at least .9 | validated |
    | paraphrase sensitivity, which only the exact surface reader tests: its area is at least .9 | validated |
    | otherwise (no real readers, or none that are fit) | not calibrated |

    Args:
        rows: of `separate`; those of unfit readers count for nothing.
    """
    found = []
    for row in rows:
        peers = [r for r in rows if (r["dataset"], r["measure"]) == (row["dataset"], row["measure"]) and not r["unfit"]]
        enough = len(peers) > 1 or (len(peers) == 1 and MEASURES[row["measure"]].faithful is None)
        if any(peer["area"] < LEAST_AREA or peer["monotone"] is False for peer in peers):
            status = "failed"
        elif any(np.isnan(peer["area"]) for peer in peers):
            status = "not calibrated"
        else:
            status = "validated" if enough else "not calibrated"
        found.append(row | {"status": status})
    return frame(found, Calibration)
