"""Schemas of the tables from items to scores: what models write and answer."""

import pyarrow as pa

from faithfulness.tables.fields import BOOL, BOOLS, FLOAT, INT, INTS, ITEM_ID, SAMPLE, SEED, SPANS, STR, STRINGS, field

Items = pa.schema(
    [
        ITEM_ID,
        field("question", STR, meaning="text of the question, without its options"),
        field("options", STRINGS, meaning="answer options in the order shown; null for open answers", nullable=True),
        field("answer", STR, meaning="gold answer; one of the options where there are options"),
        field(
            "answers",
            STRINGS,
            meaning="all right answers of an open question that has several, `answer` first; null otherwise",
            nullable=True,
        ),
        field(
            "rationale",
            STRINGS,
            meaning="worked chain, a sentence or line each; null where the source has none",
            nullable=True,
        ),
        field("show_options", BOOL, meaning="whether the prompt lists the options (generated tasks only score them)"),
        field(
            "letters", BOOL, meaning="whether it names them by letters, which are the answers that are learned and read"
        ),
    ]
)

LeftOut = pa.schema(
    [
        field("table", STR, meaning="which items the table is for: 'evaluation', 'train', 'evaluation and train'"),
        field("rows", INT, meaning="rows of that table"),
        field("left_out", INT, meaning="how many of them were left out for this reason"),
        field("reason", STR, meaning="why they are no items"),
        field("example", STR, meaning="the first of them: file, row and what is the case there"),
    ]
)

Chains = pa.schema(
    [
        ITEM_ID,
        SAMPLE,
        SEED,
        field("prompt", STR, meaning="everything before the chain, prefill included"),
        field("chain_text", STR, meaning="the reasoning, without its conclusion and without the answer cue"),
        field(
            "conclusion", STR, meaning="trailing sentences that state the answer, cut off before probing ('' if none)"
        ),
        field(
            "conclusion_forms",
            STRINGS,
            meaning="forms of the conclusion's sentences (CONCLUSION_FORMS in tables/statistics.py), each once",
        ),
        field("steps", STRINGS, meaning="the chain's steps; joined they are chain_text"),
        field(
            "states_answer",
            BOOLS,
            meaning="for each step, whether it states the answer: among other things, before the chain goes on, or as "
            "a last step that begins like a conclusion ('So ...'), where there is none, and computes nothing",
        ),
        field("step_spans", SPANS, meaning="[start, end) character offsets of each step in chain_text"),
        field("finish_reason", STR, meaning="'stop' (the writer ended by itself) or 'length' (token limit: truncated)"),
        field("prompt_ids", INTS, meaning="token ids of prompt; null where the writer exposes none", nullable=True),
        field(
            "chain_ids",
            INTS,
            meaning="token ids of chain_text, as generated; null where the writer exposes none",
            nullable=True,
        ),
        field(
            "step_offsets",
            SPANS,
            meaning="[start, end) offsets of each step in chain_ids; null where the writer exposes none",
            nullable=True,
        ),
        field(
            "tokenizer_hash",
            STR,
            meaning="identifies the tokenizer of the ids; null where the writer exposes none",
            nullable=True,
        ),
    ]
)

Completions = pa.schema(
    [
        ITEM_ID,
        SAMPLE,
        field("text", STR, meaning="what the writer wrote, conclusion included"),
        field("finish_reason", STR, meaning="'stop' (the writer ended by itself) or 'length' (cut off at the limit)"),
        field("limit", INT, meaning="token limit under which it was written"),
        field("prompt_ids", INTS, meaning="token ids of the prompt; null where the writer exposes none", nullable=True),
        field("ids", INTS, meaning="token ids of the text; null where the writer exposes none", nullable=True),
        field(
            "token_ends",
            INTS,
            meaning="character offset in the text at which each token ends; null where the writer exposes none",
            nullable=True,
        ),
    ]
)

Forecast = pa.schema(
    [
        field("model", STR, meaning="model"),
        field("dataset", STR, meaning="dataset"),
        field(
            "finding",
            STR,
            meaning="truncated_chains (cut off at the token limit), repeating_chains (cut off while they repeated "
            "themselves), truncated_items (items with a chain of base or the writer that was cut off), "
            "two_steps (chains with at least two), no_conclusion (chains), reworded_steps (steps of which a "
            "rewording was accepted), or reworded_words (words that such a rewording changes, in the median step)",
        ),
        field("subject", STR, meaning="writer; of no_conclusion also base, beside a tuned arm"),
        field("token_limit", INT, meaning="token limit of a chain: that of the run, or a larger one"),
        field("estimated", BOOL, meaning="whether the share is expected at a larger limit; else it was counted"),
        field(
            "share",
            FLOAT,
            meaning="share of chains, items, steps or words, 0 to 1; null if not known",
            nullable=True,
        ),
        field("n", INT, meaning="number of all chains, items or steps; of reworded_words, of steps"),
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
            meaning="k: steps kept (early_termination, filler, paraphrase/rest); the step that is changed, from 1 "
            "(mistake, paraphrase/single); number of the target, from 1 (conflict); 0 for direct",
        ),
        field("n_steps", INT, meaning="n: steps of the unperturbed chain"),
        field("variant", STR, meaning="variant of the perturbation, as perturb/registry.py names it"),
        field("kept", INT, meaning="first steps of the chain that stay as they were, at the beginning of the text"),
        field(
            "tail",
            INT,
            meaning="where the last steps that stay begin, from 0, at the end of the text; n where none do. The text "
            "is the steps before `kept`, the replacement, and the steps from `tail` on",
        ),
        field("text", STR, meaning="the perturbed chain, '' where nothing is kept"),
        field(
            "chain_ids",
            INTS,
            meaning="token ids of text, spliced from the chain's own ids and those of the replacement; null where "
            "there are none",
            nullable=True,
        ),
        field(
            "tokenizer_hash",
            STR,
            meaning="identifies the tokenizer of the ids; null where there are none",
            nullable=True,
        ),
        field(
            "replacement",
            STR,
            meaning="text in place of the steps from `kept` to `tail`; null where nothing replaces them",
            nullable=True,
        ),
        field(
            "rule",
            STR,
            meaning="what made the replacement ('model', or name of the rewording or mistake rule, or what a conflict "
            "chain changes), or why a step is not reworded ('not_prose', 'other_language', 'no_rule') or there is no "
            "conflict chain ('no_fact', 'no_donor', 'repaired', ...); null where nothing is replaced",
            nullable=True,
        ),
        field(
            "accepted",
            BOOL,
            meaning="replacement differs from the original and passed all checks; null where nothing is replaced",
            nullable=True,
        ),
        field(
            "strength",
            FLOAT,
            meaning="share of the replaced words that a rewording changes, 0 to 1; null where none was accepted",
            nullable=True,
        ),
        field(
            "target",
            STR,
            meaning="answer that a conflict chain leads to, as it writes it; null for others, and where there is none",
            nullable=True,
        ),
    ]
)

