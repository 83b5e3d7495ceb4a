"""Generating and scoring: prefix trees equal plain rows, and batches change nothing."""

import json
import math
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from accelerate.hooks import AlignDevicesHook, add_hook_to_module
from bitsandbytes.nn import Linear4bit
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from transformers import AutoConfig, AutoModelForCausalLM

from faithfulness.arms import devices
from faithfulness.arms.base_weights import load_base
from faithfulness.arms.devices import pick_device, pick_dtype, product_time
from faithfulness.arms.record import FullWeights, base_arm, write_arm
from faithfulness.backends import chunked, forest, padded, parity, positions, prefix_tree
from faithfulness.backends.forest import Forest
from faithfulness.backends.load import load
from faithfulness.backends.logits import sampler
from faithfulness.backends.protocol import Decoding, Generated, Probe, Prompt, Request
from faithfulness.backends.transformers import TransformersBackend
from faithfulness.config.sources import Source
from faithfulness.config.weights import Weights
from faithfulness.hashing import weights_hash
from faithfulness.prepare.weights import keep_layers, prepare_model
from faithfulness.prompts import Prompts
from tests.factories import make_arm
from tests.runs import ROOT


@pytest.fixture(scope="module")
def plain(tiny_arm: Path) -> TransformersBackend:
    """The same arm without prefix trees: the reference."""
    return without_trees(tiny_arm)


def without_trees(arm: Path) -> TransformersBackend:
    return TransformersBackend(arm, "cpu", 1, trees=False)


def plain_scores(backend: TransformersBackend, requests: list[Request], rows: int = 1) -> list[float]:
    """The reference: ordinary passes over one sequence at a time, or over several padded ones."""
    return padded.score(backend.model, requests, rows, backend.pad)


def plain_continuations(backend: TransformersBackend, contexts: list[list[int]], tokens: int) -> list[Generated]:
    """The reference: transformers' own `generate`, one sequence at a time."""
    return [
        padded.generate(backend.model, [context], Decoding(tokens), [0], [0], backend.stops, backend.pad)[0]
        for context in contexts
    ]


def random_requests(seed: int) -> list[Request]:
    """Contexts that share parts of a stem, with continuations."""
    rng = random.Random(seed)
    stem = [rng.randrange(500) for _ in range(rng.randint(1, 90))]
    contexts = [
        stem[: rng.randint(1, len(stem))] + [rng.randrange(500) for _ in range(rng.randint(0, 9))]
        for _ in range(rng.randint(1, 8))
    ]
    return [(rng.choice(contexts), [rng.randrange(500) for _ in range(rng.randint(1, 4))]) for _ in range(12)]


@given(st.integers(0, 10**6))
@hypothesis_settings(max_examples=15)
def test_trees_equal_plain_rows(backend: TransformersBackend, plain: TransformersBackend, seed: int) -> None:
    requests = random_requests(seed)
    with torch.inference_mode():
        expected = plain_scores(plain, requests)
        trie = Forest(backend.model, [context for context, _ in requests])
        assert forest.score(backend.model, requests) == pytest.approx(expected, abs=1e-4)
        grown = trie.score(range(12), [continuation for _, continuation in requests])
        assert grown == pytest.approx(expected, abs=1e-4)
        assert plain_scores(plain, requests, rows=5) == pytest.approx(expected, abs=1e-4)


def beginnings(requests: list[Request], seed: int) -> list[Request]:
    """Chains that requests begin with: a prompt of each context, and what follows it there."""
    rng = random.Random(seed)
    chains = []
    for context, _ in requests:
        if len(context) > 1:
            start = rng.randint(1, len(context) - 1)
            chains.append((context[:start], context[start : rng.randint(start + 1, len(context))]))
    return chains


