"""The paper kit: tables and the methods as LaTeX and Markdown, and a BibTeX file of what they cite.

The words stand in `report/paper`; here is what they are filled with, and how names, numbers and marks are written in
either language. Whatever comes from data or configuration is escaped.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from jinja2 import Environment, StrictUndefined

from faithfulness.compare.claims import Claims
from faithfulness.compare.effects import ENOUGH_SEEDS
from faithfulness.compare.gates import CONFIDENCE
from faithfulness.compare.inference import EQUIVALENCE, SPARSE
from faithfulness.compare.measures import MEASURES
from faithfulness.operate import provenance
from faithfulness.report import report
from faithfulness.text import exact_percent, listed, number, p_value, signed, spaced, with_interval

# What is cited for a source, known by a part of its address (small letters and digits only).
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
TABLES = {
    "effects": "Effects of fine-tuning that the verdicts of the primary family rest on: tuned minus base as readers of "
    "the same chains, with {confidence} intervals.",
    "accuracy": "Accuracy with and without the chain of thought, and steps a chain, with {confidence} intervals.",
    "gates": "Gates that failed: what was looked at, what was measured there, and the limit. All others passed.",
    "scale": "Effects of the smallest minus the largest model, with {confidence} intervals, signed so that a positive "
    "one says that the smaller one is affected more; slope of the effects for each factor of ten in parameters.",
}
MADE = {"uri": "random:"}  # the source of what was made on the spot: there is nobody to cite
ROWS_A_PAGE = 35  # longer tables are broken across pages


class Ready(str):
    """A text that is written in the language of its document already."""


class Language(NamedTuple):
    """How a document's language writes what is not plain text.

    Args:
        suffix: of its files.
        escape: a text so that it is shown as it is.
        code: a name, or a text that stands for itself.
        cite: a key of the BibTeX file.
        heading: what a paragraph is about.
        table: a frame of texts, its caption and its name.
        comment: a line that is not shown.
    """

    suffix: str
    escape: Callable[[str], str]
    code: Callable[[str], str]
    cite: Callable[[str], str]
    heading: Callable[[str], str]
    table: Callable[[pd.DataFrame, str, str], str]
    comment: Callable[[str], str]


def _one_line(text: str) -> str:
    """A text with spaces for line breaks, tabs and runs of these; spaces that do not break stay."""
    return re.sub(r"[^\S\u00a0]+", " ", text)


_LATEX = {
    **{char: f"\\{char}" for char in "&%$#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    **{
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': r"\textquotedbl{}",
        "`": r"\textasciigrave{}",
    },
    **{"\u2212": "$-$", "\u00a0": "~", "\u00b7": r"\textperiodcentered{}"},
    **{"\u2018": "`", "\u2019": "'", "\u201c": "``", "\u201d": "''", "\u2013": "--", "\u2014": "---"},
}
_LETTERS = set("ßÆæØøŁłŒœÐðÞþ")  # beside those with an accent, what the T1 fonts of LaTeX hold


def latex_escape(text: str) -> str:
    """A text for pdfLaTeX with T1 fonts; a character that these lack is named by its code point."""
    shown = "".join(map(_latex_character, _one_line(text)))
    return shown.replace("--", "-{}-") if "--" in text else shown


def _latex_character(char: str) -> str:
    base = unicodedata.normalize("NFD", char)[0]
    if char in _LATEX or (char.isascii() and char.isprintable()):
        return _LATEX.get(char, char)
    accented = char != base and base.isascii() and base.isalpha() and ord(char) < 0x180
    return char if accented or char in _LETTERS else rf"\texttt{{U+{ord(char):04X}}}"


def _latex_code(text: str) -> str:
    """In typewriter letters, to be broken after a mark where a line ends."""
    breakable = re.sub(r"(\\_|[/.:=@-])(?=.)", r"\1\\allowbreak{}", latex_escape(text))
    return rf"\texttt{{{breakable}}}"


def _latex_table(data: pd.DataFrame, caption: str, name: str) -> str:
    shown = data.map(latex_escape).set_axis([*map(latex_escape, data.columns)], axis=1)
    numbers = ["r" if column in _NUMBERS else "l" for column in data]
    return shown.to_latex(
        index=False,
        escape=False,
        longtable=len(data) > ROWS_A_PAGE,
        column_format="".join(numbers),
        caption=latex_escape(caption),
        label=f"tab:{name}",
        position="t" if len(data) <= ROWS_A_PAGE else None,
    )


LATEX = Language(
    suffix="tex",
    escape=latex_escape,
    code=_latex_code,
    cite=lambda key: rf"\cite{{{key}}}",
    heading=lambda text: rf"\paragraph{{{latex_escape(text)}}}",
    table=_latex_table,
    comment=lambda text: f"% {text}\n",
)


def markdown_escape(text: str) -> str:
    """A text for Markdown, on one line; marks that Markdown, pandoc's citations or HTML would read are escaped."""
    return re.sub(r"([\\`*_{}\[\]<>#|~^$@&!])", r"\\\1", _one_line(text))


