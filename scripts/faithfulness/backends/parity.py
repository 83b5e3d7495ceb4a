"""A self-test of prefix trees, run when a model is loaded.

Trees are exact for most causal models, but not for all: some attend to more than their ancestors (recurrent layers),
and some take a mask that cannot be replaced. Positions may change at a length (`positions`): both sides are tried.
"""

import logging
import math

import numpy as np
import torch
from transformers import PreTrainedModel

from faithfulness.backends import forest, padded, positions, tree_attention
from faithfulness.backends.forest import Forest
from faithfulness.backends.protocol import Request

logger = logging.getLogger("faithfulness")

# Largest difference between log-probabilities (nats) with and without trees that rounding explains.
TOLERANCE = {torch.float32: 5e-4, torch.bfloat16: 0.5, torch.float16: 0.1}
LONGEST = 4096  # tokens of a sequence that is tried


@torch.inference_mode()
def use_trees(model: PreTrainedModel, pad: int) -> bool:
    """Switch a model to tree attention, if that gives the log-probabilities of ordinary forward passes.

    Args:
        model: a causal language model; left as it was if trees are not exact.
        pad: id of the padding token.

    Returns:
        Whether it uses trees now.

    Raises:
        ValueError: its logits are not finite numbers.
    """
    requests = _requests(model)
    expected = padded.score(model, requests, 1, pad)
    beyond = positions.longest_alike(model)
    if beyond < LONGEST:  # a row on the other side must leave nothing behind
        padded.score(model, [(_ids(model, int(beyond) + 8), [1])], 1, pad)
    before = model.config._attn_implementation
    try:
        model.set_attn_implementation(tree_attention.NAME)
        difference = _largest_difference(model, requests, expected)
        if difference <= TOLERANCE[model.dtype]:
            return True
        logger.warning("prefix trees: this model's log-probabilities differ by %.2g nats with them", difference)
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        logger.warning("prefix trees: not possible with this model (%s)", error)
    logger.warning("using one sequence per row, which is slower")
    model.set_attn_implementation(before)
    return False


def _requests(model: PreTrainedModel) -> list[Request]:
    """Sequences with common beginnings, long enough to leave a sliding window of usual size.

    Where positions are scaled beyond a length of usual size, and trees are used beyond it, the last of them is longer.
    """
    window = getattr(model.config.get_text_config(), "sliding_window", None) or 0
    length = 48 + min(window, LONGEST)
    if positions.longest_alike(model) == math.inf and length + 8 < positions.scaled_from(model) <= LONGEST:
        length = positions.scaled_from(model) - 8
    ids = _ids(model, length + 48)
    return [
        (ids[:length], ids[50:52]),
        (ids[: length - 16] + ids[-36:-16], ids[-16:-13]),
        (ids[: length - 16] + ids[-40:-10], ids[2:4]),
    ]


def _ids(model: PreTrainedModel, count: int) -> list[int]:
    vocabulary = next(model.get_input_embeddings().parameters()).shape[0]
    return [(7 * i * i + 13 * i) % vocabulary for i in range(count)]


def _largest_difference(model: PreTrainedModel, requests: list[Request], expected: list[float]) -> float:
    """Difference to the expected log-probabilities, in nats, of both ways to use a tree."""
    grown = Forest(model, [context for context, _ in requests])
    scores = [
        forest.score(model, requests),
        grown.score(range(len(requests)), [continuation for _, continuation in requests]),
    ]
    return float(np.abs(np.array(scores) - expected).max())  # NaN if one of them is NaN
