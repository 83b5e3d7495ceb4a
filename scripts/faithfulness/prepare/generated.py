"""Generated tasks by their names."""

from collections.abc import Callable, Iterator

from faithfulness.prepare.coin_flip import coin_flip
from faithfulness.prepare.last_letters import last_letters
from faithfulness.prepare.questions import Item
from faithfulness.prepare.word_sums import word_sums

# From the settings of a dataset, a part and the questions that may not be asked again to items, until none is left.
GENERATORS: dict[str, Callable[..., Iterator[Item]]] = {
    "last_letters": last_letters,
    "coin_flip": coin_flip,
    "word_sums": word_sums,
}
