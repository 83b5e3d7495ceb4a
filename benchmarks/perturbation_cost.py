"""What the perturbations add to the time of re-scoring: `make bench-perturbations`.

The time that a reader takes for an item, on one core: with the perturbations of before (early termination, filler of
one text, paraphrase, mistake, direct), then also with conflict chains and the likelihoods of chains, then also with the
further fillers and the second cue. The chains are the worked ones of the generated tasks. Where this project has no
perturbation `conflict` yet, whole chains of other items, as long, stand in for its default: a target of each of two
kinds where options are shared (coin_flip), one target elsewhere.
"""

import argparse
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from faithfulness import prompts
from faithfulness.arms.record import base_arm, write_arm
from faithfulness.backends.transformers import TransformersBackend
from faithfulness.calibrate import worked
from faithfulness.config.datasets import CoinFlip, LastLetters
from faithfulness.config.probing import Perturbations
from faithfulness.config.weights import Weights
from faithfulness.hashing import weights_hash
from faithfulness.prepare import datasets
from faithfulness.prepare.weights import prepare_model
from faithfulness.rescore import readout
from faithfulness.rescore.answering import Readout
from faithfulness.tables.by_item import rows_of
from faithfulness.tables.generation import Items, Probes
from faithfulness.tables.io import Row, frame, records
from faithfulness.tables.journal import Journal

WORDING = prompts.load(ROOT / "config/prompts/default.yaml")
TASKS = (
    CoinFlip(name="coin_flip", task="coin_flip", train=0),
    LastLetters(name="last_letters", task="last_letters", train=0),
)
BEFORE = ("early_termination", "filler", "paraphrase", "mistake", "direct")
TARGETS = {"coin_flip": 2, "last_letters": 1}  # of an item, where chains of other items stand in
GOALS = {"with conflict": 1.3, "with further fillers and the second cue": 1.7}
# Of the smallest default model: layers of SmolLM2, and its vocabulary.
SHAPE = {
    "vocab_size": 49_152,
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 10,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "tie_word_embeddings": True,
    "eos_token_id": 0,
    "bos_token_id": None,
}


@dataclass(frozen=True)
class Task:
    """Items of a dataset, and the probes of their worked chains by perturbation."""

    items: pd.DataFrame
    probes: Mapping[str, pd.DataFrame]


def random_weights(folder: Path) -> Path:
    """A model folder with random weights of the shape of the smallest default model, as `prepare_model` writes it."""
    prepare_model(Weights(source={"uri": "random:llama"}, dtype="float32"), None, folder)  # type: ignore[arg-type]
    model = LlamaForCausalLM(LlamaConfig(**SHAPE))  # type: ignore[arg-type]
    model.save_pretrained(folder)
    about = {"parameters": model.num_parameters(), "dtype": "float32", "weights": weights_hash(folder)}
    (folder / "model.json").write_text(json.dumps(about))
    return folder


def task(dataset: CoinFlip | LastLetters, items: int, weights: Path, journal: Journal) -> Task:
    """The probes of the first items of a generated task."""
    asked = frame(datasets.items(dataset.model_copy(update={"eval": items}))[1], Items)
    tokenizer = AutoTokenizer.from_pretrained(weights)
    chains = worked.write_worked(asked, WORDING, journal, tokenizer)
    coder = partial(prompts.encode, tokenizer), partial(prompts.decode, tokenizer)
    probes = worked.perturb(chains, asked, Perturbations(), dataset.contrasts, *coder)
    if readout.CONFLICT not in probes:
        probes |= {readout.CONFLICT: frame(stand_ins(asked, probes, TARGETS[dataset.name]), Probes)}
    return Task(asked, probes)


