"""Batches under a token budget that shrinks when the device runs out of memory."""

import itertools
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch

logger = logging.getLogger("faithfulness")

MOST_ROWS = 16  # in a padded batch

Unit = list[int]  # indices that are computed together


@dataclass
class TokenBudget:
    """The number of tokens in a forward pass. It is halved, and stays so, when the device runs out of memory.

    Args:
        tokens: at the beginning.
        device: name of the device, for messages.
        padded: whether units are computed as padded batches of `rows`. A smaller budget then means fewer rows at once,
            so even a single unit can be tried again.
    """

    tokens: int
    device: str
    padded: bool = False

    def rows(self, longest: int) -> int:
        """Number of rows in a padded batch whose longest sequence has `longest` tokens."""
        return min(MOST_ROWS, max(1, self.tokens // longest))

    def run(
        self,
        units: list[Unit],
        size: Callable[[Unit], int],
        work: Callable[[list[int]], None],
        divisible: bool = False,
    ) -> None:
        """Do the work in batches: as many whole units as the budget allows, in their order, or one.

        Args:
            units: indices that belong together.
            size: number of tokens of a unit.
            work: called with the indices of a batch. After an out-of-memory error it is called again with fewer.
            divisible: whether a unit above the budget may be halved.

        Raises:
            MemoryError: the device has too little memory for the smallest batch.
        """
        pending = [(unit, size(unit)) for unit in units]
        while pending:
            unit, tokens = pending[0]
            if divisible and tokens > self.tokens and len(unit) > 1:
                middle = len(unit) // 2
                pending[:1] = [(half, size(half)) for half in (unit[:middle], unit[middle:])]
                continue
            count = leading(self.tokens, (tokens for _, tokens in pending))
            batch = pending[:count]
            try:
                work([index for unit, _ in batch for index in unit])
                del pending[:count]
                continue
            except torch.OutOfMemoryError:
                pass  # handled below, where the exception no longer holds the tensors of `work`
            smaller = count > 1 or (divisible and len(unit) > 1) or (self.padded and self.tokens > 1)
            self._halve(sum(tokens for _, tokens in batch), smaller)

    def _halve(self, used: int, smaller: bool) -> None:
        """Halve the budget after a batch of `used` tokens failed; `smaller`: whether a smaller batch is possible."""
        torch.cuda.empty_cache()
        if not smaller:
            raise MemoryError(
                f"{self.device} has too little memory for one item of {used} tokens; use a device with more memory, "
                "shorter chains (max_new_tokens), or fewer cuts (max_cuts)"
            )
        self.tokens = min(used, self.tokens) // 2
        logger.warning("out of memory on %s: continuing with %d tokens per batch", self.device, self.tokens)


def leading(budget: int, sizes: Iterable[int]) -> int:
    """How many of the first sizes fit into the budget together; at least one."""
    totals = itertools.accumulate(sizes)
    return max(1, sum(1 for _ in itertools.takewhile(lambda total: total <= budget, totals)))
