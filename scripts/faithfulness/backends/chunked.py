"""Log-probabilities of many tokens of one forward pass, a few rows of logits at a time.

The tokens of a chain are as many as the layers computed anyway, and their logits over a large vocabulary would be the
largest thing in memory. So the last hidden states of the pass are kept, and what the model does behind its layers (the
output matrix, and what some models do to the logits) is done to a slice of them at a time.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel
from transformers.utils.generic import ModelOutput

from faithfulness.backends.logits import log_probs

ROWS = 256  # of logits at once


@contextmanager
def recorded(model: PreTrainedModel) -> Iterator[list[ModelOutput]]:
    """Collects what the layers give in each forward pass: the last hidden states (1, T, H), T tokens in the row."""
    outputs: list[ModelOutput] = []

    def keep(_module: torch.nn.Module, _arguments: object, output: ModelOutput) -> None:
        outputs.append(output)

    handle = model.get_decoder().register_forward_hook(keep)
    try:
        yield outputs
    finally:
        handle.remove()


def token_log_probs(
    model: PreTrainedModel, output: ModelOutput, places: NDArray[np.int64], tokens: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Log-probability of tokens, in nats.

    Args:
        model: that gave the output.
        output: from `recorded`.
        places: (M,) the place in the row that predicts each token.
        tokens: (M,) token ids.

    Returns:
        (M,) log-probabilities.

    Raises:
        ValueError: a value is not finite.
    """
    values = np.empty(len(tokens))
    kept, rows = np.unique(places, return_inverse=True)  # (N,) places, (M,) their rows in the logits
    for start in range(0, len(kept), ROWS):
        chosen = (rows >= start) & (rows < start + ROWS)
        logits = _logits(model, output, torch.from_numpy(kept[start : start + ROWS]))
        values[chosen] = log_probs(logits, rows[chosen] - start, tokens[chosen])
    return values


def _logits(model: PreTrainedModel, output: ModelOutput, places: Tensor) -> Tensor:
    """Logits at some places (N,) of a pass, (N, V): a pass whose layers give their hidden states as they gave them."""
    layers = model.get_decoder()
    states = output["last_hidden_state"]
    part = type(output)(**{**output, "last_hidden_state": states[:, places.to(states.device)]})
    own = vars(layers).get("forward")  # None: it is the class's
    layers.forward = lambda *_, **__: part
    try:
        return model(input_ids=torch.zeros_like(places)[None].to(model.device), use_cache=False).logits[0]
    finally:
        if own is None:
            del layers.forward
        else:
            layers.forward = own
