# SPDX-License-Identifier: Apache-2.0
"""Use or mention: whether a text makes the attack a rule found, or talks about it."""

from __future__ import annotations

import re2

BEFORE = 200
AFTER = 160
NEGATED = 0.15
QUOTED = 0.45
REPORTED = 0.45
FENCED = 0.6
FORESEEN = 0.25
"""What somebody may ask, and what is then to be done: the words of a defence."""
OTHERS = 0.3
"""Somebody else than the reader ignores or forgets: a dog, a robot in a story, a compiler."""
ELSEWHERE = 0.5
"""What is ignored or switched off belongs to something else: a listing, a router, a label."""
SHORT = 700
"""In so few characters, two words of the trade say as much as three in a long text."""
ABOUT = (1.0, 0.9, 0.7, 0.5, 0.4)
"""Factor by how many different words of the trade the whole text uses."""
LEAST = 0.25
SENTENCES = 0.9
"""Share of letters, spaces and punctuation in what people write."""
_PLAIN = " \n\t.,;:!?'\"-()*#\u2019\u201c\u201d\u3002\uff0c\u3001"

_NEGATION = re2.compile(
    r"(?:\bnever|\bnot|n't|\bcannot|\bwithout|\bavoid|\bunable to"
    r"|\b(?:refus|declin|reject)\w+ (?:(?:all|any|every|such) )?"
    r"(?:(?:requests?|attempts?|orders?) )?to"
    r"|\bforbidden to|\bprohibited from|\bprevents?|\bprotects? (?:you )?(?:against|from)"
    r"|\binstead of|\brather than|(?:\bnot|\bnever|n't)(?:\s+\w+){1,6}\s+to)"
    r"(?:\s+(?:ever|to|under any circumstances?,?|reveal\w*|be|try to"
    r"|attempt to|directly|in any way|users?|anyone|from|directly or indirectly)){0,4}[\s,:]*$"
)
_REPORT = re2.compile(
    r"\b(?:for example|for instance|e\.g\.|such as|like|examples?|says?|said|saying"
    r"|stat(?:es|ed|ing)|contain(?:s|ed|ing)?|includ(?:es|ed|ing)|phrases?|strings?|text|called"
    r"|known as|payload|prompts? (?:like|such as)|attackers? (?:may|might|can|could|will)"
    r"|(?:may|might|could|can) (?:then )?(?:try|attempt|ask|instruct|trick)\w*"
    r"|(?:try|tries|tried|trying|attempts?|attempting|attempted) to|asked|asks|told|wrote"
    r"|(?:tell|ask|mak|trick|convinc|forc|persuad|caus|lead|lur|coax|let|get|instruct)(?:s|es|ing)?"
    r" (?:the |a |an |any |some |many )?(?:language |ai )?(?:models?|llms?|ais?|assistants?"
    r"|chatbots?|bots?|agents?)|(?:can|could|may|might) be (?:made|told|brought|tricked|led)"
    r"|(?:made|brought|led) (?:the |a |an )?(?:language )?(?:models?|llms?|chatbots?|assistants?)"
    r"|claims?(?: that)?|(?:in which|where) (?:the |a |an )?(?:user|attacker|input|text|page|data)"
    r"|instructed|tricked|designed to|aim(?:s|ed)? to|used to|wants? to"
    r"|asking (?:it|them|an? \w+) to"
    r"|how (?:do|does|did|can|could|might|would) (?:an? |the )?(?:attackers?|hackers?|people|users?"
    r"|someone|somebody|adversar(?:y|ies)|criminals?|researchers?|red teams?)"
    r"|(?:tell|ask|trick|lead)s? (?:the |an? )(?:copilot|chatgpt|claude|gemini|machine) to"
    r"|types?|typed|typing|pasted?|wrote|logged|label(?:l)?(?:s|ed)?|regression test for"
    r"|flags?|detects?|blocks?|catch(?:es)?)\b[^.!?\n]{0,60}$"
    r"|(?:^|[.\n]\s*)(?:detects|identifies|looks for|targets|catches|flags)\s[^.!?]{0,140}$"
    r"|\b(?:the|an?|this|such|term|every) (?:[\w-]+ ){0,2}(?:lines?|terms?|sentence|message|comment"
    r"|words?|wording|tweet|post|note|question|title|filename|e-?mail|document|page|row|option"
    r"|bot|user|slide) (?:(?:was|is|with|like|read|reads|that reads)[ :]+)?[\"'`(/#>]+\s*$"
    r"|\b(?:attacks?|attack strings?|blocked|flagged|rejected|malicious|suspicious|adversarial"
    r"|probes?|injections?|jailbreaks?)\b[^\n\"'`.!?]{0,40}:\s*[\"'`]+\s*$"
    r"|\b(?:assert|expect|def test)\w*[^\n]{0,60}$"
)
_CITED = re2.compile(
    r"^[^.!?\n\"'`]{0,60}(?:[\"'`]+|[.!])?[\s.,;:)\]>-]{0,6}(?:\b(?:this|that|it|which|these)\s+)?"
    r"\b(?:(?:was|is|were|are) (?:in (?:the|a|white|one)\b|found\b|hidden\b|written\b"
    r"|what (?:the|we)|part of|flagged|blocked|shown|caught|detected|labell?ed|logged|quoted"
    r"|stopped|not (?:obeyed|followed|executed)|enough to|easy to|(?:the|one|an?) (?:\w+ )?"
    r"(?:attacks?|payload|injection|example|term|test|meme|line|signature|variant|probe))"
    r"|(?:has|have) become a|passes\b|succeeded|failed in|counts as"
    r"|(?:and|but) (?:it|the (?:bot|agent|model|assistant)) (?:complied|refused|obeyed|declined"
    r"|answered|ignored|followed))\b"
)
_FORESEEN = re2.compile(
    r"\b(?:(?:if|when|whenever|even if|in case|should) (?:the |a |an |any |some)?"
    r"(?:users?|person|people|human|anyone|someone|customers?|they|he or she|asked|input|message"
    r"|it|students?|callers?|guests?|patients?|e?-?mails?|documents?|tickets?|files?|child|texts?"
    r"|pages?|players?|candidates?|essays?|comments?) ?(?:\w+ ){0,2}?(?:asks?|asked|tr(?:y|ies)"
    r"|attempts?|requests?|claims?|tells?|says?"
    r"|wants?|insists?|instructs?|contains?)\b"
    r"|if asked\b|(?:users?|attackers?|people|they|someone|inputs?|messages?|documents?|content)"
    r" (?:may|might|could|can|will)(?: also)?"
    r" (?:try|attempt|ask|claim|contain|include|instruct|tell|pretend)"
    r"|any (?:attempts?|requests?|instructions?) (?:to|that)"
    r"|(?:it|that|which|and|or) (?:asks?|tries|attempts?) (?:you |the \w+ )?to)"
)
_DEFENCE = re2.compile(
    r"^[^\n]{0,100}\b(?:refuse|decline|do not comply|never comply|don't comply|politely"
    r"|do not follow them|not be followed|must be (?:refused|ignored|rejected))\b"
    r"|^[\s,]{0,3}(?:(?:that (?:are |appear |you find |may be )?)?(?:contained|found|inside|within"
    r"|embedded|present|hidden|appear(?:ing)?|included)\b"
    r"|(?:contenue?s?|presentes?) dans\b|contenid[oa]s? en\b|contenut[aei] n|enthalten"
    r"|in den dokument"
    r"|(?:from|in|by) (?:the |any |these |those |such |this )?(?:retrieved|documents?|pages?|web"
    r"|websites?|emails?|users?|content|search|tools?|data|input|results?|it|them|external"
    r"|untrusted|third|files?|quoted)\b)"
)
_TRADE = re2.compile(
    r"\b(?:prompt[ -]injections?|injection attacks?|jailbreak(?:s|ing)? (?:attempts?|attacks?"
    r"|detection)|attackers?|adversar(?:y|ial|ies)|vulnerabilit(?:y|ies)|mitigat(?:e|es|ion|ions)"
    r"|red[ -]team(?:ing|s|ers)?|guardrails?|owasp|exploit(?:s|ation)?|malicious|payloads?"
    r"|scanners?|detectors?|threat models?|security (?:research(?:ers?)?|teams?|reviews?|risks?)"
    r"|benchmarks?|datasets?|probes?|llm01|cve-\d+|false positives?|classifiers?"
    r"|attack(?:s)? (?:success|surface|vectors?|types?|techniques?)|defen[cs]es?"
    r"|evaluat(?:e|ion|ing)|researchers?|the (?:papers?|authors?|article|survey|study|lecture|talk)"
    r"|attacks|jailbreaks|injections|(?:goal |prompt )?hijacking|prompt leaking|test cases?)\b"
)
_DROPS = re2.compile(
    r"^(?:ignor|disregard|forget|overrid|bypass|replac|disabl|turn|remov|delet|reset|skip|drop"
    r"|clear|eras|stop|discard|dismiss|overlook|neglect|break|suspend|cancel|circumvent"
    r"|oubli|vergiss|vergesse|missacht|olvid|dimentic)\w*"
)
_INFLECTED = re2.compile(
    r"^(?:ignores|disregards|forgets|overrides|bypasses|replaces|disables|removes|deletes|skips"
    r"|drops|discards|dismisses|overlooks|neglects|breaks|suspends|cancels|circumvents)\b"
)
_MODAL = (
    r"(?:(?:to|always|often|just|never|sometimes|still|can|could|would|may|might|will|simply"
    r"|usually|suddenly|must|should|often|do|does|did|not|now)\s+){0,3}$"
)
_OTHERS = re2.compile(
    r"(?:\b(?:who|he|she|they|we|people|everyone|everybody|someone|nobody|anyone)\s+"
    + _MODAL
    + r"|\b(?:why|how come|do|does|did|make|makes|let|lets|teach|train|tell|get|cause|causes)\s+"
    r"(?:(?:do|does|did|would|is|are|my|his|her|our|their|the|a|an|some|many|most)\s+){0,2}"
    r"(?:\w+\s+){1,2}?"
    + _MODAL
    + r"|\b(?:mon|ma|mes|son|sa|ses|notre|le|la|les|un|une|mi|mis|su|sus|el|los|las|una|il|mio|mia"
    r"|lo|gli|mein|meine|sein|seine|ihr|unser|unsere|der|die|das|ein|eine)\s+\w+\s+$)"
)
_READER = re2.compile(
    r"\b(?:you|u|ai|llm|gpt\w*|chatgpt|claude|assistant|model|bot|chatbot|system|me|us|and|or|then"
    r"|now|please|also|it|this|that)\b"
)
_ELSEWHERE = re2.compile(
    r"^\s*(?:in|on|of|from|for|with|at|about)\s+"
    r"(?:(?:the|a|an|my|our|his|her|their|one|every|each|all|page|line)\s+)?(?:\w[\w-]*)\b"
)
_HERE = re2.compile(
    r"\b(?:prompts?|chat|conversation|systems?|session|context|messages?|text|developers?|openai"
    r"|anthropic|company|users?|above|favou?r|documents?|page|e-?mail|order|future|rest|this|these"
    r"|that|those|you|your|response|answers?|now|moment|task|general|full|it|them|which|what|ai"
    r"|assistant|model|good|ever|once|me|all|creators?|operators?|human|previous|before|here"
    r"|everything|any|admin\w*|owner|input|instructions?|request|turn|content|purposes?)\b"
)
_OTHERS_HAN = re2.compile(
    "(?:[他她它]们?|老师|狗|猫|孩子|学生|员工|司机|机器人|主人|玩家|父母"
    "|人们|大家|为什么)[^\u3002\uff0c\uff01\uff1f,.!?你您]{0,8}$"
)
_DIRECTIVE = re2.compile(
    r"(?:^|[.\n:*-]\s*|\d\.\s)(?:never|always|do not|don't|only|if the|if you|if asked|when|use"
    r"|respond|avoid|ensure|make sure|you must|you should|you can|you will|you have access"
    r"|your (?:task|role|goal|output|response|instructions|job)|keep|be |prefer|refrain|treat"
    r"|include|provide|output|return|call|before|after|bias|summari[sz]e|ignore)\b"
)
_THIRD = re2.compile(r"\b(?:the user|users?'s?|the person|the customer|customers)\b")
_ROLE = re2.compile(
    r"\byou are [^.\n]{2,80}\b(?:assistant|agent|expert|model|tool|engineer|bot|translator)\b"
    r"|\b(?:the assistant is|your (?:task|role|goal|job|purpose) is|system prompt)\b"
    r"|^you are [\w ]{2,30}[,.]"
)
_OPENING = re2.compile(
    r"^\W*(?:system: |# (?:role|instructions?)\W+)?(?:you(?: are|'re) (?:an?|the) |you (?:help"
    r"|answer|support|work|act|write|translate|assist) |assistant is |the assistant |act as an? "
    r"|your (?:task|role|job|goal|instructions)(?: is| are|:))"
)
_TOOLS = re2.compile(
    r"\b(?:tools?|functions?|json|format|bullet points?|markdown|schema|parameters)\b"
)
_HEADS = re2.compile(r"(?:^|\n)\s*(?:#{1,4} |<\w+>|\d\.\s|- )")
_VALUE = re2.compile(r"(?:[\"']\s*:|[={\[]|[\"'],)\s*$")
_ASKED = re2.compile(
    r"\b(?:prompt|inputs?|user_input|question|query|content|text)[\"']?\s*[:=]\s*$"
)
"""Before a quotation mark that begins a value, as in JSON, or of an attribute: nobody is quoted,
but where it is what somebody asks in an example of a call (`_ASKED`)."""
_QUOTES = "\"'`"


