"""Splitting into steps: known answers, and properties that hold for any text and tokenisation."""

from itertools import accumulate, pairwise

import nupunkt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faithfulness.chains import steps

CUES = [r"^(so |therefore,? |thus,? |hence,? )?(the )?(final )?answer( is|:)"]
STOPS = [r"^\s*(final )?answer:"]

# Pieces that matter to the splitter, and any other text.
TEXTS = st.lists(
    st.sampled_from(
        [
            "The coin is up.",
            ' "n".',
            " Dr. Who",
            " 3.5",
            "\n",
            "\r\n",
            "1. ",
            " 2) ",
            "...",
            " ",
            "n. ",
            " A",
            "!",
            "e.g.",
        ]
    )
    | st.text(max_size=4),
    max_size=12,
).map("".join)


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
    ],
    ids=lambda expected: expected[0].strip(),
)
def test_splits_into_sentences(expected):
    assert texts("".join(expected)) == expected


@pytest.mark.parametrize("text", ["", "  \n ", "...", "\n---\n"])
def test_text_without_words_has_no_steps(text):
    assert steps.split(text) == []


@given(TEXTS)
def test_spans_partition_the_text(text):
    spans = steps.split(text)
    assert bool(spans) == any(c.isalnum() or c == "_" for c in text) or not text.isascii()
    if spans:
        assert spans[0][0] == 0
        assert spans[-1][1] == len(text)
        assert all(end == start for (_, end), (start, _) in pairwise(spans))
        assert all(WORD_CHARACTER.search(step) for step in texts(text))


@given(TEXTS)
def test_lines_are_split_apart(text):
    for step in texts(text):
        lines = [line for line in LINE.findall(step) if WORD_CHARACTER.search(line)]
        assert sum(not LIST_MARKER.fullmatch(line) for line in lines) <= 1


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


@pytest.mark.parametrize(
    ("chain", "conclusion"),
    [
        (" It is a bank.", "\nAnswer: yes"),
        (" It is a bank.", " So the answer is yes."),
        (" It is a bank.", " Therefore, the final answer is yes. THE ANSWER IS YES.\n"),
        (" It is.", "\n\nAnswer: yes\nQuestion: is it? It is.\nAnswer: no"),
        (" It is.", " The answer is no.\n Answer: no."),
        (" It is. The answer is b. So it goes.", ""),
        (" The answer to this is yes, as it is yes.", ""),
        (" We know: Answer: yes is wrong.", ""),
        ("", "Answer: yes"),
        ("", " The answer is yes."),
        ("", ""),
    ],
)
def test_cuts_only_the_conclusion(chain, conclusion):
    end, sentences, stopped = steps.cut_conclusion(chain + conclusion, CUES, STOPS)
    assert end == len(chain)
    assert sentences == steps.split(chain)
    assert stopped == ("Answer:" in conclusion)


def test_trailing_whitespace_is_no_conclusion():
    assert steps.cut_conclusion(" It is. \n\n", CUES, STOPS) == (len(" It is."), [(0, len(" It is."))], False)


@given(TEXTS, st.sampled_from(["", "\nAnswer: yes", " So the answer is no.", " The answer is 3. It is."]), TEXTS)
def test_a_chain_has_no_conclusion_and_the_same_sentences_by_itself(before, middle, after):
    text = before + middle + after
    end, sentences, _ = steps.cut_conclusion(text, CUES, STOPS)
    chain = text[:end]
    assert chain == chain.rstrip()
    assert sentences == steps.split(chain)
    assert steps.cut_conclusion(chain, CUES, STOPS)[:2] == (end, sentences)


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
