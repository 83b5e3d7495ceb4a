"""What was run: models, arms and datasets, and how long it took."""

from pathlib import Path

import pandas as pd

from faithfulness.chains.notices import Limits, notices
from faithfulness.config.roles import is_control
from faithfulness.report.plain import Plain, Shown
from faithfulness.text import listed

# Settings of models that are loaded here, and of arms that are trained here: entries of other kinds have none of them.
LOCAL = ("layers", "warm_start", "dtype", "quantisation")
# What placebos learn, in words.
TAUGHT = {
    "shuffled": "the answers of other questions",
    "random": "options drawn at random",
    "rationale": "worked chains alone",
}
TRAINED = ("source", "method", "target", "steps", "replay", "replay_datasets", "seed", "seeds")


def run_section(summaries: pd.DataFrame, config: Plain, left_out: pd.DataFrame | None = None) -> Shown:
    """Models with their sizes, tuned arms, datasets with their items, and the paraphraser.

    A setting that an entry does not have is None.

    Args:
        summaries: tables.Summaries.
        config: the configuration as plain data.
        left_out: tables.LeftOut with a column dataset; None where it is unknown.
    """
    sizes = dict(zip(summaries.model, summaries.parameters, strict=True))
    items = summaries.groupby("dataset").n_items.max().to_dict()
    chance = summaries.groupby("dataset").chance.first().to_dict()
    return {
        "models": [
            dict.fromkeys(LOCAL) | model | {"parameters": sizes.get(model["name"])} for model in config["models"]
        ],
        "arms": [dict.fromkeys(TRAINED) | arm for arm in config["arms"] if not is_control(arm["name"])],
        "controls": [_control(arm) for arm in config["arms"] if is_control(arm["name"])],
        "datasets": [
            dataset | {"n_items": items.get(dataset["name"]), "chance": chance.get(dataset["name"])}
            for dataset in config["datasets"]
        ],
        "paraphraser": config["perturbations"]["paraphraser"],
        "left_out": [] if left_out is None else [_left_out(rows) for _, rows in left_out.groupby(["dataset", "table"])],
        "sizes": sorted(set(sizes.values())),
    }


def _control(arm: Plain) -> Shown:
    """A placebo or null arm: name, whether it is a placebo, training in words, models (None: all) and seeds."""
    shown = {"name": arm["name"], "placebo": bool(arm.get("placebo")), "models": arm["models"]}
    if placebo := arm.get("placebo"):
        trained = f"the recipe of {placebo['of']} on {TAUGHT[placebo['target']]}"
        return shown | {"trained": trained, "seeds": arm["seeds"] or [arm["seed"]]}
    null = arm["null"]
    trained = "the warm start again"
    if null["of"]:
        trained = f"the recipe of {null['of']} on the questions of {listed(null['datasets'])}"
    return shown | {"trained": trained, "seeds": null["seeds"]}


def _left_out(rows: pd.DataFrame) -> Shown:
    """How many rows of one table are no items, and for which reasons, the commonest first."""
    first = rows.iloc[0]
    reasons = rows.sort_values("left_out", ascending=False, kind="stable")[["left_out", "reason"]].to_dict("records")
    return {
        "dataset": first["dataset"],
        "table": first["table"],
        "rows": int(first["rows"]),
        "left_out": int(rows["left_out"].sum()),
        "reasons": reasons,
    }


def after_writing(forecast: pd.DataFrame, limits: Limits) -> list[str]:
    """What was known of chains once they were written, before answers were scored: a sentence for each notice.

    Args:
        forecast: tables.Forecast.
        limits: of the gates.
    """
    return [
        f"{model}, {dataset}: {notice.message}."
        for (model, dataset), part in forecast.groupby(["model", "dataset"], sort=False)
        for notice in notices(part, limits)
    ]


def hours(benchmarks: Path) -> float:
    """Hours that the jobs of a run took, added up, from the files of their `benchmark:`.

    Jobs that ran side by side count each; of a job that was killed and resumed, only the last part counts.
    """
    return sum(pd.read_csv(file, sep="\t")["s"].sum() for file in sorted(benchmarks.rglob("*.tsv"))) / 3600
