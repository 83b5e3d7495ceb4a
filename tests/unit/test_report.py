"""The report says what its tables say, escapes what it did not write, and asks for nothing from elsewhere."""

import base64
import html
import io
import itertools
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from faithfulness.chains.notices import Limits
from faithfulness.config import settings
from faithfulness.figures import effects as effects_figure
from faithfulness.figures import registry
from faithfulness.figures.colours import DARK
from faithfulness.figures.registry import FIGURES
from faithfulness.report import page as page_of
from faithfulness.report import published, render
from faithfulness.report.controls import control_arms_section, controls_section, correlations_section
from faithfulness.report.headline import headline
from faithfulness.report.limits import limits_section
from faithfulness.report.published_beside import beside_section, directions_section
from faithfulness.report.run import after_writing, hours
from faithfulness.report.verdict_tables import VERDICTS, claims_section, glance_section
from faithfulness.tables.controls import Controls
from faithfulness.tables.generation import Forecast, LeftOut
from faithfulness.tables.io import frame
from faithfulness.tables.statistics import Correlations, Effects, Gates
from faithfulness.text import number, percent, signed
from tests.factories import DATASETS, SIX, THREE, make_calibration, make_run
from tests.unit.test_figures import contrast, draw_all

PAGE = Path(__file__).parents[2] / "report"
CAPTIONS = {path.stem: path.read_text(encoding="utf-8") for path in (PAGE / "captions").glob("*.rst")}
SVG = '<?xml version="1.0"?>\n<svg width="72pt" height="72pt" viewBox="0 0 144 72"><path style="fill: #ffffff"/></svg>'
CORRELATIONS = [
    {"model": "smollm2-135m", "arm": "tuned-symbolic", "dataset": dataset, "measure": "aoc", "rho": rho, "n_items": 40}
    for dataset, rho in (("coin_flip", 0.31), ("last_letters", None), ("commonsense_qa", 0.77))
]
PUBLISHED = published.load(Path(__file__).parents[2] / "config/published.yaml")
SHA = "0123456789abcdef" * 4
PROVENANCE = {
    "code": {"commit": "c" * 40, "changed": ["rules/a.smk"], "hash": "d" * 16},
    "configuration_hash": "e" * 16,
    "platform": "Linux-6.1",
    "processors": ["AMD EPYC"],
    "gpus": [],
    "versions": {"python": "3.11.2", "torch": "2.13.0"},
    "arms": [
        {"model": "m", "arm": "base", "source": {"uri": "hub:o/m", "revision": SHA[:40], "sha256": None}}
        | {"weights": "w1", "parent": None},
        {"model": "m", "arm": "tuned-x", "seed": 0, "source": None, "weights": "w2", "parent": "w1"},
    ],
    "datasets": [
        {"dataset": "d", "seed": 3, "sources": [], "eval": "1" * 64, "train": "2" * 64},
        {"dataset": "f", "seed": 0, "sources": [{"uri": "path:f.csv", "revision": None, "sha256": SHA}]}
        | {"eval": SHA, "train": SHA},
    ],
}
HOSTILE = "<script>alert('x')</script>"


def configuration(**changes):
    source = {"uri": "path:somewhere"}
    models = [{"name": name, "source": source} for name in THREE]
    models[0]["layers"] = 10
    return settings.load(
        {
            "models": models,
            "datasets": [{"name": name, "task": "table", "source": source} for name in DATASETS],
            "arms": [{"name": "tuned-symbolic", "datasets": ["coin_flip"]}],
        }
    ).model_dump(mode="json") | dict(changes)


def page(
    run,
    figures=(),
    config=None,
    claims_record=None,
    calibration=None,
    literature=PUBLISHED,
    measures=None,
    left_out=None,
    controls=None,
    after_writing=(),
):
    correlations = frame(CORRELATIONS, Correlations)
    results = page_of.Results(
        run["effects"],
        run["gates"],
        run["summaries"],
        run["strengths"],
        run["kinds"],
        run["conflicts"],
        correlations,
        calibration=calibration,
        measures=measures,
        left_out=left_out,
        controls=controls,
        after_writing=after_writing,
    )
    shown = page_of.context(
        results,
        config=config or configuration(),
        claims_record=claims_record or {"hash": "abc", "others": []},
        published=literature,
        figures=figures,
        provenance=PROVENANCE,
        hours=1.25,
        method=(PAGE / "method.rst").read_text(encoding="utf-8"),
    )
    style = (PAGE / "style.css").read_text(encoding="utf-8")
    return render.page((PAGE / "page.html.j2").read_text(encoding="utf-8"), shown, style)


def figure(name, svg=SVG, alt_text="", model=None, captions=CAPTIONS):
    section = next((entry.section for entry in FIGURES if entry.name == name), "figures")
    shown = render.figure(name, render.caption(captions[name], model), svg, alt_text, model=model)
    return shown | {"section": section}


def test_hours_are_those_of_all_jobs(run, tmp_path):
    for name, seconds in (("write_chains/a.tsv", [1800.0]), ("rescore_answers/a/b.tsv", [900.0, 1800.0])):
        (tmp_path / name).parent.mkdir(parents=True)
        pd.DataFrame({"s": seconds, "h:m:s": "0:30:00"}).to_csv(tmp_path / name, sep="\t", index=False)
    assert hours(tmp_path) == pytest.approx(1.25)
    assert hours(tmp_path / "none") == 0
    assert "1.2 hours of computing" in page(run)


