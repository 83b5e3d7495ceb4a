"""Perturbations: which steps stay, whose token ids they are, and how long the filler is."""

import random
from importlib import import_module
from itertools import accumulate, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faithfulness.chains import steps
from faithfulness.operate import code_hash
from faithfulness.perturb import conflict, direct, donors, early_termination, filler, paraphrase
from faithfulness.perturb.apply import probes_of
from faithfulness.perturb.mistake import Mistake, mistaken_probes
from faithfulness.perturb.paraphrase import Paraphrase, reworded_probes
from faithfulness.perturb.registry import PERTURBATIONS
from faithfulness.perturb.splicing import Change, cuts, splice
from faithfulness.perturb.wording import CONTRASTS, NUMBER_WORDS
from faithfulness.tables.generation import Chains, Probes
from faithfulness.tables.io import read_rows, write_table

TEXT = (
    " The coin starts heads up. Ka flips the coin, so it is now tails up.\nSal does not flip it.\n So the coin is up."
)
STEPS = 4
ITEM = {
    "question": "A coin is heads up. Ka flips the coin. Sal does not flip the coin. Is the coin still heads up?",
    "options": ["yes", "no"],
    "answer": "no",
    "answers": None,
    "letters": False,
}
OTHER = " The coin starts heads up. Bo flips the coin, so it is now tails up. So does Cy.\n So it is heads up."
CONFLICT = {"kinds": ["carry", "swap"], "targets": 1}
SCRIPTS = Path(__file__).parents[2] / "scripts"


class Toy:
    """A tokenizer that cuts every three characters; its ids never equal those of `own`."""

    def __init__(self):
        self.pieces = []

    def own(self, text, ends):
        return [self.add(text[start:end]) for start, end in pairwise([0, *ends])]

    def encode(self, text):
        return [self.add(text[i : i + 3]) for i in range(0, len(text), 3)]

    def decode(self, ids):
        return "".join(self.pieces[i] for i in ids)

    def add(self, piece):
        self.pieces.append(piece)
        return len(self.pieces) - 1


def chain_row(toy, text=TEXT, seed=0):
    """A row of the chains table, its tokens cut at random."""
    rng = random.Random(seed)
    lengths = [rng.randint(1, 9) for _ in text]
    ends = [*(end for end in accumulate(lengths) if end < len(text)), len(text)] if text else []
    token_spans, spans = steps.token_spans(steps.split(text), ends)
    return {
        "item_id": "i",
        "sample": 0,
        "seed": 3,
        "chain_text": text,
        "conclusion": "",
        "steps": [text[start:end] for start, end in spans],
        "chain_ids": toy.own(text, ends),
        "step_offsets": [list(span) for span in token_spans],
        "tokenizer_hash": "h",
    }


def without_ids(chain):
    return chain | {"chain_ids": None, "step_offsets": None}


@pytest.fixture
def toy():
    return Toy()


@pytest.fixture
def chain(toy):
    return chain_row(toy)


def upper(step):
    return Paraphrase(step.upper(), f"rule{len(step)}", "flips" not in step)


def wrong(step):
    return Mistake(f"no{step}", f"rule{len(step)}")


def lenders(toy):
    """The chain of another item, as a donor."""
    return donors.donors([chain_row(toy, OTHER, seed=1) | {"item_id": "j"}])


def every_row(chain, toy, max_cuts=12):
    given = {"item": ITEM, "seed": 0, "conflict": CONFLICT, "donors": lenders(toy), "sharing": {"i": ITEM, "j": ITEM}}
    return {
        "early_termination": early_termination.perturb(chain, max_cuts=max_cuts),
        "filler": filler.perturb(chain, max_cuts=max_cuts, filler=" ...", encode=toy.encode, decode=toy.decode),
        "paraphrase": reworded_probes(chain, max_cuts, upper, toy.encode),
        "mistake": mistaken_probes(chain, max_cuts, wrong, toy.encode),
        "conflict": conflict.perturb(chain, **given, encode=toy.encode),
        "direct": direct.perturb(chain),
    }


@pytest.mark.parametrize(
    ("n", "max_cuts", "expected"),
    [
        (0, 12, [0]),
        (1, 12, [0, 1]),
        (3, 3, [0, 1, 2, 3]),
        (4, 3, [0, 2, 4]),
        (5, 2, [0, 5]),
        (10, 4, [0, 3, 7, 10]),
        (13, 12, [0, 1, 2, 4, 5, 6, 7, 8, 9, 11, 12, 13]),
    ],
)
def test_grid_known(n, max_cuts, expected):
    assert cuts(n, max_cuts) == expected


