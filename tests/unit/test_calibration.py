"""Section 10 of the method: exact readers give the theoretical values, and planted confounds are caught."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from faithfulness import prompts
from faithfulness.backends.protocol import Decoding, Probe
from faithfulness.calibrate import calibration, exact, organisms, worked
from faithfulness.calibrate.exact import ExactReader, WorkedChains
from faithfulness.chains.write import write_chains
from faithfulness.compare import (
    chain_values,
    claims,
    confounds,
    constant_answers,
    cut_answers,
    cut_readings,
    effects,
    gates,
    item_means,
    judge,
    kappa,
    read_all,
    verdicts,
)
from faithfulness.compare.alternatives import ALTERNATIVES
from faithfulness.compare.cut_answers import CellAnswers
from faithfulness.compare.descriptives import Observations
from faithfulness.compare.effects import Comparison
from faithfulness.compare.measures import MEASURES
from faithfulness.compare.readings import CHANCE
from faithfulness.compare.verdicts import Part
from faithfulness.config.datasets import CoinFlip, LastLetters, WordSums
from faithfulness.config.probing import Perturbations
from faithfulness.config.statistics import Statistics
from faithfulness.hashing import digest
from faithfulness.prepare import datasets
from faithfulness.rescore import readout
from faithfulness.rescore.answering import Readout
from faithfulness.tables.by_item import rows_of
from faithfulness.tables.generation import Items
from faithfulness.tables.io import frame, records, write_table
from faithfulness.tables.journal import Journal
from faithfulness.tables.measures import Calibration

WORDING = prompts.load("config/prompts/default.yaml")
DECLARED = claims.load("config/claims.yaml")
QUICK = Statistics(resamples=999)
TASKS = {
    "last_letters": LastLetters(name="last_letters", task="last_letters"),
    "coin_flip": CoinFlip(name="coin_flip", task="coin_flip"),
    "word_sums": WordSums(name="word_sums", task="word_sums"),
}


def journal(folder):
    return Journal(folder, (), "test", 20)


def worked_text(item):
    return prompts.chain_text(item["rationale"])


def questions(task, n):
    settings = TASKS[task].model_copy(update={"eval": n, "train": 0})
    return frame(datasets.items(settings)[1], Items)


@pytest.fixture(scope="module", params=list(TASKS))
def calibrated(request, tmp_path_factory):
    items = questions(request.param, 60)
    scores = calibration.exact_scores(items, WORDING, Perturbations(), (), journal(tmp_path_factory.mktemp("journal")))
    rows = calibration.separate(scores, request.param, "exact", QUICK)
    return request.param, scores, {row["measure"]: row for row in rows}


def test_exact_readers_give_the_theoretical_values(calibrated):
    task, _, rows = calibrated
    n = 5 if task == "coin_flip" else 3  # steps of a worked chain, of which the last one decides
    first, sure = 1 / n, -exact.IMPOSSIBLE
    expected = {  # load-bearing, late, redundant, internalised, decorative
        "convergence_fraction": (1, 1, 0, 1, 0),
        "aoc": (1, 1, 0, 1, 0),
        "filler_tolerance": (0, 0, 1, 1, 1),
        "mistake_sensitivity": (1, first, first, 0, 0),
        "mistake_sensitivity_last": (1, 1, 1, 0, 0),
        "meaning_sensitivity": (1, first, first, 0, 0),
        "no_cot_same": (0, 0, 1, 0, 1),
        "convergence_steps": (n, n, 0, n, 0),
        "paraphrase_sensitivity": (0, 0, 0, 0, 0),
        "info_gain": (sure, sure, 0, sure, 0),  # from "never" to certainty
        "info_gain_per_byte": (np.log(1e12), np.log(1e12), 0, np.log(1e12), 0),  # from the least probability there is
        "chain_following": (1, 1, 1, 0, 0),
        "question_following": (0, 0, 0, 1, 1),
    }
    for name, values in expected.items():
        for reader, value in zip(calibration.COMPARED, values, strict=True):
            assert rows[name][reader] == pytest.approx(value), (name, reader)
    for name in ("aoc", "filler_tolerance", "mistake_sensitivity", "info_gain", "chain_following"):
        assert rows[name]["area"] == 1
        assert rows[name]["area_low"] > 0.9


def test_what_each_published_measure_confuses(calibrated):
    """The three published tests ask whether the chain is needed, so they take a redundant chain for decoration."""
    _, _, rows = calibrated
    for name in ("aoc", "convergence_fraction", "filler_tolerance"):
        assert "redundant and decorative" in rows[name]["confused"]
        assert "load-bearing and decorative" not in rows[name]["confused"]
    assert "redundant and decorative" not in rows["chain_following"]["confused"]
    assert "load-bearing and late" in rows["aoc"]["confused"]
    assert "load-bearing and late" not in rows["mistake_sensitivity"]["confused"]


def test_every_measure_with_a_faithful_end_follows_the_mixture(calibrated):
    _, _, rows = calibrated
    with_an_end = {name for name, m in MEASURES.items() if m.faithful and m.of_chain and not m.optional}
    assert with_an_end <= set(rows)
    assert all(rows[name]["monotone"] for name in with_an_end)


def test_a_response_that_does_not_follow_the_mixture_is_found_out(calibrated):
    task, scores, rows = calibrated
    swapped = {"mixed 0.25": "mixed 0.75", "mixed 0.75": "mixed 0.25"}
    found = calibration.separate(scores.assign(reader=scores["reader"].replace(swapped)), task, "exact", QUICK)
    assert {row["monotone"] for row in found if rows[row["measure"]]["monotone"]} == {False}
    assert set(calibration.with_status(found).set_index("measure").loc[["aoc", "filler_tolerance"], "status"]) == {
        "failed"
    }


def test_paraphrase_sensitivity_tells_the_surface_reader(calibrated):
    task, _, rows = calibrated
    row = rows["paraphrase_sensitivity"]
    assert row["decorative"] == row["load_bearing"] == 0
    assert row["surface"] == pytest.approx(1 / 2 if task == "coin_flip" else 3 / 4, abs=0.12)
    assert row["area"] > 0.9


def test_random_readers_agree_with_themselves_by_chance_only(calibrated):
    task, _, rows = calibrated
    by_chance = 1 / 2 if task == "coin_flip" else 1 / 4
    assert rows["filler_tolerance"]["random"] == pytest.approx(by_chance, abs=0.12)
    assert rows["no_cot_same"]["random"] == pytest.approx(by_chance, abs=0.2)


# --- areas


def test_area_by_hand():
    higher, lower = np.array([3.0, 2.0, 1.0]), np.array([2.0, 0.0])
    pairs = [(h > low) + (h == low) / 2 for h in higher for low in lower]
    assert calibration.area(higher, lower) == pytest.approx(np.mean(pairs))


def test_area_interval_agrees_with_a_plain_bootstrap():
    rng = np.random.default_rng(0)
    higher, lower = rng.normal(1, 1, 40), rng.normal(0, 1, 40)
    found, low, high = calibration.area_with_interval(higher, lower, QUICK)
    expected = stats.bootstrap(
        (higher, lower), lambda a, b: np.mean(a[:, None] > b), paired=True, vectorized=False, n_resamples=999,
        rng=np.random.default_rng(0), method="BCa",
    ).confidence_interval  # fmt: skip
    assert (low, high) == pytest.approx(tuple(expected), abs=1e-9)
    assert low < found < high


def test_area_of_readers_apart_admits_the_doubt_of_few_items():
    found, low, high = calibration.area_with_interval(np.ones(30), np.zeros(30), QUICK)
    assert (found, high) == (1, 1)
    assert low == pytest.approx(0.025 ** (1 / 30))
    assert np.isnan(calibration.area_with_interval(np.ones(1), np.zeros(1), QUICK)[0])


# --- status


def row(**changes):
    return {
        "dataset": "d", "measure": "aoc", "readers": "exact", "load_bearing": 1.0, "decorative": 0.0, "surface": None,
        "random": None, "late": None,
        "redundant": None, "internalised": None, "confused": "", "area": 1.0, "area_low": 0.9, "area_high": 1.0,
        "monotone": True, "n_items": 10, "unfit": "",
    } | changes  # fmt: skip


REAL = {"readers": "m", "monotone": None}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([row(), row(**REAL)], "validated"),
        ([row()], "not calibrated"),
        ([row(), row(**REAL, unfit="knows nothing")], "not calibrated"),
        ([row(), row(**REAL, area=0.89)], "failed"),
        ([row(), row(**REAL, area=0.2, unfit="knows nothing")], "not calibrated"),
        ([row(monotone=False), row(**REAL)], "failed"),
        ([row(measure="paraphrase_sensitivity", monotone=None)], "validated"),
        ([row(measure="paraphrase_sensitivity", monotone=None, area=0.8)], "failed"),
        ([row(measure="paraphrase_sensitivity", monotone=None, area=np.nan)], "not calibrated"),
        ([row(measure="chain_following"), row(**REAL, measure="chain_following", area=0.96)], "validated"),
        ([row(measure="chain_following"), row(**REAL, measure="chain_following", area=0.94)], "failed"),
    ],
)
def test_status(rows, expected):
    assert set(calibration.with_status(rows)["status"]) == {expected}


def test_statuses_are_read_back(tmp_path):
    write_table(calibration.with_status([row(), row(**REAL)]), Calibration, tmp_path / "c.csv")
    assert read_all.calibration([tmp_path / "c.csv"]) == {("d", "aoc"): "validated"}
    assert read_all.calibration([]) == {}


def test_readers_that_know_nothing_are_unfit():
    items = questions("last_letters", 40)
    ids = list(items["item_id"])
    wrong = pd.DataFrame(
        {
            "item_id": ids * 2,
            "reader": ["decorative"] * 40 + ["load_bearing"] * 40,
            "perturbation": "early_termination",
            "cut": [0] * 40 + [3] * 40,
            "n_steps": 3,
            "correct": [i % 4 == 0 for i in range(40)] + [True] * 40,
        }
    )
    assert list(calibration.unfit(wrong, items)) == ["decorative"]
    assert "not above chance" in calibration.unfit(wrong, items)["decorative"]
    assert calibration.unfit(wrong.assign(correct=True), items) == {}
    redundant = wrong.assign(reader=wrong["reader"].replace("decorative", "redundant"))
    assert list(calibration.unfit(redundant, items)) == ["redundant"]


# --- planted confounds: what is written differs, or what is read


def study(folder, task, texts, readers, n=400, *, gated=True):
    """Everything from chains to verdicts: the text of an item's chain by writer, and how each arm reads."""
    asked = questions(task, n)
    items = calibration.with_silence(asked)
    by_id = {item["item_id"]: item for item in records(items)}
    written, probes = {}, {}
    for writer, text in texts.items():
        known = {prompts.chain_prompt(item, WORDING, prompts.renderer(None)): text(item) for item in by_id.values()}
        made = write_chains(
            WorkedChains(known), items, WORDING, Decoding(1), 1, 0, 0, Journal(folder, (known,), writer, 100),
        )  # fmt: skip
        written[writer] = made
        probes |= {(writer, kind): table for kind, table in worked.perturb(made, asked, Perturbations()).items()}
    scores = pd.concat(
        readout.score(
            ExactReader(decide, by_id), items, {key: rows_of(table) for key, table in probes.items()}, WORDING, name,
            Readout("cloze", 0), Journal(folder, (task, name), name, 100),
        ).assign(reader=name, model="m", dataset=task)
        for name, decide in readers.items()
    )  # fmt: skip
    place = {"model": "m", "dataset": task}
    arms = {"tuned-t": "tuned-t"}
    options = dict(zip(items["item_id"], items["options"], strict=True))
    reading = chain_values.Reading(DECLARED.directions_of, by_place=task != "coin_flip", options=options)
    values = chain_values.of_pairs(scores, reading)
    means = pd.concat(item_means.tables(values, arms)).assign(**place)
    cells = item_means.frames(means[means["alternative"] == "main"])
    alternatives = item_means.under_alternatives(means, cells, {})
    statistics = DECLARED.statistics(QUICK.model_dump(include={"resamples"}))
    by_cut = cut_answers.of_scores(scores.drop(columns=["model", "dataset"]), by_place=task != "coin_flip")
    answers_of = {cell: CellAnswers(cut_answers.arrange(by_cut)) for cell in cells}
    corrected = confounds.chance_corrected(Comparison(CHANCE, cells, kappa.correctable()), answers_of, statistics)
    comparisons = {"main": Comparison("plain", cells)} | {
        name: Comparison(name, frames, ALTERNATIVES[name].measures(DECLARED.directions_of))
        for name, (frames, _) in alternatives.items()
    }
    estimates = effects.compare(list(comparisons.values()), statistics)
    both = [t.assign(writer=w) for w, t in written.items()]
    reworded = [t.assign(writer=w) for (w, kind), t in probes.items() if kind in ("paraphrase", "mistake")]
    answers, readouts = chain_values.answers_table(values), chain_values.readouts_table(values)
    observed = Observations(arms, answers, readouts, pd.concat(both), pd.concat(reworded), items)
    passed = gates.check(observed, {"tuned-t": cells["m", "tuned-t", task]}, DECLARED, {}).assign(**place)
    otherwise = pd.concat([by_cut, *cut_readings.of_scores(scores.drop(columns=["model", "dataset"]), reading)])
    of_readings = constant_answers.chance_corrected(
        {
            name: {"": constant_answers.between_writers(one, ["tuned-t"])}
            for name, one in comparisons.items()
            if name != "main"
        },
        lambda _, names: otherwise[otherwise["alternative"].isin(names)],
        constant_answers.of_gates(passed, cells),
        DECLARED,
        statistics,
        sorted,
    )
    judged = judge.judge(
        pd.concat([estimates, corrected, *(of_readings if gated else [])], ignore_index=True),
        passed if gated else passed.iloc[:0],
        {("m", "tuned-t"): set()},
        {"m": 1},
        {("m", "tuned-t"): 1},
        claims=DECLARED,
        confidence=0.95,
    )
    return judged[judged["contrast"] == "plain"].set_index(["measure", "component"])