class Reader(HTMLParser):
    """Collects tags with their attributes, and the verdict chips of each row of the verdict tables."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.verdicts, self.row, self.inside = [], {}, None, []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append((tag, attributes))
        if tag == "tr":
            cell = attributes.get("data-cell")
            self.row = (attributes["data-claim"], *cell.split("/")) if cell else None
        self.inside.append("chip" in attributes.get("class", "").split())

    def handle_endtag(self, tag):
        if tag == "tr":
            self.row = None
        if self.inside:
            self.inside.pop()

    def handle_data(self, data):
        if self.row and self.inside and self.inside[-1]:
            self.verdicts.setdefault(self.row, []).append(data.strip())


@pytest.fixture(scope="module")
def run():
    return make_run()


@pytest.fixture(scope="module")
def text(run):
    return page(run, [figure("effects")])


def test_verdicts_on_the_page_are_those_of_the_table(run, text):
    tested = run["effects"][run["effects"].claim != ""]
    expected = {
        key: list(dict.fromkeys(cell.verdict)) for key, cell in tested.groupby(["claim", "model", "arm", "dataset"])
    }
    assert Reader(text).verdicts == expected


def test_two_measures_of_a_claim_share_a_row_with_both_effects(run):
    rows = claims_section(run["effects"], DATASETS)[0]["rows"]
    assert len(rows) == len(THREE) * len(DATASETS)
    for row in rows:
        cell = run["effects"].query("claim == 'C1' and model == @row['model'] and dataset == @row['dataset']")
        assert [effect["estimate"] for effect in row["effects"]] == list(cell.estimate)
        assert {effect["label"] for effect in row["effects"]} == {"early-termination AOC", "convergence fraction"}
        assert all(effect["low"] < effect["middle"] < effect["high"] for effect in row["effects"])


def test_rows_are_ordered_pooled_first_and_closed_last(run):
    pooled = run["effects"].query("claim == 'C1' and model == 'smollm2-135m' and dataset == 'coin_flip'")
    effects = frame([*run["effects"].to_dict("records"), *pooled.assign(dataset="pooled").to_dict("records")], Effects)
    names = [(row["dataset"], row["model"]) for row in claims_section(effects, DATASETS)[0]["rows"]]
    sizes = list(THREE)
    assert names == [("pooled", "smollm2-135m"), *itertools.product(DATASETS, sizes)]
    reverse = claims_section(effects, DATASETS[::-1])[0]["rows"]
    assert [row["dataset"] for row in reverse][-1] == "commonsense_qa", "a closed cell must come last in any order"


def test_scale_claims_keep_their_own_words(run):
    row = (
        run["effects"]
        .iloc[[1]]
        .assign(
            claim="C5", model="smallest-largest", parameters=None, contrast="scale", sentence="a against b: it is open."
        )
    )
    effects = frame([*run["effects"].to_dict("records"), *row.to_dict("records")], Effects)
    (found,) = next(claim for claim in claims_section(effects, DATASETS) if claim["name"] == "C5")["rows"]
    assert (found["model"], found["words"]) == ("smallest-largest", "a against b: it is open.")
    assert headline(effects) == headline(run["effects"])
    assert claims_section(effects, DATASETS)[0]["rows"][0]["words"].startswith("Aoc moved by")
    page(run | {"effects": effects})


def test_each_measure_of_a_scale_claim_has_its_own_verdict(run):
    row = run["effects"].iloc[[1]].assign(claim="C5", model="smallest-largest", parameters=None, contrast="scale")
    rows = [
        row.assign(measure=name, verdict=verdict, sentence=f"{name} says so.")
        for name, verdict in (("aoc", "supported"), ("filler_tolerance", "inconclusive"))
    ]
    effects = frame(pd.concat([run["effects"], *rows]), Effects)
    claim = next(claim for claim in claims_section(effects, DATASETS) if claim["name"] == "C5")
    assert claim["tally"] == {"supported": 1, "inconclusive": 1}
    assert [(row["verdicts"], row["words"]) for row in claim["rows"]] == [
        (["supported"], "aoc says so."), (["inconclusive"], "filler_tolerance says so.")
    ]  # fmt: skip


def test_a_measure_that_failed_its_calibration_is_shown_as_such(run):
    effects = run["effects"].copy()
    failed = (effects.measure == "aoc") & (effects.dataset == "coin_flip")
    effects["calibration"] = "validated"
    effects.loc[failed, "calibration"] = "failed"
    text = page(run | {"effects": effects})
    assert "failed its calibration" in text
    assert "early-termination AOC did not pass its calibration on coin_flip" in text
    assert "have not been tested on" not in text
    largest = [line for line in headline(effects) if line.startswith("Largest change")]
    assert not any("early-termination AOC" in line and "coin_flip" in line for line in largest)
    drawn = effects_figure.tabulate(effects)
    assert not drawn[(drawn.measure == "aoc") & (drawn.dataset == "coin_flip")].interpretable.any()


def test_correlations_of_interpretable_cells(run):
    text = page(run)
    assert "+0.31" in text
    assert "does not vary" in text
    assert "+0.77" not in text


def test_correlations_show_the_calibration_and_leave_out_what_failed_it(run):
    correlations = frame(CORRELATIONS, Correlations)
    effects = run["effects"].copy()
    effects.loc[(effects.measure == "aoc") & (effects.dataset == "coin_flip"), "calibration"] = "validated"
    rows = correlations_section(correlations, effects)
    assert [(row["dataset"], row["calibration"]) for row in rows] == [
        ("coin_flip", "validated"), ("last_letters", "not calibrated")
    ]  # fmt: skip
    failed = effects.copy()
    failed.loc[(failed.measure == "aoc") & (failed.dataset == "coin_flip"), "calibration"] = "failed"
    assert [row["dataset"] for row in correlations_section(correlations, failed)] == ["last_letters"]
    # A correlation with information gain says nothing where that is the one that failed.
    gain = effects[(effects.measure == "aoc") & (effects.component == "reading") & (effects.dataset == "coin_flip")]
    gain = gain.assign(claim="C6", measure="info_gain", calibration="failed")
    rows = correlations_section(correlations, frame(pd.concat([effects, gain]), Effects))
    assert [row["dataset"] for row in rows] == ["last_letters"]


CONTROL = {"model": "smollm2-135m", "arm": "placebo-symbolic", "dataset": "coin_flip", "n_items": 40, "p_value": 0.01}
CONTROLS = [
    CONTROL | {"measure": "filler_tolerance", "estimate": 0.206, "ci_low": 0.05, "ci_high": 0.36, "interpretable": True}
    | {"reason": ""},
    CONTROL | {"measure": "chain_following", "estimate": -0.4, "ci_low": -0.5, "ci_high": -0.3, "interpretable": False}
    | {"reason": "12 % could not be read; and so on"},
]  # fmt: skip


def test_the_page_says_how_far_placebo_and_null_arms_moved(run):
    table = control_arms_section(frame(CONTROLS, Controls))
    assert table["heads"] == ["filler tolerance", "chain following"]
    (row,) = table["rows"]
    assert [effect and effect["estimate"] for effect in row["effects"]] == [0.206, None]
    assert row["reasons"] == ["12 % could not be read (and more)"]
    assert control_arms_section(frame([], Controls)) is None
    text = html.unescape(re.sub("<[^>]+>", "", page(run, controls=frame(CONTROLS, Controls))))
    assert "placebo-symbolic" in text
    assert "+0.21 [0.05, 0.36]" in text
    assert "12 % could not be read" in text
    assert "How far placebo and null arms moved" not in page(run)


def test_chain_following_of_all_items_stands_below_the_controls(run):
    effects = run["effects"]
    plain = effects[(effects.contrast == "plain") & (effects.component == "reading") & (effects.measure == "aoc")]
    both = [plain.assign(measure=name) for name in ("chain_following", "chain_following_all")]
    matched = plain.assign(measure="chain_following", contrast="length_matched")
    both[1]["estimate"] = -0.31
    tables = controls_section(pd.concat([*both, matched], ignore_index=True), run["gates"])
    rows = {row["label"]: row["effects"] for row in tables[0]["rows"]}
    assert rows["with the items whose target is a reader's answer anyway"][0]["estimate"] == -0.31


def test_an_area_without_an_interval_is_shown_without_one():
    calibration = make_calibration()
    calibration.loc[calibration.readers != "exact", ["area_low", "area_high"]] = None
    found = {
        row["readers"]: row["interval"] for row in page_of.calibration_section(calibration) if row["measure"] == "aoc"
    }
    assert found == {"exact": "[0.96, 1.00]", "smollm2-64m-depth10": ""}


def test_the_page_says_what_a_measure_does_not_tell_apart(run):
    calibration = make_calibration()
    said = words(page(run, calibration=calibration))
    assert "Early-termination AOC does not tell redundant and decorative apart (last_letters, coin_flip)." in said
    assert "does not tell redundant" not in words(page(run, calibration=calibration.assign(confused="")))
    real = calibration.assign(confused=calibration.confused.where(calibration.readers != "exact", ""))
    assert "does not tell redundant" not in words(page(run, calibration=real)), (
        "real readers may not be what they are called"
    )


def test_results_that_were_judged_under_other_claims_are_told(run, text):
    warning = "Results in this folder were judged under other declarations of claims before"
    assert warning not in text
    other = page(run, claims_record={"hash": "abc123", "others": ["def456", "0fe789"]})
    assert f"{warning}</b> (hash def456, 0fe789; now abc123)" in other


def test_headers_name_the_configured_confidence(run, text):
    assert "Effect and 95\u00a0% interval" in text
    config = configuration()
    config["statistics"]["confidence"] = 0.975
    other = page(run, config=config)
    assert "Effect and 97.5\u00a0% interval" in other
    assert "intervals 97.5\u00a0%" in other
    assert "95\u00a0%" not in other


def test_described_claims_have_no_verdict(run):
    effects = run["effects"].copy()
    effects.loc[effects.claim == "C3", ["claim", "verdict"]] = ["C4", ""]
    claim = next(claim for claim in claims_section(effects, DATASETS) if claim["name"] == "C4")
    assert claim["tally"] == {}
    assert {verdict for row in claim["rows"] for verdict in row["verdicts"]} == {"descriptive"}


def test_numbers_are_those_of_the_tables(run, text):
    plain = html.unescape(re.sub(r"<[^>]+>", " ", text))
    for row in run["effects"].itertuples():
        assert signed(row.estimate, 3) in plain
    for row in run["summaries"].itertuples():
        assert f"{row.parameters:,}" in plain
        assert number(row.cot_accuracy) in plain


def words(page):
    return " ".join(re.sub("<[^>]+>", " ", re.sub("</?code>", "", page)).split())


def test_who_reworded_the_steps(run, text):
    said = words(text)
    assert "Steps were reworded by rules." in said
    assert "Rewordings by a language model" not in said
    config = configuration()
    config["perturbations"]["paraphraser"] = {"source": {"uri": "path:larger"}, "candidates": 3}
    shares = run["summaries"].assign(paraphrase_accepted=0.91, paraphrase_model=0.6, mistakes_made=0.07)
    other = page(run | {"summaries": shares}, config=config)
    said = words(other)
    assert "reworded by path:larger, and by rules if none of 3 wordings passed the checks." in said
    assert "Steps reworded by the model by rules not reworded Steps made wrong" in said
    assert said.count("91 % 60 % 31 % 9 % 7 %") == len(shares)
    assert "Rewordings by a language model" in said


def test_how_much_the_rewordings_change(text):
    said = words(text)
    assert "Arm Rule Steps Lower quartile Median Upper quartile" in said
    assert said.count("base clause order 40 25 % 38 % 50 %") == len(THREE) * len(DATASETS)
    assert said.count("base not reworded: no rule is certain 3") == len(THREE) * len(DATASETS)


def test_how_the_conflict_chains_were_made(run):
    said = words(page(run, [figure("kinds")]))
    assert "carry : One fact of the chain is another one" in said
    assert "swap : The whole chain" not in said  # a kind that nobody made
    assert "base carry 48 94 % 0 % base: 1.25 / 1.00; tuned-symbolic: 1.25 / 1.00 3 no fact that can be changed" in said


def test_where_the_results_come_from(text):
    shown = words(text)
    assert f"code {'c' * 40}, with changes in rules/a.smk (hash {'d' * 16})" in shown
    assert "processor AMD EPYC GPU none python 3.11.2 torch 2.13.0" in shown
    assert f"m base hub:o/m {SHA[:16]} w1 m tuned-x, seed 0 trained here w2 w1" in shown
    assert f"d generated seed 3 {'1' * 16} {'2' * 16} f path:f.csv {SHA[:16]} {SHA[:16]} {SHA[:16]}" in shown


def test_served_models_and_imported_arms_have_no_recipe(run):
    datasets = [{"name": name, "task": "table", "source": {"uri": "path:x"}, "readout": "letters"} for name in DATASETS]
    served = [{"name": name, "source": {"uri": "openai:m"}, "parameters": 10**9} for name in THREE]
    imported = {"name": "tuned-symbolic", "source": {"uri": "path:kept"}, "datasets": ["coin_flip"], "models": ["m"]}
    local = {"name": "m", "source": {"uri": "path:x"}}
    other = settings.load({"models": [local, *served], "arms": [imported], "datasets": datasets})
    text = words(page(run, config=other.model_dump(mode="json")))
    assert "tuned-symbolic imported from path:kept coin_flip" in text
    assert "openai:m all on a server none" in text


def test_single_cells_link_to_their_chains(run, text):
    links = [attributes["href"] for tag, attributes in Reader(text).tags if tag == "a"]
    expected = {f"browser/{model}/{dataset}.html" for model, dataset in itertools.product(THREE, DATASETS)}
    assert {link for link in links if link.startswith("browser/")} == expected
    several = run["effects"].query("claim == 'C1'")
    pooled, scale = several.assign(dataset="pooled"), several.assign(model="smallest-largest", parameters=None)
    other = page(run | {"effects": frame(pd.concat([pooled, scale]), Effects)})
    assert not re.search(r"browser/[^\"]*(pooled|smallest-largest)", other)
    assert not re.search(r"<th [^>]*rowheader[^>]*><a", other)


def test_nothing_interpretable_still_makes_a_page():
    text = page(make_run(closed=DATASETS))
    assert "This run cannot tell whether" in text
    assert {verdict for found in Reader(text).verdicts.values() for verdict in found} == {"not interpretable"}


def test_an_empty_run_still_makes_a_page(run):
    text = page({name: table.iloc[:0] for name, table in run.items()})
    assert "No claim was tested." in text


def test_what_the_page_did_not_write_is_escaped():
    run = make_run(models={HOSTILE: 10**8}, datasets=("</table><img src=x onerror=alert(1)>",), closed=())
    config = configuration()
    config["models"][0]["name"] = config["datasets"][0]["name"] = config["arms"][0]["name"] = HOSTILE
    config["perturbations"]["filler"] = HOSTILE
    run["effects"].loc[:, "sentence"] = HOSTILE
    run["gates"].loc[:, ["reason", "passed", "subject"]] = [HOSTILE, False, HOSTILE]
    text = page(run, [figure("retention", model="<script>")], config)
    tags = Reader(text).tags
    assert not [tag for tag, _ in tags if tag == "script"]
    assert [attributes["src"][:19] for tag, attributes in tags if tag == "img"] == ["data:image/svg+xml;"]
    assert not [name for _, attributes in tags for name in attributes if name.startswith("on")]
    assert html.escape(HOSTILE, quote=True).replace("&#x27;", "&#39;") in text


def test_the_page_asks_for_nothing_from_elsewhere(run):
    figures = [
        figure(name, svg_text(drawn), words)
        for name, (drawn, _, words) in itertools.islice(draw_all(run, ["base", "tuned-symbolic"], DATASETS).items(), 2)
    ]
    text = page(run, figures)
    loading = {"src", "srcset", "data", "poster", "action", "xlink:href", "background"}
    for tag, attributes in Reader(text).tags:
        assert tag not in {"script", "iframe", "object", "embed", "link", "base"}
        for name, value in attributes.items():
            if name in loading:
                assert value.startswith("data:"), f"{tag} {name}={value[:60]}"
            if name == "href":
                assert value.startswith("#") or (
                    tag == "a" and value.startswith(("https://arxiv.org/", "browser/", "provenance.json"))
                )
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert "default-src 'none'" in text


def svg_text(drawn):
    out = io.StringIO()
    drawn.savefig(out, format="svg")
    return out.getvalue()


def glance_of(text):
    """What the first screen says: the words of each claim's line, by claim."""
    lines = re.findall(r'<li data-claim="(.*?)">(.*?)</li>', text, re.DOTALL)
    return {claim: " ".join(re.sub(r"<[^>]+>", " ", html.unescape(line)).split()) for claim, line in lines}


