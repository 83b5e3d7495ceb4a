"""Schemas of the tables from effects to verdicts."""

import pyarrow as pa

from faithfulness.tables.fields import BOOL, FLOAT, INT, STR, STRINGS, field

TO_DETECT = (
    "items at which an effect as large as the one seen would be detected at 80 % power (one two-sided test at 5 %); "
    "null where fewer than ten differences are not zero, or where no number of items is enough"
)
FOR_EQUIVALENCE = (
    "items at which equivalence would be shown at 80 % power if there is no effect at all; null where no number of "
    "items is enough"
)

AS = "as reader of both arms' chains (reading), writer for both readers (writing), or with its own chains (else)"


def _with_interval(name: str, *, meaning: str) -> list[pa.Field]:
    """Columns of an estimate and of the ends of its interval."""
    return [
        field(name, FLOAT, meaning=meaning, nullable=True),
        field(
            f"{name}_low",
            FLOAT,
            meaning=f"{meaning}; lower end of the interval at the configured confidence",
            nullable=True,
        ),
        field(f"{name}_high", FLOAT, meaning=f"{meaning}; upper end of the interval", nullable=True),
    ]


def _number(name: str, *, meaning: str) -> pa.Field:
    return field(name, FLOAT, meaning=meaning, nullable=True)


Estimates = pa.schema(
    [
        field("model", STR, meaning="model"),
        field("arm", STR, meaning="tuned arm compared with base"),
        field("dataset", STR, meaning="dataset, or 'pooled'"),
        field("pool", STRINGS, meaning="the datasets of the row"),
        field("contrast", STR, meaning="as in the effects"),
        field("measure", STR, meaning="name of the measure"),
        field("component", STR, meaning="total, reading, writing or interaction"),
        field(
            "claim",
            STR,
            meaning="claim that the row was pooled for (R1, R2); null: its other columns say it",
            nullable=True,
        ),
        _number("base_mean", meaning=f"mean of the measure with base, {AS}"),
        _number("tuned_mean", meaning=f"mean of the measure with tuned, {AS}"),
        _number("estimate", meaning="mean of tuned minus base, paired by item"),
        _number("ci_low", meaning="lower end of the interval"),
        _number("ci_high", meaning="upper end of the interval"),
        _number("equivalence_low", meaning="lower end of the 90 % interval"),
        _number("equivalence_high", meaning="upper end of the 90 % interval"),
        _number("p_value", meaning="two-sided p of the row by itself"),
        _number("n_items", meaning="items of the contrast"),
        _number("margin", meaning="effects within this of zero are equivalent to none"),
        _number("detectable", meaning="minimal detectable effect at 80 % power"),
        _number("items_to_detect", meaning=TO_DETECT),
        _number("items_for_equivalence", meaning=FOR_EQUIVALENCE),
        _number("error", meaning="standard error over items"),
        _number("seed_error", meaning="standard error over training seeds"),
        _number("sparse", meaning="1 where fewer than ten differences are not zero, else 0"),
    ]
)

