"""Three rows of each dataset of the catalogue, in the form in which it is published.

The questions are made up. Names and types of the columns, and how golds are written, are those of the dataset's card or
loading script at its commit (hub), or of the authors' own files. `Published.schema` is None where the catalogue names a
file of JSON Lines itself.
"""

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

STR, INTS, STRS = pa.string(), pa.list_(pa.int32()), pa.list_(pa.string())


@dataclass(frozen=True)
class Published:
    """Rows as published, and what they must be read as.

    Args:
        schema: of the split's Parquet file.
        rows: of the file.
        golds: right answers.
        options: of the first row; None for an open question.
        question: of the first row.
        rationale: of the first row.
        columns: how to read the file; of the catalogue's datasets, their own.
    """

    schema: pa.Schema | None
    rows: list[dict[str, Any]]
    golds: list[str]
    options: list[str] | None
    question: str = "Which is red?"
    rationale: list[str] | None = None
    columns: dict[str, Any] = field(default_factory=dict)


def schema(**columns: pa.DataType) -> pa.Schema:
    """Columns and their types."""
    return pa.schema(list(columns.items()))


QUESTIONS = ["Which is red?", "Which is green?", "Which is blue?"]
COLOURS = ["a rose", "a leaf", "the sky", "snow"]
CHOICES = pa.struct([("text", STRS), ("label", STRS)])  # as the hub keeps a sequence of {text, label}
# A class label is a whole number in a file.
CLASS_LABEL = pa.int64()


def arc(keys: list[str], labels: list[list[str]]) -> list[dict[str, Any]]:
    """Rows as ARC has them, most with letters, some with numbers."""
    return [
        {"id": f"Mercury_{i}", "question": q, "choices": {"text": COLOURS[: len(own)], "label": own}, "answerKey": key}
        for i, (q, key, own) in enumerate(zip(QUESTIONS, keys, labels, strict=True))
    ]


ARC = Published(
    schema(id=STR, question=STR, choices=CHOICES, answerKey=STR),
    arc(["A", "2", "C"], [list("ABCD"), list("1234"), list("ABC")]),
    COLOURS[:3],
    COLOURS,
)