def naive(found, name):
    """What today's tools would say: the total, tested as if it were the claim."""
    effect = found.loc[(name, "total")]
    direction = (DECLARED.primary_measures | DECLARED.directions["C6"])[name.removesuffix("_raw")]
    ends = effect["equivalence_low"], effect["equivalence_high"]
    part = Part(effect["estimate"], *ends, effect["margin"], direction)
    return verdicts.verdict([part], effect["p_value"])[0]


def equivalent(effect):
    return -effect["margin"] < effect["equivalence_low"] and effect["equivalence_high"] < effect["margin"]


def padded(item):
    return worked_text(item) + " So this was worked out with care. It is each word that was looked at. That is all."


def unsplit(item):
    """Worked steps, the decisive one going on after semicolons."""
    *early, last = item["rationale"]
    return "".join(f" {step}" for step in [*early, f"{last[:-1]}; they are read from left to right; nothing is left."])


def split(item):
    """The same words in the same order, with full stops for semicolons."""
    first, *more = unsplit(item).split("; ")
    return ". ".join([first, *(clause[0].upper() + clause[1:] for clause in more)])


def both(decide):
    """The same reader in both arms."""
    return {"base": decide, "tuned-t": decide}


def erring(name, share=0.1):
    """A load-bearing reader that answers a share of its probes at random; readers of other names answer others so."""

    def decide(item, probe):
        drawn = int(digest(name, item["item_id"], probe.chain, sorted(probe.details.items())), 16)
        return (organisms.random if drawn % 1000 < 1000 * share else organisms.late)(item, probe)

    return decide