def _markdown_code(text: str) -> str:
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    inside = " ".join(text.split())
    return f"{fence} {inside} {fence}" if "`" in inside else f"{fence}{inside}{fence}"


def _markdown_table(data: pd.DataFrame, caption: str, name: str) -> str:
    marks = ["--:" if column in _NUMBERS else "---" for column in data]
    rows = [[markdown_escape(text) for text in row] for row in (list(data.columns), *data.itertuples(index=False))]
    lines = [f"| {' | '.join(row)} |" for row in (rows[0], marks, *rows[1:])]
    return "\n".join([*lines, "", f"Table: {markdown_escape(caption)}"]) + "\n"


MARKDOWN = Language(
    suffix="md",
    escape=markdown_escape,
    code=_markdown_code,
    cite=lambda key: f"[@{key}]",
    heading=lambda text: f"**{markdown_escape(text)}.**",
    table=_markdown_table,
    comment=lambda text: f"<!-- {text} -->\n",
)


_NUMBERS = {
    "Effect",
    "p (Holm)",
    "n",
    "With chain",
    "Without chain",
    "Steps a chain",
    "Smallest minus largest",
    "Slope",
    "Measured",
    "Limit",
}


def effects_table(effects: pd.DataFrame, primary: Iterable[str]) -> pd.DataFrame:
    """The effects that the verdicts of the primary family rest on.

    Args:
        effects: tables.Effects.
        primary: claims of the family.
    """
    rows = effects[effects.claim.isin(list(primary)) & (effects.contrast == "plain")]
    return _frame(
        {
            "Claim": row.claim,
            **_cell(row),
            "Measure": _label(row.measure),
            "Effect": with_interval(row.estimate, row.ci_low, row.ci_high, signed),
            "p (Holm)": p_value(row.p_holm),
            "n": str(row.n_items),
            "Verdict": row.verdict,
        }
        for row in _rows(rows)
    )


def accuracy_table(summaries: pd.DataFrame) -> pd.DataFrame:
    """Accuracies and steps a chain of every arm, with intervals."""
    columns = {"With chain": "cot_accuracy", "Without chain": "direct_accuracy", "Steps a chain": "mean_steps"}
    return _frame(
        {
            **_cell(row),
            "n": str(row.n_items),
            **{
                title: with_interval(getattr(row, name), getattr(row, f"{name}_low"), getattr(row, f"{name}_high"))
                for title, name in columns.items()
            },
        }
        for row in _rows(summaries.sort_values(["dataset", "parameters", "arm"]))
    )


def gates_table(gates: pd.DataFrame) -> pd.DataFrame:
    """What failed: a row a gate and subject, with what was measured and the limit; empty where all passed.

    Args:
        gates: tables.Gates.
    """
    return _frame(
        {
            **_cell(row),
            "Gate": spaced(row.gate),
            "Looked at": spaced(row.subject),
            "Measured": number(row.value),
            "Limit": number(row.threshold),
        }
        for row in _rows(gates[~gates.passed])
    )


def scale_table(effects: pd.DataFrame, fits: pd.DataFrame) -> pd.DataFrame:
    """The contrasts of the smallest and the largest model; empty where a run has one size.

    Args:
        effects: tables.Effects.
        fits: tables.ScaleFits.
    """
    keys = ["arm", "dataset", "measure", "component"]
    rows = effects[effects.contrast == "scale"].merge(fits, on=keys, how="left")
    return _frame(
        {
            "Claim": row.claim,
            "Dataset": row.dataset,
            "Arm": row.arm,
            "Measure": _label(row.measure),
            "Smallest minus largest": with_interval(row.estimate, row.ci_low, row.ci_high, signed),
            "p (Holm)": p_value(row.p_holm),
            "Slope": signed(row.slope),
            "Verdict": row.verdict,
        }
        for row in _rows(rows)
    )


def table(data: pd.DataFrame, name: str, language: Language, confidence: float) -> str:
    """A table in a document's language, with its caption; a comment where it has no rows.

    Args:
        data: texts, from the function of that name.
        name: one of TABLES.
        confidence: of the intervals, 0 to 1.
    """
    caption = TABLES[name].format(confidence=exact_percent(confidence))
    return language.comment(f"No rows: {caption}") if data.empty else language.table(data, caption, name)


def _frame(rows: Iterable[dict[str, str]]) -> pd.DataFrame:
    """Rows of texts; which arm is told only where there are several."""
    data = pd.DataFrame(list(rows))
    return data.drop(columns="Arm") if "Arm" in data and data["Arm"].nunique() == 1 else data


def _rows(data: pd.DataFrame) -> Iterator[Any]:
    return data.itertuples(index=False)


def _cell(row: Any) -> dict[str, str]:
    return {"Dataset": row.dataset, "Model": row.model, "Arm": row.arm}


def _label(measure: str) -> str:
    return MEASURES[measure].label if measure in MEASURES else measure


