"""Schemas of what placebo and null arms show: how far each moved, and how often chance alone is called a change."""

import pyarrow as pa

from faithfulness.tables.fields import BOOL, FLOAT, INT, STR, field

Controls = pa.schema(
    [
        field("model", STR, meaning="model"),
        field("arm", STR, meaning="placebo or null arm, reading base's chains"),
        field("dataset", STR, meaning="dataset, or 'pooled'"),
        field("measure", STR, meaning="name of the measure"),
        field("estimate", FLOAT, meaning="mean of the arm minus base, paired by item", nullable=True),
        field("ci_low", FLOAT, meaning="lower end of the interval, of the configured confidence", nullable=True),
        field("ci_high", FLOAT, meaning="upper end of the interval", nullable=True),
        field("p_value", FLOAT, meaning="two-sided p of the measure; of a description, in no family", nullable=True),
        field("n_items", INT, meaning="items compared"),
        field("interpretable", BOOL, meaning="no gate failed that closes the measure"),
        field("reason", STR, meaning="which gates failed ('' if none)"),
    ]
)

NullPairs = pa.schema(
    [
        field("model", STR, meaning="model"),
        field("dataset", STR, meaning="dataset"),
        field("first", STR, meaning="training of a placebo or null arm, reading base's chains"),
        field("second", STR, meaning="another training of this arm, or base"),
        field("claim", STR, meaning="C1, C2, C3 or C8"),
        field("measure", STR, meaning="name of the measure"),
        field("estimate", FLOAT, meaning="mean of first minus second, paired by item", nullable=True),
        field("ci_low", FLOAT, meaning="lower end of the interval, of the configured confidence", nullable=True),
        field("ci_high", FLOAT, meaning="upper end of the interval", nullable=True),
        field("p_value", FLOAT, meaning="two-sided p of the measure", nullable=True),
        field(
            "p_holm",
            FLOAT,
            meaning="p of the claim, adjusted among the claims and datasets of the pair (Holm)",
            nullable=True,
        ),
        field(
            "verdict",
            STR,
            meaning="what would have been said of the pair, had the first been a tuned arm, the second base",
        ),
        field("reason", STR, meaning="what the verdict rests on ('' if nothing to say)"),
    ]
)
