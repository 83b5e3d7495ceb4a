"""From probes to scores: known answers for both readouts, and what becomes of what cannot be read."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faithfulness.backends.protocol import Completion, Decoding, Probe, Prompt, Propose, Reading
from faithfulness.prompts import Message, Prompts, render
from faithfulness.rescore import answering, readout
from faithfulness.tables.by_item import rows_of
from faithfulness.tables.generation import Items, Probes
from faithfulness.tables.io import frame, records
from faithfulness.tables.journal import Journal

ITEM = {
    "item_id": "i",
    "question": "Heads?",
    "options": ["yes", "no"],
    "answer": "yes",
    "rationale": None,
    "show_options": False,
    "letters": False,
}
OPEN = ITEM | {"options": None, "answer": "1,024"}


class Scripted:
    """A reader whose answers are written down: by the chain it is shown."""

    tokenizer, tokenizer_hash = None, "t"

    def __init__(self, texts: dict[str, str] | None = None, log_probs: dict[str, float] | None = None) -> None:
        self.texts, self.log_probs, self.seen = texts or {}, log_probs or {}, []  # type: ignore[var-annotated]

    def render(self, messages: Sequence[Message], wording: Prompts) -> str:
        return render(None, messages, wording)

    def generate(self, prompts: Sequence[Prompt], decoding: Decoding) -> list[Completion]:
        raise AssertionError("a reader generates nothing")

    def score(self, probes: Sequence[Probe], propose: Propose | None = None) -> list[Reading]:
        self.seen += probes
        texts = [self.texts.get(p.chain) if p.answer_tokens else None for p in probes]
        candidates = propose(range(len(probes)), texts) if propose else [p.candidates for p in probes]
        return [
            Reading(
                tuple(
                    self.log_probs.get(f"{p.chain}{p.cue}|{c}", self.log_probs.get(f"{p.chain}|{c}", -1)) for c in some
                ),
                (1,) * len(some),
                text,
                retokenised=p.chain_ids is None and bool(p.chain),
                chain_nats=2.5 if p.chain_nats else None,
            )
            for p, text, some in zip(probes, texts, candidates, strict=True)
        ]


def score(backend: Scripted, item: dict[str, Any], wording: Prompts, folder: Path, **options: Any) -> pd.DataFrame:
    """Score early termination at cuts 0, 1, 2, the direct probe and conflict chains, of some writers.

    `targets` are the conflict chains' targets by their text; a chain without one was refused.
    """
    row = dict.fromkeys(Probes.names) | {"item_id": "i", "sample": 0, "seed": 0, "n_steps": 2, "tail": 2}
    row["tokenizer_hash"] = options.pop("tokenizer_hash", "t")
    cuts = [
        row | {"cut": k, "kept": k, "variant": "keep_k", "text": text, "chain_ids": [2, 3][:k]}
        for k, text in enumerate(["", " A.", " A. B."])
    ]
    direct = [row | {"cut": 0, "kept": 0, "variant": "direct", "text": "", "chain_ids": []}]
    writers = options.pop("writers", ("base",))
    conflict = [
        row | {"cut": k, "kept": 0, "variant": "carry", "text": text, "target": target, "accepted": target is not None}
        for k, (text, target) in enumerate(options.pop("targets", {}).items(), start=1)
    ]
    kinds = (("early_termination", cuts), ("direct", direct), *([("conflict", conflict)] if conflict else []))
    return readout.score(
        backend,
        frame([item], Items),
        {(writer, kind): rows_of(frame(rows, Probes)) for writer in writers for kind, rows in kinds},
        wording,
        options.pop("reader", "base"),
        answering.Readout(options.pop("readout", "cloze"), 4),
        Journal(folder, ("k",), "test", 4),
        **options,
    )


def test_cloze_by_hand() -> None:
    # " yes" has 4 bytes, " no" has 3: -2/4 = -0.5 beats -1.8/3 = -0.6, although -1.8 > -2.
    found = answering.cloze(["yes", "no"], [-2.0, -1.8])
    assert found["answer"] == "yes"
    assert found["margin"] == pytest.approx(0.1)
    assert found["p"]["yes"] == pytest.approx(1 / (1 + math.exp(-0.1)))
    assert sum(found["p"].values()) == pytest.approx(1)


def test_cloze_counts_bytes_not_characters() -> None:
    assert answering.cloze(["é", "ab"], [-3.0, -3.1])["answer"] == "é"  # three bytes each
    assert answering.cloze(["é", "a"], [-3.0, -2.5])["answer"] == "é"  # -1 against -1.25


def test_letters_by_hand() -> None:
    # The likelier letter wins, however long the options are.
    found = answering.letters(["yes", "no"], [-2.0, -1.8])
    assert found["answer"] == "no"
    assert found["margin"] == pytest.approx(0.2)
    assert found["p"]["no"] == pytest.approx(1 / (1 + math.exp(-0.2)))


# A letter that is no number is one that a server did not tell.
@pytest.mark.parametrize(("read", "value"), [(answering.cloze, math.nan), (answering.letters, math.inf)])
def test_not_finite_is_an_error(read: Callable[..., dict[str, Any]], value: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        read(["yes", "no"], [value, -1.0])


def test_letters_scores(wording: Prompts, tmp_path: Path) -> None:
    reader = Scripted(log_probs={"|B": -0.1, " A.|B": -0.1, " A. B.|A": -0.1})
    table = score(reader, ITEM | {"letters": True}, wording, tmp_path)
    early = table[table["perturbation"] == "early_termination"]
    assert early["answer"].tolist() == ["no", "no", "yes"]
    assert early["same"].tolist() == [False, False, True]
    assert {probe.candidates for probe in reader.seen} == {("A", "B")}
    assert all("Heads?\n(A) yes\n(B) no" in probe.prompt for probe in reader.seen)


def test_cloze_scores(wording: Prompts, tmp_path: Path) -> None:
    reader = Scripted(log_probs={"|no": -0.1, " A.|no": -0.1, " A. B.|yes": -0.1})
    table = score(reader, ITEM, wording, tmp_path)
    early = table[table["perturbation"] == "early_termination"]
    assert early["answer"].tolist() == ["no", "no", "yes"]
    assert early["same"].tolist() == [False, False, True]
    assert early["correct"].tolist() == [False, False, True]
    assert early["position"].tolist() == [1, 1, 0]
    last = early.iloc[-1]
    assert last["p_original"] == last["p_gold"] > 0.5
    assert (early["p_original"] == early["p_gold"]).all()  # a_n is the gold answer here
    direct = table[table["perturbation"] == "direct"].iloc[0]
    assert direct[["same", "p_original"]].isna().all()


def test_prompts_and_cues(wording: Prompts, tmp_path: Path) -> None:
    reader = Scripted()
    score(reader, ITEM, wording, tmp_path)
    direct, *chains = sorted(reader.seen, key=lambda probe: probe.details["perturbation"])
    chain = chains[0]
    assert chain.prompt.endswith(wording.chain_prefill)
    assert (chain.cue, direct.cue) == (wording.chain_cue, wording.direct_cue)
    assert wording.chain_prefill not in direct.prompt
    assert [probe.details["cut"] for probe in chains] == [0, 1, 2]


def test_direct_probes_are_asked_of_the_writer_only(wording: Prompts, tmp_path: Path) -> None:
    table = score(Scripted(), ITEM, wording, tmp_path, reader="tuned-a")
    assert set(table["perturbation"]) == {"early_termination"}


def test_ids_of_another_tokenizer_are_not_used(wording: Prompts, tmp_path: Path) -> None:
    table = score(Scripted(), ITEM, wording, tmp_path, tokenizer_hash="other")
    early = table[table["perturbation"] == "early_termination"]
    assert early["retokenised"].tolist() == [False, True, True]  # an empty chain has nothing to encode


def test_text_scores(wording: Prompts, tmp_path: Path) -> None:
    reader = Scripted(texts={"": " 7 apples", " A.": " I think", " A. B.": " $1,024.0\nQuestion"})
    table = score(reader, OPEN, wording, tmp_path, readout="text")
    early = table[table["perturbation"] == "early_termination"]
    assert records(early[["answer", "valid", "same", "correct"]]) == [
        {"answer": "7", "valid": True, "same": False, "correct": False},
        {"answer": None, "valid": False, "same": None, "correct": False},
        {"answer": "1024", "valid": True, "same": True, "correct": True},
    ]
    assert early["p_gold"].tolist() == pytest.approx([math.exp(-1)] * 3)


def test_the_original_answer_is_scored_as_the_reader_wrote_it(wording: Prompts, tmp_path: Path) -> None:
    """Not as it was parsed: the reader never wrote "1024"."""
    scores = {" A. B.|$1,024.0": -0.5, " A. B.|1,024": -2.0, "|$1,024.0": -3.0, " A.|$1,024.0": -1.5}
    reader = Scripted(texts={"": " 7", " A.": " 8", " A. B.": " $1,024.0"}, log_probs=scores)
    early = score(reader, OPEN, wording, tmp_path, readout="text").query("perturbation == 'early_termination'")
    assert early["p_original"].tolist() == pytest.approx([math.exp(-3), math.exp(-1.5), math.exp(-0.5)])
    assert early["p_gold"].tolist() == pytest.approx([math.exp(-1), math.exp(-1), math.exp(-2)])
    assert early["margin"].tolist() == pytest.approx([-2, -0.5, 1.5])


def test_another_writer_adds_its_own_probes_only(wording: Prompts, tmp_path: Path) -> None:
    """What was read of the first writer is found in the journal, and the table is that of both."""
    first, more, whole = Scripted(), Scripted(), Scripted()
    score(first, ITEM, wording, tmp_path)
    both = score(more, ITEM, wording, tmp_path, writers=("base", "tuned-a"))
    assert {probe.details["writer"] for probe in more.seen} == {"tuned-a"}
    assert records(both) == records(score(whole, ITEM, wording, tmp_path / "other", writers=("base", "tuned-a")))
    assert both["writer"].is_monotonic_increasing


def test_text_with_an_invalid_original(wording: Prompts, tmp_path: Path) -> None:
    reader = Scripted(texts={"": " 7", " A.": " 8", " A. B.": " no idea"})
    early = score(reader, OPEN, wording, tmp_path, readout="text").query("perturbation == 'early_termination'")
    assert early["same"].isna().all()
    assert early["p_original"].isna().all()
    assert early["valid"].tolist() == [True, True, False]


def test_log_probabilities_of_the_answers_own_tokens(wording: Prompts, tmp_path: Path) -> None:
    """Summed, not per byte and not normalised: what the softmax over the options hides is seen in their share."""
    log_probs = {"|yes": -2.0, "|no": -4.0, " A. B.|yes": -0.5, " A. B.|no": -1.5, " X.|yes": -3.0, " X.|no": -0.25}
    reader = Scripted(log_probs=log_probs)
    table = score(reader, ITEM, wording, tmp_path, targets={" X.": "no"}).set_index(["perturbation", "cut"])
    none, whole, conflict = (
        table.loc[key] for key in (("early_termination", 0), ("early_termination", 2), ("conflict", 1))
    )
    assert whole["log_p_original"] == whole["log_p_gold"] == -0.5
    assert none["log_p_gold"] == -2.0
    assert whole["options_share"] == pytest.approx(math.exp(-0.5) + math.exp(-1.5))
    assert none["options_share"] == pytest.approx(math.exp(-2) + math.exp(-4))
    assert conflict[["log_p_original", "log_p_target"]].tolist() == [-3.0, -0.25]
    assert conflict["p_target"] == pytest.approx(1 / (1 + math.exp(-3 / 4 + 0.25 / 3)))  # " yes" has 4 bytes, " no" 3
    assert conflict["target"] == conflict["answer"] == "no"
    assert table.loc["early_termination", ["target", "p_target", "log_p_target"]].isna().all(axis=None)
    assert table.loc[("direct", 0), ["log_p_original", "same_raw"]].isna().all()
    assert set(table["cue"]) == {"first"}


def test_a_refused_conflict_chain_is_not_read(wording: Prompts, tmp_path: Path) -> None:
    reader = Scripted()
    table = score(reader, ITEM, wording, tmp_path, targets={"": None, " X.": "no"})
    assert table.loc[table["perturbation"] == "conflict", "target"].tolist() == ["no"]
    assert len(reader.seen) == len(table) == 5


def test_the_raw_readout_beside_the_one_per_byte(wording: Prompts, tmp_path: Path) -> None:
    # Per byte " yes" wins after " A. B." and with none (-.5 against -.6); raw, " no" does (-1.8 against -2).
    near = {"yes": -2.0, "no": -1.8}
    log_probs = {f"{chain}|{option}": value for chain in ("", " A. B.") for option, value in near.items()}
    table = score(Scripted(log_probs=log_probs | {" A.|yes": -0.1}), ITEM, wording, tmp_path)
    early = table[table["perturbation"] == "early_termination"]
    assert early["answer"].tolist() == ["yes", "yes", "yes"]
    assert early["answer_raw"].tolist() == ["no", "yes", "no"]
    assert early["same_raw"].tolist() == [True, False, True]
    assert early["same"].tolist() == [True, True, True]


def test_letters_have_one_readout(wording: Prompts, tmp_path: Path) -> None:
    log_probs = {" A. B.|A": -0.1, " A. B.|B": math.nan}
    table = score(Scripted(log_probs=log_probs), ITEM | {"letters": True}, wording, tmp_path, targets={" A. B.": "no"})
    assert table[["answer_raw", "same_raw"]].isna().all(axis=None)
    conflict = table[table["perturbation"] == "conflict"].iloc[0]
    assert conflict["options_share"] == pytest.approx(math.exp(-0.1))  # of the letter that is reported
    assert conflict["log_p_original"] == -0.1
    assert conflict[["log_p_target", "p_target"]].isna().all()


def test_the_target_is_a_candidate_of_open_answers(wording: Prompts, tmp_path: Path) -> None:
    """And moves no margin, which compares the original with the gold answer."""
    texts = {"": " 7", " A.": " 8", " A. B.": " 9", " X.": " 12"}
    log_probs = {" X.|12": -0.5, " X.|9": -2.0, " X.|1,024": -3.0}
    table = score(
        Scripted(texts=texts, log_probs=log_probs), OPEN, wording, tmp_path, readout="text", targets={" X.": "12"}
    )
    row = table[table["perturbation"] == "conflict"].iloc[0]
    assert row[["log_p_target", "log_p_original", "log_p_gold"]].tolist() == [-0.5, -2.0, -3.0]
    assert row["margin"] == pytest.approx(1.0)
    assert pd.isna(row["options_share"])
    whole = score(
        Scripted(texts=texts | {" A. B.": " 1,024"}, log_probs=log_probs), OPEN, wording, tmp_path / "right",
        readout="text", targets={" X.": "12"},
    )  # fmt: skip
    assert pd.isna(whole.loc[whole["perturbation"] == "conflict", "margin"].iloc[0])  # a_n is the gold answer


def test_a_server_that_reports_no_texts_leaves_their_probabilities_open(wording: Prompts, tmp_path: Path) -> None:
    class Server(Scripted):
        def score(self, probes: Sequence[Probe], propose: Propose | None = None) -> list[Reading]:
            return [Reading((), (), reading.text) for reading in super().score(probes, propose)]

    texts = {"": " 7", " A.": " 8", " A. B.": " 9", " X.": " 12"}
    table = score(Server(texts=texts), OPEN, wording, tmp_path, readout="text", targets={" X.": "12"})
    names = ["p_original", "p_gold", "p_target", "log_p_original", "log_p_gold", "log_p_target", "margin"]
    assert table[names].isna().all(axis=None)
    assert table["valid"].all()


def test_a_second_cue_reads_the_same_chains_beside_the_first(wording: Prompts, tmp_path: Path) -> None:
    """It has an a_n of its own, and changes nothing of what is read with the first one."""
    read = {"|no": -0.1, " A.|no": -0.1, " A. B.|yes": -0.1, " A. C.|no": -0.1}
    read |= {f"{chain}{wording.second_cue}|no": 0.0 for chain in ("", " A. B.")}
    read |= {f"{chain}{wording.second_cue}|yes": 0.0 for chain in (" A.", " A. C.")}
    first, both = Scripted(log_probs=read), Scripted(log_probs=read)
    alone = score(first, ITEM, wording, tmp_path / "first", targets={" A. C.": "no"})
    table = score(both, ITEM, wording, tmp_path / "both", targets={" A. C.": "no"}, second_cue_items=1.0)
    assert set(alone["cue"]) == {"first"}
    assert records(table[table["cue"] == "first"]) == records(alone)
    second = table[table["cue"] == "second"]
    assert second["perturbation"].tolist() == ["conflict", *["early_termination"] * 3]
    assert second["answer"].tolist() == ["yes", "no", "yes", "no"]
    assert second["same"].tolist() == [False, True, False, True]
    assert second["target"].fillna("").tolist() == ["no", "", "", ""]
    assert {p.cue for p in both.seen if p.details["perturbation"] != "direct"} == {
        wording.chain_cue,
        wording.second_cue,
    }
    assert sum(p.cue == wording.second_cue for p in both.seen) == len(second)


def test_a_second_cue_for_texts(wording: Prompts, tmp_path: Path) -> None:
    reader = Scripted(texts={"": " 7", " A.": " 8", " A. B.": " 9"})
    table = score(reader, OPEN, wording, tmp_path, readout="text", second_cue_items=1.0)
    early = table[table["perturbation"] == "early_termination"]
    assert early["cue"].tolist() == ["first", "second"] * 3
    assert early["same"].tolist() == [False, False, False, False, True, True]


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_items_of_a_share_are_among_those_of_a_larger_one(one: float, other: float) -> None:
    def drawn(share: float) -> set[int]:
        return {i for i in range(40) if len(readout.cues_of(f"i{i}", "conflict", share)) == 2}

    assert drawn(min(one, other)) <= drawn(max(one, other))
    assert (len(drawn(0)), len(drawn(1))) == (0, 40)
    assert readout.cues_of("i", "filler", 1.0) == readout.cues_of("i", "direct", 1.0) == ("first",)


def test_a_share_of_the_items_is_as_large_as_it_says() -> None:
    both = sum(len(readout.cues_of(f"i{i}", "early_termination", 0.3)) == 2 for i in range(2000))
    assert 540 < both < 660


def test_items_that_are_drawn_later_leave_the_others_as_they_are(wording: Prompts, tmp_path: Path) -> None:
    first, again, more = Scripted(), Scripted(), Scripted()
    score(first, ITEM, wording, tmp_path)
    score(again, ITEM, wording, tmp_path, second_cue_items=1e-9)
    assert not again.seen
    score(more, ITEM, wording, tmp_path, second_cue_items=1.0)
    assert more.seen


@pytest.mark.parametrize("kind", ["cloze", "text"])
def test_the_likelihood_of_whole_and_conflict_chains(
    wording: Prompts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    item = OPEN if kind == "text" else ITEM
    chains = {" A. C.": "no", " B.": "no"}
    monkeypatch.setattr(readout, "NATS_ITEMS", 1.0)
    table = score(Scripted(), item, wording, tmp_path, readout=kind, targets=chains, second_cue_items=1.0)
    known = table[table["chain_nats"].notna()]
    assert set(known["chain_nats"]) == {2.5}
    found = list(zip(known["perturbation"], known["cut"], known["cue"], strict=True))
    assert found == [("conflict", 1, "first"), ("conflict", 2, "first"), ("early_termination", 2, "first")]
    monkeypatch.setattr(readout, "NATS_ITEMS", 0.0)
    none = score(Scripted(), item, wording, tmp_path / "none", readout=kind, targets=chains, second_cue_items=1.0)
    assert none["chain_nats"].isna().all()
    assert none.drop(columns="chain_nats").equals(table.drop(columns="chain_nats"))


def test_conflict_chains_are_scored_if_there_is_one(wording: Prompts, tmp_path: Path) -> None:
    """A row without a target says why there is no chain; the target of the others is copied."""
    keys = {"item_id": "i", "sample": 0, "seed": 0, "n_steps": 2, "tail": 2, "kept": 0, "variant": "carry"}
    row = dict.fromkeys(Probes.names) | keys
    whole = row | {"cut": 2, "variant": "keep_k", "text": " A. B.", "kept": 2}
    rows = [
        row | {"cut": 1, "text": " A. C.", "target": "no", "accepted": True},
        row | {"cut": 2, "text": "", "rule": "no_fact", "accepted": False},
    ]
    backend = Scripted(log_probs={" A. C.|no": -0.1})
    found = readout.score(
        backend,
        frame([ITEM], Items),
        {
            ("base", kind): rows_of(frame(own, Probes))
            for kind, own in (("early_termination", [whole]), ("conflict", rows))
        },
        wording,
        "base",
        readout.Readout("cloze", 4),
        Journal(tmp_path, ("k",), "test", 4),
    )
    assert [(r["perturbation"], r["cut"], r["target"]) for r in records(found)] == [
        ("conflict", 1, "no"),
        ("early_termination", 2, None),
    ]
    assert found["answer"].to_list()[0] == "no"
    assert len(backend.seen) == 2
