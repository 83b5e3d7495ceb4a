"""A change of code runs again what uses it, and nothing else; a change of words runs no model again."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from faithfulness.figures.registry import FIGURES
from faithfulness.operate import versions
from faithfulness.operate.code_hash import KEYWORDS, WORDS_ONLY, closure, code_hash
from faithfulness.perturb.registry import PERTURBATIONS
from tests.hashes import RULES, WITHOUT_WORDS, hashes
from tests.runs import ROOT, copy_project, snakemake
from tests.words import docstrings, edit_all, keywords, messages

MODEL_SCRIPTS = ("finetune", "warm_start", "write_chains", "paraphrase", "rescore_answers")
BACKENDS = {"transformers": "faithfulness.backends.transformers", "openai": "faithfulness.backends.openai"}


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """A copy of scripts/, and of the pins beside it, whose files a test may change."""
    copy = tmp_path / "scripts"
    shutil.copytree(ROOT / "scripts", copy, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "envs").mkdir()
    shutil.copy(ROOT / "envs/requirements.txt", tmp_path / "envs")
    return copy


def appended(scripts: Path, module: str) -> set[str]:
    """Scripts whose hash a new definition in a module of the library changes."""
    before = hashes(scripts)
    with (scripts / "faithfulness" / module).open("a") as file:
        file.write("\nNEW = 1\n")
    after = hashes(scripts)
    return {name for name in before if before[name] != after[name]}


def codes(scripts: Path) -> dict[str, dict[str, str]]:
    """The code of each module that counts for a script that runs a model."""
    return {
        name: {module: found.code for module, found in closure(scripts / f"{name}.py", words=False).items()}
        for name in MODEL_SCRIPTS
    }


def test_an_edited_sentence_runs_no_model_again(scripts: Path) -> None:
    """Every description, meaning, message, hint, label, caption and colour of every module is edited."""
    assert WITHOUT_WORDS.issuperset(MODEL_SCRIPTS)
    before, edited = codes(scripts), edit_all(scripts)
    assert {kind for kind in edited if not edited[kind]} <= {"caption"}, edited  # captions are files of report/captions
    after = codes(scripts)
    for name in MODEL_SCRIPTS:
        assert {module for module in before[name] if before[name][module] != after[name].get(module)} == set(), name


def test_modules_of_words_only_count_for_no_script(scripts: Path) -> None:
    before = hashes(scripts)
    for name in WORDS_ONLY:
        file = scripts.joinpath(*name.split(".")).with_suffix(".py")
        file.write_text(f"NEW = 1\n{file.read_text()}")
    assert hashes(scripts) == before


def test_modules_of_words_only_decide_nothing() -> None:
    """They are imported to start a job, whose logger is only written to, and to explain an error that ends a run."""
    for file in (ROOT / "scripts").rglob("*.py"):
        tree = ast.parse(file.read_text())
        name = ".".join(file.relative_to(ROOT / "scripts").with_suffix("").parts)
        origins = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        imported = {f"{node.module}.{alias.name}" for node in origins for alias in node.names}
        words = {dotted for dotted in imported if dotted.startswith(WORDS_ONLY)}
        if not words or name in (*WORDS_ONLY, "faithfulness.config.settings"):
            continue
        assert words <= {"faithfulness.operate.job"}, name
        written = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        names = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]
        assert all(id(node) in written for node in names if node.id in ("log", "job")), name


def test_words_decide_nothing_where_they_do_not_count() -> None:
    """No module that a model uses compares, looks up or indexes by an attribute or argument that holds words."""
    modules = {name for script in MODEL_SCRIPTS for name in closure(ROOT / "scripts" / f"{script}.py", words=False)}
    for name in sorted(modules):
        place = (ROOT / "scripts").joinpath(*name.split("."))
        file = place.with_suffix(".py") if place.with_suffix(".py").exists() else place / "__init__.py"
        for node in ast.walk(ast.parse(file.read_text())):
            deciding: list[ast.AST | None] = []
            if isinstance(node, ast.Compare):
                deciding = [node.left, *node.comparators]
            elif isinstance(node, ast.Subscript):
                deciding = [node.slice]
            elif isinstance(node, ast.Dict):
                deciding = [*node.keys]
            elif isinstance(node, ast.DictComp):
                deciding = [node.key]
            elif isinstance(node, ast.If | ast.IfExp | ast.While):
                deciding = [node.test]
            for part in deciding:
                name_of = getattr(part, "attr", None) or getattr(part, "id", None)
                assert name_of not in KEYWORDS, (file, ast.unparse(node))


def test_words_count_where_people_read_the_output(scripts: Path) -> None:
    name = "plot_effects"
    (scripts / f"{name}.py").write_text('draw(label="Effects")\n')
    before = code_hash(scripts / f"{name}.py"), code_hash(scripts / f"{name}.py", words=False)
    (scripts / f"{name}.py").write_text('draw(label="All effects")\n')
    after = code_hash(scripts / f"{name}.py"), code_hash(scripts / f"{name}.py", words=False)
    assert before[0] != after[0]
    assert before[1] == after[1]
    drawn = set(re.findall(r'code\(\s*"(plot_\w+|write_\w+|browse_\w+|compare_\w+)"', RULES))
    assert drawn & WITHOUT_WORDS <= {"write_chains"}


@pytest.mark.parametrize(
    ("before", "after", "counts"),
    [
        ('raise ValueError(f"{len(x)} is bad")', 'raise ValueError(f"bad: {x!r}")', False),
        ('raise ValueError("bad")', 'raise KeyError("bad")', True),
        ('raise OSError(28, "full")', 'raise OSError(30, "full")', True),
        ('raise ValueError(f"{fetch(x)} is bad")', 'raise ValueError(f"{erase(x)} is bad")', True),
        ('raise ValueError(f"{fetch(x)} is bad")', 'raise ValueError(f"bad: {fetch(x)}")', False),
        ('raise ValueError("a" + ", ".join(x) + "b")', 'raise ValueError("c" + ", ".join(x))', False),
        ("raise ValueError(x)", "raise ValueError(y)", True),
        ('log.info("%d rows", len(x))', 'log.info("rows: %d of %d", len(x), y)', False),
        ('log.info("rows")', "", False),
        ('log.info("%d", x := 1)', 'log.info("%d", x := 2)', True),
        ('log.info("%d", pop(x))', 'log.info("%d", x)', True),
        ('if x:\n    log.info("a")', 'if x:\n    log.info("b")', False),
        ('print("a")', 'print("b")', False),
        ('print("a", file=table)', 'print("b", file=table)', True),
        ('warnings.warn("a")', 'warnings.warn("b")', False),
        ('math.log("a")', 'math.log("b")', True),
        ('f(label="a")', 'f(label="b")', False),
        ('f(label=f"{x} a")', 'f(label=f"b {y}")', False),
        ('f(label="")', 'f(label="a")', True),
        ("f(label=a)", "f(label=b)", True),
        ('f(label=g("a"))', 'f(label=g("b"))', True),
        ('dict(label="a")', 'dict(label="b")', True),
        ('frame.assign(label="a")', 'frame.assign(label="b")', True),
        ('f(name="a")', 'f(name="b")', True),
        ('x["label"] = "a"', 'x["label"] = "b"', True),
        ('x = "a"', 'x = "b"', True),
        ('x: int = 1\n"""Words."""', "x: int = 1", False),
        ("if TYPE_CHECKING:\n    import torch", "", False),
        ("if TYPE_CHECKING:\n    x = 1\nelse:\n    x = 2", "if TYPE_CHECKING:\n    x = 1\nelse:\n    x = 3", True),
        ("if TYPE_CHECKING:\n    x = 1\nelse:\n    x = 2", "x = 2", False),
        ('log.info("%s", map(str, x))', 'log.info("%s", map(repr, x))', False),
        ('log.info("%s", map(fetch, x))', 'log.info("%s", map(erase, x))', True),
        ('log.info("%s", sorted(x, key=fetch))', 'log.info("%s", sorted(x, key=erase))', True),
        ("f(seed=1)", "f(seed=2)", True),
    ],
)
def test_what_counts(tmp_path: Path, before: str, after: str, counts: bool) -> None:
    script = toy(tmp_path, before)
    first = code_hash(script, words=False)
    script.write_text(after)
    assert (code_hash(script, words=False) != first) is counts


# The reverse: nothing goes stale in silence.


def toy(folder: Path, text: str, **modules: str) -> Path:
    """A project of one script, with a library of a package `wing` in it."""
    library = folder / "scripts/faithfulness"
    (library / "wing").mkdir(parents=True)
    (folder / "envs").mkdir()
    (folder / "envs/requirements.txt").write_text("torch==2.0.0\ntransformers==5.0.0\npandas==3.0.0\n")
    files = {"faithfulness/__init__.py": "", "faithfulness/wing/__init__.py": "", "toy.py": text}
    files |= {f"faithfulness/wing/{name}.py": module for name, module in modules.items()}
    for path, module in files.items():
        (folder / "scripts" / path).write_text(module)
    return folder / "scripts/toy.py"


@pytest.mark.parametrize(
    "statement",
    [
        "import faithfulness.wing.a",
        "from faithfulness.wing import a",
        "from faithfulness.wing.a import x",
        "def f():\n    from faithfulness.wing.a import x",
        'importlib.import_module("faithfulness.wing.a")',
        'MODULES = {"entry": "faithfulness.wing.a"}',
        "from faithfulness.wing import b",
        "from faithfulness.wing import c",
        "from faithfulness.wing import d",
        "import faithfulness.wing.e",
    ],
)
@pytest.mark.parametrize("module", ["__init__", "wing/__init__", "wing/a"])
def test_imports_of_every_form_count(tmp_path: Path, statement: str, module: str) -> None:
    script = toy(
        tmp_path,
        statement,
        a="x = 1",
        b="from . import a",
        c="from .a import x",
        d='def f():\n    import_module(".a", "faithfulness.wing")',
        e="from ..wing.a import x",
        unused="x = 1",
    )
    library = tmp_path / "scripts/faithfulness"
    before = code_hash(script, words=False)
    (library / "wing/unused.py").write_text("x = 2")
    assert code_hash(script, words=False) == before
    (library / f"{module}.py").write_text("x = 2")
    assert code_hash(script, words=False) != before


def test_extra_modules_count_and_modules_left_out_do_not(tmp_path: Path) -> None:
    script = toy(tmp_path, "from faithfulness.wing import b", a="x = 1", b="from . import c, d", c="x = 1", d="x = 1")
    library = tmp_path / "scripts/faithfulness/wing"

    def both() -> tuple[str, str]:
        extra = code_hash(script, extra=["faithfulness.wing.a"])
        return extra, code_hash(script, without=["faithfulness.wing.c"])

    before = both()
    (library / "a.py").write_text("x = 2")
    assert [old == new for old, new in zip(before, both(), strict=True)] == [False, True]
    before = both()
    (library / "c.py").write_text("x = 2")
    assert [old == new for old, new in zip(before, both(), strict=True)] == [False, True]
    with pytest.raises(ValueError, match=r"there is no module 'faithfulness\.wing\.none'"):
        code_hash(script, without=["faithfulness.wing.none"])


def test_names_put_together_at_run_time_are_named_by_the_rule() -> None:
    """`code_hash` cannot see such an import: rules whose scripts perturb chains, or draw, have to name the modules."""
    users = {"faithfulness/perturb/apply.py": ("perturb_chains", "calibrate"), "plot_figure.py": ("plot_figure",)}
    for file in (ROOT / "scripts").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
                assert isinstance(node.args[0], ast.Constant) or str(file.relative_to(ROOT / "scripts")) in users
    for script in (script for scripts in users.values() for script in scripts):
        assert re.search(rf'code\(\s*"{script}",\s*(?!words|without)\S', RULES), script


@pytest.mark.parametrize(
    ("module", "old", "uses"),
    [
        ("perturb/paraphrase.py", r"\bso\b", {"paraphrase", "perturb_chains paraphrase", "calibrate"}),
        ("answers/quantities.py", r"\[", {"rescore_answers", "calibrate"}),
        ("finetune/trainer.py", r"\b\d+\b", {"finetune", "warm_start"}),
        ("config/probing.py", re.escape('" ..."'), {"calibrate"}),
    ],
    ids=["rewording rule", "answer pattern", "number", "filler"],
)
def test_what_decides_an_answer_counts(scripts: Path, module: str, old: str, uses: set[str]) -> None:
    """The first text or number of this kind outside of comments and docstrings is edited."""
    before = hashes(scripts)
    file = scripts / "faithfulness" / module
    tree = ast.parse(file.read_text())
    nodes = list(ast.walk(tree))
    ignored = {id(node) for find in (docstrings, messages, keywords("description")) for node in find(nodes)}
    for node in nodes:
        if (
            isinstance(node, ast.Constant)
            and id(node) not in ignored
            and re.search(old, repr(node.value).replace("'", '"'))
        ):
            node.value = node.value + (1 if isinstance(node.value, int) else "x")
            break
    else:
        pytest.fail(f"nothing to edit in {module}")
    file.write_text(ast.unparse(tree))
    after = hashes(scripts)
    assert uses <= {name for name in before if before[name] != after[name]}


def test_cues_are_an_input_and_the_filler_a_parameter() -> None:
    """The cues are in the file of prompts, of which arms are made; what is made of an arm follows."""
    for rule in ("warm_start", "calibrate"):
        text = RULES.split(f"\nrule {rule}:")[1].split("\nrule ")[0]
        assert "prompts=SETTINGS.prompts" in text, rule
    assert RULES.count("filler=filler_read") == 3  # in warm_start, warm_start_again and finetune
    assert "filler" in PERTURBATIONS["filler"].needs
    assert "SETTINGS.perturbations.model_dump(include=set(needs_of(wildcards)))" in RULES


def test_figures_run_no_model_again(scripts: Path) -> None:
    """A figure's module counts for its own rule; what figures share counts for all of them."""
    figures = {f"plot_{figure.name}" for figure in FIGURES}
    assert appended(scripts, "figures/scale.py") == {"plot_scale"}
    assert appended(scripts, "figures/pairs.py") == {"compare_runs"}
    assert appended(scripts, "figures/theme.py") == {*figures, "compare_runs"}
    pages = {"compare_runs", "write_report", "browse_chains", "write_paper_kit"}
    assert appended(scripts, "figures/colours.py") == figures | pages


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_a_perturbation_runs_again_alone(scripts: Path, name: str) -> None:
    touched = appended(scripts, f"perturb/{name}.py")
    assert {script for script in touched if script.startswith("perturb_chains")} == {f"perturb_chains {name}"}
    assert "rescore_answers" not in touched