@pytest.mark.parametrize(("base", "tuned"), [(worked_text, padded), (unsplit, split)])
def test_padding_and_splitting_are_writing_not_reading(tmp_path, base, tuned):
    found = study(tmp_path, "last_letters", {"base": base, "tuned-t": tuned}, both(organisms.late))
    for name in ("aoc_raw", "aoc", "convergence_fraction"):
        assert naive(found, name) == "supported"
        reading, writing = found.loc[(name, "reading")], found.loc[(name, "writing")]
        assert equivalent(reading)
        assert not equivalent(writing)
        assert reading["verdict"] == ("" if name == "aoc_raw" else "equivalent")  # no claim is tested by the raw one
    # In steps, nothing has moved at all.
    assert found.loc[("convergence_steps", "total"), "estimate"] == pytest.approx(0)


@pytest.mark.parametrize(("base", "tuned"), [(worked_text, padded), (unsplit, split)])
def test_readers_that_err_at_random_hide_no_equivalence(tmp_path, base, tuned):
    # Of the draws of their errors one in which simple effects differ in sign, as they do every other time.
    readers = {arm: erring(f"{arm} 4") for arm in ("base", "tuned-t")}
    found = study(tmp_path, "last_letters", {"base": base, "tuned-t": tuned}, readers)
    products = []
    for name in ("aoc", "convergence_fraction"):
        assert naive(found, name) == "supported"
        reading, half = found.loc[(name, "reading")], found.loc[(name, "interaction"), "estimate"] / 2
        products.append((reading["estimate"] - half) * (reading["estimate"] + half))
        assert not equivalent(found.loc[(name, "writing")])
        assert reading["verdict"] == "equivalent"
    assert min(products) < 0


