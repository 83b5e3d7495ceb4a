"""The report and the chain browser of a finished run: they show what the tables say, and do what is asked of them."""

from pathlib import Path

import pytest

from faithfulness.compare import closed
from faithfulness.compare.chain_values import of_cue
from faithfulness.perturb.registry import kind
from faithfulness.report.chain_browser import KINDS
from faithfulness.tables.generation import Chains, Items, Probes, Scores
from faithfulness.tables.io import read_table
from faithfulness.tables.measures import Measures
from faithfulness.tables.statistics import Effects, Gates
from tests.browser.conftest import Visit

pytestmark = pytest.mark.browser

DATASET = "coin_flip"


@pytest.fixture
def results(request: pytest.FixtureRequest) -> Path:
    return request.config.getoption("--results") or request.getfixturevalue("smoke") / "results-smoke"


@pytest.fixture
def model(results: Path) -> str:
    return sorted(folder.name for folder in (results / "browser").iterdir())[0]


@pytest.fixture
def chains(results: Path, model: str) -> Path:
    """The page of one model and dataset."""
    return results / f"browser/{model}/{DATASET}.html"


@pytest.fixture
def own(results: Path, model: str) -> dict[tuple[str, str], dict]:
    """What each arm made of its own chain: (arm, item) -> whole answer, flips by perturbation, convergence fraction."""
    measures = read_table(results / f"measures/{model}/{DATASET}.parquet", Measures)
    found = {}
    for arm in ("base", "tuned-symbolic"):
        scores = of_cue(read_table(results / f"scores/{model}/{arm}/{DATASET}.parquet", Scores))
        values = measures.query("writer == @arm and reader == @arm and measure == 'convergence_fraction'")
        decided = dict(zip(values["item_id"], values["value"], strict=True))
        for item, rows in scores[scores["writer"] == arm].groupby("item_id"):
            whole = rows[(rows["perturbation"] == "early_termination") & (rows["cut"] == rows["n_steps"])].iloc[0]
            kinds = rows.apply(lambda row: kind(row["perturbation"], row["variant"]), axis=1)
            changed = kinds[rows["same"].eq(False).fillna(False) & kinds.map(lambda name: KINDS[name].browsed)]
            found[arm, item] = {
                "answer": whole["answer"],
                "correct": bool(whole["correct"]),
                "flipped": set(changed),
                "decided": decided[item],
                "rows": rows,
            }
    return found


@pytest.fixture
def items(results: Path) -> list[str]:
    return list(read_table(results / f"items/{DATASET}/eval.parquet", Items)["item_id"])


def listed(page) -> list[str]:
    """Ids of the questions in the list, in its order."""
    hrefs = page.eval_on_selector_all("#list a", "links => links.map(link => link.getAttribute('href'))")
    return [href.partition("item=")[2].partition("&")[0] for href in hrefs]


def shown(page) -> str:
    """Id of the question that is shown."""
    return page.inner_text(".asked .note").split()[1].strip(";,")


def wait_for_count(page, number: int) -> None:
    page.wait_for_function("n => document.querySelectorAll('#list li').length === n", arg=number)


def test_verdicts_of_the_report_are_those_of_the_table(results: Path, visit: Visit) -> None:
    page = visit(results / "report.html")
    found = page.eval_on_selector_all(
        "tr[data-cell]",
        "rows => rows.map(row => [row.dataset.claim, row.dataset.cell,"
        " [...row.querySelectorAll('.verdict .chip')].map(chip => chip.textContent.trim())])",
    )
    effects = read_table(results / "effects/effects.csv", Effects)
    tested = effects[effects["claim"] != ""].assign(verdict=lambda rows: rows["verdict"].replace("", "descriptive"))
    expected = {
        (claim, f"{model}/{arm}/{dataset}", verdict)
        for claim, model, arm, dataset, verdict in tested[["claim", "model", "arm", "dataset", "verdict"]].itertuples(
            index=False
        )
    }
    assert {(claim, cell, verdict) for claim, cell, verdicts in found for verdict in verdicts} == expected
    assert expected


