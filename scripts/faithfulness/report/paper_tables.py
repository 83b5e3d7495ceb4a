"""The tables of the paper kit, as frames of texts."""

from collections.abc import Iterable, Iterator

import pandas as pd

from faithfulness.compare import closed
from faithfulness.report.labels import label
from faithfulness.report.paper_languages import Language
from faithfulness.report.plain import NamedRow
from faithfulness.text import exact_percent, number, p_value, signed, spaced, with_interval

TABLES = {
    "effects": "Effects of fine-tuning that the verdicts of the primary family rest on: tuned minus base as readers of "
    "the same chains, with {confidence} intervals.",
    "accuracy": "Accuracy with and without the chain of thought, and steps per chain, with {confidence} intervals.",
    "gates": "Gates that failed: what was checked, the value, and the limit. All other gates passed.",
    "scale": "Effects of the smallest minus the largest model, with {confidence} intervals, signed so that a positive "
    "one says that the smaller one is affected more, for C5 where both gained the same accuracy without a chain; slope "
    "of the effects for each factor of ten in parameters, whatever each model gained.",
    "measures": "Effects of fine-tuning on every measure: tuned minus base, in total and as readers of the same "
    "chains, with {confidence} intervals. Measures that no claim names are exploratory.",
}


def effects_table(effects: pd.DataFrame, primary: Iterable[str]) -> pd.DataFrame:
    """The effects that decide the verdicts of the primary family.

    Args:
        effects: tables.Effects.
        primary: claims of the family.
    """
    rows = effects[effects.claim.isin(list(primary)) & (effects.contrast == "plain")]
    return _frame(
        {
            "Claim": row.claim,
            **_cell(row),
            "Measure": label(row.measure),
            "Effect": with_interval(row.estimate, row.ci_low, row.ci_high, signed),
            "p (Holm)": p_value(row.p_holm),
            "n": str(row.n_items),
            "Verdict": row.verdict,
        }
        for row in _rows(rows)
    )


def accuracy_table(summaries: pd.DataFrame) -> pd.DataFrame:
    """Accuracies and the number of steps in a chain, for every arm, with intervals."""
    columns = {"With chain": "cot_accuracy", "Without chain": "direct_accuracy", "Steps per chain": "mean_steps"}
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
    """The gates that failed, with the value and the limit, a row for each gate and subject; empty if all passed.

    What closes nothing is a note, and is left out.

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
        for row in _rows(closed.failed(gates))
    )


def scale_table(effects: pd.DataFrame, fits: pd.DataFrame) -> pd.DataFrame:
    """The contrasts of the smallest and the largest model that have a verdict; empty if a run has one size.

    Args:
        effects: tables.Effects.
        fits: tables.ScaleFits.
    """
    keys = ["arm", "dataset", "measure", "component"]
    judged = effects.contrast.str.startswith("scale") & (effects.verdict != "")
    rows = effects[judged].merge(fits, on=keys, how="left")
    return _frame(
        {
            "Claim": row.claim,
            "Dataset": row.dataset,
            "Arm": row.arm,
            "Measure": label(row.measure),
            "Smallest minus largest": with_interval(row.estimate, row.ci_low, row.ci_high, signed),
            "p (Holm)": p_value(row.p_holm),
            "Slope": signed(row.slope),
            "Verdict": row.verdict,
        }
        for row in _rows(rows)
    )


def measures_table(effects: pd.DataFrame) -> pd.DataFrame:
    """The effects on all measures, a row for each measure of a cell; '' where a measure has no such effect.

    Args:
        effects: tables.Effects.
    """
    rows = effects[(effects.contrast == "plain") & (effects.dataset != "pooled")]
    texts = [with_interval(row.estimate, row.ci_low, row.ci_high, signed) for row in _rows(rows)]
    cells = rows.assign(text=texts).groupby(["dataset", "model", "arm", "measure"], sort=False)
    return _frame(_row_of_measure(cell) for _, cell in cells)


def table(data: pd.DataFrame, name: str, language: Language, confidence: float) -> str:
    """A table in a document's language, with its caption; a comment if it has no rows.

    Args:
        data: texts, from the function of the same name.
        name: one of TABLES.
        confidence: of the intervals, 0 to 1.
    """
    caption = TABLES[name].format(confidence=exact_percent(confidence))
    return language.comment(f"No rows: {caption}") if data.empty else language.table(data, caption, name)


def _frame(rows: Iterable[dict[str, str]]) -> pd.DataFrame:
    """Rows of texts; without the arm if there is only one."""
    data = pd.DataFrame(list(rows))
    return data.drop(columns="Arm") if "Arm" in data and data["Arm"].nunique() == 1 else data


def _row_of_measure(cell: pd.DataFrame) -> dict[str, str]:
    first, texts = next(_rows(cell)), dict(zip(cell.component, cell.text, strict=True))
    components = {component.capitalize(): texts.get(component, "") for component in ("total", "reading")}
    return {**_cell(first), "Measure": label(first.measure), **components, "n": str(first.n_items)}


def _rows(data: pd.DataFrame) -> Iterator[NamedRow]:
    return data.itertuples(index=False)


def _cell(row: NamedRow) -> dict[str, str]:
    return {"Dataset": row.dataset, "Model": row.model, "Arm": row.arm}