@given(st.integers(1, 400), st.integers(2, 40))
def test_grid(n, max_cuts):
    grid = cuts(n, max_cuts)
    assert [grid[0], grid[-1]] == [0, n]
    assert len(grid) == (n + 1 if n <= max_cuts else max_cuts)
    gaps = [after - before for before, after in pairwise(grid)]
    assert min(gaps) >= 1
    assert max(gaps) - min(gaps) <= 1


def test_grid_needs_room_for_its_ends():
    with pytest.raises(ValueError, match="max_cuts must be at least 2"):
        cuts(5, 1)


def test_probes_of_a_chain(chain, toy):
    rows = every_row(chain, toy)
    one, two, three, four = chain["steps"]
    corrupted = [wrong(step).text for step in chain["steps"]]
    assert {name: [(row["variant"], row["cut"], row["text"]) for row in found] for name, found in rows.items()} == {
        "early_termination": [
            ("keep_k", 0, ""),
            ("keep_k", 1, one),
            ("keep_k", 2, one + two),
            ("keep_k", 3, one + two + three),
            ("keep_k", 4, TEXT),
        ],
        "filler": [("text", k, rows["filler"][k]["text"]) for k in range(4)],
        "paraphrase": [
            ("rest", 0, TEXT.upper()),
            ("rest", 1, one + (two + three + four).upper()),
            ("rest", 2, one + two + (three + four).upper()),
            ("rest", 3, one + two + three + four.upper()),
            ("single", 1, one.upper() + two + three + four),
            ("single", 2, one + two.upper() + three + four),
            ("single", 3, one + two + three.upper() + four),
            ("single", 4, one + two + three + four.upper()),
        ],
        "mistake": [
            ("keep", 1, corrupted[0] + two + three + four),
            ("keep", 2, one + corrupted[1] + three + four),
            ("keep", 3, one + two + corrupted[2] + four),
            ("keep", 4, one + two + three + corrupted[3]),
        ],
        "conflict": [("carry", 1, rows["conflict"][0]["text"]), ("swap", 1, OTHER)],
        "direct": [("direct", 0, "")],
    }
    assert all(row["n_steps"] == STEPS and row["seed"] == 3 for found in rows.values() for row in found)


def test_what_stands_in_is_recorded(chain, toy):
    rows = every_row(chain, toy)
    two, three, four = chain["steps"][1:]
    rest, single = rows["paraphrase"][1], rows["paraphrase"][7]
    assert rest["replacement"] == (two + three + four).upper()
    assert rest["rule"] == f"rule{len(two)} rule{len(three)} rule{len(four)}"
    assert rest["accepted"] is False
    assert (single["replacement"], single["rule"], single["accepted"]) == (four.upper(), f"rule{len(four)}", True)
    assert [row["rule"] for row in rows["mistake"]] == [wrong(step).rule for step in chain["steps"]]
    assert all(row["accepted"] for row in rows["mistake"] + rows["filler"])
    for row in rows["early_termination"] + rows["direct"]:
        assert (row["replacement"], row["rule"], row["accepted"]) == (None, None, None)


def test_a_mistake_to_write_on_from_ends_the_chain(chain, toy):
    keep, ends = (mistaken_probes(chain, 12, wrong, toy.encode, v) for v in ("keep", "resample"))
    for k, (kept, row) in enumerate(zip(keep, ends, strict=True), start=1):
        assert row["text"] == "".join(chain["steps"][: k - 1]) + row["replacement"]
        assert toy.decode(row["chain_ids"]) == row["text"]
        assert kept["text"].startswith(row["text"])
        assert (row["variant"], row["cut"], row["replacement"]) == ("resample", k, kept["replacement"])


@pytest.mark.parametrize("variant", ["keep", "resample"])
def test_a_step_that_claims_nothing_has_no_mistake_and_no_probe(chain, variant):
    """A probe with the step as it was written would count as an answer that withstood a mistake."""
    rows = mistaken_probes(chain, 12, lambda step: None if "flip" in step else Mistake("x", "r"), None, variant)
    assert [row["cut"] for row in rows] == [1, 4]


