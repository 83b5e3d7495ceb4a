"""What speaks against an input, one line each: what a person would want to know before a run."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence

from faithfulness import prompts
from faithfulness.answers.parse import is_correct, parse_answer
from faithfulness.chains.steps import split
from faithfulness.config.datasets import TableDataset
from faithfulness.operate.look.inputs import Asked, Chain, Data
from faithfulness.prompts import LETTERS
from faithfulness.text import count, listed, percent

MANY = 200  # worked chains that are split
EXAMPLES = 3  # of rows that a warning names
ENOUGH = 20  # rows for a statement about places; fewer say nothing
CROWDED = 0.6  # share of golds at one place from which on the place gives the answer away
LONG = 8000  # characters of a prompt, where its tokens are unknown
HAVE, ASK = ("has", "have"), ("asks", "ask")


def of_data(data: Data) -> Iterator[str]:
    """Warnings about a dataset's rows."""
    if data.problem:
        yield f"A run would stop here: {data.problem}"
    if data.refused:
        yield from _refused(data)
    double = len(data.rows) - len({row["question"] for row in data.rows})
    if data.files and double:
        yield f"{_rows(double, ASK)} a question that an earlier row asks; the first one is used."
    yield from _options(data)
    yield from _places(data)
    yield from _golds(data)
    yield from _worked(data)


def _rows(number: int, verbs: tuple[str, str] | None = None) -> str:
    """A number of rows, and what they do: '1 row has', '2 rows have'."""
    many = number != 1
    return f"{count(number)} row{'s' * many}" + (f" {verbs[many]}" if verbs else "")


def _refused(data: Data) -> Iterator[str]:
    total = len(data.rows) + len(data.refused)
    left_out = len(data.refused)
    examples = "; ".join(reason.partition(": ")[0] for reason in data.refused[:EXAMPLES])
    yield f"{count(left_out)} of {_rows(total)} ({percent(left_out / total)}) are left out:"
    kinds: dict[str, list[str]] = {}
    for reason in data.refused:
        place, _, why = reason.partition(": ")
        kinds.setdefault(_kind(why or place), []).append(reason)
    for reasons in sorted(kinds.values(), key=len, reverse=True)[:EXAMPLES]:
        yield f"- {_rows(len(reasons))}, for example {reasons[0]}"
    if len(kinds) > EXAMPLES:
        yield f"- and for {len(kinds) - EXAMPLES} other reasons, for example {examples}"


def _kind(reason: str) -> str:
    """A reason without what is of its row only: numbers, what is quoted, and lists."""
    return re.sub(r"\[[^\]]*\]|'[^']*'|\"[^\"]*\"|\d+", "", reason)


def _options(data: Data) -> Iterator[str]:
    alike = [(row, pair) for row in data.rows if (pair := _alike(row["options"] or []))]
    if alike:
        row, pair = alike[0]
        yield (
            f"{_rows(len(alike), HAVE)} options that differ in case, spaces or punctuation only, such as "
            f"{_quoted(pair[0])} and {_quoted(pair[1])} of {_quoted(row['question'])}: a reply may name either."
        )
    sizes = Counter(len(row["options"]) for row in data.rows if row["options"])
    if len(sizes) > 1:
        shown = listed(f"{size} ({_rows(number)})" for size, number in sorted(sizes.items()))
        yield f"The number of options differs: {shown}. Chance is computed for each item."


def _alike(options: Sequence[str]) -> tuple[str, str] | None:
    seen: dict[str, str] = {}
    for option in options:
        plain = re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", option).casefold()) or option
        if plain in seen:
            return seen[plain], option
        seen[plain] = option
    return None


def _quoted(text: str, most: int = 60) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) <= most else f"{text[:most]} ...")


def _places(data: Data) -> Iterator[str]:
    """Where among the options the golds are; of no interest where the options are shuffled."""
    rows = [row for row in data.rows if row["options"]]
    if len(rows) < ENOUGH or (isinstance(data.dataset, TableDataset) and data.dataset.shuffle_options):
        return
    most = Counter(len(row["options"]) for row in rows).most_common(1)[0][0]
    golds = Counter(row["options"].index(row["answer"]) for row in rows)
    never = [LETTERS[place] for place in range(most) if not golds[place]]
    if never and most > 1:
        yield (
            f"The gold answer is never option {listed(never)} in {_rows(len(rows))}: are answers counted from 1 where "
            "they are read as counted from 0, or does the source list them in an order? (columns.answer_is, "
            "shuffle_options)"
        )
    place, number = golds.most_common(1)[0]
    if number > CROWDED * len(rows) and number / len(rows) > 1.5 / most:
        yield (
            f"The gold answer is option {LETTERS[place]} in {percent(number / len(rows))} of the rows: a model that "
            "always says it is right that often (shuffle_options puts the options into a random order)."
        )


