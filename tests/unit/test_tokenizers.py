"""Tokenizers of each kind: the ids of a probe decode to its text, or the model is refused before any work."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from faithfulness import prompts, segments
from faithfulness.arms.record import FullWeights, write_arm
from faithfulness.backends.detokenise import detokenise
from faithfulness.backends.protocol import Decoding, Probe, Prompt
from faithfulness.backends.transformers import TransformersBackend
from faithfulness.finetune import examples
from faithfulness.hashing import weights_hash
from faithfulness.prompts import Prompts
from tests.factories import make_arm

SPECIAL = ["<unk>", "<s>", "</s>", "<think>", "</think>"]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
CORPUS = [
    "Question: Is the coin heads up?\nOptions: yes, no.\nAnswer: Let's think step by step. First, it flips.",
    "The answer is 12. So 3 + 4 = 7, and it's not 5.\nFinal answer: yes ... ...",
] * 4
INST = "{% for m in messages %}<s>[INST] {{ m.content }} [/INST]{% endfor %}"


def byte_level(prefix: bool = False) -> Tokenizer:
    """GPT-2, Llama 3, Qwen; with `prefix`, RoBERTa."""
    rules = Tokenizer(models.BPE())
    rules.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    rules.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=alphabet, special_tokens=SPECIAL, show_progress=False
    )
    rules.train_from_iterator(CORPUS, trainer)
    return rules


def sentence_pieces(model: str = "BPE") -> Tokenizer:
    """The pieces of Llama 2 and its siblings: '▁' for a space, and bytes for what has no piece."""
    trained = Tokenizer(models.BPE() if model == "BPE" else models.Unigram())
    trained.normalizer = normalizers.Replace(" ", "▁")
    trained.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    options: dict[str, Any] = {"vocab_size": 200, "special_tokens": SPECIAL, "show_progress": False}
    if model == "Unigram":
        trained.train_from_iterator(CORPUS, trainers.UnigramTrainer(unk_token="<unk>", **options))
        scores = {piece: -1.0 - len(trained.get_vocab()) / 100 for piece in trained.get_vocab()}
        pieces = [(piece, -12.0) for piece in BYTES if piece not in scores]
        vocabulary = [("<unk>", 0.0), *((p, -5.0 + len(p)) for p in sorted(scores) if p != "<unk>"), *pieces]
        return Tokenizer(models.Unigram(vocabulary, unk_id=0, byte_fallback=True))
    trained.train_from_iterator(CORPUS, trainers.BpeTrainer(**options))
    ids = trained.get_vocab()
    ids = {"<unk>": 0} | {piece: number for number, piece in enumerate(sorted({*ids, *BYTES} - {"<unk>"}), start=1)}
    merges = [
        (piece[:cut], piece[cut:])
        for piece in sorted(ids, key=len)
        for cut in range(1, len(piece))
        if piece not in SPECIAL + BYTES and piece[:cut] in ids and piece[cut:] in ids
    ]
    return Tokenizer(models.BPE(ids, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))


def prepend(model: str = "BPE") -> Tokenizer:
    """Llama 2, Mistral 7B, TinyLlama, Phi-3, as converted first: before every text and after every special token."""
    rules = sentence_pieces(model)
    rules.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    rules.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return rules


def metaspace(scheme: str, split: bool = False, model: str = "BPE") -> Tokenizer:
    """The same, as converted later (`legacy: false`)."""
    rules = sentence_pieces(model)
    rules.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=split)
    strip = [] if scheme == "never" else [decoders.Strip(" ", 1, 0)]
    rules.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), *strip])
    return rules


def word_pieces() -> Tokenizer:
    """BERT."""
    rules = Tokenizer(models.WordPiece(unk_token="<unk>"))
    rules.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    rules.decoder = decoders.WordPiece()
    rules.train_from_iterator(
        CORPUS, trainers.WordPieceTrainer(vocab_size=200, special_tokens=SPECIAL, show_progress=False)
    )
    return rules


def words() -> Tokenizer:
    """Words, whatever is between them."""
    rules = Tokenizer(models.WordLevel(unk_token="<unk>"))
    rules.pre_tokenizer = pre_tokenizers.Whitespace()
    rules.train_from_iterator(CORPUS, trainers.WordLevelTrainer(special_tokens=SPECIAL, show_progress=False))
    return rules


def one_line() -> Tokenizer:
    """T5, ALBERT: white space of any kind is one space."""
    rules = metaspace("always", model="Unigram")
    rules.normalizer = normalizers.Replace(r"\s+", " ")
    rules.normalizer = normalizers.Sequence([normalizers.Replace("\n", " "), normalizers.NFKC()])
    return rules


def lower_case() -> Tokenizer:
    rules = byte_level()
    rules.normalizer = normalizers.Lowercase()
    return rules


KEPT: dict[str, Callable[[], Tokenizer]] = {
    "bytes": byte_level,
    "bytes, prefix": lambda: byte_level(prefix=True),
    "prepend": prepend,
    "prepend, unigram": lambda: prepend("Unigram"),
    "metaspace always": lambda: metaspace("always"),
    "metaspace always, split": lambda: metaspace("always", split=True),
    "metaspace first": lambda: metaspace("first"),
    "metaspace first, split": lambda: metaspace("first", split=True),
    "metaspace first, unigram": lambda: metaspace("first", model="Unigram"),
    "metaspace never": lambda: metaspace("never"),
}
REFUSED: dict[str, Callable[[], Tokenizer]] = {
    "word pieces": word_pieces,
    "words": words,
    "one line": one_line,
    "lower case": lower_case,
}


@cache
def rules_of(name: str) -> str:
    return (KEPT | REFUSED)[name]().to_str()


def wrapped(name: str, ends: str = "", template: str | None = None) -> PreTrainedTokenizerFast:
    """A tokenizer of transformers that adds <s> or </s> or both to whole texts."""
    rules = Tokenizer.from_str(rules_of(name))
    rules.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in SPECIAL])
    form = f"{'<s> ' if 'bos' in ends else ''}$A{' </s>' if 'eos' in ends else ''}"
    known = [(name, rules.token_to_id(name)) for name in ("<s>", "</s>")]
    rules.post_processor = processors.TemplateProcessing(single=form, special_tokens=known)
    return PreTrainedTokenizerFast(
        tokenizer_object=rules, bos_token="<s>", eos_token="</s>", unk_token="<unk>", chat_template=template
    )


@pytest.fixture(scope="module")
def kept() -> dict[tuple[str, str], PreTrainedTokenizerFast]:
    return {(name, ends): wrapped(name, ends) for name in KEPT for ends in ("", "bos", "bos eos")}


def read(tokenizer: PreTrainedTokenizerFast, ids: list[int]) -> str:
    return tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)


def joined(tokenizer: PreTrainedTokenizerFast, first: str, *others: str) -> list[int]:
    behind = [token for text in others for token in prompts.encode(tokenizer, text)]
    return [*prompts.encode_prompt(tokenizer, first), *behind]


TEXT = st.text(alphabet="the coin 12.,:+=-'\n\"é日😀 So  ", max_size=20)


@pytest.mark.parametrize("ends", ["", "bos", "bos eos"])
@pytest.mark.parametrize("name", KEPT)
@settings(max_examples=12)
@given(
    texts=st.lists(TEXT, min_size=2, max_size=5), begun=st.booleans(), tag=st.sampled_from(["", "<think>", "</think>"])
)
def test_joined_segments_decode_to_their_texts(
    name: str, ends: str, texts: list[str], begun: bool, tag: str, kept: dict[tuple[str, str], PreTrainedTokenizerFast]
) -> None:
    tokenizer = kept[name, ends]
    first, *others = texts
    first = f"<s>{first}" if begun else f"Q{first}"
    others = [*others, f"\n{tag}\nAnswer:", " yes"]
    assert read(tokenizer, joined(tokenizer, first, *others)) == first + "".join(others)


@pytest.mark.parametrize("template", [None, INST], ids=["plain", "chat"])
@pytest.mark.parametrize("name", KEPT)
def test_they_are_used(name: str, template: str | None, wording: Prompts) -> None:
    for ends in ("", "bos", "bos eos"):
        tokenizer = wrapped(name, ends, template)
        prompts.check(tokenizer, wording)
        prompts.check(tokenizer, prompts.thinking(wording, ("<think>", "</think>")))


@pytest.mark.parametrize("name", ["prepend", "metaspace first", "metaspace always"])
def test_tokens_that_take_the_white_space_behind_them(name: str, wording: Prompts) -> None:
    """Those of Phi-3, whose template writes it all the same."""
    rules = Tokenizer.from_str(rules_of(name))
    rules.add_special_tokens([AddedToken(f"<|{part}|>", rstrip=True) for part in ("user", "assistant", "end")])
    template = "{% for m in messages %}<|user|>\n{{ m.content }}<|end|>\n{% endfor %}<|assistant|>\n"
    template = template.replace("\n", "{{ '\\n' }}")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=rules, unk_token="<unk>", chat_template=template)
    prompts.check(tokenizer, wording)
    item = {"question": "Is it?", "letters": False, "show_options": False}
    text = prompts.ask(item, wording, prompts.renderer(tokenizer))
    assert text == "<|user|>\nIs it?<|end|>\n<|assistant|>\n"
    assert read(tokenizer, prompts.encode_prompt(tokenizer, text)) == text


@pytest.mark.parametrize("name", REFUSED)
def test_others_are_refused(name: str, wording: Prompts) -> None:
    with pytest.raises(ValueError, match=r"tokenizer does not keep texts: '.*' becomes '.*'.*choose a model"):
        prompts.check(wrapped(name), wording)


@pytest.mark.parametrize("name", ["prepend", "metaspace first", "metaspace always"])
def test_the_beginning_is_that_of_training(name: str, wording: Prompts) -> None:
    """Behind <s> or without it, a text begins with a space that is not shown, as whole texts do."""
    item = {"question": "Is it?", "letters": False, "show_options": False}
    for ends in ("", "bos"):
        tokenizer = wrapped(name, ends)
        text = prompts.ask(item, wording, prompts.renderer(tokenizer))
        assert text == ("<s> " if ends else "") + "Question: Is it?\nAnswer: "
        assert prompts.encode_prompt(tokenizer, text) == tokenizer.encode("Question: Is it?\nAnswer: ")


def test_most_tokenizers_need_no_anchor() -> None:
    rules = byte_level()
    plain = lambda text: rules.encode(text, add_special_tokens=False).ids  # noqa: E731
    assert segments.behind(plain, rules.decode, {})[0] is plain
    assert prompts.anchor_ids(wrapped("bytes")) == []


@pytest.mark.parametrize("name", KEPT)
def test_perturbations_use_the_same_ids(name: str, tmp_path: Path) -> None:
    tokenizer = wrapped(name, "bos")
    tokenizer.save_pretrained(tmp_path)
    encode, decode = prompts.segment_coder(tmp_path)
    for text in (" ...", "\n</think>\nAnswer:", " So it's 12.", "Heads", " "):
        assert encode(text) == prompts.encode(tokenizer, text)
        assert decode(encode(text)) == prompts.decode(tokenizer, encode(text)) == text


@pytest.mark.parametrize("name", KEPT)
@settings(max_examples=12)
@given(texts=st.lists(TEXT, min_size=1, max_size=4))
def test_chains_keep_their_first_space(
    name: str, texts: list[str], kept: dict[tuple[str, str], PreTrainedTokenizerFast]
) -> None:
    tokenizer = kept[name, "bos"]
    ids = prompts.encode(tokenizer, " " + "".join(texts))
    text, token_ends = detokenise(tokenizer, ids, prompts.anchor_ids(tokenizer))
    assert text == " " + "".join(texts)
    assert (len(token_ends), token_ends[-1]) == (len(ids), len(text))
    assert token_ends == sorted(token_ends)


def model_of(tokenizer: PreTrainedTokenizerFast, folder: Path, **options: Any) -> Path:
    """An arm: a tiny random Llama with a tokenizer."""
    torch.manual_seed(0)
    shape: dict[str, Any] = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    config = LlamaConfig(**shape, num_attention_heads=2, vocab_size=len(tokenizer), eos_token_id=None, **options)
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    write_arm(folder / "arm", make_arm(weights=FullWeights(folder=str(folder), folder_hash=weights_hash(folder))))
    return folder / "arm"


@pytest.mark.parametrize("name", ["bytes", "prepend", "metaspace first", "metaspace always"])
def test_what_a_model_reads_is_what_it_wrote(name: str, wording: Prompts, tmp_path: Path) -> None:
    tokenizer = wrapped(name, "bos")
    backend = TransformersBackend(model_of(tokenizer, tmp_path), "cpu", 1)
    item = {"item_id": "a", "question": "Is it?", "answer": "yes", "letters": False, "show_options": False}
    asked = prompts.chain_prompt(item, wording, backend.render)
    (written,) = backend.generate([Prompt(asked)], Decoding(12))
    assert written.ids is not None
    for ids in (written.ids, None):
        probe = Probe("a", asked, written.text, wording.chain_cue, ids)
        context = backend.context_ids(probe)
        if "\ufffd" not in written.text:  # random bytes are no text
            assert read(tokenizer, context) == asked + written.text + wording.chain_cue
    worked = item | {"rationale": ["First, it flips.", "So it is."]}
    learned = examples.chain_example(worked, wording, tokenizer)["input_ids"]
    expected = asked + " First, it flips. So it is." + wording.chain_cue + " yes</s>"
    assert read(tokenizer, learned) == expected


def test_a_model_is_refused_before_it_is_used(tmp_path: Path) -> None:
    arm = model_of(wrapped("word pieces"), tmp_path)
    with pytest.raises(ValueError, match="tokenizer does not keep texts"):
        TransformersBackend(arm, "cpu", 1)