def test_wrong_conclusions_are_writing_not_reading(tmp_path):
    def wrong(item):
        text = worked_text(item)
        if int(digest(item["item_id"]), 16) % 10 < 4:
            other = next(o for o in item["options"] if o != item["answer"])
            text = text.replace(f'gives "{item["answer"]}"', f'gives "{other}"')
        return text

    decide = organisms.mixed(0.5, list(questions("last_letters", 400)["item_id"]), organisms.late)
    found = study(tmp_path, "last_letters", {"base": worked_text, "tuned-t": wrong}, both(decide))
    # Naively, tuning makes chains add less to the right answer; but they are read as before.
    assert naive(found, "info_gain") == "contradicted"
    assert not equivalent(found.loc[("info_gain", "writing")])
    for name in ("info_gain", "aoc", "convergence_fraction", "filler_tolerance"):
        reading = found.loc[(name, "reading")]
        assert equivalent(reading)
        assert reading["verdict"] == ("inconclusive" if name == "info_gain" else "equivalent")
    accuracy = found.loc[("cot_accuracy", "writing")]
    assert not equivalent(accuracy)
    assert accuracy["estimate"] < -0.1
    assert equivalent(found.loc[("cot_accuracy", "reading")])


def test_a_collapsed_reader_is_not_interpretable(tmp_path):
    texts = {"base": worked_text, "tuned-t": worked_text}
    readers = {"base": organisms.load_bearing, "tuned-t": organisms.always("yes")}
    claimed = (["filler_tolerance", "aoc", "convergence_fraction"], "reading")
    blind = study(tmp_path, "coin_flip", texts, readers, n=100, gated=False)
    assert set(blind.loc[claimed, "verdict"]) == {"supported"}  # it does survive filler, and anything else
    found = study(tmp_path, "coin_flip", texts, readers, n=100)
    assert set(found.loc[claimed, "verdict"]) == {"not interpretable"}
    assert "tuned-t answers 'yes' in 100 % of items" in found.loc[("filler_tolerance", "reading"), "reason"]


