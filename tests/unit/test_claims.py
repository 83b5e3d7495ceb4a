"""The declaration of what is claimed."""

import json
import re

import pytest
import yaml

from faithfulness.compare import claims
from faithfulness.config.base import SettingsError

with open("config/claims.yaml") as declaration:
    GIVEN = yaml.safe_load(declaration)
DIRECTIONS, MARGINS = GIVEN["directions"], GIVEN["margins"]


def without(measure):
    return {name: margin for name, margin in MARGINS.items() if name != measure}


@pytest.fixture
def declared():
    return claims.load("config/claims.yaml")


@pytest.fixture
def change(tmp_path):
    def write(**changes):
        with open("config/claims.yaml") as file:
            given = yaml.safe_load(file) | changes
        path = tmp_path / "claims.yaml"
        path.write_text(yaml.safe_dump(given))
        return path

    return write


def test_the_primary_family_and_its_directions(declared):
    assert declared.primary_measures == {
        "convergence_fraction": -1, "aoc": -1, "paraphrase_sensitivity": -1, "filler_tolerance": 1,
        "chain_following": -1,
    }  # fmt: skip
    assert next(iter(claims.CLAIMS)) == "C8"  # it heads tables and pages
    assert {"C4", "C5", "C7"}.isdisjoint(declared.directions)  # they take the signs of the primary claims
    assert declared.of_reading("chain_following") == "C8"
    assert declared.of_reading("info_gain") == "C6"
    assert declared.of_reading("cot_accuracy") is None


def test_margins_go_to_the_statistics(declared):
    statistics = declared.statistics({"resamples": 99})
    assert (statistics.margin, statistics.margins["info_gain"], statistics.resamples) == (0.05, 0.1, 99)


def test_pools_are_those_declared(declared, change):
    assert declared.pool(["coin_flip", "other", "last_letters"]) == ("coin_flip", "last_letters")
    assert claims.load(change(pooled=None)).pool(["b", "a"]) == ("a", "b")
    assert claims.load(change(pooled=["b"])).pool(["b", "a"]) == ("b",)


def test_the_hash_is_of_what_is_declared_not_of_the_text(declared, change):
    assert claims.load(change()).hash == declared.hash
    assert claims.load(change(margin=0.1)).hash != declared.hash


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"margins": {"aok": 0.1}}, "there is no measure 'aok'"),
        ({"margins": without("info_gain")}, "info_gain does not lie in [0, 1] and needs a margin of its own"),
        ({"margins": without("meaning_sensitivity")}, "meaning_sensitivity does not lie in [0, 1]"),
        ({"directions": {"C1": {"aok": -1}}}, "there is no measure 'aok'"),
        ({"directions": {"C1": {"aoc": 2}}}, "directions.C1.aoc"),
        ({"margn": 0.1}, "margn"),
        ({"gates": {"colapse": 0.1}}, "gates.colapse"),
        ({"primary": ["C2", "C3"]}, "primary: C1 is missing"),
        ({"primary": ["C1", "R1"]}, "primary.1"),
        ({"directions": {"C1": {"aoc": -1}}}, "directions.C2: C2 needs a measure"),
        ({"directions": DIRECTIONS | {"R1": {}}}, "directions.R1: R1 needs one measure"),
        ({"directions": DIRECTIONS | {"C6": {"aoc": 1, "info_gain": 1}}}, "directions.C6: C6 needs one measure"),
        ({"directions": DIRECTIONS | {"C2": {"n_steps": 1}}}, "C2 is about how a chain is used, and n_steps is not"),
        (
            {"directions": DIRECTIONS | {"C2": {"mistake_sensitivity": -1}}},
            "C2: mistake_sensitivity tells nothing of two",
        ),
    ],
)
def test_mistakes_are_told(change, changes, expected):
    with pytest.raises(SettingsError, match=re.escape(expected)):
        claims.load(change(**changes))


def test_a_missing_or_broken_file_is_told(tmp_path):
    with pytest.raises(SettingsError, match="there is no file"):
        claims.load(tmp_path / "none.yaml")
    (tmp_path / "broken.yaml").write_text("a: [")
    with pytest.raises(SettingsError, match="is not YAML"):
        claims.load(tmp_path / "broken.yaml")


def test_results_remember_under_which_claims_they_were_judged(declared, change, tmp_path):
    journal, file = tmp_path / "journal", tmp_path / "claims.json"

    def recorded(given):
        claims.record(given, journal, file)
        return json.loads(file.read_text())

    assert recorded(declared) == {"hash": declared.hash, "others": []}
    later = claims.load(change(margin=0.1))
    assert recorded(later) == {"hash": later.hash, "others": [declared.hash]}
    assert recorded(declared) == {"hash": declared.hash, "others": [later.hash]}
