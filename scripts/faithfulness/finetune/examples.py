"""Training examples: token ids, and labels on the completion only."""

import math
import random
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from typing import Any, TypeVar

from faithfulness import prompts
from faithfulness.config.probing import Perturbations
from faithfulness.config.training import Recipe
from faithfulness.prompts import Prompts

T = TypeVar("T")

IGNORED = -100  # label of tokens that carry no loss


def direct_example(item: dict[str, Any], wording: Prompts, tokenizer: Any) -> dict[str, list[int]]:
    """Question and direct answer, as token ids and labels."""
    said = prompts.answer_text(prompts.said(item, item["answer"]))
    asked = prompts.direct_prompt(item, wording, prompts.renderer(tokenizer))
    question, cue, answer = (prompts.encode(tokenizer, segment) for segment in (*asked, said))
    return _example([*question, *cue], [*answer, tokenizer.eos_token_id])


def chain_example(item: dict[str, Any], wording: Prompts, tokenizer: Any) -> dict[str, list[int]]:
    """Question, worked chain, cue and answer, as token ids and labels."""
    prompt = prompts.encode(tokenizer, prompts.chain_prompt(item, wording, prompts.renderer(tokenizer)))
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
            prompts.chain_prompt(item, wording, prompts.renderer(tokenizer)),
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