@given(st.integers(0, 10**6))
@hypothesis_settings(max_examples=15)
def test_chains_are_scored_in_slices_and_change_nothing_else(
    backend: TransformersBackend, plain: TransformersBackend, seed: int
) -> None:
    requests = random_requests(seed)
    chains = beginnings(requests, seed)
    with torch.inference_mode(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunked, "ROWS", 1 + seed % 7)
        expected = plain_scores(plain, chains)
        found = backend.score_ids(requests, chains)
        assert found[: len(requests)] == backend.score_ids(requests)
        assert found[len(requests) :] == pytest.approx(expected, abs=1e-4)
        trie, bare = (Forest(backend.model, [ids for ids, _ in requests], known) for known in (chains, ()))
        assert trie.chain_log_probs == pytest.approx(expected, abs=1e-4)
        assert torch.equal(trie.logits, bare.logits)
        assert plain.score_ids(requests, chains)[len(requests) :] == pytest.approx(expected, abs=1e-4)


def test_logits_of_a_chain_never_stand_whole_in_memory(backend: TransformersBackend) -> None:
    """At most a slice of them, and the likelihoods of two chains with a common beginning share its logits."""
    prompt, chain = list(range(20)), list(range(30, 90))
    other = [*chain[:50], *range(100, 110)]
    rows: list[int] = []
    handle = backend.model.get_output_embeddings().register_forward_hook(
        lambda _module, arguments, _output: rows.append(arguments[0].shape[1])
    )
    try:
        with torch.inference_mode(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(chunked, "ROWS", 16)
            backend.score_ids([([*prompt, *c, 5], [7]) for c in (chain, other)], [(prompt, chain), (prompt, other)])
    finally:
        handle.remove()
    assert rows == [2, 16, 16, 16, 16, 5]  # 60 places of one chain, 9 more of the other one


@pytest.mark.parametrize("answer_tokens", [0, 3])
def test_nats_of_a_chain(backend: TransformersBackend, plain: TransformersBackend, answer_tokens: int) -> None:
    """The mean over its tokens, of the probes that ask for it; the chain's own ids count."""
    chains = [(" One two.", None), (" One two. Three.", [7, 8, 9, 10]), ("", None), (" One.", None)]
    candidates = () if answer_tokens else ("yes", "no")
    probes = [
        Probe("a", "Question: ", text, "\nAnswer:", ids, candidates, answer_tokens, chain_nats=number != 3)
        for number, (text, ids) in enumerate(chains)
    ]
    found = backend.score(probes)
    prompt = backend.encode_prompt("Question: ")
    requests = [(prompt, ids or backend.encode(text)) for text, ids in chains[:2]]
    with torch.inference_mode():
        sums = plain_scores(plain, requests)
    expected = [-total / len(ids) for total, (_, ids) in zip(sums, requests, strict=True)]
    assert [reading.chain_nats for reading in found[:2]] == pytest.approx(expected, abs=1e-5)
    assert [reading.chain_nats for reading in found[2:]] == [None, None]
    without = backend.score([replace(probe, chain_nats=False) for probe in probes])
    for reading, bare in zip(backend.score(probes), without, strict=True):
        assert replace(reading, chain_nats=None) == bare
    for reading, other in zip(backend.score(probes), plain.score(probes), strict=True):
        assert reading.chain_nats == (other.chain_nats and pytest.approx(other.chain_nats, abs=1e-5))


@given(st.integers(0, 10**6))
@hypothesis_settings(max_examples=8)
def test_a_growing_forest_writes_what_generate_writes(
    backend: TransformersBackend, plain: TransformersBackend, seed: int
) -> None:
    contexts = [context for context, _ in random_requests(seed)]
    with torch.inference_mode():
        grown = backend.generate_ids(contexts, Decoding(9), [0] * len(contexts))
        assert grown == plain_continuations(plain, contexts, 9)


SHAPE: dict[str, Any] = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 4, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 256, "pad_token_id": 0,
}  # fmt: skip
WINDOWED = ["sliding_attention", "full_attention"] * 2
PACKED = {
    "llama": {},
    "qwen2": {},
    "qwen2-window": {"use_sliding_window": True, "sliding_window": 16, "max_window_layers": 2},
    "qwen3": {},
    "gemma2": {"sliding_window": 16, "layer_types": WINDOWED},
    "gemma3_text": {"sliding_window": 16, "layer_types": WINDOWED},
    "mistral": {"sliding_window": 16},
    "phi3": {"sliding_window": 16},
    "olmo2": {},
    "gpt_neox": {},
    "gpt2": {"n_embd": 32, "n_layer": 4, "n_head": 4, "n_positions": 256},
    "opt": {"ffn_dim": 48, "word_embed_proj_dim": 32},
}
PLAIN = {
    "mamba": {"state_size": 4},
    "recurrent_gemma": {"lru_width": 32, "attention_window_size": 16, "block_types": ["recurrent", "attention"]},
}


