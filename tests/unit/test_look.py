"""What is shown of an input before a run, as a person would check it by hand."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from faithfulness.__main__ import main
from faithfulness.backends.protocol import Completion
from faithfulness.chains.write import parse_chain
from faithfulness.config.base import SettingsError
from faithfulness.config.datasets import TableDataset
from faithfulness.operate.look import findings, lines
from faithfulness.operate.look.inputs import Asked, Data, LookError
from faithfulness.operate.look.show import show
from faithfulness.prepare import datasets
from faithfulness.prepare.toy import random_llama
from faithfulness.prompts import load
from faithfulness.tables.generation import Chains
from faithfulness.tables.io import write_table
from tests.runs import ROOT, make

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
DEAF = "{% for message in messages if message.role != 'system' %}[INST] {{ message.content }} [/INST]{% endfor %}"
PERSONA = "<|im_start|>system\nYou are Owl, a helpful and polite assistant.<|im_end|>\n" + CHATML
KEG = [
    {"question": "Where is a keg?", "options": ["shelf", "keg room", "bar"], "answer": "bar"},
    {"question": "What is cold?", "options": ["ice", "fire"], "answer": "A"},
]
OPEN = [{"question": f"What is {n} + 1?", "answer": str(n + 1)} for n in range(30)]
REPLY = "She has 3 apples. She buys 4.\nSo she has 3 + 4 = 7 apples.\nThe answer is 7."


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths of configurations lead from the folder in which a command is called: here, a copy of what they name."""
    (tmp_path / "config").symlink_to(ROOT / "config")
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return random_llama()[0]


def table(rows: list[dict[str, Any]], name: str = "questions.jsonl") -> str:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return name


def model_folder(tokenizer: Any, template: str = CHATML, **config: Any) -> str:
    tokenizer.chat_template = template
    tokenizer.save_pretrained("model")
    Path("model/config.json").write_text(json.dumps({"model_type": "llama", **config}))
    return "model"


def configuration(*entries: dict[str, Any], models: list[dict[str, Any]] | None = None, **more: Any) -> str:
    models = models or [{"name": "m", "source": {"uri": "random:llama"}, "parameters": 1000}]
    uri = "openai:tuned" if models[0]["source"]["uri"].startswith("openai:") else "path:adapter"
    arm = {"name": "tuned-a", "source": {"uri": uri}, "datasets": [entries[0]["name"]], "models": [models[0]["name"]]}
    Path("mine.yaml").write_text(yaml.safe_dump({"models": models, "datasets": [*entries], "arms": [arm]} | more))
    return "mine.yaml"


def entry(name: str = "mine", file: str = "questions.jsonl", **more: Any) -> dict[str, Any]:
    return {"name": name, "task": "table", "source": {"uri": f"path:{file}"}, "train": 1, "eval": 1} | more


def look(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    main(["look", *arguments])
    shown = capsys.readouterr().out
    assert all(lines.columns(line) <= lines.WIDTH for line in shown.splitlines())
    assert not [line for line in shown.splitlines() if line != line.rstrip()]
    return shown


def section(shown: str, heading: str) -> str:
    """The part of what is shown below a heading."""
    return re.split(r"\n\n(?=[^\n]+\n-+\n)", shown.split(f"\n{heading}", 1)[1])[0]


def warnings(shown: str) -> str:
    return " ".join(section(shown, "Warnings").split())


# Items


def test_a_file_alone(capsys: pytest.CaptureFixture[str]) -> None:
    shown = look(capsys, table(KEG))
    items = section(shown, "Items (all")
    assert re.search(r"Where is a keg\?\n     A. shelf\n     B. keg room\n   \* C. bar\n", items)
    assert re.search(r"What is cold\?\n   \* A. ice\n     B. fire", items)
    assert 'source: {uri: "path:questions.jsonl"}' in shown  # the entry of a configuration that reads it
    assert "columns: {options: null}" not in shown
    assert "no model is named" in shown


def test_a_file_of_open_questions(capsys: pytest.CaptureFixture[str]) -> None:
    shown = look(capsys, table(OPEN))
    assert "none (open questions)" in shown
    assert "columns: {options: null}" in shown
    assert "Items (the first 10 of 30, in the order of a run)" in shown
    assert len(re.findall(r"\* gold: \d+", shown)) == 10
    assert len(re.findall(r"\* gold: \d+", look(capsys, "questions.jsonl", "--items", "3"))) == 3
    assert warnings(shown) == "-------- None."


def test_several_right_answers(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"item_id": "1", "question": "Who?", "options": None, "answer": "Ann", "answers": ["Ann", "Anna"]}]
    rows[0] |= {"rationale": None, "show_options": False, "letters": False}
    monkeypatch.setattr(datasets, "read_table", lambda *_: (rows, []))
    monkeypatch.setattr(datasets, "items", lambda *_: ([], rows))
    assert "* gold: Ann / Anna" in look(capsys, table(OPEN), "--config", configuration(entry()))