def test_the_first_screen_counts_the_verdicts_of_each_claim(run, text):
    for claim, line in glance_of(text).items():
        cells = run["effects"][run["effects"].claim == claim].drop_duplicates(["model", "arm", "dataset"])
        counts = cells.verdict.value_counts()
        for verdict in set(counts.index) - {"not interpretable"}:
            assert f"{verdict} in {counts[verdict]} of {len(cells)}" in line
        assert f"{counts['not interpretable']} not interpretable" in line
    assert set(glance_of(text)) == {"C1", "C2", "C3"}


@pytest.mark.parametrize(
    ("verdicts", "line"),
    [
        (["supported"] * 3, "supported in all 3"),
        (["supported"], "supported in 1 of 1"),
        (["supported", "contradicted", "inconclusive"], "supported in 1 of 3 contradicted in 1 of 3 1 inconclusive"),
        (VERDICTS[2:], "equivalent in 1 of 4 as placebo in 1 of 4 1 inconclusive, 1 not interpretable"),
        (["inconclusive", "inconclusive", "not interpretable"], "inconclusive in 2 of 3 1 not interpretable"),
        (["descriptive", "not interpretable"], "not interpretable in 1 of 1"),
        (["descriptive", "supported", "inconclusive"], "supported in 1 of 2 1 inconclusive"),
        (["not interpretable"] * 2, "not interpretable in all 2"),
        (["descriptive"] * 2, "descriptive"),
    ],
)  # fmt: skip
def test_a_line_of_the_first_screen_says_what_was_decided_then_the_rest(verdicts, line):
    rows = [{"pooled": pooled, "verdicts": [verdict]} for pooled in (False, True) for verdict in verdicts]
    (found,) = glance_section([{"name": "C1", "label": "It is so", "rows": rows}])
    assert found["cells"] == found["pooled"]
    said = " ".join([part["words"] for part in found["cells"]["decided"]] + [found["cells"]["rest"]]).strip()
    assert said == line
    assert all(part["words"].startswith(part["verdict"]) for part in found["cells"]["decided"])


