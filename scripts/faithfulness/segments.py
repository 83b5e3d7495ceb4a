"""Token ids of a text that stands behind another, for tokenizers that treat the beginning of every text differently.

A probe is several segments, each encoded by itself. Many tokenizers put a space before every text, as if it began a
word (Llama 2, Mistral 7B, TinyLlama, Phi-3): the ids of `prompt | chain | cue` would then read `prompt  chain  cue`.
Here, such a segment is encoded behind an anchor, a short text whose own ids are cut off again, and decoded likewise.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest

Encode = Callable[[str], list[int]]
Decode = Callable[[list[int]], str]
Coder = tuple[Encode, Decode]

# Texts that a segment is encoded behind: the first with whose end the segment does not form a token is used.
ANCHORS = ("\n", ".", ":", "a", "0")
# Beginnings of segments: of cues, chains and steps, answers, and fillers.
BEGINNINGS = ("\nAnswer:", " First", "Final", "7", " ...", '"x"')


def anchor(encode: Encode, decode: Decode) -> str:
    """The text behind which segments are decoded; '' for a tokenizer to which all places in a text are alike.

    Args:
        encode, decode: of the tokenizer, without the special tokens that it adds to whole texts.
    """
    left = encode("x")
    joined = all(decode([*left, *encode(text)]) == decode(left) + text for text in BEGINNINGS)
    # A stand-in may decode nothing: there, the ids of texts that surely form no token together say it.
    if joined or all(encode(f"x{text}") == [*left, *encode(text)] for text in BEGINNINGS[:2]):
        return ""
    return next((text for text in ANCHORS if decode(encode(text)) == text), ANCHORS[0])


def behind(encode: Encode, decode: Decode, added: Mapping[str, int]) -> Coder:
    """Functions that encode and decode a segment behind others.

    Args:
        encode, decode: of the tokenizer, without the special tokens that it adds to whole texts.
        added: tokens that are looked for in a text before all others, such as <s> and </think>, and their ids.
    """
    before = anchor(encode, decode)
    if not before:
        return encode, decode
    head = encode(before)
    cut = len(decode(head))
    names = "|".join(map(re.escape, sorted(added, key=len, reverse=True))) or "(?!)"
    pattern = re.compile(f"({names})")

    def encode_behind(text: str) -> list[int]:
        parts = pattern.split(text)  # texts, and added tokens between them
        ids = [[added[part]] if number % 2 else _behind_anchor(encode, part) for number, part in enumerate(parts)]
        return [token for of_part in ids for token in of_part]

    def decode_behind(ids: list[int]) -> str:
        return decode([*head, *ids])[cut:]

    return encode_behind, decode_behind


def _behind_anchor(encode: Encode, text: str) -> list[int]:
    """Token ids of a text as they are behind another text."""
    if not text:
        return []
    for before in ANCHORS:
        head, ids = encode(before), encode(before + text)
        if head and ids[: len(head)] == head:
            return ids[len(head) :]
    raise ValueError(f"the tokenizer cannot encode {text[:40]!r} as the continuation of another text")


def check(decode: Decode, texts: Sequence[str], ids: Sequence[Sequence[int]]) -> None:
    """Refuse a tokenizer with which segments that are joined do not read as their texts do.

    Args:
        decode: of the tokenizer.
        texts: of the segments.
        ids: of each segment.

    Raises:
        ValueError: what is read in place of the texts.
    """
    expected, read = "".join(texts), decode([token for segment in ids for token in segment])
    if read == expected:
        return
    place = next((i for i, (one, other) in enumerate(zip_longest(expected, read)) if one != other), 0)
    near = slice(max(0, place - 20), place + 20)
    raise ValueError(
        f"the model's tokenizer does not keep texts: {expected[near]!r} becomes {read[near]!r} when the prompt, the "
        "chain and the cue are joined. Its chains cannot be cut and changed token by token; choose a model whose "
        "tokenizer decodes what it encodes (byte-level BPE or SentencePiece with byte fallback)"
    )