def test_items_are_those_of_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    table(OPEN)
    described = entry(columns={"options": None}, readout="text", eval=12, train=10)
    shown = look(capsys, "mine", "--config", configuration(described), "--items", "12")
    _, evaluation = datasets.items(TableDataset(**described), [Path("questions.jsonl")])
    assert re.findall(r"\d+\. (What is \d+ \+ 1\?)", section(shown, "Items")) == [i["question"] for i in evaluation]
    assert "12 evaluation items, 10 train items" in shown


def test_rows_that_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    bad = [{"question": "", "options": ["a", "b"], "answer": "a"}, {"question": "Q?", "options": ["a"], "answer": "a"}]
    shown = look(capsys, table([*KEG, *bad, {"question": "R?", "options": ["b"], "answer": "b"}]))
    assert "2 of 5 rows" not in shown
    assert "3 of 5 rows (60 %) are left out" in warnings(shown)
    assert "1 row, for example questions.jsonl, row 3: the question is empty" in warnings(shown)
    assert "2 rows, for example questions.jsonl, row 4: needs at least two" in warnings(shown)


def test_what_would_stop_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    table(KEG)
    shown = look(capsys, "--config", configuration(entry(eval=500)))
    assert "A run would stop here: dataset 'mine' has 2 usable questions" in warnings(shown)
    assert "Where is a keg?" in shown


def row(question: str, options: list[str] | None, answer: str) -> dict[str, Any]:
    fixed = {"rationale": None, "show_options": True, "letters": False}
    return {"item_id": question, "question": question, "options": options, "answer": answer, **fixed}


def data_of(rows: list[dict[str, Any]], **more: Any) -> Data:
    settings = {"name": "mine", "task": "table", "source": {"uri": "path:q.jsonl"}, "train": 0} | more
    return Data(TableDataset(**settings), [[Path("q.jsonl")]], rows, [], rows, 0)


TWO = ["yes", "no"]
FOUR = ["one", "two", "three", "four"]


@pytest.mark.parametrize(
    ("rows", "warning"),
    [
        ([row("q", ["Na", "Na+"], "Na")], "differ in case, spaces or punctuation only, such as 'Na' and 'Na+'"),
        ([row("q", ["Yes", "no", "yes."], "no")], "such as 'Yes' and 'yes.'"),
        ([row("q", ["\uff11\uff12", "12"], "12")], "such as '\uff11\uff12' and '12'"),
        ([row("q", ["+", "-"], "+")], None),
        ([row(str(n), FOUR, FOUR[n % 3]) for n in range(30)], "never option D in 30 rows: are answers counted from 1"),
        ([row(str(n), FOUR, FOUR[1 + n % 3]) for n in range(30)], "never option A in 30 rows"),
        ([row(str(n), FOUR, FOUR[n % 3]) for n in range(6)], None),  # too few to say
        ([row(str(n), FOUR, FOUR[n % 4]) for n in range(30)], None),
        ([row(str(n), TWO, TWO[n % 2]) for n in range(30)], None),
        ([row(str(n), FOUR, FOUR[n % 4 * (n % 5 == 0)]) for n in range(60)], "is option A in 85 % of the rows"),
        ([row("a", TWO, "no"), row("b", FOUR, "one")], "number of options differs: 2 (1 row) and 4 (1 row)"),
        ([row("a", TWO, "no"), row("a", TWO, "no")], "1 row asks a question that an earlier row asks"),
    ],
)
def test_warnings_about_rows(rows: list[dict[str, Any]], warning: str | None) -> None:
    found = " ".join(findings.of_data(data_of(rows)))
    assert warning in found if warning else not found


