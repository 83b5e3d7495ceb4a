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
from peft import LoraConfig, PeftModel, get_peft_model, prepare_model_for_kbit_training
from tqdm import tqdm
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer_utils import get_last_checkpoint, set_seed

from faithfulness.arms.devices import pick_device
from faithfulness.config.recipes import Recipe
from faithfulness.finetune.examples import IGNORED, Example
from faithfulness.hashing import damaged_files, write_sums

logger = logging.getLogger("faithfulness")

CHECKPOINT_SECONDS = 50
SHORT = 512  # tokens; up to here plain attention is faster on the CPU than flash attention, whose backward pass is slow


def collate(batch: Sequence[Example], pad: int) -> dict[str, torch.Tensor]:
    """Left-padded tensors of shape (batch, longest), so that all completions end at the right edge."""
    longest = max(len(example["input_ids"]) for example in batch)

    def padded(rows: Sequence[list[int]], padding: int) -> torch.Tensor:
        return torch.tensor([[padding] * (longest - len(row)) + row for row in rows])

    lengths = torch.tensor([len(example["input_ids"]) for example in batch])
    mask = (torch.arange(longest) >= longest - lengths[:, None]).long()
    return {
        "input_ids": padded([example["input_ids"] for example in batch], pad),
        "attention_mask": mask,
        "position_ids": (mask.cumsum(1) - 1).clamp(min=0),
        "labels": padded([example["labels"] for example in batch], IGNORED),
    }


class CompletionTrainer(Trainer):
    """A Trainer that computes logits only where there is loss: most tokens of an example are its prompt."""

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """Mean cross-entropy of the completions' tokens.

        A batch is split where the lengths of its examples differ most, and each part is computed by itself, so that
        little of it is padding.
        """
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
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    recipe: Recipe,
    data: Sequence[Example],
    checkpoints: Path,
    autocast: bool,
    label: str,
) -> PreTrainedModel | PeftModel:
    """Fine-tune `model` on `data`, from the last checkpoint if there is one.

    Args:
        model: causal language model with float32 weights, or with weights in 4 bits for `method: qlora`.
        tokenizer: of the model, for its padding token.
        recipe: of the training.
        data: the examples in the order of the training (see `examples`).
        checkpoints: folder of the checkpoints of this training and no other.
        autocast: compute in bfloat16 where that is safe.
        label: of the progress bar.

    Returns:
        The trained model: a PeftModel unless all weights were trained.

    Raises:
        ValueError: the loss is no longer finite.
    """
    set_seed(recipe.seed)
    trained: PreTrainedModel | PeftModel = model
    if pick_device("auto") == "cpu" and max(len(example["input_ids"]) for example in data) <= SHORT:
        model.set_attn_implementation("eager")
    if recipe.method == "qlora":
        model = prepare_model_for_kbit_training(model, gradient_checkpointing_kwargs={"use_reentrant": False})
    if recipe.method != "full":
        trained = get_peft_model(
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
        logging_nan_inf_filter=False,  # a loss that is not a number is an error below, not hidden
        report_to=[],
        disable_tqdm=True,  # the callback below shows it
        remove_unused_columns=False,
        use_cpu=pick_device("auto") == "cpu",
        dataloader_pin_memory=False,
    )
    trainer = CompletionTrainer(
        model=trained,
        args=arguments,
        train_dataset=list(data),
        data_collator=lambda batch: collate(batch, tokenizer.pad_token_id),
        callbacks=[SaveByTheClock(), Progress(label)],
    )
    trainer.remove_callback(PrinterCallback)
    last = last_checkpoint(checkpoints)
    if last:
        logger.info("continuing from %s", Path(last).name)
    trainer.train(resume_from_checkpoint=last)
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    if any(not math.isfinite(loss) for loss in losses):
        raise ValueError(f"the loss is no longer finite; lower learning_rate (now {recipe.learning_rate})")
    logger.info("loss: %s", " ".join(f"{loss:.3f}" for loss in losses))
    return trained.eval()


def last_checkpoint(folder: Path) -> str | None:
    """The newest undamaged checkpoint; checkpoints that a kill or a failing disk has damaged are removed."""
    for part in folder.glob("checkpoint-*"):
        if damaged := damaged_files(part):
            logger.warning("%s is damaged (%s) and is removed", part, damaged[0])
            shutil.rmtree(part)
    return get_last_checkpoint(str(folder)) if folder.is_dir() else None


class SaveByTheClock(TrainerCallback):
    """A checkpoint every so many seconds, so that a kill costs less than a minute however long a step takes.

    Another one at SIGTERM, which ends the job only afterwards (see `job.start`): a cluster that needs its node back
    sends it some time before SIGKILL.
    """

    def __init__(self, seconds: float = CHECKPOINT_SECONDS) -> None:
        self.seconds, self.saved, self.terminated = seconds, time.monotonic(), False

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Handle SIGTERM until the training ends."""
        self.former_handler = signal.signal(signal.SIGTERM, self._terminate)

    def _terminate(self, *_: object) -> None:
        self.terminated = True

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Request a checkpoint when the last one is old enough; the last step needs none."""
        due = self.terminated or time.monotonic() - self.saved > self.seconds
        if due and state.global_step < state.max_steps:
            control.should_save = True
            self.saved = time.monotonic()

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Write the hashes of the checkpoint's files; then SIGTERM, if it has come, ends the job."""
        write_sums(Path(str(args.output_dir)) / f"checkpoint-{state.global_step}")
        if self.terminated:
            logger.warning("SIGTERM: checkpoint after step %d", state.global_step)
            self.terminated = False
            signal.signal(signal.SIGTERM, self.former_handler)
            signal.raise_signal(signal.SIGTERM)

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Restore the handler of SIGTERM."""
        signal.signal(signal.SIGTERM, self.former_handler)


class Progress(TrainerCallback):
    """Steps done, rate and time left on the terminal; steps and loss in the log."""

    def __init__(self, label: str) -> None:
        self.label = label

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Start the bar at the step of the checkpoint."""
        begin = {"total": state.max_steps, "initial": state.global_step}
        self.bar = tqdm(desc=self.label, unit="step", mininterval=5, maxinterval=30, **begin)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.bar.update()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Log the loss; the last entry, a summary of the training, has none."""
        if logs and "loss" in logs:
            step, steps = state.global_step, state.max_steps
            logger.info("%s: step %d of %d, loss %.3f", self.label, step, steps, logs["loss"])

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.bar.close()