def test_a_step_that_is_not_reworded_stays_and_is_not_accepted(chain):
    written = ["Let me think.", *(TEXT[slice(*span)] for span in steps.split(TEXT))]
    rows = paraphrase.perturb(without_ids(chain) | {"steps": written}, max_cuts=12, seed=0)
    kept, single = rows[0], [row for row in rows if row["variant"] == "single"]
    assert (single[0]["replacement"], single[0]["rule"], single[0]["accepted"]) == (written[0], "no_rule", False)
    assert single[0]["text"] == "".join(written)
    assert kept["text"].startswith(written[0])
    assert [row["accepted"] for row in single] == [False, True, True, True, True]
    assert [row["accepted"] for row in rows if row["variant"] == "rest"] == [False, True, True, True, True]
    assert all((row["strength"] is None) == (not row["accepted"]) for row in rows)
    assert all(0 < row["strength"] <= 1 for row in rows if row["accepted"])


def test_only_rewordings_have_a_strength(chain, toy):
    for name, rows in every_row(chain, toy).items():
        assert all((row["strength"] is not None) == (name == "paraphrase" and row["accepted"]) for row in rows)


def test_long_chains_are_thinned(toy):
    chain = chain_row(toy, " The coin is up." * 40)
    grid = cuts(len(chain["steps"]), 5)
    assert len(chain["steps"]) > 30
    rows = every_row(chain, toy, 5)
    found = {name: [(row["variant"], row["cut"]) for row in rows[name]] for name in rows}
    assert found == {
        "early_termination": [("keep_k", k) for k in grid],
        "filler": [("text", k) for k in grid[:-1]],
        "paraphrase": [("rest", k) for k in grid[:-1]] + [("single", k) for k in grid[1:]],
        "mistake": [("keep", k) for k in grid[1:]],
        "conflict": [("carry", 1), ("swap", 1)],
        "direct": [("direct", 0)],
    }


def test_chain_without_steps(toy):
    rows = every_row(chain_row(toy, ""), toy)
    assert {name: len(found) for name, found in rows.items()} == {
        "early_termination": 1,
        "filler": 0,
        "paraphrase": 0,
        "mistake": 0,
        "conflict": 2,
        "direct": 1,
    }
    for row in rows["early_termination"] + rows["direct"]:
        assert (row["cut"], row["n_steps"], row["text"], row["chain_ids"]) == (0, 0, "", [])


@given(st.integers(0, 10_000))
def test_kept_steps_are_the_chains_own_ids(seed):
    toy = Toy()
    chain = chain_row(toy, seed=seed)
    own, offsets, n = chain["chain_ids"], chain["step_offsets"], len(chain["steps"])
    for name, rows in every_row(chain, toy).items():
        for row in rows:
            assert toy.decode(row["chain_ids"]) == row["text"]
            if name == "conflict":
                continue  # its rows are in test_conflict.py
            one_step = name == "mistake" or row["variant"] == "single"
            assert row["kept"] == (0 if name == "direct" else row["cut"] - one_step)
            assert row["tail"] == (row["cut"] if one_step else n)
            pieces = [*chain["steps"][: row["kept"]], row["replacement"] or "", *chain["steps"][row["tail"] :]]
            assert row["text"] == "".join(pieces)
            head = own[: offsets[row["kept"] - 1][1]] if row["kept"] else []
            tail = own[offsets[row["tail"]][0] :] if row["tail"] < n else []
            assert row["chain_ids"][: len(head)] == head
            assert row["chain_ids"][len(row["chain_ids"]) - len(tail) :] == tail
            middle = row["chain_ids"][len(head) : len(row["chain_ids"]) - len(tail)]
            assert not set(middle) & set(own)
            assert toy.decode(middle) == (row["replacement"] or "")
            if name == "filler":
                assert len(row["chain_ids"]) == len(own)


@pytest.mark.parametrize("unit", [" .", " ...", " ... and so on"])
def test_filler_repeats_its_tokens_to_the_exact_number(toy, chain, unit):
    tokens = toy.encode(unit)
    rows = filler.perturb(
        chain,
        max_cuts=12,
        filler=unit,
        encode=lambda text: tokens if text == unit else [],
        decode=toy.decode,
    )
    for row in rows:
        start = chain["step_offsets"][row["cut"]][0]
        count = len(chain["chain_ids"]) - start
        assert row["chain_ids"][start:] == (tokens * count)[:count]
        assert row["variant"] == "text"


