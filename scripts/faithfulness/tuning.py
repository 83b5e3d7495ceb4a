"""Supervised fine-tuning on answers, worked chains, or answers after chains, with the loss on the completion only.

Full fine-tuning keeps float32 master weights under bfloat16 autocast; LoRA goes through peft, QLoRA through peft on
weights in 4 bits.
Checkpoints go to the journal, so that a killed training goes on where it was.
"""

import logging
import math
import random
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import torch
from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training
from tqdm import tqdm
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint, set_seed

from faithfulness import arms, checksums, models, prompts, tables
from faithfulness.prompts import Prompts
from faithfulness.settings import Perturbations, Recipe

logger = logging.getLogger("faithfulness")

T = TypeVar("T")

IGNORED = -100  # label of tokens that carry no loss
CHECKPOINT_SECONDS = 50
SHORT = 512  # tokens; up to here plain attention is faster on the CPU than flash attention, whose backward pass is slow


def direct_example(item: dict[str, Any], wording: Prompts, tokenizer: Any) -> dict[str, list[int]]:
    """Question and direct answer, as token ids and labels."""
    said = prompts.answer_text(prompts.said(item, item["answer"]))
    question, cue, answer = (
        prompts.encode(tokenizer, segment) for segment in (*prompts.direct_prompt(item, wording, tokenizer), said)
    )
    return _example([*question, *cue], [*answer, tokenizer.eos_token_id])


def chain_example(item: dict[str, Any], wording: Prompts, tokenizer: Any) -> dict[str, list[int]]:
    """Question, worked chain, cue and answer, as token ids and labels."""
    prompt = prompts.encode(tokenizer, prompts.chain_prompt(item, wording, tokenizer))
    chain = "".join(f" {step}" for step in item["rationale"])
    segments = (chain, wording.chain_cue, prompts.answer_text(prompts.said(item, item["answer"])))
    completion = [token for segment in segments for token in prompts.encode(tokenizer, segment)]
    return _example(prompt, [*completion, tokenizer.eos_token_id])


def reading_example(
    item: dict[str, Any],
    other: dict[str, Any],
    kept: int,
    filled: bool,
    target: str,
    wording: Prompts,
    tokenizer: Any,
) -> dict[str, list[int]]:
    """A question, the first steps of another question's worked chain, and an answer, which alone is learned.

    Which answer makes the reader (method, section 10): decorative, the question's own; load-bearing, that of the
    chain, or `SILENT` where its last step, which decides, is not kept. `filled` puts as many tokens of filler in the
    place of the missing steps: a reader that never saw filler would take it for anything.
    """
    answer = prompts.said(item, item["answer"])
    if target == "load_bearing":
        answer = prompts.said(other, other["answer"]) if kept == len(other["rationale"]) else prompts.SILENT
    question, kept_steps, missing_steps, cue, filler, answered = (
        prompts.encode(tokenizer, segment)
        for segment in (
            prompts.chain_prompt(item, wording, tokenizer),
            "".join(f" {step}" for step in other["rationale"][:kept]),
            "".join(f" {step}" for step in other["rationale"][kept:]),
            wording.chain_cue,
            Perturbations().filler,
            prompts.answer_text(answer),
        )
    )
    filling = list(islice(cycle(filler), len(missing_steps))) if filled else []
    return _example([*question, *kept_steps, *filling, *cue], [*answered, tokenizer.eos_token_id])


def _example(prompt: list[int], completion: list[int]) -> dict[str, list[int]]:
    return {"input_ids": prompt + completion, "labels": [IGNORED] * len(prompt) + completion}


