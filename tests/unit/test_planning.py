"""What a run takes: counts known by hand, what the backend really computes, and what a configuration leaves open."""

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
from faithfulness.arms.record import write_arm
from faithfulness.backends import Decoding, Probe, Prompt, tree_attention
from faithfulness.backends.transformers import TransformersBackend
from faithfulness.calibrate import calibration
from faithfulness.config.models import Model
from faithfulness.config.settings import Settings, load
from faithfulness.config.training import Recipe
from faithfulness.operate import planning
from faithfulness.operate.planning import TRAINING, Assumptions, Pieces, Plan, Tokens
from faithfulness.prompts import Prompts
from faithfulness.tables.generation import Chains, Items, Probes, Scores
from faithfulness.tables.io import frame, read_table, records, write_table
from tests.runs import ROOT

KNOWN = Assumptions(flops=1e12)
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


def lines(config: dict[str, Any]) -> dict[str, Any]:
    """A plan, by rule."""
    found = planning.plan(load(config), KNOWN, NOWHERE)
    return {row["rule"]: row for row in records(found)}


# Formulas


def test_chains_share_their_prompts() -> None:
    assert planning.writing([[1, 2, 3], [1, 2, 4]], [2, 3]) == Tokens(read=4, grown=5, requests=2, sent=6, written=5)


def test_options_are_read_in_one_tree() -> None:
    probes = [
        Probe("i", "ab", "", ":", chain_ids=[], candidates=("y", "no")),
        Probe("i", "ab", "c", ":", chain_ids=letters("c"), candidates=("y", "no")),
    ]
    # a b | : " " n | c : " " n: the last letter of an option needs no node.
    assert planning.reading(probes, letters) == Tokens(read=9, requests=2, sent=7, written=2)


def test_texts_grow_behind_the_tree() -> None:
    probes = [
        Probe("i", "ab", chain, ":", chain_ids=letters(chain), candidates=("12",), answer_tokens=5)
        for chain in ("", "c")
    ]
    # a b : | c :, and behind each five tokens of text and two of " 12".
    assert planning.reading(probes, letters) == Tokens(read=5, grown=14, requests=2, sent=7, written=10)


def test_hours() -> None:
    model = Model(name="m", source={"uri": "random:llama"})  # type: ignore[arg-type]
    known = replace(KNOWN, utilisation=0.5, writing_utilisation=0.1)
    size, tokens = 10**9, Tokens(read=900_000)
    assert planning.hours(tokens, model, size, known) == pytest.approx(1)
    assert planning.hours(tokens, model, size, known, TRAINING["full"]) == pytest.approx(3)
    assert planning.hours(tokens, model, size, known, TRAINING["lora"]) == pytest.approx(2)
    assert planning.hours(Tokens(grown=900_000), model, size, known) == pytest.approx(5)
    assert planning.hours(tokens, model, None, known) is None
    assert planning.cost(tokens, model) is None


def test_cost_and_hours_of_a_server() -> None:
    model = load(SERVED).models[0]
    assert planning.cost(Tokens(read=7, sent=1_000_000, written=2_000_000), model) == pytest.approx(15)
    assert planning.hours(Tokens(requests=7200), model, None, replace(KNOWN, reply_seconds=4)) == pytest.approx(1)


def test_assumptions_are_more_than_nothing() -> None:
    with pytest.raises(ValueError, match="items: must be more than 0"):
        Assumptions(flops=1e12, items=0)


def test_flops_are_measured() -> None:
    assert 1e8 < planning.measured_flops() < 1e17


def test_pieces() -> None:
    tokens = Pieces()
    assert len(tokens.encode("The coin, so it is 1234 up.")) == 10  # The| coin|,| so| it| is| 123|4| up|.
    assert len(tokens.encode(" concatenate")) == 2
    assert tokens.encode("a b") != tokens.encode("b a")
    text = "Ünïcode \n\n<|im_end|>: 3.5 % of_all"
    spans = tokens(text)["offset_mapping"]
    assert [spans[0][0], *(end for _, end in spans)][-1] == len(text)
    assert len(spans) == len(tokens.encode(text))


