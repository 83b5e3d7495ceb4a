"""What code a script depends on, so that Snakemake runs again what a change touches and nothing else.

Snakemake tracks a rule's script but not the modules that it imports. `code_hash` covers the script, all project
modules that it imports, directly or through others, and the pinned versions of the libraries that decide numbers
(versions.py). Three kinds of text do not count:

- comments, docstrings and formatting;
- words that reach no table: text inside `raise`, logging calls, `print` and `warnings.warn`, descriptions of settings
  (`Field`), meanings of columns (`field`), helps of options, and the modules in `WORDS_ONLY`;
- with `words=False`, for rules whose tables hold no words for people: texts written out as keyword arguments named in
  `KEYWORDS`.

An expression within a text that could do more than be shown stays in the hash: a call of anything but `HARMLESS`, an
assignment, an `await` or a `yield`. `f"{len(names)} names"` is dropped whole; of `f"{fetch(url)} names"`, `fetch(url)`
stays.

Imports are followed where they are absolute, relative, inside functions, or by name (`import_module`, and any text
that is exactly the dotted name of a module); the `__init__.py` of every package on the way counts, too. An import by a
name that is put together at run time cannot be seen: its rule names the module as one of `extra`.
"""

import ast
import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from faithfulness.operate import versions

PACKAGE = "faithfulness"
# Modules that only speak to people: how a job logs and ends, how settings are explained.
WORDS_ONLY = (
    "faithfulness.config.messages",
    "faithfulness.config.reference",
    "faithfulness.operate.job",
)
KEYWORDS = {
    "alt_text",
    "caption",
    "desc",
    "description",
    "help",
    "hint",
    "label",
    "meaning",
    "message",
    "title",
}
# Their keywords reach no table and no page, whatever the rule.
NEVER_SHOWN = {"Field", "field", "add_argument", "add_parser", "ArgumentParser"}
# These put their keyword arguments into data, so that a keyword is a name there and no text.
DATA = {"dict", "assign", "update", "format", "DataFrame", "SimpleNamespace", "namedtuple"}
LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
HARMLESS = {
    *("abs", "all", "any", "dict", "enumerate", "float", "format", "getattr", "int", "isinstance", "len", "list"),
    *("map", "max", "min", "range", "repr", "reversed", "round", "set", "sorted", "str", "sum", "tuple", "type", "zip"),
    *("as_posix", "capitalize", "get", "items", "join", "keys", "lower", "partition", "removeprefix", "removesuffix"),
    *("replace", "rpartition", "rstrip", "split", "strip", "title", "upper", "values"),
}


@dataclass(frozen=True)
class Module:
    """One module of the project: its code without the texts that do not count, and what it imports."""

    code: str
    imports: frozenset[str]  # dotted names that may be modules, of the project or of others

    @property
    def libraries(self) -> set[str]:
        """The names of what it imports, up to the first dot."""
        return {name.partition(".")[0] for name in self.imports}


def code_hash(script: Path, *, words: bool = True, without: Collection[str] = (), extra: Collection[str] = ()) -> str:
    """Hash of a script's code, the project modules that it imports, and the pins of libraries that decide numbers.

    Args:
        script: a file in the folder that holds the project's package; the pins are in `envs/` beside that folder.
        words: whether keyword arguments that hold words for people count.
        without: dotted names of modules that the rule does not use; what only they import is left out as well.
        extra: dotted names of modules that the script imports by a name that its rule gives it.
    """
    modules = closure(script, words=words, without=without, extra=extra)
    imported: set[str] = set().union(*(module.libraries for module in modules.values()))
    pins = versions.pins(script.parents[1] / "envs" / "requirements.txt")
    statistics = any(name.startswith(f"{PACKAGE}.compare.") for name in modules)
    pinned = versions.decisive(imported, pins, statistics)
    parts = [f"{name}\n{modules[name].code}" for name in sorted(modules)]
    return hashlib.sha256("\0".join([*parts, *pinned]).encode()).hexdigest()[:16]


def closure(
    script: Path, *, words: bool = True, without: Collection[str] = (), extra: Collection[str] = ()
) -> dict[str, Module]:
    """A script and all project modules that it imports, directly or through others, by their dotted names.

    Raises:
        ValueError: there is no module of a name in `without` or `extra`.
    """
    files = _files(script.parent)
    for name in (*without, *extra):
        if name not in files:
            raise ValueError(f"there is no module {name!r} in {script.parent}")
    left_out, modules = {*WORDS_ONLY, *without}, {}
    waiting = [script.stem, *extra, *(package for name in extra for package in _packages(name))]
    while waiting:
        name = waiting.pop()
        if name in files and name not in modules and name not in left_out:
            text, is_package = files[name].read_text("utf-8"), files[name].name == "__init__.py"
            modules[name] = _module(text, name if is_package else name.rpartition(".")[0], words)
            waiting += modules[name].imports
    return modules


def _files(root: Path) -> dict[str, Path]:
    """The files of all modules of the project, by their dotted names."""
    names = {file: file.relative_to(root).with_suffix("").parts for file in root.rglob("*.py")}
    return {".".join(parts[:-1] if parts[-1] == "__init__" else parts): file for file, parts in names.items()}


def _packages(name: str) -> list[str]:
    """The packages that a module is in, outermost first."""
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts))]


