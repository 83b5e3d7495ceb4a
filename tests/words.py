"""Words for people in the code, each kind found by its place in the syntax, and an edit of all of them."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path


def texts(node: ast.expr) -> Iterator[ast.Constant]:
    """The parts of a text that is written out where it is used."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node
    elif isinstance(node, ast.JoinedStr):
        yield from (part for part in node.values if isinstance(part, ast.Constant))
    elif isinstance(node, ast.BinOp):
        yield from texts(node.left)
        yield from texts(node.right)


Nodes = list[ast.AST]


def docstrings(nodes: Nodes) -> Iterator[ast.Constant]:
    for node in nodes:
        if isinstance(node, ast.Expr):
            yield from texts(node.value)


def messages(nodes: Nodes) -> Iterator[ast.Constant]:
    for node in nodes:
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            for argument in node.exc.args:
                yield from texts(argument)


def logged(nodes: Nodes) -> Iterator[ast.Constant]:
    pattern = re.compile(r"(\w*\.)?log(ger)?\.(debug|info|warning|error|exception)|print|warnings\.warn")
    calls = [node.value for node in nodes if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)]
    for call in calls:
        if call.args and pattern.fullmatch(ast.unparse(call.func)):
            yield from texts(call.args[0])


def keywords(*names: str) -> Callable[[Nodes], Iterator[ast.Constant]]:
    def find(nodes: Nodes) -> Iterator[ast.Constant]:
        for node in nodes:
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") != "dict":
                for keyword in node.keywords:
                    if keyword.arg in names:
                        yield from texts(keyword.value)

    return find


def colours(nodes: Nodes) -> Iterator[ast.Constant]:
    for node in nodes:
        if isinstance(node, ast.Constant) and re.fullmatch("#[0-9a-fA-F]{6}", str(node.value)):
            yield node


KINDS: dict[str, Callable[[Nodes], Iterator[ast.Constant]]] = {
    "docstring": docstrings,
    "description": keywords("description"),
    "meaning": keywords("meaning"),
    "message": messages,
    "log": logged,
    "help": keywords("help", "hint", "desc", "title", "alt_text", "message"),
    "label": keywords("label"),
    "caption": keywords("caption"),
    "colour": colours,
}


def edit(node: ast.Constant) -> None:
    is_colour = re.fullmatch("#[0-9a-fA-F]{6}", node.value)
    node.value = f"#{int(node.value[1:], 16) ^ 1:06x}" if is_colour else f"{node.value} (edited)"


def edit_all(scripts: Path) -> dict[str, int]:
    """Edit every word of every module in a copy of scripts/, and return how many of each kind there were."""
    edited = dict.fromkeys(KINDS, 0)
    for file in sorted(scripts.rglob("*.py")):
        tree = ast.parse(file.read_text())
        nodes = list(ast.walk(tree))
        for kind, find in KINDS.items():
            words = list(find(nodes))
            for node in words:
                edit(node)
            edited[kind] += len(words)
        file.write_text(ast.unparse(tree))
    return edited
