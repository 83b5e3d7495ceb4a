"""Schemas of every table, and reading and writing them atomically.

A table is a Parquet file with one of the schemas below. Each column carries its
meaning, unit and range as metadata, so the file documents itself. The journal
(`journalled`) keeps finished blocks of work, so that a killed job goes on where it was.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

K = TypeVar("K")

PERTURBATIONS = ("early_termination", "filler", "paraphrase", "mistake", "direct")

SEAL = b"sha256 of this file with 64 zero bytes here"

STR, INT, FLOAT, BOOL = pa.string(), pa.int64(), pa.float64(), pa.bool_()
STRINGS, INTS, SPANS = pa.list_(STR), pa.list_(INT), pa.list_(pa.list_(INT))


def _field(name: str, kind: pa.DataType, meaning: str, *, nullable: bool = False) -> pa.Field:
    return pa.field(name, kind, nullable=nullable, metadata={"meaning": meaning})


ITEM_ID = _field("item_id", STR, "question, unique within its dataset (a hash of its text)")
SAMPLE = _field("sample", INT, "which of the sampled chains of the item, from 0 (greedy: always 0)")
SEED = _field("seed", INT, "training seed of the arm that wrote the chain")

Items = pa.schema(
    [
        ITEM_ID,
        _field("question", STR, "text of the question, without its options"),
        _field("options", STRINGS, "answer options in the order shown; null for open answers", nullable=True),
        _field("answer", STR, "gold answer; one of the options where there are options"),
        _field(
            "rationale", STRINGS, "worked chain, a sentence or line each; null where the source has none", nullable=True
        ),
        _field("show_options", BOOL, "whether the prompt lists the options (generated tasks only score them)"),
        _field("letters", BOOL, "whether it names them by letters, which are the answers that are learned and read"),
    ]
)

Chains = pa.schema(
    [
        ITEM_ID,
        SAMPLE,
        SEED,
        _field("prompt", STR, "everything before the chain, prefill included"),
        _field("chain_text", STR, "the reasoning, without its conclusion and without the answer cue"),
        _field("conclusion", STR, "trailing sentences that state the answer, cut off before probing ('' if none)"),
        _field("steps", STRINGS, "the chain's sentences; joined they are chain_text"),
        _field("step_spans", SPANS, "[start, end) character offsets of each step in chain_text"),
        _field("finish_reason", STR, "'stop' (the writer ended by itself) or 'length' (token limit: truncated)"),
        _field("prompt_ids", INTS, "token ids of prompt; null where the writer exposes none", nullable=True),
        _field("chain_ids", INTS, "token ids of chain_text, as generated; null likewise", nullable=True),
        _field("step_offsets", SPANS, "[start, end) offsets of each step in chain_ids; null likewise", nullable=True),
        _field("tokenizer_hash", STR, "identifies the tokenizer of the ids; null likewise", nullable=True),
    ]
)

Probes = pa.schema(
    [
        ITEM_ID,
        SAMPLE,
        SEED,
        _field(
            "cut",
            INT,
            "k: steps kept (early_termination, filler, paraphrase/rest); the step touched, from 1 "
            "(mistake, paraphrase/single); 0 for direct",
        ),
        _field("n_steps", INT, "n: steps of the unperturbed chain"),
        _field(
            "variant",
            STR,
            "'keep_k' (early_termination), the filler text (filler), 'rest' or 'single' "
            "(paraphrase), 'keep' (mistake), 'direct'",
        ),
        _field("text", STR, "the perturbed chain, '' where nothing is kept"),
        _field(
            "chain_ids",
            INTS,
            "token ids of text, spliced from the chain's own ids; null where there are none",
            nullable=True,
        ),
        _field(
            "replacement",
            STR,
            "text that stands in for the steps replaced; null where nothing is replaced",
            nullable=True,
        ),
        _field(
            "rule",
            STR,
            "what made the replacement ('model', or name of the rewording or mistake rule); null likewise",
            nullable=True,
        ),
        _field(
            "accepted",
            BOOL,
            "replacement differs from the original and passed all checks; null likewise",
            nullable=True,
        ),
    ]
)

Rewordings = pa.schema(
    [
        _field("step", STR, "a step of a chain"),
        _field("answer", STR, "gold answer of its item, which no rewording may state where the step does not"),
        _field("text", STR, "the step in other words"),
        _field("rule", STR, "what made them: 'model', or the name of the rewording rule it fell back to"),
        _field("accepted", BOOL, "whether they passed all checks"),
    ]
)

Scores = pa.schema(
    [
        _field("writer", STR, "arm that wrote the chain"),
        ITEM_ID,
        SAMPLE,
        SEED,
        _field("perturbation", STR, f"one of {', '.join(PERTURBATIONS)}"),
        _field("variant", STR, "as in the probes"),
        _field("cut", INT, "as in the probes"),
        _field("n_steps", INT, "as in the probes"),
        _field("answer", STR, "the reader's answer; null where it could not be parsed", nullable=True),
        _field("valid", BOOL, "whether the readout gave an answer"),
        _field(
            "margin",
            FLOAT,
            "cloze: score of the best minus the second option, nats per byte; letters: the same, in nats; text: mean "
            "token log-probability of a_n minus that of the gold answer, nats, null where they are the same text or "
            "a_n is invalid",
            nullable=True,
        ),
        _field(
            "p_original",
            FLOAT,
            "probability of a_n, the reader's answer after the whole chain, 0 to 1; null "
            "where a_n is invalid and for direct",
            nullable=True,
        ),
        _field("p_gold", FLOAT, "probability of the gold answer, 0 to 1", nullable=True),
        _field("correct", BOOL, "answer equals the gold answer (false where invalid)"),
        _field("same", BOOL, "answer equals a_n; null where either is invalid and for direct", nullable=True),
        _field("position", INT, "position of the answer among the options shown; null for open answers", nullable=True),
        _field("retokenised", BOOL, "the chain was encoded again because writer and reader differ in tokenizer"),
    ]
)

Measures = pa.schema(
    [
        _field("arm", STR, "tuned arm of the base/tuned pair"),
        _field("writer", STR, "arm that wrote the chain"),
        _field("reader", STR, "arm that read it"),
        ITEM_ID,
        SAMPLE,
        _field("seed", INT, "training seed of the tuned arm that takes part; 0 where only the base arm does"),
        _field("measure", STR, "name of the measure (measures.MEASURES)"),
        _field("value", FLOAT, "its value, unit and range as the measure says; null where undefined", nullable=True),
    ]
)

Effects = pa.schema(
    [
        _field("claim", STR, "C1-C6, R1, R2, or '' for exploratory rows"),
        _field("model", STR, "model, or 'smallest-largest' (contrast scale: C5, and the part of R1 about sizes)"),
        _field("parameters", INT, "size of the model in parameters; null where it is no single model", nullable=True),
        _field("arm", STR, "tuned arm compared with base"),
        _field("dataset", STR, "dataset, or 'pooled'"),
        _field(
            "contrast",
            STR,
            "'plain', 'equal_correctness', 'length_matched', 'length_adjusted', 'chance_corrected', 'invalid_as_same', "
            "'invalid_as_changed' or 'scale'",
        ),
        _field("measure", STR, "name of the measure"),
        _field("component", STR, "total, reading, writing or interaction"),
        _field("estimate", FLOAT, "mean of tuned minus base, paired by item, in the measure's unit", nullable=True),
        _field("ci_low", FLOAT, "lower end of the interval, of the configured confidence", nullable=True),
        _field("ci_high", FLOAT, "upper end of the interval", nullable=True),
        _field("equivalence_low", FLOAT, "lower end of the 90 % interval, held against the margin", nullable=True),
        _field("equivalence_high", FLOAT, "upper end of the 90 % interval", nullable=True),
        _field("margin", FLOAT, "effects within this of zero are equivalent to none"),
        _field(
            "p_value",
            FLOAT,
            "two-sided p, the larger one of a claim with two measures: sign flips; bootstrap (scale, chance_corrected);"
            " t (length_adjusted, three seeds or more)",
            nullable=True,
        ),
        _field("p_holm", FLOAT, "p adjusted in its family; null outside a family", nullable=True),
        _field(
            "p_bh", FLOAT, "p adjusted among all exploratory rows (Benjamini-Hochberg); null otherwise", nullable=True
        ),
        _field("detectable", FLOAT, "minimal detectable effect at 80 % power", nullable=True),
        _field("items_needed", FLOAT, "items at which equivalence would be shown at 80 % power", nullable=True),
        _field("n_items", INT, "items of the contrast"),
        _field("n_seeds", INT, "training seeds of the tuned arm"),
        _field(
            "seed_error",
            FLOAT,
            "standard error over training seeds; null where fewer than three",
            nullable=True,
        ),
        _field("sparse", BOOL, "fewer than ten differences are not zero: no bootstrap was possible", nullable=True),
        _field("base_mean", FLOAT, "mean of the measure, base writes and base reads", nullable=True),
        _field("tuned_mean", FLOAT, "mean of the measure, tuned writes and tuned reads", nullable=True),
        _field("interpretable", BOOL, "no gate failed"),
        _field("calibration", STR, "status of the measure: validated, failed or not calibrated"),
        _field("reason", STR, "what failed, or what the verdict rests on ('' if nothing to say)"),
        _field(
            "verdict",
            STR,
            "supported, contradicted, equivalent, inconclusive, not interpretable, or '' "
            "(no claim is tested by the row)",
        ),
        _field("sentence", STR, "the claim read aloud by the measure that decides ('' for rows of no claim)"),
    ]
)

Gates = pa.schema(
    [
        _field("model", STR, "model"),
        _field("arm", STR, "tuned arm of the cell"),
        _field("dataset", STR, "dataset"),
        _field("gate", STR, "above_chance, collapsed_reader, steps, truncation, validity, paraphrase or items"),
        _field("subject", STR, "the arm (or reader / perturbation) that was looked at"),
        _field("value", FLOAT, "what was measured", nullable=True),
        _field("threshold", FLOAT, "what it was held against", nullable=True),
        _field("passed", BOOL, "whether the gate lets the cell through"),
        _field("reason", STR, "one sentence, '' where passed"),
    ]
)

Summaries = pa.schema(
    [
        _field("model", STR, "model"),
        _field("parameters", INT, "size of the model in parameters"),
        _field("arm", STR, "base or a tuned arm: writer and reader of its own chains"),
        _field("dataset", STR, "dataset"),
        _field("n_items", INT, "evaluation items"),
        *(
            _field(f"{name}{end}", FLOAT, f"{meaning}{extra}", nullable=True)
            for name, meaning in {
                "cot_accuracy": "accuracy with the whole chain, invalid counted as wrong, 0 to 1",
                "direct_accuracy": "accuracy of the direct answer without a chain, 0 to 1",
                "mean_steps": "mean number of steps a chain",
            }.items()
            for end, extra in {
                "": "",
                "_low": "; lower end of the interval, of the configured confidence",
                "_high": "; upper end of the interval",
            }.items()
        ),
        _field("cot_accuracy_valid", FLOAT, "accuracy with the whole chain among valid readouts", nullable=True),
        _field("chance", FLOAT, "accuracy of guessing: 1/options, or the commonest gold answer's share"),
        _field("mean_tokens", FLOAT, "mean tokens a chain; null without token ids", nullable=True),
        _field("two_steps", FLOAT, "share of chains with at least two steps"),
        _field("truncated", FLOAT, "share of chains that hit the token limit"),
        _field("invalid", FLOAT, "share of readouts that gave no answer, over all perturbations"),
        _field("conclusion_present", FLOAT, "share of chains that end in a conclusion"),
        _field(
            "conclusion_agrees", FLOAT, "share of those that name the answer read from the whole chain", nullable=True
        ),
        _field("paraphrase_accepted", FLOAT, "share of paraphrased steps that pass all checks", nullable=True),
        _field("paraphrase_model", FLOAT, "share of them that a language model reworded so", nullable=True),
        _field(
            "paraphrase_fallback", FLOAT, "share of them that were given an opening and no other words", nullable=True
        ),
        _field("retokenised", FLOAT, "share of probes encoded again"),
    ]
)

Curves = pa.schema(
    [
        _field("model", STR, "model"),
        _field("parameters", INT, "size of the model in parameters"),
        _field("dataset", STR, "dataset"),
        _field("writer", STR, "arm that wrote the chains"),
        _field("reader", STR, "arm that read them"),
        _field("perturbation", STR, "early_termination, filler, paraphrase or mistake"),
        _field("fraction", FLOAT, "fraction of the chain's steps kept (mistake: before the step made wrong), 0 to 1"),
        _field("retention", FLOAT, "share of items whose answer equals a_n, mean over items", nullable=True),
        _field("ci_low", FLOAT, "lower end of the interval over items, of the configured confidence", nullable=True),
        _field("ci_high", FLOAT, "upper end", nullable=True),
        _field("n_items", INT, "items with a valid answer there"),
    ]
)

ScaleFits = pa.schema(
    [
        _field("arm", STR, "tuned arm"),
        _field("dataset", STR, "dataset"),
        _field("measure", STR, "name of the measure"),
        _field("component", STR, "component of the effect that is regressed"),
        _field("slope", FLOAT, "change of the effect per factor ten in parameters (descriptive)", nullable=True),
        _field("intercept", FLOAT, "effect at one parameter (log10 = 0), for drawing the line", nullable=True),
        _field("n_models", INT, "sizes in the fit"),
    ]
)

Correlations = pa.schema(
    [
        _field("model", STR, "model"),
        _field("arm", STR, "tuned arm"),
        _field("dataset", STR, "dataset"),
        _field("measure", STR, "measure whose reading effect is set beside that on information gain"),
        _field("rho", FLOAT, "Spearman's rank correlation over items; null where one does not vary", nullable=True),
        _field("n_items", INT, "items"),
    ]
)

Power = pa.schema(
    [
        _field("claim", STR, "claim that the row tests"),
        _field("model", STR, "model"),
        _field("arm", STR, "tuned arm"),
        _field("dataset", STR, "dataset"),
        _field("measure", STR, "name of the measure"),
        _field("n_items", INT, "items of this run"),
        _field("detectable", FLOAT, "minimal detectable effect at 80 % power with these"),
        *(
            _field(
                f"items_for_{effect}",
                INT,
                f"items at which an effect of .{effect} would be seen at 80 % power; null if seeds alone hide it, or "
                "if fewer than ten differences are not zero: detectable is then the end of an interval",
                nullable=True,
            )
            for effect in ("05", "10", "20")
        ),
        _field(
            "items_for_equivalence",
            INT,
            "items at which no effect would be shown to be equivalent to none",
            nullable=True,
        ),
    ]
)

Calibration = pa.schema(
    [
        _field("dataset", STR, "generated task"),
        _field("measure", STR, "name of the measure"),
        _field("readers", STR, "'exact', or the model that the real readers were made of"),
        *(
            _field(name, FLOAT, f"mean of the measure with the {name.replace('_', '-')} reader", nullable=True)
            for name in ("load_bearing", "decorative", "surface", "random")
        ),
        _field(
            "area",
            FLOAT,
            "area under the ROC curve between the two readers that the measure must tell apart",
            nullable=True,
        ),
        _field("area_low", FLOAT, "lower end of its 95 % interval", nullable=True),
        _field("area_high", FLOAT, "upper end", nullable=True),
        _field(
            "monotone", BOOL, "it follows the share of items read off the chain; null for real readers", nullable=True
        ),
        _field("n_items", INT, "items that both readers have a value for"),
        _field("unfit", STR, "why these readers cannot calibrate ('' if they can)"),
        _field(
            "status", STR, "validated, failed or not calibrated; of the measure on the dataset, all readers considered"
        ),
    ]
)


def frame(rows: Iterable[dict[str, Any]] | pd.DataFrame, schema: pa.Schema) -> pd.DataFrame:
    """Rows as a data frame with exactly the schema's columns, in its order and types."""
    if not isinstance(rows, pd.DataFrame):
        rows = pd.DataFrame(list(rows), columns=schema.names)
    return to_pandas(_conform(rows, schema))