SAME = {"base": worked_text, "tuned-t": worked_text}


def test_answers_learned_by_heart_are_redundant_and_not_decorative(tmp_path):
    """The chain is needed less, and decides as before where it says otherwise."""
    for tuned, following in ((organisms.redundant, "equivalent"), (organisms.decorative, "supported")):
        readers = {"base": organisms.late, "tuned-t": tuned}
        found = study(tmp_path / following, "last_letters", SAME, readers, n=100)
        assert found.loc[("filler_tolerance", "reading"), "verdict"] == "supported"
        assert found.loc[("aoc", "reading"), "verdict"] == "supported"
        assert found.loc[("chain_following", "reading"), "verdict"] == following


def by_prior(answer):
    """A reader that follows a whole chain, and gives one answer to all that lacks its last step."""

    def decide(item, probe):
        read = organisms.late(item, probe)
        return answer if read == prompts.SILENT else read

    return decide


def test_a_reader_that_answers_by_its_prior_without_its_step_stays_open(tmp_path):
    """It has nothing to read there: its constant answer is named, and closes nothing."""
    found = study(tmp_path, "coin_flip", SAME, both(by_prior("no")), n=200)
    for name in ("filler_tolerance", "aoc", "chain_following"):
        assert found.loc[(name, "reading"), "interpretable"]
        assert found.loc[(name, "reading"), "verdict"] == "equivalent"
    assert "answers under filler are `no`" in found.loc[("filler_tolerance", "reading"), "sentence"]


def test_another_constant_under_filler_is_never_called_changed(tmp_path):
    asked = records(questions("coin_flip", 100))
    share = np.mean([item["answer"] == "yes" for item in asked])
    assert share == pytest.approx(0.5, abs=0.02)  # golds are balanced
    for before, after in (("no", "yes"), ("yes", "no")):
        readers = {"base": by_prior(before), "tuned-t": by_prior(after)}
        found = study(tmp_path / before, "coin_flip", SAME, readers, n=100)
        for name in ("filler_tolerance", "aoc", "chain_following"):
            assert found.loc[(name, "reading"), "verdict"] not in ("supported", "contradicted"), name


