"""Adapters and weights that were trained elsewhere: read as their trainers meant them, or refused at import."""

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from peft import (
    AdaLoraConfig,
    IA3Config,
    LNTuningConfig,
    LoHaConfig,
    LoKrConfig,
    LoraConfig,
    OFTConfig,
    PrefixTuningConfig,
    PromptEncoderConfig,
    PromptTuningConfig,
    VeraConfig,
)
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel

from faithfulness.arms import weight_files
from faithfulness.arms.base_weights import load_base
from faithfulness.arms.imported import import_arm
from faithfulness.arms.loading import load_arm
from faithfulness.arms.record import ArmRecord, base_arm, read_arm
from faithfulness.backends.protocol import Decoding, Probe, Prompt
from faithfulness.backends.transformers import TransformersBackend
from faithfulness.hashing import weights_hash
from faithfulness.prompts import Prompts

CPU = {"": "cpu"}
LAYERS = ["q_proj", "v_proj"]
CAUSAL = "CAUSAL_LM"
CHATML = "{% for m in messages %}<|im_start|>{{ m.content }}<|im_end|>\n{% endfor %}"


def lora(**changes: Any) -> LoraConfig:
    return LoraConfig(**{"r": 4, "target_modules": LAYERS, "task_type": CAUSAL} | changes)


KINDS = {
    "biases": lora(bias="all"),
    "rslora": lora(use_rslora=True, rank_pattern={"layers.0.self_attn.q_proj": 2}, alpha_pattern={"v_proj": 7}),
    "dora": lora(use_dora=True),
    "modules to save": lora(modules_to_save=["norm", "lm_head"]),
    "trained tokens": lora(trainable_token_indices=[3, 5]),
    "embeddings": lora(target_modules=["embed_tokens", "q_proj"]),
    "all linear": lora(target_modules="all-linear"),
    "some layers": lora(layers_to_transform=[1]),
    "ia3": IA3Config(task_type=CAUSAL, target_modules=["k_proj", "down_proj"], feedforward_modules=["down_proj"]),
    "vera": VeraConfig(r=4, target_modules=["q_proj"], task_type=CAUSAL),
    "pissa": lora(init_lora_weights="pissa"),
    "adalora": AdaLoraConfig(r=4, target_modules=LAYERS, task_type=CAUSAL, total_step=10),
    "loha": LoHaConfig(r=4, target_modules=LAYERS, task_type=CAUSAL),
    "lokr": LoKrConfig(r=4, target_modules=LAYERS, task_type=CAUSAL),
    "oft": OFTConfig(r=0, oft_block_size=4, target_modules=LAYERS, task_type=CAUSAL),
    "layer norms": LNTuningConfig(task_type=CAUSAL, target_modules=["input_layernorm"]),
    "p-tuning": PromptEncoderConfig(task_type=CAUSAL, num_virtual_tokens=4, encoder_hidden_size=16),
    "prefix tuning": PrefixTuningConfig(task_type=CAUSAL, num_virtual_tokens=4),
    "prompt tuning": PromptTuningConfig(task_type=CAUSAL, num_virtual_tokens=4),
}
WITH_TOKENS = {
    "saved at once": lora(),
    "both saved": lora(modules_to_save=["embed_tokens", "lm_head"]),
    "input saved": lora(modules_to_save=["embed_tokens"]),
    "adapted": lora(target_modules=["embed_tokens", "q_proj"]),
    "new tokens only": lora(trainable_token_indices=[675, 676]),
}


@pytest.fixture
def base(tiny_arm: Path) -> ArmRecord:
    return read_arm(tiny_arm)


def plain(folder: str | Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def train(model: Any, config: peft.PeftConfig, folder: Path) -> Any:
    """An adapter with values that change what the model writes, saved as peft saves it."""
    torch.manual_seed(0)
    adapted = peft.get_peft_model(model, config)
    with torch.no_grad():
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.05)
    adapted.save_pretrained(folder)
    return adapted.eval()


@torch.inference_mode()
def logits(model: Any, ids: list[int]) -> torch.Tensor:
    return model(torch.tensor([ids])).logits


