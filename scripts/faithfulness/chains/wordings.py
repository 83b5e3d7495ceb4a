"""The words in which models state an answer, give reasons, and speak to the user (method, "Conclusions").

Every pattern is matched with the plain words of one sentence (`conclusions.plain`), in upper and lower case alike. Only
wordings are listed that are certain in their language; the configuration's `conclusion_cues` add to them.
"""
# ruff: noqa: RUF001 - words of many languages

import re


def _compiled(*patterns: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern, re.IGNORECASE) for pattern in patterns)


_QUALITY = (
    r"(?:(?:final|correct|right|best|most likely|most appropriate|likeliest|single|short|overall|only|numerical|"
    r"exact|true|actual|closest|required|desired|selected|chosen)[, ]\s*){0,3}"
)
_BE = (
    r"(?:(?:is|are|was|becomes?|equals?|remains|comes (?:out )?to|(?:would|must|should|will|could|can|has to|have to|"
    r"ought to|needs to|seems to|appears to) (?:then |therefore |thus |only |simply )?be)\b|=|:)"
)
_QUESTION = (
    r"(?: \([^()]{1,30}\))?(?: (?:to|for|of) (?:(?:the|this|that|our|your|these) (?:[\w'-]+ ){0,3}?(?:questions?|"
    r"problem|exercise|equation|puzzle|riddle|task)(?: [\"“][^\"”]{1,200}[\"”])?|this|that|it)\b)?"
)
_ANSWER = (
    rf"(?:(?:the|my|our|your|its|an?) )?(?:{_QUALITY}(?:answers?|ans\.?|option|choice)|(?:final|correct|right|best) "
    rf"(?:result|"
    r"solution|response|outcome|output|statement|label|letter|alternative))|(?:the|my|our) (?:(?!wrong|incorrect|other|"
    r"first|previous|initial|same|old|intermediate|partial|next|second|preliminary)[\w-]+ ){0,2}answer|"
    r"(?:our|my) solution|my (?:best |final )?guess"
)
# What denies an answer, or announces how it is found, does not state it.
_SOMETHING = (
    r"(?!\s*(?:not|n't|never|unknown|unclear|wrong|incorrect|missing|obtained|found|given by|determined|calculated|"
    r"computed|as follows|shown|either|expressed|rounded|in (?:dollars|the form|terms)|an? (?:number|integer|whole "
    r"number|fraction|decimal|multiple|positive|negative|even|odd|prime|\w+-digit)|no longer|"
    r"between \d+|(?:greater|less|larger|smaller|more|fewer|higher|lower) than \d+|one of|in (?:cents|seconds|minutes|"
    r"hours|days|weeks|months|years|meters|units|percent)|(?:twice|double|half of|half the) \w+|"
    r"(?:simply |just |then )?the (?:sum|difference|product|quotient|ratio|total|average|number of|same as)(?=\D*$))\b)"
)
_LETTER = r"(?-i:[A-HА-Д])"

_LEAD_WORDS = (
    r"so(?! (?:far|much|many)\b)|thus|hence|therefore|ergo|then|and|now|well|ok|okay|great|alright|clearly|finally|"
    r"ultimately|overall|altogether|in total|in all|"
    r"consequently|accordingly|as a result|as such|in conclusion|to conclude|conclusion|in summary|to summari[sz]e|"
    r"to sum up|summary|in short|in the end|that means|this means|which means|this implies|it follows|this gives us|"
    r"(?:we|i|you)(?:'d| would| can| could| may)?(?: now| then| therefore| thus)? (?:am (?:sure|certain|confident)|"
    r"conclude|see|say|think|believe|deduce|find|confirm)|(?:based on|given|from|according to|with|considering) "
    r"(?:all (?:of )?)?(?:this|that|these|the (?:above|given|information|context|options?|calculations?|steps?|"
    r"reasoning|analysis))[^,]{0,50},|also|daher|somit|folglich|deshalb|donc|ainsi|par conséquent|por lo tanto|por "
    r"tanto|así que|entonces|en conclusión|quindi|pertanto|dunque|portanto|logo|assim|итак|следовательно|таким "
    r"образом|значит|поэтому|dus|daarom|więc|zatem"
)
LEADS = re.compile(
    rf"^(?:(?:(?:{_LEAD_WORDS})(?!\w)(?: that\b(?!['’]))?|因此|所以|因而|于是|那么|综上所述|综上|綜上所述|綜上|"
    r"故(?=选|答)|したがって|よって|ゆえに|つまり|따라서|그러므로|그래서|إذن|لذلك|وبالتالي|इसलिए|अतः|∴)[\s,:;.!，、：،؛—–-]*){0,5}",
    re.IGNORECASE,
)

