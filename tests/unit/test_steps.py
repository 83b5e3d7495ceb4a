"""Splitting into steps: known answers, and properties that hold for any text and tokenisation."""
# ruff: noqa: RUF001 - texts in many scripts

import re
import time
from itertools import accumulate, pairwise
from unittest.mock import patch

import nupunkt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from faithfulness.chains import layout, steps

# Pieces that matter to the splitter, and any other text.
PIECES = """The coin is up.| "n".| Dr. Who| 3.5|1. | 2) |...| |n. | A|A. |!|e.g.|```|~~~|\\[|\\]|$$|$|\\(|\\)|**|Step 1
<b|>|`|\\begin{align}|\\end{align}|。|I|_|#|- |[|7|</think>|<think>|\\|\\boxed{|}|---|Answer: 7|#### |Step 1.|<"""
LINES = ["\n", "\n\n", "\r\n", "```python\n", "\n```\n", "| a |\n", "|---|\n", "\u2028"]
TEXTS = st.lists(st.sampled_from(re.split("[|\n]", PIECES) + LINES) | st.text(max_size=4), max_size=12).map("".join)


def texts(text):
    return [text[start:end] for start, end in steps.split(text)]


@pytest.mark.parametrize(
    "expected",
    [
        [
            ' The last letter of "Elon" is "n".',
            ' The last letter of "Musk" is "k".',
            ' Putting "n" and "k" together gives "nk".',
        ],
        [
            " The coin starts heads up.",
            " Ka flips the coin, so it is now tails up.",
            " Sal does not flip the coin, so it is still tails up.",
            " Jim flips the coin, so it is now heads up.",
        ],
        ["It costs $3.50 or 4.5 euros.", " Next, we add 2."],
        ["Dr. Smith met J. K. Rowling, e.g. Mary of St. Ives vs. John.", " He left."],
        ["The U.S. army came at 5 p.m. on foot.", " It won."],
        ["The last letter of Elon is n.", " The last letter of Musk is k.", " So nk."],
        ["Wow!", " Really?", " Yes...", " And so it goes."],
        ["See e.g.", "\nThat is a line."],
        ["Reasons:", "\n\n1. It is.", "\n 2) Two", "\n- Three", "\r\na. Four."],
        ["First this.", " 2. Then that."],
        ["It ends. ***\n---", "\nThen on. \n\n"],
        ["... It begins.", " It ends. 3."],
        ["A.\n"],
        # A capital ends a sentence unless it is an initial of a name or the label of an option.
        ["The right choice is B.", " The other two are wrong."],
        ["So it is (B).", " He is right."],
        ["He went to bed.", " A dog barked.", " A man paid the tax.", ' "A book fell."'],
        ["Ann vs. A man, approx. A lot."],
        ["It is **B.**", " The others are wrong."],
        ["It is vitamin C.", " Iron is bad for it."],
        ["Let us call it X.", " We add 2 to it."],
        ["He chose plan B.", " Because of this, he won."],
        ["George W. Bush and J. Smith met A. Pushkin.", " Harry S. Truman did not."],
        ["The answer is: B. The coin is up there"],
        ["Il choisit l'option B.", " Paris est la capitale."],
        ["Ответ Б.", " Остальные неверны, увы."],
        # Full stops of other scripts, with what closes after them; a comma goes on.
        ["这是一。", "那是二！", "对吗？", "对。"],
        ["他说：“是。”", "然后走了。"],
        ["他说：“是。”，然后走了。"],
        ["真的吗?", "是的。"],
        ["りんごは3個です。", "足すと7個です。"],
        ["यह है।", " वह है॥", " फिर"],
        ["هل هذا صحيح؟", " نعم.", " انتهى"],
        ["یہ ہے۔", " وہ ہے۔"],
        ["Սա է։", " Նա է։"],
        ["ይህ ነው።", " ያ ነው።"],
        ["នេះ។", " នោះ។"],
        ["Τι είναι;", " Είναι επτά."],
        ["Really?!", " Yes‽", " No."],
        # Marks belong to the step that follows.
        ["Step 1. Add 3.", " Step 2. Add 4."],
        ["1.1. Add it.", " 1.2. Then it."],
        ["**Step 1:**\nAdd it.", "\n\n**Step 2:**\nThen it."],
        ["### 1.\nAdd it.", "\n(a) Then it.", "\nIV. It ends."],
        ["第一步：\n加三。", "\n第二步：\n加四。"],
        ["1️⃣ Add.", "\n2️⃣ End."],
        ["<think>\nAdd it.\n</think>"],
        # Code, display equations and tables are whole, and do not swallow what is around them.
        ["Code:", "\n```python\nx = 1. Y\n\n# A. B\n```", "\nSo it is.", "\n```output\n1\n```", "\nEnd."],
        ["Code:", " ```python\nx = 1\n```", " So it is."],
        ["1. Run it:", "\n   ~~~\n   x. Y\n   ~~~", "\n2. End."],
        ["It is:", "\n```python\nx = 1\ny = 2. Z"],
        ["The total is:", "\n\\[\n3 + 4\n= 7\n\\]", "\nSo she has 7."],
        ["It is:", "\n\\[ x = 1. \\]", " Then on.", " So \\[y\\], where it is.", " End."],
        ["$$\nx. Y\n$$", " Then it is."],
        ["It is $$x. Y$$ in all.", " End."],
        ["\\begin{align*}\na &= b. C \\\\[2pt]\n&= c\n\\end{align*}", "\nThen."],
        ["\\begin{gather}\na\n\\end{gather}", "\n\\begin{equation}\nb\n\\end{equation}"],
        ["It is \\(x. Y\\) or $x. Y$.", " It costs $5.", " Then $3 more."],
        ["Of these:", "\n\n| a | b |\n|---|---|\n| 1. X | 2 |", "\n\nEnd."],
        ["\\[ x", "\n\nIt never ends.", " So be it."],
        # Lists.
        ["- One.", "\n* Two that\n  wraps here", "\n+ Three.", " Four."],
        ["See `a.b. C` at https://a.b/C.", " Then"],
        # What has no content is no step.
        ["First.\n---", "\n\nSecond.\n***\n"],
        ["---\nFirst.", "\nSecond.\n```python"],
        ["✅ First.", " ✅ Second. ✅"],
    ],
    ids=lambda expected: expected[0].strip(),
)
def test_splits_into_sentences(expected):
    assert texts("".join(expected)) == expected


