"""Faults that a run meets: it goes on as if nothing had been, or says what is wrong and what to do."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
import torch

from faithfulness.arms.base_weights import load_base
from faithfulness.arms.loading import load_arm
from faithfulness.arms.record import base_arm, read_arm, write_arm
from faithfulness.backends import replies
from faithfulness.backends.ledger import Ledger
from faithfulness.backends.protocol import Decoding, Probe, Prompt
from faithfulness.backends.transformers import TransformersBackend
from faithfulness.chains.write import write_chains
from faithfulness.compare import chain_values
from faithfulness.config import settings
from faithfulness.config.base import SettingsError
from faithfulness.config.datasets import Columns, TableDataset
from faithfulness.config.recipes import Recipe
from faithfulness.config.weights import Weights
from faithfulness.finetune.tune import tune
from faithfulness.hashing import weights_hash
from faithfulness.operate import job
from faithfulness.perturb import direct, early_termination, filler
from faithfulness.prepare import datasets
from faithfulness.prepare.weights import prepare_model
from faithfulness.prompts import Prompts
from faithfulness.rescore import readout
from faithfulness.rescore.answering import Readout
from faithfulness.tables.by_item import rows_of
from faithfulness.tables.generation import Chains, Items, Probes
from faithfulness.tables.io import frame, read_table, records, write_table
from faithfulness.tables.journal import Journal
from tests.damage import damaged, spoil
from tests.runs import ROOT

ITEM = {
    "item_id": "i", "question": "A coin is heads up. Anna flips the coin. Is the coin still heads up?",
    "options": ["yes", "no"], "answer": "no", "rationale": None, "show_options": False, "letters": False,
}  # fmt: skip


# Files


@pytest.mark.fault("Parquet table truncated, emptied, bit-flipped anywhere", "refused, named; delete and run again")
def test_no_flipped_bit_of_a_table_goes_unseen(tmp_path: Path) -> None:
    file = tmp_path / "items.parquet"
    write_table([ITEM, ITEM | {"item_id": "j", "question": "Why?"}], Items, file)
    whole = file.read_bytes()
    read_table(file, Items)
    spots = range(0, len(whole), 7)  # which takes the bits of a byte in turn
    spoiled = [whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :] for at in spots]
    for content in [*spoiled, *(whole[:end] for end in range(0, len(whole), 50))]:
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r"items\.parquet is damaged .* Delete it and run again"):
            read_table(file, Items)


@damaged
@pytest.mark.fault("block of the journal truncated, emptied, bit-flipped", "made again; the others are kept")
def test_a_damaged_block_is_made_again(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    done: list[str] = []

    def run() -> pd.DataFrame:
        def work(pieces: list[str]) -> list[list[dict[str, Any]]]:
            done.extend(pieces)
            return [[ITEM | {"item_id": name}] for name in pieces]

        return Journal(tmp_path, ("key",), "test", block_items=1).complete([["a"], ["b"]], work, Items)

    whole = run()
    spoil(sorted(tmp_path.rglob("*.parquet"))[0], damage)
    pd.testing.assert_frame_equal(run(), whole)
    assert len(done) == 3


@damaged
@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json"])
@pytest.mark.fault("model file truncated, emptied, bit-flipped", "refused, named; delete the folder to make it anew")
def test_damaged_weights(
    tiny_model: Path, wording: Prompts, tmp_path: Path, damage: Callable[[bytes], bytes], file: str
) -> None:
    model = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    base = base_arm("tiny", model, wording, trust_remote_code=False)
    write_arm(tmp_path / "base", base)
    spoil(model / file, damage)
    refused = pytest.raises(ValueError, match=r"the weights in .*/model have changed .* delete the folder")
    with refused:
        load_arm(tmp_path / "base", {"": "cpu"})
    with refused:  # nor is an arm trained on them
        tune(tmp_path / "arm", "tuned-x", base, Recipe(datasets=["d"]), {}, None, tmp_path / "journal")
    with refused:  # nor a smaller sibling made of them
        prepare_model(Weights(source={"uri": "random:llama"}, layers=2), model, tmp_path / "pruned")  # type: ignore[arg-type]
    assert not (tmp_path / "arm").exists()


@damaged
@pytest.mark.fault("adapter truncated, emptied, bit-flipped", "refused, named; delete the folder to make it anew")
def test_damaged_adapter(tiny_arm: Path, wording: Prompts, tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    arm, recipe = tmp_path / "arm", Recipe(datasets=["d"], steps=1, batch_size=1, replay=0)
    items = {"d": frame([ITEM], Items)}
    tune(arm, "tuned-x", read_arm(tiny_arm), recipe, items, None, tmp_path / "journal")
    load_arm(arm, {"": "cpu"})
    spoil(arm / "adapter_model.safetensors", damage)
    with pytest.raises(ValueError, match=r"the weights in .*/arm have changed .* delete the folder"):
        load_arm(arm, {"": "cpu"})


@damaged
@pytest.mark.fault("GGUF file truncated, emptied", "refused, named")
def test_damaged_gguf(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    (tmp_path / "model.gguf").write_bytes(damage(b"GGUF" + bytes(60)))
    with pytest.raises(ValueError, match=r"model\.gguf cannot be read"):
        prepare_model(Weights(source={"uri": "path:x"}, dtype="float32"), tmp_path / "model.gguf", tmp_path)  # type: ignore[arg-type]


@pytest.mark.fault("dataset file empty, cut, not UTF-8, no text", "refused, named")
def test_damaged_dataset(tmp_path: Path) -> None:
    file = tmp_path / "questions.jsonl"
    row = json.dumps({"question": "Q?", "options": ["a", "b"], "answer": "a"})
    file.write_text("")
    assert datasets.read_table(file, Columns()) == ([], ["questions.jsonl has no rows"])
    # The last is half of a character, which JSON can hold and no table can.
    for content in (row[:20].encode(), row.encode().replace(b"Q", b"\xff"), row.encode().replace(b"Q", b"\\ud800")):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r"questions\.jsonl cannot be read as jsonl"):
            datasets.read_table(file, Columns())


@pytest.mark.fault("dataset of one item; of the same item many times", "one item")
def test_few_items(tmp_path: Path) -> None:
    row = {"id": "7", "question": "Q?", "options": ["a", "b"], "answer": "a"}
    table = TableDataset(name="d", task="table", source={"uri": "path:x"}, train=0, eval=1)  # type: ignore[arg-type]
    file = tmp_path / "questions.jsonl"
    for rows in ([row], [row] * 5):
        file.write_text("\n".join(map(json.dumps, rows)))
        train, evaluation = datasets.items(table, [file])
        assert (train, len(evaluation)) == ([], 1)
    # An id of the source that two questions share is none of the items'.
    file.write_text("\n".join(json.dumps(row | {"question": text}) for text in ("Q?", "R?")))
    _, evaluation = datasets.items(table.model_copy(update={"eval": 2}), [file])
    assert len({item["item_id"] for item in evaluation}) == 2


# Disks


@pytest.mark.fault("disk full while a table is written", "the table before is kept, nothing half is left")
def test_a_full_disk_keeps_what_there_was(disk: Callable[[Path, str], None], tmp_path: Path) -> None:
    disk(tmp_path, "size=64k")
    write_table([ITEM], Items, tmp_path / "items.parquet")
    before = (tmp_path / "items.parquet").read_bytes()
    large = [ITEM | {"item_id": str(i), "question": os.urandom(3000).hex()} for i in range(60)]
    with pytest.raises(OSError, match="No space left on device") as raised:
        write_table(large, Items, tmp_path / "items.parquet")
    assert "make room and run again" in job.hint_of(raised.value)
    assert [file.name for file in tmp_path.iterdir()] == ["items.parquet"]
    assert (tmp_path / "items.parquet").read_bytes() == before


@pytest.mark.fault("disk full while a paid reply is kept", "said so; those before are kept, and none is counted less")
def test_a_full_disk_under_the_ledger(disk: Callable[[Path, str], None], tmp_path: Path) -> None:
    disk(tmp_path, "size=256k")
    ledger = Ledger(tmp_path / "requests.sqlite")
    kept: list[str] = []

    def fill() -> None:
        for number in range(100):
            reply = {"text": os.urandom(8000).hex()}
            ledger.replied(ledger.send("me", 1.0, None), "me", f"key{number}", reply, 1.0)
            kept.append(f"key{number}")

    with pytest.raises(sqlite3.OperationalError, match="full") as raised:
        fill()
    assert "make room and run again" in job.hint_of(raised.value)
    assert len(kept) > 2
    disk(tmp_path, "remount,size=4m")
    for one in (ledger, Ledger(tmp_path / "requests.sqlite")):
        assert all(one.reply(key) for key in kept)
        assert one.reply(f"key{len(kept)}") is None
        assert one.spent("me") in (len(kept), len(kept) + 1)
    ledger.replied(ledger.send("me", 1.0, None), "me", "more", {"text": "it goes on"}, 1.0)


@pytest.mark.fault("results folder read-only", "refused before anything runs; names the folder")
def test_a_read_only_folder(disk: Callable[[Path, str], None], tmp_path: Path, config: dict[str, Any]) -> None:
    checked = settings.load(config | {"results": str(tmp_path)})
    disk(tmp_path, "size=64k")
    settings.check_paths(checked)
    disk(tmp_path, "remount,ro")
    with pytest.raises(SettingsError, match=r"results: '.*' cannot be written to"):
        settings.check_paths(checked)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("I/O error: No space left on device (os error 28)", "the disk is full"),
        ("Read-only file system", "this may not be written"),
        ("database or disk is full", "the disk is full"),
        ("attempt to write a readonly database", "this may not be written"),
        ("anything else", ""),
    ],
)
def test_hints(text: str, hint: str) -> None:
    error = ValueError("it failed")
    error.__cause__ = RuntimeError(text)
    assert job.hint_of(error).partition(":")[0] == hint


# Processes


@pytest.mark.fault("kill -9 of Snakemake alone", "its jobs end, too: none works on beside the next run")
@pytest.mark.parametrize("begun", [True, False], ids=["at work", "importing"])
def test_a_job_ends_with_its_snakemake(tmp_path: Path, begun: bool) -> None:
    job = "import time; from faithfulness.operate import job; job.start([]); open('ready', 'w').close(); time.sleep(60)"
    parent = f"""