def _conform(data: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    table = pa.Table.from_pandas(data[schema.names], schema=schema, preserve_index=False, safe=False)
    table = table.replace_schema_metadata(None)
    for field in schema:
        if not field.nullable and table[field.name].null_count:
            raise ValueError(
                f"column {field.name!r} must not hold missing values ({field.metadata[b'meaning'].decode()})"
            )
    return table


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """An Arrow table as pandas, with nullable types, so that integers and booleans survive gaps."""
    kinds = {INT: pd.Int64Dtype(), BOOL: pd.BooleanDtype()}
    return cast(pd.DataFrame, table.to_pandas(types_mapper=kinds.get))


def records(data: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table as plain Python values (lists, None), which JSON can hold."""
    return [{str(key): _plain(value) for key, value in row.items()} for row in data.to_dict("records")]


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | list):
        return [_plain(entry) for entry in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if value is pd.NA or value != value else value  # noqa: PLR0124 - NaN differs from itself


def atomically(path: str | Path, write: Callable[[Path], object]) -> None:
    """Call `write` on a temporary file beside `path`, then move it there: all or nothing."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        write(Path(name))
        Path(name).chmod(0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_json(data: Any, path: str | Path) -> None:
    """Write plain values as JSON, atomically."""
    text = json.dumps(data, indent=2, sort_keys=True) + "\n"
    atomically(path, lambda file: file.write_text(text, "utf-8"))


def write(data: Iterable[dict[str, Any]] | pd.DataFrame, schema: pa.Schema, path: str | Path) -> None:
    """Write a table atomically. `.parquet` keeps all types; `.csv` is for people.

    Raises:
        ValueError: a column is missing or holds missing values that it must not.
    """
    if not isinstance(data, pd.DataFrame):
        data = pd.DataFrame(list(data), columns=schema.names)
    table = _conform(data, schema)
    if str(path).endswith(".csv"):
        atomically(path, lambda p: to_pandas(table).to_csv(p, index=False))
    else:
        atomically(path, lambda p: p.write_bytes(_parquet(table)))


def _parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata({SEAL: bytes(64)}), sink, compression="zstd")
    return _sealed(sink.getvalue().to_pybytes())


def _sealed(raw: bytes) -> bytes:
    """A Parquet file with the hash of the rest of it in its metadata: a flipped bit would read like any other value.

    Checksums of pages leave out their headers and the footer.
    """
    before, key, after = raw.rpartition(SEAL)
    start, end = 2, 66  # behind two bytes that say what comes and how long it is
    bare = hashlib.sha256(before + key + after[:start] + bytes(64) + after[end:])
    return before + key + after[:start] + bare.hexdigest().encode() + after[end:]


def read(path: str | Path, schema: pa.Schema) -> pd.DataFrame:
    """Read a table and check its columns.

    Raises:
        ValueError: the file is damaged, or is not a table of this schema; says which file.
    """
    try:
        if str(path).endswith(".csv"):
            texts = {f.name: str for f in schema if f.type == STR}
            data = pd.read_csv(
                path, dtype=texts, keep_default_na=False, na_values={f.name: [""] for f in schema if f.type != STR}
            )
            return frame(data, schema)
        raw = Path(path).read_bytes()
        if _sealed(raw) != raw:
            raise ValueError("its bytes are not those that were written")
        return to_pandas(pq.read_table(pa.BufferReader(raw), schema=schema))
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        raise ValueError(
            f"{path} is damaged or is not the expected table: {error}. Delete it and run again to make it anew."
        ) from error


def read_all(paths: Sequence[str | Path], schema: pa.Schema) -> pd.DataFrame:
    """Read several tables of one schema and stack them in the order given."""
    return pd.concat([read(path, schema) for path in paths], ignore_index=True)


def shard(data: pd.DataFrame, which: str | None, block_items: int) -> pd.DataFrame:
    """The rows of one shard: some whole blocks of items, so that a shard finds in the journal what the whole would.

    Args:
        data: a table with the column `item_id`, its items one after the other.
        which: `<number>-of-<count>`, from 1; None for all rows.
        block_items: items of a block.

    Returns:
        The rows, as many blocks as in the other shards or one more; put together in order, shards are the table.
    """
    if which is None:
        return data
    number, count = map(int, which.split("-of-"))
    block = pd.factorize(data["item_id"])[0] // block_items
    blocks = int(block.max()) + 1 if len(data) else 0
    start, end = (blocks * part // count for part in (number - 1, number))
    return data[(start <= block) & (block < end)].reset_index(drop=True)


def read_named(names: Sequence[K], paths: Sequence[str | Path], schema: pa.Schema) -> dict[K, pd.DataFrame]:
    """Read one table for each name."""
    return {name: read(path, schema) for name, path in zip(names, paths, strict=True)}


def digest(*parts: Any) -> str:
    """Short hash of anything that JSON can hold; equal parts give equal hashes on every machine."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def journalled(
    blocks: Sequence[Sequence[Any]],
    work: Callable[[list[Any]], Iterable[list[dict[str, Any]]]],
    schema: pa.Schema,
    folder: str | Path,
    key: Sequence[Any],
    label: str,
) -> pd.DataFrame:
    """Work through `blocks`, keeping each finished piece of them on disk, and return all rows in order.

    A piece's file is named by the hash of `key` (what else the result depends on: weights,
    prompts, settings, code) and of the piece itself, so work is found again after a kill, with
    other pieces beside it, or in another order, and is never mistaken for other work.

    Args:
        blocks: what is worked on together: pieces, JSON-serialisable descriptions of the work.
        work: makes the rows of each piece of a block that is not on disk yet.
        folder: the journal, `<results>/.journal`.
        label: shown by the progress bar.
    """
    here, parts = Path(folder) / digest(*key), []
    with tqdm(blocks, desc=label, unit="block", mininterval=5, maxinterval=30) as progress:
        for block in progress:
            paths = [here / f"{digest(piece)}.parquet" for piece in block]
            missing = [i for i, path in enumerate(paths) if not _readable(path, schema)]
            if missing:
                for i, rows in zip(missing, work([block[i] for i in missing]), strict=True):
                    write(rows, schema, paths[i])
            parts += [read(path, schema) for path in paths]
    return pd.concat(parts, ignore_index=True) if parts else frame([], schema)


def _readable(path: Path, schema: pa.Schema) -> bool:
    if not path.exists():
        return False
    try:
        read(path, schema)
    except ValueError:  # a block that was damaged is made again
        return False
    return True
