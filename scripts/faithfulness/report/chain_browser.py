"""The chain browser: the page of one model and dataset, as pure functions from tables to text.

An *entry* is one sample of an item, with the chains of all arms that wrote one. The page contains an index (what its
list shows, filters and sorts), decoded as it opens, and the entries in blocks, decoded when one of them is opened:
gzipped JSON in base64, which cannot end the element that contains it, whatever a model wrote. A perturbed chain is
stored as the steps that it shares with the chain and the text between them.
"""

import base64
import gzip
import hashlib
import itertools
import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from faithfulness.compare import closed
from faithfulness.compare.chain_values import of_cue
from faithfulness.compare.measures import MEASURES
from faithfulness.perturb.registry import PERTURBATIONS, kind
from faithfulness.tables import io
from faithfulness.tables.io import Row

# How chains are changed, and the measures that the page shows of each chain, in the order of their registries.
KINDS = {kind(name, variant.name): variant for name, entry in PERTURBATIONS.items() for variant in entry.variants}
SHOWN = [name for name, measure in MEASURES.items() if measure.shown]
BLOCK_ENTRIES = 25

Key = tuple[str, int]  # item and sample
Place = tuple[str, str, int]  # perturbation, variant and cut


@dataclass(frozen=True)
class Tables:
    """The tables of one model and dataset.

    Args:
        items: tables.Items.
        chains: tables.Chains of all writers, with a column `writer`.
        probes: tables.Probes of all writers, with columns `writer` and `perturbation`.
        scores: tables.Scores of all readers, with a column `reader`.
        measures: tables.Measures.
        gates: tables.Gates, of any models and datasets.
    """

    items: pd.DataFrame
    chains: pd.DataFrame
    probes: pd.DataFrame
    scores: pd.DataFrame
    measures: pd.DataFrame
    gates: pd.DataFrame


def context(tables: Tables, *, model: str, dataset: str, colours: Mapping[str, str], script: str) -> Row:
    """What the template of the page shows, except for the style sheet.

    Args:
        tables: of the model and dataset.
        model, dataset: what the page shows.
        colours: colour of each arm of the configuration, base first (colours.arm_colours).
        script: the script of the page, a file of this project.
    """
    read = set(tables.scores[["writer", "reader"]].itertuples(index=False, name=None))
    order = list(colours)
    # The arm of each training; a page shows the trainings of an arm one by one, in one colour.
    arm_of = dict(zip(tables.measures["reader"], tables.measures["arm"], strict=True)) | {"base": "base"}
    arms = sorted({name for pair in read for name in pair}, key=lambda name: (order.index(arm_of[name]), name))
    pairs = [pair for pair in itertools.product(arms, repeat=2) if pair in read]
    records = entries(tables, arms, pairs)
    writers = [arms.index(writer) for writer, _ in pairs]
    kinds = {probe[0] for entry in records for chain in entry["chains"] if chain for probe in chain["probes"]}
    cells = tables.gates[(tables.gates["model"] == model) & (tables.gates["dataset"] == dataset)]
    index = {
        "arms": [{"name": name, "colour": colours[arm_of[name]]} | _gates(cells, arm_of[name]) for name in arms],
        "pairs": pairs,
        "kinds": [
            {"name": name}
            | {field: getattr(variant, field) for field in ("label", "title", "hint", "one_step", "whole")}
            for name, variant in KINDS.items()
            if variant.shown and name in kinds
        ],
        "measures": [MEASURES[name].label for name in SHOWN],
        "block_entries": BLOCK_ENTRIES,
        "several_samples": bool((tables.chains["sample"] > 0).any()),
        "entries": [_summary(entry, writers) for entry in records],
    }
    return {
        "model": model,
        "dataset": dataset,
        "script": Markup(script),
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "index": encoded(index),
        "blocks": [encoded(records[i : i + BLOCK_ENTRIES]) for i in range(0, len(records), BLOCK_ENTRIES)],
    }


