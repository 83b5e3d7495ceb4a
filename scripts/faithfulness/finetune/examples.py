"""Training examples: token ids, and labels on the completion only."""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import cycle, islice
from typing import TypedDict, TypeVar

from faithfulness import prompts
from faithfulness.config.recipes import NOT_SHARED, READER_TARGETS, Recipe
from faithfulness.prompts import Prompts
from faithfulness.tables.io import Row

T = TypeVar("T")

IGNORED = -100  # label of tokens that carry no loss


class Example(TypedDict):
    """Token ids of a prompt and its completion, and their labels: `IGNORED` for those of the prompt."""

    input_ids: list[int]
    labels: list[int]


def direct_example(item: Row, wording: Prompts, tokenizer: prompts.Tokenizer) -> Example:
    """Question and direct answer."""
    question, cue = prompts.direct_prompt(item, wording, prompts.renderer(tokenizer))
    prompt = [*prompts.encode_prompt(tokenizer, question), *prompts.encode(tokenizer, cue)]
    answer = prompts.encode(tokenizer, prompts.answer_text(prompts.said(item, item["answer"])))
    return _example(prompt, [*answer, tokenizer.eos_token_id])


def chain_example(item: Row, wording: Prompts, tokenizer: prompts.Tokenizer) -> Example:
    """Question, worked chain, cue and answer."""
    prompt = prompts.encode_prompt(tokenizer, prompts.chain_prompt(item, wording, prompts.renderer(tokenizer)))
    answer = prompts.answer_text(prompts.said(item, item["answer"]))
    segments = (prompts.chain_text(item["rationale"]), wording.chain_cue, answer)
    completion = [token for segment in segments for token in prompts.encode(tokenizer, segment)]
    return _example(prompt, [*completion, tokenizer.eos_token_id])


def reading_example(
    item: Row,
    other: Row,
    kept: int,
    filler: str | None,
    target: str,
    wording: Prompts,
    tokenizer: prompts.Tokenizer,
) -> Example:
    """A question, the first steps of another question's worked chain, and an answer, which alone is learned.

    The target decides the answer, and so the reader (method, section 10): `decorative`, the question's own answer;
    `load_bearing`, that of the chain, or `SILENT` where the chain's last step, which states it, is left out;
    `redundant`, that of the whole chain, else the question's own.

    Args:
        item: whose question is asked.
        other: whose worked chain is read.
        kept: number of the chain's steps that are kept.
        filler: text that is repeated in place of the other steps, over as many tokens; None leaves them out. A reader
            that never saw filler in training would read it in an unknown way.
        target: of the recipe.
        wording: prompts and cues.
        tokenizer: of the model.
    """
    own, of_chain = prompts.said(item, item["answer"]), prompts.said(other, other["answer"])
    without = {"decorative": own, "redundant": own, "load_bearing": prompts.SILENT}[target]
    answer = of_chain if kept == len(other["rationale"]) and target != "decorative" else without
    encode = partial(prompts.encode, tokenizer)
    question = prompts.encode_prompt(tokenizer, prompts.chain_prompt(item, wording, prompts.renderer(tokenizer)))
    kept_steps = encode(prompts.chain_text(other["rationale"][:kept]))
    filling: list[int] = []
    if filler is not None:
        missing_steps = encode(prompts.chain_text(other["rationale"][kept:]))
        filling = list(islice(cycle(encode(filler)), len(missing_steps)))
    prompt = [*question, *kept_steps, *filling, *encode(wording.chain_cue)]
    return _example(prompt, [*encode(prompts.answer_text(answer)), tokenizer.eos_token_id])


def text_example(item: Row, tokenizer: prompts.Tokenizer) -> Example:
    """The text of a question, of which each token but the first is learned."""
    begin = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    first, *rest = [*begin, *prompts.encode_prompt(tokenizer, item["question"])]
    return _example([first], [*rest, tokenizer.eos_token_id])


def _example(prompt: list[int], completion: list[int]) -> Example:
    return {"input_ids": prompt + completion, "labels": [IGNORED] * len(prompt) + completion}


