"""Text of generated token ids, and the character at which each token ends."""

from collections.abc import Sequence
from itertools import accumulate

from faithfulness.prompts import Tokenizer

PARTIAL = "\ufffd"  # stands for bytes that are no whole character


def detokenise(tokenizer: Tokenizer, ids: list[int], anchor: Sequence[int] = ()) -> tuple[str, list[int]]:
    """The text of token ids, and the character offset in it at which each token ends.

    `anchor` are token ids that stand before them, for tokenizers to which a text begins otherwise than it goes on
    (`prompts.anchor_ids`).

    A token may end inside a character, whose other bytes come with the next token: it ends where its last whole
    character does. Offsets never decrease, and the last one is the length of the text.
    """
    if not ids:
        return "", []
    if anchor:
        text, ends = detokenise(tokenizer, [*anchor, *ids])
        begins = len(_decode(tokenizer, list(anchor)))
        return text[begins:], [max(0, end - begins) for end in ends[len(anchor) :]]
    text = _decode(tokenizer, ids)
    lengths, total = _lengths(tokenizer, ids)
    if total != len(text):  # later bytes changed earlier characters, as bytes that are not UTF-8 can: start over
        lengths = [_whole(_decode(tokenizer, ids[: position + 1])) for position in range(len(ids))]
    ends = [min(length, len(text)) for length in lengths[:-1]]
    return text, [*accumulate(ends, max), len(text)]


def _lengths(tokenizer: Tokenizer, ids: list[int]) -> tuple[list[int], int]:
    """Length of the text up to each token, without partial characters, and of the whole text, in linear time.

    Each step decodes a window: the tokens since the last whole character, and before them those of the previous step,
    because some tokenizers decode the first token of a text differently. (`tokenizers.decoders.DecodeStream` decodes
    the same windows, but gives nothing for a token that ends inside a character, even if it begins with whole ones.)
    """
    lengths: list[int] = []
    start, middle = 0, 0  # the window is ids[start:position + 1]; up to `middle` it is context
    before = 0  # characters before the window
    context = 0  # characters of the context
    total = 0
    for position in range(len(ids)):
        window = _decode(tokenizer, ids[start : position + 1])
        lengths.append(before + _whole(window))
        total = before + len(window)
        if len(window) > context and not window.endswith(PARTIAL):
            start, middle = middle, position + 1
            context = len(_decode(tokenizer, ids[start:middle]))
            before = total - context
    return lengths, total


def _whole(text: str) -> int:
    """Length of a text without partial characters at its end."""
    return len(text.rstrip(PARTIAL))


def _decode(tokenizer: Tokenizer, ids: list[int]) -> str:
    return tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