def test_steps_touch_what_uses_them(scripts: Path) -> None:
    touched = appended(scripts, "chains/steps.py")
    assert "write_chains" in touched
    assert not touched & {"prepare_items", "warm_start", "finetune", "rescore_answers", "compare_arms"}


@pytest.mark.parametrize("script", ["write_chains", "rescore_answers"])
def test_a_local_model_does_not_depend_on_servers_nor_a_served_one_on_torch(scripts: Path, script: str) -> None:
    path = scripts / f"{script}.py"

    def both() -> tuple[str, str]:
        local = code_hash(path, words=False, without=[BACKENDS["openai"]])
        return local, code_hash(path, words=False, without=[BACKENDS["transformers"]])

    for module, unchanged in (("backends/openai.py", 0), ("backends/tree_attention.py", 1)):
        before = both()
        appended(scripts, module)
        after = both()
        assert [i for i in (0, 1) if before[i] == after[i]] == [unchanged], module
    assert "unused_backends_of" in RULES.split(f"\nrule {script}:")[1].split("\nrule ")[0]


def test_every_rule_has_the_hash_of_its_own_script() -> None:
    names, bodies = (re.split(r"(?m)^ *rule (\w+):$", RULES)[start::2] for start in (1, 2))
    assert {"paraphrase", "add_mistakes", "gather_chains", "compare_arms"} <= set(names)
    for name, body in zip(names, bodies, strict=True):
        script = re.search(r'"\.\./scripts/(\w+)\.py"', body)
        assert script, name
        assert script[1] == name or name.startswith("gather_"), name
        # The hash of a perturbation depends on the wildcards (inputs.smk).
        hashed = body if name != "perturb_chains" else RULES
        assert "code=" in body, name
        assert re.search(rf'code\(\s*"{script[1]}"', hashed), name


