"""The tokenizer and the chat template of an arm that was trained elsewhere, compared with those of its base arm.

All arms of a model read and write the same tokens, and are prompted with the same template: a difference between arms
is then one of the weights.
"""

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, PreTrainedTokenizerFast

logger = logging.getLogger("faithfulness")

# Each of these files holds a vocabulary.
VOCABULARIES = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model", "*.tiktoken")
TEMPLATE = "chat_template.jinja"
# Texts on which tokenizers with one vocabulary differ if their rules do: spaces, digits, case, accents, scripts, code.
TEXTS = (
    " The answer is 1,234.50 (about 28%).\n\nSo x^2 = 144, and  x\t= 12.",
    "don't DON'T Don\u2019t e\u0301\u00e9 \ufb01ne \u00c5ngstr\u00f6m na\u00efve",
    "\u7b54\u6848\u662f\u56db\u3002 \u041e\u0442\u0432\u0435\u0442: \u0634\u0645\u0633 \U0001f600",
    "def f(a_b):\n    return a_b[0] // 7  # http://x.y/?q=1\n",
)


@dataclass(frozen=True)
class Own:
    """What an arm reads and writes with.

    Attributes:
        tokenizer: with the chat template; None: those of the base arm.
        stops: ids of tokens that end what the arm writes, beside those of the base arm.
    """

    tokenizer: Any = None
    stops: tuple[int, ...] = ()


def own_tokenizer(
    source: Path, base: Path, rows: int, template: str, trust_remote_code: bool = False, is_required: bool = False
) -> Own:
    """Compare what lies beside an arm's weights with its base arm's, and say what differs.

    A tokenizer that has tokens besides the base's is used where the weights have rows for them. Chat templates are the
    base's unless `template` is 'own'.

    Args:
        source: folder of the arm's weights.
        base: folder of its base arm's weights.
        rows: tokens for which the arm has embeddings.
        template: 'base' or 'own'.
        trust_remote_code: whether the model may run code of its own.
        is_required: whether a tokenizer must lie beside the weights.

    Raises:
        ValueError: the tokenizers give other ids to the same text, or one of them is missing or cannot be read.
    """
    theirs = load_tokenizer(base, trust_remote_code)
    if theirs is None:
        raise ValueError(f"{base} holds no tokenizer; delete the folder, and the next run makes it anew")
    own = load_tokenizer(source, trust_remote_code)
    if own is None and is_required:
        raise ValueError(
            f"{source} holds no tokenizer ({', '.join(VOCABULARIES)}); copy the files of the tokenizer that the "
            "weights were trained with to it"
        )
    added = _added_tokens(own, theirs, source) if own is not None else {}
    has_rows = all(number < rows for number in added.values())
    text = _template(source) if own is None else own.chat_template
    if template == "own" and not text:
        raise ValueError(f"chat_template: own needs a chat template, and {source} holds none; leave the setting out")
    if text and text != theirs.chat_template:
        base_used = "all arms are prompted with the base arm's, unless `chat_template: own` of an arm says otherwise"
        used = "it is used, as `chat_template: own` says" if template == "own" else base_used
        logger.warning("%s holds another chat template than its base arm: %s", source, used)
    stops: tuple[int, ...] = ()
    if own is not None and own.eos_token_id not in (None, theirs.eos_token_id) and own.eos_token_id < rows:
        logger.warning("what the arm writes ends with %s, too, the end of its own tokenizer", own.eos_token)
        stops = (own.eos_token_id,)
    if added:
        logger.warning(
            "%s has a tokenizer with %d tokens that its base arm lacks (%s)%s",
            source,
            len(added),
            ", ".join(sorted(added, key=added.__getitem__)[:5]),
            "" if has_rows else f"; it is not used, as the weights have embeddings of {rows} tokens only",
        )
    kept = own if own is not None and has_rows and (added or template == "own") else theirs
    chosen = text if text and template == "own" else theirs.chat_template
    if kept is theirs and chosen == theirs.chat_template:
        return Own(None, stops)
    kept.chat_template = chosen
    return Own(kept, stops)


def has_vocabulary(folder: Path) -> bool:
    """Whether a folder holds a tokenizer."""
    return any(any(folder.glob(name)) for name in VOCABULARIES)


def load_tokenizer(folder: Path, trust_remote_code: bool = False) -> Any:
    """The tokenizer of a folder; None if it holds no vocabulary.

    Raises:
        ValueError: it cannot be read.
    """
    if not has_vocabulary(folder):
        return None
    try:
        if not any((folder / name).exists() for name in ("tokenizer_config.json", "config.json")):
            return PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code, local_files_only=True)
    except Exception as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"the tokenizer in {folder} cannot be read ({reason[:200]}); copy it once more") from error


def _added_tokens(own: Any, base: Any, source: Path) -> dict[str, int]:
    """Ids of the tokens that an arm's tokenizer has and its base arm's lacks.

    Raises:
        ValueError: a token that both have, or a text, has other ids.
    """
    mine, theirs = own.get_vocab(), base.get_vocab()
    way = (
        f"if the weights were trained with the base's tokenizer, put it in place of the one in {source}; if not, this "
        "arm was not tuned from this model"
    )
    moved = [token for token, number in theirs.items() if mine.get(token, number) != number]
    lost = [token for token in theirs if token not in mine and token not in base.get_added_vocab()]
    if moved or lost:
        token = min(moved or lost, key=theirs.__getitem__)
        raise ValueError(
            f"the tokenizer in {source} is another one than its base arm's: {len(moved) + len(lost)} of {len(theirs)} "
            f"tokens have another id or none, among them {token!r} ({theirs[token]} and {mine.get(token)}); {way}"
        )
    for text in TEXTS:
        if own.encode(text, add_special_tokens=False) != base.encode(text, add_special_tokens=False):
            raise ValueError(
                f"the tokenizer in {source} splits texts otherwise than its base arm's, with the same tokens: "
                f"{text!r}; {way}"
            )
    return {token: number for token, number in mine.items() if token not in theirs}


def _template(folder: Path) -> str | None:
    """A chat template that lies in a folder without a tokenizer."""
    if (folder / TEMPLATE).exists():
        return (folder / TEMPLATE).read_text("utf-8")
    file = folder / "tokenizer_config.json"
    template = json.loads(file.read_text("utf-8")).get("chat_template") if file.exists() else None
    return template if isinstance(template, str) else None
