"""Plans of runs: tokens counted by hand, tokens that the backend computes, and what a configuration leaves open."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from faithfulness import prompts
from faithfulness.arms.record import FullWeights, write_arm
from faithfulness.backends import tree_attention
from faithfulness.backends.protocol import Decoding, Probe, Prompt
from faithfulness.backends.transformers import TransformersBackend
from faithfulness.calibrate import worked
from faithfulness.config.recipes import Recipe
from faithfulness.config.settings import Settings, load
from faithfulness.operate import sizing
from faithfulness.operate.cost import Assumptions, Tokens
from faithfulness.operate.plan.expected import Plan, expected
from faithfulness.operate.plan.miniature import assumed_steps, miniature_items, planned_chain
from faithfulness.operate.plan.pieces import Pieces
from faithfulness.operate.plan.show import show
from faithfulness.operate.plan.tokens import encoder, generation_tokens, scoring_tokens, training_tokens
from faithfulness.operate.plan.used import used
from faithfulness.perturb.mistake import corrupt
from faithfulness.prompts import Prompts
from faithfulness.tables.generation import Chains, Items, Probes, Scores
from faithfulness.tables.io import frame, read_table, records, write_table
from tests.factories import make_arm
from tests.runs import ROOT

ASSUMED = Assumptions(flops=1e12)
NOWHERE = Path("nowhere")
WARM = {"method": "full", "target": "rationale", "datasets": ["coin_flip"], "steps": 3, "batch_size": 2}
COINS = {
    "models": [{"name": "m", "source": {"uri": "random:llama"}, "parameters": 10**9, "warm_start": WARM}],
    "datasets": [{"name": "coin_flip", "task": "coin_flip", "people": 3, "train": 10, "eval": 5}],
    "arms": [{"name": "tuned-a", "datasets": ["coin_flip"], "steps": 4, "batch_size": 2}],
}
SERVED = {
    "models": [
        {
            "name": "gpt",
            "source": {"uri": "openai:gpt"},
            "parameters": 10**11,
            "server": {"input_price": 3, "output_price": 6, "max_cost": 0.01},
        }
    ],
    "datasets": [{"name": "coin_flip", "task": "coin_flip", "readout": "letters", "eval": 4}],
    "arms": [{"name": "tuned-a", "source": {"uri": "openai:ft:gpt"}, "datasets": ["coin_flip"]}],
}


def letters(text: str) -> list[int]:
    """A token a character."""
    return [ord(character) for character in text]


def rows_of(config: dict[str, Any]) -> dict[str, Any]:
    """A plan, by rule."""
    return {row["rule"]: row for row in records(expected(load(config), ASSUMED, NOWHERE))}


# Formulas


def test_chains_share_their_prompts() -> None:
    assert generation_tokens([[1, 2, 3], [1, 2, 4]], [2, 3]) == Tokens(
        prefilled=4, generated=5, requests=2, sent=6, received=5
    )


def test_options_are_scored_in_one_tree() -> None:
    probes = [
        Probe("i", "ab", "", ":", chain_ids=[], candidates=("y", "no")),
        Probe("i", "ab", "c", ":", chain_ids=letters("c"), candidates=("y", "no")),
    ]
    # a b | : " " n | c : " " n: the last letter of an option needs no node.
    assert scoring_tokens(probes, letters) == Tokens(prefilled=9, requests=2, sent=7, received=2)


def test_text_answers_are_generated_after_the_tree() -> None:
    probes = [
        Probe("i", "ab", chain, ":", chain_ids=letters(chain), candidates=("12",), answer_tokens=5)
        for chain in ("", "c")
    ]
    # a b : | c :, and behind each five tokens of text and two of " 12".
    assert scoring_tokens(probes, letters) == Tokens(prefilled=5, generated=14, requests=2, sent=7, received=10)


def test_pieces() -> None:
    tokens = Pieces()
    assert len(tokens.encode("The coin, so it is 1234 up.")) == 10  # The| coin|,| so| it| is| 123|4| up|.
    assert len(tokens.encode(" concatenate")) == 2
    assert tokens.encode("a b") != tokens.encode("b a")
    text = "Ünïcode \n\n<|im_end|>: 3.5 % of_all"
    spans = tokens(text)["offset_mapping"]
    assert [spans[0][0], *(end for _, end in spans)][-1] == len(text)
    assert len(spans) == len(tokens.encode(text))


# Against what is computed


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Tokens of each forward pass."""
    lengths: list[int] = []
    forward = tree_attention.forward

    def recorded(model: Any, tokens: np.ndarray, *arguments: Any, **named: Any) -> Any:
        lengths.append(len(tokens))
        return forward(model, tokens, *arguments, **named)

    monkeypatch.setattr(tree_attention, "forward", recorded)
    return lengths