def tokenizer_with(base: ArmRecord, *tokens: str) -> Any:
    tokenizer = AutoTokenizer.from_pretrained(base.full_weights.folder)
    tokenizer.add_tokens(list(tokens), special_tokens=True)
    return tokenizer


def take(base: ArmRecord, source: Path, **settings: Any) -> ArmRecord:
    return import_arm(source.parent / "arm", "tuned-x", base, source, [], **settings)


def refused(base: ArmRecord, source: Path, **settings: Any) -> str:
    """Why an import is refused: one line, that never says to delete what the user made, and nothing is written."""
    with pytest.raises(ValueError, match=r".") as raised:
        take(base, source, **settings)
    reason = str(raised.value)
    assert "\n" not in reason
    assert "delete" not in reason
    assert str(source) in reason
    assert len(reason) < 700
    assert not (source.parent / "arm").exists()
    return reason


# Adapters.


@pytest.mark.parametrize("kind", KINDS)
def test_adapters_of_all_kinds_are_as_peft_loads_them(base: ArmRecord, tmp_path: Path, kind: str) -> None:
    folder = base.full_weights.folder
    train(plain(folder), KINDS[kind], tmp_path / "adapter")
    reference = peft.PeftModel.from_pretrained(plain(folder), tmp_path / "adapter").eval()
    take(base, tmp_path / "adapter")
    _, model, _ = load_arm(tmp_path / "arm", CPU)
    ids = [1, 3, 5, 40, 7, 600]
    assert torch.equal(logits(model, ids), logits(reference, ids))
    assert not torch.allclose(logits(model, ids)[0, -1], logits(plain(folder), ids)[0, -1])


@pytest.mark.parametrize(
    ("kind", "trees"), [("dora", True), ("vera", True), ("prefix tuning", False), ("prompt tuning", False)]
)
def test_what_trees_cannot_do_is_scored_in_rows(base: ArmRecord, tmp_path: Path, kind: str, trees: bool) -> None:
    adapted = train(plain(base.full_weights.folder), KINDS[kind], tmp_path / "adapter")
    take(base, tmp_path / "adapter")
    backend = TransformersBackend(tmp_path / "arm", "cpu", 1)
    assert backend.trees == trees
    (reading,) = backend.score([Probe("a", "Is the coin", " still", " up", candidates=("yes",))])
    ids = [token for text in ("Is the coin", " still", " up", " yes") for token in backend.encode(text)]
    count = len(backend.encode(" yes"))
    values = logits(adapted, ids)[0, -count - 1 : -1].log_softmax(-1)
    expected = sum(values[i, token].item() for i, token in enumerate(ids[-count:]))
    assert reading.log_probs[0] == pytest.approx(expected, abs=1e-4)
    texts = ["Is the coin", "Is the coin still heads up?"]  # of several lengths, in one batch
    for text, written in zip(texts, backend.generate([Prompt(text) for text in texts], Decoding(6)), strict=True):
        start = torch.tensor([backend.encode(text)])
        mask = torch.ones_like(start)
        own = adapted.generate(input_ids=start, attention_mask=mask, max_new_tokens=6, do_sample=False)[0].tolist()
        assert written.ids == own[start.shape[1] :]


@pytest.mark.parametrize("kind", WITH_TOKENS)
def test_an_adapter_with_added_tokens(base: ArmRecord, tmp_path: Path, kind: str) -> None:
    tokenizer, model = tokenizer_with(base, "<|im_start|>", "<|im_end|>"), plain(base.full_weights.folder)
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    trained = train(model, WITH_TOKENS[kind], tmp_path / "adapter")
    tokenizer.save_pretrained(tmp_path / "adapter")
    take(base, tmp_path / "adapter")
    own, loaded, record = load_arm(tmp_path / "arm", CPU)
    ids = own.encode("<|im_start|>Is the coin up<|im_end|>")
    assert ids == tokenizer.encode("<|im_start|>Is the coin up<|im_end|>")
    assert max(ids) == 676
    assert torch.equal(logits(loaded, ids), logits(trained, ids))
    assert record.tokenizer == str(tmp_path / "arm")
    assert TransformersBackend(tmp_path / "arm", "cpu", 1).trees