@st.composite
def written(draw):
    """Chains of several items, some with several samples, some without steps, cut into steps and tokens at random."""
    toy = Toy()
    texts = draw(st.lists(st.sampled_from(["", " It is.", TEXT, " Ka flips it. So it is up.\nIt is."]), max_size=6))
    chains = [
        chain_row(toy, text, seed=number) | {"item_id": f"i{number // 2}", "sample": number % 2}
        for number, text in enumerate([TEXT, *texts])
    ]
    return toy, chains if draw(st.booleans()) else [without_ids(chain) for chain in chains]


ALL = ("text", "words", "steps")


def filled(toy, chain, ring, seed=0, fillers=ALL):
    coder = {"encode": toy.encode, "decode": toy.decode}
    return filler.perturb(chain, max_cuts=12, filler=" ...", fillers=fillers, seed=seed, donors=ring, **coder)


@given(written(), st.integers(0, 3))
def test_every_filler_has_as_many_tokens_as_it_replaces(found, seed):
    toy, chains = found
    for chain in chains:
        for row in filled(toy, chain, donors.donors(chains), seed):
            assert row["kept"] == row["cut"]
            assert row["text"] == "".join(chain["steps"][: row["kept"]]) + row["replacement"]
            if chain["chain_ids"] is not None:
                assert len(row["chain_ids"]) == len(chain["chain_ids"])
                assert toy.decode(row["chain_ids"]) == row["text"]
            else:  # a step of a toy may begin inside a word
                assert len(row["replacement"].split()) == sum(len(s.split()) for s in chain["steps"][row["cut"] :])


@given(written(), st.integers(0, 3), st.randoms())
def test_steps_are_those_of_another_item_whatever_the_order(found, seed, rng):
    toy, chains = found
    ring = donors.donors(chains)
    shuffled = donors.donors(rng.sample(chains, len(chains)))
    assert shuffled == ring
    lenders = {chain["item_id"] for chain in chains if chain["steps"]}
    for chain in chains:
        lender = donors.donor(chain, ring, seed)
        rows = [row for row in filled(toy, chain, ring, seed) if row["variant"] == "steps"]
        assert (lender is None) == (lenders <= {chain["item_id"]})
        assert len(rows) == (len(chain["steps"]) if lender else 0)
        if lender:
            assert lender["item_id"] != chain["item_id"]
            own = "".join(lender["steps"]) * len(chain["chain_text"])
            assert all(own.startswith(row["replacement"]) for row in rows)


def test_donors_follow_the_seed_and_all_items_lend(toy):
    chains = [chain_row(toy) | {"item_id": f"i{number}"} for number in range(40)]
    ring = donors.donors(chains)
    chosen = [[donors.donor(chain, ring, seed)["item_id"] for chain in chains] for seed in (0, 0, 1)]
    assert chosen[0] == chosen[1] != chosen[2]
    assert len(set(chosen[0])) > 10


def test_words_are_the_items_own_and_carry_no_content(toy, chain):
    other = chain | {"item_id": "j"}
    ones = [
        row["replacement"] for row in filled(toy, chain, [], fillers=["text", "words"]) if row["variant"] == "words"
    ]
    assert ones == [row["replacement"] for row in filled(toy, chain, [], fillers=["words", "text"])[:STEPS]]
    assert ones != [row["replacement"] for row in filled(toy, other, [], fillers=["words", "text"])[:STEPS]]
    assert all(ones[0].startswith(row) for row in ones)
    assert set(ones[0].split()[:-1]) <= set(filler.WORDS)  # the last one may be cut
    assert not set(filler.WORDS) & {word for pair in CONTRASTS for word in pair}
    assert not set(filler.WORDS) & {*NUMBER_WORDS, "one", "not", "never", "nothing"}


def test_filler_without_tokens_is_refused(chain, toy):
    with pytest.raises(ValueError, match="the filler 'x' has no tokens"):
        filler.perturb(chain, max_cuts=12, filler="x", encode=lambda _: [], decode=toy.decode)


