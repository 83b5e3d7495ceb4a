"""The order of the wings, the size of modules and functions, and what everything depends on."""

import ast
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path

from tests.hashes import closures
from tests.runs import ROOT

LIBRARY = ROOT / "scripts/faithfulness"
# A module may import modules of its own wing, of wings on its own line, and of the lines above; no circle among wings.
ORDER = (
    ("config", "tables", "hashing", "segments", "templates", "prompts", "text", "answers"),
    ("arms", "prepare"),
    ("backends",),
    ("finetune", "chains", "perturb"),
    ("rescore",),
    ("compare",),
    ("calibrate", "figures"),
    ("report",),
    ("operate",),
    ("__main__",),
)
LINES = {wing: number for number, wings in enumerate(ORDER, start=1) for wing in wings}
BOTTOM = ("operate.job", "operate.code_hash", "operate.versions")  # import no wing, so that any module may import them
# Modules that more than two thirds of the scripts may depend on.
COMMON = {"tables.io", "tables.fields", "config.base", "operate.job", "operate.code_hash", "text", "hashing"}


def name_of(file: Path) -> str:
    """The name of a module within the library."""
    parts = file.relative_to(LIBRARY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {name_of(file): file for file in sorted(LIBRARY.rglob("*.py")) if file.stat().st_size and name_of(file)}
TREES = {name: ast.parse(file.read_text()) for name, file in FILES.items()}


def imports(tree: ast.AST) -> set[str]:
    """The modules of the library that a module imports, at its top or inside of functions."""
    origins = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    dotted = {f"{node.module}{name}" for node in origins for alias in node.names for name in ("", f".{alias.name}")}
    dotted |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return {name.removeprefix("faithfulness.") for name in dotted if name.startswith("faithfulness.")} & set(FILES)


def wing(module: str) -> str:
    return module.partition(".")[0]


GRAPH = {name: imports(tree) for name, tree in TREES.items()}


def test_every_module_is_in_a_wing() -> None:
    assert {wing(module) for module in GRAPH} == set(LINES)


def test_imports_are_absolute() -> None:
    nodes = [node for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert not [node for node in nodes if node.level]


def test_no_module_imports_a_wing_below() -> None:
    arrows = {(module, other) for module, others in GRAPH.items() for other in others if other not in BOTTOM}
    upward = {(a, b) for a, b in arrows if a in BOTTOM or LINES[wing(b)] > LINES[wing(a)]}
    assert not upward


def test_imports_have_no_circle() -> None:
    TopologicalSorter(GRAPH).prepare()
    wings: dict[str, set[str]] = {}
    for module, others in GRAPH.items():
        arrows = {wing(other) for other in others if other not in BOTTOM}
        wings.setdefault(wing(module), set()).update(arrows - {wing(module)})
    TopologicalSorter(wings).prepare()


def test_no_package_hands_its_modules_on() -> None:
    packages = {name for name, file in FILES.items() if file.name == "__init__.py"}
    own = {(module, other) for module in packages for other in GRAPH[module] if other.startswith(f"{module}.")}
    assert not own


def test_modules_are_at_most_400_lines() -> None:
    assert not {module for module, file in FILES.items() if len(file.read_text().splitlines()) > 400}


def test_functions_have_at_most_8_parameters() -> None:
    many = set()
    for module, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                names = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                if len([name for name in names if name.arg not in ("self", "cls")]) > 8:
                    many.add(f"{module}.{node.name}")
    assert not many


def test_few_modules_are_common() -> None:
    """A change of what nearly all scripts depend on runs nearly everything again, so that has to be little."""
    modules = closures(ROOT / "scripts")
    users = Counter(name for names in modules.values() for name in names)
    common = {name.removeprefix("faithfulness.") for name, count in users.items() if count > 2 / 3 * len(modules)}
    assert common - COMMON <= {"faithfulness"}


def test_any_is_rare() -> None:
    uses = [
        node for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "Any"
    ]
    assert len(uses) <= 80