def test_a_claim_that_judges_each_measure_counts_effects():
    rows = [{"pooled": False, "verdicts": [verdict]} for verdict in ("supported", "inconclusive")]
    (found,) = glance_section([{"name": "C4", "label": "It is so", "rows": rows}])
    assert found["cells"]["decided"][0]["words"] == "supported in 1 of 2 effects"


def test_a_placebo_that_could_not_be_judged_is_marked(run):
    aoc = run["effects"].query("measure == 'aoc' and component == 'reading' and dataset == 'coin_flip'")
    others = [aoc.assign(contrast=contrast, claim="", verdict="") for contrast in ("length_matched", "placebo")]
    effects = frame(pd.concat([run["effects"], *others]), Effects)
    first = run["gates"].iloc[[0]]
    gate = {"gate": "placebo", "dataset": "coin_flip", "passed": False, "reason": "it gives one answer", "closes": ""}
    gates = frame(pd.concat([run["gates"], first.assign(**gate)]), Gates)
    shown = {cell["model"]: cell["rows"] for cell in controls_section(effects, gates) if cell["dataset"] == "coin_flip"}
    of_placebo = {
        model: row["failed"] for model, rows in shown.items() for row in rows if "minus placebo" in row["label"]
    }
    assert of_placebo == dict.fromkeys(THREE, "") | {first.model.item(): "it gives one answer"}
    assert "could not be judged: it gives one answer" in page(run | {"effects": effects, "gates": gates})