def _golds(data: Data) -> Iterator[str]:
    """Whether a reply that says nothing but the gold answer would count as right."""
    if data.dataset.readout != "text":
        return
    unread = [row for row in data.rows if not is_correct(parse_answer(f" {row['answer']}", row)[0], row)]
    if unread:
        yield (
            f"{_rows(len(unread), HAVE)} a gold answer that is not recognised in a reply that says just that, such as "
            f"{_quoted(unread[0]['answer'])} of {_quoted(unread[0]['question'])}: does the column hold more than the "
            "answer? (columns.answer_pattern)"
        )


def _worked(data: Data) -> Iterator[str]:
    """Whether the lines of worked chains are steps in the text that a model learns."""
    worked = [item for item in data.items[:MANY] if item["rationale"]]
    short = [item for item in worked if len(split(prompts.chain_text(item["rationale"]))) < len(item["rationale"])]
    if short:
        steps = len(split(prompts.chain_text(short[0]["rationale"])))
        yield (
            f"{count(len(short))} of {count(len(worked))} worked chains have fewer steps than lines, such as that of "
            f"{_quoted(short[0]['question'])} ({steps} and {len(short[0]['rationale'])}): a model learns lines "
            "without content, or of one equation or sentence, as one step."
        )


def of_model(asked: Asked, data: Data) -> Iterator[str]:
    """Warnings about what a model is shown of a dataset."""
    name = asked.name or "the tokenizer"
    if asked.tokenizer is None:
        long = [item for item in data.items if len(item["question"]) > LONG]
        if long:
            yield (
                f"{_rows(len(long), HAVE)} questions of more than {count(LONG)} characters, such as "
                f"{_quoted(long[0]['question'])}."
            )
        return
    render = prompts.renderer(asked.tokenizer)
    try:
        prompts.check(asked.tokenizer, asked.wording)
        texts = [prompts.chain_prompt(item, asked.wording, render) for item in data.items]
    except ValueError as error:
        yield f"A run would stop here: {name}: {error}"
        return
    yield from _template(asked, data, texts, name)
    lengths = [len(prompts.encode_prompt(asked.tokenizer, text)) for text in texts]
    room = data.dataset.max_new_tokens + data.dataset.answer_tokens
    if asked.limit and (over := [n for n in lengths if n + room > asked.limit]):
        yield (
            f"{name} takes {count(asked.limit)} tokens, and {count(len(over))} of {count(len(lengths))} prompts have "
            f"more with a chain of {count(data.dataset.max_new_tokens)} (max_new_tokens) and an answer; the longest "
            f"prompt has {count(max(over))}."
        )
    if data.dataset.readout == "text":
        sizes = [len(prompts.encode(asked.tokenizer, prompts.answer_text(item["answer"]))) for item in data.items]
        if over := [size for size in sizes if size > data.dataset.answer_tokens]:
            yield (
                f"{count(len(over))} gold answers have more tokens than answer_tokens allows "
                f"({data.dataset.answer_tokens}; the longest has {max(over)}): {name} could not write them."
            )


def _template(asked: Asked, data: Data, texts: Sequence[str], name: str) -> Iterator[str]:
    """What a chat template does to the messages."""
    item, text, system = data.items[0], texts[0], asked.wording.system
    if item["question"].strip() not in text:
        yield f"The chat template of {name} changes the question: compare the prompt above with the item."
    if system is None and getattr(asked.tokenizer, "chat_template", None):
        before = text.partition(item["question"].strip())[0]
        words = re.sub(r"<[^>]*>|\[/?[A-Z]+\]", " ", before)
        if len(words.split()) > len(("system", "user")) + 1:
            yield (
                f"The chat template of {name} puts words of its own before the question: {_quoted(words, 90)} (see the "
                "prompt above); `system` of the model or of the prompts file replaces a system message."
            )
    if asked.wording.think and data.items and text.count(asked.wording.think[0]) > 1:
        yield f"{asked.wording.think[0]!r} stands more than once in the prompt of {name}: see above."


def of_chain(chain: Chain) -> Iterator[str]:
    """Warnings about how a chain was split."""
    row = chain.row
    if chain.text.strip() and not row["steps"]:
        yield "The chain has no step: all of it was taken for its conclusion."
    elif len(row["steps"]) == 1:
        yield "The chain has one step, so no cut lies within it: gates of a run need two."
