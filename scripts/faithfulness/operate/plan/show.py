"""A plan as text: by rule, by model, with its assumptions and warnings."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from faithfulness.config.models import LocalSpeaker, ServedSpeaker, Speaker
from faithfulness.config.settings import Settings
from faithfulness.operate.cost import Assumptions
from faithfulness.operate.plan.expected import PARAPHRASER, parameters, weights_folder, writes_worked_chains
from faithfulness.operate.plan.miniature import assumed_steps, files_here, has_worked_chains
from faithfulness.operate.plan.pieces import FILE
from faithfulness.text import count

WIDTH = 96  # of the text, in characters


def show(rows: pd.DataFrame, settings: Settings, assumed: Assumptions, resources: Path) -> str:
    """A plan as text.

    Args:
        rows: table of the schema `Plan`.
        settings, assumed, resources: what it was made from.
    """
    counts = ["jobs", "items", "chains", "probes"]
    rules = {str(rule): _sums(part, counts) for rule, part in rows.groupby("rule", sort=False)}
    rules["total"] = _sums(rows, [])
    models = {}
    for name, part in rows.groupby("model", sort=False):
        speaker = _speaker(str(name), settings)
        size, limit = parameters(speaker, resources), _max_cost(speaker)
        models[str(name)] = {
            "parameters": _number(size, "?"),
            **_sums(part, []),
            "max_cost": _number(limit, "", 2),
        }
    assumptions = [_filled(f"- {line}") for line in _assumptions(settings, assumed, resources)]
    paragraphs = [
        _table(rules, "rule"),
        _table(models, "model"),
        _beside_used(rows),
        "\n".join(["Assumed:", *assumptions]),
        "\n".join(_filled(f"Warning: {line}") for line in warnings(rows, settings, resources)),
    ]
    return "\n\n".join(filter(None, paragraphs))


def _beside_used(rows: pd.DataFrame) -> str:
    """How far the plan of what is finished was off; '' where nothing is finished."""
    finished = rows.dropna(subset="used")
    if finished.empty:
        return ""
    planned, used = int(finished["tokens"].sum()), int(finished["used"].sum())
    return f"The plan of what is finished says {planned:,} tokens, {planned / used:.2f} times what it used."


def warnings(rows: pd.DataFrame, settings: Settings, resources: Path) -> Iterator[str]:
    """What speaks against a plan, one line each."""
    for name, part in rows.groupby("model", sort=False):
        speaker, cost = _speaker(str(name), settings), part["cost"].sum()
        if isinstance(speaker, LocalSpeaker) and parameters(speaker, resources) is None:
            yield f"{name}: its size is unknown until it is fetched; set its `parameters` to see hours"
        if speaker.served and not cost:
            yield f"{name}: its server has no input_price and output_price, so the cost is unknown"
        limit = _max_cost(speaker)
        if limit and cost > limit:
            yield (
                f"{name}: {cost:,.2f} is more than its max_cost of {limit:,.2f}, at which the run "
                "will stop; raise it, or reduce eval, max_cuts or samples"
            )


def _max_cost(speaker: Speaker) -> float | None:
    return speaker.server.max_cost if isinstance(speaker, ServedSpeaker) else None


def _speaker(name: str, settings: Settings) -> Speaker:
    paraphraser = settings.perturbations.paraphraser
    return paraphraser if name == PARAPHRASER and paraphraser else settings.model(name)


def _sums(rows: pd.DataFrame, counts: Sequence[str]) -> dict[str, str]:
    """Sums of some rows as text: '?' where a part is unknown, '' where there is none."""
    return {
        **{name: _number(rows[name].sum(), "") for name in counts},
        "tokens": _number(rows["tokens"].sum(), ""),
        "hours": _number(rows["hours"].sum(skipna=False), "?", 2),
        "cost": _number(rows["cost"].sum(min_count=1), "", 2),
        "used": _number(rows["used"].sum(min_count=1), ""),
    }


def _number(value: float | None, unknown: str, digits: int = 0) -> str:
    """A number with separators between thousands; `unknown` in place of none, and of a count of zero."""
    return unknown if pd.isna(value) or (value == 0 and not digits) else count(value, digits)


def _table(rows: Mapping[str, Mapping[str, str]], heading: str) -> str:
    """Rows in columns, without empty columns."""
    table = pd.DataFrame.from_dict(dict(rows), orient="index").rename_axis(columns=heading).fillna("")
    return table.loc[:, (table != "").any()].to_string()


def _filled(line: str) -> str:
    return textwrap.fill(line, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _assumptions(settings: Settings, assumed: Assumptions, resources: Path) -> Iterator[str]:
    """What a plan assumes, one line each."""
    for dataset in settings.datasets:
        parts = []
        if files_here(dataset, resources) is None:
            parts.append(f"not on this disk, questions of {assumed.question_tokens} tokens")
        if has_worked_chains(dataset, resources):
            parts.append("chains as long as its worked ones")
        else:
            parts.append(
                f"chains of {len(assumed_steps(dataset, assumed))} steps of {assumed.step_tokens} tokens "
                f"(its max_new_tokens x {assumed.chain_share:g})"
            )
        yield f"{dataset.name}: {'; '.join(parts)}"
    alike = [
        dataset.name
        for dataset in settings.datasets
        if any(writes_worked_chains(model, dataset.name, settings) for model in settings.models)
    ]
    if alike:
        yield f"{', '.join(alike)}: a model that is warm-started on the worked chains writes them in all its arms"
    if any(dataset.readout == "text" for dataset in settings.datasets):
        yield "text answers are as long as answer_tokens allows"
    without_tokenizer = [
        model.name
        for model in settings.models
        if not (isinstance(model, LocalSpeaker) and (weights_folder(model, resources) / FILE).exists())
    ]
    if without_tokenizer:
        yield f"{', '.join(without_tokenizer)}: no tokenizer on this disk; a word is one token, a long one several"
    if any(not model.served for model in settings.models):
        yield (
            f"{assumed.flops:.3g} FLOP/s, of which training and scoring use {assumed.utilisation:.0%} and generation "
            f"{assumed.writing_utilisation:.0%}; 2 FLOPs for each parameter and token, 3 times as many in training "
            "(LoRA: 2)"
        )
    if any(model.served for model in settings.models):
        yield f"servers reply in {assumed.reply_seconds:g} s and keep no prompt: each request pays its own"