# A lead that announces a conclusion, not only the next step.
STRONG_LEAD = re.compile(
    r"(?:thus|hence|therefore|ergo|(?:in |to )?conclu\w+|consequently|so(?=,? (?:yes|no)\W*$))\b[\s,:]*|∴[\s,:]*",
    re.IGNORECASE,
)
# A lead after which a number that is not new is the answer; "now", "then" and "and" tell what happens next.
CLOSING_LEAD = re.compile(
    r"(?:and |now,? |well,? )?(?:so(?! far)|thus|hence|therefore|ergo|consequently|overall|ultimately|altogether|"
    r"as a result|in (?:conclusion|summary|short|the end|total|all)|to (?:conclude|summari[sz]e|sum up)|daher|"
    r"somit|folglich|deshalb|donc|ainsi|par conséquent|por lo tanto|por tanto|así que|entonces|en conclusión|"
    r"quindi|pertanto|dunque|portanto|logo|assim|итак|следовательно|таким образом|значит|поэтому|dus|"
    r"daarom|więc|zatem)\b"
    r"|因此|所以|因而|于是|综上|したがって|よって|ゆえに|つまり|따라서|그러므로|그래서|إذن|لذلك|وبالتالي|इसलिए|अतः|∴",
    re.IGNORECASE,
)
_ACT = r"(?:add|subtract|multipl|divid|calculat|comput|convert|substitut|plug|round|check|verif|solv|simplif)\w*"
# What is done next, or under a condition, or what a number is like.
NEXT_ACT = re.compile(
    rf"\b(?:if|unless|next|steps?|looking for|to be|divisible|even|odd|prime|{_ACT})\b|"
    r"\b(?:we|you|i) (?:(?:now|then|just|can|must|should|will) |"
    r"(?:need|have) to )*(?:take|use|find|set|write|count|sum|put|try|start|consider|look)\b|还要|还需|再[加减乘除]",
    re.IGNORECASE,
)
# With several numbers in a sentence, these relate them.
RELATION = re.compile(r"\b(?:than|among|between|must|should|equals?|times)\b", re.IGNORECASE)
# Between commas these give no reason ("The answer is, therefore, 7").
INSERTED = re.compile(r", ?(?:therefore|thus|hence|then|of course|indeed),", re.IGNORECASE)

_FOREIGN_NOUNS = (
    r"(?:richtige |korrekte |endgültige )?(?:antwort|lösung)|réponse(?: finale| correcte)?|respuesta(?: final|"
    r" correcta)?|risposta(?: finale| corretta)?|resposta(?: final| correta)?|antwoord|svar|vastaus|odpowiedź|"
    r"odpověď|răspuns|válasz|cevap|jawaban|đáp án|(?:правильный |окончательный |финальный )?ответ|відповідь|"
    r"απάντηση|答案|最终答案|正确答案|答|(?:最終的な|正しい)?答え|回答|解答|正解|정답|답|답변|(?:ال)?(?:إجابة|"
    r"جواب)(?: ال(?:نهائية|صحيحة))?|תשובה|پاسخ|(?:सही |अंतिम )?उत्तर|উত্তর|பதில்|คำตอบ"
)
_NOUNS = rf"(?:{_ANSWER})(?: key| \([^()]{{1,30}}\)| ?#?\d)?{_QUESTION}|{_FOREIGN_NOUNS}"
_NUMBER = r"[-−–+±]?\s?(?:[$€£¥₹]|\\\$|US\$|Rs\.?)?\s?(?:\\[a-z]?frac\s?)?\.?\d[^\s;!?]*(?: [^\W\d][\w°²³/%.-]*){0,4}"
_VALUE = rf"(?:[\w-]{{1,12}} ?= ?)?(?:{_NUMBER}|\W{{0,2}}(?-i:[A-H])\W{{0,2}}|yes|no|true|false)\W{{0,3}}"
# A number with what belongs to it, the label of an option, or yes and no.
BARE_VALUE = re.compile(_VALUE, re.IGNORECASE)