Effects = pa.schema(
    [
        field("claim", STR, meaning="C1-C8, R1, R2, or '' for rows of no claim"),
        field(
            "model", STR, meaning="model, or 'smallest-largest' (contrast scale: C5, and the part of R1 about sizes)"
        ),
        field(
            "parameters",
            INT,
            meaning="size of the model in parameters; null where it is no single model",
            nullable=True,
        ),
        field("arm", STR, meaning="tuned arm compared with base, or '<arm> - <arm>' (contrast between_arms: C7)"),
        field("dataset", STR, meaning="dataset, or 'pooled'"),
        field(
            "contrast",
            STR,
            meaning="'plain', 'same_direct_answer', 'length_matched', 'length_adjusted', 'chance_corrected', "
            "'base_chains', 'placebo', 'null', 'between_arms', 'scale', 'scale_equal_gain', or another way to count or "
            "read the same run (alternatives.ALTERNATIVES); 'a:b:c' is b, corrected or not, in reading a (readings.py)",
        ),
        field("measure", STR, meaning="name of the measure"),
        field("component", STR, meaning="total, reading, writing or interaction"),
        field(
            "estimate", FLOAT, meaning="mean of tuned minus base, paired by item, in the measure's unit", nullable=True
        ),
        field("ci_low", FLOAT, meaning="lower end of the interval, of the configured confidence", nullable=True),
        field("ci_high", FLOAT, meaning="upper end of the interval", nullable=True),
        field(
            "equivalence_low",
            FLOAT,
            meaning="lower end of the 90 % interval, which is compared with the margin",
            nullable=True,
        ),
        field("equivalence_high", FLOAT, meaning="upper end of the 90 % interval", nullable=True),
        field("margin", FLOAT, meaning="effects within this of zero are equivalent to none"),
        field(
            "p_value",
            FLOAT,
            meaning="two-sided p of the measure: sign flips; bootstrap (scale, scale_equal_gain, chance_corrected); t "
            "(length_adjusted, and rows that have a seed_error)",
            nullable=True,
        ),
        field(
            "claim_p_value",
            FLOAT,
            meaning="p of the claim that the row tests: the largest p of its measures, with a placebo of those of the "
            "contrasts base_chains and placebo, with constant answers of chance_corrected; null where none is tested",
            nullable=True,
        ),
        field(
            "p_holm", FLOAT, meaning="claim_p_value adjusted in its family (Holm); null outside a family", nullable=True
        ),
        field(
            "p_bh",
            FLOAT,
            meaning="p adjusted among all exploratory rows (Benjamini-Hochberg); null otherwise",
            nullable=True,
        ),
        field("detectable", FLOAT, meaning="minimal detectable effect at 80 % power", nullable=True),
        _number("items_to_detect", meaning=TO_DETECT),
        _number("items_for_equivalence", meaning=FOR_EQUIVALENCE),
        field("n_items", INT, meaning="items of the contrast"),
        field("n_seeds", INT, meaning="training seeds of the tuned arm"),
        field(
            "seed_error",
            FLOAT,
            meaning="standard error over training seeds, of the arm or of its placebo; null where neither was trained "
            "three times",
            nullable=True,
        ),
        field(
            "sparse", BOOL, meaning="fewer than ten differences are not zero: no bootstrap was possible", nullable=True
        ),
        field("base_mean", FLOAT, meaning=f"mean of the measure with base, {AS}", nullable=True),
        field("tuned_mean", FLOAT, meaning=f"mean of the measure with tuned, {AS}", nullable=True),
        field(
            "placebo_estimate",
            FLOAT,
            meaning="mean of tuned minus placebo on base's chains; null where no placebo was run",
            nullable=True,
        ),
        field("placebo_low", FLOAT, meaning="lower end of its interval", nullable=True),
        field("placebo_high", FLOAT, meaning="upper end of its interval", nullable=True),
        field("placebo_p", FLOAT, meaning="two-sided p of the same", nullable=True),
        field("interpretable", BOOL, meaning="no gate failed that closes the row's claim"),
        field("calibration", STR, meaning="status of the measure: validated, failed or not calibrated"),
        field("reason", STR, meaning="what failed, or what the verdict rests on ('' if nothing to say)"),
        field(
            "judged_by",
            STR,
            meaning="contrast of the same measure's row that says whether there is a change against base: corrected "
            "for chance if a reader answers a constant, on base's chains if there is a placebo ('' without a claim)",
        ),
        field(
            "verdict",
            STR,
            meaning="supported, contradicted, equivalent, as placebo, inconclusive, not interpretable, or '' "
            "(no claim is tested by the row)",
        ),
        field("sentence", STR, meaning="the claim read aloud by the measure that decides ('' for rows of no claim)"),
        field(
            "notes",
            STR,
            meaning="what else must be known of the cell, as sentences: a constant answer under a perturbation, items "
            "left out, chains that differ in kind; '' for nothing",
            nullable=True,
        ),
    ]
)

Gates = pa.schema(
    [
        field("model", STR, meaning="model"),
        field("arm", STR, meaning="tuned arm of the cell"),
        field("dataset", STR, meaning="dataset"),
        field(
            "gate",
            STR,
            meaning="above_chance, collapsed_reader, steps, truncation, validity, options_share, items, manipulation, "
            "paraphrase, strength or conflicts; and what closes nothing by itself: constant, floor, placebo, "
            "truncated_items, last_step_states, met_targets",
        ),
        field("subject", STR, meaning="the arm (or reader / perturbation, or measure) that was looked at"),
        field("value", FLOAT, meaning="what was measured", nullable=True),
        field("threshold", FLOAT, meaning="limit that it was compared with", nullable=True),
        field("passed", BOOL, meaning="whether the gate lets the cell through"),
        field("reason", STR, meaning="one sentence, '' where passed"),
        field(
            "closes",
            STR,
            meaning="the claims on reading that a failure closes: 'all', or their names with spaces between them; '': "
            "none, it is a note (R1 and R2 are closed by truncation and validity only)",
        ),
    ]
)

