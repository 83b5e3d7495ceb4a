"""A change of code runs again what uses it, and nothing else."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from faithfulness.operate import code_hash
from tests.conftest import ROOT

Hash = Callable[[str], str]


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of scripts/ whose files a test may change."""
    copy = tmp_path / "scripts"
    shutil.copytree(ROOT / "scripts", copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code_hash, "PACKAGE", copy / "faithfulness")
    return copy


def hashes(scripts: Path) -> dict[str, str]:
    code_hash._read.cache_clear()
    return {file.stem: code_hash.code_hash(file) for file in scripts.glob("*.py")}


def changed(scripts: Path, module: str, text: str) -> set[str]:
    before = hashes(scripts)
    with (scripts / "faithfulness" / module).open("a") as file:
        file.write(text)
    after = hashes(scripts)
    return {name for name in before if before[name] != after[name]}


def test_figures_depend_on_plots_and_models_do_not(scripts: Path) -> None:
    touched = changed(scripts, "figures/plots.py", "\nNEW = 1\n")
    assert touched
    shown = ("write_report", "write_paper_kit", "browse_chains", "compare_runs")
    assert all(name.startswith("plot_") or name in shown for name in touched)


def test_steps_touch_what_uses_them(scripts: Path) -> None:
    touched = changed(scripts, "chains/steps.py", "\nNEW = 1\n")
    assert "write_chains" in touched
    assert not touched & {"prepare_items", "warm_start", "finetune", "rescore_answers", "compare_arms"}


def test_late_imports_count(scripts: Path) -> None:
    assert {"write_chains", "rescore_answers"} <= changed(scripts, "backends/prefix_tree.py", "\nNEW = 1\n")


def test_comments_and_docstrings_do_not_count(scripts: Path) -> None:
    file = scripts / "faithfulness" / "hashing.py"
    before = hashes(scripts)
    text = file.read_text()
    file.write_text(text.replace('"""Short hash of anything', '"""A short hash of anything') + "\n# A comment.\n")
    assert file.read_text() != text
    assert hashes(scripts) == before


def test_every_rule_has_the_hash_of_its_own_script() -> None:
    for file in (ROOT / "rules").glob("*.smk"):
        for rule in file.read_text().split("\nrule ")[1:]:
            name = rule.partition(":")[0]
            assert f'code=code("{name}")' in rule, name
            assert f'"../scripts/{name}.py"' in rule, name
