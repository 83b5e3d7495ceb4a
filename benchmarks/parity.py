"""Prefix trees against plain sequences, in float32, on the probes of a finished run: `make parity`, an hour or two.

All readers, each on the chains of all its writers. The reference scores each sequence by itself or in a batch of equal
lengths: no trees, no masks, no padding. Prints, for each model and reader, the largest difference of a
log-probability, and how many cloze answers and greedy continuations (readout `text`) differ. Exits with 1 if a
difference exceeds 1e-4 or an answer differs.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd
import torch
import yaml
from rescoring import ROOT, answers, backend, in_trees, padded, probes_of

from faithfulness.backends.forest import Forest
from faithfulness.backends.protocol import Decoding, Probe
from faithfulness.config import settings

TOKENS = 12  # per continuation
ROWS = 32  # of one length, side by side
LIMIT = 1e-4  # nats


@torch.inference_mode()
def compare(folder: Path, probes: list[Probe], texts: int) -> dict[str, float]:
    """Largest difference, answers that differ, and continuations (of some `texts` probes) that differ."""
    tree, plain = backend(folder, "float32"), backend(folder, "float32", trees=False)
    contexts = [plain.context_ids(probe) for probe in probes]
    requests = [
        (context, option)
        for context, probe in zip(contexts, probes, strict=True)
        for option in plain.candidate_ids(probe.candidates)
    ]
    expected, found = padded(plain.model, requests, ROWS, alike=True), in_trees(tree, probes)
    wrong = sum(a != b for a, b in zip(answers(probes, found), answers(probes, expected), strict=True))
    some = contexts[:: max(1, len(contexts) // texts)]
    grown = tree.generate_ids(some, Decoding(TOKENS), [0] * len(some))
    rows = [plain.generate_ids([context], Decoding(TOKENS), [0])[0] for context in some]
    candidates = [(context, ids) for context, (ids, _) in zip(some, rows, strict=True) if ids]
    expected += padded(plain.model, candidates, ROWS, alike=True)
    forest = Forest(tree.model, [context for context, _ in candidates])
    found += forest.score(range(len(candidates)), [ids for _, ids in candidates])
    return {
        "probes": len(probes),
        "difference": max(abs(a - b) for a, b in zip(found, expected, strict=True)),
        "answers": wrong,
        "continuations": sum(a != b for a, b in zip(grown, rows, strict=True)),
    }


def main() -> int:
    """Compare all models."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=40, help="items per dataset (default: 40)")
    parser.add_argument("--texts", type=int, default=60, help="probes per reader to continue greedily (default: 60)")
    arguments = parser.parse_args()
    config = settings.load(yaml.safe_load((ROOT / "config/config.yaml").read_text("utf-8")))
    results, datasets, found = Path(config.results), [d.name for d in config.datasets], []
    for model in reversed(config.models):  # small ones first
        for reader in config.readers_of(model.name):
            folder = results / f"arms/{model.name}/{reader}"
            tokenizer = backend(folder).tokenizer
            writers = config.writers_read_by(model.name, reader)
            asked = [(results, model.name, writer, tokenizer, datasets, arguments.items) for writer in writers]
            probes = [probe for one in asked for probe in probes_of(*one)]
            row = {"model": model.name, "reader": reader, **compare(folder, probes, arguments.texts)}
            print(
                f"{model.name} {reader}: {row['probes']} probes; largest difference {row['difference']:.1e} nats; "
                f"{row['answers']} answers and {row['continuations']} of {arguments.texts} continuations differ",
                flush=True,
            )
            found.append(row)
    table = pd.DataFrame(found)
    table.to_csv(results / "parity.csv", index=False)  # for make accept
    return int((table["difference"] > LIMIT).any() or table[["answers", "continuations"]].any(axis=None))


if __name__ == "__main__":
    sys.exit(main())