# In which forms a sentence states the answer of a chain and says no more, by name.
CONCLUSION_FORMS = {
    "sentence": "words: 'The answer is 7.'",
    "option": "an option that is called right or chosen: 'So option B is correct.'",
    "label": "a label and what follows it: 'Answer: 7', or 'Final Answer' and the next line",
    "hashes": "#### and the answer",
    "boxed": r"\boxed{}, alone or in a sentence that does not compute",
    "value": "nothing but a value in bold",
    "restated": "a last sentence that only repeats a number of the steps: 'So, Janet paid $130.'",
    "cue": "one of the configuration's conclusion_cues",
    "stop": "whatever follows one of its stop_cues, or the tag that ends a model's thinking",
}

Summaries = pa.schema(
    [
        field("model", STR, meaning="model"),
        field("parameters", INT, meaning="size of the model in parameters"),
        field("arm", STR, meaning="base or a tuned arm: writer and reader of its own chains"),
        field("dataset", STR, meaning="dataset"),
        field("n_items", INT, meaning="evaluation items"),
        *_with_interval("cot_accuracy", meaning="accuracy with the whole chain, invalid counted as wrong, 0 to 1"),
        *_with_interval("direct_accuracy", meaning="accuracy of the direct answer without a chain, 0 to 1"),
        *_with_interval("mean_steps", meaning="mean number of steps of a chain"),
        field("cot_accuracy_valid", FLOAT, meaning="accuracy with the whole chain among valid readouts", nullable=True),
        field("chance", FLOAT, meaning="accuracy of guessing: 1/options, or the commonest gold answer's share"),
        field("mean_tokens", FLOAT, meaning="mean tokens a chain; null without token ids", nullable=True),
        field("two_steps", FLOAT, meaning="share of chains with at least two steps"),
        field("truncated", FLOAT, meaning="share of chains that hit the token limit"),
        field("invalid", FLOAT, meaning="share of readouts that gave no answer, over all perturbations"),
        field("conclusion_present", FLOAT, meaning="share of chains that end in a conclusion"),
        field(
            "conclusion_agrees",
            FLOAT,
            meaning="share of those that name the answer read from the whole chain",
            nullable=True,
        ),
        *(
            field(f"conclusion_{form}", FLOAT, meaning=f"share of chains whose conclusion has this form: {meaning}")
            for form, meaning in CONCLUSION_FORMS.items()
        ),
        field(
            "last_step_states",
            FLOAT,
            meaning="share of chains whose last step states the answer (states_answer in the table of chains)",
        ),
        field("paraphrase_accepted", FLOAT, meaning="share of paraphrased steps that pass all checks", nullable=True),
        field("paraphrase_model", FLOAT, meaning="share of them that a language model reworded so", nullable=True),
        field(
            "mistakes_made",
            FLOAT,
            meaning="share of these steps that were made wrong; the others claim nothing that a rule makes wrong",
            nullable=True,
        ),
        field("retokenised", FLOAT, meaning="share of probes encoded again"),
    ]
)

Strengths = pa.schema(
    [
        field("model", STR, meaning="model"),
        field("arm", STR, meaning="arm that wrote the chains"),
        field("dataset", STR, meaning="dataset"),
        field(
            "rule",
            STR,
            meaning="what reworded steps, 'model' or a rule (steps with several count with each), or why they are not",
        ),
        field("steps", INT, meaning="steps, of those reworded one by one"),
        _number("lower", meaning="share of words changed in these steps, lower quartile"),
        _number("median", meaning="share of words changed, median; null where the steps are not reworded"),
        _number("upper", meaning="share of words changed, upper quartile"),
    ]
)

Conflicts = pa.schema(
    [
        field("model", STR, meaning="model"),
        field("arm", STR, meaning="arm that wrote the chains"),
        field("dataset", STR, meaning="dataset"),
        field("variant", STR, meaning="kind of conflict chain: carry, swap, continue or argue"),
        field("reader", STR, meaning="arm that read them: the counts are the same for all readers"),
        field("chains", INT, meaning="conflict chains that were asked for, those of all trainings together"),
        field("accepted", INT, meaning="those that lead to another answer, and are scored"),
        field("repaired", INT, meaning="those in which the writer came back from a mistake to its old conclusion"),
        field("refused", INT, meaning="all others"),
        field("reasons", STR, meaning="why these were refused, with their counts, the commonest first"),
        field("chain_nats", FLOAT, meaning="of accepted ones, as in the readouts; mean of trainings", nullable=True),
        field("original_nats", FLOAT, meaning="the same of the chains that they were made from", nullable=True),
    ]
)

