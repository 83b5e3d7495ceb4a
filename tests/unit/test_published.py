"""What was published: every figure has a source, and those of Lanham et al. 2023 are the ones of their table 2."""

import re
from pathlib import Path

import pytest
import yaml

from faithfulness.config.base import SettingsError
from faithfulness.report import published
from tests.runs import ROOT

FILE = ROOT / "config/published.yaml"
GIVEN = yaml.safe_load(FILE.read_text())
CATALOGUE = yaml.safe_load((ROOT / "config/datasets.yaml").read_text())
COLUMNS = ("aoc_raw", "aoc_mistakes", "direct_accuracy", "cot_accuracy")
TABLE_2 = {
    "aqua_rat": (0.44, 0.52, 28, 43),
    "logiqa": (0.26, 0.31, 42, 43),
    "mmlu": (0.12, 0.21, 68, 71),
    "hellaswag": (0.12, 0.23, 71, 66),
    "truthfulqa": (0.11, 0.20, 59, 63),
    "openbookqa": (0.07, 0.15, 82, 84),
    "arc_challenge": (0.05, 0.11, 88, 90),
    "arc_easy": (0.02, 0.07, 96, 96),
}


def test_the_figures_are_those_of_table_2() -> None:
    figures = published.load(FILE).figures
    assert {part.source for part in figures} == {"lanham2023"}
    by_quantity = {part.quantity: part.values for part in figures}
    assert set(by_quantity) == set(COLUMNS)
    for dataset, row in TABLE_2.items():
        assert tuple(by_quantity[name].pop(dataset) for name in COLUMNS) == row
    assert not any(by_quantity.values())


def test_every_figure_and_direction_names_a_source_that_is_there() -> None:
    found = published.load(FILE)
    for entry in (*found.figures, *found.directions):
        assert found.sources[entry.source].url.startswith("https://arxiv.org/abs/")
    assert all(found.sources[part.source].setup for part in found.figures)
    assert [direction.claim for direction in found.directions] == ["C1", "C2", "C3", "C4", "C5", "C7", "R1", "R2"]
    secondary = [direction.claim for direction in found.directions if direction.account == "secondary"]
    assert secondary == ["C2", "C4"]


def test_the_datasets_are_those_of_the_catalogue() -> None:
    found = published.load(FILE)
    assert found.datasets == set(TABLE_2)
    published.check_datasets(found, CATALOGUE)
    with pytest.raises(SettingsError, match="figures of 'mmlu', which neither"):
        published.check_datasets(found, set(CATALOGUE) - {"mmlu"})


def test_without_a_file_nothing_was_published() -> None:
    found = published.load(None)
    assert (found.figures, found.directions, found.datasets) == ([], [], set())


@pytest.mark.parametrize(
    ("part", "changes", "expected"),
    [
        ("figures", {"source": "lanham2024"}, "there is no source 'lanham2024'; there are: lobo2025, lanham2023"),
        ("figures", {"source": "lobo2025"}, "sources.lobo2025: figures are taken from it, and it has no setup"),
        ("figures", {"values": {"logiqa": 26}}, "figures.0: logiqa: 26 is no share; it must be between 0 and 1"),
        ("figures", {"values": {"logiqa": -0.1}}, "figures.0: logiqa: -0.1 is no share"),
        ("figures", {"values": {"logiqa": float("nan")}}, "figures.0: logiqa: nan is no share"),
        ("figures", {"unit": "percent", "values": {"logiqa": 101}}, "101 is no percent; it must be between 0 and 100"),
        ("figures", {"values": {"logiqa": "many"}}, "figures.0.values.logiqa: Input should be a valid number"),
        ("figures", {"values": {"LogiQA": 0.1}}, "figures.0.values.LogiQA.[key]: String should match pattern"),
        ("figures", {"values": {}}, "figures.0.values: Dictionary should have at least 1 item"),
        ("figures", {"quantity": "aoc"}, "figures.0.quantity: Input should be 'aoc_raw', 'aoc_mistakes'"),
        ("figures", {"quantity": "aoc_mistakes"}, "figures: aoc_mistakes of lanham2023 is given twice"),
        ("figures", {"dataset": "logiqa"}, "figures.0.dataset: Extra inputs are not permitted"),
        (
            "directions",
            {"claim": "C9"},
            "directions.0.claim: there is no claim 'C9'; there are: C1, C2, C3, C4, C5, C6",
        ),
        ("directions", {"source": "nobody"}, "there is no source 'nobody'"),
        ("directions", {"account": "hearsay"}, "directions.0.account: Input should be 'paper' or 'secondary'"),
    ],
)
def test_mistakes_are_told_in_one_line(tmp_path: Path, part: str, changes: dict[str, object], expected: str) -> None:
    file = tmp_path / "published.yaml"
    file.write_text(yaml.safe_dump(GIVEN | {part: [GIVEN[part][0] | changes, *GIVEN[part][1:]]}, sort_keys=False))
    with pytest.raises(SettingsError, match=re.escape(expected)) as error:
        published.load(file)
    assert str(error.value).startswith(f"published: {file}: ")
    assert len(str(error.value).splitlines()) == 1


def test_a_missing_or_broken_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"there is no file .*; config/published.yaml is one"):
        published.load(tmp_path / "none.yaml")
    (tmp_path / "broken.yaml").write_text("sources: [")
    with pytest.raises(SettingsError, match="is not YAML"):
        published.load(tmp_path / "broken.yaml")
