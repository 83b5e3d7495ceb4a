"""Two finished runs side by side: the cells that both have, how far apart their effects are, what differs in set-up.

All of it comes from the files of a finished run (`load`): effects, summaries, the hash of its claims, the arm.json of
its arms, and the configuration in its provenance. Neither run is computed again.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import ArrayLike

from faithfulness.arms.record import ArmRecord, read_arm
from faithfulness.compare.measures import Floats
from faithfulness.compare.verdicts import CLOSED
from faithfulness.report.labels import label
from faithfulness.report.plain import Shown
from faithfulness.tables import io
from faithfulness.tables.io import frame, read_table
from faithfulness.tables.statistics import Effects, Summaries
from faithfulness.text import exact_percent, size_text

PLACE = ["arm", "dataset", "contrast", "measure", "component"]
CELL = ["model", "arm", "dataset"]
SIDES = ("a", "b")
OF_SIZES = "smallest-largest"  # what tables.Effects calls the contrast of a run's own sizes
_INTERVAL = ("estimate", "ci_low", "ci_high")
_EACH = ["model", "parameters", *_INTERVAL, "n_items", "interpretable", "calibration", "verdict"]
_KEY = ["claim", "pair", *PLACE]


def _of_difference(name: str, meaning: str) -> pa.Field:
    return pa.field(name, pa.float64(), metadata={"meaning": meaning})


Comparison = pa.schema(
    [
        *(Effects.field(name) for name in ["claim", *PLACE]),
        *(Effects.field(name).with_name(f"{name}_{side}") for side in SIDES for name in _EACH),
        _of_difference("difference", "estimate of run A minus that of run B, in the measure's unit"),
        _of_difference("difference_low", "lower end of the interval of the difference, of the runs' confidence"),
        _of_difference("difference_high", "upper end"),
    ]
)


class RunError(ValueError):
    """Two runs cannot be compared; the message is one line that says why, and what to do."""


class Run(NamedTuple):
    """What a finished run holds.

    Args:
        folder: its folder, as it was named on the command line.
        effects, summaries: tables.Effects and tables.Summaries.
        claims: hash of the declaration that it was judged under.
        confidence: of its intervals.
        arms: the record of every arm, by the name of its folder.
    """

    folder: str
    effects: pd.DataFrame
    summaries: pd.DataFrame
    claims: str
    confidence: float
    arms: list[tuple[str, ArmRecord]]

    @property
    def models(self) -> list[str]:
        """Names of its models, sorted."""
        return sorted({arm.model for _, arm in self.arms})


def load(folder: str | Path) -> Run:
    """Read a finished run.

    Raises:
        RunError: there is no such folder, the run is not finished, or its tables have another schema.
    """
    path = Path(folder)
    if not path.is_dir():
        raise RunError(f"{folder}: there is no such folder; give the folders of two finished runs")
    records = sorted(path.glob("arms/*/*/arm.json"))
    needed = [path / name for name in ("effects/effects.csv", "effects/summaries.csv", "effects/claims.json")]
    needed.append(path / "provenance.json")
    missing = [file.relative_to(path).as_posix() for file in needed if not file.is_file()]
    missing += [] if records else ["arms/*/*/arm.json"]
    if missing:
        raise RunError(f"{folder}: no finished run, {missing[0]} is missing; run `make report` to its end first")
    try:
        return Run(
            str(folder),
            read_table(needed[0], Effects),
            read_table(needed[1], Summaries),
            _json(needed[2])["hash"],
            _json(needed[3])["configuration"]["statistics"]["confidence"],
            [(file.parent.name, read_arm(file.parent)) for file in records],
        )
    except (ValueError, KeyError) as error:
        cause = f"{error} is missing" if isinstance(error, KeyError) else " ".join(str(error).split())
        cause = cause.partition(". Delete it")[0]
        raise RunError(f"{folder}: not written by this version ({cause}); make both runs with the same one") from error


def _json(file: Path) -> Any:  # whatever the file holds
    return json.loads(file.read_text("utf-8"))


def match_models(a: Run, b: Run, named: Sequence[str] = ()) -> dict[str, str]:
    """The model of run B that is compared with each model of run A.

    Models are matched by name; if each run has one model, these two are matched, whatever their names.

    Args:
        a, b: the runs.
        named: pairs 'A's name=B's name' to match instead.

    Raises:
        RunError: a pair names no model or one twice, or nothing says which models belong together.
    """
    if named:
        pairs = [(ours, theirs) for ours, _, theirs in (pair.partition("=") for pair in named)]
        for side, run, names in zip("AB", (a, b), zip(*pairs, strict=True), strict=True):
            for name in names:
                if name not in run.models:
                    raise RunError(f"run {side} has no model {name!r}; it has: {', '.join(run.models)}")
                if names.count(name) > 1:
                    raise RunError(f"model {name!r} of run {side} is named twice; match each model once")
        return dict(pairs)
    same = [name for name in a.models if name in b.models]
    if len(a.models) == len(b.models) == 1:
        return {a.models[0]: b.models[0]}
    if not same:
        raise RunError(
            f"no model has the same name in both runs (A: {', '.join(a.models)}; B: {', '.join(b.models)}); "
            f"say which belong together, for example MODELS={a.models[0]}={b.models[0]}"
        )
    return {name: name for name in same}


def side_by_side(a: Run, b: Run, models: Mapping[str, str]) -> pd.DataFrame:
    """The effects that both runs have, and their differences.

    Args:
        a, b: the runs.
        models: from `match_models`.

    Returns:
        Comparison, in the order of run A.

    Raises:
        RunError: the intervals of the runs are of different confidence.
    """
    if a.confidence != b.confidence:
        raise RunError(
            f"run A has {100 * a.confidence:g} % intervals and run B {100 * b.confidence:g} % ones, which cannot be "
            "combined; run one of them again with the other's statistics.confidence"
        )
    ours, theirs = (rows[rows.pair != ""] for rows in _paired(a, b, models))
    shared = ours.merge(theirs, on=_KEY, suffixes=("_a", "_b"), validate="one_to_one")
    effects = [tuple(shared[f"{name}_{side}"] for name in _INTERVAL) for side in SIDES]
    low, high = difference_interval(*effects)
    shared = shared.assign(difference=effects[0][0] - effects[1][0], difference_low=low, difference_high=high)
    return frame(shared, Comparison)


def difference_interval(a: Sequence[ArrayLike], b: Sequence[ArrayLike]) -> tuple[Floats, Floats]:
    """Interval of the difference of two independent estimates, from theirs (MOVER, "square and add").

    The method of variance estimates recovery takes the distance from an estimate to each end of its interval for
    the spread on that side, so that skewed intervals (BCa, Clopper-Pearson) stay skewed:

        low  = a - b - sqrt((a - a_low)^2 + (b_high - b)^2)
        high = a - b + sqrt((a_high - a)^2 + (b - b_low)^2)

    Zou and Donner, Statistics in Medicine 27 (2008) 1693-1702, doi:10.1002/sim.3095; for proportions Newcombe,
    Statistics in Medicine 17 (1998) 873-890. scipy has no such function. An estimate outside of its interval (as a
    bootstrap may leave it) counts as lying on the nearer end. For normal estimates it is the usual interval, from the
    sum of the variances.

    Args:
        a, b: (estimate, low, high) of each, same shapes and the same confidence.

    Returns:
        (low, high) of a - b; NaN where something is missing.
    """
    (x, x_low, x_high), (y, y_low, y_high) = (
        [np.asarray(value, dtype=np.float64) for value in values] for values in (a, b)
    )
    below = np.hypot(np.maximum(x - x_low, 0), np.maximum(y_high - y, 0))
    above = np.hypot(np.maximum(x_high - x, 0), np.maximum(y - y_low, 0))
    return x - y - below, x - y + above


def unshared(a: Run, b: Run, models: Mapping[str, str]) -> list[Shown]:
    """The cells with effects that only one run has, A's first: run, model, arm, dataset, how many effects, of how many.

    Args:
        a, b: the runs.
        models: from `match_models`.
    """
    ours, theirs = _paired(a, b, models)
    cells = []
    for side, rows, other_rows in (("A", ours, theirs), ("B", theirs, ours)):
        total = rows.groupby(CELL).size().to_dict()
        shared = set(_keys(other_rows[other_rows.pair != ""]))
        alone = [key not in shared for key in _keys(rows)]
        for cell, group in rows[alone].groupby(CELL, sort=False):
            cells.append({"run": side, **dict(zip(CELL, cell, strict=True)), "effects": len(group), "of": total[cell]})
    return cells


def _keys(rows: pd.DataFrame) -> Iterator[tuple[str, ...]]:
    return rows[_KEY].itertuples(index=False, name=None)


def _paired(a: Run, b: Run, models: Mapping[str, str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Effects of both runs with a column `pair`, A's name of the model; '' if the other run has no such model."""
    names = [{OF_SIZES: OF_SIZES} | {name: name for name in models}, {OF_SIZES: OF_SIZES}]
    names[1] |= {theirs: ours for ours, theirs in models.items()}
    ours, theirs = (
        run.effects.assign(pair=run.effects.model.map(name_in_a).fillna(""))
        for run, name_in_a in zip((a, b), names, strict=True)
    )
    return ours, theirs