def test_the_backend_computes_what_is_counted(backend: TransformersBackend, computed: list[int]) -> None:
    encode = encoder(backend.tokenizer)
    probes = [
        Probe("i", "A coin is heads up.", chain, "\nAnswer:", candidates=("yes", "not at all"))
        for chain in ("", " Anna flips the coin.", " Anna flips the coin. Ben does not.", " ... ...")
    ]
    backend.score(probes)
    assert sum(computed) == scoring_tokens(probes, encode).prefilled
    computed.clear()
    texts = [replace(probe, candidates=("not at all",), answer_tokens=6) for probe in probes]
    backend.score(texts, lambda indices, _: [("not at all",)] * len(indices))
    counted = scoring_tokens(texts, encode)
    assert computed[0] == counted.prefilled
    assert counted.computed - len(texts) == sum(computed)  # the last token of a text at its limit is not computed
    computed.clear()
    asked = ["A coin is heads up.", "A coin is tails up."]
    chains = backend.generate([Prompt(text) for text in asked], Decoding(8))
    lengths = [len(chain.ids or ()) for chain in chains]
    counted = generation_tokens([encode(text) for text in asked], lengths)
    assert counted.computed - sum(chain.finish_reason == "length" for chain in chains) == sum(computed)


def test_trainings_are_counted_example_by_example(wording: Prompts) -> None:
    item = {"item_id": "1", "question": "Why?", "options": ["a", "b"], "answer": "a", "rationale": ["So."]}
    items = {"own": [item | {"show_options": True, "letters": False}]}
    recipe = Recipe(datasets=["own"], steps=7, batch_size=3)
    tokenizer = Pieces()
    asked = "".join(prompts.direct_prompt(items["own"][0], wording, prompts.renderer(tokenizer)))
    each = len(tokenizer.encode(f"{asked} a")) + 1
    assert training_tokens(recipe, items, wording, tokenizer).prefilled == 21 * each
    longer = recipe.model_copy(update={"steps": 1000})
    assert training_tokens(longer, items, wording, tokenizer).prefilled == pytest.approx(3000 * each)


# Plans


def test_counts_of_a_small_configuration() -> None:
    plan = rows_of(COINS)
    assert {rule: row["jobs"] for rule, row in plan.items()} == {
        "warm_start": 1,
        "finetune": 1,
        "write_chains": 2,
        "perturbations": 12,
        "rescore_answers": 2,
    }
    assert plan["warm_start"]["items"] == 6
    assert plan["finetune"]["items"] == 8
    assert plan["write_chains"]["chains"] == 2 * 5
    # Four steps: five cuts, three times four fillers, eight paraphrases, four mistakes; two conflict chains; and the
    # direct one.
    assert plan["perturbations"]["probes"] == 10 * (31 + 1) == 10 * sizing.probes_of_chain(4, conflicts=2)
    # Both arms read both arms' chains, the five cuts and the conflict chains with both cues, and answer directly.
    assert plan["rescore_answers"]["chains"] == 4 * 5
    assert plan["rescore_answers"]["probes"] == 4 * 5 * (31 + 7) + 2 * 5
    assert sizing.probes_of_chain(4, second_cue=1.0, conflicts=2) == 31 + 7 + 1
    assert plan["rescore_answers"]["hours"] == pytest.approx(
        2e9 * plan["rescore_answers"]["tokens"] / (0.4 * 1e12) / 3600
    )
    assert all(row["cost"] is None for row in plan.values())