CATALOGUE: dict[str, Published] = {
    "gsm8k": Published(
        schema(question=STR, answer=STR),
        [
            {
                "question": "Ann has 2 bags of 3 apples and eats 1. How many are left?",
                "answer": "She has 2*3=<<2*3=6>>6 apples.\n6-1=<<6-1=5>>5 are left.\n#### 5",
            },
            {
                "question": "What do 3 cars of $1,200 cost?",
                "answer": "They cost 3*1200=$<<3*1200=3600>>3,600.\n#### 3,600",
            },
            {"question": "It is 4 degrees and gets 6 colder. How many?", "answer": "It is 4-6=<<4-6=-2>>-2.\n#### -2"},
        ],
        ["5", "3,600", "-2"],
        None,
        "Ann has 2 bags of 3 apples and eats 1. How many are left?",
        ["She has 2*3=6 apples.", "6-1=5 are left."],
    ),
    "cosmos_qa": Published(
        schema(id=STR, context=STR, question=STR, answer0=STR, answer1=STR, answer2=STR, answer3=STR, label=pa.int32()),
        [
            {"id": f"{i}##Blog", "context": "I looked around .", "question": question, "label": i}
            | {f"answer{place}": f"{colour} ." for place, colour in enumerate(COLOURS)}
            for i, question in enumerate(QUESTIONS)
        ],
        ["a rose .", "a leaf .", "the sky ."],
        ["a rose .", "a leaf .", "the sky .", "snow ."],
        "I looked around .\nWhich is red?",
    ),
    "medqa": Published(
        None,
        [
            {
                "question": question,
                "answer": COLOURS[place],
                "options": dict(zip("ABCD", COLOURS, strict=True)),
                "meta_info": "step1",
                "answer_idx": "ABCD"[place],
                "metamap_phrases": ["red"],
            }
            for question, place in zip(QUESTIONS, (0, 1, 3), strict=True)
        ],
        ["a rose", "a leaf", "snow"],
        COLOURS,
    ),
    "medmcqa": Published(
        schema(
            id=STR,
            question=STR,
            opa=STR,
            opb=STR,
            opc=STR,
            opd=STR,
            cop=CLASS_LABEL,
            choice_type=STR,
            exp=STR,
            subject_name=STR,
            topic_name=STR,
        ),
        [
            {"id": str(i), "question": question, "cop": i, "choice_type": "single", "exp": None, "topic_name": None}
            | dict(zip(("opa", "opb", "opc", "opd", "subject_name"), [*COLOURS, "Anatomy"], strict=True))
            for i, question in enumerate(QUESTIONS)
        ],
        COLOURS[:3],
        COLOURS,
    ),
    "aqua_rat": Published(
        schema(question=STR, options=STRS, rationale=STR, correct=STR),
        [
            {
                "question": "What is 20 + 1?",
                "options": ["A)21", "B)21.5", "C)-22", "D)23/2", "E)None of these"],
                "rationale": "20 + 1 = 21\nAnswer is A",
                "correct": "A",
            },
            {"question": "1?", "options": ["A)$1", "B)2 : 1", "C)x", "D)4%", "E)5"], "rationale": "", "correct": "B"},
            {"question": "2?", "options": ["A)1", "B)2", "C)3", "D)4", "E)5"], "rationale": "E.", "correct": "E"},
        ],
        ["21", "2 : 1", "5"],
        ["21", "21.5", "-22", "23/2", "None of these"],
        "What is 20 + 1?",
        ["20 + 1 = 21", "Answer is A"],
    ),
    "logiqa": Published(
        None,
        [
            {
                "passage": "A rose is red.",
                "question": f"{question}\n",
                "options": "A. a rose.\nB. a leaf.\nC. the sky.\nD. snow.",
                "answer": answer,
            }
            for question, answer in zip(QUESTIONS, ("A. a rose.", "B. a leaf.", "D. snow."), strict=True)
        ],
        ["a rose.", "a leaf.", "snow."],
        ["a rose.", "a leaf.", "the sky.", "snow."],
        "A rose is red.\nWhich is red?",
    ),
    "mmlu": Published(
        schema(question=STR, subject=STR, choices=STRS, answer=CLASS_LABEL),
        [
            {"question": question, "subject": "anatomy", "choices": COLOURS, "answer": place}
            for question, place in zip(QUESTIONS, (0, 3, 1), strict=True)
        ],
        ["a rose", "snow", "a leaf"],
        COLOURS,
    ),
    "hellaswag": Published(
        schema(
            ind=pa.int32(),
            activity_label=STR,
            ctx_a=STR,
            ctx_b=STR,
            ctx=STR,
            endings=STRS,
            source_id=STR,
            split=STR,
            split_type=STR,
            label=STR,
        ),
        [
            {
                "ind": 4,
                "activity_label": "Painting",
                "ctx_a": f"{question} A man",
                "ctx_b": "he",
                "ctx": f"{question} A man he",
                "endings": ["paints a rose.", "paints a leaf.", "looks up.", "[title] stops."],
                "source_id": "activitynet~v_x",
                "split": "val",
                "split_type": "indomain",
                "label": label,
            }
            for question, label in zip(QUESTIONS, ("0", "1", "3"), strict=True)
        ],
        ["paints a rose.", "paints a leaf.", "[title] stops."],
        ["paints a rose.", "paints a leaf.", "looks up.", "[title] stops."],
        "How does this go on? Which is red? A man he",
    ),
    "truthfulqa": Published(
        schema(
            question=STR,
            mc1_targets=pa.struct([("choices", STRS), ("labels", INTS)]),
            mc2_targets=pa.struct([("choices", STRS), ("labels", INTS)]),
        ),
        [
            {
                "question": question,
                "mc1_targets": {"choices": COLOURS[:count], "labels": [1, *[0] * (count - 1)]},
                "mc2_targets": {"choices": COLOURS, "labels": [1, 1, 0, 0]},
            }
            for question, count in zip(QUESTIONS, (4, 2, 3), strict=True)
        ],
        ["a rose"] * 3,
        COLOURS,
    ),
    "openbookqa": Published(
        schema(id=STR, question_stem=STR, choices=CHOICES, answerKey=STR),
        [
            {
                "id": "7-980",
                "question_stem": question,
                "choices": {"text": COLOURS, "label": list("ABCD")},
                "answerKey": key,
            }
            for question, key in zip(QUESTIONS, "ABD", strict=True)
        ],
        ["a rose", "a leaf", "snow"],
        COLOURS,
    ),
    "arc_challenge": ARC,
    "arc_easy": ARC,
}

LETTERED = [{"label": letter, "text": text} for letter, text in zip("ABCD", COLOURS, strict=True)]
STEMS = {"question": "question.stem", "options": "question.choices", "answer": "answerKey"}

