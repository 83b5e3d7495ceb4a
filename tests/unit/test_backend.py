"""Writing and reading: packed equals plain, and batches change nothing."""

import random
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from faithfulness import backends, models, prefix_tree
from faithfulness.backends import Decoding, Probe, Prompt
from faithfulness.backends.transformers import TransformersBackend, sampler
from faithfulness.settings import Model, Source

SEQUENCES = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=8), min_size=1, max_size=8)


class TestPrefixTree:
    def test_the_drawing(self) -> None:
        a, b, c, d, e, f = range(6)
        tree = prefix_tree.build([[a, b, c], [a, b, d, e], [a, f]])
        assert tree.tokens.tolist() == [a, b, c, d, e, f]
        assert tree.depths.tolist() == [0, 1, 2, 2, 3, 1]
        attends = [[i for i in range(6) if row[i]] for row in prefix_tree.ancestor_mask(tree)]
        assert attends == [[a], [a, b], [a, b, c], [a, b, d], [a, b, d, e], [a, f]]

    @given(SEQUENCES)
    def test_paths_spell_their_sequences_and_see_nothing_else(self, sequences: list[list[int]]) -> None:
        tree = prefix_tree.build(sequences)
        mask = prefix_tree.ancestor_mask(tree)
        for sequence, path in zip(sequences, tree.paths, strict=True):
            assert tree.tokens[path].tolist() == sequence
            assert tree.depths[path].tolist() == list(range(len(sequence)))
            assert mask[path[-1]].nonzero()[0].tolist() == sorted(path)

    @given(SEQUENCES)
    def test_each_shared_prefix_is_one_node(self, sequences: list[list[int]]) -> None:
        prefixes = {tuple(s[: i + 1]) for s in sequences for i in range(len(s))}
        assert len(prefix_tree.build(sequences).tokens) == len(prefixes)


@given(st.integers(0, 10**6))
@hypothesis_settings(max_examples=15, deadline=None)
def test_packed_equals_plain(backend: TransformersBackend, seed: int) -> None:
    rng = random.Random(seed)
    stem = [rng.randrange(500) for _ in range(rng.randint(1, 30))]
    requests = []
    for _ in range(rng.randint(1, 8)):
        context = stem[: rng.randint(1, len(stem))] + [rng.randrange(500) for _ in range(rng.randint(0, 9))]
        requests.append((context, [rng.randrange(500) for _ in range(rng.randint(1, 4))]))
    with torch.inference_mode():
        packed, plain = backend._packed(requests), backend._plain(requests)
    assert packed == pytest.approx(plain, abs=1e-4)


def test_packing_is_found_exact(backend: TransformersBackend) -> None:
    assert backend.packs