@cache  # as most scripts share most modules
def _module(text: str, package: str, words: bool) -> Module:
    """What counts of a module's text; `package` is the one that it is, or is in."""
    tree = _WithoutTexts(words).visit(ast.parse(text))
    names = set(_imported(tree, package))
    return Module(ast.unparse(tree), frozenset(names.union(*map(_packages, names))))


def _imported(tree: ast.AST, package: str) -> Iterator[str]:
    """Dotted names that a module in a package may import: modules, and what is in them."""
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom():
                origin = _absolute("." * node.level + (node.module or ""), package)
                yield origin
                yield from (f"{origin}.{alias.name}" for alias in node.names)
            case ast.Call(args=[ast.Constant(value=str(name)), *anchor]) if _last_name(node.func) == "import_module":
                match anchor:
                    case [ast.Constant(value=str(anchored))]:
                        yield _absolute(name, anchored)
                    case _:
                        yield _absolute(name, package)
            case ast.Constant(value=str(name)) if name.startswith(f"{PACKAGE}."):
                yield name


def _absolute(name: str, package: str) -> str:
    """The absolute name of a module that is named relative to a package by leading dots."""
    level = len(name) - len(name.lstrip("."))
    if not level:
        return name
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - level + 1], *filter(None, [name[level:]])])


def _last_name(node: ast.expr) -> str:
    """`f` for `f`, `module.f` and `f(...)`."""
    if isinstance(node, ast.Call):
        return _last_name(node.func)
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _is_report(node: ast.expr) -> bool:
    """Whether an expression tells people something: a logging call, `print` to a terminal, or `warnings.warn`."""
    if not isinstance(node, ast.Call):
        return False
    name = _last_name(node.func)
    if name == "print":
        return not any(keyword.arg == "file" and "std" not in ast.unparse(keyword.value) for keyword in node.keywords)
    if not isinstance(node.func, ast.Attribute):
        return False
    owner = _last_name(node.func.value)
    return (name == "warn" and owner == "warnings") or (
        name in LEVELS and (owner == "getLogger" or owner.lower() in ("log", "logger", "logging"))
    )


def _is_text(node: ast.expr) -> bool:
    """Whether an expression is a text that is written out where it is used."""
    match node:
        case ast.Constant(value=str()) | ast.JoinedStr():
            return True
        case ast.BinOp(op=ast.Add() | ast.Mod()):
            return _is_text(node.left) or _is_text(node.right)
        case ast.IfExp():
            return _is_text(node.body) and _is_text(node.orelse)
        case ast.Call(func=ast.Attribute(value=value, attr=method)):
            return method in HARMLESS and _is_text(value)
    return False


def _called(node: ast.Call) -> Iterator[ast.expr]:
    """The functions that a call calls: its own, and those that `map`, `sorted`, `min` and `max` are given."""
    yield node.func
    if _last_name(node.func) == "map":
        yield from node.args[:1]
    yield from (keyword.value for keyword in node.keywords if keyword.arg == "key")


def _effects(node: ast.AST) -> list[ast.expr]:
    """The parts of an expression that could do more than be shown."""
    if isinstance(node, ast.Call) and any(_last_name(function) not in HARMLESS for function in _called(node)):
        return [node]
    if isinstance(node, ast.NamedExpr | ast.Await | ast.Yield | ast.YieldFrom):
        return [node]
    inner = [effect for child in ast.iter_child_nodes(node) for effect in _effects(child)]
    own_names = isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp | ast.Lambda)
    return [node] if inner and own_names and isinstance(node, ast.expr) else inner


class _WithoutTexts(ast.NodeTransformer):
    """Takes the texts that do not count out of a module."""

    def __init__(self, words: bool) -> None:
        self.words = words

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if isinstance(getattr(node, "body", None), list) and not isinstance(node, ast.Module) and not node.body:  # type: ignore[attr-defined]
            node.body = [ast.Pass()]  # type: ignore[attr-defined]
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        if isinstance(node.value, ast.Constant):  # a docstring, of a module, class, function or attribute
            return None
        if _is_report(node.value) and not self._reduced(node.value):
            return None
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt] | None:
        if _last_name(node.test) == "TYPE_CHECKING":  # never run, but what follows `else` is
            return self.generic_visit(ast.Module(node.orelse, [])).body or None  # type: ignore[attr-defined]
        return self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        if isinstance(node.exc, ast.Call):
            arguments = [self._without_text(argument) for argument in node.exc.args]
            node.exc.args = arguments
            for keyword in node.exc.keywords:
                keyword.value = self._without_text(keyword.value)
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if _is_report(node):
            return ast.Call(ast.Name("report"), self._reduced(node), [])
        name = _last_name(node.func)
        if name not in DATA and (not self.words or name in NEVER_SHOWN):
            for keyword in node.keywords:
                if keyword.arg in KEYWORDS:
                    keyword.value = self._without_text(keyword.value)
        return self.generic_visit(node)

    def _without_text(self, node: ast.expr) -> ast.expr:
        """A text's effects with '...' in front, or '' for the empty text; an expression that is no text as it is."""
        if not _is_text(node):
            return node
        if isinstance(node, ast.Constant) and not node.value:
            return node
        effects = _effects(node)
        text = ast.Constant("...")
        return ast.Tuple([text, *effects], ast.Load()) if effects else text

    def _reduced(self, call: ast.expr) -> list[ast.expr]:
        """The effects of what a logging call, `print` or a warning is given."""
        assert isinstance(call, ast.Call)
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        return [self.visit(effect) for argument in given for effect in _effects(argument)]
