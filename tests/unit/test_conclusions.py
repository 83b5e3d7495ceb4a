"""Conclusions are cut off in all forms that models write, and nothing else is."""
# ruff: noqa: RUF001 - wordings of many languages

import re
import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from faithfulness.chains import steps
from faithfulness.chains.conclusions import computes, cut_conclusion, plain, states
from faithfulness.tables.statistics import CONCLUSION_FORMS
from tests.unit.test_steps import TEXTS

CHAIN = "She has 3 + 4 = 7 apples."
# Wordings after which there is nothing but the answer, by their form; ¦ is between them, ⏎ is a line break.
CONCLUSIONS = {
    "sentence": r"""
The answer is 7. ¦ So the answer is yes. ¦ THE ANSWER IS YES ¦ Answer is 7 ¦ The answer should be B. ¦
Therefore, the final answer is 7. ¦ **Therefore, the answer is 7.** ¦ Hence the answer is $18. ¦
The correct answer is (B) 12. ¦ The correct option is B. ¦ So, the correct choice is option B. ¦
The answer would be 3/4. ¦ The answer must therefore be 7. ¦ The answer, then, is 7. ¦ My answer is 7. ¦
The answer is, therefore, 7. ¦ The answer to the question is yes. ¦ The answer to this problem is -5. ¦
Based on the above, the answer is B. ¦ Therefore, I conclude that the answer is B. ¦ The answer is x = 5 ¦
Conclusion: The answer is 7. ¦ The answer is: **B. The coin** ¦ So in total, the answer is 9. ¦
My best guess is B. ¦ So the answer is no, it doesn't. ¦ The solution is \( x = 9 \). ¦
The answer is B. The coin. ¦ So the answer is ¦
We get the answer 7. ¦ This gives the final answer: 7 ¦ The final result is 7. ¦ ✅ The answer is 7! 🎉 ¦
The answer is 7. Let me know if you need help! ¦ The final answer is $7$. I hope it is correct. ¦
The answer is 7.⏎⏎The answer is 7.⏎⏎The ans ¦ The answer is x = 5 and y = 3. ¦ The final numeric answer is 7 ¦
Die richtige Antwort ist B. ¦ Die Antwort lautet 7. ¦ Donc la réponse est 7. ¦ La respuesta correcta es B. ¦
La risposta è 7. ¦ A resposta é 7. ¦ 答案是7。 ¦ 因此，正确答案是B。 ¦
答えは7です。 ¦ 정답은 B입니다. ¦ الإجابة هي 7 ¦ सही उत्तर B है। ¦
The answer is $x^2 + 2x + 1$. ¦ The answer is $3 \times 10^8$ m/s. ¦ The answer is 1/2 or 0.5. ¦ The answer is C++. ¦
The answer is 10:30 - 11:00. ¦ The answer is 3/4 (75%). ¦ I am sure that the answer is 7. ¦ Also ist die Antwort 7. ¦
\[ \text{The final answer is } 7 \] ¦ So the final answer is 7!! ¦ لذلك، الإجابة هي: 7 ¦ So the answer we want is 7. ¦
Đáp án là B. ¦ Jawabannya adalah 7. ¦ Het antwoord is 7.
""",
    "option": r"""
So option B is correct. ¦ Hence, option (B) is the correct choice. ¦ B is the correct answer. ¦ So B is right. ¦
(B) 12 is the right answer. ¦ Option (B) is the best answer. ¦ Paris is the correct answer. ¦ So it's (C). ¦
It must be C. ¦ I choose B. ¦ I would go with option (C). ¦ We choose (B). ¦ Therefore, I would choose option C. ¦
故选B。 ¦ 因此选择B选项。 ¦ Antwort B ist richtig. ¦ La respuesta B es correcta. ¦ Bが正解です。
""",
    "label": r"""
Answer: 7 ¦ **Answer:** 7 ¦ **Answer**: 7 ¦ *Answer*: B ¦ __Answer__: B ¦ `Answer: 7` ¦ ***Answer: 7*** ¦
**Final Answer**⏎7 ¦ **Final Answer**⏎⏎\[ 7 \] ¦ ### Answer⏎7 ¦ ### Final Answer: 7 ¦ Answer:⏎⏎7 ¦
## Answer⏎⏎Janet makes $18 every day. ¦ Answer: She has 7 apples. ¦ Correct Answer⏎⏎B ¦ - **Answer:** B ¦
> Answer: 7 ¦ 1. Answer: 7 ¦ * **Answer:** 7 ¦ ✅ **Answer: 7 apples** ¦ 🎯 Final Answer → 7 ¦ Answer：B ¦ Answer - 7 ¦
Answer = 7 ¦ Answer — 7 ¦ Ans: 7 ¦ Ans. 7 ¦ Final ans = 7 ¦ ANSWER: 7 ¦ Answer A. ¦ Answer (in dollars): 18 ¦
Correct answer: C ¦ Option: B ¦ [Answer] 7 ¦ <answer>7</answer> ¦ <answer>⏎7⏎</answer> ¦ \textbf{Answer: 7} ¦
Answer: 7</s> ¦ Answer: 7<|im_end|> ¦ Answer: x = 3, y = 4 ¦ ### Answer⏎- x = 3⏎- y = 4 ¦ Antwort: 7 ¦ Réponse : 7 ¦
Respuesta: 7 ¦ Risposta: 7 ¦ Resposta: 7 ¦ Ответ: 7 ¦ 答案：B ¦
【答案】7 ¦ 答え：7 ¦ 답: 7 ¦ 정답: B ¦ الجواب: 7 ¦ उत्तर: 7 ¦
**Answer:**⏎```⏎7⏎``` ¦ **Answer:**⏎> 7 ¦ - ✅ **Answer:** 7 ¦ <b>Answer:</b> 7 ¦ Answer:B ¦ Answer: f(x) = 2x + 3 ¦
**最終的な答え：7** ¦ **Réponse finale :** 7 ¦ Answer:⏎⏎$$⏎7⏎$$ ¦ Answer: 7⏎⏎Hope this helps! ¦ \[\text{Answer: } 7\] ¦
Final: 7 ¦ Cevap: 7 ¦ Odpowiedź: 7 ¦ Απάντηση: 7 ¦ Result: 7 ¦ Verdict: B ¦ Правильный ответ — Б.
""",
    "hashes": r"""
#### 7 ¦ ####7 ¦ #### 1,234 ¦ #### $18 ¦ #### 18 dollars ¦ #### B ¦ #### yes ¦ #### -5 ¦ #### 7. ¦ ### 7
""",
    "boxed": r"""
\boxed{7} ¦ $\boxed{7}$ ¦ \(\boxed{7}\) ¦ $$\boxed{7}$$ ¦ \[\boxed{7}\] ¦ \[⏎\boxed{7}⏎\] ¦ \fbox{7} ¦ **\boxed{7}** ¦
> \boxed{7} ¦ \boxed{\text{B}} ¦ \boxed{\frac{47}{3}} ¦ x = \boxed{5} ¦ So \boxed{7}. ¦
Therefore, the final answer is \(\boxed{7}\). ¦ **Answer**: \boxed{7} ¦ **Final Answer:** $\boxed{7}$ ✅ ¦
Thus, Janet makes \(\boxed{18}\) dollars every day. ¦ The profit is \boxed{\$5}. ¦ Answer: \boxed{7 ¦
Therefore, the candle will be \(\boxed{8}\) cm shorter after burning from 1:00 PM to 5:00 PM.
""",
    "value": r"""
**18** ¦ **B** ¦ **18 dollars.** ¦ **yes** ¦ Therefore: 7 ¦ Thus, 7. ¦ Hence, B.
""",
}
WORDINGS = [
    (form, wording.strip(" \n").replace("⏎", "\n")) for form, text in CONCLUSIONS.items() for wording in text.split("¦")
]

