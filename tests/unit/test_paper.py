"""The paper kit says what the tables and the configuration say, compiles in principle, and cites what it uses."""

import re
import string
from pathlib import Path

import bibtexparser
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faithfulness.arms.record import ServedWeights
from faithfulness.compare import claims
from faithfulness.config.datasets import CoinFlip
from faithfulness.config.recipes import Recipe
from faithfulness.operate.provenance.software import installed_versions
from faithfulness.report import paper, paper_tables
from faithfulness.report.labels import label
from faithfulness.report.paper import PACKAGES, SOFTWARE, SOURCES
from faithfulness.report.paper_languages import LATEX, MARKDOWN, latex_escape, markdown_escape, render
from faithfulness.tables import io
from faithfulness.tables.statistics import Effects
from faithfulness.text import number, signed
from tests.factories import ADAPTER, FULL, SIX, THREE, make_arm, make_run
from tests.unit.test_report import CAPTIONS, HOSTILE, PAGE, configuration, page

# The parser of BibTeX speaks to pyparsing by old names.
pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning")

ROOT = Path(__file__).parents[2]
TEMPLATES = {file.name: file.read_text("utf-8") for file in (PAGE / "paper").iterdir()}
DECLARED = claims.load(ROOT / "config/claims.yaml")
PROMPTS = {
    "version": 1,
    "chain_prefill": "Let's think step by step.",
    "chain_cue": "\nAnswer:",
    "direct_cue": "Final:",
    "second_turn": "So?",
}
PARAPHRASER = {"source": {"uri": "path:larger"}, "candidates": 3, "temperature": 0.7, "top_p": 0.9}
NASTY = "100% of_it & #1 ~ ^2 {a} \\b $x$ <i> \"q\" 'r' `s` | \u2013 \u2212 é ß 漢 🙂 \u202e --"
LANGUAGES = [LATEX, MARKDOWN]


@pytest.fixture(scope="module")
def run():
    return make_run()


def methods(run, config=None, dtype="float32", **changes):
    config = config or configuration()
    weights = {"base": FULL} | {arm["name"]: FULL if arm["method"] == "full" else ADAPTER for arm in config["arms"]}
    arms = [
        make_arm(model["name"], arm, weights=held, dtype=dtype)
        for model in config["models"]
        for arm, held in weights.items()
    ]
    arms = [arm.model_copy(update={"prompts": arm.prompts.model_copy(update=PROMPTS)}) for arm in arms]
    return paper.methods_context(
        config=config,
        claims=DECLARED,
        effects=run["effects"],
        summaries=run["summaries"],
        gates=run["gates"],
        arms=arms,
        versions=installed_versions(PACKAGES),
    ) | dict(changes)


def test_four_bits_are_named(run):
    config = configuration()
    config["arms"][0] |= {"method": "qlora"}
    shown = methods(run, config)
    shown["models"] = [
        model | paper.loaded(make_arm(dtype="bfloat16", quantisation="nf4")) for model in shown["models"]
    ]
    text = render(TEMPLATES["methods.j2"], shown, LATEX)
    assert "bfloat16, linear layers in 4 bits" in text
    assert "low-rank adaptation of all linear layers" in text
    assert r"on weights in 4 bits \cite{dettmers2023qlora} with rank" in text


def test_servers_are_named(run):
    shown = methods(run)
    served = make_arm(dtype="server", weights=ServedWeights(name="big", base_url="", turn="question"))
    shown["models"] = [model | paper.loaded(served) for model in shown["models"][:1]] + shown["models"][1:]
    text = render(TEMPLATES["methods.j2"], shown, MARKDOWN)
    assert "layers, on a server; weights from" in text
    assert f"it was requested in a second turn: `{PROMPTS['second_turn']}`" in text


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.suffix)
def test_the_test_of_following_and_what_a_verdict_needs_are_described(run, language):
    text = render(TEMPLATES["methods.j2"], methods(run), language)
    assert "by changing one fact or result and carrying it through all later steps or by taking the whole chain" in text
    assert "with 1 of each kind for each chain" in text
    assert "Further perturbations" not in text
    assert "(C3: common words and steps of the same writer on another question), another cue" in text
    assert "No placebo was trained" in text
    assert "no room for an effect of the margin" in text
    assert "(prompts of version 1). At every step" in text