def methods_context(
    *,
    config: Mapping[str, Any],
    claims: Claims,
    effects: pd.DataFrame,
    summaries: pd.DataFrame,
    gates: pd.DataFrame,
    arms: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """What the methods tell, from the configuration and the tables of its run.

    Args:
        config: the configuration as plain data.
        claims: the declaration that the run was judged under.
        effects, summaries, gates: tables.Effects, tables.Summaries and tables.Gates.
        arms: the arm.json of all arms.
    """
    run = report.what_was_run(summaries, config)
    bases = {arm["model"]: arm for arm in arms if arm["arm"] == "base"}
    starts: dict[str, dict[str, Any]] = {}  # models that share a warm start are told together
    for model in config["models"]:
        if recipe := model["warm_start"]:
            starts.setdefault(str(recipe), {"recipe": recipe, "models": []})["models"].append(model["name"])
    cells = gates.groupby(["model", "arm", "dataset"]).passed.all()
    unused = set() if any(arm["kind"] == "adapter" for arm in arms) else {"peft"}
    installed = provenance.versions(PACKAGES)
    paraphraser = run["paraphraser"]
    return {
        "models": [model | {"reference": reference(model)} | loaded(bases[model["name"]]) for model in run["models"]],
        "warm_starts": list(starts.values()),
        "arms": config["arms"],
        "datasets": [dataset | {"reference": reference(dataset)} for dataset in run["datasets"]],
        **{part: config[part] for part in ("chains", "perturbations", "statistics")},
        "paraphraser": paraphraser and paraphraser | {"name": "the paraphraser", "reference": reference(paraphraser)},
        "reworded": (summaries.paraphrase_model.min(), summaries.paraphrase_model.max()),
        "prompts": arms[0]["prompts"],
        "claims": claims.model_dump(),
        "hash": claims.hash,
        "several_seeds": bool((effects.n_seeds > 1).any()),
        "calibrated": bool((effects.calibration != "not calibrated").any()),
        "cells": len(cells),
        "closed": int((~cells).sum()),
        "constants": {
            "sparse": SPARSE,
            "equivalence": EQUIVALENCE,
            "gate": CONFIDENCE,
            "enough_seeds": ENOUGH_SEEDS,
        },
        "versions": installed,
        "software": {name: SOFTWARE.get(name) for name in installed if name != "python" and name not in unused},
    }


def loaded(base: Mapping[str, Any]) -> dict[str, Any]:
    """How a model's weights were loaded (`dtype`), and how its server, if any, was asked for answers (`turn`)."""
    bits = ", linear layers in 4 bits" if base["quantisation"] else ""
    turn = base["served"]["turn"] if base["kind"] == "server" else None
    return {"dtype": "on a server" if turn else base["dtype"] + bits, "turn": turn}


def reference(entry: Mapping[str, Any]) -> str | None:
    """The key of what is cited for a model or dataset; None where nothing is known, or it was made on the spot."""
    source = entry.get("source") or {}
    address = re.sub(r"[^a-z0-9]", "", f"{source.get('uri', '')} {source.get('file') or ''}".lower())
    return next((key for part, key in SOURCES.items() if part in address), None)


def unknown(shown: Mapping[str, Any]) -> list[str]:
    """Names of the models, the paraphraser among them, and datasets that have a source and no known reference.

    Args:
        shown: from `methods_context`.
    """
    used = (*shown["models"], *shown["datasets"], *filter(None, [shown["paraphraser"]]))
    entries = [entry for entry in used if not entry["reference"]]
    return [entry["name"] for entry in entries if not entry.get("source", MADE)["uri"].startswith(MADE["uri"])]


def render(template: str, shown: Mapping[str, Any], language: Language) -> str:
    """A document; what its template does not say itself is escaped, and blank lines are made single."""

    def ready(write: Callable[[Any], str]) -> Callable[[Any], Ready]:
        return lambda value: Ready(write(value))

    def names(values: Iterable[str]) -> Ready:
        return Ready(listed(map(language.code, values)))

    environment = Environment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: value if isinstance(value, Ready) else Ready(language.escape(str(value))),
    )
    environment.filters |= {name: ready(getattr(language, name)) for name in ("code", "cite")}
    environment.filters["heading"] = lambda text: Ready(f"\n\n{language.heading(text)}")
    environment.filters |= {"names": names, "ready": Ready, "percent": exact_percent}
    environment.filters |= {"short": "{:g}".format, "thousands": "{:,}".format}
    text = environment.from_string(template).render(**shown)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def references(template: str, cited_in: str, versions: Mapping[str, str], missing: Sequence[str]) -> str:
    """The BibTeX entries of what a LaTeX text cites, in the order of the template.

    Args:
        template: all entries, told apart by blank lines.
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


def figure(pdf: str, captions: Mapping[str, str]) -> dict[str, str]:
    """A figure as the document shows it: file, caption, id.

    Args:
        pdf: its path within the kit.
        captions: the captions by name, as report.figure takes them.
    """
    shown = report.figure(pdf, "", captions)
    return {"file": Path(pdf).as_posix(), "caption": shown["caption"].striptags(), "id": shown["id"]}
