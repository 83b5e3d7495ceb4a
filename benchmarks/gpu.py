"""What tuning and re-scoring cost on a GPU, in time and memory: `make bench-gpu`.

Llamas of the usual shapes with random weights: their answers mean nothing, but take as much time and memory. Each is
tuned by LoRA and by QLoRA on worked chains, and then scores all probes of worked chains of eight steps and more, in
prefix trees and in padded batches; their answers are compared.
"""

import argparse
import gc
import json
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "benchmarks")]

from rescoring import padded

from faithfulness import prompts
from faithfulness.arms.devices import pick_device
from faithfulness.arms.record import ArmRecord, base_arm, write_arm
from faithfulness.backends.protocol import Probe
from faithfulness.backends.transformers import TransformersBackend
from faithfulness.calibrate import worked
from faithfulness.config.datasets import CoinFlip, LastLetters
from faithfulness.config.probing import Perturbations
from faithfulness.config.recipes import Recipe
from faithfulness.config.weights import Weights
from faithfulness.finetune.tune import tune
from faithfulness.hashing import weights_hash
from faithfulness.prepare.generated import coin_flip, last_letters
from faithfulness.prepare.weights import prepare_model
from faithfulness.rescore import readout
from faithfulness.tables.generation import Items
from faithfulness.tables.io import frame, records
from faithfulness.tables.journal import Journal