def test_a_placebo_is_described_with_its_models_and_its_rule(run):
    config = configuration()
    placebo = {"name": "placebo-symbolic", "placebo": {"of": "tuned-symbolic", "target": "random"}}
    config["arms"].append(placebo | {"models": ["smollm2-135m"], "seeds": None, "seed": 3, "method": "lora"})
    text = render(TEMPLATES["methods.j2"], methods(run, config), MARKDOWN)
    assert "The arm `placebo-symbolic` (of `smollm2-135m`) is a control" in text
    assert "tuned minus base and tuned minus placebo" in text
    assert "No placebo was trained" not in text
    shown = page(run, config=config)
    assert "<td>the recipe of tuned-symbolic on options drawn at random</td><td>smollm2-135m</td>" in shown


def frames(run):
    return {
        "effects": paper_tables.effects_table(run["effects"], DECLARED.primary),
        "accuracy": paper_tables.accuracy_table(run["summaries"]),
        "gates": paper_tables.gates_table(run["gates"]),
        "scale": paper_tables.scale_table(run["effects"], run["scale_fits"]),
        "measures": paper_tables.measures_table(run["effects"]),
    }


def with_scale(run):
    """A run whose effects hold a contrast of sizes, judged at equal gain and described without it."""
    row = run["effects"].iloc[[1]].assign(claim="C5", model="smallest-largest", parameters=None, verdict="supported")
    sizes = [row.assign(contrast="scale_equal_gain"), row.assign(contrast="scale", verdict="", estimate=0.77)]
    return run | {"effects": io.frame(pd.concat([run["effects"], *sizes]), Effects)}


def kit(run, config=None):
    """All LaTeX files of a kit, and its BibTeX file."""
    shown = methods(run, config)
    texts = {name: paper_tables.table(frame, name, LATEX, 0.95) for name, frame in frames(run).items()}
    texts["methods"] = render(TEMPLATES["methods.j2"], shown, LATEX)
    figures = [paper.figure(Path(file), CAPTIONS) for file in ("effects.pdf", "retention/m_1.pdf")]
    texts["paper"] = render(TEMPLATES["paper.tex.j2"], {"tables": list(frames(run)), "figures": figures}, LATEX)
    bib = paper.references(TEMPLATES["references.bib.j2"], texts["methods"], shown["versions"], paper.unknown(shown))
    return texts, bib


def cited(text):
    return {key for keys in re.findall(r"\\cite\{([^}]*)\}", text) for key in keys.split(",")}


def parsed(bib):
    return {entry["ID"]: entry for entry in bibtexparser.loads(bib).entries}


def holds_together(text):
    """Braces balance, environments close in order, and nothing is left that LaTeX would read as a mark."""
    depth = 0
    for mark in re.findall(r"(?<!\\)(?:\\\\)*([{}])", text):
        depth += 1 if mark == "{" else -1
        assert depth >= 0
    assert depth == 0
    opened = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", text):
        if kind == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert opened == []
    words = re.sub(r"(?m)(?<!\\)%.*$", "", text)  # comments
    words = re.sub(r"\\(includegraphics(\[[^]]*\])?|label|input)\{[^}]*\}", "", words)  # names of files and labels
    assert not re.findall(r"(?<!\\)[#_^]", words)
    assert len(re.findall(r"(?<!\\)\$", words)) % 2 == 0
    assert all(char.isascii() or char in "éßÉüöäèñÆøšžőå" for char in words)