# Held against what is computed


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Tokens of each forward pass."""
    found: list[int] = []
    forward = tree_attention.forward

    def counted(model: Any, tokens: np.ndarray, *arguments: Any, **named: Any) -> Any:
        found.append(len(tokens))
        return forward(model, tokens, *arguments, **named)

    monkeypatch.setattr(tree_attention, "forward", counted)
    return found


def test_the_backend_computes_what_is_counted(backend: TransformersBackend, computed: list[int]) -> None:
    encode = planning._encoder(backend.tokenizer)
    probes = [
        Probe("i", "A coin is heads up.", chain, "\nAnswer:", candidates=("yes", "not at all"))
        for chain in ("", " Anna flips the coin.", " Anna flips the coin. Ben does not.", " ... ...")
    ]
    backend.read(probes)
    assert sum(computed) == planning.reading(probes, encode).read
    computed.clear()
    texts = [replace(probe, candidates=("not at all",), answer_tokens=6) for probe in probes]
    backend.read(texts, lambda indices, _: [("not at all",)] * len(indices))
    found = planning.reading(texts, encode)
    assert computed[0] == found.read
    assert found.computed - len(texts) == sum(computed)  # the last token of a text at its limit is not computed
    computed.clear()
    asked = ["A coin is heads up.", "A coin is tails up."]
    chains = backend.write([Prompt(text) for text in asked], Decoding(8))
    lengths = [len(chain.ids or ()) for chain in chains]
    found = planning.writing([encode(text) for text in asked], lengths)
    assert found.computed - sum(chain.finish_reason == "length" for chain in chains) == sum(computed)


def test_trainings_are_counted_example_by_example(wording: Prompts) -> None:
    item = {"item_id": "1", "question": "Why?", "options": ["a", "b"], "answer": "a", "rationale": ["So."]}
    items = {"own": [item | {"show_options": True, "letters": False}]}
    recipe = Recipe(datasets=["own"], steps=7, batch_size=3)
    tokenizer = Pieces()
    asked = "".join(prompts.direct_prompt(items["own"][0], wording, tokenizer))
    each = len(tokenizer.encode(f"{asked} a")) + 1
    assert planning.training(recipe, items, wording, tokenizer).read == 21 * each
    longer = recipe.model_copy(update={"steps": 1000})
    assert planning.training(longer, items, wording, tokenizer).read == pytest.approx(3000 * each)


# Plans


def test_counts_of_a_small_configuration() -> None:
    found = lines(COINS)
    assert {rule: row["jobs"] for rule, row in found.items()} == {
        "warm_start": 1,
        "finetune": 1,
        "write_chains": 2,
        "perturbations": 10,
        "rescore_answers": 2,
    }
    assert found["warm_start"]["items"] == 6
    assert found["finetune"]["items"] == 8
    assert found["write_chains"]["chains"] == 2 * 5
    # Four steps: five cuts, four fillers, eight paraphrases, four mistakes; and the direct one.
    assert found["perturbations"]["probes"] == 10 * (21 + 1)
    # Both arms read both arms' chains, and answer directly.
    assert found["rescore_answers"]["chains"] == 4 * 5
    assert found["rescore_answers"]["probes"] == 4 * 5 * 21 + 2 * 5
    assert found["rescore_answers"]["hours"] == pytest.approx(
        2e9 * found["rescore_answers"]["tokens"] / (0.4 * 1e12) / 3600
    )
    assert all(row["cost"] is None for row in found.values())


def test_arms_that_write_alike_are_read_as_one() -> None:
    alike, different = lines(COINS), lines(COINS | {"chains": {"temperature": 0.8}})
    assert alike["rescore_answers"]["tokens"] < 0.7 * different["rescore_answers"]["tokens"]
    assert alike["write_chains"]["tokens"] == different["write_chains"]["tokens"]


def test_samples_and_resampled_mistakes_are_written_and_read() -> None:
    one = lines(COINS | {"chains": {"temperature": 0.8}})
    two = lines(COINS | {"chains": {"temperature": 0.8, "samples": 2}})
    assert one["write_chains"]["tokens"] < two["write_chains"]["tokens"] < 2 * one["write_chains"]["tokens"]
    assert two["rescore_answers"]["probes"] == 2 * one["rescore_answers"]["probes"]
    more = lines(COINS | {"perturbations": {"mistakes": ["keep", "resample"]}})
    assert more["perturbations"]["tokens"] > 0
    assert more["perturbations"]["probes"] == 10 * (25 + 1)


def test_questions_that_are_not_here_are_assumed() -> None:
    source = {"uri": "hub:a/b", "revision": "0" * 40, "file": "x.csv"}
    own = {"name": "own", "task": "table", "source": source, "eval": 100, "max_new_tokens": 80}
    config = COINS | {"datasets": [*COINS["datasets"], own]}
    model = Pieces()
    item = planning.items_of(load(config).datasets[1], KNOWN, NOWHERE)[1][0]
    assert len(model.encode(item["question"])) == KNOWN.question_tokens
    assert [len(model.encode(option)) for option in item["options"]] == [KNOWN.option_tokens] * 4
    steps = planning._steps(load(config).datasets[1], KNOWN)
    assert [len(model.encode(f" {step}")) for step in steps] == [20, 20]  # half of 80
    assert lines(config)["write_chains"]["chains"] == 2 * (5 + 100)


def test_a_server_is_paid_for_each_request() -> None:
    settings = load(SERVED)
    found = lines(SERVED)
    assert set(found) == {"write_chains", "perturbations", "rescore_answers"}
    # With prices of a million tokens between 3 and 6; each of the 22 + 21 probes pays its whole prompt.
    read = found["rescore_answers"]
    assert 3 * read["tokens"] < 1e6 * read["cost"] < 6 * read["tokens"]
    assert read["tokens"] > 43 * 4 * 2 * len(
        Pieces().encode(planning.items_of(settings.datasets[0], KNOWN, NOWHERE)[1][0]["question"])
    )
    shown = planning.show(planning.plan(settings, KNOWN, NOWHERE), settings, KNOWN, NOWHERE)
    assert "is more than its max_cost of 0.01" in " ".join(shown.split())
    free = load(SERVED | {"models": [SERVED["models"][0] | {"server": {"max_cost": None}}]})
    assert "no cost can be told" in planning.show(planning.plan(free, KNOWN, NOWHERE), free, KNOWN, NOWHERE)


def test_an_unknown_size_leaves_the_hours_open() -> None:
    models = [{key: value for key, value in COINS["models"][0].items() if key != "parameters"}]
    settings = load(COINS | {"models": models})
    found = planning.plan(settings, KNOWN, NOWHERE)
    assert found.loc[found["tokens"] > 0, "hours"].isna().all()
    shown = planning.show(found, settings, KNOWN, NOWHERE)
    assert "Warning: m: its size is not known" in shown
    assert re.search(r"^total .*\?$", shown, re.MULTILINE)


def test_the_default_run_was_foreseen(settings: Settings) -> None:
    """Without its questions and its tokenizer, as before make report; what it used is what make plan printed after."""
    used = {"warm_start": 71_196, "finetune": 35_967, "write_chains": 18_986, "rescore_answers": 136_362}
    found = planning.plan(settings.model_copy(update={"models": settings.models[:1]}), KNOWN, NOWHERE)
    planned = dict(zip(found["rule"], found["tokens"], strict=True))
    assert sum(planned.values()) == pytest.approx(sum(used.values()), rel=0.2)
    assert planned == pytest.approx(used | {"perturbations": 0}, rel=0.35)


def test_a_finished_run_is_counted_from_its_tables(tmp_path: Path, wording: Prompts) -> None:
    """A run whose arms write the planned chains used what was planned."""
    settings = load(COINS | {"results": str(tmp_path)})
    (dataset,) = settings.datasets
    train, evaluated = planning.items_of(dataset, KNOWN, NOWHERE)
    for split, items in (("train", train), ("eval", evaluated)):
        write_table(items, Items, tmp_path / f"items/coin_flip/{split}.parquet")
    tokenizer = Pieces()
    rows = [planning.planned_chain(item, dataset, wording, tokenizer, KNOWN) for item in evaluated]
    rows = [row | {"tokenizer_hash": "pieces"} for row in rows]
    assert planning.used(settings) == {}
    for name, recipe in (("base", settings.models[0].warm_start), ("tuned-a", settings.arms[0])):
        made = {"weights_folder": str(NOWHERE), "prompts": wording.model_dump()}
        known = recipe.model_dump(include=set(Recipe.model_fields)) if recipe else None
        write_arm(tmp_path / f"arms/m/{name}", made | {"recipe": known})
        written = frame(rows, Chains)
        write_table(written, Chains, tmp_path / f"chains/m/{name}/coin_flip.parquet")
        probes = calibration.perturb(
            written,
            frame(evaluated, Items),
            settings.perturbations,
            tokenizer.encode,
            tokenizer.decode,
        )
        for kind, table in probes.items():
            write_table(table, Probes, tmp_path / f"probes/m/{name}/coin_flip/{kind}.parquet")
        if name == "base":
            assert set(planning.used(settings)) == {("warm_start", "m")}  # nothing is told of what is half done
        write_table([], Scores, tmp_path / f"scores/m/{name}/coin_flip.parquet")
    found = planning.plan(settings, KNOWN, NOWHERE)
    planned = {(row.rule, row.model): row.tokens for row in found.itertuples() if row.rule != "perturbations"}
    used = planning.used(settings)
    assert used == planned
    found["used"] = [used.get((row.rule, row.model)) for row in found.itertuples()]
    shown = planning.show(frame(found, Plan), settings, KNOWN, NOWHERE)
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
    assert everything.arms_of("gpt-4") == ["base", "tuned-math-gpt-4"]
    assert len({model.source.revision for model in everything.models if not model.served}) == 12