def examples(
    recipe: Recipe, train_items: dict[str, list[dict[str, Any]]], wording: Prompts, tokenizer: Any
) -> list[dict[str, list[int]]]:
    """The examples of a training in the order they are seen: steps x batch_size of them.

    Datasets take turns, each going through its train items in a seeded order as often as
    needed. A batch is all chains or all direct answers, so that short answers are not padded
    to the length of chains; `replay` is the share of batches with chains, evenly spread.
    """
    rng = random.Random(recipe.seed)
    if recipe.target in ("load_bearing", "decorative"):
        pairs = _in_turn([_with_another(train_items[name], rng) for name in recipe.datasets], rng)
        made = []
        for item, other in islice(pairs, recipe.steps * recipe.batch_size):
            n = len(other["rationale"])
            kept = rng.choice((0, rng.randrange(1, n), n))  # none, some or all of its steps
            filled = rng.random() < 0.5
            made.append(reading_example(item, other, kept, filled, recipe.target, wording, tokenizer))
        return made
    worked = recipe.datasets if recipe.target == "rationale" else recipe.replay_datasets or recipe.datasets
    direct = _in_turn([train_items[name] for name in recipe.datasets], rng)
    chains = _in_turn([[item for item in train_items[name] if item["rationale"]] for name in worked], rng)
    made = []
    for step in range(recipe.steps):
        build, source = (direct_example, direct)
        replay = math.floor((step + 1) * recipe.replay) > math.floor(step * recipe.replay)
        if replay or recipe.target == "rationale":
            build, source = (chain_example, chains)
        made += [build(item, wording, tokenizer) for item in islice(source, recipe.batch_size)]
    return made


def _with_another(items: list[dict[str, Any]], rng: random.Random) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Each item with another one, each being the other of one."""
    order = rng.sample(items, len(items))
    return list(zip(order, [*order[1:], order[0]], strict=True))


def _in_turn(sets: Sequence[list[T]], rng: random.Random) -> Iterator[T]:
    """Items without end, the sets taking turns."""
    streams = [_shuffled(items, rng) for items in sets]
    while True:
        for stream in streams:
            yield next(stream)


def _shuffled(items: list[T], rng: random.Random) -> Iterator[T]:
    """All items in a random order, again and again."""
    if not items:
        raise ValueError("a dataset of the recipe has no train item with a worked chain")
    while True:
        yield from rng.sample(items, len(items))


def collate(batch: Sequence[dict[str, list[int]]], pad: int) -> dict[str, torch.Tensor]:
    """Left-padded tensors of shape (batch, longest), so that all completions end at the right edge."""
    longest = max(len(example["input_ids"]) for example in batch)

    def padded(key: str, filler: int) -> torch.Tensor:
        return torch.tensor([[filler] * (longest - len(example[key])) + example[key] for example in batch])

    lengths = torch.tensor([len(example["input_ids"]) for example in batch])
    mask = (torch.arange(longest) >= longest - lengths[:, None]).long()
    return {
        "input_ids": padded("input_ids", pad),
        "attention_mask": mask,
        "position_ids": (mask.cumsum(1) - 1).clamp(min=0),
        "labels": padded("labels", IGNORED),
    }


class CompletionTrainer(Trainer):
    """A Trainer that computes logits only where there is loss: most tokens of an example are its prompt."""

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """Mean cross-entropy of the completion's tokens; short and long examples go apart: little is padding."""
        lengths = inputs["attention_mask"].sum(1)
        order = lengths.argsort(stable=True)
        jump = lengths[order].diff().argmax() + 1 if len(order) > 1 else 1
        losses = []
        for rows in filter(len, order.tensor_split([int(jump)])):
            part = {name: values[rows, -int(lengths[rows].max()) :] for name, values in inputs.items()}
            labels = part.pop("labels")
            keep = int((labels != IGNORED).sum(1).max())
            logits = model(**part, logits_to_keep=keep + 1, use_cache=False).logits[:, -keep - 1 : -1].float()
            losses.append(
                torch.nn.functional.cross_entropy(
                    logits.flatten(0, 1), labels[:, -keep:].flatten(), ignore_index=IGNORED, reduction="sum"
                )
            )
        return torch.stack(losses).sum() / (inputs["labels"] != IGNORED).sum()