def test_added_tokens_without_their_tokenizer(base: ArmRecord, tmp_path: Path) -> None:
    model = plain(base.full_weights.folder)
    model.resize_token_embeddings(677, mean_resizing=False)
    train(model, lora(), tmp_path / "adapter")
    assert "embeddings of 677 tokens, and its base arm of 675" in refused(base, tmp_path / "adapter")


def base_of(folder: Path, wording: Prompts, source: ArmRecord, rows: int | None = None, **config: Any) -> ArmRecord:
    """A base arm with a model of another form, or with embeddings for more tokens than there are."""
    values = AutoConfig.from_pretrained(source.full_weights.folder)
    values.update(config)
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_config(values)
    if rows:
        model.resize_token_embeddings(rows, mean_resizing=False)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(source.full_weights.folder).save_pretrained(folder)
    (folder / "model.json").write_text(
        json.dumps({"parameters": 1, "dtype": "float32", "weights": weights_hash(folder)})
    )
    return base_arm("tiny", folder, wording)


def test_an_adapter_without_unused_rows(base: ArmRecord, tmp_path: Path, wording: Prompts) -> None:
    """Models have more embeddings than tokens, and trainers resize them to the tokens."""
    wide = base_of(tmp_path / "wide", wording, base, rows=704)
    model = plain(tmp_path / "wide")
    model.resize_token_embeddings(675, mean_resizing=False)
    trained = train(model, lora(), tmp_path / "adapter")
    take(wide, tmp_path / "adapter")
    tokenizer, loaded, record = load_arm(tmp_path / "arm", CPU)
    assert torch.equal(logits(loaded, [1, 674]), logits(trained, [1, 674]))
    assert (record.tokenizer, len(tokenizer)) == (None, 675)


def test_one_of_two_embeddings_is_not_enough(base: ArmRecord, tmp_path: Path, wording: Prompts) -> None:
    untied = base_of(tmp_path / "untied", wording, base, tie_word_embeddings=False)
    model = plain(tmp_path / "untied")
    model.resize_token_embeddings(677, mean_resizing=False)
    train(model, lora(), tmp_path / "adapter")
    tokenizer_with(base, "<a>", "<b>").save_pretrained(tmp_path / "adapter")
    take(untied, tmp_path / "adapter")
    shutil.rmtree(tmp_path / "arm")
    file = tmp_path / "adapter/adapter_model.safetensors"
    save_file({name: value for name, value in load_file(file).items() if "lm_head" not in name}, file)
    assert "embeddings of 677 tokens (model.embed_tokens), and the model has 675" in refused(
        untied, tmp_path / "adapter"
    )


@pytest.mark.parametrize(
    "form", [{"hidden_size": 32}, {"num_hidden_layers": 6}, {"num_key_value_heads": 4, "head_dim": 16}, "gpt2"]
)
def test_an_adapter_of_another_base(base: ArmRecord, tmp_path: Path, wording: Prompts, form: Any) -> None:
    if form == "gpt2":
        other = GPT2LMHeadModel(GPT2Config(n_embd=64, n_layer=2, n_head=2, vocab_size=675))
        train(other, lora(target_modules=["c_attn"]), tmp_path / "adapter")
    else:
        other_base = base_of(tmp_path / "other", wording, base, **form)
        train(plain(other_base.full_weights.folder), lora(), tmp_path / "adapter")
    assert "does not fit the model: it was trained on" in refused(base, tmp_path / "adapter")