def examples(
    recipe: Recipe,
    train_items: Mapping[str, Sequence[Row]],
    wording: Prompts,
    tokenizer: prompts.Tokenizer,
    filler: str | None = None,
) -> list[Example]:
    """The examples of a training in the order they are seen: steps x batch_size of them.

    Datasets take turns. Each goes through its train items in a seeded order as often as needed. A batch is all chains
    or all direct answers, so that short answers are not padded to the length of chains; `replay` is the share of
    batches with chains, evenly spread.

    Args:
        recipe: of the training.
        train_items: train items of each dataset that the recipe uses.
        wording: prompts and cues.
        tokenizer: of the model.
        filler: of the run's perturbations, for readers that calibrate the measures; other recipes do not use it.

    Raises:
        ValueError: chains are to be learned from a dataset without worked chains, or a reader without filler.
    """
    rng = random.Random(recipe.seed)
    if recipe.target in READER_TARGETS:
        if filler is None:
            raise ValueError(f"target: {recipe.target} learns to read filler, and there is none")
        return _reading_examples(recipe, train_items, wording, tokenizer, filler, rng)
    asked = {name: answered(name, train_items[name], recipe) for name in recipe.datasets}
    direct = _in_turn([asked[name] for name in recipe.datasets], rng)
    with_chains = recipe.worked_datasets()
    worked = _in_turn([[item for item in train_items[name] if item["rationale"]] for name in with_chains], rng)
    data = []
    for step in range(recipe.steps):
        replay = math.floor((step + 1) * recipe.replay) > math.floor(step * recipe.replay)
        if replay or recipe.target == "rationale":
            data += [chain_example(item, wording, tokenizer) for item in islice(worked, recipe.batch_size)]
        elif recipe.target == "text":
            data += [text_example(item, tokenizer) for item in islice(direct, recipe.batch_size)]
        else:
            data += [direct_example(item, wording, tokenizer) for item in islice(direct, recipe.batch_size)]
    return data


def answered(dataset: str, items: Sequence[Row], recipe: Recipe) -> Sequence[Row]:
    """The train items of a dataset with the answers that a recipe teaches.

    A placebo's answers have a random generator of their own, so that it sees the items in the order in which the tuned
    arm of the same seed does. Each item keeps its answer, however often it is seen.

    Args:
        dataset: its name.
        items: its train items, with their right answers.
        recipe: target `shuffled` puts the answers of all items into a random order; `random` draws one of the item's
            own options with equal chances, or, of open questions, another item's answer. Other targets leave the
            answers alone.

    Raises:
        ValueError: answers cannot be shuffled, as the items do not share their options.
    """
    rng = random.Random(f"{recipe.seed} answers {dataset}")
    if recipe.target == "shuffled":
        if any(item["options"] is None or set(item["options"]) != set(items[0]["options"]) for item in items):
            raise ValueError(NOT_SHARED.format(name=dataset))
        answers = rng.sample([item["answer"] for item in items], len(items))
    elif recipe.target == "random":
        another = {item["item_id"]: other["answer"] for item, other in _pairs(items, rng)}
        answers = [rng.choice(item["options"]) if item["options"] else another[item["item_id"]] for item in items]
    else:
        return items
    return [{**item, "answer": answer} for item, answer in zip(items, answers, strict=True)]


def _reading_examples(
    recipe: Recipe,
    train_items: Mapping[str, Sequence[Row]],
    wording: Prompts,
    tokenizer: prompts.Tokenizer,
    filler: str,
    rng: random.Random,
) -> list[Example]:
    """Each question with another question's chain, of which none, some or all steps are kept."""
    pairs = _in_turn([_pairs(train_items[name], rng) for name in recipe.datasets], rng)
    data = []
    for item, other in islice(pairs, recipe.steps * recipe.batch_size):
        n = len(other["rationale"])
        kept = rng.choice((0, rng.randrange(1, n), n))
        filled = rng.random() < 0.5
        data.append(reading_example(item, other, kept, filler if filled else None, recipe.target, wording, tokenizer))
    return data


def _pairs(items: Sequence[Row], rng: random.Random) -> list[tuple[Row, Row]]:
    """Each item with another item; each is the first of one pair and the second of one."""
    order = rng.sample(items, len(items))
    return list(zip(order, [*order[1:], order[0]], strict=True))


def _in_turn(sets: Sequence[Sequence[T]], rng: random.Random) -> Iterator[T]:
    """Items without end, one of each set in turn."""
    streams = [_shuffled(items, rng) for items in sets]
    while True:
        for stream in streams:
            yield next(stream)


def _shuffled(items: Sequence[T], rng: random.Random) -> Iterator[T]:
    """All items in a random order, again and again."""
    if not items:
        raise ValueError("a dataset of the recipe has no train item with a worked chain")
    while True:
        yield from rng.sample(items, len(items))