def test_shuffled_options_have_no_place() -> None:
    rows = [row(str(n), FOUR, "one") for n in range(30)]
    assert not list(findings.of_data(data_of(rows, shuffle_options=True)))
    assert list(findings.of_data(data_of(rows)))


def test_gold_answers_that_no_reply_can_match() -> None:
    text = {"readout": "text", "columns": {"options": None}}
    assert not list(findings.of_data(data_of([row("q", None, "18")], **text)))
    (found,) = findings.of_data(data_of([row("q", None, "16 - 4 = 12\n#### 12")], **text))
    assert "not recognised in a reply that says just that, such as '16 - 4 = 12 #### 12' of 'q'" in found


@pytest.mark.parametrize(
    ("lines", "warning"),
    [
        (["One and one is two.", "It is two."], None),
        (["1 + 1 = 2", "2 + 2 = 4"], None),
        (["One and one is two.", "---"], "(1 and 2)"),
        (None, None),
    ],
)
def test_worked_chains_of_fewer_steps_than_lines(lines: list[str] | None, warning: str | None) -> None:
    found = " ".join(findings.of_data(data_of([row("q", TWO, "no") | {"rationale": lines}])))
    assert ("fewer steps than lines" in found) == bool(warning)
    assert (warning or "") in found


# Prompts


def test_prompts_of_each_kind(capsys: pytest.CaptureFixture[str], tokenizer: Any) -> None:
    shown = look(capsys, table(KEG[:1]), "--tokenizer", model_folder(tokenizer))
    prompts = section(shown, "Prompts")
    assert "| <|im_start|>user\n  | Where is a keg?\n  | Options: shelf, keg room, bar.<|im_end|>" in prompts
    assert "| Let's think step by step.\n" in prompts
    assert "| (the chain)\n  | Answer: bar\n" in prompts
    assert "| Final answer: bar\n" in prompts


@pytest.mark.parametrize(("readout", "compared"), [("letters", "A B C"), ("cloze", "shelf keg room bar")])
def test_what_is_compared(capsys: pytest.CaptureFixture[str], tokenizer: Any, readout: str, compared: str) -> None:
    table(KEG[:1])
    config = configuration(entry(readout=readout, train=0))
    shown = look(capsys, "--config", config, "--tokenizer", model_folder(tokenizer))
    tokens = shown.split("Compared behind a cue:\n")[1].split("\n\n")[0]
    assert tokens.replace("\u2502", "").replace("\u2551", "").split() == compared.split()
    assert f"Answer: {'C' if readout == 'letters' else 'bar'}\n" in shown
    assert ("(A) shelf" in shown) == (readout == "letters")


def test_tokens_joined_are_the_prompt(capsys: pytest.CaptureFixture[str], tokenizer: Any) -> None:
    shown = look(capsys, table(KEG[:1]), "--tokenizer", model_folder(tokenizer))
    lines_of_tokens = re.search(r"tokens\):\n((?:  \|.*\n)+)((?:  (?!\|).*\n)+)", shown)
    assert lines_of_tokens
    joined = "".join(line[2:] for line in lines_of_tokens[2].splitlines())
    text = "\n".join(line[4:] for line in lines_of_tokens[1].splitlines())
    assert re.sub(r"[\u2502\u2551]", "", joined).replace("\u21b5", "\n") == text
    assert joined.count("\u2502") + joined.count("\u2551") == len(tokenizer.encode(text))