# Sentences that compute, argue, deny, ask or do something else are steps. These state the answer, too:
STATING = r"""
so she has 3 + 4 = \boxed{7} ¦ \[ 9 \times 2 = \boxed{18} \] ¦ The answer is 3 + 4 = 7. ¦
Since 3 + 4 = 7, the answer is 7. ¦ 3 + 4 is 7, so the answer is 7. ¦ Answer: 3 * 4 = 12 ¦
The answer is B because it is big. ¦ The answer is B, it is the only one with wheels. ¦
She has 7, so option B is correct. ¦ \boxed{3} + \boxed{4} = 7 ¦ The answer is 7 (3 + 4). ¦
La réponse est B, car il est grand. ¦ 答案是B，因为它大。 ¦ Die Antwort ist B, weil es rollt. ¦
The answer is the sum of 3 and 4. ¦ We multiply by 2, which gives \boxed{14}. ¦ Is the answer 7? ¦
The answer to this is yes, as it is yes.
"""
# and these do not.
OTHERS = r"""
So she has 8. ¦ Thus, Janet makes $18 every day. ¦ The total is 7 apples. ¦ The answer is not 7. ¦
The answer isn't B. ¦ Option B is incorrect. ¦ A is wrong. ¦ The answer is obtained by adding. ¦
The answer should be a number. ¦ Answering needs steps. ¦ #### Step 3: Calculate ¦ ### Solution ¦ **Total** ¦
**Step 2:** Add. ¦ I choose a ball. ¦ So we choose 3 of the 5 apples. ¦ Option A: shelf is wrong. ¦
Therefore B is heavier than A. ¦ Let x be the answer. ¦ \boxed{} is for later ¦ We need the answer in dollars. ¦
The solution is acidic. ¦ The final step is to add. ¦ We know: Answer: yes is wrong.
"""
STEPS = [
    (wording.strip(), stated) for text, stated in ((STATING, True), (OTHERS, False)) for wording in text.split("¦")
]

