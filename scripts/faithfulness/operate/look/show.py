"""A look at an input as text: items, prompts, a chain in steps, warnings."""

from collections.abc import Iterator, Sequence
from itertools import accumulate

from faithfulness import prompts
from faithfulness.backends.detokenise import detokenise
from faithfulness.chains.layout import kind
from faithfulness.config.datasets import TableDataset
from faithfulness.operate.look import findings
from faithfulness.operate.look.inputs import GLANCE, Asked, Chain, Data
from faithfulness.operate.look.lines import block, sentence, shortened, tokens
from faithfulness.operate.plan.pieces import Tokenizer
from faithfulness.prompts import LETTERS, Prompts
from faithfulness.tables.fields import Row
from faithfulness.templates import Message
from faithfulness.text import count

# Characters of a question, a prompt, or another segment; of longer ones, beginning and end are shown.
MOST, FEW = 1600, 400
MARGIN = "  | "  # before lines of texts that a model sees

Segments = list[tuple[str, str]]  # kind and text of each segment that is encoded by itself


def show(data: Data, models: Sequence[Asked], chain: Chain | None, number: int) -> str:
    """All about one dataset.

    Args:
        data: the dataset.
        models: those that are asked; the prompts of the first are shown, of others only where they differ.
        chain: a chain to show in steps; None if there is none at hand.
        number: of items to show.
    """
    parts = [
        *_title(data.dataset.name if data.dataset.name != GLANCE else data.files[0][0].name),
        *_reading(data),
        *_items(data, number),
        *_prompts(data, models, chain),
        *_steps(chain),
        *_warnings(data, models, chain),
    ]
    return "\n".join(parts) + "\n"


def _heading(text: str) -> list[str]:
    return ["", text, "-" * len(text)]


def unread(name: str, reason: str) -> str:
    """What stands in place of a dataset, one of several, that is not at hand."""
    return "\n".join([*_title(name), *sentence(reason, "! ")]) + "\n"


def _title(name: str) -> list[str]:
    return [name, "=" * len(name)]


def _reading(data: Data) -> Iterator[str]:
    """How the dataset is read."""
    dataset = data.dataset
    if isinstance(dataset, TableDataset):
        names = listed_files([str(file) for files in data.files for file in files])
        yield from sentence(names, "file      ")
        total = len(data.rows) + len(data.refused)
        left_out = f", {count(len(data.refused))} left out (see the warnings)" if data.refused else ""
        yield f"rows      {count(total)}{left_out}"
        columns = dataset.columns
        options = ", ".join(columns.options) if isinstance(columns.options, list) else columns.options
        named = {
            "question": columns.question,
            "options": options or "none (open questions)",
            "labels": columns.labels,
            "answer": f"{columns.answer} (answer_is: {columns.answer_is})" if options else columns.answer,
            "answer_pattern": columns.answer_pattern,
            "rationale": columns.rationale,
        }
        shown = "; ".join(f"{key} = {value}" for key, value in named.items() if value)
        yield from sentence(shown, "columns   ")
    readouts = {
        "cloze": "the option whose text is the likeliest per byte is the answer",
        "letters": "the option whose letter is the likeliest is the answer",
        "text": f"the model writes up to {dataset.answer_tokens} tokens, in which the answer is looked for",
    }
    yield from sentence(f"{dataset.readout}: {readouts[dataset.readout]}", "readout   ")
    if dataset.name == GLANCE and isinstance(dataset, TableDataset):
        yield from sentence(
            "No configuration was named: default columns and prompts. In a configuration, this is", "          "
        )
        yield from _entry(dataset)
    else:
        yield f"run       {count(len(data.items))} evaluation items, {count(data.train)} train items"


def _entry(dataset: TableDataset) -> list[str]:
    """The entry of a configuration that reads a file in the same way."""
    lines = ["- name: my-questions", "  task: table", f'  source: {{uri: "{dataset.source.uri}"}}']
    if dataset.columns.options is None:
        lines += ["  columns: {options: null}", f"  readout: {dataset.readout}"]
    return [f"          {line}" for line in lines]