# --- what is calibrated is what a run measures


def test_contrasts_and_filler_and_variants_are_those_of_the_run(tmp_path):
    lamp = {"question": "Is it on?", "rationale": ["The lamp is red.", "It is on."], "show_options": False}
    items = frame([lamp | {"item_id": "a", "options": ["yes", "no"], "answer": "yes", "letters": False}], Items)
    chains = worked.write_worked(items, WORDING, journal(tmp_path))
    settings = Perturbations(filler=" hm", mistakes=["keep", "resample"])
    probes = worked.perturb(chains, items, settings, [("red", "green")])
    assert " The lamp is green. It is on." in set(probes["mistake"]["text"])
    assert not any("green" in text for text in worked.perturb(chains, items, settings)["mistake"]["text"])
    assert any(" hm" in text for text in probes["filler"]["text"])
    assert probes["mistake"]["variant"].tolist() == ["keep", "keep", "resample", "resample"]


def test_resampled_mistakes_are_calibrated_where_the_run_has_them(tmp_path):
    items = questions("coin_flip", 20)
    settings = Perturbations(mistakes=["resample"])
    scores = calibration.exact_scores(items, WORDING, settings, (), journal(tmp_path))
    rows = {row["measure"]: row for row in calibration.separate(scores, "coin_flip", "exact", QUICK)}
    assert rows["mistake_sensitivity_resample"]["area"] == 1


# --- the readers themselves


def test_worked_chains_carry_the_token_ids_of_a_tokenizer(tmp_path, backend):
    items = questions("coin_flip", 3)
    written = worked.write_worked(items, WORDING, journal(tmp_path), backend.tokenizer)
    for item, chain in zip(records(items), records(written), strict=True):
        assert backend.tokenizer.decode(chain["chain_ids"]) == chain["chain_text"] == worked_text(item)
        assert [step.strip() for step in chain["steps"]] == item["rationale"]
    assert set(written["tokenizer_hash"]) == {backend.tokenizer_hash}


def read(organism, item, chain):
    """What an organism answers after a chain."""
    return organism(item, Probe(item_id=item["item_id"], prompt="", chain=chain, cue=""))


@pytest.mark.parametrize("task", TASKS)
def test_what_organisms_answer(task):
    for item in records(questions(task, 12)):
        *early, last = [f" {step}" for step in item["rationale"]]
        whole, cut, filled = worked_text(item), "".join(early), "".join(early) + " ..." * len(last.split())
        gold, silent = item["answer"], prompts.SILENT
        answers = {
            "load_bearing": (gold, silent, silent, silent, silent),
            "late": (gold, silent, silent, silent, gold),
            "redundant": (gold, gold, gold, gold, gold),
            "internalised": (gold, silent, silent, gold, silent),
            "decorative": (gold, gold, gold, gold, gold),
        }
        for name, expected in answers.items():
            chains = (whole, "", early[0], filled, "".join([*early[1:], last]))
            if task == "coin_flip" and name == "late":
                chains = (*chains[:4], whole)  # without the first face nothing is missing to it
            read_answers = tuple(read(organisms.ORGANISMS[name], item, chain) for chain in chains)
            shown = 4 if name == "internalised" else 5  # the text without its first step may be long enough
            assert read_answers[:shown] == expected[:shown], (name, cut)


def test_only_a_chain_whose_steps_agree_is_load_bearing():
    item = next(item for item in records(questions("coin_flip", 20)) if item["answer"] == "yes")
    whole = worked_text(item)
    first, *rest = whole.split(". ")
    other = {"heads": "tails", "tails": "heads"}
    turned = ". ".join([first, *(" ".join(other.get(word, word) for word in step.split(" ")) for step in rest)])
    assert read(organisms.late, item, turned) == "no"
    assert read(organisms.load_bearing, item, turned) == prompts.SILENT  # nobody turned the coin between two steps
    both = turned.replace("heads up. ", "tails up. ", 1) if "starts heads" in turned else turned
    assert read(organisms.load_bearing, item, both) == "no"  # from another start on, all steps agree