# --- the languages ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "latex", "markdown"),
    [
        ("last_letters", r"last\_letters", r"last\_letters"),
        ("95 % & #1", r"95 \% \& \#1", r"95 % \& \#1"),
        ("~^\\", r"\textasciitilde{}\textasciicircum{}\textbackslash{}", r"\~\^\\"),
        ("{$x$}", r"\{\$x\$\}", r"\{\$x\$\}"),
        ("\u22120.17", "$-$0.17", "\u22120.17"),
        ("caf\u00e9 \u00df", "caf\u00e9 \u00df", "caf\u00e9 \u00df"),
        ("\u6f22", r"\texttt{U+6F22}", "\u6f22"),
        ("\U0001f642", r"\texttt{U+1F642}", "\U0001f642"),
        ("a--b", "a-{}-b", "a--b"),
        ("two\nlines", "two lines", "two lines"),
        ("[@key] *b* | c", r"[@key] *b* \textbar{} c", r"\[\@key\] \*b\* \| c"),
        ("<script>", r"\textless{}script\textgreater{}", r"\<script\>"),
    ],
)
def test_texts_are_shown_as_they_are(text, latex, markdown):
    assert latex_escape(text) == latex
    assert markdown_escape(text) == markdown


@given(st.text(max_size=40))
def test_no_text_can_break_a_latex_document(text):
    for shown in (latex_escape(text), LATEX.code(text)):
        bare = shown.replace(r"\textbackslash{}", "")
        assert re.sub(r"\\[{}]", "", bare).count("{") == re.sub(r"\\[{}]", "", bare).count("}")
        assert not re.search(r"(?<!\\)[%#_&^]", bare)
        assert "\n" not in shown
        assert set(re.findall(r"\\([a-z]+)", shown)) <= {
            *("textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater", "textbar"),
            *("textquotedbl", "textasciigrave", "textperiodcentered", "texttt", "allowbreak"),
        }


@given(st.text(alphabet=string.printable, max_size=40))
def test_no_text_can_leave_its_cell_of_a_markdown_table(text):
    table = MARKDOWN.table(pd.DataFrame({"Name": [text]}), "A caption.", "name")
    row = table.splitlines()[2]
    assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) == 2


@pytest.mark.parametrize("text", ["plain", "a`b", "``", "a ``b`` c"])
def test_code_in_markdown_ends_where_its_text_ends(text):
    shown = MARKDOWN.code(text)
    fence = re.match("`+", shown)[0]
    inside = shown[len(fence) : -len(fence)]
    assert inside.strip() == text
    assert fence not in re.findall("`+", inside)


# --- the tables ---------------------------------------------------------------------------------


def test_effects_are_those_of_the_primary_family(run):
    data = paper_tables.effects_table(run["effects"], DECLARED.primary)
    expected = run["effects"][run["effects"].claim.isin(["C1", "C2", "C3"])]
    assert len(data) == len(expected) == 36
    for row, source in zip(data.itertuples(index=False), expected.itertuples(), strict=True):
        interval = f"[{number(source.ci_low)}, {number(source.ci_high)}]"
        assert row.Effect == f"{signed(source.estimate)} {interval}"
        assert (row.Dataset, row.Model, row.Verdict) == (source.dataset, source.model, source.verdict)
    assert set(data["p (Holm)"]) == {"0.018"}
    assert "Arm" not in data
    assert set(paper_tables.effects_table(run["effects"], ["C2"]).Claim) == {"C2"}


def test_every_measure_of_a_cell_has_its_effects(run):
    data = paper_tables.measures_table(run["effects"])
    plain = run["effects"].query("contrast == 'plain' and dataset != 'pooled'")
    cells = ["dataset", "model", "measure"]
    assert len(data) == len(plain[cells].drop_duplicates())
    source = plain.query("component == 'reading'").iloc[0]
    row = data[(data.Dataset == source.dataset) & (data.Model == source.model)]
    row = row[row.Measure == label(source.measure)].iloc[0]
    assert row.Reading == f"{signed(source.estimate)} [{number(source.ci_low)}, {number(source.ci_high)}]"
    without_total = paper_tables.measures_table(run["effects"][run["effects"].component != "total"])
    assert set(without_total.Total) == {""}
    assert list(without_total.Reading) == list(data.Reading)


def test_arms_are_named_where_there_are_several():
    run = make_run(tuned=("tuned-a", "tuned-b"))
    assert set(paper_tables.effects_table(run["effects"], DECLARED.primary).Arm) == {"tuned-a", "tuned-b"}
    assert set(paper_tables.accuracy_table(run["summaries"]).Arm) == {"base", "tuned-a", "tuned-b"}