def test_what_is_described_counts_in_no_comparison_with_the_literature():
    cell = {"model": "m", "arm": "tuned-x", "dataset": "pooled", "pooled": True}
    rows = [cell | {"verdicts": [verdict]} for verdict in ("descriptive", "supported", "inconclusive")]
    found = directions_section(PUBLISHED, [{"name": "C5", "rows": rows}])
    (agreement,) = (direction["agreement"] for direction in found if direction["claim"] == "C5")
    assert [part["words"] for part in agreement] == ["same direction in 1 of 2", "open in 1 of 2"]


def test_pooled_datasets_stand_apart_on_the_first_screen(run):
    pooled = run["effects"].query("claim == 'C1' and model == 'smollm2-135m' and dataset == 'coin_flip'")
    pooled = pooled.assign(dataset="pooled", verdict="contradicted")
    effects = frame(pd.concat([run["effects"], pooled]), Effects)
    line = glance_of(page(run | {"effects": effects}))["C1"]
    assert line.endswith("datasets pooled: contradicted in 1 of 1")
    assert "contradicted" not in line.partition("datasets pooled")[0]


def test_the_verdicts_come_before_any_table_then_the_figure_what_was_run_and_the_limits(text):
    order = ["<h1>", 'class="answer"', 'class="glance"', "<nav", 'id="effects"', "<img"]
    order += ['id="run"', "<table", 'id="limits"', 'id="verdicts"']
    places = [text.index(mark, text.index("<body>")) for mark in order]
    assert places == sorted(places)


def test_the_table_of_contents_names_every_section_and_leads_there(run, text):
    for shown in (text, page(run, calibration=make_calibration())):
        tags = Reader(shown).tags
        ids = {attributes["id"] for _, attributes in tags if "id" in attributes}
        targets = [attributes["href"][1:] for tag, attributes in tags if tag == "a" and attributes["href"][:1] == "#"]
        assert set(targets) <= ids
        sections = [attributes["id"] for tag, attributes in tags if tag == "section"]
        contents = re.findall(r'href="#(\w+)"', shown[shown.index("<nav") : shown.index("</nav>")])
        assert contents == [name for name in sections if not name.startswith("method-")]


def test_a_new_figure_needs_no_change_of_the_page(run):
    captions = CAPTIONS | {"brand_new": "**Something new.**\nIt is drawn here.\n"}
    text = page(run, [figure("brand_new", captions=captions)])
    assert "Something new." in text[text.index('id="figures"') :]
    assert 'id="figures"' not in page(run)


def test_every_figure_of_a_run_finds_its_place(run):
    drawn = draw_all(run, ["base", "tuned-symbolic"], DATASETS)
    figures = [figure(name) for name in drawn]
    text = page(run, figures, calibration=make_calibration())
    assert text.count("<img") == len(drawn)
    assert 'id="figures"' not in text


def test_the_alternative_text_says_what_the_figure_shows(run):
    _, data, words = draw_all(run, ["base", "tuned-symbolic"], DATASETS)["effects"]
    shown = figure("effects", alt_text=words)
    assert shown["alt"] == f"Effects of fine-tuning on the primary measures. {effects_figure.describe(data)}"
    shown = figure("effects", alt_text=HOSTILE)
    assert shown["alt"].endswith(HOSTILE)
    assert HOSTILE not in page(run, [shown])


