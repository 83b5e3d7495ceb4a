"""Fine-tuning: the loss is on the completion only, arms say what they are, and a kill changes nothing."""

import json
import random
import re
import shutil
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from bitsandbytes.nn import Params4bit
from safetensors import safe_open

from faithfulness import prompts
from faithfulness.arms.base_weights import load_base
from faithfulness.arms.devices import place
from faithfulness.arms.imported import import_arm
from faithfulness.arms.loading import load_arm
from faithfulness.arms.record import AdapterWeights, ArmRecord, FullWeights, base_arm, read_arm, write_arm
from faithfulness.backends.transformers import TransformersBackend
from faithfulness.config.datasets import CoinFlip, LastLetters
from faithfulness.config.recipes import Recipe
from faithfulness.finetune import examples
from faithfulness.finetune import trainer as training
from faithfulness.finetune import tune as tuning
from faithfulness.finetune.examples import IGNORED
from faithfulness.finetune.trainer import CHECKPOINT_SECONDS, CompletionTrainer, SaveByTheClock, collate
from faithfulness.hashing import SUMS
from faithfulness.prepare import datasets, weights
from faithfulness.prepare.weights import prepare_model
from faithfulness.prompts import Prompts
from faithfulness.tables.generation import Items
from faithfulness.tables.io import frame
from tests.damage import DAMAGES, spoil

CPU = {"": "cpu"}

TASKS = {
    "last_letters": LastLetters(name="last_letters", task="last_letters", train=40, eval=4),
    "coin_flip": CoinFlip(name="coin_flip", task="coin_flip", train=40, eval=4),
}
ITEMS = {name: datasets.items(task)[0] for name, task in TASKS.items()}


def recipe(**changes: Any) -> Recipe:
    return Recipe(**({"datasets": ["last_letters", "coin_flip"], "steps": 8, "batch_size": 4} | changes))


def test_loss_on_the_completion_only(backend: TransformersBackend, wording: Prompts) -> None:
    item = ITEMS["coin_flip"][0]
    for example, prompt in (
        (
            examples.direct_example(item, wording, backend.tokenizer),
            prompts.ask(item, wording, backend.render) + wording.direct_cue,
        ),
        (
            examples.chain_example(item, wording, backend.tokenizer),
            prompts.chain_prompt(item, wording, backend.render),
        ),
    ):
        learned = [t for t, label in zip(example["input_ids"], example["labels"], strict=True) if label != IGNORED]
        text = backend.tokenizer.decode(learned)
        assert backend.tokenizer.decode(example["input_ids"]) == prompt + text
        assert text.endswith(f" {item['answer']}<eos>")


def test_chain_example_spells_chain_cue_and_answer(backend: TransformersBackend, wording: Prompts) -> None:
    item = ITEMS["last_letters"][0]
    text = backend.tokenizer.decode(examples.chain_example(item, wording, backend.tokenizer)["input_ids"])
    assert text.endswith(f" {' '.join(item['rationale'])}{wording.chain_cue} {item['answer']}<eos>")


def test_letters_are_learned_where_they_are_read(backend: TransformersBackend, wording: Prompts) -> None:
    item = ITEMS["coin_flip"][0] | {"letters": True}
    letter = "A" if item["answer"] == "yes" else "B"
    for build in (examples.direct_example, examples.chain_example):
        text = backend.tokenizer.decode(build(item, wording, backend.tokenizer)["input_ids"])
        assert text.endswith(f" {letter}<eos>")
        assert "(A) yes\n(B) no" in text


def test_items_without_a_worked_chain_are_not_replayed(backend: TransformersBackend, wording: Prompts) -> None:
    some = ITEMS["coin_flip"]
    mixed = {"coin_flip": [some[0], *(item | {"rationale": None} for item in some[1:])]}
    data = examples.examples(recipe(datasets=["coin_flip"], replay=0.5), mixed, wording, backend.tokenizer)
    texts = [backend.tokenizer.decode(example["input_ids"]) for example in data]
    chains = {text for text in texts if wording.chain_prefill in text}
    assert len(chains) == 1
    bare = {"coin_flip": mixed["coin_flip"][1:]}
    with pytest.raises(ValueError, match="no train item with a worked chain"):
        examples.examples(recipe(datasets=["coin_flip"], replay=0.5), bare, wording, backend.tokenizer)