def test_accuracies_of_an_arm_stand_below_those_of_its_base(run):
    data = paper_tables.accuracy_table(run["summaries"])
    assert list(data.Arm) == ["base", "tuned-symbolic"] * (len(data) // 2)
    assert list(data.Model[:6:2]) == list(THREE)
    source = run["summaries"].query("dataset == 'coin_flip' and arm == 'base'").iloc[0]
    ends = [number(getattr(source, f"direct_accuracy{end}")) for end in ("", "_low", "_high")]
    assert data["Without chain"][0] == f"{ends[0]} [{ends[1]}, {ends[2]}]"


def test_gates_tell_what_was_measured_and_the_limit(run):
    data = paper_tables.gates_table(run["gates"])
    assert set(data.Dataset) == {"commonsense_qa"}
    assert list(data.Model) == list(THREE)
    assert set(zip(data.Gate, data["Looked at"], data.Measured, data.Limit, strict=True)) == {
        ("above chance", "tuned-symbolic", "0.25", "0.20")
    }
    assert paper_tables.gates_table(make_run(closed=())["gates"]).empty


def test_scale_tells_the_contrast_and_the_slope(run):
    data = paper_tables.scale_table(with_scale(run)["effects"], run["scale_fits"])
    source = run["effects"].iloc[1]
    fit = run["scale_fits"].query("dataset == @source.dataset and measure == @source.measure").iloc[0]
    assert list(data.Slope) == [signed(fit.slope)]
    assert data["Smallest minus largest"][0].startswith(signed(source.estimate))
    assert list(data.Verdict) == ["supported"], "what is only described is in no table of verdicts"


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.suffix)
def test_a_table_without_rows_is_a_comment(run, language):
    text = paper_tables.table(paper_tables.scale_table(run["effects"], run["scale_fits"]), "scale", language, 0.95)
    assert text.startswith(("% No rows", "<!-- No rows"))
    assert text.count("\n") == 1


def test_long_tables_are_broken_across_pages():
    few, many = (
        paper_tables.table(frames(make_run(models=models))["effects"], "effects", LATEX, 0.975) for models in (OWN, SIX)
    )
    assert r"\begin{table}[t]" in few
    assert r"\begin{longtable}" in many
    assert r"\toprule" in few
    assert r"\label{tab:effects}" in few
    assert r"with 97.5~\% intervals" in few


OWN = {"smollm2-135m": 134_515_008}

# --- the methods --------------------------------------------------------------------------------


def plain(text):
    """A methods text without the marks of its language."""
    text = re.sub(r"\\allowbreak\{\}", "", text).replace("~", " ").replace("\u00a0", " ")
    return re.sub(r"\s+", " ", re.sub(r"\\(?:texttt|paragraph|cite)\{([^}]*)\}|\\(?=\W)|[`*]|\[@[^\]]*\]", r"\1", text))


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.suffix)
def test_every_number_comes_from_configuration_or_tables(run, language):
    config = configuration()
    config["models"][1]["warm_start"] = Recipe(
        method="full", target="rationale", datasets=["coin_flip"], steps=71, batch_size=13, learning_rate=7e-4, seed=5
    ).model_dump()
    config["arms"][0] |= {"steps": 41, "rank": 6, "alpha": 9, "learning_rate": 3e-3, "replay": 0.3, "seed": 8}
    config["statistics"] |= {"resamples": 4321, "confidence": 0.975, "seed": 11}
    config["perturbations"] |= {"filler": " %%", "max_cuts": 7, "seed": 3}
    config["chains"] |= {"samples": 4, "temperature": 0.8, "top_p": 0.95, "seed": 2}
    config["datasets"][0] |= {"train": 77, "seed": 17}
    text = plain(render(TEMPLATES["methods.j2"], methods(run, config, dtype="bfloat16"), language))
    for said in (
        "134,515,008 parameters, all layers, bfloat16",
        "10 evenly spaced layers",
        "71 steps of 13 examples on coin_flip (AdamW, peak learning rate 0.0007, linear decay), seed 5",
        "rank 6 and alpha 9: 41 steps of 16 examples on coin_flip",
        "peak learning rate 0.003, linear decay), seed 8",
        "made up 30 % of the examples",
        "48 evaluation and up to 77 training questions, none in common (seed 17)",
        "(4 per question, temperature 0.8, top-p 0.95, seed 2)",
        "at 7 evenly spaced ones",
        "as many tokens of %% (filler)",
        "97.5 % BCa bootstrap intervals",
        "(4,321 resamples, seed 11)",
        f"hash {DECLARED.hash}",
        "3 of 9 combinations failed a gate",
    ):
        assert said in text.replace("\\", ""), said