def family(name: str, tiny_model: Path, folder: Path) -> TransformersBackend:
    """A backend with a tiny random model of a family, of weights large enough to tell sequences apart."""
    tokenizer, _ = load_base(tiny_model, torch.float32)
    torch.manual_seed(0)
    options = SHAPE | (PACKED | PLAIN | SCALED | ALIKE)[name] | {"vocab_size": len(tokenizer)}
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(name.partition("-")[0], **options))
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.15)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    weights = FullWeights(folder=str(folder), folder_hash=weights_hash(folder))
    write_arm(folder / "arm", make_arm(name, weights=weights))
    return TransformersBackend(folder / "arm", "cpu", 1)


def agree(found: TransformersBackend, arm: Path) -> None:
    """Log-probabilities and texts of a backend against ordinary passes, one sequence at a time."""
    requests, reference = random_requests(3), without_trees(arm)
    contexts = [context for context, _ in requests]
    with torch.inference_mode():
        assert found.score_ids(requests) == pytest.approx(plain_scores(reference, requests), abs=1e-4)
        grown = found.generate_ids(contexts, Decoding(20), [0] * len(contexts))
        assert grown == plain_continuations(reference, contexts, 20)


@pytest.mark.parametrize("name", PACKED)
def test_families_in_prefix_trees(name: str, tiny_model: Path, tmp_path: Path) -> None:
    found = family(name, tiny_model, tmp_path)
    assert found.trees
    agree(found, tmp_path / "arm")