# A label and what follows it, or a label alone; other labels only before a value.
LABEL = _compiled(
    rf"(?:{_NOUNS})[\"\'”»]?\s*(?:[:=]+|-+>?|[—–])(?!\S*-)\s*{_SOMETHING}",
    rf"(?:{_NOUNS})\s*[.!]?$",
    rf"(?:final |correct )?answer {_VALUE}$",
    rf"(?:final )?(?:result|solution|verdict|conclusion|output|prediction|decision|selection|final): {_VALUE}$",
)
TAGGED = re.compile(r"[\s>#*_-]*[<\[](?:final[ _-]?)?answer[>\]]", re.IGNORECASE)

STATEMENTS = _compiled(
    rf"(?:{_ANSWER}){_QUESTION}(?: here| then| therefore| thus| hence| (?:we|you) (?:want|need|seek|get))?,? "
    rf"?{_BE}{_SOMETHING}",
    rf"the solution (?:to|of) (?:the|this) (?:problem|equation|question),? ?{_BE}{_SOMETHING}",
    rf"the solution is:? {_VALUE}$",
    r"(?:that|this)(?:['’]s| is) (?:the|our|my) (?:final )?answer[:,] ",
    rf"(?:we|i|this|that|it|which) (?:get|have|obtain|arrive at|reach|gives?(?: us)?|yields?|leads? to) (?:the|an|"
    rf"our|my) {_QUALITY}(?:answer|result)[ ,:]",
    r"(?:we|i) (?:get|have|obtain) .{1,40} as (?:the|our|my) (?:final )?answer\W*$",
    r"(?:die |meine )?(?:richtige |korrekte |endgültige |beste )?(?:antwort|lösung|option) (?:ist|lautet|wäre)\b(?! "
    r"nicht)",
    r"(?:ist|lautet) (?:die|meine) (?:richtige |korrekte |endgültige )?(?:antwort|lösung)\b(?! nicht)",
    r"(?:la |ma )?(?:bonne |meilleure )?réponse(?: finale| correcte| exacte)? (?:est|serait|doit être)\b(?! pas)",
    r"(?:la )?(?:respuesta|opción)(?: final| correcta)? (?:es|sería|debe ser)\b",
    r"(?:la )?(?:risposta|opzione)(?: finale| corretta| giusta)? (?:è|sarebbe|deve essere)(?!\w)",
    r"(?:a )?(?:resposta|opção|alternativa)(?: final| correta| certa)? (?:é|seria|deve ser)(?!\w)",
    r"(?:het )?(?:juiste |uiteindelijke )?antwoord is\b(?! niet)",
    r"(?:prawidłowa |poprawna |ostateczna )?odpowiedź (?:to|brzmi)\b",
    r"(?:правильный |верный |окончательный )?ответ(?: на вопрос)?\s*(?:—|–|-|:|это|будет|равен)(?! не)",
    r"(?:最终|正确|标准|最后|最終|正確)?的?(?:答案|选项|選項)(?:应该|應該|应|就)?(?:是|为|為|选)(?!多少|什么|什麼)(?!错|不)",
    r"(?:最終的な|正しい)?(?:答え|回答|解答|正解)(?:は|が)",
    r"(?:최종 |올바른 )?(?:정답|답|답변)(?:은|이) ?",
    r"ال(?:إجابة|جواب)(?: ال\w+)? (?:هي|هو)[ :]",
    r"(?:सही |अंतिम )?उत्तर .{1,40} है\W*$",
    r"(?:doğru )?cevap\s?:? ",
    r"đáp án(?: đúng| cuối cùng)? là ",
    r"(?:det (?:rätta|rigtige|riktige) )?svaret (?:är|er)\b(?! (?:inte|ikke))",
    r"คำตอบ(?:ที่ถูกต้อง)?คือ",
    r"jawaban(?:nya)?(?: yang benar| akhir)? adalah ",
)

