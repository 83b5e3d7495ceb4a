"""What code a script depends on, so that Snakemake runs again what a change touches and nothing else.

Snakemake tracks a rule's script but not the modules that it imports. `code_hash` covers the
script and all project modules that it imports, directly or through others; comments, docstrings
and formatting do not count.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def code_hash(script: Path) -> str:
    """Hash of a script's code and of the import closure of its project modules."""
    seen: dict[Path, str] = {}
    waiting = [script]
    while waiting:
        file = waiting.pop()
        if file not in seen:
            seen[file], imported = _read(file)
            waiting += imported
    parts = [seen[file] for file in sorted(seen)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


@cache
def _read(file: Path) -> tuple[str, list[Path]]:
    """A module's code, and the files that it imports: once a module, as most scripts share most of them."""
    tree = ast.parse(file.read_text("utf-8"))
    imported = sorted(_imported(tree))
    return ast.unparse(_without_docstrings(tree)), imported


def _imported(tree: ast.AST) -> set[Path]:
    """Files of the project modules that a module imports."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    parts = [name.split(".")[1:] for name in names if name.split(".")[0] == PACKAGE.name]
    places = [PACKAGE.joinpath(*part) for part in parts]
    files = [file for place in places for file in (place.with_suffix(".py"), place / "__init__.py")]
    return {file for file in files if file.is_file()}


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return tree
