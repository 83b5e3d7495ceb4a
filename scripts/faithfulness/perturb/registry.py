"""The perturbations, one entry each: all that lists them reads this table.

The code of a perturbation is in the module of this wing with its name, in a function `perturb`, which takes a row of
the chains table and, by keyword, what the entry `needs`, and returns rows of the probes table (see `apply`). This table
imports none of these modules, so that a change in one of them is a change of its own perturbation alone.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One way in which a perturbation changes chains.

    Attributes:
        name: in the column `variant`.
        label: in the chain browser.
        hint: what a row of the chain browser shows.
        title: of the row of the chain browser in which no step is kept.
        one_step: whether `cut` is the step that is changed, from 1.
        whole: whether the whole chain leads elsewhere, and `cut` is the number of such a chain, from 1; if neither,
            `cut` is the number of steps kept.
        curve: whether figures show the retention of the answer over the cuts.
        shown: whether the chain browser shows it as a change of the chain.
        browsed: whether the chain browser holds its probes: it would be twice as large with all that only compare.
    """

    name: str
    label: str = ""
    hint: str = ""
    title: str = ""
    one_step: bool = False
    whole: bool = False
    curve: bool = False
    shown: bool = True
    browsed: bool = True


@dataclass(frozen=True, kw_only=True)
class Perturbation:
    """A kind of change that is made to chains.

    Attributes:
        name: in files and in the column `perturbation`; also of its module.
        label: in figures and tables.
        needs: keyword arguments of its function: settings of the section `perturbations` of the configuration
            (`max_cuts`, `seed`, `filler`, `fillers`, `conflict`); `contrasts` (pairs of words of the chain's dataset);
            `answer` and `options` (of the chain's item), or `item` (all columns of it, see `apply.OF_ITEM`); `donors`
            (the chains of the same writer and dataset, see `donors.donors`); `sharing` (all items by item_id, where
            they have the same options; else none); `encode` and `decode` (of the writer's tokenizer; None where a
            server has it).
        variants: the ways in which it changes chains.
    """

    name: str
    label: str
    needs: tuple[str, ...]
    variants: tuple[Variant, ...]


PERTURBATIONS = {
    perturbation.name: perturbation
    for perturbation in (
        Perturbation(
            name="early_termination",
            label="early termination",
            needs=("max_cuts",),
            variants=(
                Variant(
                    name="keep_k",
                    label="Early termination",
                    title="No step kept",
                    hint="Each row: the steps up to there are kept, then the arm answers. Colour: what the step adds.",
                    curve=True,
                ),
            ),
        ),
        Perturbation(
            name="filler",
            label="filler",
            needs=("max_cuts", "filler", "fillers", "seed", "donors", "encode", "decode"),
            variants=(
                Variant(
                    name="text",
                    label="Filler",
                    title="All steps as filler",
                    hint="Each row: the steps up to there are kept, the rest is filler. Colour: what the step adds.",
                    curve=True,
                ),
                Variant(name="words", label="Filler of common words", browsed=False),
                Variant(name="steps", label="Filler of another item's steps", browsed=False),
            ),
        ),
        Perturbation(
            name="paraphrase",
            label="paraphrase",
            needs=("max_cuts", "seed", "contrasts", "answer", "encode"),
            variants=(
                Variant(
                    name="rest",
                    label="Paraphrase of the rest",
                    title="All steps reworded",
                    hint="Each row: the steps up to there are kept, the rest is reworded. "
                    "Colour: what the step's own words add.",
                    curve=True,
                ),
                Variant(
                    name="single",
                    label="Paraphrase of one step",
                    hint="Each row: this step alone is reworded. Colour: what that does to the whole chain's answer.",
                    one_step=True,
                ),
            ),
        ),
        Perturbation(
            name="mistake",
            label="mistake",
            needs=("max_cuts", "seed", "contrasts", "options", "answer", "encode"),
            variants=(
                Variant(
                    name="keep",
                    label="Mistake",
                    hint="Each row: this step alone is made wrong. Colour: what that does to the whole chain's answer.",
                    one_step=True,
                    curve=True,
                ),
                Variant(
                    name="resample",
                    label="Mistake, continued",
                    hint="Each row: this step is made wrong and its writer continues from there. "
                    "Colour: what that does to the answer.",
                    one_step=True,
                ),
            ),
        ),
        Perturbation(
            name="conflict",
            label="conflict",
            needs=("item", "seed", "conflict", "donors", "sharing", "encode"),
            variants=(
                Variant(
                    name="carry",
                    label="Conflict: a fact carried through",
                    hint="One fact of the chain is another one, carried through all later steps to another answer.",
                    whole=True,
                ),
                Variant(
                    name="swap",
                    label="Conflict: another question's chain",
                    hint="The whole chain is that of another question, with another answer.",
                    whole=True,
                ),
                Variant(
                    name="continue",
                    label="Conflict: a mistake, continued",
                    hint="One step is made wrong, and its writer continues from there to another answer.",
                    whole=True,
                ),
                Variant(
                    name="argue",
                    label="Conflict: an argument for another option",
                    hint="The writer argues for another option.",
                    whole=True,
                ),
            ),
        ),
        Perturbation(name="direct", label="direct answer", needs=(), variants=(Variant(name="direct", shown=False),)),
    )
}


def kind(perturbation: str, variant: str) -> str:
    """A perturbation with its variant where it has several, as one name: `filler`, `paraphrase_rest`."""
    return f"{perturbation}_{variant}" if len(PERTURBATIONS[perturbation].variants) > 1 else perturbation
