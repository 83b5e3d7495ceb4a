"""One row of tables.Effects while it is judged."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import numpy as np
import pandas as pd

from faithfulness.compare.claims import CLAIMS
from faithfulness.compare.inference import ZERO
from faithfulness.compare.measures import COMPONENTS, MEASURES
from faithfulness.tables.io import frame
from faithfulness.tables.statistics import Effects

Key = tuple[str, str, str, str]  # claim, model, arm, dataset
Place = tuple[str, str, str, str, str]  # contrast, model, arm, dataset, measure


@dataclass
class EffectRow:
    """An estimate, and what is known of it so far.

    The first fields are columns of tables.Estimates. The others are filled in by `judge`, in their order.

    Args:
        tests: the claim that the row's contrast, measure, component and dataset test; '' for none.
        claim: the claim that the row is shown under: as tests, but '' for other ways to count invalid readouts.
        direction: the claimed sign, +1 or -1; None where the claim has none for the measure.
        failed: why nothing can be said: reasons of failed gates.
        leaves: whether a failed gate takes the row out of its family of tests.
        interpretable: no gate failed that closes the row.
        calibration: status of the measure.
        parameters: size of the model; None where it is no single model.
        n_seeds: training seeds of the tuned arm.
        together: labels of the measures that the row's claim is judged on.
        smallest: name of the smallest model (contrast scale).
        largest: name of the largest model (contrast scale).
        constants: constant answers under the measure's perturbation, as sentences.
        room: how far base is from the end of the scale that the claim leads to; NaN where this is not known.
        placebo_failed: why the placebo cannot be judged.
        notes: what else must be known of the cell, as sentences.
        beside: the same effect in other contrasts, by their names.
        claim_p_value: p of the claim, the largest of its measures'.
        p_holm: the same, adjusted in its family.
        p_bh: p_value, adjusted among all rows of no claim.
        decisive: the measure that decides the claim.
        judged_by: the contrast whose row says whether there is a change against base.
        verdict: see `verdicts.verdict`; '' where no claim is tested.
        reason: what failed, or what the verdict rests on.
        sentence: the claim in words.
    """

    model: str
    arm: str
    dataset: str
    pool: tuple[str, ...]
    contrast: str
    measure: str
    component: str
    estimate: float
    ci_low: float
    ci_high: float
    equivalence_low: float = np.nan
    equivalence_high: float = np.nan
    p_value: float = np.nan
    n_items: int = 0
    margin: float = np.nan
    detectable: float = np.nan
    items_to_detect: float = np.nan
    items_for_equivalence: float = np.nan
    seed_error: float = np.nan
    sparse: float = np.nan
    base_mean: float = np.nan
    tuned_mean: float = np.nan

    tests: str = ""
    claim: str = ""
    direction: int | None = None
    failed: list[str] = field(default_factory=list)
    leaves: bool = False
    interpretable: bool = True
    calibration: str = ""
    parameters: int | None = None
    n_seeds: int = 1
    together: list[str] = field(default_factory=list)
    smallest: str = ""
    largest: str = ""
    constants: list[str] = field(default_factory=list)
    room: float = np.nan
    placebo_failed: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    beside: dict[str, "EffectRow"] = field(default_factory=dict, repr=False)
    claim_p_value: float = np.nan
    p_holm: float = np.nan
    p_bh: float = np.nan
    decisive: str = ""
    judged_by: str = ""
    verdict: str = ""
    reason: str = ""
    sentence: str = ""

    @property
    def key(self) -> Key:
        """The rows with the same key test one claim together."""
        return self.tests, self.model, self.arm, self.dataset

    @property
    def corrected(self) -> bool:
        """Whether the row is judged by agreement corrected for chance: a reader answers a constant."""
        return bool(self.constants) and MEASURES[self.measure].chance is not None

    @property
    def has_room(self) -> bool:
        """Whether base leaves room for an effect of the margin in the claimed direction."""
        return not self.room < self.margin - ZERO

    @property
    def place(self) -> Place:
        """The rows with the same place are components of one effect."""
        return self.contrast, self.model, self.arm, self.dataset, self.measure


_NAMES = [column.name for column in fields(EffectRow)]
ESTIMATE_COLUMNS = _NAMES[: _NAMES.index("tests")]


def from_estimates(estimates: pd.DataFrame) -> list[EffectRow]:
    """The rows of tables.Estimates, or of `model_sizes.compare_sizes`; other columns are left out."""
    known = estimates.reindex(columns=ESTIMATE_COLUMNS).assign(pool=estimates["pool"].map(tuple))
    known["n_items"] = known["n_items"].astype(int)
    return [EffectRow(**{str(name): value for name, value in row.items()}) for row in known.to_dict("records")]


def _columns(row: EffectRow) -> dict[str, object]:
    placebo = row.beside.get("placebo")
    ends = ("estimate", "ci_low", "ci_high", "p_value")
    names = ("placebo_estimate", "placebo_low", "placebo_high", "placebo_p")
    numbers = {name: getattr(placebo, end) if placebo else np.nan for name, end in zip(names, ends, strict=True)}
    return vars(row) | numbers | {"notes": ". ".join(row.notes)}


def ordered(rows: Sequence[EffectRow] | pd.DataFrame) -> pd.DataFrame:
    """tables.Effects in the order of claims, sizes (large first), arms, datasets, contrasts and measures."""
    if not isinstance(rows, pd.DataFrame):
        rows = pd.DataFrame([_columns(row) for row in rows])
    data = rows.reindex(columns=Effects.names)
    data = frame(data.assign(sparse=data["sparse"].astype("boolean")), Effects)
    places = {name: place for place, name in enumerate([*CLAIMS, "", *MEASURES, *COMPONENTS])}
    keys = data.assign(
        claim=data["claim"].map(places),
        parameters=-data["parameters"].fillna(0),
        dataset_pooled=data["dataset"] == "pooled",
        measure=data["measure"].map(places),
        component=data["component"].map(places),
    )
    by = ["claim", "parameters", "model", "arm", "dataset_pooled", "dataset", "contrast", "measure", "component"]
    return data.loc[keys.sort_values(by).index].reset_index(drop=True)