def test_models_that_differ_are_shown_once_each(capsys: pytest.CaptureFixture[str]) -> None:
    table(KEG)
    models = [{"name": name, "source": {"uri": "random:llama"}, "parameters": 10} for name in ("a", "b", "c")]
    models[2]["system"] = "You reason."
    served = {"name": "d", "source": {"uri": "openai:gpt"}, "parameters": 10}
    shown = look(capsys, "--config", configuration(entry(), models=models))
    assert "model     a, b\n" in shown
    assert "model     c\n" in shown
    assert shown.count("[system]") == 1
    letters = configuration(entry(readout="letters"), models=[served])
    assert "its server applies them" in look(capsys, "--config", letters)


@pytest.mark.parametrize(
    ("template", "system", "warning"),
    [
        (CHATML, "You reason.", None),
        (CHATML, None, None),
        (
            DEAF,
            "You reason.",
            "A run would stop here: the tokenizer: the model's chat template leaves out the `system` message",
        ),
        (DEAF, None, None),
        (PERSONA, None, "puts words of its own before the question: 'system You are Owl"),
        ("{{ messages[-1].content.upper() }}", None, "leaves out or changes what the user says"),
        ("{{ raise_exception('no system role') }}", "You reason.", "A run would stop here"),
        (
            CHATML + "<think>\n",
            None,
            "A run would stop here: the tokenizer: the model's chat template opens a thinking",
        ),
    ],
)
def test_warnings_about_templates(
    capsys: pytest.CaptureFixture[str], tokenizer: Any, template: str, system: str | None, warning: str | None
) -> None:
    table(KEG)
    model = {"name": "m", "source": {"uri": "random:llama"}, "system": system, "parameters": 10}
    config = configuration(entry(), models=[model])
    shown = look(capsys, "--config", config, "--tokenizer", model_folder(tokenizer, template))
    assert (warning in warnings(shown)) if warning else "template" not in warnings(shown)


def test_prompts_that_are_too_long(capsys: pytest.CaptureFixture[str], tokenizer: Any) -> None:
    folder = model_folder(tokenizer, max_position_embeddings=200)
    long = [{"question": "Is the coin heads up? " * 20, "answer": "yes it is still heads up as far as one can tell"}]
    shown = look(capsys, table(long), "--tokenizer", folder)
    assert "takes 200 tokens, and 1 of 1 prompts have more" in warnings(shown)
    assert "1 gold answers have more tokens than answer_tokens allows (16;" in warnings(shown)
    very_long = [{"question": "Is it? " * 2000, "answer": "yes"}]
    assert "questions of more than 8,000 characters" in warnings(look(capsys, table(very_long)))


# Chains


def test_a_chain_in_steps(capsys: pytest.CaptureFixture[str]) -> None:
    Path("reply.txt").write_text(REPLY)
    shown = section(look(capsys, table(OPEN), "--chain", "reply.txt"), "A chain in steps")
    assert re.findall(r"\n +(\d+)\. prose (.*)", shown) == [
        ("1", "She has 3 apples."),
        ("2", "She buys 4."),
        ("3", "So she has 3 + 4 = 7 apples."),
    ]
    assert "cut off as its conclusion (sentence): The answer is 7." in shown
    assert "give the text back" in shown


def test_a_chain_without_a_conclusion_or_a_step(capsys: pytest.CaptureFixture[str]) -> None:
    Path("reply.txt").write_text("She has three apples")
    shown = look(capsys, table(OPEN), "--chain", "reply.txt")
    assert "No conclusion was recognised" in shown
    assert "has one step" in warnings(shown)
    Path("reply.txt").write_text("The answer is 7.")
    assert "has no step" in warnings(look(capsys, "questions.jsonl", "--chain", "reply.txt"))


def test_a_step_that_states_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    Path("reply.txt").write_text("She has 3. So the answer is 3 + 4 = 7.\nLet me check this again.")
    shown = section(look(capsys, table(OPEN), "--chain", "reply.txt"), "A chain in steps")
    assert re.search(r"\n  2\. prose So the answer is 3 \+ 4 = 7\. \(states the answer\)\n", shown)
    assert shown.count("(states the answer)") == 1