def setup_differences(a: Run, b: Run, models: Mapping[str, str]) -> list[dict[str, str]]:
    """Set-ups that differ between the runs, as far as they recorded them: what, A, B; '' if a run did not record it.

    Args:
        a, b: the runs.
        models: from `match_models`.
    """
    setups = [_setup(a, {name: name for name in models}), _setup(b, {theirs: ours for ours, theirs in models.items()})]
    names = list(dict.fromkeys([*setups[0], *setups[1]]))
    rows = [{"what": name, "a": setups[0].get(name, ""), "b": setups[1].get(name, "")} for name in names]
    return [row for row in rows if row["a"] != row["b"]]


def _setup(run: Run, names: Mapping[str, str]) -> dict[str, str]:
    """The set-up of a run, as texts by their subjects; models under the names that A gives them."""
    setup = {
        "claims (hash)": run.claims,
        "confidence of the intervals": f"{100 * run.confidence:g} %",
        "models": _list(run.models),
        "tuned arms": _list(run.effects.arm),
        "datasets": _list(run.summaries.dataset),
        "prompts (version)": _list(arm.prompts.version for _, arm in run.arms),
    }
    for dataset, rows in run.summaries.groupby("dataset"):
        setup[f"{dataset}: questions"] = _list(rows.n_items)
    for training, arm in run.arms:
        if arm.model not in names:
            continue
        model = names[arm.model]
        where = f"{model}, {training}"
        if arm.arm == "base":
            setup |= {f"{model}: name": arm.model, f"{model}: parameters": size_text(arm.parameters)}
            setup |= {f"{model}: weights (hash)": arm.parent or arm.weights_hash, f"{model}: dtype": arm.dtype}
        texts = arm.prompts.model_dump(mode="json", exclude={"version"})
        recipe = arm.recipe.model_dump(mode="json") if arm.recipe else {}
        setup |= {f"{where}: prompt, {name}": _text(text) for name, text in texts.items()}
        setup |= {f"{where}: {name.replace('_', ' ')}": _text(value) for name, value in recipe.items()}
        if not arm.recipe:
            setup[f"{where}: training"] = "none"
    return setup