VERDICTS = _compiled(
    r"(?:the )?(?:option|choice|answer|alternative) \W{0,3}\w{1,3}\W{0,3}(?!\S*(?:not|n't)\b)[^.;]{0,60}?(?<!not "
    r")(?:is|must be|should be|would be|has to be|seems to be|appears to be) (?:therefore |thus |clearly |indeed "
    r")?(?:the )?(?:most |only )?(?:correct|right|best|true|accurate|likely|appropriate|valid)(?: one| answer| "
    r"option| choice)?\W*$",
    r"(?!(?:none|neither|what|which|this|that|it|there|no)\b)[^;:=]{1,80}? (?:is|are|was|would be|must be|should be|"
    r"will be|"
    rf"has to be) (?:therefore |thus |clearly |indeed )?(?:the|our|my) {_QUALITY}(?:answer|(?<=correct )option|"
    rf"(?<=right )option|(?<=best )option|(?<=correct )choice|(?<=right )choice|(?<=best )choice){_QUESTION}\W*$",
    rf"\W{{0,2}}{_LETTER}\W{{0,2}} (?:is|must be|should be|would be|has to be) (?:the )?(?:correct|right)(?: "
    rf"one)?\W*$",
    rf"(?:ist )?(?:antwort|option) \W?{_LETTER}\W? (?:ist )?(?:richtig|korrekt)\W*$",
    rf"(?:la )?(?:réponse|option) \W?{_LETTER}\W? est (?:correcte|juste|la bonne(?: réponse)?)\W*$",
    rf"(?:la )?(?:respuesta|opción) \W?{_LETTER}\W? es (?:la )?correcta\W*$",
    rf"(?:la )?(?:risposta|opzione) \W?{_LETTER}\W? è (?:quella )?(?:corretta|giusta)\W*$",
    rf"(?:a )?(?:resposta|opção|alternativa) \W?{_LETTER}\W? (?:é a correta|está correta|é a resposta correta)\W*$",
    rf"(?:ответ|вариант) \W?{_LETTER}\W? (?:верен|верный|правильный)\W*$",
    rf"(?:选项)?\s?{_LETTER}\s?(?:选项)?(?:是|为)?正确(?:的|答案|选项|的选项)?\W*$",
    rf"{_LETTER}\s?(?:が|は)(?:正解|正しい)(?:です|だ)?\W*$",
    rf"{_LETTER}(?:가|이) (?:정답|맞)\w*\W*$",
)

_CHOSEN = (
    rf"(?:(?:the )?(?:option|choice|answer|letter) \W{{0,3}}\w.{{0,60}}|\W{{0,3}}{_LETTER}(?=\W*$|[).:,]).{{0,60}})$"
)
CHOICES = _compiled(
    r"(?:i|we|i['’]d|i['’]ll|you)(?: would| will| should| must| can)?(?: therefore| thus)? (?:choose|select|pick|go "
    r"with|go "
    rf"for|answer|answer with|opt for) {_CHOSEN}",
    rf"(?:choose|select|pick|go with) {_CHOSEN}",
    rf"(?:it|that|this)(?:['’]s| is| must be| should be| would be| has to be| can only be) (?:therefore "
    rf")?(?:(?:option|choice|answer) )?\W{{0,3}}{_LETTER}\W{{0,4}}$",
    rf"(?:应该|应|故)?选择?\s?(?:项|选项)?\s?{_LETTER}\s?(?:项|选项)?\W*$",
    rf"(?:ich wähle|je choisis|elijo|scelgo|escolho|выбираю|kies ik|ik kies) (?:\w+ )?\W?{_LETTER}\W*$",
)