# Versions of libraries.


def pin(scripts: Path, library: str, version: str) -> None:
    file = scripts.parent / "envs/requirements.txt"
    text, count = re.subn(rf"(?m)^{library}==\S+$", f"{library}=={version}", file.read_text())
    assert count == 1, library
    file.write_text(text)


@pytest.mark.parametrize("library", ["torch", "transformers", "tokenizers", "peft", "bitsandbytes"])
def test_a_changed_pin_runs_models_again(scripts: Path, library: str) -> None:
    before = hashes(scripts)
    pin(scripts, library, "99.0")
    after = hashes(scripts)
    touched = {name for name in before if before[name] != after[name]}
    assert touched.issuperset(MODEL_SCRIPTS)
    assert not touched & {"measure_chains", "plot_scale", "plan_items"}


def test_a_changed_pin_of_scipy_runs_the_comparison_again(scripts: Path) -> None:
    before = hashes(scripts)
    pin(scripts, "scipy", "99.0")
    after = hashes(scripts)
    touched = {name for name in before if before[name] != after[name]}
    assert "compare_arms" in touched
    assert not touched.intersection(MODEL_SCRIPTS)


def test_a_changed_pin_of_pandas_runs_the_statistics_again_alone(scripts: Path) -> None:
    before = hashes(scripts)
    pin(scripts, "pandas", "99.0")
    after = hashes(scripts)
    touched = {name for name in before if before[name] != after[name]}
    assert touched.issuperset({"measure_chains", "describe_arms", "estimate_effects", "compare_arms", "compare_scales"})
    assert not touched.intersection(MODEL_SCRIPTS)


