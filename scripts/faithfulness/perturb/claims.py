r"""What a step claims: whether it claims anything, and where its amounts are (method, section 4, "Mistake").

A plan ("Let's ...", "First, we need to find ..."), an instruction, a question, an announcement and a heading claim
nothing, but for the result of an equation in them. A number is a claim where it is an amount: not in a name (CO2,
Apollo 11), an exponent, a reference ([1], step 2), a date, a variable or code.
"""

import re

from faithfulness.perturb.wording import FORMULA, NUMBER_WORDS, STARTER, words

# What a step does without claiming something. After a connective ("First, let's ...") it does so, too.
OPENER = (
    r"(?:(?:so|now|next|then|first(?:ly| of all)?|second(?:ly)?|third(?:ly)?|finally|lastly|therefore|thus|hence|"
    r"to (?:begin|start)(?: with)?|after that|also|okay|ok|alright|great|sure|and|in order),?!? )*"
)
TASK_VERB = (
    r"(?:calculate|compute|find|determine|identify|add|subtract|multiply|divide|consider|look|think|start|begin|use|"
    r"understand|set|solve|convert|write|check|verify|read|take|apply|substitute|simplify|analyze|analyse|evaluate|break|"
    r"define|denote|assume|suppose|imagine|choose|select|list|count|sum|figure|work|combine|compare|estimate|express|get|"
    r"give|go|see|recall|note|notice|remember|review|summarize|rearrange|plug|put|round|subtracting|adding|follow|try|"
    r"perform|repeat|confirm|isolate|factor|expand|draw|make)"
)
PLAN = re.compile(
    rf"{OPENER}(?:let(?:'s|s)? (?!(?:the|it|us know)\b)|let us\b|let me\b|here(?:'s| is| are)\b|"
    rf"(?:we|i|you|one)(?:'ll| will| need| have to| must| should| want| are going| are (?:asked|looking|given the)"
    rf"| would (?:like|need)|'re (?:going|asked|looking))\b|"
    rf"(?:we|i|you) (?:can|could|may) (?:now |then |also |first |simply )?(?!find\b(?! (?:the|how|out)\b))"
    rf"{TASK_VERB}\b|"
    rf"(?:we|i) (?:first |now |then |also )?{TASK_VERB}\b(?=[^\d]*$)|"
    rf"(?:to|in order to) (?:\w+ly )?{TASK_VERB}\b|to (?:answer|do|know|be|help|reach|arrive)\b|"
    rf"(?:by |after )?{TASK_VERB}\b|"
    r"the (?:question|problem|task|goal|aim|next step|first step|final step) (?:asks?|is asking|wants?|is to)\b|"
    r"the (?:steps?|following|options|answer choices|choices) (?:are|is|follow)\b|"
    r"(?:please|given|where|if|who|what|when|why|how|which|is|are|do|does|did|can|could|would|will|should)\b(?!.*,))",
    re.I,
)
ASSUMED = re.compile(rf"{OPENER}(?:let (?!us\b|me\b)|(?:where|if|when|assume|suppose|say)\b)", re.I)
CODE = re.compile(r"(?<!`)`++[^`\n]+`+|https?://\S+|</?[A-Za-z][^<>\n]{0,200}>")
ASSIGNMENT = re.compile(r"\s*[A-Za-z]\w*_\w+ ?[-+*/]?=|\s*\w+\[\w*\] ?=|\s*(?:const|let|var|int|float|double) \w+ ?=")
RESULT = re.compile(
    r"(?:(?<![<>!=:])=(?!=)|\u2248|\\approx|\bequals?\b|\bis equal to\b)"
    r"(?:\s|\\[(\[,;!$]|\\(?:text|mathrm|boxed|mathbf)\{|\\d?frac\{|[$€£{(*]){0,9}[-\u2212]?(?P<number>\d[\d,]*(?:\.\d+)?)"
    r"(?![^\W\u0900-\uffff]|\^|\.\d)"  # letters of scripts without spaces may follow
)
BOXED = re.compile(r"\\boxed\{\s*\\?[$€£]?[-\u2212]?(?P<number>\d[\d,]*(?:\.\d+)?)(?=\D)")

