"""The negation of an English sentence: a "not" more, or one less, with the verb that it belongs to."""

import re

from faithfulness.perturb.wording import like

Edit = tuple[int, int, str]  # characters [start, end) of a sentence, and what replaces them

NEGATED = re.compile(
    r"\bcan(?:not|'t)\b(?! but\b)|\bwon't\b|(?<=[a-z])(?<!sha)(?<!ai)(?<!ca)(?<!wo)n't\b|"
    r"(?<=\w)(?<!\bor)(?<!\bif)(?<!\bthan)(?<!\bneed)(?<!\bdare)"
    r"(?<!\bwhy)(?<!\bto)(?<!,) not\b(?! (?:only|just|necessarily|all|every|even|\w+ing)\b)",
    re.I,
)
OTHER_NEGATION = re.compile(r"\b(?:no|nobody|nothing|none|never|neither|nor|without|hardly|barely|few)\b", re.I)
# Verbs of chains of thought, as one says them of one, of many, and of the past.
VERBS = {
    forms.split()[0]: forms.split()
    for forms in (
        """have has had
        give gives gave|make makes made|get gets got|go goes went|use uses used|take takes took|need needs needed|
        want wants wanted|buy buys bought|sell sells sold|eat eats ate|spend spends spent|pay pays paid|
        earn earns earned|contain contains contained|mean means meant|require requires required|
        show shows showed|live lives lived|work works worked|
        run runs ran|walk walks walked|keep keeps kept|help helps helped|cause causes caused|
        produce produces produced|provide provides provided|become becomes became|remain remains remained|
        flip flips flipped|turn turns turned|start starts started|end ends ended|include includes included|
        lose loses lost|receive receives received|play plays played|travel travels traveled|like likes liked|
        see sees saw|know knows knew|sleep sleeps slept|drink drinks drank|drive drives drove|grow grows grew|
        bake bakes baked|cost costs cost|weigh weighs weighed|belong belongs belonged|exist exists existed|
        happen happens happened|feel feels felt|bring brings brought|read reads read|write writes wrote|
        sit sits sat|stand stands stood|store stores stored|hold holds held|carry carries carried|move moves moved|
        begin begins began|treat treats treated|reduce reduces reduced|
        increase increases increased|decrease decreases decreased|prevent prevents prevented|serve serves served|
        lead leads led|describe describes described|refer refers referred|affect affects affected|
        allow allows allowed|involve involves involved|depend depends depended|represent represents represented|
        follow follows followed|add adds added|say says said|find finds found|leave leaves left|wear wears wore"""
    ).replace("\n", "|").split("|")
    if forms.strip()
}  # fmt: skip
ONE = {forms[1]: base for base, forms in VERBS.items()}
PAST = {forms[2]: base for base, forms in VERBS.items() if forms[2] != base and base not in ("find", "see", "leave")}
AUXILIARY = re.compile(
    r"(?<=\w )(?:has|have|had)\b(?= (?:had|been|become|gone|done|made|taken|given|\w+ed)\b)|"
    r"(?<=[\w\"')$`}\]%] )(?<!\ba )(?<!\bthe )(?:is|are|was|were|can|could|will|would|should|must)\b"
    r"(?! (?:not|no|only|never|n't)\b)(?=[ ,]|$)|"
    r"(?<=[a-z])'(?:s|re)(?= (?:an?|the|in|on|at|because)\b)",
    re.I,
)
# After one of these a verb is a participle.
_NO_PARTICIPLE = "".join(
    rf"(?<!\b{each} )" for each in "is are was were be been being has have had get gets got".split()
)
MAIN = re.compile(
    rf"(?<=[\w\"')$`}}\]%] ){_NO_PARTICIPLE}(?<!'s )(?<!'re )(?:{'|'.join([*ONE, *PAST])})\b"
    r"(?! (?:been|not|no|to be|never)\b)(?=[ ,]|$)"
)
# To negate a verb after one of these would not make the sentence wrong ("A person who is tired ...").
SUBORDINATE = re.compile(
    r"^\W*(?:if|when|because|while|although|since|as|what|who|which|how|where|why|is|are|can|do|does|after|before)\b"
    r"|\w (?:who|whom|which|that|where|when|if|because|while|although|what|how|whether|and|or|but|to|since|as|than)\b",
    re.I,
)
# What follows a participle that is no verb of the sentence ("Coins made of gold", "Animals kept in zoos live longer").
REDUCED = re.compile(
    rf" (?:of|by)\b| (?:in|on|for|from|with|to|at|near|during|as) [^,;]*?\b(?<!to )(?<!and )(?<!or )(?<!a )(?<!an )"
    rf"(?<!the )(?<!his )(?<!her )(?<!their )(?:{'|'.join(VERBS)})\b"
)
NOUN_BEFORE = re.compile(
    r"\b(?:a|an|the|his|her|its|their|our|my|your|of|to|this|each|every|and|or|for|in|by|with) $", re.I
)


def negate(body: str) -> Edit | None:
    """Take the first negation of a verb out, or negate a main verb, that of the conclusion if there is one.

    None where the sentence has another negation, or no verb that is certain.
    """
    if negated := NEGATED.search(body):
        positive = {"cannot": "can", "can't": "can", "won't": "will"}.get(negated[0].lower(), "")
        return _affirmed(body, negated) or (*negated.span(), like(negated[0], positive))
    if OTHER_NEGATION.search(body):
        return None
    conclusion = max(
        (match.end() for match in re.finditer(r", (?:and )?(?:so|therefore|thus|hence)\b", body)), default=0
    )
    for start in dict.fromkeys((conclusion, 0)):
        for pattern in (AUXILIARY, MAIN):
            for verb in pattern.finditer(body, start):
                clause = body[max(start, body.rfind(",", 0, verb.start()) + 1) : verb.start()]
                if SUBORDINATE.search(clause) or (pattern is MAIN and NOUN_BEFORE.search(body[: verb.start()])):
                    continue
                if pattern is MAIN and verb[0] in PAST and REDUCED.match(body, verb.end()):
                    continue
                if pattern is AUXILIARY:
                    return verb.end(), verb.end(), "not" if verb[0].lower() == "can" else " not"
                word = verb[0]
                base = ONE.get(word) or PAST[word]
                return verb.start(), verb.end(), f"{'does' if word in ONE else 'did'} not {base}"
    return None


def _affirmed(body: str, negated: re.Match[str]) -> Edit | None:
    """'does not eat' as 'eats', where the verb is known."""
    found = re.compile(r"\b(does|did|do)(?: not|n't) (\w+)\b", re.I).search(body, max(0, negated.start() - 6))
    if found is None or found[2] not in VERBS or found.start() > negated.start():
        return None
    form = {"does": VERBS[found[2]][1], "did": VERBS[found[2]][2], "do": found[2]}[found[1].lower()]
    return found.start(), found.end(), form