def factor(text: str, start: int, end: int) -> float:
    """How much of a rule's weight is left for a match at `start:end` of the folded `text`."""
    while start < end and not text[start].isalnum():  # an opening quotation mark is no part of it
        start += 1
    before = text[max(0, start - BEFORE) : start]
    value = NEGATED if _NEGATION.search(before[-70:]) else 1.0
    after = text[end : end + AFTER]
    if _quoted(before, text[start : end + AFTER], _fenced(text, start)):
        value *= QUOTED
    if _FORESEEN.search(before.rsplit("\n", 1)[-1]) or _DEFENCE.search(after):
        value *= FORESEEN
    elif _REPORT.search(before[-160:]) or _CITED.search(after):
        value *= REPORTED
    if _fenced(text, start):
        value *= FENCED
    value *= _whose(before[-90:], text[start : start + 24], text[end : end + 40])
    return max(LEAST if value >= LEAST else value, value)


def about(text: str) -> float:
    """The factor of a text that uses the words of the trade."""
    words = len({match[0][:8] for match in _TRADE.finditer(text)})
    if words > 1 and len(text) < SHORT:
        words += 1
    return ABOUT[min(words, len(ABOUT) - 1)]


def sentences(text: str) -> bool:
    """Whether `text` is made of words, unlike code, tables and dumps."""
    plain = sum(char.isalpha() or char in _PLAIN for char in text)
    words = text.split()
    different = len(set(words)) >= len(words) / 4
    return plain >= SENTENCES * len(text) and different


