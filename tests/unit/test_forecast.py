"""What is known once chains are written: counts, estimates for larger limits, and what is said about them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faithfulness.chains import forecast
from faithfulness.chains.notices import Limits, Notice, StoppedError, notices, stop
from faithfulness.tables.generation import Chains, Forecast
from faithfulness.tables.io import frame, part_of
from tests.hashes import RULES

LIMITS = Limits(truncated_items=0.2, two_steps=0.8, paraphrase=0.8, strength=0.1)
LIMIT = 320
LOOP = " So we add 3 to 4 again." * 5


def chain(item: int, tokens: int, *, cut: bool = False, steps: int = 3, conclusion: str = " So 7.", **more: Any) -> Any:
    """A chain of so many tokens, four characters each."""
    ids, text = list(range(tokens)), "".join(f"{number:4d}" for number in range(tokens))
    row = {
        "item_id": f"item{item}",
        "chain_text": text,
        "conclusion": "" if cut else conclusion,
        "step_spans": [[start, start + 1] for start in range(steps)],
        "finish_reason": "length" if cut else "stop",
        "chain_ids": ids,
    }
    return row | more


def chains(rows: Sequence[Any]) -> pd.DataFrame:
    return frame(rows, part_of(Chains, forecast.COLUMNS))


def rewordings(variants: Sequence[str], accepted: Sequence[bool], strength: Sequence[float]) -> pd.DataFrame:
    return pd.DataFrame(dict(zip(forecast.REWORDED, (variants, accepted, strength), strict=True)))


def drawn(n: int, cut: int, seed: int = 0) -> pd.DataFrame:
    """Chains of log-normal lengths, the last ones cut off."""
    lengths = np.random.default_rng(seed).lognormal(5.2, 0.4, 10 * n)
    ended = [chain(item, int(tokens)) for item, tokens in enumerate(lengths[lengths < LIMIT][: n - cut])]
    return chains([*ended, *(chain(item, LIMIT, cut=True) for item in range(n - cut, n))])


def shares(found: pd.DataFrame, finding: str, subject: str) -> dict[int, float]:
    rows = found[(found["finding"] == finding) & (found["subject"] == subject)]
    return dict(zip(rows["token_limit"], rows["share"], strict=True))


def counts(found: pd.DataFrame) -> dict[tuple[str, str], tuple[float, int]]:
    """What was counted, as share and number, by finding and subject."""
    rows = frame(found[~found["estimated"].astype(bool)].assign(model="m", dataset="d"), Forecast)
    return {(row.finding, row.subject): (row.share, row.n) for row in rows.itertuples()}


def said(found: pd.DataFrame) -> list[str]:
    return [str(notice) for notice in notices(found, LIMITS)]


def closing(written: dict[str, pd.DataFrame]) -> list[Notice]:
    return [notice for notice in notices(forecast.table(written, None, LIMIT), LIMITS) if notice.closes]


class TestEstimate:
    @pytest.mark.parametrize("sigma", [0.3, 0.6])
    def test_is_near_the_truth_for_log_normal_lengths(self, sigma: float) -> None:
        rng = np.random.default_rng(0)
        many = rng.lognormal(5, sigma, 10**6)
        limit = int(np.quantile(many, 0.85))
        at = [round(1.25 * limit), round(1.5 * limit), 2 * limit]
        truth = [(many > one).mean() / (many > limit).mean() for one in at]
        found = []
        for _ in range(20):
            lengths = rng.lognormal(5, sigma, 400)
            found.append(forecast.share_staying(lengths[lengths <= limit], int((lengths > limit).sum()), limit, at))
        assert np.mean(found, axis=0) == pytest.approx(truth, abs=0.03)
        assert np.std(found, axis=0).max() < 0.06

    def test_is_too_large_rather_than_too_small_for_lengths_with_a_light_tail(self) -> None:
        rng = np.random.default_rng(0)
        lengths = rng.gamma(5, 40, 4000)
        limit = int(np.quantile(lengths, 0.85))
        at = [round(1.25 * limit), round(1.5 * limit), 2 * limit]
        truth = np.array([(lengths > one).mean() / 0.15 for one in at])
        found = forecast.share_staying(lengths[lengths <= limit], int((lengths > limit).sum()), limit, at)
        assert (truth < found).all()
        assert (found < truth + 0.15).all()

    def test_is_not_made_of_too_few_chains(self) -> None:
        assert np.isnan(forecast.share_staying(np.full(4, 9.0), 3, 10, [15])).all()
        assert np.isfinite(forecast.share_staying(np.arange(4.0, 9.0), 3, 10, [15])).all()

    @given(
        st.lists(st.integers(1, 99), min_size=5, max_size=30),
        st.lists(st.integers(1, 99), min_size=5, max_size=30),
        st.integers(0, 9),
        st.integers(1, 9),
    )
    def test_shares_fall_with_the_limit_and_items_bound_chains(
        self, base: list[int], tuned: list[int], base_cut: int, tuned_cut: int
    ) -> None:
        made = {
            name: chains(
                [
                    *(chain(item, tokens) for item, tokens in enumerate(lengths)),
                    *(chain(item, 100, cut=True) for item in range(100, 100 + cut)),
                ]
            )
            for name, lengths, cut in (("base", base, base_cut), ("tuned-x", tuned, tuned_cut))
        }
        chances = {name: forecast.chances_of_cut(table, 100) for name, table in made.items()}
        items = forecast.chances_of_items(list(chances.values()))
        for table in (*chances.values(), items):
            assert (np.diff(table.to_numpy(), axis=1) <= 1e-9).all()
            assert table.to_numpy().min() >= -1e-9
        expected = [table.sum() for table in chances.values()]
        assert (items.sum() >= np.maximum(*expected) - 1e-6).all()
        assert (items.sum() <= sum(expected) + 1e-6).all()

    def test_characters_stand_for_tokens_that_a_server_does_not_count(self) -> None:
        counted = drawn(200, 30)
        uncounted = counted.assign(chain_ids=None)
        one, other = (forecast.chances_of_cut(table, LIMIT).mean() for table in (counted, uncounted))
        assert other.to_numpy() == pytest.approx(one.to_numpy(), abs=1e-6)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (LOOP, True),
        (LOOP[:-7], True),
        (f"First we look.{LOOP}", True),
        (" So we add 3 to 4 again." * 3, False),
        ("1 + 1 = 2. 2 + 1 = 3. 3 + 1 = 4. 4 + 1 = 5. 5 + 1 = 6.", False),
        ("It is 4,000,000,000 .....", False),
        ("a" * 40, True),
        ("", False),
    ],
)
def test_loops(text: str, expected: bool) -> None:
    assert forecast.repeats_itself(text) == expected


class TestTable:
    def test_counts(self) -> None:
        base = chains([chain(0, 9), chain(1, LIMIT, cut=True), chain(2, 9, steps=1), chain(3, 9)])
        tuned = chains(
            [
                chain(0, LIMIT, cut=True, chain_text=LOOP),
                chain(1, LIMIT, cut=True),
                chain(2, 9, conclusion=""),
                chain(3, 9, conclusion=""),
            ]
        )
        reworded = rewordings(["single"] * 4 + ["rest"], [True, True, True, False, True], [0.1, 0.2, 0.6, 0.9, 0.9])
        assert counts(forecast.table({"base": base}, reworded, LIMIT)) == {
            ("truncated_chains", "base"): (0.25, 4),
            ("truncated_items", "base"): (0.25, 4),
            ("repeating_chains", "base"): (0.0, 4),
            ("two_steps", "base"): (0.75, 4),
            ("no_conclusion", "base"): (0.25, 4),
            ("reworded_steps", "base"): (0.75, 4),
            ("reworded_words", "base"): (0.2, 3),
        }
        assert counts(forecast.table({"base": base, "tuned-x": tuned}, None, LIMIT)) == {
            ("truncated_chains", "tuned-x"): (0.5, 4),
            ("truncated_items", "tuned-x"): (0.5, 4),
            ("repeating_chains", "tuned-x"): (0.25, 4),
            ("two_steps", "tuned-x"): (1.0, 4),
            ("no_conclusion", "base"): (0.25, 4),
            ("no_conclusion", "tuned-x"): (1.0, 4),
        }

    def test_the_samples_of_an_item_count_together(self) -> None:
        base = chains([chain(0, 9), chain(0, LIMIT, cut=True), chain(1, 9), chain(1, 9)])
        found = forecast.table({"base": base}, None, LIMIT)
        assert shares(found, "truncated_chains", "base")[LIMIT] == 0.25
        assert shares(found, "truncated_items", "base")[LIMIT] == 0.5

    def test_a_loop_never_ends(self) -> None:
        rows = [chain(item, tokens) for item, tokens in enumerate(range(40, 130, 10))]
        found = forecast.table({"base": chains([*rows, chain(9, LIMIT, cut=True, chain_text=LOOP)])}, None, LIMIT)
        assert set(shares(found, "truncated_chains", "base").values()) == {0.1}


class TestNotices:
    def test_nothing_is_said_where_all_is_well(self) -> None:
        well = drawn(40, 0)
        assert said(forecast.table({"base": well}, None, LIMIT)) == []
        assert said(forecast.table({"base": well, "tuned-x": well}, None, LIMIT)) == []

    def test_items_that_leave(self) -> None:
        base, tuned = drawn(40, 6), drawn(40, 0, seed=1)
        of_base = forecast.table({"base": base}, None, LIMIT)
        at_480 = shares(of_base, "truncated_chains", "base")[480]
        assert 0.01 < at_480 < 0.05
        assert said(of_base) == [
            "15 % of the chains of base (6 of 40) were cut off at 320 tokens; at 480 it would be about "
            f"{100 * at_480:.0f} %",
            "a chain of base was cut off in 6 of 40 items (15 %), which leave every comparison with base",
        ]
        assert said(forecast.table({"base": base, "tuned-x": tuned}, None, LIMIT)) == [
            "a chain of base or tuned-x was cut off in 6 of 40 items (15 %), which leave the comparison of tuned-x "
            "with base",
        ]
        assert not closing({"base": base, "tuned-x": tuned})

    def test_too_many_items(self) -> None:
        written = {"base": drawn(40, 6), "tuned-x": drawn(40, 9, seed=1)}
        (notice,) = closing(written)
        assert notice.message == (
            "a chain of base or tuned-x was cut off in 9 of 40 items (22 %), more than 20 %: the comparison of tuned-x "
            "with base will be closed"
        )
        expected = shares(forecast.table(written, None, LIMIT), "truncated_items", "tuned-x")
        at = min(at for at, share in expected.items() if share <= 0.05)
        assert notice.hint == (
            f"max_new_tokens: {at}, with about {100 * expected[at]:.0f} % (chains are written on from where they end)"
        )

    def test_base_alone_closes_every_comparison(self) -> None:
        """It is known before any arm is tuned."""
        (notice,) = closing({"base": drawn(40, 9)})
        assert notice.message.endswith("more than 20 %: every comparison with base will be closed")

    def test_what_no_limit_helps(self) -> None:
        endless = chains(
            [*(chain(i, 50 + i) for i in range(6)), *(chain(i, LIMIT, cut=True, chain_text=LOOP) for i in (6, 7))]
        )
        first, closes = said(forecast.table({"base": endless}, None, LIMIT))
        assert first == (
            "25 % of the chains of base (2 of 8) were cut off at 320 tokens; at 1280 it would be about 25 %; 2 of them "
            "repeat themselves, which no limit ends"
        )
        assert closes.endswith("other prompts or weights, as at 1280 tokens it would still be about 25 %")

    def test_too_few_that_end(self) -> None:
        cut = chains([chain(item, LIMIT, cut=True) for item in range(4)])
        first, closes = said(forecast.table({"base": cut}, None, LIMIT))
        assert first == "100 % of the chains of base (4 of 4) were cut off at 320 tokens"
        assert closes.endswith("a much larger max_new_tokens (too few chains ended to say which)")

    def test_steps_conclusions_and_rewordings(self) -> None:
        base, tuned = (
            chains([chain(item, 9, **more) for item in range(10)]) for more in ({}, {"conclusion": "", "steps": 1})
        )
        reworded = rewordings(["single"] * 10, [True] * 7 + [False] * 3, [0.09] * 10)
        found = forecast.table({"base": base, "tuned-x": tuned}, reworded, LIMIT)
        assert [text.partition(":")[0] for text in said(found)] == [
            "only 0 % of the chains of tuned-x have two steps or more, less than 80 %",
            "100 % of the chains of tuned-x have no conclusion, and 0 % of those of base. What would help",
            "only 70 % of the steps of the chains of tuned-x could be reworded, less than 80 %",
            "the rewordings of the chains of tuned-x change only 9 % of the words (median), less than 10 %",
        ]
        assert [notice.closes for notice in notices(found, LIMITS)] == [True, False, False, False]
        enough = rewordings(["single"] * 10, [True] * 8 + [False] * 2, [0.1] * 8 + [0.0] * 2)
        assert said(forecast.table({"base": base, "tuned-x": base}, enough, LIMIT)) == []
        assert said(forecast.table({"base": base, "tuned-x": base}, reworded[:0], LIMIT)) == []

    @pytest.mark.parametrize(("short", "closes"), [(8, False), (9, True)])
    def test_a_limit_that_is_met_closes_nothing(self, short: int, closes: bool) -> None:
        """As the gate decides: 32 of 40 chains are .8 of them, and 1 - .8 is less than .2 for a computer."""
        written = chains([chain(item, 9, steps=1 if item < short else 2) for item in range(40)])
        assert bool(closing({"base": written})) == closes

    def test_stopping(self) -> None:
        found = forecast.table({"base": drawn(40, 6), "tuned-x": drawn(40, 9, seed=1)}, None, LIMIT)
        stop("m, d", notices(found[found["finding"] != "truncated_items"], LIMITS))
        with pytest.raises(
            StoppedError, match=r"more than 20 %: .*\. No answer to them is scored\. .*max_new_tokens: \d+.*go_on"
        ):
            stop("m, d", notices(found, LIMITS))


def test_what_is_said_scores_nothing_again() -> None:
    """Neither estimates, sentences nor the limits of the gates decide whether the forecast is made again."""
    rule = RULES.split("\nrule check_chains:")[1].split("\nrule ")[0]
    parameters = rule.split("params:")[1].split("message:")[0]
    assert 'without=["faithfulness.chains.forecast", "faithfulness.chains.notices"]' in parameters
    assert "LIMITS" not in parameters
    assert "after_writing" not in parameters