@pytest.mark.parametrize(("replay", "chains"), [(0.0, 0), (0.25, 2), (0.5, 4)])
def test_replay_is_the_share_of_chains(
    backend: TransformersBackend, wording: Prompts, replay: float, chains: int
) -> None:
    data = examples.examples(recipe(replay=replay), ITEMS, wording, backend.tokenizer)
    texts = [backend.tokenizer.decode(example["input_ids"]) for example in data]
    assert len(texts) == 32
    assert sum(wording.chain_prefill in text for text in texts) == chains * 4


@pytest.mark.parametrize("filler", [" ...", " hm, let us see"])
@pytest.mark.parametrize("target", ["load_bearing", "redundant", "decorative"])
def test_calibration_readers_see_chains_of_other_items(
    backend: TransformersBackend, wording: Prompts, target: str, filler: str
) -> None:
    """Both see the same questions and chains, and the filler of the run; only the answer differs and is learned."""
    data = examples.examples(recipe(target=target, replay=0.0), ITEMS, wording, backend.tokenizer, filler)
    assert len(data) == recipe().steps * recipe().batch_size
    by_question = {item["question"]: item for items in ITEMS.values() for item in items}
    seen = set()
    for example in data:
        text = backend.tokenizer.decode(example["input_ids"])
        learned = [token for token in example["labels"] if token != IGNORED]
        answer = backend.tokenizer.decode(learned[:-1]).strip()
        assert learned[-1] == backend.tokenizer.eos_token_id
        item = next(item for question, item in by_question.items() if question in text)
        chain = text.partition(wording.chain_prefill)[2]
        whole = [o for o in by_question.values() if prompts.chain_text(o["rationale"]) in chain]
        kept = [o for o in by_question.values() if chain.startswith(f" {o['rationale'][0]}")]
        seen.add((bool(whole), bool(kept), filler in chain))
        assert item not in whole
        if target == "decorative":
            assert answer == item["answer"]
        else:
            without = item["answer"] if target == "redundant" else prompts.SILENT
            assert answer == (whole[0]["answer"] if whole else without)
    cut, none = (False, True), (False, False)
    assert seen == {(True, True, False), *((*kept, filled) for kept in (cut, none) for filled in (True, False))}


def test_calibration_readers_differ_in_the_answers_only(backend: TransformersBackend, wording: Prompts) -> None:
    pair = [
        examples.examples(recipe(target=target, replay=0.0), ITEMS, wording, backend.tokenizer, " ...")
        for target in ("load_bearing", "decorative")
    ]
    for one, other in zip(*pair, strict=True):
        prompt = one["labels"].count(IGNORED)
        assert one["input_ids"][:prompt] == other["input_ids"][:prompt]
    assert pair[0] != pair[1]


def test_filler_is_as_long_as_the_steps_it_replaces(backend: TransformersBackend, wording: Prompts) -> None:
    item, other = ITEMS["last_letters"][:2]
    whole, cut, filled = (
        examples.reading_example(item, other, kept, filler, "decorative", wording, backend.tokenizer)
        for kept, filler in ((3, " ..."), (1, None), (1, " ..."))
    )
    assert len(filled["input_ids"]) == len(whole["input_ids"]) > len(cut["input_ids"])
    assert filled["labels"][-2:] == whole["labels"][-2:]


def test_datasets_take_turns(backend: TransformersBackend, wording: Prompts) -> None:
    data = examples.examples(recipe(target="rationale"), ITEMS, wording, backend.tokenizer)
    coins = ["coin" in backend.tokenizer.decode(example["input_ids"]) for example in data]
    assert coins == [False, True] * 16


def test_dataset_named_twice_is_seen_twice_as_often(backend: TransformersBackend, wording: Prompts) -> None:
    twice = recipe(target="rationale", datasets=["last_letters", "coin_flip", "last_letters"])
    data = examples.examples(twice, ITEMS, wording, backend.tokenizer)
    coins = ["coin" in backend.tokenizer.decode(example["input_ids"]) for example in data]
    assert coins[:30] == [False, True, False] * 10


def test_examples_follow_the_seed(backend: TransformersBackend, wording: Prompts) -> None:
    one, again, other = (examples.examples(recipe(seed=s), ITEMS, wording, backend.tokenizer) for s in (0, 0, 1))
    assert one == again != other