# What follows a statement in the middle, and the statement, stay.
MIDDLES = [
    "The answer is 7. Let's verify: 3 + 4 = 7.",
    "The right choice is B. The other two are wrong.",
    "Answer: 7\nTo check, we take 3 from 7, which leaves 4.",
    "\\boxed{7}\n\nWait, she also ate one.",
    "### Answer\nShe has 3 + 4 = 7 apples.\nSo she has seven.",
    "**Answer:** 7\n\n**Explanation:** She gets four more.",
    "#### 7\nNow the pears.",
    "The answer is B. So it goes on.",
]


@pytest.mark.parametrize(("form", "wording"), WORDINGS)
def test_a_conclusion_is_cut_off(form, wording):
    found = cut_conclusion(f"{CHAIN}\n\n{wording}", [])
    assert found.end == len(CHAIN)
    assert found.steps == [(0, len(CHAIN))]
    assert form in found.forms


@pytest.mark.parametrize(
    "wording", ["So option B is correct.", "The answer is 7.", "**Answer:** 7", "$\\boxed{7}$", "答案是7。"]
)
def test_a_conclusion_on_the_same_line_is_cut_off(wording):
    assert cut_conclusion(f"{CHAIN} {wording}", []).end == len(CHAIN)


@pytest.mark.parametrize(("wording", "stated"), STEPS)
def test_other_sentences_are_steps(wording, stated):
    found = cut_conclusion(f"{CHAIN}\n{wording}", [])
    assert found.end == len(f"{CHAIN}\n{wording}")
    assert found.forms == []
    assert states(wording) == stated


@pytest.mark.parametrize("wording", MIDDLES)
def test_a_statement_in_the_middle_stays(wording):
    text = f"{CHAIN}\n{wording}"
    found = cut_conclusion(text, [])
    assert found.end == len(text)
    assert any(states(text[slice(*span)]) for span in found.steps[:-1])
    assert not found.stopped


QUESTIONS = ["Question: Is it? It is.", "**Question 2:** Is it?", "Q: Is it?", "Problem: Is it?", "Question"]


@pytest.mark.parametrize("question", [*QUESTIONS, "<|im_start|>user", "User: Hi", "问题：是吗？"])
def test_a_chain_ends_where_the_writer_asks_itself_another_question(question):
    found = cut_conclusion(f"{CHAIN}\nAnswer: 7\n\n{question}\nAnswer: yes", [])
    assert found.end == len(CHAIN)
    assert found.stopped
    # A question is asked before there is an answer, too.
    first = cut_conclusion(f"{question}\n{CHAIN}", [])
    assert first.end == len(f"{question}\n{CHAIN}")
    assert not first.stopped


CUES = [r"^fin:"]
STOPS = [r"</think>", r"^\s*over\b"]


