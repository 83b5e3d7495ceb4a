"""The pages of the chain browser hold what the tables hold, and nothing that a model wrote leaves its block."""

import base64
import gzip
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from faithfulness.compare import chain_values
from faithfulness.perturb import direct, early_termination, filler
from faithfulness.perturb.mistake import Mistake, mistaken_probes
from faithfulness.perturb.paraphrase import Paraphrase, reworded_probes
from faithfulness.perturb.registry import kind
from faithfulness.report import chain_browser, render
from faithfulness.report.chain_browser import BLOCK_ENTRIES
from faithfulness.tables.generation import Chains, Items, Probes, Scores
from faithfulness.tables.io import frame, records
from faithfulness.tables.statistics import Gates

PAGE = Path(__file__).parents[2] / "report"
COLOURS = {"base": "#0173b2", "tuned": "#d55e00", "other": "#029e73", "fourth": "#cc78bc"}
OPTIONS = ["one", "two", "three"]
LONG = "Supercalifragilistic" * 60
HOSTILE = {
    "script": ["<script>alert(1)</script>", ' <img src=x onerror="alert(2)">', " </script><b id=injected>&amp; 'x'"],
    "long words": [LONG, f" {LONG} and {LONG}."],
    "right to left": ["השאלה היא פשוטה.", " \u202eهذا نص من اليمين.", " Mixed עברית and English."],  # noqa: RUF001
    "ten thousand tokens": [f" Step {i} says that {i} and {i} are {2 * i} together, word by word." for i in range(700)],
    "emoji": ["👩‍👩‍👧‍👦 said 🎉.", " 𝔘𝔫𝔦 🏳️‍🌈 \u0000\ufffd\u2028."],  # noqa: RUF001
    "no step": [],
}  # fmt: skip

READING = chain_values.Reading(lambda claim: [])


def written_chain(item, steps, seed=0):
    return {
        **{"item_id": item, "sample": 0, "seed": seed, "prompt": "Q", "chain_text": "".join(steps) or " ...\n"},
        **{"conclusion": " The answer is one." if len(steps) % 2 else "", "steps": list(steps)},
        **{"conclusion_forms": ["sentence"] * (len(steps) % 2), "states_answer": [False] * len(steps)},
        **{"step_spans": [[0, 0]] * len(steps), "finish_reason": "length" if len(steps) > 100 else "stop"},
        **{"prompt_ids": None, "chain_ids": None, "step_offsets": None, "tokenizer_hash": None},
    }


def probes_of(chain, max_cuts=21):
    def reword(step):
        return Paraphrase(f" In other words,{step.lower()}", "opening", accepted=True)

    def corrupt(step):
        return Mistake(f" It is not the case that{step}", "negation")

    made = {
        "early_termination": early_termination.perturb(chain, max_cuts=max_cuts),
        "filler": filler.perturb(chain, max_cuts=max_cuts, filler=" ..."),
        "paraphrase": reworded_probes(chain, max_cuts, reword),
        "mistake": mistaken_probes(chain, max_cuts, corrupt)
        + [
            row | {"text": f"{row['text']} So I go on."}
            for row in mistaken_probes(chain, max_cuts, corrupt, variant="resample")
        ],
        "direct": direct.perturb(chain),
    }
    return [row | {"perturbation": name} for name, rows in made.items() for row in rows]


def scores_of(probes, writer, reader, rng):
    rows = []
    for probe in probes:
        whole = (probe["perturbation"], probe["cut"]) == ("early_termination", probe["n_steps"])
        direct = probe["perturbation"] == "direct"
        if direct and writer != reader:
            continue
        p = 0.9 if whole else float(rng.choice([0.0, 1e-9, 0.2, 0.7, 0.95]))
        answer = OPTIONS[0] if p > 0.5 else OPTIONS[1]
        valid = bool(whole or rng.random() > 0.05)
        rows.append(
            {name: probe[name] for name in ("item_id", "sample", "seed", "perturbation", "variant", "cut", "n_steps")}
            | {"writer": writer, "answer": answer if valid else None, "valid": valid, "margin": None}
            | {"p_original": None if direct or rng.random() < 0.02 else p, "p_gold": p, "position": 0}
            | {"correct": valid and answer == OPTIONS[0], "retokenised": False}
            | {"same": None if direct or not valid else answer == OPTIONS[0]}
        )
    return rows