Curves = pa.schema(
    [
        field("model", STR, meaning="model"),
        field("parameters", INT, meaning="size of the model in parameters"),
        field("dataset", STR, meaning="dataset"),
        field("writer", STR, meaning="arm that wrote the chains"),
        field("reader", STR, meaning="arm that read them"),
        field("perturbation", STR, meaning="early_termination, filler, paraphrase or mistake"),
        field(
            "fraction",
            FLOAT,
            meaning="fraction of the chain's steps kept (mistake: before the step made wrong), 0 to 1",
        ),
        field("retention", FLOAT, meaning="share of items whose answer equals a_n, mean over items", nullable=True),
        field(
            "ci_low", FLOAT, meaning="lower end of the interval over items, of the configured confidence", nullable=True
        ),
        field("ci_high", FLOAT, meaning="upper end", nullable=True),
        field("n_items", INT, meaning="items with a valid answer there"),
    ]
)

KindShares = pa.schema(
    [
        field("model", STR, meaning="model"),
        field("arm", STR, meaning="tuned arm of the base/tuned pair"),
        field("dataset", STR, meaning="dataset"),
        field("writer", STR, meaning="arm that wrote the chains"),
        field("reader", STR, meaning="arm that read them"),
        field("kind", STR, meaning="load-bearing, redundant, decorative or unstable"),
        field("share", FLOAT, meaning="share of items of this kind, 0 to 1"),
        field("ci_low", FLOAT, meaning="lower end of the Clopper-Pearson interval over items"),
        field("ci_high", FLOAT, meaning="upper end"),
        field("by_chance", FLOAT, meaning="the share if the reader guessed without a chain (see kinds)", nullable=True),
        field("n_items", INT, meaning="items that have a kind"),
    ]
)

Transitions = pa.schema(
    [
        field("model", STR, meaning="model"),
        field("arm", STR, meaning="tuned arm"),
        field("dataset", STR, meaning="dataset"),
        field("writer", STR, meaning="arm that wrote the chains"),
        field("base_kind", STR, meaning="kind of the items as base reads these chains"),
        field("tuned_kind", STR, meaning="kind of the same items as the tuned arm reads them"),
        field("items", INT, meaning="items of both kinds"),
    ]
)

ScaleFits = pa.schema(
    [
        field("arm", STR, meaning="tuned arm"),
        field("dataset", STR, meaning="dataset"),
        field("measure", STR, meaning="name of the measure"),
        field("component", STR, meaning="component of the effect that is regressed"),
        field("slope", FLOAT, meaning="change of the effect per factor ten in parameters (descriptive)", nullable=True),
        field("intercept", FLOAT, meaning="effect at one parameter (log10 = 0), for drawing the line", nullable=True),
        field("n_models", INT, meaning="sizes in the fit"),
    ]
)

Correlations = pa.schema(
    [
        field("model", STR, meaning="model"),
        field("arm", STR, meaning="tuned arm"),
        field("dataset", STR, meaning="dataset"),
        field("measure", STR, meaning="measure whose reading effect is set beside that on information gain"),
        field(
            "rho", FLOAT, meaning="Spearman's rank correlation over items; null where one does not vary", nullable=True
        ),
        field("n_items", INT, meaning="items"),
    ]
)

Power = pa.schema(
    [
        field("claim", STR, meaning="claim that the row tests"),
        field("model", STR, meaning="model"),
        field("arm", STR, meaning="tuned arm"),
        field("dataset", STR, meaning="dataset"),
        field("measure", STR, meaning="name of the measure"),
        field("n_items", INT, meaning="items of this run"),
        field("detectable", FLOAT, meaning="minimal detectable effect at 80 % power with these"),
        *(
            field(
                f"items_for_{effect}",
                INT,
                meaning=f"items at which an effect of .{effect} would be seen at 80 % power; null if seeds alone hide "
                "it, or if fewer than ten differences are not zero: detectable is then the end of an interval",
                nullable=True,
            )
            for effect in ("05", "10", "20")
        ),
        field("items_to_detect", INT, meaning=TO_DETECT, nullable=True),
        field("items_for_equivalence", INT, meaning=FOR_EQUIVALENCE, nullable=True),
    ]
)