def test_an_adapter_that_was_trained_on_a_base_of_another_name(
    base: ArmRecord, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train(plain(base.full_weights.folder), lora(), tmp_path / "adapter")
    with caplog.at_level(logging.WARNING):
        take(base, tmp_path / "adapter")
    assert "was trained on" not in caplog.text
    file = tmp_path / "adapter/adapter_config.json"
    values = json.loads(file.read_text()) | {"base_model_name_or_path": "some/Other-Instruct"}
    file.write_text(json.dumps(values))
    with caplog.at_level(logging.WARNING):
        take(base, tmp_path / "adapter")
    assert "was trained on some/Other-Instruct; its base arm here is" in caplog.text


def test_adapters_that_cannot_be_used(base: ArmRecord, tmp_path: Path) -> None:
    source = tmp_path / "adapter"
    train(plain(base.full_weights.folder), lora(), source)
    config = (source / "adapter_config.json").read_text()
    (source / "adapter_config.json").write_text(config.replace("CAUSAL_LM", "SEQ_CLS"))
    assert "for the task SEQ_CLS; only models that write text" in refused(base, source)
    (source / "adapter_config.json").write_text(config[:-9])
    assert "adapter_config.json is damaged" in refused(base, source)
    (source / "adapter_config.json").write_text(config)
    (source / "adapter_model.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid 1\n")
    assert "`git lfs pull`" in refused(base, source)


def test_checkpoints_inside_a_folder_are_named(base: ArmRecord, tmp_path: Path) -> None:
    train(plain(base.full_weights.folder), lora(), tmp_path / "out/checkpoint-8")
    assert f"name the folder {tmp_path}/out/checkpoint-8, which does" in refused(base, tmp_path / "out")


# Full weights.


@pytest.fixture
def full(base: ArmRecord, tmp_path: Path) -> Path:
    """Full weights in several files, with their tokenizer."""
    source, folder = tmp_path / "full", base.full_weights.folder
    model = plain(folder)
    with torch.no_grad():
        model.model.norm.weight.mul_(1.5)
    model.save_pretrained(source, max_shard_size="150KB")
    AutoTokenizer.from_pretrained(folder).save_pretrained(source)
    assert len(list(source.glob("*.safetensors"))) > 2
    return source


def test_full_weights(base: ArmRecord, full: Path) -> None:
    record = take(base, full)
    tokenizer, model, _ = load_arm(full.parent / "arm", CPU)
    assert torch.equal(logits(model, [1, 2, 3]), logits(plain(full), [1, 2, 3]))
    assert record.tokenizer == base.full_weights.folder
    assert tokenizer.chat_template is None


def remove(name: str) -> Callable[[Path], object]:
    return lambda folder: [file.unlink() for file in list(folder.glob(name))]


def rewrite(name: str, change: Callable[[Any], Any]) -> Callable[[Path], object]:
    def apply(folder: Path) -> None:
        values = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(change(values)))

    return apply


def shard(change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    def apply(folder: Path) -> None:
        file = sorted(folder.glob("*.safetensors"))[1]
        file.write_bytes(change(file.read_bytes()))

    return apply


def tensors(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Path], object]:
    """Change the tensors of full weights, in one file."""

    def apply(folder: Path) -> None:
        whole: dict[str, Any] = {}
        for file in folder.glob("*.safetensors"):
            whole |= load_file(file)
            file.unlink()
        (folder / weight_files.INDEX).unlink()
        save_file(change(whole), folder / "model.safetensors", {"format": "pt"})

    return apply


INDEX = weight_files.INDEX


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (remove("model-00002-of-*"), "lacks model-00002-of-"),
        (remove("model-0000[23]-of-*"), "(2 of the 5 files that model.safetensors.index.json names)"),
        (remove(INDEX), "model.safetensors or model.safetensors.index.json is needed, and model-00001-of"),
        (rewrite(INDEX, lambda _: {}), "index.json is damaged"),
        (rewrite(INDEX, lambda _: []), "index.json is damaged"),
        (
            rewrite(INDEX, lambda v: {"weight_map": v["weight_map"] | {"model.x": min(v["weight_map"].values())}}),
            "names tensors that no file holds (model.x",
        ),
        (shard(lambda data: data[:-100]), "is damaged or cut off"),
        (shard(lambda _: b""), "is damaged or cut off"),
        (shard(lambda _: b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n"), "`git lfs pull`"),
        (remove("tokenizer*"), "holds no tokenizer"),
        (lambda folder: (folder / "tokenizer.json").write_text("{}"), "the tokenizer in"),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json cannot be read"),
        (rewrite("config.json", lambda v: v | {"hidden_size": 128}), "hidden_size of their config.json is 128 and 64"),
        (rewrite("config.json", lambda v: v | {"model_type": "qwen2"}), "model_type of their config.json is qwen2"),
        *(
            (rewrite("config.json", lambda v, name=name: v | {"architectures": [name]}), f"writes none ({name}")
            for name in ("LlamaForSequenceClassification", "LlamaForTokenClassification", "Qwen2ForRewardModel")
        ),
        (rewrite("config.json", lambda v: v | {"quantization_config": {"bits": 4}}), "are quantised"),
        (tensors(lambda v: {n: t for n, t in v.items() if ".mlp.up" not in n}), "lack 4 of 38 tensors"),
        (
            tensors(lambda v: {n: t[:8].clone() if ".mlp.up" in n else t for n, t in v.items()}),
            "model.layers.0.mlp.up_proj.weight is 8 x 64 and 128 x 64",
        ),
    ],
)
def test_full_weights_that_are_not_whole_or_of_another_model(
    base: ArmRecord, full: Path, damage: Callable[[Path], object], reason: str
) -> None:
    damage(full)
    assert reason in refused(base, full)