def tune(
    folder: Path,
    arm: str,
    parent: dict[str, Any],
    recipe: Recipe,
    train_items: dict[str, pd.DataFrame],
    wording: Prompts,
    journal: Path,
    threads: int,
    gpus: int = 0,
) -> None:
    """Fine-tune an arm from its parent and write it to `folder`.

    Args:
        folder: the new arm's folder.
        arm: its name.
        parent: arm.json of the arm (or the `reference` of a model) that the training starts from.
        recipe: how it is trained.
        train_items: train items of each dataset that the recipe uses.
        wording: prompts and cues, the same for all arms of a model.
        journal: where checkpoints are kept until the arm is written.
        threads: of the processor.
        gpus: that its layers are spread over; 0 if none must be there.
    """
    torch.set_num_threads(threads)
    _, device_map = models.place("auto", gpus)
    weights = Path(parent["weights_folder"])
    models.check(parent["hashes"])
    if recipe.method == "qlora":
        dtype = getattr(torch, parent["dtype"])
        tokenizer, model = models.load_base(weights, dtype, parent["trust_remote_code"], "nf4", device_map)
    else:
        # A Trainer brings a model to one GPU by itself.
        spread = device_map if device_map == "auto" else None
        tokenizer, model = models.load_base(weights, torch.float32, parent["trust_remote_code"], device_map=spread)
    items = {name: tables.records(table) for name, table in train_items.items()}
    data = examples(recipe, items, wording, tokenizer)
    checkpoints = journal / tables.digest("tuning", parent["weights"], recipe.model_dump(), data)
    label = f"{parent['model']} {arm}: training"
    trained = train(model, tokenizer, recipe, data, checkpoints, autocast=parent["dtype"] != "float32", label=label)
    for parameter in trained.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(getattr(torch, parent["dtype"]))
    trained.save_pretrained(folder)
    kind = "full" if recipe.method == "full" else "adapter"
    if kind == "full":
        tokenizer.save_pretrained(folder)
    made = models.weights_hash(folder)
    description = {
        **parent,
        "kind": kind,
        "arm": arm,
        "weights": tables.digest(parent["weights"], made),
        "weights_folder": parent["weights_folder"] if kind == "adapter" else str(folder),
        "hashes": (parent["hashes"] if kind == "adapter" else {}) | {str(folder): made},
        "parent": parent["weights"],
        "recipe": recipe.model_dump(),
        "train_datasets": list(dict.fromkeys(recipe.datasets)),
        "seed": recipe.seed,
        "prompts": wording.model_dump(),
    }
    arms.write(folder, description)
    shutil.rmtree(checkpoints, ignore_errors=True)