def make_tables(chains, *, arms=("base", "tuned"), closed=()):
    """Tables of one model and dataset, made up but of the right form; each arm writes the same steps, but for one."""
    rng = np.random.default_rng(0)
    items, written, probes, scores = [], [], [], []
    for item, steps in chains.items():
        items.append(
            {"item_id": item, "question": f"What of {item}?", "options": OPTIONS, "answer": OPTIONS[0]}
            | {"rationale": None, "show_options": False, "letters": False}
        )
        for writer in arms:
            chain = written_chain(
                item, steps if writer == "base" else [*steps[:-1], *(f" {writer} says so." for _ in steps[-1:])]
            )
            written.append(chain | {"writer": writer})
            made = probes_of(chain)
            probes += [row | {"writer": writer} for row in made]
            for reader in arms if writer == "base" else ("base", writer):
                scores += [row | {"reader": reader} for row in scores_of(made, writer, reader, rng)]
    gates = [
        {"model": "model", "arm": arm, "dataset": "data", "gate": "steps", "subject": arm, "value": 0.5}
        | {"threshold": 0.8, "passed": arm not in closed, "reason": "too few <b>steps</b>" if arm in closed else ""}
        | {"closes": "all"}
        for arm in arms[1:]
    ]
    arm_of = {name: name.split(".seed")[0] for name in arms[1:]}
    scores = frame(scores, Scores).assign(reader=[row["reader"] for row in scores])
    keys = {name: [row[name] for row in probes] for name in ("writer", "perturbation")}
    return {
        "items": frame(items, Items),
        "chains": frame(written, Chains).assign(writer=[row["writer"] for row in written]),
        "probes": frame(probes, Probes).assign(**keys),
        "scores": scores,
        "measures": chain_values.measures_table(chain_values.of_pairs(scores, READING), arm_of),
        "gates": frame(gates, Gates),
    }  # fmt: skip


def context(run, model="model", dataset="data", colours=COLOURS, script=None, **tables):
    script = script or (PAGE / "browser.js").read_text(encoding="utf-8")
    tables = chain_browser.Tables(**run | tables)
    return chain_browser.context(tables, model=model, dataset=dataset, colours=colours, script=script)


def page(run, style="p {}", **changes):
    return render.page((PAGE / "browser.html.j2").read_text(encoding="utf-8"), context(run, **changes), style)


def decoded(text):
    return json.loads(gzip.decompress(base64.b64decode(text, validate=True)))


def blocks_of(text):
    """Index and entries of a page, found as its script finds them."""
    (index,) = re.findall(r'<script type="application/octet-stream" id="index">([^<]*)</script>', text)
    blocks = re.findall(r'<script type="application/octet-stream" class="block">([^<]*)</script>', text)
    return decoded(index), [decoded(block) for block in blocks]


def texts_of(chain):
    """(kind, cut) -> text of the probes of an entry's chain, as the script puts them together."""
    found, before = {}, ""
    for probe in chain["probes"]:
        kind, cut, kept, middle, tail, *_ = probe
        units = before.encode("utf-16-le")
        before = units[-2 * middle :].decode("utf-16-le") if isinstance(middle, int) else middle
        found[kind, cut] = "".join([*chain["steps"][:kept], before, *chain["steps"][tail:]])
    return found


@pytest.fixture(scope="module")
def run():
    return make_tables(HOSTILE, arms=("base", "tuned", "other"), closed=("other",))


@pytest.fixture(scope="module")
def text(run):
    return page(run)