@given(st.integers(0, 5000))
def test_a_file_of_weights_that_was_cut_anywhere_is_damaged(
    tmp_path_factory: pytest.TempPathFactory, length: int
) -> None:
    file = tmp_path_factory.getbasetemp() / "cut.safetensors"
    save_file({"a": torch.ones(8, 100), "b": torch.ones(400)}, file)
    whole = file.read_bytes()
    if length >= len(whole):
        assert weight_files.file_shapes(file) == {"a": (8, 100), "b": (400,)}
        return
    file.write_bytes(whole[:length])
    with pytest.raises(ValueError, match=r"damaged or cut off .*; copy it once more"):
        weight_files.file_shapes(file)


def test_tensors_that_are_not_found_are_no_random_ones(base: ArmRecord, full: Path) -> None:
    """Weights that were saved under other names, as of a compiled model: transformers makes up the values."""
    tensors(lambda v: {f"_orig_mod.{name}" if "layers.1" in name else name: value for name, value in v.items()})(full)
    with pytest.raises(ValueError, match=r"lacks 9 tensors of the model, among them model\.layers\.1") as raised:
        load_base(full, torch.float32, hint="restore it")
    assert "delete" not in str(raised.value)


def test_what_is_lost_after_the_import(base: ArmRecord, full: Path) -> None:
    take(base, full)
    remove("model-00002-of-*")(full)
    with pytest.raises(ValueError, match=r"have changed since they were written; restore what was changed in it"):
        load_arm(full.parent / "arm", CPU)


# Tokenizers and chat templates.


def other_vocabulary(tokenizer: Any) -> str:
    rules = json.loads(tokenizer.backend_tokenizer.to_str())
    vocab = rules["model"]["vocab"]
    one, two = list(vocab)[300:302]
    vocab[one], vocab[two] = vocab[two], vocab[one]
    return json.dumps(rules)


def fewer_tokens(tokenizer: Any) -> str:
    rules = json.loads(tokenizer.backend_tokenizer.to_str())
    last = rules["model"]["merges"].pop()
    del rules["model"]["vocab"]["".join(last)]
    return json.dumps(rules)


def other_rules(tokenizer: Any) -> str:
    rules = json.loads(tokenizer.backend_tokenizer.to_str())
    rules["normalizer"] = {"type": "Lowercase"}
    return json.dumps(rules)


@pytest.fixture(params=["adapter", "full"])
def source(request: pytest.FixtureRequest, base: ArmRecord, tmp_path: Path) -> Path:
    """Weights of either kind, with the base's tokenizer."""
    if request.param == "full":
        return request.getfixturevalue("full")
    train(plain(base.full_weights.folder), lora(), tmp_path / "adapter")
    AutoTokenizer.from_pretrained(base.full_weights.folder).save_pretrained(tmp_path / "adapter")
    return tmp_path / "adapter"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (other_vocabulary, "2 of 675 tokens have another id or none, among them"),
        (fewer_tokens, "1 of 675 tokens have another id or none, among them"),
        (other_rules, "splits texts otherwise than its base arm's"),
    ],
)
def test_another_tokenizer_is_refused(base: ArmRecord, source: Path, change: Callable[[Any], str], reason: str) -> None:
    (source / "tokenizer.json").write_text(change(AutoTokenizer.from_pretrained(source)))
    text = refused(base, source)
    assert reason in text
    assert f"put it in place of the one in {source}" in text