def test_from_a_verdict_to_its_chains_and_back(results: Path, visit: Visit, model: str) -> None:
    page = visit(results / "report.html")
    links = page.eval_on_selector_all("a[href^='browser/']", "links => links.map(link => link.getAttribute('href'))")
    pages = {str(path.relative_to(results)) for path in results.glob("browser/*/*.html")}
    assert set(links) == pages
    assert pages
    page.click(f"tr[data-cell='{model}/tuned-symbolic/{DATASET}'] a >> nth=0")
    page.wait_for_selector("body[data-ready]")
    assert page.title() == f"Chains of {model} on {DATASET}"
    page.click("text=The report")
    page.wait_for_selector("#verdicts")


def test_what_is_shown_is_what_the_tables_say(chains: Path, visit: Visit, own: dict, items: list[str]) -> None:
    page = visit(chains)
    assert listed(page) == items
    assert shown(page) == items[0]
    for place, arm in enumerate(("base", "tuned-symbolic")):
        column = page.locator(".column").nth(place)
        facts = own[arm, items[0]]
        assert column.locator("h3").inner_text().strip() == arm
        said = column.locator(".facts-of-chain dd").first.inner_text()
        assert said.startswith(facts["answer"])
        assert ("✓ right" in said) == facts["correct"]
        early = facts["rows"].query("perturbation == 'early_termination'").sort_values("cut")
        expected = [f"p {p:.2f}" if p >= 0.005 else "p <0.01" for p in early["p_original"]]
        assert column.locator(".steps .p").all_inner_texts() == expected
        assert column.locator(".steps .flip").count() == int(early["same"].eq(False).sum())


def test_perturbed_texts_on_demand(chains: Path, visit: Visit, results: Path, items: list[str], model: str) -> None:
    page = visit(chains, "#kind=mistake_keep")
    column = page.locator(".column").first
    assert column.locator(".probed").count() == 0
    column.locator(".steps summary").first.click()
    probes = read_table(results / f"probes/{model}/base/{DATASET}/mistake.parquet", Probes)
    probe = probes[(probes["item_id"] == items[0]) & (probes["cut"] == 1)].iloc[0]
    assert column.locator(".probed .text").first.text_content() == probe["text"]
    assert column.locator(".probed mark").text_content() == probe["replacement"]
    assert probe["rule"] in column.locator(".probed .note").inner_text()


def test_readers_can_be_switched(chains: Path, visit: Visit, results: Path, items: list[str], model: str) -> None:
    page = visit(chains)
    page.select_option("[name=reader]", "base")
    column = page.locator(".column").nth(1)
    column.locator("h3 small", has_text="read by base").wait_for()
    scores = read_table(results / f"scores/{model}/base/{DATASET}.parquet", Scores)
    own = scores[(scores["writer"] == "tuned-symbolic") & (scores["item_id"] == items[0])]
    whole = own[(own["perturbation"] == "early_termination") & (own["cut"] == own["n_steps"])].iloc[0]
    assert column.locator(".facts-of-chain dd").first.inner_text().startswith(whole["answer"])
    assert page.evaluate("document.activeElement.name") == "reader", "the choice must keep the focus"


@pytest.mark.parametrize("arm", ["base", "tuned-symbolic"])
def test_filters(chains: Path, visit: Visit, own: dict, items: list[str], arm: str) -> None:
    page = visit(chains)
    page.select_option("#pair", label=arm)
    facts = {item: own[arm, item] for item in items}
    for field, value, wanted in (
        ("correct", "right", lambda fact: fact["correct"]),
        ("correct", "wrong", lambda fact: not fact["correct"]),
        ("flips", "flipped", lambda fact: fact["flipped"]),
        ("flips", "kept", lambda fact: not fact["flipped"]),
        ("flips", "flipped:filler_text", lambda fact: "filler_text" in fact["flipped"]),
        ("flips", "kept:filler_text", lambda fact: "filler_text" not in fact["flipped"]),
        ("decided", "early", lambda fact: fact["decided"] <= 0.5),
        ("decided", "late", lambda fact: fact["decided"] > 0.5),
    ):
        expected = [item for item in items if wanted(facts[item])]
        page.select_option(f"#{field}", value)
        wait_for_count(page, len(expected))
        assert listed(page) == expected, (field, value)
        assert page.inner_text("#count").startswith(str(len(expected)))
        page.select_option(f"#{field}", "")
        wait_for_count(page, len(items))


