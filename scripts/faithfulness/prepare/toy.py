"""A tiny untrained Llama, for smoke runs."""

import random
from itertools import islice
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers, trainers
from tokenizers.models import BPE
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from faithfulness.config.datasets import CoinFlip, LastLetters, WordSums
from faithfulness.prepare.coin_flip import coin_flip
from faithfulness.prepare.last_letters import last_letters
from faithfulness.prepare.word_sums import word_sums


def random_llama() -> tuple[Any, Any]:
    """A tiny untrained Llama whose tokenizer knows the words of the generated tasks: for smoke runs."""
    tasks = (
        last_letters(LastLetters(name="a", task="last_letters"), "train"),
        coin_flip(CoinFlip(name="b", task="coin_flip"), "train"),
        word_sums(WordSums(name="c", task="word_sums"), "train"),
    )
    texts = [" ".join([item["question"], *item["rationale"]]) for task in tasks for item in islice(task, 500)]
    rules = Tokenizer(BPE())
    rules.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    rules.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    rules.train_from_iterator(
        texts,
        trainers.BpeTrainer(vocab_size=675, special_tokens=["<eos>"], initial_alphabet=alphabet, show_progress=False),
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=rules, eos_token="<eos>", pad_token="<eos>")
    random.seed(0)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return tokenizer, LlamaForCausalLM(config)
