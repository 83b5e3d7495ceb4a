"""Worked chains in place of generated ones, perturbed and scored as a run does with its own chains."""

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from faithfulness import prompts
from faithfulness.backends.protocol import Backend, Decoding
from faithfulness.calibrate.exact import WorkedChains
from faithfulness.chains.write import write_chains
from faithfulness.config.probing import Perturbations
from faithfulness.perturb.apply import probes_of
from faithfulness.perturb.donors import donors
from faithfulness.perturb.registry import PERTURBATIONS
from faithfulness.perturb.splicing import Decode, Encode
from faithfulness.perturb.wording import Contrasts
from faithfulness.prompts import Prompts
from faithfulness.rescore import readout
from faithfulness.rescore.answering import Readout
from faithfulness.tables.by_item import rows_of
from faithfulness.tables.generation import Probes
from faithfulness.tables.io import frame, records
from faithfulness.tables.journal import Journal

WRITER = "worked"  # in the tables


def write_worked(
    items: pd.DataFrame, wording: Prompts, journal: Journal, tokenizer: prompts.Tokenizer | None = None
) -> pd.DataFrame:
    """The worked chains of items as a table of chains, with token ids if there is a tokenizer."""
    render = prompts.renderer(tokenizer)
    texts = {
        prompts.chain_prompt(item, wording, render): prompts.chain_text(item["rationale"]) for item in records(items)
    }
    writer = WorkedChains(texts, tokenizer, prompts.tokenizer_hash(tokenizer) if tokenizer else None)
    journal = replace(journal.extended(writer.tokenizer_hash, texts), label="worked chains")
    return write_chains(writer, items, wording, Decoding(1), 1, 0, 0, journal)


def perturb(
    chains: pd.DataFrame,
    items: pd.DataFrame,
    settings: Perturbations,
    contrasts: Contrasts = (),
    encode: Encode | None = None,
    decode: Decode | None = None,
) -> dict[str, pd.DataFrame]:
    """All probes of a table of chains, one table for each perturbation.

    After a mistake that its writer is to continue (variant `resample`), a worked chain is as it was before.

    Args:
        chains: tables.Chains.
        items: their tables.Items, whose answers a paraphrase may not state, and whose options a mistake claims.
        settings: of the perturbations.
        contrasts: pairs of words that mean different things in the dataset (see `DatasetBase`).
        encode, decode: of the tokenizer of the chains' ids; None for chains without ids.
    """
    rows, by_id = records(chains), {item["item_id"]: item for item in records(items)}
    offered = {**settings.model_dump(), "contrasts": contrasts, "encode": encode, "decode": decode}
    offered["donors"] = donors(rows)
    tables = {
        name: frame(probes_of(name, perturbation.needs, rows, offered, by_id), Probes)
        for name, perturbation in PERTURBATIONS.items()
    }
    variants = [tables["mistake"].assign(variant=variant) for variant in settings.mistakes]
    return tables | {"mistake": pd.concat(variants, ignore_index=True)}


def score(
    reader: Backend,
    name: str,
    items: pd.DataFrame,
    probes: Mapping[str, pd.DataFrame],
    wording: Prompts,
    journal: Journal,
) -> pd.DataFrame:
    """Scores of a reader on worked chains, with a column `reader`.

    Args:
        reader: its backend.
        name: of the reader.
        items: tables.Items.
        probes: from `perturb`; direct probes are left out, as the reader did not write these chains.
        wording: prompts and cues.
        journal: of this reader and the code.
    """
    rows = {(WRITER, perturbation): rows_of(table) for perturbation, table in probes.items()}
    journal = replace(journal, label=f"{name}: answers")
    return readout.score(reader, items, rows, wording, name, Readout("cloze", 0), journal).assign(reader=name)