def test_text_stands_out_enough_on_every_ground_light_and_dark():
    """WCAG 2 AA: 4.5 to 1 for text."""
    style = (PAGE / "style.css").read_text(encoding="utf-8")
    light, dark = (
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
        for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL)[:2]
    )
    assert light.keys() == dark.keys()
    for colours in (light, dark):
        pairs = list(itertools.product(("ink", "muted"), ("page", "paper", "void", "hatch")))
        pairs += [("link", "page"), ("link", "paper")]
        pairs += [(f"on-{name}", name) for name in colours if f"on-{name}" in colours]
        pairs += [("on-contradicted", ground) for ground in ("paper", "void", "hatch")]  # what failed
        for text, ground in pairs:
            assert contrast(colours[text], colours[ground]) >= 4.5, f"{text} on {ground}"


def test_figures_carry_caption_text_alternative_and_dark_colours(text):
    images = [attributes for tag, attributes in Reader(text).tags if tag == "img"]
    assert len(images) == 1
    assert images[0]["alt"].startswith("Effects of fine-tuning on the primary measures.")
    svg = base64.b64decode(images[0]["src"].partition(",")[2]).decode()
    assert "prefers-color-scheme:dark" in svg
    assert all(dark in svg for dark in DARK.values())
    assert svg.endswith('<path style="fill: #ffffff"/></svg>')
    assert "Tuned minus base, paired by question" in text


def test_a_figure_of_one_model_finds_its_caption_and_later_ones_are_folded(run):
    figures = [figure("retention", model=model) for model in THREE]
    assert [shown["name"] for shown in figures] == ["retention"] * 3
    assert figures[0]["title"] == "Answer retention of smollm2-64m-depth10."
    assert len({shown["id"] for shown in figures}) == 3
    text = page(run, figures)
    assert text.count("<summary>Answer retention of ") == 2


def test_a_model_named_like_a_figure_keeps_its_own_caption():
    entry, model = registry.named(Path("retention/effects.svg"))
    assert (entry.name, model) == ("retention", "effects")
    assert registry.named(Path("effects.svg"))[1] is None


def test_every_caption_renders_and_has_a_title():
    for name in set(CAPTIONS) - {"report"}:
        caption = figure(name)["caption"]
        assert "<strong>" in caption
        assert "{{" not in caption


def test_tables_are_tables(text):
    tags = [tag for tag, _ in Reader(text).tags]
    assert tags.count("table") == tags.count("caption") + 1  # the method's table of claims has its heading instead
    assert tags.count("h1") == 1
    headers = [attributes for tag, attributes in Reader(text).tags if tag == "th" and attributes.get("class") != "head"]
    assert all(attributes.get("scope") in ("row", "col") for attributes in headers)
    ids = [attributes["id"] for _, attributes in Reader(text).tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_limits_name_what_failed_and_what_was_small(run):
    found = limits_section(run["effects"], run["gates"], run["summaries"], None, configuration())
    assert found["gates"] == [
        {"dataset": "commonsense_qa", "claims": "", "cells": 3, "of": 3, "models": list(THREE)}
        | {"gates": {"above_chance": 3}}
    ]
    # What closes one claim alone is named with it; notes are not there.
    gates = run["gates"].copy()
    gates.loc[(gates.dataset == "coin_flip") & (gates.gate == "paraphrase"), "passed"] = False
    noted = gates.copy()
    noted.loc[noted.gate == "validity", ["passed", "closes"]] = [False, ""]
    found_of_c2 = limits_section(run["effects"], noted, run["summaries"], None, configuration())["gates"]
    assert [(part["gates"], part["claims"]) for part in found_of_c2] == [
        ({"paraphrase": 3}, "C2"), ({"above_chance": 3}, "")
    ]  # fmt: skip
    # All gates of a dataset are named together.
    gates.loc[
        (gates.dataset == "commonsense_qa") & (gates.gate == "steps") & (gates.model == "smollm2-135m"), "passed"
    ] = False
    text = page(run | {"gates": gates})
    assert (
        "<b>commonsense_qa</b> is not interpretable in 3 of 3 pairs of base and tuned arm (" + ", ".join(THREE) + "): "
        "accuracy with the chain is not above chance, so there is no reasoning to be faithful to; too few chains have "
        "two steps, so there is little to cut (in 1)."
    ) in text
    assert (found["few_seeds"], found["seeds_of_placebo"]) == (["tuned-symbolic"], [])
    arms = run["effects"][run["effects"].claim == "C3"].assign(claim="C7", arm="tuned-a - tuned-b")
    between = limits_section(pd.concat([run["effects"], arms]), run["gates"], run["summaries"], None, configuration())
    assert between["few_seeds"] == ["tuned-symbolic"]
    of_placebo = run["effects"].drop_duplicates("model")
    of_placebo = of_placebo.assign(contrast="base_chains", claim="", seed_error=0.02)
    one_model = pd.concat([run["effects"], of_placebo[:1]], ignore_index=True)
    partly = limits_section(one_model, run["gates"], run["summaries"], None, configuration())
    assert (partly["few_seeds"], partly["seeds_of_placebo"]) == (["tuned-symbolic"], [])
    widened = pd.concat([run["effects"], of_placebo], ignore_index=True)
    crossed = limits_section(widened, run["gates"], run["summaries"], None, configuration())
    assert (crossed["few_seeds"], crossed["seeds_of_placebo"]) == ([], ["tuned-symbolic"])
    assert "How much other trainings of tuned-symbolic would differ is taken from its placebo" in page(
        run | {"effects": widened}
    )
    assert (found["sizes"], found["pruned"]) == (3, ["smollm2-64m-depth10"])
    assert found["few_items"] == found["intervals"] > 0
    assert found["uncalibrated"] == list(DATASETS)
    assert found["half_calibrated"] == []
    six = make_run(models=SIX)
    assert limits_section(six["effects"], six["gates"], six["summaries"], None, configuration())["sizes"] == 6


def test_the_page_says_what_was_left_out(run):
    rows = [
        {"table": "train", "rows": 900, "left_out": 3, "reason": "the answer is empty", "example": "q.csv, row 1"},
        {"table": "train", "rows": 900, "left_out": 5, "reason": "an option is <i>", "example": "q.csv, row 2"},
    ]
    left_out = frame(rows, LeftOut).assign(dataset="commonsense_qa")
    why = "an option is &lt;i&gt; (5); the answer is empty (3)"
    assert f"8 of the 900 rows of commonsense_qa (train items) were left out: {why}." in page(run, left_out=left_out)
    assert "were left out" not in page(run, left_out=frame([], LeftOut).assign(dataset=""))


def test_the_page_says_what_was_known_once_chains_were_written(run):
    row = {"model": "m", "dataset": "d", "finding": "two_steps", "subject": "base", "token_limit": 80}
    forecast = frame([row | {"estimated": False, "share": 0.5, "n": 12}], Forecast)
    (said,) = after_writing(forecast, Limits(truncated_items=0.2, two_steps=0.8, paraphrase=0.8, strength=0.1))
    assert said.startswith("m, d: only 50 % of the chains of base have two steps or more, less than 80 %: ")
    assert f"<li>{said}</li>" in page(run, after_writing=[said])
    assert "once the chains were written" not in page(run)


def test_the_page_says_these_training_runs_only(run, text):
    assert "These training runs only: tuned-symbolic was trained with fewer than three seeds." in text
    assert "3 sizes describe this series" in text
    many = run | {"effects": run["effects"].assign(n_seeds=3)}
    assert "These training runs only" not in page(many)


def test_gates_show_what_was_measured_against_what(run, text):
    overview = page_of.gates_section(run["gates"])
    assert overview["names"][0] == "above_chance"
    closed = [row for row in overview["rows"] if not row["passed"]]
    assert {row["dataset"] for row in closed} == {"commonsense_qa"}
    assert closed[0]["gates"][0] == ["tuned-symbolic: 0.25, limit 0.20"]
    assert "tuned-symbolic: 0.25, limit 0.20" in text


def test_what_closes_nothing_is_no_failed_gate(run):
    first = run["gates"].query("dataset == 'coin_flip'").iloc[[0]]
    note = {"gate": "constant", "subject": "base / early_termination", "passed": False, "closes": ""}
    noted = first.assign(**note, reason="all answers are `yes`")
    unread = first.assign(gate="validity", subject="base / early_termination", passed=False, value=None, reason="none")
    gates = frame(pd.concat([run["gates"], noted, unread]), Gates)
    overview = page_of.gates_section(gates)
    assert "constant" not in overview["names"]
    (row,) = (row for row in overview["rows"] if row["notes"])
    assert (row["notes"], row["reasons"]) == (["All answers are `yes`"], ["None"])
    assert row["gates"][overview["names"].index("validity")] == ["base (early termination): no answers, limit 0.20"]
    shown = page(run | {"gates": gates})
    assert "(note)" not in shown
    assert "<dd>All answers are `yes`.</dd>" in shown


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        (
            [["not interpretable", "not interpretable"]],
            "1 comparison of this run differs by chance alone: another warm start, or placebos of other seeds. No "
            "verdict could be given on 1 of them.",
        ),
        (
            [["inconclusive", "not interpretable"], ["not interpretable"] * 2, ["supported", "inconclusive"]],
            "3 comparisons of this run differ by chance alone: another warm start, or placebos of other seeds. Of 2 "
            "that could be judged, 1 would have been called changed (95 % interval of the rate [0.01, 0.99]). No "
            "verdict could be given on 1 of them.",
        ),
        ([], ""),
    ],
)
def test_comparisons_by_chance_are_counted_in_words(verdicts, said):
    rows = [
        {"model": "m", "first": f"placebo-x.seed{pair}", "second": "base", "verdict": verdict}
        for pair, of_pair in enumerate(verdicts)
        for verdict in of_pair
    ]
    assert page_of.null_pairs_section(pd.DataFrame(rows, columns=["model", "first", "second", "verdict"])) == said


