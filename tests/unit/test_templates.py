"""Chat templates: a fixed date, one opening tag, and settings that reach the template or are refused by name."""

import datetime
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from transformers.utils import chat_template_utils

from faithfulness import prompts, templates
from faithfulness.config.base import SettingsError
from faithfulness.config.models import LocalModel, ServedModel
from faithfulness.config.settings import load
from faithfulness.prompts import Prompts
from tests.runs import ROOT

ITEM = {"question": "Heads?", "letters": False, "show_options": False}
THINK = ("<think>", "</think>")
BEFORE = "<|im_start|>assistant\n"
USER = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
BEGIN = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
# The ends of published templates: what they write where the model's turn begins.
QWEN3 = (
    USER + BEGIN + "{%- if enable_thinking is defined and enable_thinking is false %}"
    "{{- '<think>\n\n</think>\n\n' }}{%- endif %}{% endif %}"
)
QWQ = USER + BEGIN + "{{ '<think>\n' }}{% endif %}"  # also DeepSeek-R1-Distill, Qwen3-Thinking
DEEPSEEK = (  # V3.1: one tag alone, by default the closing one
    "{% if not thinking is defined %}{% set thinking = false %}{% endif %}" + USER + "<|Assistant|>"
    "{% if thinking %}{{ '<think>' }}{% else %}{{ '</think>' }}{% endif %}"
)
GLM = USER + BEGIN + "{% if not enable_thinking|default(true) %}{{ '/nothink<think></think>' }}{% endif %}{% endif %}"
GRANITE = USER + "{% if thinking %}Think first.{% endif %}" + BEGIN + "{% endif %}"
COMMAND = (
    "{% set reasoning = reasoning|default(true) %}" + USER + "<|CHATBOT_TOKEN|>"
    "{{ '<|START_THINKING|>' if reasoning else '<|START_THINKING|><|END_THINKING|>' }}"
)
ALWAYS_CLOSED = USER + BEGIN + "{{ '<think>\n\n</think>\n\n' }}{% endif %}"
PLAIN = USER + BEGIN + "{% endif %}"
# The beginnings of published templates that show a date.
LLAMA32 = (
    "{%- if not date_string is defined %}{%- if strftime_now is defined %}"
    '{%- set date_string = strftime_now("%d %b %Y") %}{%- else %}{%- set date_string = "26 Jul 2024" %}'
    "{%- endif %}{%- endif %}{{ 'Today Date: ' + date_string + '\n' }}"
)
LLAMA31 = (
    '{%- if not date_string is defined %}{%- set date_string = "26 Jul 2024" %}{%- endif %}'
    "{{ 'Today Date: ' + date_string + '\n' }}"
)
MISTRAL = '{%- set today = strftime_now("%Y-%m-%d") %}{{ "The current date is " + today + ".\n" }}'
GRANITE_DATE = "{{ \"Today's Date: \" + strftime_now('%B %d, %Y') + '.\n' }}"
GPT_OSS = "{%- macro now() %}{{- 'Current date: ' + strftime_now(\"%Y-%m-%d\") }}{%- endmacro %}{{ now() + '\n' }}"


def chat(template: str | dict[str, str]) -> PreTrainedTokenizerFast:
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()))
    tokenizer.chat_template = template
    return tokenizer


def byte_level_chat(template: str) -> PreTrainedTokenizerFast:
    """A tokenizer that keeps texts."""
    rules = Tokenizer(models.BPE({token: i for i, token in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}, []))
    rules.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    rules.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=rules)
    tokenizer.chat_template = template
    return tokenizer


def chain(template: str | dict[str, str], wording: Prompts) -> str:
    return prompts.chain_prompt(ITEM, wording, prompts.renderer(chat(template)))


