"""The figures of a run. To add one: a module of its name beside this one, a row here, and a caption of its name.

A module has three functions. `tabulate` takes the tables that the row names, and the model and settings if the row
says so, and returns the rows that are drawn, with a column `interpretable`; they are saved as CSV beside the figure.
`draw` takes them and the names of arms and datasets in the order of the configuration, and returns the figure.
`describe` takes them and says in words what the figure shows. The caption is `report/captions/<name>.rst`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

# Ids of the sections of the report that show figures.
Section = Literal["kinds", "effects", "follow", "information", "size", "accuracy", "gates", "calibration", "figures"]


@dataclass(frozen=True)
class Figure:
    """One figure, or one for each model.

    Args:
        name: of its module, rule, caption and file.
        tables: what it is drawn from: keyword arguments of `tabulate`.
        per_model: whether there is one for each model; `tabulate` then takes the name of the `model`.
        settings: settings of statistics that `tabulate` takes.
        section: id of the section of the report that shows it.
        label: its name in Snakemake's own report.
        title: heading under which Snakemake's own report lists it.
        message: what its job does.
    """

    name: str
    tables: tuple[str, ...]
    per_model: bool = False
    settings: tuple[str, ...] = ()
    section: Section = "figures"
    label: str = ""
    title: str = ""
    message: str = ""

    @property
    def module(self) -> str:
        """Dotted name of the module that draws it."""
        return f"{__package__}.{self.name}"

    def files(self, models: Sequence[str]) -> list[str]:
        """Its files in the folder of the figures, without suffix: `<name>`, or `<name>/<model>` for each model."""
        return [f"{self.name}/{model}" for model in models] if self.per_model else [self.name]


# In the order of the report.
FIGURES = (
    Figure(
        "kinds",
        tables=("transitions", "kinds", "gates", "summaries"),
        section="kinds",
        label="kinds of chains, before and after",
        title="Kinds of chains",
        message="drawing how items move between kinds of chains",
    ),
    Figure(
        "effects",
        tables=("effects",),
        section="effects",
        label="effects, by reading and writing",
        title="Effects",
        message="drawing the effects",
    ),
    Figure(
        "retention",
        tables=("curves", "gates"),
        per_model=True,
        section="follow",
        label="answer retention",
        title="Answer retention",
        message="drawing answer retention: {wildcards.model}",
    ),
    Figure(
        "convergence",
        tables=("measures", "gates"),
        per_model=True,
        settings=("confidence",),
        section="follow",
        label="where the answer is decided",
        title="Answer retention",
        message="drawing where answers are decided: {wildcards.model}",
    ),
    Figure(
        "info_gain",
        tables=("effects",),
        section="information",
        label="information gain beside AOC",
        title="Effects",
        message="drawing information gain beside faithfulness",
    ),
    Figure(
        "scale",
        tables=("effects", "scale_fits"),
        section="size",
        label="effects by model size",
        title="Effects",
        message="drawing the effects by model size",
    ),
    Figure(
        "accuracy",
        tables=("summaries", "gates"),
        section="accuracy",
        label="accuracy with and without chain",
        title="Accuracy and chains",
        message="drawing accuracy with and without the chain",
    ),
    Figure(
        "chain_length",
        tables=("summaries", "gates"),
        section="accuracy",
        label="chain length",
        title="Accuracy and chains",
        message="drawing the length of the chains",
    ),
    Figure(
        "gates",
        tables=("gates", "summaries"),
        section="gates",
        label="gates",
        title="Gates and calibration",
        message="drawing the gates",
    ),
    Figure(
        "calibration",
        tables=("calibration",),
        section="calibration",
        label="calibration of the measures",
        title="Gates and calibration",
        message="drawing the calibration of the measures",
    ),
)


def named(file: PurePath) -> tuple[Figure, str | None]:
    """The figure that a file shows, and the model if it is one of several.

    Args:
        file: in the folder of the figures, as `Figure.files` says.
    """
    name, *model = file.with_suffix("").parts
    return next(figure for figure in FIGURES if figure.name == name), model[0] if model else None