def test_chains_that_all_arms_write_are_scored_once() -> None:
    alike, different = rows_of(COINS), rows_of(COINS | {"chains": {"temperature": 0.8}})
    assert alike["rescore_answers"]["tokens"] < 0.7 * different["rescore_answers"]["tokens"]
    assert alike["write_chains"]["tokens"] == different["write_chains"]["tokens"]


def test_samples_and_resampled_mistakes_are_generated_and_scored() -> None:
    one = rows_of(COINS | {"chains": {"temperature": 0.8}})
    two = rows_of(COINS | {"chains": {"temperature": 0.8, "samples": 2}})
    assert one["write_chains"]["tokens"] < two["write_chains"]["tokens"] < 2 * one["write_chains"]["tokens"]
    assert two["rescore_answers"]["probes"] == 2 * one["rescore_answers"]["probes"]
    more = rows_of(COINS | {"perturbations": {"mistakes": ["keep", "resample"]}})
    assert more["perturbations"]["tokens"] > 0
    assert more["perturbations"]["probes"] == 10 * (35 + 1)


def test_written_conflict_chains_are_generated_and_scored() -> None:
    kinds = ["carry", "swap", "continue", "argue"]
    few, more = (rows_of(COINS | {"perturbations": {"conflict": {"kinds": chosen}}}) for chosen in (kinds[:2], kinds))
    assert few["perturbations"]["tokens"] == 0
    # Half a chain after a mistake and a whole one for an argument: fewer tokens than two chains.
    assert 0 < more["perturbations"]["tokens"] < 2 * more["write_chains"]["tokens"]
    assert more["perturbations"]["probes"] - few["perturbations"]["probes"] == 2 * 10
    assert more["rescore_answers"]["tokens"] > few["rescore_answers"]["tokens"]


def test_questions_that_are_not_here_are_assumed() -> None:
    source = {"uri": "hub:a/b", "revision": "0" * 40, "file": "x.csv"}
    own = {"name": "own", "task": "table", "source": source, "eval": 100, "max_new_tokens": 80}
    config = COINS | {"datasets": [*COINS["datasets"], own]}
    model = Pieces()
    item = miniature_items(load(config).datasets[1], ASSUMED, NOWHERE)[1][0]
    assert len(model.encode(item["question"])) == ASSUMED.question_tokens
    assert [len(model.encode(option)) for option in item["options"]] == [ASSUMED.option_tokens] * 4
    steps = assumed_steps(load(config).datasets[1], ASSUMED)
    assert all(corrupt(f" {step}") for step in steps)  # a run has at most this many probes
    assert [len(model.encode(f" {step}")) for step in steps] == [20, 20]  # half of 80
    assert rows_of(config)["write_chains"]["chains"] == 2 * (5 + 100)


def test_a_server_charges_for_the_prompt_of_each_request() -> None:
    settings = load(SERVED)
    plan = rows_of(SERVED)
    assert set(plan) == {"write_chains", "perturbations", "rescore_answers"}
    # With prices of a million tokens between 3 and 6; each of the 22 + 21 probes pays its whole prompt.
    read = plan["rescore_answers"]
    assert 3 * read["tokens"] < 1e6 * read["cost"] < 6 * read["tokens"]
    assert read["tokens"] > 43 * 4 * 2 * len(
        Pieces().encode(miniature_items(settings.datasets[0], ASSUMED, NOWHERE)[1][0]["question"])
    )
    shown = show(expected(settings, ASSUMED, NOWHERE), settings, ASSUMED, NOWHERE)
    assert "is more than its max_cost of 0.01" in " ".join(shown.split())
    free = load(SERVED | {"models": [SERVED["models"][0] | {"server": {"max_cost": None}}]})
    assert "the cost is unknown" in show(expected(free, ASSUMED, NOWHERE), free, ASSUMED, NOWHERE)


def test_an_unknown_size_leaves_the_hours_open() -> None:
    models = [{key: value for key, value in COINS["models"][0].items() if key != "parameters"}]
    settings = load(COINS | {"models": models})
    plan = expected(settings, ASSUMED, NOWHERE)
    assert plan.loc[plan["tokens"] > 0, "hours"].isna().all()
    shown = show(plan, settings, ASSUMED, NOWHERE)
    assert "Warning: m: its size is unknown" in shown
    assert re.search(r"^total .*\?$", shown, re.MULTILINE)