import os, subprocess, sys
os.environ["SNAKEMAKE_PID"] = str(os.getpid())
subprocess.run([sys.executable, "-c", {job!r}])
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "scripts")}
    snakemake = subprocess.Popen([sys.executable, "-c", parent], cwd=tmp_path, env=environment)
    if begun:
        while not (tmp_path / "ready").exists():
            assert snakemake.poll() is None
            time.sleep(0.01)
    while not (children := psutil.Process(snakemake.pid).children()):
        time.sleep(0.01)
    snakemake.kill()
    snakemake.wait()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive


@pytest.mark.fault("SIGTERM on a SLURM node", "the job goes on: SLURM requeues what it has to kill, only")
@pytest.mark.parametrize("number", [None, "4711"], ids=["elsewhere", "on a node"])
def test_sigterm(tmp_path: Path, number: str | None) -> None:
    job = "import signal; from faithfulness.operate import job; job.start(['log']); signal.raise_signal(signal.SIGTERM)"
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("SLURM_", "SNAKEMAKE_"))}
    environment |= {"PYTHONPATH": str(ROOT / "scripts")} | ({"SLURM_JOB_ID": number} if number else {})
    done = subprocess.run([sys.executable, "-c", job], cwd=tmp_path, env=environment, check=False)
    assert done.returncode == (0 if number else -signal.SIGTERM)
    said = (tmp_path / "log").read_text()
    assert ("SIGTERM: SLURM job 4711 continues until it is killed" in said) == bool(number)


