"""Memory, time and rows read of one shard of re-scoring, on synthetic tables and an exact reader: `make bench-shard`.

The chains of all writers are the same: the tables of one are made, those of the others are links to them. A shard runs
in a process of its own, whose peak memory is measured, also before it reads any table.
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from faithfulness import prompts
from faithfulness.backends.protocol import Probe
from faithfulness.calibrate.exact import ExactReader
from faithfulness.config.probing import Perturbations
from faithfulness.operate import sizing
from faithfulness.perturb.apply import probes_of
from faithfulness.perturb.donors import donors
from faithfulness.perturb.registry import PERTURBATIONS
from faithfulness.prompts import SILENT
from faithfulness.rescore.answering import Readout
from faithfulness.rescore.readout import COLUMNS, score
from faithfulness.tables.by_item import ItemRows
from faithfulness.tables.generation import Items, Probes, Scores
from faithfulness.tables.io import read_table, records, write_table
from faithfulness.tables.journal import Journal, shard

Row = dict[str, Any]

TOKENIZER_HASH = "synthetic"
BLOCK_ITEMS = 20  # the default
WORDING = ROOT / "config/prompts/default.yaml"


def item(number: int) -> Row:
    """A question on a coin that one person may flip."""
    act = "flips" if number % 2 else "does not flip"
    return {
        "item_id": f"{number:016x}",
        "question": f"A coin is heads up. Ann {act} the coin. Is the coin still heads up? ({number})",
        "options": ["yes", "no"],
        "answer": "no" if number % 2 else "yes",
        "rationale": None,
        "show_options": False,
        "letters": False,
    }


def encode(text: str) -> list[int]:
    """A token for each word, and none for the tokenizer to load."""
    return [crc32(word.encode()) % 50_000 for word in text.split()]


def decode(ids: list[int]) -> str:
    """A text of as many words as there are tokens."""
    return "".join(f" w{number}" for number in ids)


def chain(item: Row, tokens: int, steps: int) -> Row:
    """A row of the chains table, of about so many tokens in so many steps, the last of which decides."""
    face = "heads" if item["answer"] == "yes" else "tails"
    words = " ".join(f"word{number % 97}" for number in range(max(1, tokens // steps - 8)))
    texts = [f" At this point {words} number {step} stays as it is." for step in range(steps - 1)]
    texts.append(f" So after what Ann did {words} it is {face} up.")
    ids, offsets = [], []
    for text in texts:
        start = len(ids)
        ids += encode(text)
        offsets.append([start, len(ids)])
    return {
        "item_id": item["item_id"],
        "sample": 0,
        "seed": 0,
        "steps": texts,
        "conclusion": "",
        "chain_ids": ids,
        "step_offsets": offsets,
        "tokenizer_hash": TOKENIZER_HASH,
    }


def stated_face(_: Row, probe: Probe) -> str:
    """What the chain's last step states; silence without it."""
    last = re.search(r"it is (heads|tails) up", probe.chain)
    return SILENT if last is None else {"heads": "yes", "tails": "no"}[last[1]]


def make(folder: Path, items: int, writers: int, tokens: int, cuts: int) -> None:
    """Write the tables of items and of all probes of all writers."""
    questions = [item(number) for number in range(items)]
    write_table(questions, Items, folder / "items.parquet")
    by_id = {question["item_id"]: question for question in questions}
    offered = {**Perturbations(max_cuts=cuts).model_dump(), "contrasts": (), "encode": encode, "decode": decode}
    offered["donors"] = donors(chain(question, tokens, cuts) for question in questions)
    for name, perturbation in PERTURBATIONS.items():
        chains = (chain(question, tokens, cuts) for question in questions)
        first = folder / f"writer0/{name}.parquet"
        write_table(probes_of(name, perturbation.needs, chains, offered, by_id), Probes, first)
        for number in range(1, writers):
            other = folder / f"writer{number}/{name}.parquet"
            other.parent.mkdir(exist_ok=True)
            os.link(first, other)


def score_shard(folder: Path, writers: int, which: str) -> Iterator[Row]:
    """Score a shard as its rule does.

    Yields:
        Memory before any table is read; then memory, seconds, rows read, rows of all tables, rows of scores.
    """
    yield {"before": peak_megabytes()}
    start = time.perf_counter()
    items = shard(read_table(folder / "items.parquet", Items), which, BLOCK_ITEMS)
    files = {
        (f"writer{number}", name): folder / f"writer{number}/{name}.parquet"
        for number in range(writers)
        for name in PERTURBATIONS
        if name != "direct" or number == 0
    }
    tables = {key: ItemRows(file, Probes, list(items["item_id"]), COLUMNS) for key, file in files.items()}
    by_id = {row["item_id"]: row for row in records(items)}
    scores = score(
        ExactReader(stated_face, by_id, tokenizer_hash=TOKENIZER_HASH),
        items,
        {key: table.rows for key, table in tables.items()},
        prompts.load(WORDING),
        "writer0",
        Readout("cloze", 0),
        Journal(folder / "journal", (which,), f"shard {which}", BLOCK_ITEMS),
    )
    write_table(scores, Scores, folder / f"scores.{which}.parquet")
    yield {
        "peak": peak_megabytes(),
        "seconds": time.perf_counter() - start,
        "rows_read": sum(table.rows_read for table in tables.values()),
        "rows": sum(table.rows_in_all for table in tables.values()),
        "scores": len(scores),
    }


def peak_megabytes() -> float:
    """Largest memory of this process until now."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def measured(folder: Path, writers: int, which: str) -> Row:
    """`score_shard`, in a process of its own."""
    command = [sys.executable, __file__, "--shard", which, "--folder", str(folder), "--writers", str(writers)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return {key: value for line in done.stdout.splitlines() for key, value in json.loads(line).items()}


def main() -> None:
    """Measure the first shard at several lengths of chains."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=10_000, help="items of the dataset")
    parser.add_argument("--writers", type=int, default=10, help="arms whose chains are scored")
    parser.add_argument("--shards", type=int, default=10, help="jobs that share the items")
    parser.add_argument("--tokens", type=int, nargs="+", default=[250], help="lengths of a chain")
    parser.add_argument("--cuts", type=int, default=12, help="cuts of a chain")
    parser.add_argument("--shard", help="score this shard of --folder, and print what it took")
    parser.add_argument("--folder", type=Path, help="of the tables")
    options = parser.parse_args()
    if options.shard:
        for part in score_shard(options.folder, options.writers, options.shard):
            print(json.dumps(part), flush=True)
        return
    for tokens in options.tokens:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            make(folder, options.items, options.writers, tokens, options.cuts)
            bytes_of_tables = sum(file.stat().st_size for file in folder.rglob("*.parquet"))
            found = measured(folder, options.writers, f"1-of-{options.shards}")
        chains = options.items * options.writers / options.shards
        request = sizing.scored_megabytes(chains, tokens, options.cuts, BLOCK_ITEMS * options.writers)
        print(
            f"{options.items} items x {options.writers} writers x {tokens} tokens x {options.cuts} cuts, shard 1 of "
            f"{options.shards}: peak {found['peak']:.0f} MB, {found['peak'] - found['before']:.0f} MB of them tables "
            f"(sizing.py expects {request:.0f} MB); {found['rows_read']} of {found['rows']} rows read "
            f"({found['rows_read'] / found['rows']:.1%}), {found['scores']} scores, {found['seconds']:.0f} s; "
            f"tables of {bytes_of_tables / 1e6:.0f} MB on disk"
        )


if __name__ == "__main__":
    main()