@pytest.mark.parametrize(
    ("chain", "conclusion", "forms"),
    [
        (" It is a bank.", "\nFin: it is.", ["cue"]),
        (" It is a bank.", "\n</think>\n\nWe add 3 to 4.", ["stop"]),
        (" It is a bank.", "\nOver and out. It goes on.", ["stop"]),
        (" It is a bank. Well over it.", "", []),
        (" It is.", " The answer is no.\n Answer: no.", ["sentence", "label"]),
        (" It is.", " So the answer is:\n\\[ \\boxed{7} \\]\n</think>\nIt is.", ["sentence", "boxed", "stop"]),
        ("", "Answer: yes", ["label"]),
        ("", " The answer is yes.", ["sentence"]),
        ("", "", []),
        ("```\nx = 1\n```", "\nAnswer: 1", ["label"]),
    ],
)
def test_cuts_only_the_conclusion(chain, conclusion, forms):
    end, sentences, found, stopped = cut_conclusion(chain + conclusion, CUES, STOPS)
    assert end == len(chain)
    assert sentences == steps.split(chain)
    assert found == forms
    assert stopped == ("stop" in forms)


def test_every_form_has_a_name():
    """The table of summaries has a column for each, and the page has words for it."""
    assert set(CONCLUSIONS) | {"restated", "cue", "stop"} == set(CONCLUSION_FORMS)
    page = (Path(__file__).parents[2] / "report/page.html.j2").read_text("utf-8")
    words = page.split("set conclusion_texts = {")[1].split("} %}")[0]
    assert re.findall(r'"(\w+)":', words) == list(CONCLUSION_FORMS)
    assert len(WORDINGS) + len(STEPS) > 200


@pytest.mark.parametrize(
    ("last", "cut"),
    [
        ("So, Janet paid $130.", True),
        ("Therefore, the pension is $1,250 and the tax $130.", True),
        ("Hence she has 2/3 of it!", True),
        ("So, **Janet** paid \\(130\\) dollars.", True),
        ("So, Janet paid $131.", False),  # a new number is reasoning
        ("So, Janet paid $130", False),  # cut off at the token limit
        ("Janet paid $130.", False),
        ("So 130 + 1250 = 1380.", False),
        ("So, Janet paid $130, because it is the price.", False),
        ("So, the coin is still heads up.", False),
        ("So, did Janet pay $130?", False),
        ("So the next step is to add 130.", False),  # what is done next
        ("So we divide 1250 by 130.", False),
        ("So 130 is even.", False),
        ("So we are looking for 130.", False),
        ("So if she pays 130, she keeps the rest.", False),
        ("Thus, 1250 is greater than 130.", False),  # a relation
        ("So she must share 1250 among 130.", False),
        ("Now she buys 30 pears.", False),  # what happens next
        ("Then she pays 130.", False),
        ("And she gives 30 to Ann.", False),
        ("Also, Ann has 100.", False),
        ("In total, she pays $130.", True),
        ("所以她付130元。", True),
        ("所以还要付130元。", False),
    ],
)
def test_a_last_sentence_that_repeats_a_number(last: str, cut: bool) -> None:
    text = "The price is 100 + 30 = 130. She keeps 2/3 of 1250."
    chain = cut_conclusion(f"{text} {last}", [])
    assert (chain.end == len(text), chain.forms) == (cut, ["restated"] if cut else [])
    both = cut_conclusion(f"{text} {last}\n#### B", [])
    assert (both.end == len(text)) == cut
    assert cut_conclusion(last, []).end == len(last)


def test_all_last_sentences_that_repeat_a_number_are_cut() -> None:
    text = "She has 2 + 2 = 4."
    assert cut_conclusion(f"{text} So she has 4. So it is 4.", []).end == len(text)
    assert cut_conclusion(f"{text} So she has 4. She is glad.", []).forms == []  # the chain goes on


@pytest.mark.parametrize("answer", ["The answer is 8.", "#### 8", "**Final Answer**\n8"])
def test_a_repeated_number_is_the_one_that_is_answered(answer: str) -> None:
    text = "There are 4 shelves. Each of them has 2 books. So each shelf has 2 books."
    assert cut_conclusion(f"{text}\n{answer}", []).end == len(text)
    assert cut_conclusion(f"{text} {answer}".replace("8", "2"), []).end == len(text) - len(
        " So each shelf has 2 books."
    )