# Models


def with_nan(model: Any) -> Any:
    """Puts a NaN where every forward pass meets it."""
    with torch.no_grad():
        model.model.norm.weight[0] = torch.nan
    return model


NOT_FINITE = "logits are not finite numbers: its weights contain NaN or infinity, or they overflow in its dtype"
PROBES = [Probe("i", "Is it heads?", " No.", " Answer:", candidates=("yes", "no"))]
TEXTS = [Probe("i", "Is it heads?", " No.", " Answer:", candidates=("yes",), answer_tokens=3)]


@pytest.mark.fault("NaN in a model's weights", "refused when loaded, before anything is generated or scored")
def test_weights_that_are_no_numbers(tiny_model: Path, wording: Prompts, tmp_path: Path) -> None:
    tokenizer, model = load_base(tiny_model, torch.float32)
    with_nan(model).save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    description = json.loads((tiny_model / "model.json").read_text())
    description["weights"] = weights_hash(tmp_path / "model")
    (tmp_path / "model/model.json").write_text(json.dumps(description))
    write_arm(tmp_path / "arm", base_arm("tiny", tmp_path / "model", wording, trust_remote_code=False))
    with pytest.raises(ValueError, match=NOT_FINITE):
        TransformersBackend(tmp_path / "arm", "cpu", 1)


