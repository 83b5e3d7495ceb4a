"""Prefix trees against plain sequences, in float32, on the probes of a finished run: `make parity`, half an hour.

The reference takes each sequence as it is, next to others of its own length at most: no trees, no masks, no padding.
Prints, for each model, the largest difference of a log-probability, and how many cloze answers and greedy
continuations differ. Exits with 1 if a difference exceeds 1e-4 or an answer differs.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import torch
import yaml
from rescoring import ROOT, answers, in_trees, padded, probes_of

from faithfulness import arms, settings
from faithfulness.backends import Decoding, Probe
from faithfulness.backends.transformers import TransformersBackend
from faithfulness.prompts import answer_text, encode

TOKENS = 12  # of each continuation
ROWS = 32  # of one length, side by side


def backend(folder: Path, trees: bool) -> TransformersBackend:
    """A base arm in float32, with prefix trees or without."""
    with tempfile.TemporaryDirectory() as copy:
        arms.write(Path(copy) / "arm", arms.read(folder) | {"dtype": "float32"})
        found = TransformersBackend(Path(copy) / "arm")
    if not trees:
        found.model.set_attn_implementation("sdpa")
        found.packs = False
    return found


@torch.inference_mode()
def compare(folder: Path, probes: list[Probe], texts: int) -> tuple[float, int, int]:
    """Largest difference, answers that differ, and continuations (of the first `texts` probes) that differ."""
    tree, plain = backend(folder, True), backend(folder, False)
    contexts = [plain._context(probe) for probe in probes]
    requests = [
        (context, encode(plain.tokenizer, answer_text(option)))
        for context, probe in zip(contexts, probes, strict=True)
        for option in probe.candidates
    ]
    expected, found = padded(plain.model, requests, ROWS, alike=True), in_trees(tree, probes)
    wrong = sum(a != b for a, b in zip(answers(probes, found), answers(probes, expected), strict=True))
    some = contexts[:: max(1, len(contexts) // texts)]
    grown = tree._continue(some, Decoding(TOKENS), [0] * len(some))
    rows = [plain._continue([context], Decoding(TOKENS), [0])[0] for context in some]
    return (
        max(abs(a - b) for a, b in zip(found, expected, strict=True)),
        wrong,
        sum(a != b for a, b in zip(grown, rows, strict=True)),
    )


def main() -> int:
    """Compare all models."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=40, help="items of each dataset (default: 40)")
    parser.add_argument("--texts", type=int, default=60, help="probes of each model continued greedily (default: 60)")
    arguments = parser.parse_args()
    config = settings.load(yaml.safe_load((ROOT / "config/config.yaml").read_text("utf-8")))
    results, missed = Path(config.results), False
    for model in reversed(config.models):  # small ones first
        folder = results / f"arms/{model.name}/base"
        tokenizer = backend(folder, True).tokenizer
        probes = probes_of(results, model.name, tokenizer, [d.name for d in config.datasets], arguments.items)
        difference, wrong, texts = compare(folder, probes, arguments.texts)
        missed |= difference > 1e-4 or wrong > 0 or texts > 0
        print(
            f"{model.name}: {len(probes)} probes; largest difference {difference:.1e} nats; "
            f"{wrong} answers and {texts} of {arguments.texts} continuations differ",
            flush=True,
        )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