def test_as_placebo_is_explained_where_it_stands(run):
    config = configuration()
    placebo = {"name": "placebo-symbolic", "placebo": {"of": "tuned-symbolic", "target": "rationale"}}
    config["arms"].append(placebo | {"models": None, "seeds": None, "seed": 3})
    effects = run["effects"].copy()
    assert "no more than a placebo did" not in page(run, config=config)
    effects.loc[effects.verdict == "supported", "verdict"] = "as placebo"
    text = page(run | {"effects": effects}, config=config)
    assert "no more than a placebo did (the recipe of tuned-symbolic on worked chains alone)" in text
    assert "teach nothing" not in text.partition('id="method"')[0]


def test_texts_from_files_cannot_bring_in_html_or_other_files():
    with pytest.raises(Exception, match="raw"):
        render.rst(".. raw:: html\n\n   <script>alert(1)</script>\n")
    with pytest.raises(Exception, match="include"):
        render.rst(".. include:: /etc/hostname\n")


def test_the_same_input_gives_the_same_page(run, text):
    assert page(run, [figure("effects")]) == text


def section(text, name):
    """What a section says, tags left out."""
    inside = re.search(rf'<section id="{name}".*?</section>', text, re.DOTALL)[0]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", inside)).split())


def said_of(text, claim):
    """What the table of published directions says of a claim: statement, agreement, what was found."""
    row = re.search(rf'<tr role="row" data-published="{claim}">(.*?)</tr>', text, re.DOTALL)[1]
    cells = re.findall(r"<t[hd] .*?</t[hd]>", row, re.DOTALL)
    return [" ".join(html.unescape(re.sub(r"<[^>]+>", " ", cell)).split()) for cell in cells]


def test_published_directions_stand_beside_what_was_found(run, text):
    statement, agreement, found = said_of(text, "C3")
    assert "answers survive filler in place of later steps more often Lobo et al. 2025 , the paper" in statement
    rows = run["effects"].query("claim == 'C3'")
    count = (rows.verdict == "supported").sum()
    assert f"same direction in {count} of {len(rows)}" in agreement
    assert f"not interpretable in 3 of {len(rows)}" in agreement
    for row in rows.itertuples():
        interval = f"[{number(row.ci_low)}, {number(row.ci_high)}]"
        effect = f"filler tolerance {signed(row.estimate)} {interval}"
        assert f"{row.model} · {row.dataset} {effect} {row.verdict}" in found
    assert "a secondary account of it" in said_of(text, "C2")[0]
    assert said_of(text, "C5")[1:] == ["not tested", ""]


