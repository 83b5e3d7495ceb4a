"""Rewordings of English sentences by rule: where the context makes their meaning certain, and nowhere else.

A rule knows the words around what it changes. "Usually" has other words, and "normally" has none ("normally
distributed"); "we need to" has, and "the need to" has none. What a rule is not sure of stays as it is.
"""

import re
from collections.abc import Callable, Sequence

from faithfulness.perturb.wording import lower_start, rotated, spell_arithmetic, words

Rule = Callable[[str, int], str]  # a sentence without its end, and the seed of a choice
Table = Sequence[tuple[str, Sequence[str]]]

NEGATION = re.compile(
    r"\b(?:not|no|never|none|nothing|nobody|nowhere|neither|nor|without|cannot|hardly|barely|scarcely|seldom|rarely|few|"
    r"little)\b|n't\b",
    re.I,
)
# How a clause begins: after a connective, this makes certain that it is one.
SUBJECT = (
    r"(?=(?:the|an?|this|these|those|it|he|she|they|we|you|I|there|his|her|its|their|our|my|each|every|both|all|if|"
    r"when|in|\d[\d,.]*|[A-Z][\w'-]*)\b(?! for\b)|[$\ue000-\uf8ff])"
)
CLAUSE_WORD = re.compile(
    r"\b(?:and|or|but|nor|so|yet|then|because|since|if|when|while|although|though|unless|whether|that|which|who|whom|"
    r"whose|what|where|why|how|say|says|said|think|thinks|thought|believes?|believed|knows?|knew|claims?|claimed|hopes?|"
    r"hoped|wants?|wanted|tells?|told|asks?|asked|just|only|even|simply|mainly|mostly|partly|probably|perhaps|maybe)\b",
    re.I,
)
NOUN = (
    r"(?:number|total|sum|amount|cost|price|value|difference|average|percentage|rate|distance|profit|revenue|length|"
    r"area|volume|perimeter|age|weight|height|speed|earnings|income|change|discount)\b"
)
QUANTITY = (
    r"(?=(?:how (?:many|much|far|long|old)\b|"
    rf"(?:(?:the|an?|his|her|its|their|[A-Z]\w*'s) )(?:[a-z]+ ){{0,2}}{NOUN}))"
)
TASK = r"(?:(?<=^)|(?<=\bto )|(?<=\bwe )|(?<=\bcan )|(?<=\bus )|(?<=\bmust )|(?<=\bwill )|(?<=\blet's ))"
MONEY = r"\d[\d,]*(?:\.\d+)?"
MANY = r"(?:\d[\d,.]*|once|twice|two|three|four|five|six|seven|eight|nine|ten|twelve)"
PERIOD = rf"(?<![\w.,]){MANY} (?:[a-z]+ )?(?:[a-z]+s )"

CONNECTIVES: Table = (
    (
        rf"^(?:So(?! (?:it|that|this|they|he|she) (?:is|are|was|be|do|does|did|goes|went|seems)$),?|"
        rf"(?:Therefore|Thus|Hence|As a result|Consequently),) {SUBJECT}",
        ("Therefore, ", "Thus, ", "As a result, ", "Hence, "),
    ),
    (rf"^(?:But|(?:However|Nevertheless),) {SUBJECT}", ("However, ", "But ", "Nevertheless, ")),
    (r"^(?:In addition|Additionally|Moreover|Furthermore), ", ("In addition, ", "Moreover, ", "Furthermore, ")),
    (r"^(?:First|Firstly|First of all), ", ("To begin with, ",)),
    (r"^(?:Next), (?=we |let|you )", ("Then, ",)),
    (r"^(?:Finally|Lastly), (?=we |let|you )", ("Lastly, ", "Finally, ")),
    (rf", so {SUBJECT}", (", and therefore ", ", which is why ")),
    (r" because of ", (" owing to ", " on account of ")),
    (r"^Because (?!of\b)", ("Given that ",)),
    # "Since" gives a reason if its verb is in the present tense.
    (r"^Since (?=(?:(?!\b(?:had|was|were|did)\b|,).){1,60}?\b(?:is|are|can|cannot|costs|needs|wants|"
     r"earns|makes|runs|takes|eats|gives|sells|buys|pays|works|spends|gets|lays|walks|drives)\b)",
     ("Because ", "Given that ")),
)  # fmt: skip