def test_the_plan_of_the_default_run_is_near_what_it_used(settings: Settings) -> None:
    """Without its questions and its tokenizer, as before make report; what it used is what make plan printed after."""
    used_tokens = {"warm_start": 71_196, "finetune": 35_967, "write_chains": 18_986, "rescore_answers": 136_362}
    before = settings.perturbations.model_copy(update={"fillers": ["text"], "second_cue_items": 0.0})
    # What there was when it was counted.
    letters, coins, others = (settings.dataset(name) for name in ("last_letters", "coin_flip", "commonsense_qa"))
    datasets = [letters.model_copy(update={"words": 2}), coins.model_copy(update={"people": 3}), others]
    turns = ["last_letters", "coin_flip", "last_letters", "coin_flip", "last_letters"]
    model, arm = settings.models[0], settings.arms[0]
    assert model.warm_start
    warm_start = model.warm_start.model_copy(update={"steps": 66, "datasets": turns})
    then = {
        "models": [model.model_copy(update={"warm_start": warm_start})],
        "arms": [arm.model_copy(update={"datasets": turns[:2], "replay": 0.25, "replay_datasets": None, "steps": 40})],
        "datasets": datasets,
        "perturbations": before,
    }
    plan = expected(settings.model_copy(update=then), ASSUMED, NOWHERE)
    planned = dict(zip(plan["rule"], plan["tokens"], strict=True))
    assert sum(planned.values()) == pytest.approx(sum(used_tokens.values()), rel=0.2)
    assert planned == pytest.approx(used_tokens | {"perturbations": 0}, rel=0.35)


def test_a_finished_run_is_counted_from_its_tables(tmp_path: Path, wording: Prompts) -> None:
    """A run whose arms write the planned chains used what was planned."""
    settings = load(COINS | {"results": str(tmp_path)})
    (dataset,) = settings.datasets
    train, evaluated = miniature_items(dataset, ASSUMED, NOWHERE)
    for split, items in (("train", train), ("eval", evaluated)):
        write_table(items, Items, tmp_path / f"items/coin_flip/{split}.parquet")
    tokenizer = Pieces()
    rows = [planned_chain(item, dataset, wording, tokenizer, ASSUMED) for item in evaluated]
    rows = [row | {"tokenizer_hash": "pieces"} for row in rows]
    assert used(settings) == {}
    for name, recipe in (("base", settings.models[0].warm_start), ("tuned-a", settings.arms[0])):
        known = Recipe(**recipe.model_dump(include=set(Recipe.model_fields))) if recipe else None
        weights = FullWeights(folder=str(NOWHERE), folder_hash="")
        write_arm(tmp_path / f"arms/m/{name}", make_arm(arm=name, weights=weights, recipe=known, prompts=wording))
        written = frame(rows, Chains)
        write_table(written, Chains, tmp_path / f"chains/m/{name}/coin_flip.parquet")
        probes = worked.perturb(
            written,
            frame(evaluated, Items),
            settings.perturbations,
            (),
            tokenizer.encode,
            tokenizer.decode,
        )
        for kind, table in probes.items():
            write_table(table, Probes, tmp_path / f"probes/m/{name}/coin_flip/{kind}.parquet")
        if name == "base":
            assert set(used(settings)) == {("warm_start", "m")}  # rules that are not finished are left out
        write_table([], Scores, tmp_path / f"scores/m/{name}/coin_flip.parquet")
    plan = expected(settings, ASSUMED, NOWHERE)
    planned = {(row.rule, row.model): row.tokens for row in plan.itertuples() if row.rule != "perturbations"}
    finished = used(settings)
    assert finished == planned
    plan["used"] = [finished.get((row.rule, row.model)) for row in plan.itertuples()]
    shown = show(frame(plan, Plan), settings, ASSUMED, NOWHERE)
    assert "1.00 times what it used" in shown


# The command


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    asked = [sys.executable, str(ROOT / "scripts/plan_run.py"), *arguments]
    return subprocess.run(asked, cwd=folder, capture_output=True, text=True, check=False)


