"""The methods of a run and what they cite: what the templates in `report/paper` are filled with."""

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath

import pandas as pd
from jinja2 import Environment, StrictUndefined

from faithfulness.arms.record import ArmRecord, ServedWeights
from faithfulness.compare import closed
from faithfulness.compare.claims import Claims
from faithfulness.compare.findings import CONFIDENCE
from faithfulness.compare.inference import EQUIVALENCE, SPARSE
from faithfulness.compare.readings import BASE_CHAINS
from faithfulness.compare.trainings import ENOUGH_SEEDS
from faithfulness.figures import registry
from faithfulness.perturb.registry import PERTURBATIONS
from faithfulness.report import render
from faithfulness.report.plain import Plain, Shown
from faithfulness.report.run import run_section

# The reference of a source, by a part of its address (small letters and digits only).
SOURCES = {"commonsenseqa": "talmor2019commonsenseqa", "smollm2": "allal2025smollm2"}

PACKAGES = (
    *("accelerate", "jinja2", "matplotlib", "numpy", "pandas", "peft", "pyarrow", "pydantic"),
    *("scipy", "seaborn", "snakemake", "torch", "transformers"),
)

SOFTWARE = {
    "transformers": "wolf2020transformers",
    "torch": "ansel2024pytorch",
    "peft": "mangrulkar2022peft",
    "snakemake": "molder2021sustainable",
    "numpy": "harris2020array",
    "scipy": "virtanen2020scipy",
    "pandas": "mckinney2010data",
    "matplotlib": "hunter2007matplotlib",
    "seaborn": "waskom2021seaborn",
}

# The perturbations that the template of the methods describes itself.
DESCRIBED = ("early_termination", "filler", "paraphrase", "mistake", "conflict", "direct")

GENERATED = {"uri": "random:"}  # the source of what this project generates: there is nobody to cite


def methods_context(
    *,
    config: Plain,
    claims: Claims,
    effects: pd.DataFrame,
    summaries: pd.DataFrame,
    gates: pd.DataFrame,
    arms: Sequence[ArmRecord],
    versions: Mapping[str, str],
) -> Shown:
    """What the methods say, from the configuration and the tables of its run.

    Args:
        config: the configuration as plain data.
        claims: the declaration that the run was judged under.
        effects, summaries, gates: tables.Effects, tables.Summaries and tables.Gates.
        arms: the records of all arms.
        versions: of Python and of PACKAGES.
    """
    run = run_section(summaries, config)
    bases = {arm.model: arm for arm in arms if arm.arm == "base"}
    starts: dict[str, Shown] = {}  # models that share a warm start are described together
    for model in run["models"]:
        if recipe := model["warm_start"]:
            starts.setdefault(str(recipe), {"recipe": recipe, "models": []})["models"].append(model["name"])
    of_placebo = (effects.contrast == BASE_CHAINS) & (effects.n_seeds < ENOUGH_SEEDS)
    cells = (~closed.cells(gates)).groupby([gates.model, gates.arm, gates.dataset]).all()
    unused = set() if any(arm.weights.kind == "adapter" for arm in arms) else {"peft"}
    paraphraser = run["paraphraser"]
    return {
        "models": [model | {"reference": reference(model)} | loaded(bases[model["name"]]) for model in run["models"]],
        "warm_starts": list(starts.values()),
        "arms": run["arms"],
        "controls": run["controls"],
        "datasets": [dataset | {"reference": reference(dataset)} for dataset in run["datasets"]],
        **{part: config[part] for part in ("chains", "perturbations", "statistics")},
        "paraphraser": paraphraser and paraphraser | {"name": "the paraphraser", "reference": reference(paraphraser)},
        "further": [p.label for name, p in PERTURBATIONS.items() if name not in DESCRIBED],
        "reworded": (summaries.paraphrase_model.min(), summaries.paraphrase_model.max()),
        "prompts": arms[0].prompts.model_dump(),
        "claims": claims.model_dump(),
        "hash": claims.hash,
        "several_seeds": bool((effects.n_seeds > 1).any()),
        "spread_of_placebo": bool(effects.loc[of_placebo, "seed_error"].notna().any()),
        "calibrated": bool((effects.calibration != "not calibrated").any()),
        "cells": len(cells),
        "closed": int((~cells).sum()),
        "constants": {
            "sparse": SPARSE,
            "equivalence": EQUIVALENCE,
            "gate": CONFIDENCE,
            "enough_seeds": ENOUGH_SEEDS,
        },
        "versions": versions,
        "software": {name: SOFTWARE.get(name) for name in versions if name != "python" and name not in unused},
    }


def loaded(base: ArmRecord) -> Shown:
    """How a model's weights were loaded (`dtype`), and how answers were requested from its server, if any (`turn`)."""
    bits = ", linear layers in 4 bits" if base.quantisation else ""
    turn = base.weights.turn if isinstance(base.weights, ServedWeights) else None
    return {"dtype": "on a server" if turn else base.dtype + bits, "turn": turn}


def reference(entry: Plain) -> str | None:
    """The key of what is cited for a model or dataset; None if no reference is known, or it was generated."""
    source = entry.get("source") or {}
    address = re.sub(r"[^a-z0-9]", "", f"{source.get('uri', '')} {source.get('file') or ''}".lower())
    return next((key for part, key in SOURCES.items() if part in address), None)


def unknown(shown: Plain) -> list[str]:
    """Names of the models, the paraphraser among them, and datasets that have a source and no known reference.

    Args:
        shown: from `methods_context`.
    """
    entries = (*shown["models"], *shown["datasets"], *filter(None, [shown["paraphraser"]]))
    uncited = [entry for entry in entries if not entry["reference"]]
    return [
        entry["name"] for entry in uncited if not entry.get("source", GENERATED)["uri"].startswith(GENERATED["uri"])
    ]


def references(template: str, cited_in: str, versions: Mapping[str, str], missing: Sequence[str]) -> str:
    """The BibTeX entries of what a LaTeX text cites, in the order of the template.

    Args:
        template: all entries, separated by blank lines.
        cited_in: the text.
        versions: of the software.
        missing: names of sources without an entry, for a comment.

    Raises:
        ValueError: the text cites a key that has no entry.
    """
    keys = {key for group in re.findall(r"\\cite\{([^}]*)\}", cited_in) for key in group.split(",")}
    entries = {entry.partition("{")[2].partition(",")[0]: entry for entry in template.strip().split("\n\n")}
    if keys - set(entries):
        raise ValueError(f"no BibTeX entry for {', '.join(sorted(keys - set(entries)))}")
    chosen = "\n\n".join(entry for key, entry in entries.items() if key in keys)
    text = Environment(undefined=StrictUndefined).from_string(chosen).render(versions=versions)
    note = f"% Add what these come from, for which no reference is known: {', '.join(missing)}\n\n" if missing else ""
    return f"{note}{text}\n"


def figure(file: PurePath, captions: Mapping[str, str]) -> dict[str, str]:
    """A figure as the document shows it: file, caption, id.

    Args:
        file: the PDF, in the folder of the figures.
        captions: the captions by name, reStructuredText.
    """
    entry, model = registry.named(file)
    return {
        "file": f"figures/{file.as_posix()}",
        "caption": render.caption(captions[entry.name], model).striptags(),
        "id": render.figure_id(entry.name, model),
    }