SCALED: dict[str, dict[str, Any]] = {
    "llama-dynamic": {"rope_parameters": {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 100.0}},
    "phi3-longrope": {
        "rope_parameters": {
            "rope_type": "longrope", "short_factor": [1.0] * 4, "long_factor": [2.0, 3.0, 4.0, 6.0],
            "original_max_position_embeddings": 256, "rope_theta": 100.0,
        },
        "original_max_position_embeddings": 256, "max_position_embeddings": 1024,
    },
    "gemma3_text-dynamic": {
        "sliding_window": 16, "layer_types": WINDOWED,
        "rope_parameters": {
            "sliding_attention": {"rope_type": "default", "rope_theta": 100.0},
            "full_attention": {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 100.0},
        },
    },
}  # fmt: skip
ALIKE: dict[str, dict[str, Any]] = {  # frequencies that do not depend on the length
    "llama-linear": {"rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 100.0}},
    "llama-yarn": {
        "rope_parameters": {
            "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 256, "rope_theta": 100.0,
        },
        "max_position_embeddings": 1024,
    },
    "llama-llama3": {
        "rope_parameters": {
            "rope_type": "llama3", "factor": 4.0, "original_max_position_embeddings": 256, "rope_theta": 100.0,
            "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        },
        "max_position_embeddings": 1024,
    },
}  # fmt: skip


def straddling(seed: int) -> list[Request]:
    """Sequences of 40 to 330 tokens with common beginnings: on both sides of 256, and at it."""
    rng = random.Random(seed)
    stem = [rng.randrange(500) for _ in range(330)]
    lengths = [40, 120, 250, 252, 253, 254, 255, 256, 257, 258, 300, 326]
    rng.shuffle(lengths)
    return [(stem[:length], [rng.randrange(500) for _ in range(rng.choice([1, 3, 4]))]) for length in lengths]


def fresh(folder: Path, requests: list[Request]) -> list[float]:
    """The reference: a newly loaded model that sees one row at a time, and none after a longer one."""
    _, model = load_base(folder, torch.float32)
    return padded.score(model.eval(), requests, 1, 0)


@pytest.mark.parametrize("name", [*SCALED, *ALIKE])
@torch.inference_mode()
def test_scaled_positions(name: str, tiny_model: Path, tmp_path: Path) -> None:
    found = family(name, tiny_model, tmp_path)
    assert found.trees
    assert found.alike == (256 if name in SCALED else math.inf)
    requests = straddling(1)
    expected = fresh(tmp_path, requests)
    assert found.score_ids(requests) == pytest.approx(expected, abs=1e-4)
    assert found.score_ids(requests[::-1]) == pytest.approx(expected[::-1], abs=1e-4)  # nothing is left of rows before
    assert without_trees(tmp_path / "arm").score_ids(requests) == pytest.approx(expected, abs=1e-4)
    if name in SCALED:  # the test sees both sides
        packed = forest.score(found.model, requests)
        assert packed != pytest.approx(expected, abs=1e-2)


@pytest.mark.parametrize("name", SCALED)
def test_continuations_across_the_switch(name: str, tiny_model: Path, tmp_path: Path) -> None:
    found = family(name, tiny_model, tmp_path)
    contexts = [context for context, _ in straddling(2)]
    together = found.generate_ids(contexts, Decoding(5), [0] * len(contexts))
    assert together == [found.generate_ids([context], Decoding(5), [0])[0] for context in contexts]
    assert together[::-1] == found.generate_ids(contexts[::-1], Decoding(5), [0] * len(contexts))
    plain = without_trees(tmp_path / "arm")
    assert together == plain_continuations(plain, contexts, 5)
    text = "The coin starts heads up."
    probes_ = [
        Probe("a", "Q", text, "\nAnswer:", ids, ("yes", "no"), answer_tokens=3) for ids in contexts
    ]  # fmt: skip
    for reading, alone in zip(found.score(probes_), [plain.score([probe])[0] for probe in probes_], strict=True):
        assert reading.text == alone.text
        assert reading.log_probs == pytest.approx(alone.log_probs, abs=1e-4)


@pytest.mark.parametrize("name", ["llama-dynamic", "phi3-longrope"])
def test_a_switch_that_is_not_known_is_found_out(
    name: str, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A model's own code may scale positions by the length of the row in its own way."""
    monkeypatch.setattr(positions, "_switching", lambda _: iter(()))
    found = family(name, tiny_model, tmp_path)
    assert not found.trees
    assert "nats with them" in caplog.text


@pytest.mark.parametrize("name", ["llama-dynamic", "phi3-longrope"])
def test_a_switch_that_is_earlier_than_known_is_found_out(
    name: str, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(positions, "longest_alike", lambda _: 300)
    assert not family(name, tiny_model, tmp_path).trees


def test_quantised_weights_in_prefix_trees(tiny_model: Path, wording: Prompts, tmp_path: Path) -> None:
    whole = base_arm("tiny", tiny_model, wording, trust_remote_code=False)
    arm = base_arm("tiny", tiny_model, wording, trust_remote_code=False, quantisation="nf4")
    assert arm.weights_hash != whole.weights_hash  # its answers are others, and none are taken over from the journal
    write_arm(tmp_path / "arm", arm)
    found = TransformersBackend(tmp_path / "arm", "cpu", 1)
    assert found.trees
    assert isinstance(found.model.model.layers[0].mlp.up_proj, Linear4bit)
    agree(found, tmp_path / "arm")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU beside the CPU")
def test_layers_on_two_devices(tiny_arm: Path) -> None:
    """What `device_map` does with several GPUs, with one and the CPU: each layer's inputs are brought to it."""
    found = TransformersBackend(tiny_arm, "cuda", 1)
    for layer in found.model.model.layers[2:]:
        add_hook_to_module(layer.to("cpu"), AlignDevicesHook("cpu", io_same_device=True))
    found.model.set_attn_implementation("sdpa")
    assert parity.use_trees(found.model, found.pad)
    agree(found, tiny_arm)


@pytest.mark.parametrize("name", PLAIN)
def test_families_that_fall_back(name: str, tiny_model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = family(name, tiny_model, tmp_path)
    assert not found.trees
    assert "prefix trees: " in caplog.text
    agree(found, tmp_path / "arm")


def test_the_window_matters(tiny_model: Path, tmp_path: Path) -> None:
    """The requests are long enough to leave it."""
    found = family("mistral", tiny_model, tmp_path)
    with torch.inference_mode():
        windowed = found.score_ids(random_requests(3))
        found.model.config.sliding_window = None
        assert found.score_ids(random_requests(3)) != pytest.approx(windowed, abs=1e-3)


@pytest.mark.parametrize("chunk", [1, 7, 500])
def test_chunk_size_changes_nothing(backend: TransformersBackend, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    with torch.inference_mode():
        usual = forest.score(backend.model, random_requests(5))
        monkeypatch.setattr(forest, "CHUNK", chunk)
        assert forest.score(backend.model, random_requests(5)) == pytest.approx(usual, abs=1e-4)


@pytest.mark.parametrize("budget", [1, 60, 10**6])
def test_token_budget_changes_nothing(
    backend: TransformersBackend, monkeypatch: pytest.MonkeyPatch, budget: int
) -> None:
    usual, written = backend.score(probes()), backend.generate(PROMPTS, Decoding(12))
    monkeypatch.setattr(backend.budget, "tokens", budget)
    for reading, other in zip(usual, backend.score(probes()), strict=True):
        assert reading.text == other.text
        assert reading.log_probs == pytest.approx(other.log_probs, abs=1e-4)
    assert [c.ids for c in backend.generate(PROMPTS, Decoding(12))] == [c.ids for c in written]


@torch.inference_mode()
def test_out_of_memory_takes_fewer_rows_where_there_are_no_trees(
    plain: TransformersBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, forward, rows = plain.score_ids(random_requests(3)), plain.model.forward, []

    def small(*args: Any, **options: Any) -> Any:
        rows.append(len(options["input_ids"]))
        if rows[-1] > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(*args, **options)

    monkeypatch.setattr(plain.budget, "tokens", 2000)
    monkeypatch.setattr(plain.model, "forward", small)
    found: list[float] = []
    plain.budget.run([[0]], lambda _: 1000, lambda _: found.extend(plain.score_ids(random_requests(3))))
    assert found == pytest.approx(expected, abs=1e-4)
    assert rows[0] > 4 >= rows[-1]


def test_trees_are_used_where_they_are_exact(backend: TransformersBackend) -> None:
    assert backend.trees


def test_a_wrong_mask_is_found_out(
    tiny_arm: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    right = prefix_tree.chunks
    monkeypatch.setattr(prefix_tree, "chunks", lambda *a: (found := right(*a))._replace(mask=np.ones_like(found.mask)))
    other = TransformersBackend(tiny_arm, "cpu", 1)
    assert not other.trees
    assert "nats with them" in caplog.text
    assert "using one sequence per row" in caplog.text


def probes(count: int = 6) -> list[Probe]:
    texts = [" The coin starts heads up." * i for i in range(count)]
    return [
        Probe(f"item{i % 2}", "Is the coin heads up?", text, "\nAnswer:", candidates=("yes", "no"), answer_tokens=4)
        for i, text in enumerate(texts)
    ]


def test_reading_does_not_depend_on_the_batch(backend: TransformersBackend) -> None:
    together = backend.score(probes())
    for probe, reading in zip(probes(), together, strict=True):
        (alone,) = backend.score([probe])
        assert alone.text == reading.text
        assert alone.log_probs == pytest.approx(reading.log_probs, abs=1e-4)
    shuffled = backend.score(probes()[::-1])[::-1]
    assert [r.text for r in shuffled] == [r.text for r in together]


def test_text_answers_in_trees(backend: TransformersBackend, plain: TransformersBackend) -> None:
    """Continuations, and candidates that depend on them, from one pass over the tree: as from rows."""

    def propose(indices: Sequence[int], texts: Sequence[str | None]) -> list[tuple[str, ...]]:
        return [(str(text)[:5], "yes") if i % 3 else () for i, text in zip(indices, texts, strict=True)]

    for one, other in zip(backend.score(probes(), propose), plain.score(probes(), propose), strict=True):
        assert (one.text, one.tokens) == (other.text, other.tokens)
        assert one.log_probs == pytest.approx(other.log_probs, abs=1e-4)


def test_own_ids_are_never_encoded_again(backend: TransformersBackend) -> None:
    probe = probes()[1]
    ids = backend.tokenizer.encode(probe.chain)
    odd = [token for piece in probe.chain for token in backend.tokenizer.encode(piece)]  # one token a character
    assert ids != odd
    given_ids, encoded = backend.score([Probe(**{**vars(probe), "chain_ids": odd}), probe])
    assert (given_ids.retokenised, encoded.retokenised) == (False, True)
    assert given_ids.log_probs != pytest.approx(encoded.log_probs, abs=1e-3)


PROMPTS = [Prompt(text, seed) for seed, text in enumerate(["A", "The coin starts heads up. Ka", "The last letter of"])]


@pytest.mark.parametrize("decoding", [Decoding(12), Decoding(12, temperature=0.8, top_p=0.95)])
def test_writing_does_not_depend_on_the_batch(backend: TransformersBackend, decoding: Decoding) -> None:
    together = backend.generate(PROMPTS, decoding)
    alone = [backend.generate([prompt], decoding)[0] for prompt in PROMPTS]
    backwards = backend.generate(PROMPTS[::-1], decoding)[::-1]
    assert [c.ids for c in together] == [c.ids for c in alone] == [c.ids for c in backwards]


def test_sampling_follows_the_seed(backend: TransformersBackend) -> None:
    decoding = Decoding(12, temperature=1.0)
    one, again, other = (backend.generate([Prompt("A", seed)], decoding)[0].ids for seed in (1, 1, 2))
    assert one == again != other


def test_sampling_draws_from_the_distribution() -> None:
    scores = torch.log(torch.tensor([[0.5, 0.3, 0.2]]))
    process = sampler(Decoding(1, temperature=1.0), [0], [0])
    draws = torch.stack([process(torch.zeros(1, 1), scores.clone()).argmax() for _ in range(4000)])
    shares = torch.bincount(draws, minlength=3) / 4000
    assert shares.tolist() == pytest.approx([0.5, 0.3, 0.2], abs=0.03)


def test_completion_offsets(backend: TransformersBackend) -> None:
    (written,) = backend.generate([Prompt("The coin")], Decoding(20))
    assert written.ids is not None
    assert written.token_ends is not None
    assert written.token_ends[-1] == len(written.text)
    assert written.token_ends == sorted(written.token_ends)
    assert written.finish_reason in {"stop", "length"}


def test_stops_at_the_end_of_sequence(plain: TransformersBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    end = plain.tokenizer.eos_token_id
    monkeypatch.setattr(plain.model, "generate", lambda rows, **_: torch.cat([rows, torch.tensor([[5, 6, end, 7]])], 1))
    (written,) = plain.generate([Prompt("A")], Decoding(4))
    assert (written.ids, written.finish_reason) == ([5, 6], "stop")


class TestModels:
    def test_depth_pruning_keeps_both_ends(self, tiny_model: Path) -> None:
        _, model = load_base(tiny_model, torch.float32)
        layers = list(model.model.layers)
        keep_layers(model, 3)
        assert [layers.index(layer) for layer in model.model.layers] == [0, 2, 3]
        assert model.config.num_hidden_layers == 3
        assert [layer.self_attn.layer_idx for layer in model.model.layers] == [0, 1, 2]

    def test_more_layers_than_there_are(self, tiny_model: Path) -> None:
        _, model = load_base(tiny_model, torch.float32)
        with pytest.raises(ValueError, match="layers: 9 is more than the model's 4"):
            keep_layers(model, 9)

    def test_preparing_twice_gives_the_same_weights(self, tiny_model: Path, tmp_path: Path) -> None:
        settings = Weights(source=Source(uri="random:llama"), dtype="float32")
        prepare_model(settings, None, tmp_path / "again")
        prepare_model(settings, tiny_model, tmp_path / "copied")
        assert len({weights_hash(f) for f in (tiny_model, tmp_path / "again", tmp_path / "copied")}) == 1

    @pytest.mark.parametrize("damage", ["truncate", "remove"])
    def test_damaged_weights_are_named(self, tiny_model: Path, tmp_path: Path, damage: str) -> None:
        shutil.copytree(tiny_model, tmp_path / "model")
        weights = tmp_path / "model/model.safetensors"
        weights.write_bytes(weights.read_bytes()[:1000]) if damage == "truncate" else weights.unlink()
        with pytest.raises(ValueError, match=r"the model in .*/model cannot be loaded"):
            load_base(tmp_path / "model", torch.float32)

    def test_folder_without_a_model(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"holds no config\.json"):
            prepare_model(Weights(source=Source(uri="path:x")), tmp_path, tmp_path / "out")

    @pytest.mark.parametrize(
        ("bfloat16", "chosen"), [(3.0, torch.bfloat16), (4.9, torch.float32), (9.0, torch.float32)]
    )
    def test_auto_takes_the_faster_type(
        self, monkeypatch: pytest.MonkeyPatch, bfloat16: float, chosen: torch.dtype
    ) -> None:
        times = {torch.float32: 5.0, torch.bfloat16: bfloat16}
        monkeypatch.setattr(devices, "product_time", lambda dtype, _: times[dtype])
        assert pick_dtype("auto") == chosen
        assert pick_dtype("float16") == torch.float16

    def test_auto_of_a_node_without_the_gpus_that_it_is_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(devices, "product_time", lambda dtype, _: {torch.float32: 1.0, torch.bfloat16: 9.0}[dtype])
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        assert pick_dtype("auto", for_gpus=True) == torch.bfloat16
        assert pick_dtype("float32", for_gpus=True) == torch.float32
        monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
        assert pick_dtype("auto", for_gpus=True) == torch.float32

    def test_sizes_of_a_model_share_its_type(
        self, monkeypatch: pytest.MonkeyPatch, tiny_model: Path, tmp_path: Path
    ) -> None:
        """The time of a product, measured anew for each size, could give one size another type than the next."""
        monkeypatch.setattr(devices, "product_time", lambda dtype, _: 1.0 if dtype == torch.bfloat16 else 5.0)
        prepare_model(Weights(source=Source(uri="random:llama"), layers=2), tiny_model, tmp_path / "small")
        assert json.loads((tmp_path / "small/model.json").read_text())["dtype"] == "float32"

    def test_product_time(self) -> None:
        assert product_time(torch.float32, "cpu", size=8) > 0

    def test_device(self) -> None:
        assert pick_device("cpu") == "cpu"
        assert pick_device("auto") == pick_device(None)


def test_render(tiny_arm: Path, wording: Prompts) -> None:
    backend = TransformersBackend(tiny_arm, "cpu", 1, trees=False)
    user = {"role": "user", "content": "Heads?"}
    assert backend.render([user], wording.model_copy(update={"plain": "Q: {question}\nA:"})) == "Q: Heads?\nA:"
    backend.tokenizer.chat_template = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
    system = {"role": "system", "content": "Be brief."}
    assert backend.render([system, user], wording) == "[system]Be brief.[user]Heads?"


@pytest.mark.parametrize(("kind", "other"), [("openai", "transformers"), ("transformers", "openai")])
def test_one_kind_of_backend_needs_nothing_of_the_other(kind: str, other: str) -> None:
    """Else a change of one would run the jobs of the other again, and a served model's jobs would wait for torch."""
    program = f"import sys, faithfulness.backends.load, faithfulness.backends.{kind}; print(*sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "scripts")}
    command = [sys.executable, "-c", program]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.split()
    assert f"faithfulness.backends.{kind}" in loaded
    assert not {f"faithfulness.backends.{other}", {"openai": "openai", "transformers": "torch"}[other]} & set(loaded)


def test_load(tiny_arm: Path) -> None:
    loaded = load(tiny_arm, 1, SimpleNamespace(token_budget=100, gpu=0, service=""))
    assert isinstance(loaded, TransformersBackend)
    assert loaded.budget.tokens == 100
