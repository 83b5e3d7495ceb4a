"""A self-test of prefix trees, run when a model is loaded.

Trees are exact for most causal models, but not for all: some attend to more than their ancestors (recurrent layers),
and some take a mask that cannot be replaced. Where positions change at a length (`positions`), sequences on both sides
are tried.
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

    Where positions are scaled beyond a length of usual size, the sequences reach it; the last one is longer, if trees
    are used there, too.
    """
    window = getattr(model.config.get_text_config(), "sliding_window", None) or 0
    length = 48 + min(window, LONGEST)
    alike = positions.longest_alike(model)
    edge = positions.scaled_from(model) + 8 if alike == math.inf else int(alike)
    if length + 16 < edge <= LONGEST:
        length = edge - 16  # the last sequence has as many tokens as the edge says
    vocabulary = next(model.get_input_embeddings().parameters()).shape[0]
    ids = [(7 * i * i + 13 * i) % vocabulary for i in range(length + 48)]
    return [
        (ids[:24], ids[30:32]),
        (ids[:length], ids[50:52]),
        (ids[: length - 16] + ids[-36:-16], ids[-16:-13]),
        (ids[: length - 16] + ids[-40:-10], ids[2:4]),
    ]


def _largest_difference(model: PreTrainedModel, requests: list[Request], expected: list[float]) -> float:
    """Difference to the expected log-probabilities, in nats, of all ways to use a tree."""
    grown = Forest(model, [context for context, _ in requests])
    whole = Forest(model, [[*context, *continuation] for context, continuation in requests], requests)
    scores = [
        forest.score(model, requests),
        forest.score(model, [], requests),
        grown.score(range(len(requests)), [continuation for _, continuation in requests]),
        whole.chain_log_probs,
    ]
    return float(np.abs(np.array(scores) - expected).max())  # NaN if one of them is NaN