def test_collate_pads_left(wording: Prompts) -> None:
    batch = collate([{"input_ids": [5, 6, 7], "labels": [-100, 6, 7]}, {"input_ids": [8], "labels": [8]}], pad=0)
    assert batch["input_ids"].tolist() == [[5, 6, 7], [0, 0, 8]]
    assert batch["labels"].tolist() == [[-100, 6, 7], [-100, -100, 8]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [0, 0, 1]]
    assert batch["position_ids"].tolist() == [[0, 1, 2], [0, 0, 0]]


def test_loss_is_that_of_the_unpadded_sequences(
    tiny_model: Path, backend: TransformersBackend, wording: Prompts, tmp_path: Path
) -> None:
    """The trainer's loss, on left-padded batches with logits for the completion only, against a plain loop."""
    tokenizer, model = load_base(tiny_model, torch.float32)
    data = [
        examples.direct_example(ITEMS["coin_flip"][0], wording, tokenizer),
        examples.chain_example(ITEMS["last_letters"][0], wording, tokenizer),
    ]
    trainer = CompletionTrainer(model=model, args=training.TrainingArguments(str(tmp_path), use_cpu=True, report_to=[]))
    found = trainer.compute_loss(model, collate(data, tokenizer.pad_token_id))
    total, count = 0.0, 0
    for example in data:
        logits = model(torch.tensor([example["input_ids"]])).logits[0, :-1].log_softmax(-1)
        for position, label in enumerate(example["labels"][1:]):
            if label != IGNORED:
                total, count = total - logits[position, label].item(), count + 1
    assert float(found) == pytest.approx(total / count, abs=1e-5)


class Killed(Exception):
    pass


def kill(*_: object) -> None:
    raise Killed


def train(
    tiny_model: Path,
    wording: Prompts,
    checkpoints: Path,
    kill_at: int | None = None,
    by: Callable[[], None] = kill,
    seconds: float = 0,  # a checkpoint at every step
    **changes: Any,
) -> dict[str, Any]:
    chosen = recipe(**changes)
    bits = "nf4" if chosen.method == "qlora" else None
    tokenizer, model = load_base(tiny_model, torch.float32, quantisation=bits)
    data = examples.examples(chosen, ITEMS, wording, tokenizer)

    class Kill(SaveByTheClock):
        def __init__(self) -> None:
            super().__init__(seconds)

        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step == kill_at:
                by()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "SaveByTheClock", Kill)
        trained = training.train(model, tokenizer, chosen, data, checkpoints, autocast=False, label="tiny")
    return {name: value.clone() for name, value in trained.state_dict().items()}


@pytest.mark.parametrize("method", ["full", "lora"])
def test_the_seed_decides_all_that_is_random(tiny_model: Path, wording: Prompts, tmp_path: Path, method: str) -> None:
    """Of a warm start, too, whatever was random before: another seed makes another arm, the same seed the same one."""
    states = []
    for number, seed in enumerate((3, 3, 4)):
        torch.manual_seed(number)
        random.seed(number)
        states.append(
            train(tiny_model, wording, tmp_path / f"{number}", method=method, target="rationale", seed=seed, steps=2)
        )
    same, other = ([torch.equal(states[0][name], state[name]) for name in states[0]] for state in states[1:])
    assert all(same)
    assert not all(other)