def test_a_worked_chain_and_one_of_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    table([{"question": "Why?", "answer": "7", "rationale": "Three.\nFour makes seven."}])
    described = entry(columns={"options": None, "rationale": "rationale"}, readout="text", train=0)
    shown = look(capsys, "--config", configuration(described, results="out"))
    assert "first worked chain" in shown
    assert "2. prose Four makes seven." in shown
    assert "conclusion (label): Answer: 7" in shown
    text = "One. Two.\nThe answer is 3."
    written = parse_chain(Completion(text, "stop"), load(ROOT / "config/prompts/default.yaml"))
    chain = {"item_id": "i", "sample": 0, "seed": 0, "prompt": "p", "tokenizer_hash": None} | written
    write_table([chain], Chains, "out/chains/m/base/mine.parquet")
    shown = look(capsys, "--config", "mine.yaml")
    assert "the first chain that the base arm of m wrote (out/chains/m/base/mine.parquet)" in shown
    assert "2. prose Two." in shown
    assert "conclusion (sentence): The answer is 3." in shown


def test_generated_questions(capsys: pytest.CaptureFixture[str]) -> None:
    shown = look(capsys, "--config", configuration({"name": "coin_flip", "task": "coin_flip", "train": 3, "eval": 4}))
    assert "The prompt does not name these options" in shown
    assert "1. prose The coin starts heads up." in shown


# What cannot be looked at


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], r"nothing to look at: name a file .* or a configuration"),
        (["question.jsonl"], r"question\.jsonl is not there; .*did you mean 'questions\.jsonl'"),
        (["."], r"\. is a folder, not a file"),
        (["questions.jsonl", "--dataset", "mine"], r"add --config"),
        (["questions.jsonl", "--tokenizer", "nowhere"], r"nowhere contains no tokenizer\.json"),
        (["questions.jsonl", "--chain", "nowhere"], r"--chain: nowhere cannot be read"),
        (["--config", "none.yaml"], r"there is no configuration 'none\.yaml'"),
        (["--config", "questions.csv"], r"questions\.csv holds no settings"),
        (["--config", "broken.yaml"], r"broken\.yaml is not YAML"),
        (["--config", "mine.yaml", "--dataset", "min"], r"no dataset is named 'min'; did you mean 'mine'"),
        (["mine", "--config", "mine.yaml"], r"mine: there is no 'gone\.jsonl'"),
        (["hub", "--config", "mine.yaml"], r"hub: hub:a/b is not on this disk yet .*DATA=<file>"),
        (["questions.jsonl", "--config", "mine.yaml"], r"which dataset .*\? Add --dataset and one of: mine, hub"),
        (["questions.jsonl", "--config", "mine.yaml", "--dataset", "x"], r"no table of the configuration is named 'x'"),
        (["words.csv"], r"words\.csv has no column 'question'; it has: a, b"),
        (["words.xyz"], r"cannot read \.xyz"),
    ],
)
def test_what_cannot_be_looked_at(arguments: list[str], reason: str) -> None:
    table(KEG)
    Path("questions.csv").write_text("Why?")
    Path("broken.yaml").write_text("a: [")
    Path("words.csv").write_text("a,b\n1,2\n")
    Path("words.xyz").write_text("a")
    hub = entry("hub", columns={"options": ["a", "b"]}) | {"source": {"uri": "hub:a/b", "revision": "a" * 40}}
    configuration(entry(file="gone.jsonl"), hub)
    with pytest.raises((LookError, SettingsError, ValueError), match=f"(?s){reason}") as error:
        main(["look", *arguments])
    assert "\n" not in str(error.value)


def test_a_file_as_a_configuration_describes_it(capsys: pytest.CaptureFixture[str]) -> None:
    table([{"q": "Why?", "a": "yes"}], "own.jsonl")
    table([{"q": "How?", "a": "no"}], "other.jsonl")
    columns = {"question": "q", "options": None, "answer": "a"}
    described = [
        entry(name, file, columns=columns, readout="text", train=0)
        for name, file in (("mine", "own.jsonl"), ("old", "../gone.jsonl"))
    ]
    config = configuration(*described)
    assert "Why?" in look(capsys, "own.jsonl", "--config", config)  # the entry whose source it is
    assert "How?" in look(capsys, "other.jsonl", "--config", config, "--dataset", "old")


