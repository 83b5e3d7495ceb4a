"""Token ends: those of decoding every prefix, which takes quadratic time."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from faithfulness.backends.detokenise import PARTIAL, detokenise


def byte_level() -> Tokenizer:
    """Tokens are runs of bytes, some of which begin or end inside a character, as in GPT-2, Llama 3 and Qwen."""
    rules = Tokenizer(models.BPE())
    rules.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    rules.decoder = decoders.ByteLevel()
    texts = ["“so” is “not” é", "日本語 😀 😁", "the coin"] * 3
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    rules.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=330, initial_alphabet=alphabet, special_tokens=["<s>"])
    )
    return rules


def byte_fallback() -> Tokenizer:
    """Characters, and single bytes of those that have no token; the first space is left out, as in Llama 2."""
    names = ["<unk>", "<s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "▁the", "▁a", "a", "é", ".", PARTIAL]
    vocabulary = {name: number for number, name in enumerate(names)}
    rules = Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>", byte_fallback=True))
    parts = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    rules.decoder = decoders.Sequence(parts)
    rules.add_special_tokens(["<s>"])
    return rules


def word_pieces() -> Tokenizer:
    """Spaces come between words, and a first token has none, as in BERT."""
    rules = Tokenizer(models.WordPiece({"[UNK]": 0, "a": 1, "##b": 2, ".": 3, "coin": 4}, unk_token="[UNK]"))
    rules.decoder = decoders.WordPiece(cleanup=False)
    return rules


TOKENIZERS = {
    rules.__name__: PreTrainedTokenizerFast(tokenizer_object=rules())
    for rules in (byte_level, byte_fallback, word_pieces)
}


def decode(tokenizer: PreTrainedTokenizerFast, ids: list[int]) -> str:
    return tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)


def reference(tokenizer: PreTrainedTokenizerFast, ids: list[int]) -> tuple[str, list[int]]:
    text = decode(tokenizer, ids)
    ends = [min(len(decode(tokenizer, ids[: i + 1]).rstrip(PARTIAL)), len(text)) for i in range(len(ids))]
    return text, [*accumulate(ends[:-1], max), len(text)] if ids else []


@pytest.mark.parametrize("name", TOKENIZERS)
@given(data=st.data())
def test_ends_are_those_of_all_prefixes(name: str, data: st.DataObject) -> None:
    tokenizer = TOKENIZERS[name]
    bytes_only = [i for i in range(len(tokenizer)) if PARTIAL in decode(tokenizer, [i])] or [0]
    token = st.integers(0, len(tokenizer) - 1) | st.sampled_from(bytes_only)
    ids = data.draw(st.lists(token, max_size=14))
    assert detokenise(tokenizer, ids) == reference(tokenizer, ids)


@pytest.mark.parametrize("name", ["byte_level", "byte_fallback"])
@given(text=st.text(alphabet="the coin“é日😀\ufffd", max_size=12))
def test_ends_of_texts(name: str, text: str) -> None:
    tokenizer = TOKENIZERS[name]
    ids = tokenizer.encode(text, add_special_tokens=False)
    assert detokenise(tokenizer, ids) == reference(tokenizer, ids)


def test_a_character_ends_with_its_last_byte() -> None:
    tokenizer = TOKENIZERS["byte_fallback"]
    ids = tokenizer.convert_tokens_to_ids(["a", "<0xF0>", "<0x9F>", "<0x98>", "<0x80>", "."])
    assert detokenise(tokenizer, ids) == ("a😀.", [1, 1, 1, 1, 2, 3])


def test_a_text_that_ends_inside_a_character() -> None:
    tokenizer = TOKENIZERS["byte_level"]
    text, ends = detokenise(tokenizer, tokenizer.encode("a😂", add_special_tokens=False)[:-1])
    assert text.startswith(f"a{PARTIAL}")
    assert ends[-1] == len(text)


def test_nothing() -> None:
    assert detokenise(TOKENIZERS["byte_level"], []) == ("", [])


def test_time_is_linear() -> None:
    """Windows of a few tokens are decoded, not the whole text again."""

    class Counting:
        tokens = 0

        def decode(self, ids: list[int], **options: bool) -> str:
            self.tokens += len(ids)
            return TOKENIZERS["byte_level"].decode(ids, **options)

    counting = Counting()
    detokenise(counting, TOKENIZERS["byte_level"].encode("the coin is “not” é" * 100))  # type: ignore[arg-type]
    ids = len(TOKENIZERS["byte_level"].encode("the coin is “not” é" * 100))
    assert counting.tokens < 10 * ids