def encoded(value: object) -> str:
    """Plain values as gzipped JSON in base64; the same values give the same text."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def entries(tables: Tables, arms: Sequence[str], pairs: Sequence[tuple[str, str]]) -> list[Row]:
    """One record for each item and sample, in the order of the items.

    Its `chains` are aligned with `arms` (writers), its `readings` and `measures` with `pairs` (writer, reader); None if
    there is none. A chain's `probes` are (kind, cut, kept, middle, tail, rule, accepted, target): the text is
    steps[:kept] + middle + steps[tail:], where a middle that is a number means as many last UTF-16 units of the probe
    before. A reading has (answer, same, correct, p_original, p_gold) for each probe of its chain, None for probes that
    this reader does not score.
    """
    written = {(row["writer"], *_key(row)): row for row in _records(tables.chains)}
    perturbed = defaultdict(list)
    for row in _records(tables.probes):
        name = kind(row["perturbation"], row["variant"])
        if KINDS[name].browsed:
            perturbed[row["writer"], *_key(row)].append(row | {"kind": name})
    read: dict[tuple[str, str, str, int], dict[Place, Row]] = defaultdict(dict)
    for row in _records(of_cue(tables.scores)):
        read[row["writer"], row["reader"], *_key(row)][_place(row)] = row
    # The table repeats the base arm's reading of its own chains for each tuned arm.
    measured = tables.measures[tables.measures["measure"].isin(SHOWN)]
    measured = measured.drop_duplicates(["writer", "reader", "item_id", "sample", "measure"])
    values: dict[tuple[str, str, str, int], dict[str, float | None]] = defaultdict(dict)
    for row in _records(measured):
        values[row["writer"], row["reader"], *_key(row)][row["measure"]] = _short(row["value"])

    shown = []
    samples = sorted(set(tables.chains["sample"]))
    for item in io.records(tables.items):
        for sample in samples:
            key = (item["item_id"], int(sample))
            own = {arm: sorted(perturbed[arm, *key], key=_order) for arm in arms if (arm, *key) in written}
            if not own:
                continue
            shown.append(
                {name: item[name] for name in ("question", "options", "answer", "show_options")}
                | {"item": key[0], "sample": key[1]}
                | {"chains": [_chain(written[arm, *key], own[arm]) if arm in own else None for arm in arms]}
                | {
                    "readings": [
                        [_answer(read[*pair, *key].get(_place(probe))) for probe in own[pair[0]]]
                        if (*pair, *key) in read and pair[0] in own
                        else None
                        for pair in pairs
                    ],
                    "measures": [[values[*pair, *key].get(name) for name in SHOWN] for pair in pairs],
                }
            )
    return shown


def _chain(chain: Row, probes: Sequence[Row]) -> Row:
    steps = chain["steps"]
    return {
        "steps": steps,
        "text": "" if steps else chain["chain_text"],
        "conclusion": chain["conclusion"],
        "truncated": chain["finish_reason"] == "length",
        "probes": list(_compact(steps, probes)),
    }


def _compact(steps: Sequence[str], probes: Sequence[Row]) -> Iterator[list[object]]:
    before = ""
    for probe in probes:
        kept, tail, text = probe["kept"], probe["tail"], probe["text"]
        middle = text[len("".join(steps[:kept])) : len(text) - len("".join(steps[tail:]))]
        # The rewording of steps 3 to n is the end of that of steps 2 to n.
        shared = middle != "" and before.endswith(middle)
        stored = len(middle.encode("utf-16-le")) // 2 if shared else middle
        yield [probe["kind"], probe["cut"], kept, stored, tail, probe["rule"], probe["accepted"], probe["target"]]
        before = middle


def _answer(row: Row | None) -> list[object] | None:
    if row is None:
        return None
    answer = row["answer"] if row["valid"] else None
    return [answer, row["same"], row["correct"], _short(row["p_original"]), _short(row["p_gold"])]


def _summary(entry: Row, writers: Sequence[int]) -> Row:
    """What the list shows of an entry.

    A reading is (a_n, correct, steps, convergence fraction, flips). Flips say for each kind whether any of its probes
    changed the answer; a kind without a readable answer is left out.

    Args:
        entry: from `entries`.
        writers: for each reading, the place of the chain's writer among the arms.
    """
    rows = zip(writers, entry["readings"], entry["measures"], strict=True)
    return {
        **{name: entry[name] for name in ("item", "sample", "question", "answer")},
        "readings": [reading and _facts(entry["chains"][writer], reading, values) for writer, reading, values in rows],
    }


def _facts(chain: Row, reading: Sequence[list[object] | None], values: Sequence[float | None]) -> list[object]:
    n = len(chain["steps"])
    answers = [(probe[0], probe[1], answer) for probe, answer in zip(chain["probes"], reading, strict=True) if answer]
    whole = next((answer for name, cut, answer in answers if (name, cut) == ("early_termination", n)), [None] * 5)
    flips: dict[str, bool] = {}
    for name, _, answer in answers:
        if answer[1] is not None:
            flips[name] = flips.get(name, False) or not answer[1]
    return [whole[0], whole[2], n, values[SHOWN.index("convergence_fraction")], flips]


def _gates(cells: pd.DataFrame, recipe: str) -> Row:
    """Whether no gate closed an arm's cell, and why one did; the base arm is open if any of its cells is."""
    own = cells if recipe == "base" else cells[cells["arm"] == recipe]
    closes = closed.cells(own)
    if own.empty or not closes.groupby(own["arm"]).any().all():
        return {"open": True, "reasons": []}
    return {"open": False, "reasons": list(dict.fromkeys(own.loc[closes.astype(bool), "reason"]))}


def _records(data: pd.DataFrame) -> list[Row]:
    unused = ["prompt", "prompt_ids", "chain_ids", "step_spans", "step_offsets", "tokenizer_hash", "replacement"]
    unused += ["seed", "margin", "position", "retokenised"]
    return io.records(data.drop(columns=unused, errors="ignore"))


def _key(row: Row) -> Key:
    return row["item_id"], row["sample"]


def _place(row: Row) -> Place:
    return row["perturbation"], row["variant"], row["cut"]


def _order(probe: Row) -> tuple[int, int]:
    return list(KINDS).index(probe["kind"]), probe["cut"]


def _short(value: float | None) -> float | None:
    """A number with the four digits that the page shows at most; None if it is missing."""
    return float(f"{value:.4g}") if value is not None and math.isfinite(value) else None