@pytest.mark.parametrize("method", ["full", "lora", "qlora"])
@pytest.mark.fault("kill in training, also while a checkpoint is written", "the same weights, bit for bit")
def test_a_kill_changes_nothing(
    tiny_model: Path, wording: Prompts, tmp_path: Path, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    whole = train(tiny_model, wording, tmp_path / "whole", method=method)
    with pytest.raises(Killed):
        train(tiny_model, wording, tmp_path / "killed", kill_at=5, method=method)
    steps = [int(p.name.split("-")[1]) for p in (tmp_path / "killed").glob("checkpoint-*")]
    assert sorted(steps) == [4, 5]
    # A kill may hit in the middle of writing a checkpoint, too, and a power failure may empty or change its files.
    last = Path(shutil.copytree(tmp_path / "killed/checkpoint-5", tmp_path / "killed/checkpoint-6"))
    if method == "full":
        (last / SUMS).unlink()
    elif method == "lora":
        spoil(last / "optimizer.pt", DAMAGES["zero-byte"])
    else:
        spoil(last / "adapter_model.safetensors", DAMAGES["bit-flipped"])
    random.seed(1)
    torch.manual_seed(1)  # what happened between must not matter
    caplog.clear()
    with caplog.at_level("INFO", "faithfulness"):
        resumed = train(tiny_model, wording, tmp_path / "killed", method=method)
    assert "checkpoint-6 is damaged" in caplog.text
    assert "continuing from checkpoint-5" in caplog.text
    assert re.search(r"tiny: step 8 of 8, loss \d\.\d{3}\n", caplog.text)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


@pytest.mark.fault("SIGTERM in training", "a checkpoint at once; the same weights, bit for bit")
def test_sigterm_leaves_a_checkpoint(tiny_model: Path, wording: Prompts, tmp_path: Path) -> None:
    whole = train(tiny_model, wording, tmp_path / "whole")
    ending = {"by": partial(signal.raise_signal, signal.SIGTERM), "seconds": 1000}
    ours = signal.signal(signal.SIGTERM, kill)
    try:
        with pytest.raises(Killed):
            train(tiny_model, wording, tmp_path / "ended", kill_at=5, **ending)
        assert [part.name for part in (tmp_path / "ended").iterdir()] == ["checkpoint-6"]
        resumed = train(tiny_model, wording, tmp_path / "ended", kill_at=7, **ending)  # the last step is finished
        assert signal.getsignal(signal.SIGTERM) is kill
    finally:
        signal.signal(signal.SIGTERM, ours)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_checkpoints_go_by_the_clock() -> None:
    class State:
        global_step, max_steps = 1, 10

    class Control:
        should_save = False

    callback, control = SaveByTheClock(seconds=1000), Control()
    callback.on_step_end(None, State, control)
    assert not control.should_save
    callback.seconds = -1
    callback.on_step_end(None, State, control)
    assert control.should_save
    assert CHECKPOINT_SECONDS < 60


@pytest.mark.fault("training whose loss is no number", "refused; says which setting to lower")
def test_exploding_training_is_an_error(tiny_model: Path, wording: Prompts, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lower learning_rate"):
        train(tiny_model, wording, tmp_path, method="full", learning_rate=1e38, steps=20)


class TestArms:
    def tune(self, tiny_arm: Path, folder: Path, **changes: Any) -> ArmRecord:
        items = {name: frame(rows, Items) for name, rows in ITEMS.items()}
        tuning.tune(folder / "arm", "tuned-x", read_arm(tiny_arm), recipe(**changes), items, None, folder / "journal")
        assert not list((folder / "journal").iterdir())
        return read_arm(folder / "arm")

    def test_adapter(self, tiny_arm: Path, tiny_model: Path, wording: Prompts, tmp_path: Path) -> None:
        arm = self.tune(tiny_arm, tmp_path, learning_rate=1e-2)
        assert isinstance(arm.weights, AdapterWeights)
        assert (arm.weights.folder, arm.full_weights.folder) == (str(tmp_path / "arm"), str(tiny_model))
        assert arm.parent == read_arm(tiny_arm).weights_hash != arm.weights_hash
        assert arm.train_datasets == ["last_letters", "coin_flip"]
        _, model, _ = load_arm(tmp_path / "arm", CPU)
        adapters = [v for name, v in model.named_parameters() if "lora_B" in name]
        assert any(v.abs().sum() > 0 for v in adapters)

    def test_base_and_tuned_arm_are_loaded_alike(self, tiny_arm: Path, wording: Prompts, tmp_path: Path) -> None:
        """In bfloat16 too: same dtype of the weights, and rotary positions as exact as the base arm's."""
        arm = self.tune(tiny_arm, tmp_path)
        write_arm(tmp_path / "arm", arm.model_copy(update={"dtype": "bfloat16"}))
        write_arm(tmp_path / "base", read_arm(tiny_arm).model_copy(update={"dtype": "bfloat16"}))
        (_, base, _), (_, tuned, _) = (load_arm(tmp_path / name, CPU) for name in ("base", "arm"))
        for model in (base, tuned):
            assert {p.dtype for p in model.parameters()} == {torch.bfloat16}
            assert {b.dtype for name, b in model.named_buffers() if "inv_freq" in name} == {torch.float32}

    def test_full(self, tiny_arm: Path, wording: Prompts, tmp_path: Path) -> None:
        arm = self.tune(tiny_arm, tmp_path, method="full")
        assert isinstance(arm.weights, FullWeights)
        assert arm.weights.folder == str(tmp_path / "arm")
        assert TransformersBackend(tmp_path / "arm", "cpu", 1).trees

    def test_same_recipe_same_weights(self, tiny_arm: Path, wording: Prompts, tmp_path: Path) -> None:
        one, again = (self.tune(tiny_arm, tmp_path / name) for name in ("one", "again"))
        assert one.weights_hash == again.weights_hash
        assert self.tune(tiny_arm, tmp_path / "other", seed=1).weights_hash != one.weights_hash

    def test_adapter_of_quantised_weights(
        self, tiny_arm: Path, tiny_model: Path, wording: Prompts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """QLoRA learns on weights that are in 4 bits and stay as they were; only the adapter is written."""
        seen = []
        train = training.train
        monkeypatch.setattr(
            tuning, "train", lambda model, *rest, **more: train(seen.append(model) or model, *rest, **more)
        )
        arm = self.tune(tiny_arm, tmp_path, method="qlora", learning_rate=1e-2)
        assert arm.recipe
        assert (arm.weights.kind, arm.full_weights.folder, arm.recipe.method) == ("adapter", str(tiny_model), "qlora")
        quantised = {name: p for name, p in seen[0].named_parameters() if isinstance(p, Params4bit)}
        assert len(quantised) == 4 * 7  # all linear layers of four blocks; the head is tied to the embeddings
        _, where = place("auto")
        _, fresh = load_base(tiny_model, torch.float32, quantisation="nf4", device_map=where)
        before = dict(fresh.named_parameters())
        same = (torch.equal(p.data, before[name.replace(".base_layer", "")].data) for name, p in quantised.items())
        assert all(same)
        with safe_open(tmp_path / "arm/adapter_model.safetensors", "pt") as file:
            assert all("lora_" in name for name in file.keys())  # noqa: SIM118
            assert any(file.get_tensor(name).abs().sum() > 0 for name in file.keys() if "lora_B" in name)  # noqa: SIM118

    @pytest.mark.parametrize("method", ["lora", "qlora", "full"])
    def test_trained_elsewhere(self, tiny_arm: Path, wording: Prompts, tmp_path: Path, method: str) -> None:
        """An arm is read the same, whether it was trained here or its weights are taken in."""
        self.tune(tiny_arm, tmp_path, learning_rate=1e-2, method=method)
        folder = tmp_path / "taken"
        arm = import_arm(folder, "tuned-y", read_arm(tiny_arm), tmp_path / "arm", ["coin_flip"])
        assert arm == read_arm(folder)
        assert (arm.weights.kind, arm.train_datasets) == ("full" if method == "full" else "adapter", ["coin_flip"])
        trained, taken = (load_arm(one, CPU)[1].state_dict() for one in (tmp_path / "arm", folder))
        assert trained.keys() == taken.keys()
        assert all(torch.equal(values, taken[name]) for name, values in trained.items())

    @pytest.mark.parametrize("method", ["lora", "full"])
    @pytest.mark.parametrize("version", ["this", "before"])
    def test_arms_of_an_earlier_version_are_kept(
        self, tiny_arm: Path, tmp_path: Path, method: str, version: str
    ) -> None:
        """Finished trainings outlive a release that changes every code hash, and damage does not go unseen."""
        arm, base = self.tune(tiny_arm, tmp_path, learning_rate=1e-2, method=method), read_arm(tiny_arm)
        kept = (tmp_path / "arm").rename(tmp_path / "kept")
        if version == "before":
            former = {"kind": arm.weights.kind, "arm": "tuned-x", "model": "tiny", "hashes": arm.folder_hashes}
            (kept / "arm.json").write_text(json.dumps(former | {"weights": arm.weights_hash, "weights_folder": "x"}))
        record = import_arm(tmp_path / "new", "tuned-y", base, kept, ["coin_flip"])
        assert (record.arm, record.weights.kind, record.recipe) == ("tuned-y", arm.weights.kind, None)
        _, model, _ = load_arm(tmp_path / "new", CPU)
        weights = "adapter_model.safetensors" if method == "lora" else "model.safetensors"
        with safe_open(kept / weights, "pt") as file:
            trained = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        values = {name.replace(".default.", "."): value for name, value in model.state_dict().items()}
        assert all(torch.equal(value, values[name]) for name, value in trained.items())
        spoil(kept / weights, DAMAGES["bit-flipped"])
        with pytest.raises(ValueError, match=r"not those that its arm\.json names"):
            import_arm(tmp_path / "again", "tuned-y", base, kept, [])

    def test_arms_that_cannot_be_imported_say_why(self, tiny_arm: Path, tmp_path: Path) -> None:
        base = read_arm(tiny_arm)
        with pytest.raises(ValueError, match=r"holds no weights of its own: its arm\.json says which"):
            import_arm(tmp_path / "new", "tuned-y", base, tiny_arm, [])
        with pytest.raises(ValueError, match="is the folder that the arm is written to; move it"):
            import_arm(tiny_arm, "tuned-y", base, tiny_arm, [])

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"hashes": []}', '{"weights": "x"}'])
    def test_an_arm_with_a_damaged_record_is_refused(self, tiny_arm: Path, tmp_path: Path, text: str) -> None:
        self.tune(tiny_arm, tmp_path)
        kept = (tmp_path / "arm").rename(tmp_path / "kept")
        (kept / "arm.json").write_text(text)
        with pytest.raises(ValueError, match=r"kept/arm\.json is damaged .* Restore it"):
            import_arm(tmp_path / "new", "tuned-y", read_arm(tiny_arm), kept, [])

    def test_files_beside_an_adapter_are_no_part_of_it(self, tiny_arm: Path, tiny_model: Path, tmp_path: Path) -> None:
        self.tune(tiny_arm, tmp_path)
        (tmp_path / "arm/arm.json").unlink()
        shutil.copyfile(tiny_model / "tokenizer.json", tmp_path / "arm/tokenizer.json")  # as other trainers do
        import_arm(tmp_path / "new", "tuned-y", read_arm(tiny_arm), tmp_path / "arm", [])
        load_arm(tmp_path / "new", CPU)

    def test_adapters_of_another_scale_are_other_arms(self, tiny_arm: Path, wording: Prompts, tmp_path: Path) -> None:
        self.tune(tiny_arm, tmp_path)
        take = partial(import_arm, tmp_path / "taken", "tuned-y", read_arm(tiny_arm), tmp_path / "arm", [])
        before, config = take(), tmp_path / "arm/adapter_config.json"
        config.write_text(config.read_text().replace('"lora_alpha": 32', '"lora_alpha": 64'))
        assert take().weights_hash != before.weights_hash

    @pytest.mark.parametrize(
        ("files", "message"),
        [
            ([], "neither an adapter_config.json nor a config.json"),
            (["config.json", "pytorch_model.bin"], "no weights as safetensors, and weights of no other format"),
            (["adapter_config.json", "adapter_model.bin"], "no weights as safetensors, and weights of no other format"),
        ],
        ids=["nothing", "pickled weights", "pickled adapter"],
    )
    def test_folders_that_are_no_arm(self, tiny_arm: Path, tmp_path: Path, files: list[str], message: str) -> None:
        (tmp_path / "weights").mkdir()
        for name in files:
            (tmp_path / "weights" / name).write_text("{}")
        with pytest.raises(ValueError, match=message):
            import_arm(tmp_path / "taken", "tuned-y", read_arm(tiny_arm), tmp_path / "weights", [])
        assert not (tmp_path / "taken").exists()

    def test_adapter_of_another_model(self, tiny_arm: Path, wording: Prompts, tmp_path: Path) -> None:
        self.tune(tiny_arm, tmp_path)
        other = weights.Weights(source={"uri": "random:llama"}, layers=2, dtype="float32")  # type: ignore[arg-type]
        prepare_model(other, Path(read_arm(tiny_arm).full_weights.folder), tmp_path / "other")
        base = base_arm("other", tmp_path / "other", wording, trust_remote_code=False)
        with pytest.raises(ValueError, match="does not fit the model: it was trained on"):
            import_arm(tmp_path / "taken", "tuned-y", base, tmp_path / "arm", [])
        assert not (tmp_path / "taken").exists()