def test_local_build_labels_do_not_count(scripts: Path) -> None:
    before = hashes(scripts)
    pin(scripts, "torch", f"{versions.pins()['torch']}+cu130")
    assert hashes(scripts) == before


def test_every_decisive_library_is_pinned() -> None:
    assert set(versions.pins()).issuperset(versions.DECISIVE)
    assert set(versions.DECISIVE).issuperset({name for names in versions.BENEATH.values() for name in names})


def test_another_version_than_the_pinned_one_is_refused(tmp_path: Path) -> None:
    versions.check()
    requirements = tmp_path / "requirements.txt"
    installed = versions.installed("torch")
    requirements.write_text(f"torch=={installed}+cu130\nbitsandbytes-of-no-use==1.0\n")
    versions.check(requirements)
    requirements.write_text("torch==1.0.0+cpu\nnumpy==1.0\n")
    with pytest.raises(versions.VersionError, match=rf"torch {re.escape(str(installed))} \(pinned: 1\.0\.0\)") as error:
        versions.check(requirements)
    assert "make setup" in str(error.value)


def test_a_job_with_another_version_stops_before_it_works(scripts: Path, tmp_path: Path) -> None:
    pin(scripts, "torch", "1.0.0")
    log = tmp_path / "job.log"
    code = f"from faithfulness.operate import job; job.start([{str(log)!r}]); print('works')"
    done = subprocess.run([sys.executable, "-c", code], cwd=scripts, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "works" not in done.stdout
    assert "pinned: 1.0.0" in log.read_text()


def test_a_run_with_another_version_does_not_start(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    pin(project / "scripts", "torch", "1.0.0")
    done = snakemake(project, "--dry-run")
    assert done.returncode != 0
    assert "pinned: 1.0.0" in done.stderr
    assert "Traceback" not in done.stderr