SYNONYMS: Table = (
    (r"\busually\b(?! (?:distributed|ordered|closed|open)\b)", ("generally",)),
    (r"\b(?<!more )(?<!as )(?:often|frequently)\b(?! (?:than|as|asked)\b)", ("often", "frequently")),
    (r"\bfor (?:example|instance),", ("for example,", "for instance,")),
    (r"^For (?:example|instance),", ("For example,", "For instance,")),
    (r"^(?!.*\b(?i:put|sort|arrang|plac|list|rank|keep|kept)\w*)(.*)\b[Ii]n order to\b", (r"\1to",)),
    (r"\bmight be\b", ("may be",)),
    (r"\ba lot of\b(?! (?:land|ground|shares|stock|items|goods|\d))", ("lots of",)),
    (r"(?:(?<=^We )|(?<=^You )|(?<=^They )|(?<=, we )|(?<=, you )|(?<=, they )|(?<=\bwill ))need to\b", ("have to",)),
    (r"^((?:He|She|It|[A-Z][a-z]+)) needs to\b", (r"\1 has to",)),
    (r"(?<=[Ww]e )must (?=[a-z]+ )(?!not|be |have )", ("have to ",)),
    (r"\b(?<=is )(?:located|situated)(?= (?:in|on|at|near|between)\b)", ("located", "situated")),
    (r"\b(?<=are )(?:located|situated)(?= (?:in|on|at|near|between)\b)", ("located", "situated")),
    (r"\b(?<!very )(?<!so )(?<!as )(?<!how )(?:almost|nearly)\b(?= (?:[$\d]|all\b|every|half\b|always\b|twice\b))",
     ("almost", "nearly")),
    (r"^(?:Perhaps|Maybe) ", ("Perhaps ", "Maybe ")),
    (r"\b(?:is|are) able to\b", ("can",)),
    (r"\ba type of\b", ("a kind of",)),
    (r"\b(?:in total|altogether)$", ("altogether", "in total")),
    (r"^In total,", ("Altogether,",)),
    (r"\b(?:approximately|roughly)(?= [$\d])", ("about",)),
    (r"\bis equal to\b", ("equals",)),
    (rf"{TASK}(?:calculate|compute) {QUANTITY}", ("work out ", "compute ", "calculate ")),
    (rf"{TASK}(?:find|find out|figure out|determine) {QUANTITY}", ("determine ", "work out ")),
    (rf"\bto get {QUANTITY}", ("to obtain ",)),
    (rf"^(?:Calculate|Compute) {QUANTITY}", ("Work out ", "Compute ", "Calculate ")),
    (rf"^(?:Find|Find out|Figure out|Determine) {QUANTITY}", ("Work out ", "Determine ")),
    (r"(?<= )(?:bought|purchased) (?!off|into|out|up|by)", ("purchased ", "bought ")),
    (r"\b(?:every|each)(?= (?:minute|hour|day|night|week|month|year)\b)", ("every", "each")),
    (rf"({PERIOD})(?:a|per)(?= (?:day|week|month|year)\b)", (r"\1per", r"\1a")),
    (r"\b(?:starts|begins) with\b", ("starts with", "begins with")),
    (r"\b(?:started|began) with\b", ("started with", "began with")),
    (rf"(?<=[\w'] )\$({MONEY})(?=$|,|(?: (?:for|per|each|on|from|and|in)\b))", (r"\1 dollars",)),
    (rf"(?<![\w.,])({MONEY})%(?= of\b|$|,)", (r"\1 percent",)),
)  # fmt: skip
# Before these, "$5" says what something is worth: "a $5 bill".
WORTH = re.compile(r"(?:\b(?:an?|the|each|every|one|per|plus|minus|times|by|equals)|[-\u2212+*/=x\u00d7]) $")

