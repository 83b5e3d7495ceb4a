"""Bad configurations are refused, in one line that says what, where and what would be right."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter

from faithfulness import prompts
from faithfulness.config import reference, settings
from faithfulness.config.base import SettingsError
from faithfulness.config.datasets import TableDataset
from faithfulness.config.models import LocalModel, Model, ServedModel
from faithfulness.config.settings import Settings
from tests.conftest import ROOT

Change = Callable[[dict[str, Any]], Any]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(modles=1), "modles: unknown key; did you mean 'models'?"),
        (lambda c: c["models"][0].update(layer=3), "models.0.layer: unknown key; did you mean 'layers'?"),
        (lambda c: c["datasets"][0].update(word=3), "datasets.0.last_letters.word: unknown key; did you mean 'words'?"),
        (lambda c: c.update(statistics={"resample": 1}), "statistics.resample: unknown key; did you mean 'resamples'?"),
        (lambda c: c["arms"][0].update(name="tuned-a.seed1"), "may not end in .seed<number>"),
        (lambda c: c["models"][0].update(layers="many"), "models.0.layers: Input should be a valid integer"),
        (
            lambda c: c["arms"][0].update(datasets=["coinflip"]),
            "no dataset is named 'coinflip'; did you mean 'coin_flip'?",
        ),
        (
            lambda c: c["arms"][0].update(models=["gpt"]),
            "arms.tuned-symbolic.models: no model is named 'gpt'; there are:",
        ),
        (lambda c: c["arms"][0].update(replay=1.5), "arms.0.replay: Input should be less than 1 (got 1.5)"),
        (lambda c: c["arms"][0].update(name="symbolic"), "arms.0.name: String should match pattern"),
        (lambda c: c["models"].append(c["models"][0]), "the name 'smollm2-135m' is used twice"),
        (lambda c: c["models"][0].update(name="../escape"), "models.0.name: String should match pattern"),
        (lambda c: c["arms"][0].update(replay_datasets=["commonsense_qa"]), "'commonsense_qa' has no worked chains"),
        (lambda c: c["datasets"][0].update(train=0), "dataset 'last_letters' has no train items"),
        (lambda c: c.update(chains={"samples": 3}), "samples > 1 needs temperature > 0"),
        (lambda c: c["models"][0]["source"].pop("sha256"), "a pypi: source needs sha256"),
        (lambda c: c["models"][0].update(source={"uri": "hub:a/b"}), "a hub: source needs revision"),
        (lambda c: c["models"][0].update(source={"uri": "ftp:a"}), "models.0.source.uri: String should match pattern"),
        (
            lambda c: c["models"][0].update(source={"uri": "path:x", "file": "../../y"}),
            "file must be a path inside the source",
        ),
        (lambda c: c["datasets"][2].update(source={"uri": "random:llama"}), "random: sources are for models only"),
        (
            lambda c: c["datasets"].append(c["datasets"][0] | {"name": "fresh", "seed": 1}),
            "datasets 'last_letters' and 'fresh' draw on the same questions",
        ),
        (lambda c: c["datasets"][2].update(columns={"options": None}), "use `readout: text`"),
        (
            lambda c: c["datasets"][2].update(columns={"options": None}, readout="letters"),
            "readout: letters compares options",
        ),
        (lambda c: c["datasets"][2].update(columns={"answer_pattern": "#+"}), "'#+' has no group"),
        (lambda c: c["datasets"][2].update(columns={"leave_out": ["("]}), "'(' is no regular expression"),
        (lambda c: c["datasets"][2].update(train_source=c["datasets"][2]["source"]), "train_source is source"),
        (
            lambda c: c["datasets"].append(
                c["datasets"][2]
                | {"name": "other", "source": {"uri": "path:x"}, "train_source": c["datasets"][2]["source"]}
            ),
            "dataset 'other' takes its train items from what 'commonsense_qa' evaluates",
        ),
        (
            lambda c: c["arms"].append({"name": "tuned-own", "source": {"uri": "path:x"}}),
            "arms.tuned-own: its weights fit one model; name it under `models`",
        ),
        (
            lambda c: c["arms"].append({"name": "tuned-own", "source": {"uri": "path:x"}, "steps": 5}),
            "steps belongs to a recipe, but the arm has a source",
        ),
        (
            lambda c: c["arms"].append({"name": "tuned-own", "source": {"uri": "path:x"}, "model": ["a"]}),
            "arms.2.model: unknown key; did you mean 'models'?",
        ),
        (lambda c: c["arms"][0].update(step=5), "arms.0.step: unknown key; did you mean 'steps'?"),
        (
            lambda c: c["arms"][0].update(source={"uri": "path:x", "shas": 1}),
            "source.shas: unknown key; did you mean 'sha256'?",
        ),
        (
            lambda c: c.update(perturbations={"paraphraser": {"source": {"uri": "path:x"}, "candidate": 3}}),
            "perturbations.paraphraser.candidate: unknown key; did you mean 'candidates'?",
        ),
        (lambda c: c["models"].append("gpt"), "models.3: Input should be a valid dictionary"),
        (lambda c: c["models"][0].pop("source"), "models.0.source: missing"),
        (lambda c: c["arms"].append({"name": "tuned-own"}), "needs the datasets of a recipe, or the source of weights"),
        (lambda c: c["datasets"][2].update(source={"uri": "path:x", "split": "test"}), "belong to hub: sources"),
        (lambda c: c["datasets"].append({"name": "gsm9k"}), "no dataset 'gsm9k'; did you mean 'gsm8k'?"),
        (lambda c: c["datasets"][2].update(contrasts=[["hot", "hot"]]), "datasets.2.table.contrasts"),
        (lambda c: c.pop("arms"), "arms: missing"),
        (lambda c: c.update(datasets=[]), "datasets: List should have at least 1 item"),
    ],
)
def test_refused(config: dict[str, Any], change: Change, message: str) -> None:
    change(config)
    with pytest.raises(SettingsError) as error:
        settings.load(config, CATALOGUE)
    assert message in str(error.value)


def test_one_line_a_finding(config: dict[str, Any]) -> None:
    config.update(modles=1)
    config["arms"][0]["replay"] = 2
    with pytest.raises(SettingsError) as error:
        settings.load(config)
    assert len(str(error.value).splitlines()) == 2


def test_missing_path_is_found_before_anything_runs(config: dict[str, Any], tmp_path: Path) -> None:
    config["models"] = [{"name": "own", "source": {"uri": f"path:{tmp_path}/nowhere"}}]
    with pytest.raises(SettingsError, match=r"models\.own\.source: there is no .*nowhere"):
        settings.check_paths(settings.load(config))


def test_an_arm_is_not_imported_from_the_folder_that_it_is_written_to(config: dict[str, Any], tmp_path: Path) -> None:
    model = config["models"][0]["name"]
    for name in ("tuned-own", "tuned-kept"):
        folder = tmp_path / f"arms/{model}/{name}"
        folder.mkdir(parents=True)
    config |= {"results": str(tmp_path), "models": config["models"][:1]}
    config["arms"] = [{"name": "tuned-own", "source": {"uri": f"path:{tmp_path}/arms/{model}/tuned-kept"}}]
    for entry in config["models"]:
        entry["source"] = {"uri": "random:llama"}
    settings.check_paths(settings.load(config))
    config["arms"][0]["source"] = {"uri": f"path:{tmp_path}/arms/{model}/tuned-own"}
    with pytest.raises(SettingsError, match=r"arms\.tuned-own\.source: this arm is written to .*; move it"):
        settings.check_paths(settings.load(config))


CONFIGURATIONS = sorted(
    set((ROOT / "config").glob("*.yaml"))
    - {ROOT / f"config/{name}.yaml" for name in ("claims", "datasets", "published")}
)
CATALOGUE = yaml.safe_load((ROOT / "config/datasets.yaml").read_text())


@pytest.mark.parametrize("file", CONFIGURATIONS, ids=lambda p: p.name)
def test_shipped_configurations_are_valid(file: Path, config: dict[str, Any]) -> None:
    settings.load(config | yaml.safe_load(file.read_text()), CATALOGUE)


@pytest.mark.parametrize("name", CATALOGUE)
def test_described_datasets_are_taken_up_by_name(name: str, config: dict[str, Any]) -> None:
    found = settings.load(config | {"datasets": [*config["datasets"], {"name": name, "eval": 7}]}, CATALOGUE)
    dataset = found.dataset(name)
    assert isinstance(dataset, TableDataset)
    assert dataset.eval == 7
    assert all(source.revision or source.sha256 for source in dataset.sources())


def test_own_keys_replace_those_of_the_catalogue(config: dict[str, Any]) -> None:
    own = {"name": "gsm8k", "source": {"uri": "path:own.jsonl"}, "train_source": None}
    dataset = settings.load(config | {"datasets": [*config["datasets"], own]}, CATALOGUE).dataset("gsm8k")
    assert [source.uri for source in dataset.sources()] == ["path:own.jsonl"]
    assert dataset.readout == "text"


def test_the_second_arm_is_one_uncommented_entry_away() -> None:
    text = re.sub(
        r"^  # (- name: tuned-commonsense|  \w+:)", r"  \1", (ROOT / "config/config.yaml").read_text(), flags=re.M
    )
    assert settings.load(yaml.safe_load(text)).readers_of("smollm2-135m") == [
        "base",
        "tuned-symbolic",
        "placebo-symbolic",
        "tuned-commonsense",
    ]


def yaml_of(page: str) -> list[dict[str, Any]]:
    """The pieces of configuration that a page shows."""
    return [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", (ROOT / page).read_text(), flags=re.S)]


def test_the_readme_shows_configurations(config: dict[str, Any]) -> None:
    trained, imported = yaml_of("README.md")
    assert settings.load(config | trained).pairs() == [("my-model", "tuned-mine")]
    assert settings.load(config | trained | imported).pairs() == [("my-model", "tuned-mine")]


def test_the_page_of_the_configurations_shows_models() -> None:
    (larger,) = yaml_of("config/README.md")
    assert [type(TypeAdapter(Model).validate_python(model)) for model in larger["models"]] == [LocalModel, ServedModel]


def test_the_readme_is_short_and_its_links_lead_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("*/README.md")]
    assert len(pages[0].read_text().splitlines()) <= 160
    for page in pages:
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / link).exists(), f"{page}: {link}"


def test_shipped_configurations_write_to_folders_of_their_own() -> None:
    folders = [yaml.safe_load(file.read_text())["results"] for file in CONFIGURATIONS]
    assert len(set(folders)) == len(folders)


def test_names_that_lead_nowhere_are_refused(settings: Settings) -> None:
    for find, message in (
        (settings.model, "no model is named 'smollm2'; did you mean 'smollm2-135m'?"),
        (settings.dataset, "no dataset is named 'smollm2'; there are: "),
        (settings.arm, "no arm is named 'smollm2'; there are: tuned-symbolic"),
    ):
        with pytest.raises(SettingsError, match=re.escape(message)):
            find("smollm2")


def test_arms_and_pairs(settings: Settings) -> None:
    assert settings.readers_of("smollm2-135m") == ["base", "tuned-symbolic", "placebo-symbolic"]
    assert len(settings.pairs()) == 3


def test_an_arm_of_several_seeds_is_as_many_trainings(config: dict[str, Any]) -> None:
    config["arms"][0]["seeds"] = [3, 4]
    found = settings.load(config)
    assert found.readers_of("smollm2-135m") == [
        "base",
        "tuned-symbolic.seed3",
        "tuned-symbolic.seed4",
        "placebo-symbolic",
    ]
    assert found.arm("tuned-symbolic.seed4").seed == 4
    trainings = found.readers_of("smollm2-135m")[1:3]
    assert [found.arm_of_training(name) for name in trainings] == ["tuned-symbolic"] * 2


def test_seeds_that_make_no_sense_are_refused(config: dict[str, Any]) -> None:
    arm = config["arms"][0]
    for changes, expected in (
        ({"seeds": [3, 3]}, "named twice"),
        ({"seeds": [3, 4], "target": "decorative"}, "trained once"),
    ):
        config["arms"][0] = arm | changes
        with pytest.raises(SettingsError, match=expected):
            settings.load(config)


def test_pruned_models_come_from_their_whole_weights(settings: Settings) -> None:
    whole, pruned = settings.model("smollm2-135m"), settings.model("smollm2-64m-depth10")
    assert isinstance(whole, LocalModel)
    assert isinstance(pruned, LocalModel)
    assert pruned.unpruned() == whole.weights_spec()
    assert whole.unpruned() is None
    assert pruned.prepared() == [pruned.weights_spec(), whole.weights_spec()]


def test_reference_is_up_to_date() -> None:
    text = (ROOT / "config/README.md").read_text()
    assert text.endswith(reference.reference()), "run: make docs"


def test_every_setting_is_explained() -> None:
    assert "| None |" not in reference.reference()


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "there is no file"), ("a: [", "is not YAML"), ("version: 1", "question: Field required")],
)
def test_bad_prompts_file(tmp_path: Path, text: str | None, message: str) -> None:
    file = tmp_path / "prompts.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(SettingsError, match=message):
        prompts.load(file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"question": "{question} {hint}"}, "question: .*only {question} and {options} can be filled in"),
        ({"paraphrase": "{text} of {question}"}, "paraphrase: .*only {text} can be filled in"),
        ({"paraphrase": "Please rewrite"}, "paraphrase: String should match pattern"),
        ({"stop_cues": ["(answer"]}, "stop_cues: .*'\\(answer' is not a regular expression"),
        ({"plain": "Question"}, "plain: String should match pattern"),
    ],
)
def test_bad_prompts(tmp_path: Path, wording: prompts.Prompts, change: dict[str, Any], message: str) -> None:
    (tmp_path / "prompts.yaml").write_text(yaml.safe_dump(wording.model_dump() | change))
    with pytest.raises(SettingsError, match=message):
        prompts.load(tmp_path / "prompts.yaml")


@pytest.fixture
def served(config: dict[str, Any]) -> dict[str, Any]:
    """A base and a tuned model on a server."""
    asked = {"train": 0, "eval": 5, "readout": "text"}
    return config | {
        "models": [{"name": "gpt", "source": {"uri": "openai:gpt-x"}, "parameters": 10**9}],
        "datasets": [{"name": "coin_flip", "task": "coin_flip", **asked}],
        "arms": [{"name": "tuned-a", "source": {"uri": "openai:ft:gpt-x:me"}, "datasets": ["coin_flip"]}],
    }


def test_models_on_a_server(served: dict[str, Any]) -> None:
    found = settings.load(served).models[0]
    assert found.on_server() == {
        "parameters": 10**9,
        "place": {"name": "gpt-x", "base_url": "https://api.openai.com/v1", "turn": "question"},
    }
    assert settings.load(served | {"perturbations": {"paraphraser": {"source": {"uri": "openai:gpt-y"}}}})


def test_a_second_cue_is_for_models_that_are_asked_by_a_cue(served: dict[str, Any]) -> None:
    """A server that is asked in a second turn is sent no cue: both requests would be the same."""
    assert settings.load(served).second_cue_items("gpt") == 0
    served["models"][0]["server"] = {"turn": "prefill"}
    assert settings.load(served).second_cue_items("gpt") == 1
    assert settings.load(served | {"perturbations": {"second_cue_items": 0.25}}).second_cue_items("gpt") == 0.25


@pytest.mark.parametrize(
    ("fillers", "message"), [(["words"], "must contain 'text'"), (["text", "words", "words"], "can be named once")]
)
def test_fillers_are_compared_with_the_text(config: dict[str, Any], fillers: list[str], message: str) -> None:
    with pytest.raises(SettingsError, match=f"fillers: .*{message}"):
        settings.load(config | {"perturbations": {"fillers": fillers}})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["models"][0].pop("parameters"), "models.0: needs `parameters`, which no server reports"),
        (lambda c: c["models"][0].update(layers=2), "models.0.layers: layers belongs to weights that are loaded here"),
        (lambda c: c["models"][0].update(quantisation="nf4"), "quantisation belongs to weights that are loaded here"),
        (lambda c: c["models"][0].update(think=["<t>", "</t>"]), "think: to close the tag, the server must continue"),
        (lambda c: c["models"][0].update(source={"uri": "path:x"}, server={}), "server belongs to a model on a server"),
        (lambda c: c["models"][0].update(server={"max_cost": 5}), "max_cost limits nothing without"),
        (lambda c: c["models"][0].update(server={"base_url": "localhost"}), "server.base_url: String should match"),
        (
            lambda c: c["models"][0].update(warm_start={"method": "full", "datasets": ["coin_flip"]}),
            "warm_start belongs to weights that are loaded here",
        ),
        (lambda c: c["datasets"][0].update(readout="cloze"), "no server reports the log-probability of a text"),
        (lambda c: c["arms"][0].update(source={"uri": "path:x"}), "name the source `openai:<tuned model>`"),
        (lambda c: c["models"][0].update(source={"uri": "path:x"}), "its source is on a server, and 'gpt' is not"),
        (lambda c: c.update(perturbations={"mistakes": ["resample"]}), "to resample, 'gpt' must continue a chain"),
    ],
)
def test_what_a_server_cannot_do(served: dict[str, Any], change: Any, message: str) -> None:
    change(served)
    with pytest.raises(SettingsError, match=message):
        settings.load(served)


def test_warm_starts_are_full(config: dict[str, Any]) -> None:
    config["models"][0]["warm_start"]["method"] = "lora"
    with pytest.raises(SettingsError, match="warm_start: needs `method: full`"):
        settings.load(config)