def test_methods_differ_with_what_was_done(run):
    config = configuration()
    usual = render(TEMPLATES["methods.j2"], methods(run), MARKDOWN)
    assert "randomness of training" in usual
    assert "readers of known faithfulness" not in usual
    assert "written greedily" in usual
    of_placebo = run["effects"][:1].assign(contrast="base_chains", seed_error=0.02)
    widened = run | {"effects": pd.concat([run["effects"], of_placebo], ignore_index=True)}
    of_placebos = "and its placebo 3 times or more"
    assert of_placebos in render(TEMPLATES["methods.j2"], methods(widened), MARKDOWN)
    # Trainings of the arm itself are no spread of a placebo; and two trainings do not hide that of a placebo.
    for seeds, said in ((3, False), (2, True)):
        several = widened | {"effects": widened["effects"].assign(n_seeds=seeds)}
        assert (of_placebos in render(TEMPLATES["methods.j2"], methods(several), MARKDOWN)) == said
    changed = run | {"effects": run["effects"].assign(n_seeds=3, calibration="validated")}
    config["arms"][0] |= {"method": "full", "seeds": [0, 1, 2]}
    other = render(TEMPLATES["methods.j2"], methods(changed, config), MARKDOWN)
    assert "seeds 0, 1, 2" in other
    assert "With 3 training seeds or more" in other
    assert "readers of known faithfulness" in other


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.suffix)
def test_a_paraphraser_is_named_and_cited(run, language):
    config = configuration()
    assert "reworded by rules" in render(TEMPLATES["methods.j2"], methods(run, config), language)
    config["perturbations"] |= {"paraphraser": PARAPHRASER, "seed": 3}
    shares = run["summaries"].assign(paraphrase_model=[0.25, *[0.5] * (len(run["summaries"]) - 1)])
    shown = methods(run | {"summaries": shares}, config)
    text = plain(render(TEMPLATES["methods.j2"], shown, language)).replace("\\", "")
    assert "or reworded by path:larger, which saw each step by itself" in text
    assert "at most 3 wordings sampled of a step, temperature 0.7, top-p 0.9, seed 3" in text
    assert "the words are the model's in 25 % to 50 % of the steps" in text
    assert "the paraphraser" in paper.unknown(shown)


def test_datasets_in_uneven_turns(run):
    config = configuration()
    config["arms"][0]["datasets"] = ["coin_flip", "last_letters", "coin_flip"]
    text = render(TEMPLATES["methods.j2"], methods(run, config), MARKDOWN)
    assert "on `coin_flip` and `last_letters` in turn, 2 to 1, (AdamW" in text
    assert "<td>coin_flip (2 of 3), last_letters (1 of 3)</td>" in page(run, config=config)


def test_models_that_share_a_warm_start_are_described_together(run):
    config = configuration()
    recipe = Recipe(datasets=["coin_flip"]).model_dump()
    for model in config["models"]:
        model["warm_start"] = dict(recipe)
    (start,) = methods(run, config)["warm_starts"]
    assert start["models"] == list(THREE)


# --- what holds the kit together ----------------------------------------------------------------


def test_the_kit_compiles_in_principle(run):
    texts, _ = kit(with_scale(run))
    for text in texts.values():
        holds_together(text)
    for name in (*frames(run), "methods"):
        assert rf"\input{{{name}.tex}}" in texts["paper"]
    assert r"{figures/retention/m_1.pdf}" in texts["paper"]
    assert r"\caption{Effects of fine-tuning on the primary measures. Tuned minus base" in texts["paper"]


