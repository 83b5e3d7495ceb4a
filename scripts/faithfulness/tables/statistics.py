"""Schemas of the tables from measures to verdicts."""

import pyarrow as pa

from faithfulness.tables.fields import BOOL, FLOAT, INT, ITEM_ID, SAMPLE, STR, field

Measures = pa.schema(
    [
        field("arm", STR, "tuned arm of the base/tuned pair"),
        field("writer", STR, "arm that wrote the chain"),
        field("reader", STR, "arm that read it"),
        ITEM_ID,
        SAMPLE,
        field("seed", INT, "training seed of the tuned arm that takes part; 0 where only the base arm does"),
        field("measure", STR, "name of the measure (measures.MEASURES)"),
        field("value", FLOAT, "its value, unit and range as the measure says; null where undefined", nullable=True),
    ]
)

Effects = pa.schema(
    [
        field("claim", STR, "C1-C6, R1, R2, or '' for exploratory rows"),
        field("model", STR, "model, or 'smallest-largest' (contrast scale: C5, and the part of R1 about sizes)"),
        field("parameters", INT, "size of the model in parameters; null where it is no single model", nullable=True),
        field("arm", STR, "tuned arm compared with base"),
        field("dataset", STR, "dataset, or 'pooled'"),
        field(
            "contrast",
            STR,
            "'plain', 'equal_correctness', 'length_matched', 'length_adjusted', 'chance_corrected', 'invalid_as_same', "
            "'invalid_as_changed' or 'scale'",
        ),
        field("measure", STR, "name of the measure"),
        field("component", STR, "total, reading, writing or interaction"),
        field("estimate", FLOAT, "mean of tuned minus base, paired by item, in the measure's unit", nullable=True),
        field("ci_low", FLOAT, "lower end of the interval, of the configured confidence", nullable=True),
        field("ci_high", FLOAT, "upper end of the interval", nullable=True),
        field("equivalence_low", FLOAT, "lower end of the 90 % interval, held against the margin", nullable=True),
        field("equivalence_high", FLOAT, "upper end of the 90 % interval", nullable=True),
        field("margin", FLOAT, "effects within this of zero are equivalent to none"),
        field(
            "p_value",
            FLOAT,
            "two-sided p, the larger one of a claim with two measures: sign flips; bootstrap (scale, chance_corrected);"
            " t (length_adjusted, three seeds or more)",
            nullable=True,
        ),
        field("p_holm", FLOAT, "p adjusted in its family; null outside a family", nullable=True),
        field(
            "p_bh", FLOAT, "p adjusted among all exploratory rows (Benjamini-Hochberg); null otherwise", nullable=True
        ),
        field("detectable", FLOAT, "minimal detectable effect at 80 % power", nullable=True),
        field("items_needed", FLOAT, "items at which equivalence would be shown at 80 % power", nullable=True),
        field("n_items", INT, "items of the contrast"),
        field("n_seeds", INT, "training seeds of the tuned arm"),
        field(
            "seed_error",
            FLOAT,
            "standard error over training seeds; null where fewer than three",
            nullable=True,
        ),
        field("sparse", BOOL, "fewer than ten differences are not zero: no bootstrap was possible", nullable=True),
        field("base_mean", FLOAT, "mean of the measure, base writes and base reads", nullable=True),
        field("tuned_mean", FLOAT, "mean of the measure, tuned writes and tuned reads", nullable=True),
        field("interpretable", BOOL, "no gate failed"),
        field("calibration", STR, "status of the measure: validated, failed or not calibrated"),
        field("reason", STR, "what failed, or what the verdict rests on ('' if nothing to say)"),
        field(
            "verdict",
            STR,
            "supported, contradicted, equivalent, inconclusive, not interpretable, or '' "
            "(no claim is tested by the row)",
        ),
        field("sentence", STR, "the claim read aloud by the measure that decides ('' for rows of no claim)"),
    ]
)

Gates = pa.schema(
    [
        field("model", STR, "model"),
        field("arm", STR, "tuned arm of the cell"),
        field("dataset", STR, "dataset"),
        field("gate", STR, "above_chance, collapsed_reader, steps, truncation, validity, paraphrase or items"),
        field("subject", STR, "the arm (or reader / perturbation) that was looked at"),
        field("value", FLOAT, "what was measured", nullable=True),
        field("threshold", FLOAT, "what it was held against", nullable=True),
        field("passed", BOOL, "whether the gate lets the cell through"),
        field("reason", STR, "one sentence, '' where passed"),
    ]
)