@pytest.mark.parametrize("trees", [True, False], ids=["in trees", "row by row"])
@pytest.mark.fault("NaN logits while generating and scoring (options, text)", "refused; no answer is made up")
def test_logits_that_are_no_numbers(tiny_arm: Path, trees: bool) -> None:
    backend = TransformersBackend(tiny_arm, "cpu", 1, trees=trees)
    with_nan(backend.model)
    for work in (
        lambda: backend.generate([Prompt("A coin")], Decoding(4)),
        lambda: backend.generate([Prompt("A coin")], Decoding(4, temperature=0.8, top_p=0.9)),
        lambda: backend.score(PROBES),
        lambda: backend.score(TEXTS),
    ):
        with pytest.raises(ValueError, match=NOT_FINITE):
            work()


def evaluated(
    backend: TransformersBackend, wording: Prompts, folder: Path, kind: str
) -> tuple[dict[str, Any], pd.Series]:
    """The chain that a writer writes for an item, and the measures of it, by way of all tables."""
    items = frame([ITEM], Items)
    decoding = Decoding(12)
    written = write_chains(backend, items, wording, decoding, 1, 0, 0, Journal(folder, ("w",), "test", 4))
    write_table(written, Chains, folder / "chains.parquet")
    (chain,) = records(read_table(folder / "chains.parquet", Chains))
    probes = {
        "early_termination": early_termination.perturb(chain, max_cuts=16),
        "filler": filler.perturb(
            chain, max_cuts=16, filler=" ...", encode=backend.encode, decode=backend.tokenizer.decode
        ),
        "direct": direct.perturb(chain),
    }
    scores = readout.score(
        backend,
        items,
        {("base", name): rows_of(frame(rows, Probes)) for name, rows in probes.items()},
        wording,
        "base",
        Readout(kind, 4),
        Journal(folder, ("r",), "test", 4),
    )
    return chain, chain_values.of_chains(scores.assign(reader="base")).iloc[0]


@pytest.mark.parametrize("kind", ["cloze", "text"])
@pytest.mark.parametrize("case", ["nothing", "endlessly", "no UTF-8"])
@pytest.mark.fault("a model that writes nothing, endlessly, no UTF-8", "a table row each; measured, or null")
def test_writers_that_do_not_write(
    tiny_arm: Path, wording: Prompts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str, kind: str
) -> None:
    backend = TransformersBackend(tiny_arm, "cpu", 1)
    half = backend.tokenizer.encode("é")[:1]
    said = {"nothing": ([], "stop"), "endlessly": ([*backend.tokenizer.encode(" flips"), *half] * 6, "length")}
    said["no UTF-8"] = ([*half, *backend.tokenizer.encode(". So.")] * 3, "stop")
    monkeypatch.setattr(backend, "generate_ids", lambda contexts, *_: [said[case] for _ in contexts])
    chain, values = evaluated(backend, wording, tmp_path, kind)
    assert chain["finish_reason"] == said[case][1]
    assert ("\ufffd" in chain["chain_text"]) == (case != "nothing")
    assert (len(chain["steps"]) > 0) == (case != "nothing")
    assert values["cot_accuracy"] in {0, 1}


@pytest.mark.fault("a model that never ends", "stopped at the limit, recorded as truncated")
def test_a_model_that_never_ends(backend: TransformersBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "stops", [])
    (written,) = backend.generate([Prompt("The coin")], Decoding(30))
    assert written.ids is not None
    assert (len(written.ids), written.finish_reason) == (30, "length")


@pytest.mark.fault("a server's reply with half a character", "read as a replacement sign; it can be kept and sent")
def test_half_a_character_from_a_server() -> None:
    choice = {"message": {"content": "a\ud800b\U0001f600"}, "logprobs": None, "finish_reason": "stop"}
    reply = replies.parse(replies.read(json.dumps({"choices": [choice], "usage": None})), letters=False, think=None)
    assert reply["text"] == "a\ufffdb\U0001f600"