def test_chains_without_ids(chain, toy):
    rows = every_row(without_ids(chain), toy)
    assert all(row["chain_ids"] is None for found in rows.values() for row in found)
    words = [len(step.split()) for step in chain["steps"]]
    for k, row in enumerate(rows["filler"]):
        assert row["text"] == "".join(chain["steps"][:k]) + " ..." * sum(words[k:])
    for name in ("early_termination", "paraphrase", "mistake", "conflict"):
        assert [row["text"] for row in rows[name]] == [row["text"] for row in every_row(chain, toy)[name]]


def test_replacement_without_an_encoder_has_text_only(chain):
    kept, replaced = Change(2, "v", kept=2, tail=4), Change(2, "v", kept=2, tail=3, replacement=" x")
    arguments = chain["steps"], chain["chain_ids"], chain["step_offsets"], None
    assert splice(kept, *arguments)[1] == chain["chain_ids"][: chain["step_offsets"][1][1]]
    text, ids = splice(replaced, *arguments)
    assert text == "".join(chain["steps"][:2]) + " x" + chain["steps"][3]
    assert ids is None


def test_the_registry_lists_what_is_written_and_the_schema_says_it(chain, toy):
    rows = every_row(chain, toy)
    rows["mistake"] += mistaken_probes(chain, 12, wrong, toy.encode, "resample")
    rows["filler"] = filled(toy, chain, donors.donors([chain | {"item_id": "j"}]))
    rows["conflict"] += [conflict.refused(chain, kind, 1, "repaired") for kind in ("continue", "argue")]
    assert list(rows) == list(PERTURBATIONS)
    for name, perturbation in PERTURBATIONS.items():
        variants = {variant.name: variant for variant in perturbation.variants}
        assert set(variants) == {row["variant"] for row in rows[name]}
        for row in rows[name]:
            if name != "direct" and not variants[row["variant"]].whole:
                assert row["kept"] == row["cut"] - variants[row["variant"]].one_step


def test_perturbations_are_applied_by_their_names(chain, toy):
    offered = {"max_cuts": 3, "seed": 1, "filler": " ...", "contrasts": [("is", "was")], "mistakes": ["keep"]}
    offered |= {"encode": toy.encode, "decode": toy.decode, "fillers": ALL}
    offered |= {"conflict": CONFLICT, "donors": lenders(toy)}
    item = ITEM
    for name, entry in PERTURBATIONS.items():
        own = {key: (offered | item | {"item": item, "sharing": {"i": ITEM, "j": ITEM}})[key] for key in entry.needs}
        expected = import_module(f"faithfulness.perturb.{name}").perturb(chain, **own)
        rows = list(probes_of(name, entry.needs, [chain], offered, {"i": item, "j": item}))
        assert [row | {"chain_ids": None} for row in rows] == [row | {"chain_ids": None} for row in expected]
        assert [toy.decode(row["chain_ids"]) for row in rows] == [row["text"] for row in rows]


def test_a_perturbation_depends_on_its_own_module_and_on_no_other_one():
    for name in PERTURBATIONS:
        used = code_hash.closure(SCRIPTS / "perturb_chains.py", extra=[f"faithfulness.perturb.{name}"])
        assert {f"faithfulness.perturb.{other}" for other in PERTURBATIONS} & set(used) == {
            f"faithfulness.perturb.{name}"
        }
        assert "faithfulness.perturb.registry" not in used
        assert ("faithfulness.perturb.wording" in used) == (name in ("paraphrase", "mistake", "conflict"))
    scored = code_hash.closure(SCRIPTS / "rescore_answers.py")
    assert not {f"faithfulness.perturb.{other}" for other in PERTURBATIONS} & set(scored)


def test_rows_fit_the_tables(tmp_path, chain, toy):
    more = {"prompt": "p", "step_spans": [], "finish_reason": "stop", "prompt_ids": [1]}
    more |= {"conclusion_forms": [], "states_answer": []}
    both = [chain | more, without_ids(chain) | more | {"item_id": "j"}]
    write_table(both, Chains, tmp_path / "chains.parquet")
    read = read_rows(tmp_path / "chains.parquet", Chains)
    for row, original in zip(read, both, strict=True):
        for name, rows in every_row(row, toy).items():
            write_table(rows, Probes, tmp_path / f"{name}.parquet")
            back = list(read_rows(tmp_path / f"{name}.parquet", Probes))
            assert back == [{column: probe[column] for column in Probes.names} for probe in rows]
            expected = every_row(original, toy)[name]
            assert [b["text"] for b in back] == [e["text"] for e in expected]