@pytest.mark.parametrize(
    "text", ["", "  \n ", "...", "\n---\n", "```python\n```", "</think>", "✅", "\\[ \\]", "Step 2:"]
)
def test_text_without_content_has_no_steps(text):
    assert texts(text) == []


@given(TEXTS)
@example('<The coin is up. "n".>')
@example("I\n.")
def test_spans_partition_the_text(text):
    spans = steps.split(text)
    assert bool(spans) == (layout.kind(text) != "none")
    if spans:
        assert "".join(texts(text)) == text
        assert all(end == start for (_, end), (start, _) in pairwise(spans))
        assert all(layout.kind(step) != "none" for step in texts(text))


@given(st.lists(st.sampled_from(["It is.", "So on", "1. Add.", "**Then**", "- x"]), max_size=6).map("\n".join))
def test_lines_are_split_apart(text):
    assert all(len(re.findall(r"[^\n]+", step)) == 1 for step in texts(text))


@given(TEXTS)
def test_blocks_are_whole(text):
    """No step begins or ends within a code fence, a display equation or a table."""
    places = {place for span in steps.split(text) for place in span}
    for block in layout.blocks(text):
        assert not any(block.start < place < block.end for place in places)


RUNS = [
    *". a A [ ( $ ` ! ? 。 * _ # | \\[ $$ ``` <a".split(),
    "\n",
    "\n\n",
    "1. ",
    "A. ",
    "a. B ",
    "- a\n  b\n",
    "|-\n",
]