# The same datasets and others as their authors publish them.
ELSEWHERE: dict[str, Published] = {
    "CommonsenseQA, authors": Published(
        None,
        [
            {"answerKey": key, "id": "x", "question": {"question_concept": "red", "choices": LETTERED, "stem": stem}}
            for stem, key in zip(QUESTIONS, "ABD", strict=True)
        ],
        ["a rose", "a leaf", "snow"],
        COLOURS,
        columns=STEMS,
    ),
    "CommonsenseQA, hub": Published(
        schema(id=STR, question=STR, question_concept=STR, choices=CHOICES, answerKey=STR),
        [row | {"question_concept": "red"} for row in arc(["A", "B", "D"], [list("ABCD")] * 3)],
        ["a rose", "a leaf", "snow"],
        COLOURS,
        columns={"options": "choices", "answer": "answerKey"},
    ),
    "ARC, authors": Published(
        None,
        [
            {"id": "x", "question": {"stem": stem, "choices": choices}, "answerKey": key}
            for stem, key, choices in zip(
                QUESTIONS,
                ("A", "2", "D"),
                (LETTERED, [{"text": text, "label": str(i)} for i, text in enumerate(COLOURS, 1)], LETTERED),
                strict=True,
            )
        ],
        ["a rose", "a leaf", "snow"],
        COLOURS,
        columns=STEMS,
    ),
    "OpenBookQA, authors": Published(
        None,
        [
            {"id": "7-980", "question": {"stem": stem, "choices": LETTERED}, "answerKey": key}
            for stem, key in zip(QUESTIONS, "ABD", strict=True)
        ],
        ["a rose", "a leaf", "snow"],
        COLOURS,
        columns=STEMS,
    ),
    "a list of structures in Parquet": Published(
        schema(question=STR, choices=pa.list_(pa.struct([("label", STR), ("text", STR)])), answerKey=STR),
        [
            {"question": question, "choices": LETTERED[:count], "answerKey": key}
            for question, key, count in zip(QUESTIONS, "ABC", (4, 2, 3), strict=True)
        ],
        COLOURS[:3],
        COLOURS,
        columns={"options": "choices", "answer": "answerKey"},
    ),
    "MedMCQA, authors": Published(
        None,
        [
            {
                "question": question,
                "exp": None,
                "cop": cop,
                "opa": "a rose",
                "opb": "a leaf",
                "opc": "the sky",
                "opd": "snow",
            }
            for question, cop in zip(QUESTIONS, (1, 2, 4), strict=True)
        ],
        ["a rose", "a leaf", "snow"],
        COLOURS,
        columns={"options": ["opa", "opb", "opc", "opd"], "answer": "cop"},
    ),
    "MedQA of five options as structures": Published(
        schema(question=STR, options=pa.struct([(letter, STR) for letter in "ABCDE"]), answer_idx=STR),
        [
            {"question": question, "options": dict(zip("ABCD", COLOURS, strict=True)) | {"E": None}, "answer_idx": key}
            for question, key in zip(QUESTIONS, "ABD", strict=True)
        ],
        ["a rose", "a leaf", "snow"],
        COLOURS,
        columns={"answer": "answer_idx"},
    ),
    "WinoGrande": Published(
        schema(sentence=STR, option1=STR, option2=STR, answer=STR),
        [
            {"sentence": sentence, "option1": "a rose", "option2": "a leaf", "answer": answer}
            for sentence, answer in zip(QUESTIONS, ("1", "2", "2"), strict=True)
        ],
        ["a rose", "a leaf", "a leaf"],
        ["a rose", "a leaf"],
        columns={"question": "sentence", "options": ["option1", "option2"]},
    ),
    "Social IQa": Published(
        schema(context=STR, question=STR, answerA=STR, answerB=STR, answerC=STR, label=STR),
        [
            {"context": "x", "question": question, "label": label}
            | dict(zip(("answerA", "answerB", "answerC"), COLOURS, strict=False))
            for question, label in zip(QUESTIONS, ("1", "3", "2"), strict=True)
        ],
        ["a rose", "the sky", "a leaf"],
        COLOURS[:3],
        columns={"options": ["answerA", "answerB", "answerC"], "answer": "label"},
    ),
    "PIQA": Published(
        schema(goal=STR, sol1=STR, sol2=STR, label=CLASS_LABEL),
        [
            {"goal": goal, "sol1": "a rose", "sol2": "a leaf", "label": label}
            for goal, label in zip(QUESTIONS, (0, 1, 1), strict=True)
        ],
        ["a rose", "a leaf", "a leaf"],
        ["a rose", "a leaf"],
        columns={"question": "goal", "options": ["sol1", "sol2"], "answer": "label"},
    ),
    "SciQ": Published(
        schema(question=STR, distractor3=STR, distractor1=STR, distractor2=STR, correct_answer=STR, support=STR),
        [
            {"question": question, "correct_answer": "a rose", "support": ""}
            | {f"distractor{place}": colour for place, colour in enumerate(COLOURS) if place}
            for question in QUESTIONS
        ],
        ["a rose"] * 3,
        COLOURS,
        columns={
            "options": ["correct_answer", "distractor1", "distractor2", "distractor3"],
            "answer": "correct_answer",
        },
    ),
    "AGIEval": Published(
        schema(query=STR, choices=STRS, gold=pa.list_(pa.int64())),
        [
            {"query": query, "choices": ["(A)a rose", "(B)a leaf", "(C)the sky", "(D)snow"], "gold": [gold]}
            for query, gold in zip(QUESTIONS, (0, 1, 3), strict=True)
        ],
        ["a rose", "a leaf", "snow"],
        COLOURS,
        columns={"question": "query", "options": "choices", "answer": "gold"},
    ),
    "SQuAD": Published(
        schema(question=STR, context=STR, answers=pa.struct([("text", STRS), ("answer_start", INTS)])),
        [
            {"question": question, "context": "A rose.", "answers": {"text": texts, "answer_start": [0] * len(texts)}}
            for question, texts in zip(
                QUESTIONS, (["a rose", "rose"], ["a leaf"], ["sky", "the sky", "sky"]), strict=True
            )
        ],
        ["a rose", "a leaf", "sky"],
        None,
        columns={"options": None, "answer": "answers.text"},
    ),
}