def operator(text: str) -> bool:
    """Whether `text` reads like what operators write for their assistants: a system prompt."""
    directives = sum(1 for _ in _DIRECTIVE.finditer(text))
    opens = _OPENING.search(text) is not None
    if opens and directives >= 3:
        return True
    signs = (
        len(_THIRD.findall(text)) >= 2,
        directives >= 4,
        directives >= 8,
        _ROLE.search(text) is not None,
        len(_TOOLS.findall(text)) >= 2,
        len(_HEADS.findall(text)) >= 2,
    )
    return sum(signs) >= 3


def _whose(before: str, head: str, after: str) -> float:
    """The factor of instructions that are dropped by others than the reader, or of other things."""
    if not head.isascii():
        return OTHERS if _OTHERS_HAN.search(before) else 1.0
    if not _DROPS.search(head):
        return 1.0
    others = _OTHERS.search(before)
    if _INFLECTED.search(head) or (others and not _READER.search(others[0])):
        return OTHERS
    if head.startswith("ignoriert ") and before[-2:-1].isalnum():
        return OTHERS
    where = _ELSEWHERE.search(after)
    return ELSEWHERE if where and not _HERE.search(where[0]) else 1.0


def _fenced(text: str, start: int) -> bool:
    """Whether `start` is inside a code fence, also of a text that begins within one."""
    fence = text.rfind("```", 0, start)
    if fence < 0:
        return False
    return text[fence + 3 : fence + 4].isalpha() or text.count("```", 0, start) % 2 == 1


def _quoted(before: str, after: str, code: bool) -> bool:
    """Whether the match stands within quotation marks on its own line.

    Args:
        before: What stands before it.
        after: The match and what follows.
        code: Whether it is code: there a value is as good as a quotation.
    """
    left = before.rsplit("\n", 1)[-1]
    right = after.split("\n", 1)[0]
    for mark in _QUOTES:
        opened = left.rfind(mark)
        if opened < 0 or mark not in right:
            continue
        if left.count(mark) % 2 and (opened == 0 or not left[opened - 1].isalnum()):
            head = left[:opened]
            return code or not _VALUE.search(head) or _ASKED.search(head) is not None
    return False


__all__ = ["about", "factor"]
