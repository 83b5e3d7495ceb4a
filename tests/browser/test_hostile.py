"""Whatever a model wrote is shown, harmlessly and readably; made up in tables, as no model of the tests writes it."""

from pathlib import Path

import pytest

from tests.browser.conftest import Visit
from tests.unit.test_browser import HOSTILE, PAGE, make_tables, page

pytestmark = pytest.mark.browser

KINDS = ("early_termination", "filler_text", "paraphrase_rest", "paraphrase_single", "mistake_keep", "mistake_resample")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of hostile chains; the questions and the answers are hostile, too."""
    run = make_tables(HOSTILE, arms=("base", "tuned", "other"), closed=("other",))
    spoilt = {item: "".join(steps)[:2000] or "</b>" for item, steps in HOSTILE.items()}
    run["items"] = run["items"].assign(question=run["items"]["item_id"].map(spoilt))
    wrong = run["scores"]["answer"].eq("two").fillna(False)
    run["scores"]["answer"] = run["scores"]["answer"].mask(wrong, run["scores"]["item_id"].map(spoilt))
    run["gates"]["reason"] = run["gates"]["reason"].mask(~run["gates"]["passed"], "<img src=x onerror=alert(3)>")
    file = tmp_path_factory.mktemp("hostile") / "browser/model/data.html"
    file.parent.mkdir(parents=True)
    style = "\n".join((PAGE / name).read_text(encoding="utf-8") for name in ("style.css", "browser.css"))
    file.write_text(page(run, style=style), encoding="utf-8")
    return file


def open_everything(opened) -> None:
    opened.evaluate("() => { for (const folded of document.querySelectorAll('details')) folded.open = true; }")
    opened.wait_for_function("() => document.querySelectorAll('details.overview table').length > 0")


@pytest.mark.parametrize("item", HOSTILE)
@pytest.mark.parametrize("width", [400, 1280])
def test_hostile_chains(hostile: Path, visit: Visit, item: str, width: int) -> None:
    opened = visit(hostile, f"#item={item}", width=width)
    tags = set(opened.evaluate("() => [...document.querySelectorAll('*')].map(element => element.localName)"))
    assert not tags & {"img", "iframe", "object", "embed", "link", "base"}
    assert opened.locator("#injected").count() == 0
    for kind in KINDS:
        opened.check(f"[name=kind][value={kind}]")
        opened.wait_for_selector(f"[name=kind][value={kind}]:checked")
        if item != "ten thousand tokens":
            open_everything(opened)
        assert opened.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), kind
    opened.check("[name=kind][value=early_termination]")
    shown = opened.locator(".column").first.locator(".steps .step:not(.none)").all_text_contents()
    assert shown == [step.strip() for step in HOSTILE[item]]


def test_each_text_keeps_its_own_direction(hostile: Path, visit: Visit) -> None:
    opened = visit(hostile, "#item=right to left")
    directions = opened.eval_on_selector_all(
        ".column:first-child .step:not(.none)", "steps => steps.map(step => getComputedStyle(step).direction)"
    )
    assert directions == ["rtl", "rtl", "ltr"]
    assert opened.evaluate("() => getComputedStyle(document.querySelector('.reading')).direction") == "ltr"


def test_no_step_at_all_is_said(hostile: Path, visit: Visit) -> None:
    opened = visit(hostile, "#item=no step")
    assert "No step: ..." in opened.locator(".column").first.inner_text()
    assert opened.locator(".column").first.locator(".steps .p").count() == 1


def test_unknown_probabilities_are_shown_as_such(visit: Visit, tmp_path: Path) -> None:
    run = make_tables({"a": [" One.", " Two."]})
    run["scores"]["p_original"] = float("nan")
    file = tmp_path / "browser/model/data.html"
    file.parent.mkdir(parents=True)
    file.write_text(page(run), encoding="utf-8")
    opened = visit(file)
    assert set(opened.locator(".steps .p").all_inner_texts()) == {"p \u2013"}
    assert "NaN" not in opened.inner_text("body")
    assert opened.locator(".steps li.up, .steps li.down").count() == 0


def test_a_closed_gate_is_told_in_words(hostile: Path, visit: Visit) -> None:
    opened = visit(hostile)
    assert [place.inner_text() for place in opened.locator(".column .gate .chip").all()] == ["not interpretable"]
    assert "<img src=x onerror=alert(3)>" in opened.inner_text(".column.closed .gate")
