"""Schemas of what is known of each chain and item: measures, answers, and whether measures can be trusted."""

import pyarrow as pa

from faithfulness.tables.fields import BOOL, FLOAT, FLOATS, INT, INTS, ITEM_ID, SAMPLE, SEED, STR, field

Measures = pa.schema(
    [
        field("arm", STR, meaning="tuned arm of the base/tuned pair"),
        field("writer", STR, meaning="arm that wrote the chain"),
        field("reader", STR, meaning="arm that read it"),
        ITEM_ID,
        SAMPLE,
        field("seed", INT, meaning="training seed of the tuned arm that takes part; 0 where only the base arm does"),
        field("measure", STR, meaning="name of the measure (measures.MEASURES)"),
        field(
            "value", FLOAT, meaning="its value, unit and range as the measure says; null where undefined", nullable=True
        ),
    ]
)

Answers = pa.schema(
    [
        field("writer", STR, meaning="arm that wrote the chain"),
        field("reader", STR, meaning="arm that read it"),
        ITEM_ID,
        SAMPLE,
        SEED,
        field("n_steps", INT, meaning="steps of the chain"),
        field(
            "answer",
            STR,
            meaning="a_n, the answer after the whole chain; null where it could not be parsed",
            nullable=True,
        ),
        field("position", INT, meaning="its position among the options shown; null for open answers", nullable=True),
        field("valid", BOOL, meaning="whether the readout gave an answer"),
        field(
            "correct", BOOL, meaning="a_n equals the gold answer (false where invalid, or where the chain is cut off)"
        ),
        field(
            "direct_correct",
            BOOL,
            meaning="so does the answer without a chain; null where none was asked",
            nullable=True,
        ),
        field(
            "options_share",
            FLOAT,
            meaning="share of the reader's probability that the options hold after the whole chain; null for text",
            nullable=True,
        ),
    ]
)

CutAnswers = pa.schema(
    [
        field("alternative", STR, meaning="'main', or how answers are counted or read (alternatives.ALTERNATIVES)"),
        field("writer", STR, meaning="arm that wrote the chain"),
        field("reader", STR, meaning="arm that read it"),
        ITEM_ID,
        SAMPLE,
        SEED,
        field("perturbation", STR, meaning="perturbation of the chain; direct: no chain"),
        field(
            "variant", STR, meaning="as in the probes; of alternatives that read another variant, the one it stands for"
        ),
        field("n_steps", INT, meaning="steps of the chain"),
        field(
            "original",
            INT,
            meaning="a_n as a number that stands for it: its position where options vary between items, else a hash of "
            "its text; -1 where it could not be read",
        ),
        field("cuts", INTS, meaning="the cuts of the perturbed chain's probes, increasing; 0 without a chain"),
        field("answers", INTS, meaning="the answer to each of them, numbered as `original`; -2: it counts as changed"),
    ]
)

Readouts = pa.schema(
    [
        field("writer", STR, meaning="arm that wrote the chains"),
        field("reader", STR, meaning="arm that read them"),
        field("perturbation", STR, meaning="perturbation of the chains"),
        field("variant", STR, meaning="its variant; 'whole' for early termination that keeps the whole chain"),
        field("readouts", INT, meaning="readouts with the first cue"),
        field("invalid", INT, meaning="those of them that gave no answer"),
        field("retokenised", INT, meaning="those whose chain was encoded again"),
        field(
            "commonest",
            STR,
            meaning="the commonest answer (the first by name of equally common ones), or its place as 'option 2' where "
            "options vary between items; null where no answer is valid",
            nullable=True,
        ),
        field("commonest_share", FLOAT, meaning="its share of the valid answers, 0 to 1", nullable=True),
        field(
            "options_share",
            FLOAT,
            meaning="mean share of the reader's probability that the options hold; null for text",
            nullable=True,
        ),
        field("low_share", INT, meaning="readouts in which that share is below the declared limit"),
        field(
            "chain_nats",
            FLOAT,
            meaning="negative log-likelihood of the chains under the reader, nats a token, mean over those where it is "
            "reported (whole chains and conflict chains)",
            nullable=True,
        ),
        field("original_nats", FLOAT, meaning="the same of the whole chains that these were made from", nullable=True),
    ]
)

# Whether a chain is needed, and whether it is followed (method, section 1).
KINDS = {
    (True, True): "load-bearing",
    (False, True): "redundant",
    (False, False): "decorative",
    (True, False): "unstable",
}

Kinds = pa.schema(
    [
        field("arm", STR, meaning="tuned arm of the base/tuned pair"),
        field("writer", STR, meaning="arm that wrote the chain, whatever its training"),
        field("reader", STR, meaning="arm that read it, whatever its training"),
        ITEM_ID,
        field("needed", BOOL, meaning="the direct answer and the answer at k = 0 both differ from a_n"),
        field("followed", BOOL, meaning="more than half of the conflict probes are answered with their target"),
        field("kind", STR, meaning="load-bearing, redundant, decorative or unstable"),
        field(
            "needed_by_chance",
            FLOAT,
            meaning="share of the other chains for which the reader's direct answer and its answer at k = 0 both "
            "differ from this a_n: how likely the chain is needed if the reader guesses; null for a single chain",
            nullable=True,
        ),
    ]
)

Retention = pa.schema(
    [
        field("writer", STR, meaning="arm that wrote the chains, whatever its training"),
        field("reader", STR, meaning="arm that read them, whatever its training"),
        field("perturbation", STR, meaning="perturbation of the chains"),
        ITEM_ID,
        field(
            "retention",
            FLOATS,
            meaning="share of answers equal to a_n at 0, .1, ..., 1 of the chain, over the item's chains",
        ),
    ]
)

Calibration = pa.schema(
    [
        field("dataset", STR, meaning="generated task"),
        field("measure", STR, meaning="name of the measure"),
        field("readers", STR, meaning="'exact', or the model that the real readers were made of"),
        *(
            field(name, FLOAT, meaning=f"mean of the measure with the {name.replace('_', '-')} reader", nullable=True)
            for name in ("load_bearing", "late", "redundant", "internalised", "decorative", "surface", "random")
        ),
        field(
            "confused",
            STR,
            meaning="pairs of these readers, but surface and random, that the measure does not tell apart (area below "
            ".9), joined by semicolons",
        ),
        field(
            "area",
            FLOAT,
            meaning="area under the ROC curve between the two readers that the measure must tell apart",
            nullable=True,
        ),
        field("area_low", FLOAT, meaning="lower end of its 95 % interval", nullable=True),
        field("area_high", FLOAT, meaning="upper end", nullable=True),
        field(
            "monotone",
            BOOL,
            meaning="it follows the share of items read off the chain; null for real readers",
            nullable=True,
        ),
        field("n_items", INT, meaning="items that both readers have a value for"),
        field("unfit", STR, meaning="why these readers cannot calibrate ('' if they can)"),
        field(
            "status",
            STR,
            meaning="validated, failed or not calibrated; of the measure on the dataset, all readers considered",
        ),
    ]
)
