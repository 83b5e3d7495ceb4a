"""The training itself: loss on the completion, checkpoints by the clock, progress."""

import logging
import math
import shutil
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training
from tqdm import tqdm
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint, set_seed

from faithfulness.arms.devices import pick_device
from faithfulness.config.training import Recipe
from faithfulness.finetune.examples import IGNORED
from faithfulness.hashing import damaged_files, write_sums

logger = logging.getLogger("faithfulness")

CHECKPOINT_SECONDS = 50
SHORT = 512  # tokens; up to here plain attention is faster on the CPU than flash attention, whose backward pass is slow


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
    if pick_device("auto") == "cpu" and max(len(example["input_ids"]) for example in data) <= SHORT:
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
        use_cpu=pick_device("auto") == "cpu",
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
        if damaged := damaged_files(part):
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
        write_sums(Path(args.output_dir) / f"checkpoint-{state.global_step}")
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