def test_gates_filter(chains: Path, visit: Visit, results: Path, items: list[str], model: str) -> None:
    gates = read_table(results / "effects/gates.csv", Gates)
    is_open = not closed.cells(gates[(gates["model"] == model) & (gates["dataset"] == DATASET)]).any()
    page = visit(chains)
    page.select_option("#gates", "open")
    wait_for_count(page, len(items) if is_open else 0)
    page.select_option("#gates", "closed")
    wait_for_count(page, 0 if is_open else len(items))
    assert page.locator(".column.closed").count() == (0 if is_open else 2)
    page.click("#clear")
    wait_for_count(page, len(items))


def test_sorting(chains: Path, visit: Visit, own: dict, items: list[str]) -> None:
    page = visit(chains)
    decided = {item: own["base", item]["decided"] for item in items}
    for value, sign in (("early", 1), ("late", -1)):
        page.select_option("#sort", value)
        expected = sorted(items, key=lambda item: sign * decided[item])
        page.wait_for_function("id => document.querySelector('#list a').href.includes(id)", arg=expected[0])
        assert listed(page) == expected
    assert len(set(decided.values())) > 1


def test_search_looks_into_chains(chains: Path, visit: Visit, results: Path, items: list[str], model: str) -> None:
    written = [
        read_table(results / f"chains/{model}/{arm}/{DATASET}.parquet", Chains) for arm in ("base", "tuned-symbolic")
    ]
    questions = read_table(results / f"items/{DATASET}/eval.parquet", Items).set_index("item_id")["question"]
    texts = {
        item: " ".join(
            [questions[item]] + [str(table.set_index("item_id").loc[item, "chain_text"]) for table in written]
        ).lower()
        for item in items
    }
    # A word of some chains only, so that the search has to leave something out.
    words = sorted({word for text in texts.values() for word in text.replace(".", " ").split() if word.isalpha()})
    word = next(
        word for word in words if len(word) > 3 and 0 < sum(word in text for text in texts.values()) < len(items)
    )
    expected = [item for item in items if word in texts[item]]
    page = visit(chains)
    page.keyboard.press("/")
    page.keyboard.type(word.upper())
    wait_for_count(page, len(expected))
    assert listed(page) == expected
    page.keyboard.press("Escape")
    wait_for_count(page, len(items))
    page.keyboard.type("no chain says this")
    wait_for_count(page, 0)


def test_deep_links(chains: Path, visit: Visit, items: list[str]) -> None:
    page = visit(chains, f"#item={items[5]}&kind=filler_text&reader=base&correct=right&sort=late")
    assert shown(page) == items[5]
    assert page.is_checked("[name=kind][value=filler_text]")
    assert page.input_value("[name=reader]") == "base"
    assert (page.input_value("#sort"), page.input_value("#correct")) == ("late", "right")
    address = page.url
    page.keyboard.press("2")
    assert page.url == address, "the address of what is shown must not depend on how it was reached"
    # Back and forth, as everywhere.
    page = visit(chains)
    page.keyboard.press("j")
    page.wait_for_function("id => location.hash.includes(id)", arg=items[1])
    page.go_back()
    page.wait_for_function("id => document.querySelector('.asked .note').textContent.includes(id)", arg=items[0])
    missing = visit(chains, "#item=nowhere&kind=nothing&reader=nobody&sort=none")
    assert "no question nowhere" in missing.inner_text("#entry")


def test_keyboard(chains: Path, visit: Visit, items: list[str]) -> None:
    page = visit(chains)

    def press(key: str, item: str) -> None:
        page.keyboard.press(key)
        page.wait_for_function("id => document.querySelector('.asked .note')?.textContent.includes(id)", arg=item)
        assert items[items.index(item)] in page.get_attribute("#list [aria-current]", "href")

    press("j", items[1])
    press("ArrowDown", items[2])
    press("k", items[1])
    press("ArrowUp", items[0])
    press("k", items[0])
    page.keyboard.press("3")
    page.wait_for_selector("[name=kind][value=paraphrase_rest]:checked")
    page.keyboard.press("r")
    page.wait_for_function("() => document.querySelector('[name=reader]').value === 'base'")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.closest('#list') !== null")
    press("j", items[1])
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.activeElement.id === 'entry'")
    page.keyboard.press("?")
    assert page.is_visible("#help")
    page.keyboard.press("j")
    assert shown(page) == items[1], "keys are the help's while it is open"
    page.keyboard.press("Escape")
    assert not page.is_visible("#help")
    page.keyboard.press("/")
    page.keyboard.type("j")
    assert page.input_value("#q") == "j"
    assert shown(page) == items[1], "what is typed into the search moves nothing"