AMOUNT = re.compile(
    r"(?<![\w.,^_#@\\/\u2070-\u209f])(?P<number>\d[\d,]*(?:\.\d+)?)(?![\w^_]|\*\*\d|[.,]\d)|(?<=\d/)(?P<below>\d+)(?![\w/^])"
)
UNITS = "km|kg|cm|mm|mg|ml|kb|mb|gb|tb|mph|kph|lbs?|oz|ft|hrs?|mins?|secs?|am|pm|m|g|l|h|s|k|%|°|¢|€|£"
WITH_UNIT = re.compile(rf"(?<![\w.,^_#@\\/])(?P<number>\d[\d,]*(?:\.\d+)?)(?=(?:{UNITS})(?!\w))")
MONTH = r"(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sept?|Oct|Nov|Dec)[a-z]*\.?"
YEAR = r"(?:1[4-9]|20)\d\d"
REFERENCE = (
    r"steps?|figures?|fig\.?|tables?|equations?|eqs?\.?|sections?|chapters?|pages?|pp?\.|options?|choices?|questions?|"
    r"problems?|lines?|parts?|cases?|examples?|types?|grades?|class|levels?|vitamins?|versions?|years?|rounds?|groups?|"
    r"items?|rows?|columns?|phases?|stages?|verses?|volumes?|vol\.|models?|routes?|rooms?|channels?|flights?|gates?|"
    r"no\.|numbers?|articles?|rules?|notes?|refs?\.?|lemmas?|theorems?|methods?|statements?|answers?|points? no|days?|"
    r"weeks?|months?|mod|modulo|base|power of|degree|interstate|highway|act|scene|season|episode|track|bus|platform|"
    r"schritt|étape|paso|passo"
)
LISTED = r"\d+[a-z]?(?:(?:, and |, or |, | and | or | to | through |[-\u2013])\d+)*"
NO_CLAIM = re.compile(
    "|".join(
        (
            FORMULA,
            rf"(?i:\b(?:{REFERENCE}) (?:no\. ?|\#|\()?{LISTED}(?! \w+s\b))",
            r"\[\d[\d,;\s\u2013-]*\]",
            r"\(\d{1,3}\)",
            rf"\((?:[^()\d]{{0,60}},? ?)?{YEAR}[a-z]?\)",
            r"(?:\^|\*\*) ?\{?[-\u2212]?\d+\}?",
            r"(?:[A-Za-z]|\d)_\{?\w+\}?",
            r"\d{1,4}[/.]\d{1,2}[/.]\d{1,4}|\d{4}-\d\d-\d\d|\b24/7\b|\b9/11\b|\b50/50\b|\b50-50\b",
            rf"\b{MONTH} \d{{1,2}}(?:st|nd|rd|th)?\b(?:,? {YEAR}\b)?",
            rf"\b\d{{1,2}} {MONTH}(?: {YEAR}\b)?|\b{MONTH} {YEAR}\b",
            rf"\b{YEAR} ?[-\u2013] ?\d{{2,4}}\b|\b{YEAR}s\b|\b{YEAR}\b",
            r"\b[A-Za-z]+-\d[\w-]*",
            r"\b\d+(?:st|nd|rd|th)\b",
            r"\b\d+-[a-z]\w*(?:-\w+)*",
            r"\b\d+(?:\.\d+)? ?[x\u00d7] ?\d+(?:\.\d+)?(?= [a-z])",
            r"\b(?:1-)?\d{3}-\d{3,4}(?:-\d{4})?\b|\b\d{10,}\b|\d+(?:\.\d+){2,}",
            r"\b100% (?:sure|certain|correct|right|true)\b",
            r"(?i:\b(?:the|these|those|first|last|next|other|previous|top|same|in one|one of) \d[\d,.]*(?= [a-z]))",
        )
    ),
    re.S,
)  # fmt: skip
NAMED = re.compile(r"\b(?P<name>[A-Z][\w'-]*) (?P<number>\d[\w.]*)")
DATED = re.compile(
    rf"\b(?:was|were|began|ended|started|died|born|happened|won|lost|became|opened|closed|founded|built|published|\w{{3,}}ed)\b"
    rf"[^.;]*\b(?:in|since|until) (?P<number>{YEAR})$",
    re.I,
)