def _list(values: Iterable[Any]) -> str:  # names, or numbers
    return ", ".join(map(str, sorted(set(values))))


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else "none" if value is None else str(value)


def context(a: Run, b: Run, models: Mapping[str, str], *, shared: pd.DataFrame, figure: Shown | None) -> Shown:
    """Everything that the page shows, except for the style sheet.

    Args:
        a, b: the runs.
        models: from `match_models`.
        shared: from `side_by_side`.
        figure: from `render.figure`; None if there is nothing to draw.
    """
    tested, verdicts = judged(shared), _verdicts(shared)
    apart = (tested.difference_low > 0) | (tested.difference_high < 0)
    return {
        "folders": {"a": a.folder, "b": b.folder},
        "identical": a.effects.equals(b.effects),
        "confidence": exact_percent(a.confidence),
        "agree": int((verdicts.verdict_a == verdicts.verdict_b).sum()),
        "verdicts": len(verdicts),
        "apart": int(apart.sum()),
        "tested": len(tested),
        "shared": len(shared),
        "setup": setup_differences(a, b, models),
        "claims": _tables(shared[shared.claim != ""], ["claim"]),
        "rest": _tables(shared[shared.claim == ""], ["dataset", "model_a", "arm"]),
        "unshared": unshared(a, b, models),
        "figure": figure,
    }


def _verdicts(shared: pd.DataFrame) -> pd.DataFrame:
    """Both verdicts of each claim in each cell that at least one of the runs can interpret.

    A claim of two measures has one verdict, and one row; C5 has one for each measure.
    """
    rows = shared[(shared.verdict_a != "") & (shared.verdict_b != "")]
    rows = rows[(rows.verdict_a != CLOSED) | (rows.verdict_b != CLOSED)]
    rows = rows.assign(alone=rows.measure.where(rows.claim == "C5", ""))
    return rows.drop_duplicates(["claim", "model_a", "arm", "dataset", "contrast", "alone"])


def judged(shared: pd.DataFrame) -> pd.DataFrame:
    """The shared effects that decide a verdict in both runs and that can be interpreted in both."""
    usable = shared.interpretable_a & shared.interpretable_b & shared.difference.notna()
    passed = (shared.calibration_a != "failed") & (shared.calibration_b != "failed")
    return shared[(shared.verdict_a != "") & (shared.verdict_b != "") & usable & passed]


def _tables(rows: pd.DataFrame, by: list[str]) -> list[Shown]:
    """Rows as tables of the page, one for each value of some columns."""
    return [
        {
            "title": " · ".join(group.iloc[0][by]),
            "rows": [row | {"label": label(row["measure"])} for row in io.records(group)],
        }
        for _, group in rows.groupby(by, sort=False)
    ]