def test_model_that_cannot_be_packed_is_scored_plain(
    tiny_arm: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(
        prefix_tree, "ancestor_mask", lambda tree: torch.ones(len(tree.tokens), len(tree.tokens)).bool().numpy()
    )
    other = TransformersBackend(tiny_arm, "cpu", 1)
    assert not other.packs
    assert "packed scoring differs from plain" in caplog.text


def probes(count: int = 6) -> list[Probe]:
    texts = [" The coin starts heads up." * i for i in range(count)]
    return [
        Probe(f"item{i % 2}", "Is the coin heads up?", text, "\nAnswer:", candidates=("yes", "no"), answer_tokens=4)
        for i, text in enumerate(texts)
    ]


def test_reading_does_not_depend_on_the_batch(backend: TransformersBackend) -> None:
    together = backend.read(probes())
    for probe, reading in zip(probes(), together, strict=True):
        (alone,) = backend.read([probe])
        assert alone.text == reading.text
        assert alone.log_probs == pytest.approx(reading.log_probs, abs=1e-4)
    shuffled = backend.read(probes()[::-1])[::-1]
    assert [r.text for r in shuffled] == [r.text for r in together]


def test_own_ids_are_never_encoded_again(backend: TransformersBackend) -> None:
    probe = probes()[1]
    ids = backend.tokenizer.encode(probe.chain)
    odd = [token for piece in probe.chain for token in backend.tokenizer.encode(piece)]  # one token a character
    assert ids != odd
    given_ids, encoded = backend.read([Probe(**{**vars(probe), "chain_ids": odd}), probe])
    assert (given_ids.retokenised, encoded.retokenised) == (False, True)
    assert given_ids.log_probs != pytest.approx(encoded.log_probs, abs=1e-3)


PROMPTS = [Prompt(text, seed) for seed, text in enumerate(["A", "The coin starts heads up. Ka", "The last letter of"])]


@pytest.mark.parametrize("decoding", [Decoding(12), Decoding(12, temperature=0.8, top_p=0.95)])
def test_writing_does_not_depend_on_the_batch(backend: TransformersBackend, decoding: Decoding) -> None:
    together = backend.write(PROMPTS, decoding)
    alone = [backend.write([prompt], decoding)[0] for prompt in PROMPTS]
    backwards = backend.write(PROMPTS[::-1], decoding)[::-1]
    assert [c.ids for c in together] == [c.ids for c in alone] == [c.ids for c in backwards]


def test_sampling_follows_the_seed(backend: TransformersBackend) -> None:
    decoding = Decoding(12, temperature=1.0)
    one, again, other = (backend.write([Prompt("A", seed)], decoding)[0].ids for seed in (1, 1, 2))
    assert one == again != other


def test_sampling_draws_from_the_distribution() -> None:
    scores = torch.log(torch.tensor([[0.5, 0.3, 0.2]]))
    process = sampler(Decoding(1, temperature=1.0), [0])
    draws = torch.stack([process(torch.zeros(1, 1), scores.clone()).argmax() for _ in range(4000)])
    shares = torch.bincount(draws, minlength=3) / 4000
    assert shares.tolist() == pytest.approx([0.5, 0.3, 0.2], abs=0.03)


def test_completion_offsets(backend: TransformersBackend) -> None:
    (written,) = backend.write([Prompt("The coin")], Decoding(20))
    assert written.ids is not None
    assert written.token_ends is not None
    assert written.token_ends[-1] == len(written.text)
    assert written.token_ends == sorted(written.token_ends)
    assert written.finish_reason in {"stop", "length"}


def test_text_of_split_characters(backend: TransformersBackend) -> None:
    ids = backend.tokenizer.encode("é😀.")
    text, ends = backend._decode(ids)
    assert text == "é😀."
    assert ends[-1] == len(text)
    assert ends == sorted(ends)


def test_text_that_ends_inside_a_character(backend: TransformersBackend) -> None:
    ids = backend.tokenizer.encode("a😀")[:-1]
    text, ends = backend._decode(ids)
    assert text.endswith("\ufffd")
    assert ends[-1] == len(text)
    assert backend._decode([]) == ("", [])


def test_stops_at_the_end_of_sequence(backend: TransformersBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    end = backend.tokenizer.eos_token_id
    monkeypatch.setattr(
        backend.model, "generate", lambda rows, **_: torch.cat([rows, torch.tensor([[5, 6, end, 7]])], 1)
    )
    (written,) = backend.write([Prompt("A")], Decoding(4))
    assert (written.ids, written.finish_reason) == ([5, 6], "stop")


class TestModels:
    def test_depth_pruning_keeps_both_ends(self, tiny_model: Path) -> None:
        _, model = models.load_base(tiny_model, torch.float32)
        layers = list(model.model.layers)
        models._keep_layers(model, 3)
        assert [layers.index(layer) for layer in model.model.layers] == [0, 2, 3]
        assert model.config.num_hidden_layers == 3
        assert [layer.self_attn.layer_idx for layer in model.model.layers] == [0, 1, 2]

    def test_more_layers_than_there_are(self, tiny_model: Path) -> None:
        _, model = models.load_base(tiny_model, torch.float32)
        with pytest.raises(ValueError, match="layers: 9 is more than the model's 4"):
            models._keep_layers(model, 9)

    def test_preparing_twice_gives_the_same_weights(self, tiny_model: Path, tmp_path: Path) -> None:
        settings = Model(name="tiny", source=Source(uri="random:llama"), dtype="float32")
        models.prepare(settings, None, tmp_path / "again")
        models.prepare(settings, tiny_model, tmp_path / "copied")
        assert len({models.weights_hash(f) for f in (tiny_model, tmp_path / "again", tmp_path / "copied")}) == 1

    @pytest.mark.parametrize("damage", ["truncate", "remove"])
    def test_damaged_weights_are_named(self, tiny_model: Path, tmp_path: Path, damage: str) -> None:
        shutil.copytree(tiny_model, tmp_path / "model")
        weights = tmp_path / "model/model.safetensors"
        weights.write_bytes(weights.read_bytes()[:1000]) if damage == "truncate" else weights.unlink()
        with pytest.raises(ValueError, match=r"the model in .*/model cannot be loaded"):
            models.load_base(tmp_path / "model", torch.float32)

    def test_folder_without_a_model(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"holds no config\.json"):
            models.prepare(Model(name="x", source=Source(uri="path:x")), tmp_path, tmp_path / "out")

    def test_device(self) -> None:
        assert models.pick_device("cpu") == "cpu"
        assert models.pick_device("auto") == models.pick_device(None)


def test_load(tiny_arm: Path) -> None:
    loaded: Any = backends.load(tiny_arm, "cpu", 1)
    assert loaded.arm["model"] == "tiny"