def with_settings(think: tuple[str, str] | None = None, date: str | None = None, **template: Any) -> Prompts:
    return prompts.load(ROOT / "config/prompts/default.yaml", think=think, date=date, template=template)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is another day, which no prompt may show."""

    class Another(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> "Another":
            return cls(1999, 12, 31, 23, 59)

    monkeypatch.setattr(chat_template_utils, "datetime", Another)


class TestDate:
    @pytest.mark.usefixtures("clock")
    @pytest.mark.parametrize(
        ("template", "default", "other"),
        [
            pytest.param(LLAMA32, "Today Date: 26 Jul 2024", "Today Date: 02 Jan 2025", id="llama 3.2"),
            pytest.param(LLAMA31, "Today Date: 26 Jul 2024", "Today Date: 02 Jan 2025", id="llama 3.1"),
            pytest.param(MISTRAL, "The current date is 2024-07-26.", "The current date is 2025-01-02.", id="mistral"),
            pytest.param(
                GRANITE_DATE, "Today's Date: July 26, 2024.", "Today's Date: January 02, 2025.", id="granite"
            ),
            pytest.param(GPT_OSS, "Current date: 2024-07-26", "Current date: 2025-01-02", id="in a macro"),
            pytest.param(
                "{{ strftime_now('%A %-d/%-m/%y, %H:%M, 100%%') }}\n",
                "Friday 26/7/24, 00:00, 100%", "Thursday 2/1/25, 00:00, 100%", id="other directives",
            ),
            pytest.param("{{ strftime_now('%Y')|int + 1 }}\n", "2025", "2026", id="computed with"),
            pytest.param(
                "{% set f = '%d.%m' %}{{ strftime_now(format=f) }}\n", "26.07", "02.01", id="format in a variable"
            ),
        ],
    )  # fmt: skip
    def test_the_configuration_tells_it(self, template: str, default: str, other: str) -> None:
        assert chain(template + PLAIN, with_settings()).splitlines()[0] == default
        assert chain(template + PLAIN, with_settings(date="2025-01-02")).splitlines()[0] == other

    @settings(max_examples=25)
    @given(st.dates(datetime.date(1900, 1, 1)), st.lists(st.sampled_from([*templates.DIRECTIVES, "%%", " ", "x"])))
    def test_it_is_what_strftime_gives(self, day: datetime.date, parts: list[str]) -> None:
        form = "".join(parts)
        text = chain(f"{{{{ strftime_now({form!r}) }}}}|" + PLAIN, with_settings(date=day.isoformat()))
        assert text.partition("|")[0] == day.strftime(form)

    def test_a_template_without_a_date_stays_as_it_is(self) -> None:
        assert templates._dated(PLAIN, "2024-07-26") is PLAIN
        spaced = "\n  {% if true %}a{% endif %}{{ strftime_now('') }}"
        assert chat(spaced).apply_chat_template([{"role": "user", "content": "b"}], tokenize=False) == "\na"
        assert chain(spaced, with_settings()).startswith("\na")

    def test_the_template_reads_a_date_of_ours(self) -> None:
        assert chain(LLAMA32 + PLAIN, with_settings(date_string="1 May 2023")).startswith("Today Date: 1 May 2023")

    def test_it_is_part_of_the_record_and_of_every_key(self) -> None:
        one, other = with_settings(), with_settings(date="2025-01-02")
        assert one.model_dump()["date"] == "2024-07-26"
        assert Prompts.model_validate_json(other.model_dump_json()) == other != one

    @pytest.mark.parametrize("written", ["2025-01-02", datetime.date(2025, 1, 2)], ids=["text", "as YAML reads it"])
    def test_it_is_set_for_a_model(self, written: object) -> None:
        model = LocalModel(name="m", source={"uri": "random:llama"}, date=written)
        assert prompts.load(ROOT / "config/prompts/default.yaml", **model.dialogue()).date == "2025-01-02"

    @pytest.mark.parametrize("wrong", ["today", "26 Jul 2024", "2024-13-01", datetime.datetime(2024, 1, 1, 7, 30)])
    def test_it_must_be_a_date(self, wrong: object, config: dict[str, Any]) -> None:
        config["models"][0]["date"] = wrong
        with pytest.raises(SettingsError, match=r"models\..*date"):
            load(config)


class TestThinking:
    @pytest.mark.parametrize(
        ("template", "settings"),
        [
            pytest.param(PLAIN, {}, id="the model opens"),
            pytest.param(QWQ, {}, id="the template opens"),
            pytest.param(QWEN3, {}, id="qwen3"),
            pytest.param(QWEN3, {"enable_thinking": True}, id="qwen3, on"),
            pytest.param(QWEN3, {"enable_thinking": False}, id="qwen3, off: an empty block"),
            pytest.param(ALWAYS_CLOSED, {}, id="always an empty block"),
            pytest.param(GLM, {"enable_thinking": True}, id="glm"),
        ],
    )
    def test_one_tag_is_open(self, template: str, settings: dict[str, Any]) -> None:
        asked = chain(template, with_settings(THINK, **settings))
        assert asked.endswith(f"{BEFORE}<think>\n")
        assert (asked.count("<think>"), asked.count("</think>")) == (1, 0)
        direct = "".join(
            prompts.direct_prompt(ITEM, with_settings(THINK, **settings), prompts.renderer(chat(template)))
        )
        assert direct.endswith(f"{BEFORE}<think>\n\n</think>\n\nFinal answer:")
        assert (direct.count("<think>"), direct.count("</think>")) == (1, 1)

    @pytest.mark.parametrize("settings", [{}, {"thinking": True}])
    def test_one_tag_alone(self, settings: dict[str, Any]) -> None:
        assert chain(DEEPSEEK, with_settings(THINK, **settings)).endswith("<|Assistant|><think>\n")

    @pytest.mark.parametrize("reasoning", [True, False])
    def test_other_tags(self, reasoning: bool) -> None:
        tags = ("<|START_THINKING|>", "<|END_THINKING|>")
        asked = chain(COMMAND, with_settings(tags, reasoning=reasoning))
        assert asked.endswith("<|CHATBOT_TOKEN|><|START_THINKING|>\n")

    @pytest.mark.parametrize(
        ("opening", "closing"),
        [
            ("<think>", "</think>"), ("[THINK]", "[/THINK]"), ("◁think▷", "◁/think▷"), ("<thought>", "</thought>"),
            ("<|START_THINKING|>", "<|END_THINKING|>"), ("<seed:think>", "</seed:think>"),
            ("<|inner_prefix|>", "<|inner_suffix|>"), ("<reasoning>", "</reasoning>"),
            ("<|begin_of_thought|>", "<|end_of_thought|>"), ("<thinking>", "</thinking>"), ("<|think|>", "<|/think|>"),
        ],
    )  # fmt: skip
    def test_siblings(self, opening: str, closing: str) -> None:
        opens, closes = (
            USER + BEGIN + f"{{{{ '{end}' }}}}{{% endif %}}" for end in (opening, f"{opening}\n{closing}\n")
        )
        with pytest.raises(ValueError, match=r"opens a thinking block .*set `think`"):
            chain(opens, with_settings())
        with pytest.raises(ValueError, match=r"closes a thinking block .*set `think`"):
            chain(closes, with_settings())
        for template in (opens, closes):
            assert chain(template, with_settings((opening, closing))).endswith(f"{BEFORE}{opening}\n")

    @pytest.mark.parametrize(
        ("template", "named"),
        [
            pytest.param(QWQ, r"opens a thinking block \(<think>\).*`think`.*template: {enable_thinking", id="opens"),
            pytest.param(QWEN3, r"enable_thinking.*`template: {enable_thinking: false}`.*`think: ", id="may close"),
            pytest.param(GLM, "`template: {enable_thinking: false}`", id="glm"),
            pytest.param(DEEPSEEK, "`template: {thinking: false}`.*`think: ", id="closes"),
            pytest.param(GRANITE, "`template: {thinking: false}`", id="granite"),
            pytest.param(COMMAND, "`template: {reasoning: false}`", id="command"),
            pytest.param(ALWAYS_CLOSED, "closes a thinking block", id="always closed"),
        ],
    )
    def test_without_a_setting_it_is_refused(self, template: str, named: str) -> None:
        with pytest.raises(ValueError, match=named):
            chain(template, with_settings())
        with pytest.raises(ValueError, match=named):  # before the weights are used
            prompts.check(chat(template), with_settings())

    @pytest.mark.parametrize(
        ("template", "settings", "end"),
        [
            (QWEN3, {"enable_thinking": False}, f"{BEFORE}<think>\n\n</think>\n\n"),
            (GLM, {"enable_thinking": False}, f"{BEFORE}/nothink<think></think>"),
            (DEEPSEEK, {"thinking": False}, "<|Assistant|></think>"),
            (GRANITE, {"thinking": False}, BEFORE),
            (COMMAND, {"reasoning": False}, "<|START_THINKING|><|END_THINKING|>"),
        ],
        ids=["qwen3", "glm", "deepseek", "granite", "command"],
    )  # fmt: skip
    def test_thinking_is_switched_off(self, template: str, settings: Mapping[str, Any], end: str) -> None:
        assert chain(template, with_settings(**settings)).endswith(f"{end}Let's think step by step.")

    @pytest.mark.parametrize("template", [QWQ, DEEPSEEK])
    def test_thinking_that_is_switched_on_needs_its_tags(self, template: str) -> None:
        settings = {"thinking": True} if template is DEEPSEEK else {}
        with pytest.raises(ValueError, match="opens a thinking block"):
            chain(template, with_settings(**settings))

    def test_other_tags_than_those_of_the_template(self) -> None:
        with pytest.raises(ValueError, match=r"begins the model's turn with <think>, .* names \[THINK\]"):
            chain(QWQ, with_settings(("[THINK]", "[/THINK]")))

    def test_a_block_with_content(self) -> None:
        template = USER + BEGIN + "{{ '<think>\nOkay.\n</think>\n\n' }}{% endif %}"
        with pytest.raises(ValueError, match="writes a thinking block of its own"):
            chain(template, with_settings(THINK))

    def test_tags_in_the_conversation_are_no_block(self) -> None:
        item = ITEM | {"question": "What does <think> do?\n<think>"}
        asked = prompts.chain_prompt(item, with_settings(), prompts.renderer(chat(PLAIN)))
        assert asked.endswith(f"<think><|im_end|>\n{BEFORE}Let's think step by step.")

    @given(st.text(alphabet="<>[]/think |_\n", max_size=300))
    def test_any_end_is_split(self, text: str) -> None:
        before, opened, closed = templates._split_thinking(text)
        assert text.startswith(before)
        assert (before == text) == (opened is closed is None)


class TestVariables:
    def test_they_reach_the_template(self) -> None:
        template = "{{ effort|default('low') }}{{ n }}{{ on }}|" + PLAIN
        text = chain(template, with_settings(effort="high", n=3, on=True))
        assert text.startswith("high3True|")

    def test_one_that_is_not_read(self) -> None:
        with pytest.raises(ValueError, match=r"reads no 'enable_thinkng'; it reads .*enable_thinking"):
            chain(QWEN3, with_settings(enable_thinkng=False))

    def test_no_chat_template(self, wording: Prompts) -> None:
        with pytest.raises(ValueError, match="without a chat template reads no 'enable_thinking'"):
            prompts.chain_prompt(ITEM, with_settings(enable_thinking=False), prompts.renderer(None))

    def test_several_templates(self) -> None:
        assert chain({"default": PLAIN, "tool_use": QWQ}, with_settings()).startswith("<|im_start|>user")
        with pytest.raises(ValueError, match="chat templates for rag, but none that is `default`"):
            chain({"rag": PLAIN}, with_settings())

    def test_marks_for_training_are_read_over(self) -> None:
        marked = "{% for m in messages %}{%- generation -%}{{ m.content }}{%- endgeneration %}{% endfor %}{{ mode }}|"
        assert chain(marked, with_settings(mode="a")).startswith("Heads?a|")

    def test_a_setting_of_a_model(self, config: dict[str, Any]) -> None:
        config["models"][0]["template"] = yaml.safe_load("{enable_thinking: false, budget: 12, style: brief}")
        model = load(config).models[0]
        assert model.template == {"enable_thinking": False, "budget": 12, "style": "brief"}
        assert prompts.load(ROOT / "config/prompts/default.yaml", **model.dialogue()).template == model.template

    @pytest.mark.parametrize("switch", ["enable_thinking", "thinking"])
    def test_settings_that_contradict_each_other(self, switch: str, config: dict[str, Any]) -> None:
        config["models"][0] |= {"think": list(THINK), "template": {switch: False}}
        with pytest.raises(SettingsError, match=f"think and template.{switch}: false contradict each other"):
            load(config)

    def test_a_model_on_a_server(self) -> None:
        with pytest.raises(ValueError, match=r'server.body: {chat_template_kwargs: {"enable_thinking": false}}'):
            ServedModel(name="m", parameters=1, source={"uri": "openai:m"}, template={"enable_thinking": False})


IN_PARTS = "{% for m in messages %}{{ m.role }}: {% for part in m.content %}{{ part.text }}{% endfor %}\n{% endfor %}"
WITHOUT_SYSTEM = "{% for m in messages %}{% if m.role == 'user' %}<|user|>{{ m.content }}\n{% endif %}{% endfor %}"


def test_templates_that_leave_out_messages() -> None:
    """The question or the instructions would be missing from all prompts, without a word."""
    tokenizer = byte_level_chat(IN_PARTS)
    with pytest.raises(ValueError, match="leaves out or changes what the user says; it may want messages in parts"):
        prompts.check(tokenizer, with_settings())
    brief = with_settings().model_copy(update={"system": "Be brief."})
    tokenizer = byte_level_chat(WITHOUT_SYSTEM)
    prompts.check(tokenizer, with_settings())
    prompts.check(tokenizer, brief.model_copy(update={"system": ""}))
    with pytest.raises(ValueError, match="leaves out the `system` message"):
        prompts.check(tokenizer, brief)
    for template in (PLAIN, USER.replace("m.content", "m.content | trim") + BEGIN + "{% endif %}"):
        prompts.check(byte_level_chat(template), brief)
