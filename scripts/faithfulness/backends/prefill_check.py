"""A check that a server continues an unfinished turn as it is, before any chain is paid for.

Many chat templates rewrite past turns: those of Qwen3 and DeepSeek-R1 drop what was thought in them, or put an empty
thinking block before what was said; and a server that knows no unfinished turns ends the turn and begins another. The
chain would be cut or answered, not continued. No interface returns the text that the model reads, but nearly all count
its tokens, and the counts of a few short requests tell: a turn that is said twice must count twice.
"""

import logging
from collections.abc import Callable, Sequence

from faithfulness.backends.failures import ServerError
from faithfulness.backends.ledger import Reply
from faithfulness.prompts import Prompts

logger = logging.getLogger("faithfulness")

USER = "Say a word."
WORD = "the"  # one token in every vocabulary, with a space before it and without
ADVICE = (
    "With `server.turn: prefill`, the server must continue the assistant's last turn as it is. Use `server.turn: "
    "question` (without `think`), or serve the model with a chat template that keeps the last turn (vLLM: "
    "--chat-template)"
)


def check(account: str, prompts: Prompts, replies: Callable[[Sequence[str | None]], list[Reply]]) -> None:
    """Refuse a server that does not continue the assistant's unfinished turn as it is.

    Args:
        account: names the model and its server.
        prompts: of the model.
        replies: to `USER`'s message and each beginning of the assistant's turn; None for no beginning.

    Raises:
        ServerError: says what the server does, and what to do.
    """
    opening = prompts.chain_prefill if prompts.think else ""
    (asked,) = _counts(replies([None]))
    turns = [f"{opening}{WORD}", f"{opening}{WORD}{opening or ' '}{WORD}"]
    if prompts.think:  # a chain that is over, as answers are asked for
        turns += [f"{opening}{WORD}{n * f' {WORD}'}{prompts.chain_cue}" for n in (0, 8)]
    try:
        counts = _counts(replies(turns))
    except ServerError as error:
        raise ServerError(f"{account}: refuses an unfinished turn of the assistant ({error}). {ADVICE}") from None
    if asked is None or None in counts or set(counts) == {asked}:
        logger.warning("%s counts no tokens; nothing says whether it continues unfinished turns as they are", account)
        return
    finding = _finding(asked, [count or 0 for count in counts], prompts)
    if finding:
        raise ServerError(f"{account}: {finding}. {ADVICE}")


def _counts(replies: Sequence[Reply]) -> list[int | None]:
    """Tokens of what the model read; None where the server does not count them."""
    return [reply["sent"] for reply in replies]


def _finding(asked: int, counts: Sequence[int], prompts: Prompts) -> str:
    """What a server does to the turn, '' if nothing, from the tokens without a turn and with each.

    A turn that is begun and nothing else adds the tokens that it has when it is said again.
    """
    once, twice, *closed = counts
    added = once - asked - (twice - once)
    if twice <= once:
        return "its chat template drops the assistant's last turn"
    if closed and closed[1] <= closed[0]:
        return "its chat template drops what was thought in the assistant's last turn"
    if added > 0:
        return (
            f"it adds {added} token{'s' * (added > 1)} to the assistant's last turn: its end, another turn, "
            "or a thinking block (which `server.body: {chat_template_kwargs: {enable_thinking: false}}` may leave out)"
        )
    if added < -1 and not prompts.think:
        return (
            f"its chat template begins the model's turns with {-added} tokens that a continued turn does not have, "
            "such as the tag of a thinking block: set `think` of the model to its tags"
        )
    return ""