def test_the_command(tmp_path: Path) -> None:
    (tmp_path / "api.yaml").write_text(yaml.safe_dump(SERVED | {"prompts": str(ROOT / "config/prompts/default.yaml")}))
    given = ("--flops", "1e12", "--reply-seconds", "4", "--csv", "plan.csv")
    done = command(tmp_path, "api.yaml", *given)
    assert done.returncode == 0, done.stderr
    assert "max_cost" in done.stdout
    assert "servers reply in 4 s" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100
    table = read_table(tmp_path / "plan.csv", Plan)
    assert f"{table['tokens'].sum():,}" in done.stdout
    (tmp_path / "wrong.yaml").write_text("modles: []")
    done = command(tmp_path, "wrong.yaml", "--flops", "1e12")
    assert done.returncode == 1
    assert done.stderr.strip() == "modles: unknown key; did you mean 'models'?"


# The published setting


def test_the_published_setting() -> None:
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    catalogue = yaml.safe_load((ROOT / "config/datasets.yaml").read_text())
    text = (ROOT / "config/paper.yaml").read_text()
    settings = load(config | yaml.safe_load(text), catalogue)
    assert [model.quantisation for model in settings.models] == ["nf4"]
    assert {(arm.datasets[0], arm.rank, arm.method) for arm in settings.arms} == {
        (name, rank, "qlora") for name in ("gsm8k", "cosmos_qa", "medqa") for rank in (8, 16, 32)
    }
    assert [(d.name, d.readout) for d in settings.datasets] == [
        ("gsm8k", "text"),
        *((name, "letters") for name in ("cosmos_qa", "medqa", "medmcqa")),
    ]
    # What stands there as a comment is right, too, once it is uncommented.
    text = re.sub(r"(?m)^  # (?=- name:|  \w+: )", "  ", text)
    everything = load(config | yaml.safe_load(text), catalogue)
    assert len(everything.models) == 14
    assert everything.writers_of("gpt-4") == ["base", "tuned-math-gpt-4"]
    assert len({model.source.revision for model in everything.models if not model.served}) == 12


def test_controls_are_trained_and_read_base_but_write_nothing() -> None:
    plain = rows_of(COINS)
    placebo = {"name": "placebo-a", "placebo": {"of": "tuned-a", "target": "random"}, "seeds": [1, 2]}
    null = {"name": "null-warm", "null": {"seeds": [7]}}
    rows = rows_of(COINS | {"arms": [*COINS["arms"], placebo, null]})
    assert rows["finetune"]["jobs"] == 3 * plain["finetune"]["jobs"] == 3
    assert rows["finetune"]["tokens"] == pytest.approx(3 * plain["finetune"]["tokens"], rel=0.05)
    assert rows["warm_start_again"]["jobs"] == 1
    assert rows["warm_start_again"]["tokens"] == pytest.approx(rows["warm_start"]["tokens"], rel=0.05)
    for rule in ("write_chains", "perturbations"):
        assert rows[rule] == plain[rule]
    assert (plain["rescore_answers"]["jobs"], rows["rescore_answers"]["jobs"]) == (2, 5)
    items, arms, controls = 5, 2, 3
    assert plain["rescore_answers"]["chains"] == items * (arms + 2)  # base reads both arms' chains, tuned base's too
    assert rows["rescore_answers"]["chains"] == items * (arms + 2 + controls)
    by_chain = (plain["rescore_answers"]["probes"] - items * arms) / plain["rescore_answers"]["chains"]
    expected_probes = rows["rescore_answers"]["chains"] * by_chain + items * (arms + controls)
    assert rows["rescore_answers"]["probes"] == pytest.approx(expected_probes, abs=1)


def test_text_is_counted_by_its_questions() -> None:
    model = {"name": "m", "source": {"uri": "random:llama"}, "parameters": 10**9}
    null = {"name": "null-text", "null": {"of": "tuned-a", "datasets": ["coin_flip"]}}
    rows = rows_of(COINS | {"models": [model], "arms": [*COINS["arms"], null]})
    alone = rows_of(COINS | {"models": [model]})
    assert 0 < rows["finetune"]["tokens"] - alone["finetune"]["tokens"] < alone["finetune"]["tokens"]