def stand_ins(items: pd.DataFrame, probes: Mapping[str, pd.DataFrame], targets: int) -> list[Row]:
    """Rows as those of `conflict`: the whole chains of the next items, with another option as target."""
    early = probes["early_termination"]
    wholes = records(early[early["cut"] == early["n_steps"]])
    answers = {item["item_id"]: item for item in records(items)}
    return [
        whole
        | {name: own[name] for name in ("item_id", "n_steps")}
        | {"variant": "swap", "cut": number, "accepted": True, "target": _other(answers[own["item_id"]])}
        for place, own in enumerate(wholes)
        for number, whole in enumerate(itertools.islice(itertools.cycle(wholes), place + 1, place + 1 + targets), 1)
    ]


def _other(item: Row) -> str:
    return next(str(option) for option in item["options"] if option != item["answer"])


@dataclass(frozen=True)
class Asked:
    """What is read.

    Attributes:
        conflict: whether conflict chains are.
        fillers: whether all fillers are, or the text alone.
        second_cue: share of the items that are read with the second cue, too.
        nats: share of the items whose chains' likelihoods are reported.
    """

    conflict: bool
    fillers: bool
    second_cue: float
    nats: float

    def of(self, probes: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        """The probes that are read, by perturbation."""
        some = {name: probes[name] for name in (*BEFORE, *([readout.CONFLICT] if self.conflict else []))}
        filler = some["filler"]
        return some | {"filler": filler if self.fillers else filler[filler["variant"] == "text"]}


def seconds(reader: TransformersBackend, one: Task, asked: Asked) -> float:
    """Processor time in which a reader answers what is asked of all items."""
    readout.NATS_ITEMS = asked.nats
    rows = {("base", name): rows_of(table) for name, table in asked.of(one.probes).items()}
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder), (), "scores", 20)
        start = time.process_time()
        readout.score(reader, one.items, rows, WORDING, "base", Readout("cloze", 0), journal, asked.second_cue)
        return time.process_time() - start


def main() -> None:
    """Print the time of each set of perturbations, and how many times that of the first it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    prepared = next(iter(sorted(ROOT.glob("resources/models/*smollm2*-depth10"))), None)
    meaning = "folder of a prepared model (default: the smallest of a default run; without one, random weights)"
    parser.add_argument("--weights", type=Path, default=prepared, help=meaning)
    parser.add_argument("--items", type=int, default=20, help="of each task (default: 20)")
    parser.add_argument("--second-cue", type=float, default=1.0, help="share of the items (default: 1)")
    parser.add_argument("--nats", type=float, default=readout.NATS_ITEMS, help="likewise (default: the project's)")
    parser.add_argument("--repeats", type=int, default=2, help="of which the fastest counts (default: 2)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weights = options.weights or random_weights(folder / "model")
        write_arm(folder / "arm", base_arm("bench", weights, WORDING, trust_remote_code=False))
        reader = TransformersBackend(folder / "arm", "cpu", 1)
        journal = Journal(folder / "journal", (), "chains", 20)
        tasks = [task(dataset, options.items, weights, journal) for dataset in TASKS]
        sets = {
            "before": Asked(conflict=False, fillers=False, second_cue=0.0, nats=0.0),
            "with conflict": Asked(conflict=True, fillers=False, second_cue=0.0, nats=options.nats),
            "with further fillers and the second cue": Asked(
                conflict=True, fillers=True, second_cue=options.second_cue, nats=options.nats
            ),
        }
        best = {label: [float("inf")] * len(tasks) for label in sets}
        for _ in range(options.repeats):  # in turn, so that a busy machine slows all of them down
            for label, asked in sets.items():
                found = [seconds(reader, one, asked) for one in tasks]
                best[label] = list(map(min, best[label], found))
    print(f"{weights.name}, {reader.model.dtype}, {torch.get_num_threads()} thread; {options.items} items of each task")
    for label, found in best.items():
        goal = f" (goal: at most {GOALS[label]})" if label in GOALS else ""
        each = ", ".join(
            f"{dataset.name} {1000 * own / options.items:.0f} ms an item, {own / first:.2f} times"
            for dataset, own, first in zip(TASKS, found, best["before"], strict=True)
        )
        print(f"{label}: {sum(found) / sum(best['before']):.2f} times{goal}; {each}")


if __name__ == "__main__":
    main()