@pytest.mark.parametrize("unit", RUNS)
def test_time_grows_with_the_length_of_the_text(unit):
    """Counted in characters handed to patterns and to Punkt: twice the text takes at most 2.5 times as many."""

    def work(text):
        seen = []
        tokenizer = steps._punkt()
        with (
            patch.object(layout, "kind", wraps=layout.kind) as kind,
            patch.object(layout, "blocks", wraps=layout.blocks) as blocks,
            patch.object(tokenizer, "spans", wraps=tokenizer.spans) as spans,
        ):
            steps.split(text)
            for each in (kind, blocks, spans):
                seen += [len(call.args[0]) for call in each.call_args_list]
        return sum(seen)

    few, many = work("x" + unit * 200), work("x" + unit * 400)
    assert many <= 2.5 * few


@pytest.mark.parametrize("unit", [".", "a", "[", "\n", "$", "`", "!"])
def test_twenty_thousand_characters_are_no_trouble(unit):
    """Each took minutes if time grew with the square of the length; the generous limit is no stopwatch."""
    start = time.process_time()
    steps.split("So it is" + unit * 20_000)
    assert time.process_time() - start < 20


def test_what_others_do_to_nupunkt_changes_nothing():
    text = "We saw the coin. Coins left."
    before = texts(text)
    nupunkt.load("default").add_abbreviation("coin")
    try:
        assert len(nupunkt.load("default").spans(text)) == 1
        assert texts(text) == before
        assert len(before) == 2
    finally:
        nupunkt.load("default").remove_abbreviation("coin")


def test_boundary_inside_a_token_moves_to_its_end():
    text = "One.\nTwo.\n\nThree."
    tokens = ["One", ".\n", "Tw", "o", ".\n\n", "Three."]
    token_spans, spans = steps.token_spans(steps.split(text), list(accumulate(map(len, tokens))))
    assert token_spans == [(0, 2), (2, 5), (5, 6)]
    assert [text[a:b] for a, b in spans] == ["One.\n", "Two.\n\n", "Three."]


def test_step_without_a_token_joins_its_neighbour():
    assert steps.token_spans([(0, 2), (2, 4), (4, 9)], [1, 7, 9]) == ([(0, 2), (2, 3)], [(0, 7), (7, 9)])
    assert steps.token_spans([(0, 2), (2, 4)], [4]) == ([(0, 1)], [(0, 4)])


def test_tokens_without_text_belong_to_the_next_step():
    assert steps.token_spans([(0, 2), (2, 4)], [0, 2, 2, 4, 4]) == ([(0, 2), (2, 5)], [(0, 2), (2, 4)])


@pytest.mark.parametrize("ends", [[], [3], [3, 5]])
def test_tokens_must_cover_the_steps(ends):
    with pytest.raises(ValueError, match="steps end at character 4"):
        steps.token_spans([(0, 2), (2, 4)], ends)


def test_no_steps_have_no_tokens():
    assert steps.token_spans([], []) == ([], [])
    assert steps.token_spans([], [2]) == ([], [])


@given(TEXTS, st.lists(st.integers(0, 80), max_size=30))
def test_token_spans_partition_tokens_and_text(text, ends):
    spans = steps.split(text)
    ends = [*sorted(end for end in ends if end < len(text)), len(text)]
    tokens, characters = steps.token_spans(spans, ends)
    assert len(tokens) == len(characters) <= len(spans)
    assert bool(tokens) == bool(spans)
    if spans:
        assert [tokens[0][0], tokens[-1][1]] == [0, len(ends)]
        assert [characters[0][0], characters[-1][1]] == [0, len(text)]
        assert all(end == start for part in (tokens, characters) for (_, end), (start, _) in pairwise(part))
        assert all(start < end for part in (tokens, characters) for start, end in part)
        for (_, last), (_, end) in zip(tokens, characters, strict=True):
            assert ends[last - 1] == end
        # A boundary moves only forward, and not beyond the token it falls into.
        for _, end in spans:
            moved = min(boundary for _, boundary in characters if boundary >= end)
            assert not any(end <= other < moved for other in ends)
