"""From logits to log-probabilities, to the likeliest token, and to sampled tokens."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import LogitsProcessor, LogitsProcessorList, TemperatureLogitsWarper, TopPLogitsWarper

from faithfulness.backends.protocol import Decoding

SLICE = 64  # rows converted to float32 at once: all rows of a large vocabulary would be the largest thing in memory


def log_probs(logits: Tensor, rows: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[np.float64]:
    """Log-probability of tokens, in nats, computed in float32.

    Args:
        logits: (N, V), V tokens in the vocabulary.
        rows: (M,) the row of logits that predicts each token.
        tokens: (M,) token ids.

    Returns:
        (M,) log-probabilities.

    Raises:
        ValueError: a value is not finite.
    """
    normalisers = torch.cat([part.float().logsumexp(dim=-1) for part in logits.split(SLICE)])  # (N,)
    row_index = torch.from_numpy(rows).to(logits.device)  # (M,)
    token_index = torch.from_numpy(tokens).to(logits.device)  # (M,)
    values = logits[row_index, token_index].float() - normalisers[row_index]  # (M,)
    refuse_unless_finite(values)
    return values.double().cpu().numpy()


def likeliest(scores: Tensor) -> Tensor:
    """Token with the largest score in each row: (N, V) to (N,).

    Raises:
        ValueError: a largest score is not finite.
    """
    best = scores.max(dim=-1)
    refuse_unless_finite(best.values)
    return best.indices


def refuse_unless_finite(values: Tensor) -> None:
    """Refuse NaN and infinity: a damaged model would otherwise give plausible answers."""
    if not values.isfinite().all():
        raise ValueError(
            "the model's logits are not finite numbers: its weights contain NaN or infinity, or they overflow in its "
            "dtype; use intact weights, or dtype bfloat16 or float32"
        )


def sampler(decoding: Decoding, seeds: Sequence[int], drawn: Sequence[int]) -> LogitsProcessorList:
    """Processors that make a greedy choice a sample; none if decoding is greedy.

    Args:
        decoding: temperature and top_p.
        seeds: one for each row.
        drawn: tokens of each row that were drawn with its seed before.
    """
    if decoding.temperature == 0:
        return LogitsProcessorList()
    noise = GumbelNoise(seeds, drawn)
    return LogitsProcessorList([TemperatureLogitsWarper(decoding.temperature), TopPLogitsWarper(decoding.top_p), noise])


class GumbelNoise(LogitsProcessor):
    """Adds noise that makes the greedy choice a sample: argmax(scores + Gumbel noise) is a draw from softmax(scores).

    The noise of a row comes from its own seed, so neither the size nor the order of a batch changes what is drawn. A
    row that is written on continues with the noise after that of the tokens that were drawn before.
    """

    def __init__(self, seeds: Sequence[int], drawn: Sequence[int]) -> None:
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.skip = drawn  # draws of V numbers; V is known at the first call

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Scores (N, V) with noise."""
        for generator, count in zip(self.generators, self.skip, strict=False):
            for _ in range(count):
                torch.rand(scores.shape[1], generator=generator)
        self.skip = ()
        draws = [torch.rand(scores.shape[1], generator=generator) for generator in self.generators]  # N of (V,)
        uniform = torch.stack(draws).to(scores.device)  # (N, V), between 0 and 1
        return scores.float() - torch.log(-torch.log(uniform.clamp(1e-20, 1 - 1e-7)))