@pytest.mark.parametrize(
    "last",
    """
The answer is 9 if she keeps all. ¦ The answer is yes only when x > 3. ¦ The answer will be the total of both. ¦
So far the answer is 7. ¦ The intermediate answer is 7. ¦ The answer is less than 10. ¦ The answer is one of these. ¦
The answer is in hours. ¦ The answer is simply the sum. ¦ The answer is twice 7. ¦ The answer is no longer 7. ¦
The answer must be an even number. ¦ The answer should be between 5 and 10. ¦ 答案是多少？
""".split("¦"),
)
def test_what_an_answer_is_like_is_reasoning(last: str) -> None:
    text = f"{CHAIN} {last.strip()}"
    assert cut_conclusion(text, []).end == len(text)


@pytest.mark.parametrize(
    "last",
    """
=> Answer: 9 ¦ → 9 apples is the answer. ¦ $\\therefore$ The answer is 9. ¦ ∴ x = 9 ¦ {"answer": "B"} ¦
The final output is 9. ¦ Final verdict: true ¦ 綜上，答案為 9。 ¦ Somit ist Antwort B richtig. ¦ คำตอบคือ 9 ¦
Svaret är 9. ¦ 👉 **9 apples** ¦ So, yes.
""".split("¦"),
)
def test_siblings_of_conclusions(last: str) -> None:
    assert cut_conclusion(f"{CHAIN}\n{last.strip()}", []).end == len(CHAIN)


def test_trailing_whitespace_is_no_conclusion():
    assert cut_conclusion(" It is. \n\n", CUES, STOPS)[:2] == (len(" It is."), [(0, len(" It is."))])


@given(
    TEXTS,
    st.sampled_from(["", "\nAnswer: yes", " So the answer is no.", " The answer is 3. It is.", "\n#### 7"]),
    TEXTS,
)
@example("```", "\nAnswer: yes", "\n```")
def test_a_chain_has_no_conclusion_and_the_same_steps_by_itself(before, middle, after):
    text = before + middle + after
    end, sentences, _, _ = cut_conclusion(text, CUES, STOPS)
    chain = text[:end]
    assert chain == chain.rstrip()
    assert sentences == steps.split(chain)
    assert "".join(chain[slice(*span)] for span in sentences) == chain
    again = cut_conclusion(chain, CUES, STOPS)
    assert (again.end, again.steps, again.forms) == (end, sentences, [])


STEPS_BEFORE = [
    "Up it is.",
    "```python\nx = 1\n```",
    "\\[ 3 + 4 = 7 \\]",
    "1. Add.",
    "| a |\n|---|\n| 1 |",
    "- So on",
    "这是一。",
]


@given(st.lists(st.sampled_from(STEPS_BEFORE), min_size=1).map("\n".join), st.sampled_from(WORDINGS))
def test_whatever_comes_before_a_conclusion_it_is_cut_off(before, wording):
    assert cut_conclusion(f"{before}\n\n{wording[1]}", []).end == len(before)


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("\n\n**Final Answer:** $\\boxed{7}$ ✅", "Final Answer: 7"),
        ("> 1. *So* \\(x = \\text{3 m}\\).", "So x = 3 m."),
        ("\\[\n\\boxed{\\frac{47}{3}}\n\\]", "\\frac 47 3"),
        ("- 3 * 4 = 12", "3 * 4 = 12"),
        ("答案：7", "答案: 7"),
        ("Answer => 7", "Answer: 7"),
        ("", ""),
    ],
)
def test_plain_words(sentence, words):
    assert " ".join(plain(sentence).split()) == words


@pytest.mark.parametrize(
    "words", ["3 + 4 = 7", "7-2=5", "it is 3 times 4 = 12", "a = b = c", "7 (3 + 4)", "2 \\times 3 = 6"]
)
def test_computes(words):
    assert computes(words)


@pytest.mark.parametrize(
    "words", ["x = 5", "x + 1", "3/4", "2 2/3", "-5", "x = 3, y = 4", "10 - 12 apples", "A-B", "1,234.56"]
)
def test_does_not_compute(words):
    assert not computes(words)


@pytest.mark.parametrize(
    "unit",
    [
        "so ",
        "So 7. ",
        "So 7. The answer is 7. ",
        "the answer is ",
        "answer: ",
        "3+4=",
        "\\boxed{",
        "a",
        "#",
        "*",
        "is ",
        "Answer: 7\n",
        "[",
        "_",
    ],
)
def test_long_sentences_are_no_trouble(unit):
    start = time.process_time()
    cut_conclusion("So it is " + unit * (20_000 // len(unit)), CUES, STOPS)
    assert time.process_time() - start < 20
