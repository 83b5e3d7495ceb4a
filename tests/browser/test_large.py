"""A page of 1,000 items and four arms lists, opens and searches them all."""

from pathlib import Path

import pytest

from faithfulness.report import chain_browser, render
from faithfulness.report.chain_browser import BLOCK_ENTRIES
from tests.browser.conftest import Visit
from tests.unit.test_browser import COLOURS, PAGE, context, decoded, make_tables

pytestmark = pytest.mark.browser

COPIES = 40
STEPS = [f" Step {k} of a chain that takes as many words as such chains do, or a few more than that." for k in range(6)]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same block over and over, under ids of their own."""
    chains = {f"item-{i}": [*STEPS, f" It ends in {i}."] for i in range(BLOCK_ENTRIES)}
    style = "\n".join((PAGE / name).read_text(encoding="utf-8") for name in ("style.css", "browser.css"))
    shown = context(make_tables(chains, arms=tuple(COLOURS)))
    index = decoded(shown["index"])
    index["entries"] = [
        entry | {"item": f"{entry['item']}-{copy}"} for copy in range(COPIES) for entry in index["entries"]
    ]
    shown |= {"index": chain_browser.encoded(index), "blocks": shown["blocks"] * COPIES}
    file = tmp_path_factory.mktemp("large") / "browser/model/data.html"
    file.parent.mkdir(parents=True)
    file.write_text(render.page((PAGE / "browser.html.j2").read_text(encoding="utf-8"), shown, style), encoding="utf-8")
    return file


def test_all_items_are_listed(large: Path, visit: Visit) -> None:
    assert visit(large).locator("#list li").count() == 1000


def test_pages_are_small(large: Path) -> None:
    """Those of 3 models x 3 datasets, with 3 arms x 100 items each, leave room for the report in 25 MB."""
    share = 3 * 3 * 3 * 100 / (1000 * len(COLOURS))
    assert large.stat().st_size * share < 20e6


def test_any_item_can_be_opened_and_all_be_searched(large: Path, visit: Visit) -> None:
    page = visit(large, "#item=item-24-39")
    assert page.locator(".column").count() == 4
    assert page.locator(".column").first.locator(".step").last.inner_text() == "It ends in 24."
    page.fill("#q", "ends in 17.")
    page.wait_for_function("n => document.querySelectorAll('#list li').length === n", arg=COPIES)