EXPANSIONS = (
    (r"\b([Cc])an't\b(?! (?:I|you|he|she|it|we|they)\b)", r"\1annot"),
    (r"\bwon't\b(?! (?:I|you|he|she|it|we|they)\b)", "will not"),
    (r"\bWon't\b(?! (?:I|you|he|she|it|we|they)\b)", "Will not"),
    (r"(?<=[a-z])(?<![Ss]ha)(?<![Aa]i)(?<![Cc]a)(?<![Ww]o)n't\b(?! (?:I|you|he|she|it|we|they|there|that)\b)", " not"),
    (
        r"\b([Ii]t|[Tt]hat|[Tt]here)'s\b(?= (?:(?:not|also|still|now|just|only) )?(?:an?|the|in|on|at|\d[\d,.]*|"
        r"because|about|likely|important|possible|safe|hot|cold|heads|tails|true|clear|where|what|so|very|used)\b)"
        r"(?! (?:used \d|used up))",
        r"\1 is",
    ),
    (r"\bI'm\b", "I am"),
    (r"\b([Ll]et)'s\b", r"\1 us"),
    (r"(?<=[a-z])'re\b", " are"),
    (r"(?<=[a-zI])'ve\b", " have"),
    (r"(?<=[a-zI])'ll\b", " will"),
)
# "What it is in French", "taller than it is wide": what belongs to the verb stands elsewhere; it is not contracted.
_NO_GAP = "".join(rf"(?<!\b{each} )" for each in "what where who whom which how when as than whatever".split())
CONTRACTIONS = (
    (r"\bcannot\b(?! but\b)", "can't"),
    (r"\bwill not\b", "won't"),
    (
        r"(?<!\bto )(?<!\bmay )(?<!\bmight )(?<!\bcould )(?<!\bwould )(?<!\bshould )(?<!\bmust )(?<!\bwill )"
        r"\b(is|are|was|were|does|do|did|has|have|had|would|could|should) not\b"
        r"(?! (?:only|just|he|she|it|we|they|you|I)\b)",
        r"\1n't",
    ),
    (rf"{_NO_GAP}\b([Ii]t|[Tt]hat|[Tt]here) is\b(?= [a-z])", r"\1's"),
    (rf"{_NO_GAP}\bI am\b(?= [a-z])", "I'm"),
    (r"\b([Ll]et) us\b(?= [a-z])", r"\1's"),
    (rf"{_NO_GAP}\b([Tt]hey|[Ww]e|[Yy]ou) are\b(?= [a-z])", r"\1're"),
)


def reorder_clauses(body: str, _seed: int) -> str:
    """A because B <-> Because B, A; and so with "if", "when" and a purpose ("To find X, we Y").

    Not where a negation could reach over, where a clause has parts that could belong to either, or where a pronoun
    would lose its noun.
    """
    if re.search(r"[.!?;:\n]\s", body):
        return body
    fronted = re.fullmatch(r"(Because|If|When|Although|Unless) ([^,]+), (?:then )?([^,]+)", body)
    pronoun = r"(?:it|he|she|they|this|that|these|those|there|so)\b"
    if fronted:
        whole = not CLAUSE_WORD.search(fronted[2]) and not CLAUSE_WORD.search(fronted[3])
        if whole and not NEGATION.search(fronted[3]) and not re.match(pronoun, fronted[3]):
            return f"{fronted[3]} {fronted[1].lower()} {fronted[2].rstrip()}"
        return body
    purpose = re.fullmatch(
        r"(?:To|In order to) ((?:find|determine|calculate|compute) [^,]+), ((?:we|you|I) [^,]+)", body
    )
    pointing = re.compile(r"\b(?:it|them|this|these|that|those|its|their|one|here)\b")
    if purpose and not pointing.search(purpose[2]) and not CLAUSE_WORD.search(purpose[2]) and not NEGATION.search(body):
        return f"{purpose[2]} to {purpose[1].rstrip()}"
    final = re.fullmatch(r"([^,]+?),? because (?!of\b)((?:(?! because ).)+)", body)
    whole = final is not None and not CLAUSE_WORD.search(final[1]) and not CLAUSE_WORD.search(final[2])
    if final and whole and "," not in final[2] and not NEGATION.search(final[1]) and _is_clause(final[1]):
        return f"Because {final[2]}, {lower_start(final[1].rstrip())}"
    return body