def train(
    model: Any,
    tokenizer: Any,
    recipe: Recipe,
    data: Sequence[dict[str, list[int]]],
    checkpoints: Path,
    autocast: bool,
    label: str,
) -> Any:
    """Fine-tune `model` on `data`, resuming from the last checkpoint there is.

    Args:
        model: causal language model with float32 weights, or 4-bit ones for `method: qlora`; comes back trained, as a
            PeftModel unless all weights are trained.
        data: the examples in order, as `examples` makes them.
        checkpoints: where checkpoints go and are looked for; unique to this training.
        autocast: compute in bfloat16 where that is safe.
        label: shown by the progress bar.
    """
    set_seed(recipe.seed)
    if models.pick_device("auto") == "cpu" and max(len(example["input_ids"]) for example in data) <= SHORT:
        model.set_attn_implementation("eager")
    if recipe.method == "qlora":
        model = prepare_model_for_kbit_training(model, gradient_checkpointing_kwargs={"use_reentrant": False})
    if recipe.method != "full":
        model = get_peft_model(
            model,
            LoraConfig(r=recipe.rank, lora_alpha=recipe.alpha, target_modules="all-linear", task_type="CAUSAL_LM"),
        )
    arguments = TrainingArguments(
        output_dir=str(checkpoints),
        max_steps=recipe.steps,
        per_device_train_batch_size=recipe.batch_size,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=max(1, recipe.steps // 20),
        optim="adamw_torch_fused",
        bf16=autocast,
        seed=recipe.seed,
        train_sampling_strategy="sequential",  # the order of the examples is seeded already
        save_strategy="no",  # the callback below saves by the clock
        save_total_limit=2,  # should the newest be damaged
        logging_steps=min(10, recipe.steps),
        logging_nan_inf_filter=False,  # a loss that is no number is told below, not hidden
        report_to=[],
        disable_tqdm=True,  # the callback below shows it
        remove_unused_columns=False,
        use_cpu=models.pick_device("auto") == "cpu",
        dataloader_pin_memory=False,
    )
    trainer = CompletionTrainer(
        model=model,
        args=arguments,
        train_dataset=list(data),
        data_collator=lambda batch: collate(batch, tokenizer.pad_token_id),
        callbacks=[SaveByTheClock(), Progress(label)],
    )
    trainer.remove_callback(PrinterCallback)
    last = last_checkpoint(checkpoints)
    if last:
        logger.info("going on from %s", Path(last).name)
    trainer.train(resume_from_checkpoint=last)
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    if any(not math.isfinite(loss) for loss in losses):
        raise ValueError(f"the loss is no longer finite; lower learning_rate (now {recipe.learning_rate})")
    logger.info("loss: %s", " ".join(f"{loss:.3f}" for loss in losses))
    return model.eval()


def last_checkpoint(folder: Path) -> str | None:
    """The newest checkpoint that is as it was written; what a kill or a failing disk left of others is removed."""
    for part in folder.glob("checkpoint-*"):
        if damaged := checksums.damaged(part):
            logger.warning("%s is not whole (%s) and is removed", part, damaged[0])
            shutil.rmtree(part)
    return get_last_checkpoint(str(folder)) if folder.is_dir() else None


class SaveByTheClock(TrainerCallback):
    """A checkpoint every so many seconds, so that a kill costs less than a minute however long a step takes.

    And one at SIGTERM, before it has the effect that it had (see `logs.to`): a cluster that takes its node back sends
    it some time before SIGKILL.
    """

    def __init__(self, seconds: float = CHECKPOINT_SECONDS) -> None:
        self.seconds, self.saved, self.told = seconds, time.monotonic(), False

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Listen until the training ends."""
        self.before = signal.signal(signal.SIGTERM, self._tell)

    def _tell(self, *_: object) -> None:
        self.told = True

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Ask for a checkpoint when the last one is old enough; the last step needs none."""
        due = self.told or time.monotonic() - self.saved > self.seconds
        if due and state.global_step < state.max_steps:
            control.should_save = True
            self.saved = time.monotonic()

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """The checkpoint is written: note what it holds. Now the signal may end the job."""
        checksums.write(Path(args.output_dir) / f"checkpoint-{state.global_step}")
        if self.told:
            logger.warning("SIGTERM: checkpoint after step %d", state.global_step)
            self.told = False
            signal.signal(signal.SIGTERM, self.before)
            signal.raise_signal(signal.SIGTERM)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        signal.signal(signal.SIGTERM, self.before)


class Progress(TrainerCallback):
    """Steps done, rate and time left: one line on the terminal, and with the loss in the log."""

    def __init__(self, label: str) -> None:
        self.label = label

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Begin where a checkpoint ended."""
        begin = {"total": state.max_steps, "initial": state.global_step}
        self.bar = tqdm(desc=self.label, unit="step", mininterval=5, maxinterval=30, **begin)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.bar.update()

    def on_log(self, args: Any, state: Any, control: Any, **told: Any) -> None:
        """Only entries of steps have a loss; the last one sums the training up."""
        if "loss" in told["logs"]:
            logger.info("%s, loss %.3f", self.bar, told["logs"]["loss"])

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.bar.close()