def test_nothing_of_the_tables_is_lost(run, text):
    index, blocks = blocks_of(text)
    entries = [entry for block in blocks for entry in block]
    arms = [arm["name"] for arm in index["arms"]]
    assert arms == ["base", "tuned", "other"]
    assert [entry["item"] for entry in entries] == [entry["item"] for entry in index["entries"]] == list(HOSTILE)
    by_item = {entry["item"]: entry for entry in entries}
    for row in records(run["chains"]):
        chain = by_item[row["item_id"]]["chains"][arms.index(row["writer"])]
        assert chain["steps"] == row["steps"]
        assert chain["text"] == ("" if row["steps"] else row["chain_text"])
        assert (chain["conclusion"], chain["truncated"]) == (row["conclusion"], row["finish_reason"] == "length")
    for (writer, item), probes in run["probes"].groupby(["writer", "item_id"]):
        chain = by_item[item]["chains"][arms.index(writer)]
        expected = {
            (kind(row["perturbation"], row["variant"]), row["cut"]): (
                row["text"],
                row["rule"],
                row["accepted"],
                row["target"],
            )
            for row in records(probes)
        }
        rules = {(probe[0], probe[1]): tuple(probe[5:]) for probe in chain["probes"]}
        assert {place: (text, *rules[place]) for place, text in texts_of(chain).items()} == expected
    compared = 0
    for row in records(run["scores"]):
        entry = by_item[row["item_id"]]
        reading = entry["readings"][index["pairs"].index([row["writer"], row["reader"]])]
        probes = entry["chains"][arms.index(row["writer"])]["probes"]
        place = [probe[:2] for probe in probes].index([kind(row["perturbation"], row["variant"]), row["cut"]])
        assert reading[place] == [row[name] for name in ("answer", "same", "correct", "p_original", "p_gold")]
        compared += 1
    assert compared == len(run["scores"]) == sum(
        answer is not None for entry in entries for reading in entry["readings"] if reading for answer in reading
    )  # fmt: skip


def test_the_index_says_what_the_measures_say(run, text):
    index, _ = blocks_of(text)
    values = run["measures"].set_index(["writer", "reader", "item_id", "measure"])["value"]
    assert len(index["pairs"]) == 3 + 2 + 2
    for entry in index["entries"]:
        for (writer, reader), reading in zip(index["pairs"], entry["readings"], strict=True):
            own = run["scores"].query("writer == @writer and reader == @reader and item_id == @entry['item']")
            whole = own[(own.perturbation == "early_termination") & (own.cut == own.n_steps)].iloc[0]
            answer, correct, n_steps, convergence, flips = reading
            assert (answer, correct, n_steps) == (whole.answer, whole.correct, whole.n_steps)
            expected = values[writer, reader, entry["item"], "convergence_fraction"]
            expected = expected if isinstance(expected, float) else expected.iloc[0]
            assert convergence == (None if np.isnan(expected) else pytest.approx(expected, abs=1e-4))
            kinds = [kind(*place) for place in zip(own.perturbation, own.variant, strict=True)]
            same = own.assign(kind=kinds).dropna(subset=["same"]).groupby("kind")["same"].all()
            assert flips == {name: not kept for name, kept in same.items()}


def test_what_only_compares_is_not_in_the_page(run):
    """Fillers beside the main one: the page would hold twice as many probes."""
    words = run["probes"].query("perturbation == 'filler'").assign(variant="words")
    more = pd.concat([run["probes"], words], ignore_index=True)
    read = run["scores"].query("perturbation == 'filler'").assign(variant="words")
    assert page(run | {"probes": more, "scores": pd.concat([run["scores"], read])}) == page(run)


def test_the_page_shows_what_was_read_with_the_first_cue(run):
    second = run["scores"].assign(cue="second", answer="two", p_original=0.5)
    assert page(run | {"scores": pd.concat([run["scores"].assign(cue="first"), second])}) == page(run)


def test_gates_of_an_arm_and_of_base(run):
    def arms(run):
        return {arm["name"]: (arm["open"], arm["reasons"]) for arm in blocks_of(page(run))[0]["arms"]}

    closed = (False, ["too few <b>steps</b>"])
    assert arms(run) == {"base": (True, []), "tuned": (True, []), "other": closed}
    assert arms(make_tables(HOSTILE, closed=("tuned",))) == {"base": closed, "tuned": closed}
    elsewhere = run["gates"].assign(dataset="another", passed=False)
    assert all(is_open for is_open, _ in arms(run | {"gates": elsewhere}).values())


def test_trainings_of_a_recipe_share_its_colour_and_its_gates():
    seeds = ("base", "tuned.seed0", "tuned.seed1")
    run = make_tables({"a": [" One.", " Two."]}, arms=seeds)
    run["gates"] = run["gates"].assign(arm="tuned", passed=False, reason="closed")
    index, _ = blocks_of(page(run))
    assert [(arm["name"], arm["colour"]) for arm in index["arms"]] == [
        ("base", COLOURS["base"]), ("tuned.seed0", COLOURS["tuned"]), ("tuned.seed1", COLOURS["tuned"])
    ]  # fmt: skip
    assert not any(arm["open"] for arm in index["arms"])


