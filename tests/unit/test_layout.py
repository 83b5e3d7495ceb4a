"""What the parts of a chain are."""
# ruff: noqa: RUF001 - texts in many scripts

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faithfulness.chains.layout import blocks, is_mark, kind

KINDS = {
    "prose": [
        *("It is.", "7", "7.", "A.", "I", "3 + 4 = 7", "答案是7。", "- [ ] do it", "**Total**", "### Total"),
        *("So \\(x = 2\\).", "The total is \\[3 + 4\\].", "`x` is 5.", "It costs $5 or $6.", "|x - 3| = 5"),
        *("So \\boxed{7} it is.", "\\textbf{Bold} words", "```x = 3``` is code in a line"),
    ],
    "code": [
        *("```python\nprint(1)\n```", "~~~\nx", "Code: ```\nx = 1\n```", "`x = 3`", "- ```\n  x\n  ```"),
        *("\\begin{verbatim}\nx\n\\end{verbatim}", "```\nif x:\n\n    y()\n```\n"),
    ],
    "math": [
        *("\\[ 3 + 4 = 7 \\]", "\n\\[\n3\n\\]\n", "$$x$$", "$3 + 4 = 7$", "\\boxed{7}", "\\(x\\)."),
        *(f"\\begin{{{name}}}a &= b\\end{{{name}}}" for name in ("align", "align*", "gather", "equation", "cases")),
        "\\frac{1}{2} = .5 \\text{ hours}",
    ],
    "table": [
        *("| a | b |\n|---|---|\n| 1 | 2 |", "a | b\n--|--\n1 | 2", "\n+---+\n| a |\n+---+\n"),
        "\\begin{tabular}{c}a\\end{tabular}",
    ],
    "none": [
        *("", " \n", "---", "***", "___", "###", "> ", "✅", "...", "```python", "```\n```", "```", "$$", "|---|---|"),
        *("<think>", "</think>", "<br/>", "\\]", "\\[ \\]", "\\begin{align}", "<!-- -->"),
        *("Step 2:", "**Step 1.**", "第一步：", "### Step 3", "Schritt 1:"),
    ],
}


@pytest.mark.parametrize(("step", "expected"), [(step, name) for name, steps in KINDS.items() for step in steps])
def test_kinds(step, expected):
    assert kind(step) == expected


@pytest.mark.parametrize(
    "mark", ["1.", " 2) ", "(a)", "1.1.", "**3.**", "Step 1.", "### Step 2:", "IV.", "①", "一、", "<answer>"]
)
def test_marks(mark):
    assert is_mark(mark)


@pytest.mark.parametrize("text", ["I", "a", "1", "3.5", "1. Add", "Step by step", "Steps 1 and 2.", "</answer>"])
def test_words_are_no_marks(text):
    assert not is_mark(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a\n```python\nx\n```\nb", ["```python\nx\n```"]),
        ("a ```x``` b", []),
        ("````\n```\n````\nb", ["````\n```\n````"]),
        ("```\nnever closed", ["```\nnever closed"]),
        ("\\[ a \\] and \\[ b \\]", ["\\[ a \\]", "\\[ b \\]"]),
        ("\\[ a \\\\[2pt] b \\]", ["\\[ a \\\\[2pt] b \\]"]),
        ("\\[ a\n\nb \\]", []),
        ("\\[ a \\[ b \\]", ["\\[ b \\]"]),
        ("\\[ \\begin{aligned} a \\end{aligned} \\] b", ["\\[ \\begin{aligned} a \\end{aligned} \\]"]),
        ("```\n| a |\n|---|\n\\[ x \\]\n```", ["```\n| a |\n|---|\n\\[ x \\]\n```"]),
        ("a\n\n| b |\n|---|\n\nc", ["| b |\n|---|"]),
        ("|x| = 3\n|y| = 4", []),
    ],
)
def test_blocks(text, found):
    assert [text[block.start : block.end] for block in blocks(text)] == found


PIECES = ["```", "~~~", "\\[", "\\]", "$$", "\n", "\n\n", "|", "|-|", "a", " "]


@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
def test_blocks_are_in_order_and_do_not_overlap(text):
    places = [place for block in blocks(text) for place in (block.start, block.end)]
    assert places == sorted(places)
    assert all(block.start < block.end for block in blocks(text))