def padded(tokenizer: Any) -> None:
    tokenizer.backend_tokenizer.enable_padding(length=64)
    tokenizer.backend_tokenizer.enable_truncation(64)


def test_settings_of_training_are_no_other_tokenizer(base: ArmRecord, source: Path) -> None:
    """Trainers leave padding and truncation in the tokenizer; ids of chains mean the same to both arms."""
    tokenizer = AutoTokenizer.from_pretrained(source)
    padded(tokenizer)
    (source / "tokenizer.json").write_text(tokenizer.backend_tokenizer.to_str())
    assert '"length"' in (source / "tokenizer.json").read_text() or '"Fixed"' in (source / "tokenizer.json").read_text()
    take(base, source)
    hashes = {
        TransformersBackend(folder, "cpu", 1, trees=False).tokenizer_hash
        for folder in (source.parent / "arm", Path(base.full_weights.folder).parent / "arms/base")
    }
    assert len(hashes) == 1


def test_a_tokenizer_with_tokens_without_embeddings(
    base: ArmRecord, source: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tokenizer_with(base, "<|im_start|>").save_pretrained(source)
    with caplog.at_level(logging.WARNING):
        record = take(base, source)
    assert "1 tokens that its base arm lacks (<|im_start|>); it is not used, as the weights have" in caplog.text
    assert record.tokenizer in (None, base.full_weights.folder)


@pytest.mark.parametrize("form", ["jinja", "json", "alone"])
def test_an_own_chat_template(base: ArmRecord, source: Path, form: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is said, and used only where the configuration says so: arms are to differ in their weights."""
    if form == "alone":
        if (source / "config.json").exists():
            pytest.skip("full weights have a tokenizer")
        remove("tokenizer*")(source)
    if form == "json":
        rewrite("tokenizer_config.json", lambda values: values | {"chat_template": CHATML})(source)
    else:
        (source / "chat_template.jinja").write_text(CHATML)
    with caplog.at_level(logging.WARNING):
        as_base = take(base, source)
    assert "another chat template than its base arm: all arms are prompted with the base arm's" in caplog.text
    assert "`chat_template: own`" in caplog.text
    tokenizer, model, _ = load_arm(source.parent / "arm", CPU)
    assert tokenizer.chat_template is None
    before = logits(model, [1, 2, 3])
    own = take(base, source, chat_template="own")
    tokenizer, model, _ = load_arm(source.parent / "arm", CPU)
    assert tokenizer.chat_template == CHATML
    assert torch.equal(logits(model, [1, 2, 3]), before)
    assert own.weights_hash != as_base.weights_hash
    assert own.tokenizer == str(source.parent / "arm")


def test_an_own_chat_template_that_is_not_there(base: ArmRecord, source: Path) -> None:
    assert "leave the setting out" in refused(base, source, chat_template="own")


def test_the_same_chat_template_is_no_news(
    base: ArmRecord, tmp_path: Path, wording: Prompts, caplog: pytest.LogCaptureFixture
) -> None:
    chat = base_of(tmp_path / "chat", wording, base)
    (tmp_path / "chat/chat_template.jinja").write_text(CHATML)
    train(plain(tmp_path / "chat"), lora(), tmp_path / "adapter")
    AutoTokenizer.from_pretrained(tmp_path / "chat").save_pretrained(tmp_path / "adapter")
    take(chat, tmp_path / "adapter")
    assert "chat template" not in caplog.text


def test_the_end_of_an_own_tokenizer_ends_what_an_arm_writes(base: ArmRecord, source: Path) -> None:
    """Trainers set another token of the vocabulary as the end of a turn."""
    tokenizer = AutoTokenizer.from_pretrained(source)
    word = tokenizer.convert_ids_to_tokens(600)
    rewrite("tokenizer_config.json", lambda values: values | {"eos_token": word})(source)
    record = take(base, source)
    assert record.stops == [600]
    assert 600 in TransformersBackend(source.parent / "arm", "cpu", 1, trees=False).stops
    assert 600 not in TransformersBackend(Path(base.full_weights.folder).parent / "arms/base", "cpu", 1).stops