def test_pooled_datasets_speak_for_the_run_where_there_are_any(run):
    pooled = run["effects"].query("claim == 'C3' and dataset == 'coin_flip'").assign(dataset="pooled")
    for verdict, words in (
        ("supported", "same direction"),
        ("contradicted", "other direction"),
        ("equivalent", "no difference"),
        ("inconclusive", "open"),
        ("not interpretable", "not interpretable"),
    ):
        effects = frame(pd.concat([run["effects"], pooled.assign(verdict=verdict)]), Effects)
        _, agreement, found = said_of(page(run | {"effects": effects}), "C3")
        assert agreement == words
        assert "coin_flip" not in found


def test_a_described_claim_agrees_with_nothing(run):
    described = run["effects"].query("claim == 'C3'").assign(claim="C4", verdict="")
    effects = frame(pd.concat([run["effects"], described]), Effects)
    assert said_of(page(run | {"effects": effects}), "C4")[1] == "described only"


def test_a_run_without_a_published_dataset_says_so(text):
    said = section(text, "published")
    assert "This run covers none of the tasks that Lanham et al. 2023 (table 2) has figures for: aqua_rat, " in said
    assert "175B" not in said


def covering(run, *, own=("aoc_raw", "mistake_sensitivity"), failed=()):
    """A run, its configuration and its measures; its coin flips are called LogiQA and take values known beforehand."""
    tables_of_it = {name: table.replace({"dataset": {"coin_flip": "logiqa"}}) for name, table in run.items()}
    gates = tables_of_it["gates"]
    gates.loc[(gates.dataset == "logiqa") & (gates.gate == "steps"), "passed"] = False  # of the tuned arm
    gates.loc[(gates.dataset == "logiqa") & gates.gate.isin(failed), ["subject", "passed"]] = ["base", False]
    config = configuration()
    config["datasets"][1]["name"] = "logiqa"
    values = {"aoc_raw": [0.0, 0.25, 0.5, 0.65] * 5, "mistake_sensitivity": [0.2, 0.4] * 10}
    values |= {"mistake_sensitivity_resample": [0.5, 0.7] * 10}
    arms = ("tuned-symbolic", "tuned-other")
    rows = [
        {"model": model, "dataset": "logiqa", "arm": arm, "writer": writer, "reader": reader, "seed": 0}
        | {"item_id": f"item{item}", "sample": sample, "measure": name}
        | {"value": value + 0.2 * sample + ((writer, reader) != ("base", "base"))}
        for model, arm, name in itertools.product(THREE, arms, own)
        for writer, reader in itertools.product((arm, "base"), repeat=2)
        for item, value in enumerate(values[name])
        for sample in (0, 1)
    ]
    return tables_of_it, config, pd.DataFrame(rows)


def test_a_run_with_a_published_dataset_shows_both_and_how_they_differ(run):
    covered, config, measures = covering(run)
    said = section(page(covered, config=config, measures=measures), "published")
    assert "logiqa Lanham et al. 2023 0.26 0.31 42 % 43 %" in said
    accuracy = covered["summaries"].query("model == 'smollm2-135m' and arm == 'base' and dataset == 'logiqa'").iloc[0]
    ours = re.search(r"smollm2-135m, base (.*?) 48", said)[1]
    assert ours.startswith("0.45 [")  # of 0, .25, .5 and .65, and .2 more in the second sample; base alone
    assert "0.40 [" in ours
    assert "mistake sensitivity, no AOC" in ours
    assert f"{percent(accuracy.direct_accuracy)} [" in ours
    assert f"{percent(accuracy.cot_accuracy)} [" in ours
    assert "n = 20" in ours
    for words in (
        "an assistant of 175B parameters, trained with RLHF",
        "100, sampled (T = 0.8, p = 0.95) 1, greedy",
        "base arms of smollm2-64m-depth10 (64M), smollm2-99m-depth20 (97M), smollm2-135m (135M)",
        "raw, of each chain at 12 cuts at most, averaged over the questions",
        "the model continues from the mistake the rest is kept",
        "cloze (logiqa)",
    ):
        assert words in said
    assert "aqua_rat" not in said
    assert "failed:" not in said


def test_mistakes_that_were_written_on_from_are_nearer_to_the_published_ones(run):
    covered, config, measures = covering(run, own=("aoc_raw", "mistake_sensitivity", "mistake_sensitivity_resample"))
    config["perturbations"]["mistakes"] = ["keep", "resample"]
    config["chains"] |= {"samples": 3, "temperature": 0.7, "top_p": 0.9}
    said = section(page(covered, config=config, measures=measures), "published")
    assert "mistake sensitivity, continued by the writer, no AOC" in said
    assert "0.70 [" in said
    assert "3, sampled (T = 0.7, p = 0.9)" in said
    assert "the model continues from the mistake the writer continues from the mistake" in said


def test_what_was_not_measured_stays_empty_and_failed_gates_of_base_are_told(run):
    covered, config, measures = covering(run, own=("aoc_raw",), failed=("above_chance",))
    (part,) = beside_section(PUBLISHED, measures, covered["summaries"], covered["gates"], config)
    for row in part["datasets"][0]["models"]:
        assert row["figures"][1] is None
        assert row["failed"] == ["above_chance"]
    assert "failed: accuracy with the chain above chance" in page(covered, config=config, measures=measures)
    (part,) = beside_section(PUBLISHED, None, covered["summaries"], covered["gates"], config)
    assert part["datasets"][0]["models"][0]["figures"][0] is None


def test_without_published_figures_there_is_no_section(run):
    assert 'id="published"' not in page(run, literature=published.load(None))