def test_one_of_several_datasets_is_not_at_hand(capsys: pytest.CaptureFixture[str]) -> None:
    table(KEG)
    shown = look(capsys, "--config", configuration(entry("gone", "gone.jsonl"), entry("mine", train=0)))
    assert "gone\n====\n! gone: there is no 'gone.jsonl'\n\nmine\n====\n" in shown
    assert "Where is a keg?" in shown


@pytest.mark.parametrize("items", ["0", "-1", "ten"])
def test_a_number_of_items(capsys: pytest.CaptureFixture[str], items: str) -> None:
    with pytest.raises(SystemExit):
        main(["look", table(KEG), "--items", items])
    assert "is not a number of items" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "status", "error"),
    [("gone.jsonl", "1", r"gone\.jsonl is not there; .*\n"), ("questions.jsonl", "0", "")],
)
def test_the_command(arguments: str, status: str, error: str) -> None:
    """An error is one line, and a reader of the beginning alone (`| head`) is none."""
    table(OPEN * 40)
    command = f"({sys.executable} -m faithfulness look {arguments} --items 999; echo $? > status) | head -n 1"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "scripts")}
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True, env=environment)
    assert Path("status").read_text().strip() == status
    assert re.fullmatch(error, done.stderr)


@pytest.mark.parametrize(
    ("variables", "arguments"),
    [
        (["DATA=a.jsonl"], "a.jsonl"),
        (["DATA=a.jsonl", "CONFIG=b.yaml"], "a.jsonl --config b.yaml"),
        (["CONFIG=b.yaml", "OPTIONS=--items 3"], "--config b.yaml --items 3"),
        ([], "--config config/config.yaml"),
    ],
)
def test_the_target(variables: list[str], arguments: str) -> None:
    recipe = make(ROOT, "--dry-run", "look", *variables).splitlines()[-1]
    assert recipe.partition("faithfulness look ")[2].split() == arguments.split()


# Lines


@given(st.text(), st.text(max_size=5))
def test_lines_fit_and_hide_nothing(text: str, margin: str) -> None:
    shown = lines.block(text, lines.visible(margin).replace("\n", ""))
    assert all(lines.columns(line) <= lines.WIDTH for line in shown)
    assert not any(lines.HIDDEN.search(line) for line in shown)
    kept = "".join("".join(shown).split())
    assert kept == "".join((lines.visible(margin).replace("\n", "") + lines.visible(text)).split())


@given(st.lists(st.lists(st.text(), max_size=9), max_size=4))
def test_token_lines_fit(segments: list[list[str]]) -> None:
    shown = lines.tokens(segments, "  ")
    assert all(lines.columns(line) <= lines.WIDTH for line in shown)
    assert not any(lines.HIDDEN.search(line) for line in shown)


@given(st.text(min_size=1), st.lists(st.text(min_size=1), min_size=2, max_size=5, unique=True))
def test_any_item_is_shown(question: str, options: list[str]) -> None:
    data = data_of([row(question, options, options[-1])])
    shown = show(data, [Asked("", load(ROOT / "config/prompts/default.yaml"), None)], None, 10)
    assert all(lines.columns(line) <= lines.WIDTH for line in shown.split("\n"))
    assert not any(lines.HIDDEN.search(line) for line in shown.split("\n"))


def test_wide_characters_take_two_columns() -> None:
    (first, *_) = lines.block("\u6c34" * 80, "")
    assert len(first) == lines.WIDTH // 2


def test_what_a_terminal_would_obey_is_written_out() -> None:
    assert lines.visible("a\x1b[31m\r\u202e\ud800b") == "a\\x1b[31m\\r\\u202e\\ud800b"


def test_a_long_text_is_shortened() -> None:
    assert lines.shortened("a" * 50 + "b" * 50, 20) == "a" * 10 + " [... 80 characters ...] " + "b" * 10
    assert lines.shortened("short", 20) == "short"
    assert lines.shortened("a" * 25, 20) == "a" * 25  # nothing is gained