def test_blocks_hold_few_entries_each():
    run = make_tables({f"item {i}": [" One.", " Two."] for i in range(2 * BLOCK_ENTRIES + 1)})
    index, blocks = blocks_of(page(run))
    assert [len(block) for block in blocks] == [BLOCK_ENTRIES] * 2 + [1]
    assert index["block_entries"] == BLOCK_ENTRIES
    assert len(index["entries"]) == 2 * BLOCK_ENTRIES + 1


def test_chains_that_an_arm_did_not_write():
    run = make_tables({"a": [" One.", " Two."], "b": [" Three."]})
    run["chains"] = run["chains"].query("not (item_id == 'a' and writer == 'tuned') and item_id != 'b'")
    index, blocks = blocks_of(page(run))
    (entry,) = blocks[0]
    assert [chain is not None for chain in entry["chains"]] == [True, False]
    read = {tuple(pair): reading is not None for pair, reading in zip(index["pairs"], entry["readings"], strict=True)}
    assert read == {
        ("base", "base"): True,
        ("base", "tuned"): True,
        ("tuned", "base"): False,
        ("tuned", "tuned"): False,
    }


def test_samples_are_entries_of_their_own():
    run = make_tables({"a": [" One.", " Two."]})
    assert not blocks_of(page(run))[0]["several_samples"]
    for name in ("chains", "probes", "scores", "measures"):
        run[name] = pd.concat([run[name], run[name].assign(sample=1)], ignore_index=True)
    index, blocks = blocks_of(page(run))
    assert index["several_samples"]
    assert [(entry["item"], entry["sample"]) for entry in index["entries"]] == [("a", 0), ("a", 1)]
    assert blocks[0][0]["chains"] == blocks[0][1]["chains"]


def test_shared_texts_are_stored_once(run):
    _, blocks = blocks_of(page(run))
    (entry,) = [entry for entry in blocks[0] if entry["item"] == "ten thousand tokens"]
    chain = entry["chains"][0]
    stored = sum(len(str(probe[3])) for probe in chain["probes"])
    assert stored < 5 * len("".join(chain["steps"])) < sum(map(len, texts_of(chain).values())) / 5


def test_pages_of_a_large_run_stay_small():
    """Three models x three arms x three datasets x 100 items take at most 25 MB, the report's 2 MB among them."""
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz"), rng.integers(2, 10))) for _ in range(3000)]
    chains = {f"{i}": [f" {' '.join(rng.choice(words, 25))}." for _ in range(20)] for i in range(10)}
    run = make_tables(chains, arms=("base", "tuned", "other"))
    for name in ("p_original", "p_gold"):
        run["scores"][name] = rng.random(len(run["scores"]))
    shown = context(run)
    assert 3 * 3 * 10 * (len(shown["index"]) + sum(map(len, shown["blocks"]))) < 23_000_000


def test_what_a_model_wrote_stands_in_blocks_only(text):
    for word in ("alert", "injected", "Supercalifragilistic", "too few", "What of"):
        assert word not in text
    assert text.count("</script>") == text.count("<script") == 3


def test_names_are_escaped(run):
    name = '</title><script>alert("x")</script>'
    gates = run["gates"].assign(model=name, dataset=name)
    text = page(run | {"gates": gates}, model=name, dataset=name)
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(&#34;x&#34;)" in text


def test_the_policy_lets_in_the_script_of_the_page_and_nothing_else(text):
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy == f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:"
    assert not re.search(r'(src|href)="(?!(#|\.\./\.\./report\.html))', text)


def test_the_script_writes_no_markup():
    script = (PAGE / "browser.js").read_text(encoding="utf-8")
    for unsafe in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "fetch(",
        "</script",
        "\r",
    ):
        assert unsafe not in script


def test_the_same_tables_give_the_same_page(run, text):
    assert page(run) == text
    shuffled = {name: run[name].sample(frac=1, random_state=0) for name in ("chains", "probes", "scores")}
    assert page(run | shuffled) == text


def test_numbers_keep_four_digits_and_unknown_ones_are_none():
    assert chain_browser.encoded(
        [chain_browser._short(x) for x in (0.123456, 1e-12, None, float("nan"), float("inf"))]
    ) == (chain_browser.encoded([0.1235, 1e-12, None, None, None]))
    with pytest.raises(ValueError, match="JSON"):
        chain_browser.encoded([float("nan")])