Written = pa.schema(
    [
        ITEM_ID,
        SAMPLE,
        field("variant", STR, meaning="kind of conflict chain: 'continue' or 'argue'"),
        field("cut", INT, meaning="as in the probes"),
        field("target", STR, meaning="option that was to be argued for; null where there is none", nullable=True),
        field("text", STR, meaning="the chain, from the beginning up to its conclusion"),
        field("steps", STRINGS, meaning="the steps that were written; the mistake where none were"),
        field("conclusion", STR, meaning="sentences that state the answer, cut off ('' if none)"),
        field("chain_ids", INTS, meaning="token ids of text; null where the writer exposes none", nullable=True),
    ]
)

Rewordings = pa.schema(
    [
        field("step", STR, meaning="a step of a chain"),
        field("answer", STR, meaning="gold answer of its item, which no rewording may state where the step does not"),
        field("text", STR, meaning="the step in other words"),
        field(
            "rule",
            STR,
            meaning="what made them: 'model', or the name of the rewording rule it fell back to, or why there is none",
        ),
        field("accepted", BOOL, meaning="whether they passed all checks"),
    ]
)

Scores = pa.schema(
    [
        field("writer", STR, meaning="arm that wrote the chain"),
        ITEM_ID,
        SAMPLE,
        SEED,
        field("perturbation", STR, meaning="name of the perturbation (perturb/registry.py)"),
        field("variant", STR, meaning="as in the probes"),
        field("cut", INT, meaning="as in the probes"),
        field("n_steps", INT, meaning="as in the probes"),
        field("target", STR, meaning="as in the probes", nullable=True),
        field("answer", STR, meaning="the reader's answer; null where it could not be parsed", nullable=True),
        field("valid", BOOL, meaning="whether the readout gave an answer"),
        field(
            "margin",
            FLOAT,
            meaning="cloze: score of the best minus the second option, nats per byte; letters: the same, in nats; "
            "text: mean token log-probability of a_n minus that of the gold answer, nats, null where they are the same "
            "text or a_n is invalid",
            nullable=True,
        ),
        field(
            "p_original",
            FLOAT,
            meaning="probability of a_n, the reader's answer after the whole chain, 0 to 1; null "
            "where a_n is invalid and for direct",
            nullable=True,
        ),
        field("p_gold", FLOAT, meaning="probability of the gold answer, 0 to 1", nullable=True),
        field("p_target", FLOAT, meaning="probability of the target, 0 to 1; null without one", nullable=True),
        field(
            "log_p_original",
            FLOAT,
            meaning="log-probability of a_n's own tokens, summed, nats; not normalised over the options; null where "
            "p_original is, and where a server does not report it",
            nullable=True,
        ),
        field("log_p_gold", FLOAT, meaning="the same of the gold answer", nullable=True),
        field("log_p_target", FLOAT, meaning="the same of the target; null without one", nullable=True),
        field(
            "options_share",
            FLOAT,
            meaning="share of the reader's probability that the options hold: the sum of exp(log-probability) over "
            "them, 0 to 1; null for text",
            nullable=True,
        ),
        field("correct", BOOL, meaning="answer equals the gold answer (false where invalid)"),
        field("same", BOOL, meaning="answer equals a_n; null where either is invalid and for direct", nullable=True),
        field(
            "answer_raw",
            STR,
            meaning="cloze: option of the highest log-probability, not divided by bytes; null for other readouts",
            nullable=True,
        ),
        field(
            "same_raw",
            BOOL,
            meaning="answer_raw equals the raw answer after the whole chain; null where either is, and for direct",
            nullable=True,
        ),
        field(
            "position",
            INT,
            meaning="position of the answer among the options shown; null for open answers",
            nullable=True,
        ),
        field("cue", STR, meaning="which cue the answer was asked for with: 'first' or 'second'", nullable=True),
        field("retokenised", BOOL, meaning="the chain was encoded again because writer and reader differ in tokenizer"),
        field(
            "chain_nats",
            FLOAT,
            meaning="mean negative log-probability of a token of the chain after the prompt, nats a token; of whole "
            "and of conflict chains of a quarter of the items (drawn by hash), first cue; null elsewhere, and where a "
            "server does not report it",
            nullable=True,
        ),
    ]
)