VOCABULARY = 128_256  # of Llama 3
SHAPES = {
    "1B": {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "vocab_size": VOCABULARY},
    "8B": {"hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "vocab_size": VOCABULARY},
    "tiny": {"hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2, "vocab_size": 1024},  # for trying
}
DTYPE = torch.bfloat16
STEPS, BATCH, ITEMS = 20, 16, 20
ROWS = (32, 64)  # of padded batches; the faster counts


def make(shape: str, folder: Path) -> Path:
    """A model folder with random weights, as `models.prepare` writes it."""
    small = Weights(source={"uri": "random:llama"}, dtype="float32")  # type: ignore[arg-type]
    prepare_model(small, None, folder)  # for its tokenizer
    heads = {"num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 8192}
    config = LlamaConfig(**SHAPES[shape], **heads, eos_token_id=0, bos_token_id=None)
    torch.set_default_dtype(DTYPE)
    with torch.device(pick_device("auto")):
        model = LlamaForCausalLM(config)
    torch.set_default_dtype(torch.float32)
    model.save_pretrained(folder)
    made = weights_hash(folder)
    about = {"parameters": model.num_parameters(), "dtype": str(DTYPE).removeprefix("torch."), "weights": made}
    (folder / "model.json").write_text(json.dumps(about))
    return folder


def measured(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Seconds, the most memory of the GPU in GB, and what came out."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    start = time.perf_counter()
    found = work()
    memory = torch.cuda.max_memory_allocated() / 1e9 if torch.cuda.is_available() else 0.0
    return time.perf_counter() - start, memory, found


def tune_adapters(shape: str, parent: ArmRecord, items: dict[str, Any], folder: Path) -> None:
    """LoRA and QLoRA: the time of a step is that of many less that of a few, so loading is no part of it."""
    for method in ("lora", "qlora"):
        times = []
        for steps in (2, 2 + STEPS):
            target = {"method": method, "target": "rationale", "datasets": list(items)}
            recipe = Recipe(**target, steps=steps, batch_size=BATCH)  # type: ignore[arg-type]
            arm = folder / f"{method}-{steps}"
            seconds, memory, _ = measured(
                lambda: tune(arm, f"tuned-{method}", parent, recipe, items, None, folder / "journal")  # noqa: B023
            )
            times.append(seconds)
        step = (times[1] - times[0]) / STEPS
        print(f"{shape} {method:5}  {step:6.2f} s per step of {BATCH} chains  {memory:6.1f} GB", flush=True)


def probes_of(asked: dict[str, pd.DataFrame], wording: prompts.Prompts, weights: Path, journal: Path) -> list[Probe]:
    """All perturbations of the worked chains of all items."""
    tokenizer = AutoTokenizer.from_pretrained(weights)
    found = []
    for items in asked.values():
        chains = worked.write_worked(items, wording, Journal(journal, (), "", 20), tokenizer)
        coder = partial(prompts.encode, tokenizer), tokenizer.decode
        made = worked.perturb(chains, items, Perturbations(), (), *coder)
        by_id = {item["item_id"]: item for item in records(items)}
        rows = [row | {"writer": "worked", "perturbation": name} for name in made for row in records(made[name])]
        found += [readout.as_probe(by_id[row["item_id"]], row, wording, prompts.renderer(tokenizer)) for row in rows]
    return found


def score(shape: str, arm: Path, probes: list[Probe]) -> None:
    """Prefix trees beside padded batches, on the same token ids."""
    _, loaded, reader = measured(lambda: TransformersBackend(arm))
    assert reader.trees
    reader.score(probes)  # kernels are chosen, and memory is taken, at first use
    contexts = [reader.context_ids(probe) for probe in probes]
    requests = [(c, ids) for c, p in zip(contexts, probes, strict=True) for ids in reader.candidate_ids(p.candidates)]
    seconds, memory, readings = measured(lambda: reader.score(probes))
    packed = [value for reading in readings for value in reading.log_probs]
    reader.model.set_attn_implementation("sdpa")
    with torch.inference_mode():
        plain = min((measured(lambda r=r: padded(reader.model, requests, r)) for r in ROWS), key=lambda found: found[0])
    differ = max(abs(one - other) for one, other in zip(packed, plain[2], strict=True))
    sizes = [len(probe.candidates) for probe in probes]
    same = [
        max(range(start, start + size), key=packed.__getitem__)
        == max(range(start, start + size), key=plain[2].__getitem__)
        for start, size in zip([sum(sizes[:i]) for i in range(len(sizes))], sizes, strict=True)
    ]
    bits = reader.arm.quantisation or reader.arm.dtype
    print(
        f"{shape} {bits:8}  {len(probes) / seconds:7.0f} probes/s in trees  {len(probes) / plain[0]:6.0f} in padded "
        f"batches: {plain[0] / seconds:.1f} times  {loaded:5.1f} GB loaded, {memory:5.1f} and {plain[1]:5.1f} at most  "
        f"same answers {sum(same) / len(same):.3f}, within {differ:.2g} nats",
        flush=True,
    )


def main() -> None:
    """Measure the shapes that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shapes", nargs="*", choices=[*SHAPES, []], help="1B, 8B or tiny (default: 1B and 8B)")
    shapes = parser.parse_args().shapes or ["1B", "8B"]
    wording = prompts.load(ROOT / "config/prompts/default.yaml")
    made = {
        "last_letters": last_letters(LastLetters(name="last_letters", task="last_letters", words=8)),
        "coin_flip": coin_flip(CoinFlip(name="coin_flip", task="coin_flip", people=8)),
    }
    drawn = {name: list(islice(items, 400 + ITEMS)) for name, items in made.items()}
    train = {name: frame(items[ITEMS:], Items) for name, items in drawn.items()}
    asked = {name: frame(items[:ITEMS], Items) for name, items in drawn.items()}
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    print(f"{device}, torch {torch.__version__}, {DTYPE}, {STEPS} steps, {ITEMS} items of {', '.join(made)}")
    for shape in shapes:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            weights = make(shape, folder / "model")
            base = base_arm(shape, weights, wording, trust_remote_code=False)
            tune_adapters(shape, base, train, folder)
            probes = probes_of(asked, wording, weights, folder / "journal")
            for bits in (None, "nf4"):
                write_arm(folder / f"{bits}", base_arm(shape, weights, wording, False, bits))
                score(shape, folder / f"{bits}", probes)


if __name__ == "__main__":
    main()