# Marks a sentence that states the answer among other things; searched anywhere in it.
MENTIONS = _compiled(
    rf"\b(?:the|my|our) {_QUALITY}(?:answer|(?<=correct )option|(?<=right )option|(?<=correct )choice){_QUESTION} "
    rf"{_BE}{_SOMETHING}",
    r"\b(?:is|must be|should be) the (?:final |correct |right |best )?answer\b",
    rf"\b(?:option|choice|answer) \W?{_LETTER}\W? (?:is|must be|should be) (?:the )?(?:correct|right|best)\b",
    rf"(?:^|[,;] )(?:final )?answer\s?:{_SOMETHING}",
    r"\bantwort (?:ist|lautet)\b|\bréponse est\b|\brespuesta (?:correcta )?es\b|\brisposta è|\bresposta é|"
    r"\bответ\s?[:—–-]",
    r"答案(?:是|为|:)|答えは|정답은|الإجابة (?:هي|:)|उत्तर:",
)

# A sentence with one of these argues, or does more than to state the answer.
REASONS = re.compile(
    r"\bbecause\b|\b(?:is|are) (?:wrong|incorrect)\b|\bsince\b(?! \d)|\bdue to\b|\bgiven that\b|[,;] (?:as|so|and so|"
    r"thus|hence|therefore|then|but|which|while|whereas|for)\b|\bas (?:it|they|he|she|we|there|this|that|both|all|"
    r"each|the other)\b|\band (?:so|thus|therefore|hence)\b|\bwhich (?:means|gives|makes)\b|\bbut\b|\bhowever\b|"
    r"\balthough\b|\blet(?:['’]s| us| me)\b|\bwe (?:need|must|have) to\b|\bto (?:find|calculate|determine|verify|"
    r"check|confirm)\b|\bby (?:adding|multiplying|dividing|subtracting|summing|combining|taking|counting|using)\b|"
    r"\b(?:sum|product|difference|quotient) (?:of|between)\b|\bothers?\b.{0,60}\b(?:wrong|incorrect|not|false)\b|"
    r"\bstep by step\b|\b(?:weil|denn|parce qu|puisque|porque|ya que|perché|poiché|pois|omdat|ponieważ)|"
    r"réponse.{0,80}, car\b|потому что|так как|поскольку|因为|由于|なぜなら|ので|왜냐하면|때문|क्योंकि|لأن",
    re.IGNORECASE,
)
# In a sentence without a box, a clause after a comma is a reason, too ("B, it is the only one"; not "no, it isn't"),
# and a condition says more than the answer.
CLAUSE = re.compile(
    r"[,;—–] (?!\w+ (?:is|are|was|were|does|do|did|has|have|can|could|will|would)(?:n['’]t| not)?\W*$)"
    r"(?:it|he|she|they|this|that|we|the other)(?:['’]s)? |\b(?:if|unless|only when)\b",
    re.IGNORECASE,
)

HASHES = re.compile(r"\s*#{3,6}[ \t]*(\S[^\n]*)$")

COMMENTS = re.compile(
    r"(?:i (?:sincerely )?hope|hope (?:this|that|it)|(?:please )?let me know|(?:please )?feel free|is there anything|"
    r"if you (?:have|need)|do you (?:have|need|want)|would you like|have a (?:great|nice|good)|(?:i'm |i am "
    r")?(?:happy|glad) to help|thanks?\b|you're welcome|good luck|great job|well done|q\.?e\.?d\b|end of (?:the "
    r")?(?:answer|solution|proof)|that's it|this (?:is|completes) the (?:final )?(?:answer|solution)\W*$|done\W*$|"
    r"end\W*$)",
    re.IGNORECASE,
)
NEXT_QUESTION = re.compile(
    r"[\s>#*_-]*(?:<\|?(?:im_start|im_end|endoftext|eot_id|start_header_id|user)\b|</s>|(?:\d{1,3}[.)] ?)?(?:next |"
    r"new )?(?:question|q|problem|user|human|exercise|instruction|example|问题|题目|问|frage|pregunta|pergunta|domanda|"
    r"вопрос)(?: ?#?\d{1,4})?[*_]{0,3} ?(?:[:：]|$))",
    re.IGNORECASE,
)
