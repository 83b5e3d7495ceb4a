"""Models and datasets run no code, and files are written to their own folders only."""

import json
import pickle
import re
import shutil
from pathlib import Path

import pytest
import torch

from faithfulness.arms.base_weights import load_base
from faithfulness.config import settings
from faithfulness.config.base import SettingsError
from faithfulness.config.datasets import Columns
from faithfulness.config.sources import Source
from faithfulness.config.weights import Weights
from faithfulness.prepare import datasets, sources
from faithfulness.prepare.sources import SourceError
from faithfulness.prepare.weights import prepare_model

CODE = "from pathlib import Path\nPath({trace!r}).touch()\n"
UNTOUCHED = Weights(source=Source(uri="path:x"), dtype="float32")


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """The file that code of a model or dataset would make."""
    return tmp_path / "trace"


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def with_code_of_its_own(model: Path, trace: Path) -> None:
    """Has the configuration of a model name classes that stand in a file beside it."""
    (model / "own.py").write_text(
        CODE.format(trace=str(trace)) + "from transformers import LlamaConfig as C, LlamaForCausalLM as M\n"
        "class OwnConfig(C):\n    model_type = 'own'\n"
        "class OwnModel(M):\n    config_class = OwnConfig\n"
    )
    config = json.loads((model / "config.json").read_text())
    mapping = {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnModel"}
    (model / "config.json").write_text(json.dumps(config | {"model_type": "own", "auto_map": mapping}))


@pytest.mark.fault("a model that brings code of its own", "refused unless trust_remote_code; the code does not run")
def test_code_of_a_model(model: Path, trace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    with_code_of_its_own(model, trace)
    (model / "model.json").unlink()  # as it comes from elsewhere
    with pytest.raises(ValueError, match="trust_remote_code"):
        prepare_model(UNTOUCHED, model, tmp_path / "out")
    assert not trace.exists()
    load_base(model, torch.float32, trust_remote_code=True)
    assert trace.exists()  # so it would have been seen


class Touch:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.trace,)


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside safetensors"])
@pytest.mark.fault("pickled weights that run code when they are loaded", "never opened")
def test_pickled_weights(model: Path, trace: Path, tmp_path: Path, beside: bool) -> None:
    (model / "model.json").unlink()
    if not beside:
        (model / "model.safetensors").unlink()
    with (model / "pytorch_model.bin").open("wb") as file:
        pickle.dump(Touch(trace), file)
    if beside:
        prepare_model(UNTOUCHED, model, tmp_path / "out")
    else:
        with pytest.raises(ValueError, match="cannot be loaded"):
            prepare_model(UNTOUCHED, model, tmp_path / "out")
    assert not trace.exists()
    pickle.loads((model / "pytorch_model.bin").read_bytes())
    assert trace.exists()  # so it would have been seen


@pytest.mark.fault("pickled weights that run no code", "refused all the same")
def test_harmless_pickled_weights(model: Path, tmp_path: Path) -> None:
    torch.save(load_base(model, torch.float32)[1].state_dict(), model / "pytorch_model.bin")
    for name in ("model.json", "model.safetensors"):
        (model / name).unlink()
    with pytest.raises(ValueError, match="cannot be loaded"):
        prepare_model(UNTOUCHED, model, tmp_path / "out")


@pytest.mark.fault("a dataset with a loading script", "refused; the script does not run")
def test_loading_script_of_a_dataset(trace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "org/data/data.py"
    script.parent.mkdir(parents=True)
    script.write_text(CODE.format(trace=str(trace)))
    monkeypatch.chdir(tmp_path)  # `datasets` prefers a folder of this name to the hub
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(SourceError, match=r"cannot fetch org/data .*scripts are no longer supported"):
        sources.fetch(Source(uri="hub:org/data", revision="a" * 40, split="test"), "dataset", tmp_path / "out")
    assert not trace.exists()


ELSEWHERE = ["../x", "/x", "a/b", "..", ".hidden", "a\\b", "a\n", "a b", "~", ""]


@pytest.mark.parametrize("name", ELSEWHERE)
@pytest.mark.fault("names that lead to other folders", "refused, in models, datasets and arms")
def test_names_that_lead_elsewhere(config: dict, name: str) -> None:
    for entries, prefix in (("models", ""), ("datasets", ""), ("arms", "tuned-")):
        changed = json.loads(json.dumps(config))
        changed[entries][0]["name"] = prefix + name
        with pytest.raises(SettingsError, match=rf"{entries}\.0\.(\w+\.)?name: String should match"):
            settings.load(changed)


@pytest.mark.parametrize("file", ["../x.jsonl", "/etc/passwd", "a/../../x.jsonl"])
@pytest.mark.fault("files of a source that lie outside of it", "refused")
def test_files_outside_of_their_source(file: str) -> None:
    for uri in ("path:data", "pypi:demo==1.0", "hub:org/data"):
        with pytest.raises(ValueError, match="file must be a path inside the source"):
            Source(uri=uri, file=file, sha256="0" * 64, revision="a" * 40)


@pytest.mark.parametrize("uri", ["path:../../../x", "hub:../..", "path:/", "path:a\\..\\b"])
def test_a_source_is_one_folder(uri: str) -> None:
    name = sources.slug(Source(uri=uri, revision="a" * 40))
    assert re.fullmatch(r"[\w.-]+", name)
    assert name not in {".", ".."}


@pytest.mark.fault("item ids that lead to other folders", "not used: an item's id is a hash")
def test_ids_of_items(tmp_path: Path) -> None:
    row = {"item_id": "../../x", "id": "../../x", "question": "../../x", "options": ["a", "b"], "answer": "a"}
    (tmp_path / "q.jsonl").write_text(json.dumps(row))
    ((item,), _) = datasets.read_table(tmp_path / "q.jsonl", Columns())
    assert re.fullmatch("[0-9a-f]{16}", item["item_id"])