def _is_clause(text: str) -> bool:
    """Whether what stands before "because" could stand alone ("This is" and "Just" could not)."""
    open_end = r"(?:\b(?:is|are|was|were|be)|'s)$"
    return (
        len(words(text)) > 1
        and not re.search(open_end, text)
        and not re.match(r"(?:also|however|thus|hence)\b", text, re.I)
    )


def turn_round(body: str, _seed: int) -> str:
    """The profit is $5 <-> $5 is the profit: an amount that is said to be the whole of something."""
    found = re.fullmatch(
        rf"((?:(?:So|Therefore|Thus|Hence|As a result),? )?)((?:The|the|His|his|Her|her|Their|their|Its|its) [^,;:=]+?)"
        rf" (is|was) (\$?{MONEY}(?: (?:dollars|cents|percent|meters|miles|hours|minutes|days|weeks|years|apples|eggs|"
        rf"[a-z]+s))?|[\ue000-\uf8ff](?: [a-z]+s)?)",
        body,
    )
    if found is None or CLAUSE_WORD.search(found[2]) or re.search(r"\b(?:is|are|was|were|not)\b", found[2]):
        return body
    thing = found[2][0].lower() + found[2][1:]
    return f"{found[1]}{found[4]} {found[3]} {thing}"


def substitute(table: Table, body: str, seed: int) -> str:
    """Replace what a pattern finds by one of its alternatives that differs from it."""
    for pattern, alternatives in table:
        for match in reversed(list(re.finditer(pattern, body))):
            others = [new for other in alternatives if words(new := match.expand(other)) != words(match[0])]
            worth = match[0].startswith("$") and WORTH.search(body[: match.start()])
            if others and not worth:
                body = body[: match.start()] + rotated(others, seed, body)[0] + body[match.end() :]
    return body


def give_reason(body: str, _seed: int) -> str:
    """A because B -> A given that B; not where a negation or a word such as "only" could belong to the reason."""
    head, because, reason = body.partition(" because ")
    if not because or reason.startswith("of ") or NEGATION.search(head) or CLAUSE_WORD.search(head):
        return body
    return f"{head} given that {reason}" if _is_clause(head) else body


def change_contractions(body: str, _seed: int) -> str:
    """Write contractions out; where there are none, contract."""
    changed = body
    for table in (EXPANSIONS, CONTRACTIONS):
        for pattern, replacement in table:
            changed = re.sub(pattern, replacement, changed)
        if changed != body:
            break
    return changed


QUESTION_RULES: Sequence[tuple[str, Rule]] = (
    ("arithmetic", lambda body, _seed: spell_arithmetic(body)),
    ("synonym", lambda body, seed: substitute(SYNONYMS, body, seed)),
)
RULES: Sequence[tuple[str, Rule]] = (
    ("clause_order", reorder_clauses),
    ("inversion", turn_round),
    ("connective", lambda body, seed: substitute(CONNECTIVES, body, seed)),
    ("reason", give_reason),
    ("contraction", change_contractions),
    *QUESTION_RULES,
)
