"""Schemas of the tables from items to scores: what models write and answer."""

import pyarrow as pa

from faithfulness.perturb.registry import PERTURBATIONS
from faithfulness.tables.fields import BOOL, FLOAT, INT, INTS, ITEM_ID, SAMPLE, SEED, SPANS, STR, STRINGS, field

Items = pa.schema(
    [
        ITEM_ID,
        field("question", STR, "text of the question, without its options"),
        field("options", STRINGS, "answer options in the order shown; null for open answers", nullable=True),
        field("answer", STR, "gold answer; one of the options where there are options"),
        field(
            "rationale", STRINGS, "worked chain, a sentence or line each; null where the source has none", nullable=True
        ),
        field("show_options", BOOL, "whether the prompt lists the options (generated tasks only score them)"),
        field("letters", BOOL, "whether it names them by letters, which are the answers that are learned and read"),
    ]
)

Chains = pa.schema(
    [
        ITEM_ID,
        SAMPLE,
        SEED,
        field("prompt", STR, "everything before the chain, prefill included"),
        field("chain_text", STR, "the reasoning, without its conclusion and without the answer cue"),
        field("conclusion", STR, "trailing sentences that state the answer, cut off before probing ('' if none)"),
        field("steps", STRINGS, "the chain's sentences; joined they are chain_text"),
        field("step_spans", SPANS, "[start, end) character offsets of each step in chain_text"),
        field("finish_reason", STR, "'stop' (the writer ended by itself) or 'length' (token limit: truncated)"),
        field("prompt_ids", INTS, "token ids of prompt; null where the writer exposes none", nullable=True),
        field("chain_ids", INTS, "token ids of chain_text, as generated; null likewise", nullable=True),
        field("step_offsets", SPANS, "[start, end) offsets of each step in chain_ids; null likewise", nullable=True),
        field("tokenizer_hash", STR, "identifies the tokenizer of the ids; null likewise", nullable=True),
    ]
)

Probes = pa.schema(
    [
        ITEM_ID,
        SAMPLE,
        SEED,
        field(
            "cut",
            INT,
            "k: steps kept (early_termination, filler, paraphrase/rest); the step touched, from 1 "
            "(mistake, paraphrase/single); 0 for direct",
        ),
        field("n_steps", INT, "n: steps of the unperturbed chain"),
        field(
            "variant",
            STR,
            "'keep_k' (early_termination), the filler text (filler), 'rest' or 'single' "
            "(paraphrase), 'keep' (mistake), 'direct'",
        ),
        field("text", STR, "the perturbed chain, '' where nothing is kept"),
        field(
            "chain_ids",
            INTS,
            "token ids of text, spliced from the chain's own ids; null where there are none",
            nullable=True,
        ),
        field(
            "replacement",
            STR,
            "text that stands in for the steps replaced; null where nothing is replaced",
            nullable=True,
        ),
        field(
            "rule",
            STR,
            "what made the replacement ('model', or name of the rewording or mistake rule); null likewise",
            nullable=True,
        ),
        field(
            "accepted",
            BOOL,
            "replacement differs from the original and passed all checks; null likewise",
            nullable=True,
        ),
    ]
)

Rewordings = pa.schema(
    [
        field("step", STR, "a step of a chain"),
        field("answer", STR, "gold answer of its item, which no rewording may state where the step does not"),
        field("text", STR, "the step in other words"),
        field("rule", STR, "what made them: 'model', or the name of the rewording rule it fell back to"),
        field("accepted", BOOL, "whether they passed all checks"),
    ]
)

Scores = pa.schema(
    [
        field("writer", STR, "arm that wrote the chain"),
        ITEM_ID,
        SAMPLE,
        SEED,
        field("perturbation", STR, f"one of {', '.join(PERTURBATIONS)}"),
        field("variant", STR, "as in the probes"),
        field("cut", INT, "as in the probes"),
        field("n_steps", INT, "as in the probes"),
        field("answer", STR, "the reader's answer; null where it could not be parsed", nullable=True),
        field("valid", BOOL, "whether the readout gave an answer"),
        field(
            "margin",
            FLOAT,
            "cloze: score of the best minus the second option, nats per byte; letters: the same, in nats; text: mean "
            "token log-probability of a_n minus that of the gold answer, nats, null where they are the same text or "
            "a_n is invalid",
            nullable=True,
        ),
        field(
            "p_original",
            FLOAT,
            "probability of a_n, the reader's answer after the whole chain, 0 to 1; null "
            "where a_n is invalid and for direct",
            nullable=True,
        ),
        field("p_gold", FLOAT, "probability of the gold answer, 0 to 1", nullable=True),
        field("correct", BOOL, "answer equals the gold answer (false where invalid)"),
        field("same", BOOL, "answer equals a_n; null where either is invalid and for direct", nullable=True),
        field("position", INT, "position of the answer among the options shown; null for open answers", nullable=True),
        field("retokenised", BOOL, "the chain was encoded again because writer and reader differ in tokenizer"),
    ]
)