_NUMBER_WORD = rf"(?:{'|'.join(NUMBER_WORDS)})"
SPELLED_AMOUNT = re.compile(
    r"(?<!-)\b(?<!the )(?<!these )(?<!those )(?<!first )(?<!last )(?<!next )(?<!other )" rf"{_NUMBER_WORD}\b(?!-)", re.I
)
SPELLED_RESULT = re.compile(
    rf"\b{_NUMBER_WORD} (?:plus|minus) {_NUMBER_WORD} (?:is|makes|equals) (?P<number>{_NUMBER_WORD})\b(?!-)", re.I
)

Span = tuple[int, int]


def is_question(end: str, body: str) -> bool:
    """Whether a sentence with this end asks something."""
    return any(mark in end for mark in "?\uff1f\u061f\u037e") or body.rstrip("*_ \"')").endswith(("?", "\uff1f"))


def asserts(lead: str, body: str, end: str) -> bool:
    """Whether an English sentence claims something: no plan, instruction, question, announcement or heading."""
    bare = body.strip("*_ ")
    announces = (
        (body.rstrip("*_ ")[-1:] + end.strip())[-1:] in (":", "\uff1a") or ":" in end or bare.endswith((":", "\u2026"))
    )
    headed = "#" in lead or ((lead + body).rstrip().endswith("**") and ("**" in lead or body.startswith("**")))
    verdict = bare.lower() in ("yes", "no", "true", "false")
    silent = is_question(end, body) or announces or headed or PLAN.match(bare) is not None
    return not silent and (verdict or len(words(bare)) > 1)


def result(body: str) -> Span | None:
    """Where the result of the last equation is, or what is boxed; None if there is none, or it is only assumed."""
    if (ASSUMED.match(body) and "," not in body) or ASSIGNMENT.match(body):
        return None
    code = [found.span() for found in CODE.finditer(body)]
    for pattern in (RESULT, BOXED):
        found = [match.span("number") for match in pattern.finditer(body) if not _within(match.span("number"), code)]
        if found:
            return found[-1]
    return None


def amount(body: str) -> Span | None:
    """Where the last amount of a sentence is; None if there is none. The year of an event is one at its end only."""
    spoken = [found.span() for found in NO_CLAIM.finditer(body)]
    spoken += [found.span() for found in NAMED.finditer(body) if not STARTER.match(found["name"])]
    found = sorted(
        (match.span("number") if match["number"] else match.span("below"))
        if pattern is AMOUNT
        else match.span("number")
        for pattern in (AMOUNT, WITH_UNIT)
        for match in pattern.finditer(body)
    )
    free = [span for span in found if not _within(span, spoken)]
    if free:
        return free[-1]
    dated = DATED.search(body)
    return dated.span("number") if dated else None


def spelled_result(body: str) -> Span | None:
    """Where the result of the last sum in words is; None if there is none."""
    found = list(SPELLED_RESULT.finditer(body))
    return found[-1].span("number") if found else None


def spelled_amount(body: str) -> Span | None:
    """Where the last amount in words is; None if there is none."""
    found = list(SPELLED_AMOUNT.finditer(body))
    return found[-1].span() if found else None


def _within(span: Span, others: list[Span]) -> bool:
    return any(start < span[1] and span[0] < end for start, end in others)