@pytest.mark.parametrize("name", [NASTY, HOSTILE])
def test_names_of_any_kind_stay_names(name):
    run = make_run(models={name: 10**8}, tuned=(name,), datasets=(name,), closed=(name,))
    run["gates"].loc[:, "subject"] = name
    config = configuration()
    config["models"] = [config["models"][0] | {"name": name}]
    config["datasets"] = [config["datasets"][0] | {"name": name}]
    config["arms"][0] |= {"name": name, "datasets": [name], "models": [name]}
    config["models"][0]["source"] = config["datasets"][0]["source"] = {"uri": f"path:{name}", "file": name}
    config["perturbations"]["filler"] = name
    texts, bib = kit(with_scale(run), config)
    for text in texts.values():
        holds_together(text)
    assert set(parsed(bib)) == cited(texts["methods"])
    markdown = paper_tables.table(frames(run)["effects"], "effects", MARKDOWN, 0.95)
    assert "<i>" not in markdown.replace(r"\<i\>", "")
    assert HOSTILE not in markdown


def test_what_is_cited_is_listed_and_what_is_listed_is_cited(run):
    texts, bib = kit(run)
    entries = parsed(bib)
    assert set(entries) == cited(texts["methods"])
    assert len(entries) == len(re.findall("(?m)^@", bib))
    assert {"lobo2025impact", "lanham2023measuring", "hu2022lora", "efron1987better", "holm1979simple"} <= set(entries)
    for entry in entries.values():
        assert {"title", "author", "year"} <= set(entry)
        assert "doi" in entry or "url" in entry
    assert entries["virtanen2020scipy"]["note"] == f"Version {installed_versions(['scipy'])['scipy']}"
    assert "{{" not in bib


def test_every_entry_can_be_cited_and_is_parsed():
    """No entry of the template is dead: each is cited by some configuration."""
    keys = {entry["ID"] for entry in bibtexparser.loads(TEMPLATES["references.bib.j2"]).entries}
    written = set(re.findall(r'"(\w+)" \| cite', TEMPLATES["methods.j2"]))
    assert keys == written | set(SOURCES.values()) | set(SOFTWARE.values())
    assert set(SOFTWARE) <= set(PACKAGES)


def test_only_what_was_used_is_cited(run):
    config = configuration()
    config["arms"][0]["method"] = "full"
    _, bib = kit(run, config)
    assert not {"hu2022lora", "mangrulkar2022peft", "talmor2019commonsenseqa", "allal2025smollm2"} & set(parsed(bib))
    config["models"][0]["source"] = {"uri": "hub:HuggingFaceTB/SmolLM2-135M-Instruct", "file": None}
    config["datasets"][0]["source"] = {"uri": "path:data", "file": "CommonsenseQA/validation.jsonl"}
    _, bib = kit(run, config)
    assert {"talmor2019commonsenseqa", "allal2025smollm2"} <= set(parsed(bib))


def test_arms_trained_elsewhere_are_named(run):
    config = configuration()
    config["arms"][0]["source"] = {"uri": "hub:org/adapter"}
    text = render(TEMPLATES["methods.j2"], methods(run, config), MARKDOWN)
    assert "was trained elsewhere and taken from `hub:org/adapter`." in text
    assert "learning rate" not in text


def test_sources_without_a_reference_are_named(run):
    config = configuration()
    config["models"][0]["source"] = {"uri": "random:llama"}
    config["datasets"][0] = CoinFlip(name="coins", task="coin_flip").model_dump()
    shown = methods(run, config)
    assert paper.unknown(shown) == [*list(THREE)[1:], "coin_flip", "commonsense_qa"]
    bib = paper.references(TEMPLATES["references.bib.j2"], r"\cite{wei2022chain}", shown["versions"], ["m_1"])
    assert bib.startswith("% ")
    assert "m_1" in bib.splitlines()[0]
    assert list(parsed(bib)) == ["wei2022chain"]


def test_a_key_without_an_entry_is_an_error():
    with pytest.raises(ValueError, match="no BibTeX entry for nobody1900nothing"):
        paper.references(TEMPLATES["references.bib.j2"], r"\cite{nobody1900nothing}", {}, [])