def listed_files(names: Sequence[str]) -> str:
    """The names of files in a line; of many the first ones."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


# Items


def _items(data: Data, number: int) -> Iterator[str]:
    items = data.items[:number]
    rest = f"the first {len(items)} of {count(len(data.items))}" if len(items) < len(data.items) else "all"
    yield from _heading(f"Items ({rest}, in the order of a run)")
    if any(item["options"] for item in items):
        yield "* marks the gold answer."
    for place, item in enumerate(items, start=1):
        yield ""
        yield from block(shortened(item["question"], MOST), f"{place:>3}. ", "     ")
        for option, text in enumerate(item["options"] or []):
            mark = "*" if text == item["answer"] else " "
            yield from block(text, f"   {mark} {LETTERS[option]}. ", "        ")
        if not item["options"]:
            right = item.get("answers") or [item["answer"]]
            yield from block(" / ".join(right), "   * gold: ", "           ")
    if items and not items[0]["show_options"] and items[0]["options"]:
        yield ""
        yield from sentence("The prompt does not name these options; they are what the answers are compared with.")


# Prompts


def _turns(messages: Sequence[Message], _prompts: Prompts) -> str:
    """A conversation without a chat template: each turn below the name of who speaks."""
    return "".join(f"[{message['role']}]\n{message['content']}\n" for message in messages) + "[assistant]\n"


def _prompts(data: Data, models: Sequence[Asked], chain: Chain | None) -> Iterator[str]:
    if not data.items:
        return
    yield from _heading("Prompts of the first item")
    explained = False
    by_text: dict[str, list[Asked]] = {}
    for asked in models:
        try:
            text = "\n".join(_prompt_lines(data, asked, chain))
        except ValueError as error:
            text = "\n".join(sentence(f"cannot be made: {error}", "  "))
        by_text.setdefault(text, []).append(asked)
    for text, askeds in by_text.items():
        names = ", ".join(filter(None, (asked.name for asked in askeds)))
        if names:
            yield from ["", *sentence(names, "model     ")]
        if askeds[0].tokenizer is None:
            yield from sentence(
                f"Chat template and tokens are not shown: {askeds[0].missing}. Square brackets name whose turn it is."
            )
        elif not explained:
            explained = True
            yield from sentence(
                "Tokens end at \u2502; segments, which are encoded one by one, at \u2551; \u21b5 is a line break."
            )
        yield text


def _prompt_lines(data: Data, asked: Asked, chain: Chain | None) -> Iterator[str]:
    item, wording = data.items[0], asked.wording
    render = prompts.renderer(asked.tokenizer) if asked.tokenizer is not None else _turns
    prompt = prompts.chain_prompt(item, wording, render)
    yield from _shown("The chain is written after", [("prompt", prompt)], asked)
    written = chain.row["chain_text"] if chain else "(the chain)"
    answer = prompts.answer_text(prompts.said(item, item["answer"]))
    cue = [("chain", written), ("cue", wording.chain_cue), ("answer", answer)]
    yield from _shown("After the chain, the answer (here: gold) is read behind this cue", cue, asked)
    beginning, direct_cue = prompts.direct_prompt(item, wording, render)
    direct = [("prompt", beginning), ("cue", direct_cue), ("answer", answer)]
    hidden = min(len(beginning), _shared_lines(prompt, beginning + direct_cue))
    yield from _shown("Without a chain (after the same beginning)", direct, asked, hidden)
    yield from _candidates(item, data, asked)


def _shared_lines(one: str, other: str) -> int:
    """Characters of the lines with which both texts begin."""
    shared = 0
    for mine, theirs in zip(one.splitlines(keepends=True), other.splitlines(keepends=True), strict=False):
        if mine != theirs:
            break
        shared += len(mine)
    return shared


def _shown(title: str, segments: Segments, asked: Asked, hidden: int = 0) -> Iterator[str]:
    """Segments as text and as tokens; the first characters of a prompt are `hidden` where they were shown before."""
    shown = [text[hidden * (name == "prompt") :] for name, text in segments]
    limits = [MOST if name == "prompt" else FEW for name, _ in segments]
    yield ""
    if asked.tokenizer is None:
        yield from sentence(f"{title}:")
    else:
        pieces = [_pieces(asked.tokenizer, text, name) for name, text in segments]
        sizes = ", ".join(f"{name} {len(piece)}" for (name, _), piece in zip(segments, pieces, strict=True))
        yield from sentence(f"{title} ({sizes} tokens):")
    yield from block("".join(map(shortened, shown, limits)), MARGIN, MARGIN)
    if asked.tokenizer is not None:
        rest = [
            _after(piece, len(text) - len(end)) for piece, (_, text), end in zip(pieces, segments, shown, strict=True)
        ]
        yield from tokens([_ends_of(piece, limit // 10) for piece, limit in zip(rest, limits, strict=True)], "  ")


def _after(pieces: list[str], characters: int) -> list[str]:
    """The tokens that end after a number of characters."""
    ends = accumulate(map(len, pieces))
    return [piece for piece, end in zip(pieces, ends, strict=True) if end > characters or not characters]


def _ends_of(pieces: list[str], most: int) -> list[str]:
    """The tokens of a segment; of a long one those at both ends."""
    if len(pieces) <= most:
        return pieces
    half = most // 2
    return [*pieces[:half], f" [... {count(len(pieces) - 2 * half)} tokens ...] ", *pieces[-half:]]


def _pieces(tokenizer: Tokenizer, text: str, name: str) -> list[str]:
    """The text of each token of a segment: of a prompt, which begins a text, or of another one, which continues it."""
    if name == "prompt":
        whole, ends = detokenise(tokenizer, prompts.encode_prompt(tokenizer, text))
    else:
        whole, ends = detokenise(tokenizer, prompts.encode(tokenizer, text), prompts.anchor_ids(tokenizer))
    return [whole[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def _candidates(item: Row, data: Data, asked: Asked) -> Iterator[str]:
    """What is compared behind a cue."""
    if data.dataset.readout == "text" or not item["options"]:
        return
    texts = [prompts.answer_text(prompts.said(item, option)) for option in item["options"]]
    yield ""
    yield "Compared behind a cue:"
    if asked.tokenizer is None:
        yield from block(" / ".join(map(repr, texts)), MARGIN, MARGIN)
    else:
        yield from tokens([_pieces(asked.tokenizer, text, "answer") for text in texts], "  ")


# Steps


def _steps(chain: Chain | None) -> Iterator[str]:
    yield from _heading("A chain in steps")
    if chain is None:
        yield from sentence(
            "No chain is at hand: the dataset has no worked ones (columns.rationale), and no run is finished. --chain "
            "names a text file with one, as a model wrote it after the prompt."
        )
        return
    yield from sentence(f"From {chain.origin}.")
    row = chain.row
    yield ""
    for number, (step, states) in enumerate(zip(row["steps"], row["states_answer"], strict=True), start=1):
        mark = " (states the answer)" if states else ""
        yield from block(step.strip() + mark, f"{number:>3}. {kind(step):<5} ", " " * 11)
    forms = ", ".join(row["conclusion_forms"])
    if row["conclusion"]:
        yield from block(row["conclusion"].strip(), f"     cut off as its conclusion ({forms}): ", " " * 11)
    else:
        yield "     No conclusion was recognised: the last step stays in the chain."
    text = row["chain_text"] + row["conclusion"]
    together = "".join(row["steps"]) == row["chain_text"] and chain.text.startswith(text.rstrip())
    yield "     Joined, the steps and the conclusion give the text back." * together


# Warnings


def _warnings(data: Data, models: Sequence[Asked], chain: Chain | None) -> Iterator[str]:
    found = [*findings.of_data(data), *(line for asked in models for line in findings.of_model(asked, data))]
    found += findings.of_chain(chain) if chain else []
    yield from _heading("Warnings")
    if not found:
        yield "None."
    for line in dict.fromkeys(found):
        yield from sentence(line.removeprefix("- "), "  - " if line.startswith("- ") else "! ")