Summaries = pa.schema(
    [
        field("model", STR, "model"),
        field("parameters", INT, "size of the model in parameters"),
        field("arm", STR, "base or a tuned arm: writer and reader of its own chains"),
        field("dataset", STR, "dataset"),
        field("n_items", INT, "evaluation items"),
        *(
            field(f"{name}{end}", FLOAT, f"{meaning}{extra}", nullable=True)
            for name, meaning in {
                "cot_accuracy": "accuracy with the whole chain, invalid counted as wrong, 0 to 1",
                "direct_accuracy": "accuracy of the direct answer without a chain, 0 to 1",
                "mean_steps": "mean number of steps a chain",
            }.items()
            for end, extra in {
                "": "",
                "_low": "; lower end of the interval, of the configured confidence",
                "_high": "; upper end of the interval",
            }.items()
        ),
        field("cot_accuracy_valid", FLOAT, "accuracy with the whole chain among valid readouts", nullable=True),
        field("chance", FLOAT, "accuracy of guessing: 1/options, or the commonest gold answer's share"),
        field("mean_tokens", FLOAT, "mean tokens a chain; null without token ids", nullable=True),
        field("two_steps", FLOAT, "share of chains with at least two steps"),
        field("truncated", FLOAT, "share of chains that hit the token limit"),
        field("invalid", FLOAT, "share of readouts that gave no answer, over all perturbations"),
        field("conclusion_present", FLOAT, "share of chains that end in a conclusion"),
        field(
            "conclusion_agrees", FLOAT, "share of those that name the answer read from the whole chain", nullable=True
        ),
        field("paraphrase_accepted", FLOAT, "share of paraphrased steps that pass all checks", nullable=True),
        field("paraphrase_model", FLOAT, "share of them that a language model reworded so", nullable=True),
        field(
            "paraphrase_fallback", FLOAT, "share of them that were given an opening and no other words", nullable=True
        ),
        field("retokenised", FLOAT, "share of probes encoded again"),
    ]
)

Curves = pa.schema(
    [
        field("model", STR, "model"),
        field("parameters", INT, "size of the model in parameters"),
        field("dataset", STR, "dataset"),
        field("writer", STR, "arm that wrote the chains"),
        field("reader", STR, "arm that read them"),
        field("perturbation", STR, "early_termination, filler, paraphrase or mistake"),
        field("fraction", FLOAT, "fraction of the chain's steps kept (mistake: before the step made wrong), 0 to 1"),
        field("retention", FLOAT, "share of items whose answer equals a_n, mean over items", nullable=True),
        field("ci_low", FLOAT, "lower end of the interval over items, of the configured confidence", nullable=True),
        field("ci_high", FLOAT, "upper end", nullable=True),
        field("n_items", INT, "items with a valid answer there"),
    ]
)

ScaleFits = pa.schema(
    [
        field("arm", STR, "tuned arm"),
        field("dataset", STR, "dataset"),
        field("measure", STR, "name of the measure"),
        field("component", STR, "component of the effect that is regressed"),
        field("slope", FLOAT, "change of the effect per factor ten in parameters (descriptive)", nullable=True),
        field("intercept", FLOAT, "effect at one parameter (log10 = 0), for drawing the line", nullable=True),
        field("n_models", INT, "sizes in the fit"),
    ]
)

Correlations = pa.schema(
    [
        field("model", STR, "model"),
        field("arm", STR, "tuned arm"),
        field("dataset", STR, "dataset"),
        field("measure", STR, "measure whose reading effect is set beside that on information gain"),
        field("rho", FLOAT, "Spearman's rank correlation over items; null where one does not vary", nullable=True),
        field("n_items", INT, "items"),
    ]
)

Power = pa.schema(
    [
        field("claim", STR, "claim that the row tests"),
        field("model", STR, "model"),
        field("arm", STR, "tuned arm"),
        field("dataset", STR, "dataset"),
        field("measure", STR, "name of the measure"),
        field("n_items", INT, "items of this run"),
        field("detectable", FLOAT, "minimal detectable effect at 80 % power with these"),
        *(
            field(
                f"items_for_{effect}",
                INT,
                f"items at which an effect of .{effect} would be seen at 80 % power; null if seeds alone hide it, or "
                "if fewer than ten differences are not zero: detectable is then the end of an interval",
                nullable=True,
            )
            for effect in ("05", "10", "20")
        ),
        field(
            "items_for_equivalence",
            INT,
            "items at which no effect would be shown to be equivalent to none",
            nullable=True,
        ),
    ]
)

Calibration = pa.schema(
    [
        field("dataset", STR, "generated task"),
        field("measure", STR, "name of the measure"),
        field("readers", STR, "'exact', or the model that the real readers were made of"),
        *(
            field(name, FLOAT, f"mean of the measure with the {name.replace('_', '-')} reader", nullable=True)
            for name in ("load_bearing", "decorative", "surface", "random")
        ),
        field(
            "area",
            FLOAT,
            "area under the ROC curve between the two readers that the measure must tell apart",
            nullable=True,
        ),
        field("area_low", FLOAT, "lower end of its 95 % interval", nullable=True),
        field("area_high", FLOAT, "upper end", nullable=True),
        field(
            "monotone", BOOL, "it follows the share of items read off the chain; null for real readers", nullable=True
        ),
        field("n_items", INT, "items that both readers have a value for"),
        field("unfit", STR, "why these readers cannot calibrate ('' if they can)"),
        field(
            "status", STR, "validated, failed or not calibrated; of the measure on the dataset, all readers considered"
        ),
    ]
)
