"""Words the twin's model knows, English, Hindi and Hinglish: what people want, ask and answer.

Everything is matched on `flat` text, where words are apart by one blank, in small letters, without
signs. `\\b` and `\\w` are of no use: to them a Devanagari vowel sign ends a word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher

_DROPPED = str.maketrans({"'": None, "’": None, "़": None, "ँ": "ं", "ॉ": "ा", "‍": None})
_INSIDE_NUMBER = re.compile(r"(?<=\d),(?=\d)")
_APART = re.compile(r"(?!(?<=\d)[.:]\d)[^\w\s\u0900-\u097f]|[।_]")


def flat(text: str) -> str:
    """Return `` words between blanks ``: small letters, no signs but those in a number."""
    text = unicodedata.normalize("NFC", text).lower().translate(_DROPPED)
    text = _APART.sub(" ", _INSIDE_NUMBER.sub("", text))
    return f" {' '.join(text.split())} "


def any_of(*patterns: str) -> re.Pattern[str]:
    """One pattern for `flat` text. ``{x}`` is any word or end of a word, ``{x*}`` maybe none."""
    ready = unicodedata.normalize("NFC", "|".join(patterns)).translate(_DROPPED)
    ready = ready.replace("{x}", r"\S+").replace("{x*}", r"\S*")
    return re.compile(rf"(?<= )(?:{ready})(?= )")


STOP_CALLING = any_of(
    r"stop (?:calling|phoning|ringing|contacting|bothering|disturbing){x*}",
    r"stop (?:calling|phoning|ringing|contacting|bothering|disturbing)",
    r"stop (?:these|your|the|all) calls?",
    r"(?:do not|dont|never|no more) (?:ever )?(?:call|calls|phone|ring|contact|disturb|bother)",
    r"(?:remove|delete|take off|strike) (?:my|this|our) (?:phone )?(?:number|name)",
    r"take (?:me|us|my number|this number) off",
    r"remove (?:me|us) from",
    r"unsubscribe(?: me)?|dnd",
    r"(?:call|calls|phone|fon) (?:{x} )?(?:mat|band|bandh) (?:kar{x*}|kijiye{x*}|kar|do|kijie{x*})",
    r"mat (?:karo|karna|kijiye|kar) (?:call|phone|fon)",
    r"(?:call|phone|fon) karna (?:band|bandh)",
    r"number (?:{x} )?(?:hata{x*}|hata|nikal{x*}|delete)",
    r"(?:कॉल|फोन|काल) (?:{x} )?(?:मत|बंद|न|ना) (?:कर{x*}|कीजि{x*}|कर|दो)",
    r"(?:कॉल|फोन|काल) करना बंद",
    r"नंबर (?:{x} )?हटा{x*}",
)
NOT_NOW = any_of("now", "right now", "at this time", "this time", "abhi", "अभी", "before", "until")

_PERSON = (
    r"(?:human(?: being)?|real person|live person|actual person|person|operator|insaan|insan|"
    r"इंसान|आदमी|aadmi)"
)
_STAFF = (
    r"(?:someone|somebody|agent|manager|supervisor|senior|representative|executive|colleague|"
    r"advisor|expert|staff|team|boss)"
)
HUMAN_PLEASE = any_of(
    rf"(?:talk|speak|connect|transfer|put)(?: me| us)?(?: through)? (?:to|with) (?:{{x}} )?"
    rf"(?:{{x}} )?(?:{_PERSON}|{_STAFF})",
    rf"(?:want|need|get|give|like)(?: me)? (?:a |an |some |your |the )?(?:real )?(?:{_PERSON})",
    rf"(?:a )?{_PERSON} please",
    r"operator|(?:human|real) (?:agent|operator)|customer care",
    r"(?:kisi )?(?:insaan|insan|aadmi|manager|agent|senior|bande) se (?:hi )?(?:meri )?baat{x*}",
    r"(?:insaan|insan|aadmi|manager|agent|senior|bande) se (?:hi )?(?:meri )?(?:baat|bat)",
    r"kisi (?:aur )?se (?:meri )?baat (?:kar{x*}|kar)",
    r"(?:किसी )?(?:इंसान|आदमी|मैनेजर|एजेंट|अधिकारी|व्यक्ति) से (?:ही )?(?:मेरी )?बात",
    r"किसी (?:और )?से (?:मेरी )?बात (?:कर{x*})",
)
ANNOYED = any_of(
    "(?:this|that|it) is (?:{x} )?(?:ridiculous|nonsense|rubbish|annoying|stupid|useless|terrible)",
    "(?:its|so|very|how|really) (?:ridiculous|annoying|annoyed|irritating|frustrating|stupid)",
    "ridiculous|nonsense|rubbish|frustrated|frustrating|annoyed|irritated|irritating",
    "(?:getting|very|so|am|really) (?:angry|upset|irritated|mad)",
    "(?:are|re|youre) not (?:even )?listening|not listening|dont listen|(?:never|wont) listen",
    "fed up|sick of (?:this|it|you)|wast(?:e|ing) (?:of )?(?:my )?time|shut up",
    "how many times|kitni baar|कितनी बार",
    "bakwaas|bakwas|bakvaas|pareshan|tang aa|dimaag kharab|dimag kharab|gussa",
    "sun (?:nahi|nahin) rah{x*}|sunte (?:nahi|nahin)|time waste",
    "बकवास|परेशान|गुस्सा|तंग आ|सुन नहीं रह{x*}|दिमाग खराब",
)
CALL_ME = any_of(
    r"call(?: me| us)?(?: back| again)?|(?:phone|ring|contact|try|reach) (?:me|us)",
    r"talk (?:later|tomorrow|then)",
    r"(?:call|phone|fon|baat) (?:{x} )?(?:karo|karna|karen|karein|kijiye|kijiyega|kariye|kar|"
    r"kariyega|karenge|karte|lagana)",
    r"(?:कॉल|फोन|बात) (?:{x} )?(?:करो|करना|करें|कीजिए|कीजिएगा|करिए|करिएगा|करेंगे|करते|कर|लगाना)",
)
LATER = any_of(
    "later|another time|some other time|some time else|afterwards|back|baad mein|baad me|"
    "phir kabhi|बाद में|बाद मे|फिर कभी"
)
BUSY = any_of(
    r"(?:am|im|bit|very|little|too|quite) busy|busy (?:now|right now|hoon|hu|hun|hain|at the{x*})",
    "busy|driving|in a meeting|in meeting|meeting mein|meeting me|at work|not a good time|bad time",
    "no time(?: now| right now)?|cant talk|cannot talk|gaadi chala{x*}|vyast|samay nahi|time nahi",
    "व्यस्त|मीटिंग में|समय नहीं|टाइम नहीं|गाड़ी चला{x*}|बिजी",
)
ASKED_WHEN = any_of("when (?:should|may|can|shall) (?:we|i) call", "कब (?:फोन|काल)")

NOT_INTERESTED = any_of(
    "not (?:{x} )?interested|no interest|uninterested|dont care",
    "(?:interest|interested) (?:nahi|nahin|nai|nhi)|(?:nahi|nahin|koi) (?:{x} )?interest(?:ed)?",
    "dilchaspi (?:nahi|nahin)|(?:दिलचस्पी|रुचि|इंटरेस्ट|इंटरेस्टेड) नहीं",
)
NO_NEED = any_of(
    "dont (?:want|need) (?:it|this|that|any|anything|your|to talk|one)|no need|no thanks",
    "no thank you|(?:nahi|nahin|nhi) (?:chahiye|chaiye|chahie)|zaroorat (?:nahi|nahin)",
    "नहीं चाहिए|जरूरत नहीं|ज़रूरत नहीं",
)
WRONG_PERSON = any_of(
    "wrong (?:number|person|guy|house)|(?:galat|rong|wrong) (?:number|nambar|aadmi)",
    "(?:no one|nobody|no body|no such person)(?: here)? (?:by|with|of) (?:that|this) name",
    "not (?:his|her|their) number|(?:गलत|रांग|रॉन्ग) (?:नंबर|आदमी|जगह)",
)
GOODBYE = any_of(
    "bye(?: bye)?|goodbye|good bye|thats all|that is all|nothing else|i have to go|alvida",
    "rakhta hoon|rakhti hoon|phir milte|अलविदा|रखता हूं|रखती हूं|बस इतना ही|बाय",
)
SAY_AGAIN = any_of(
    "pardon(?: me)?|repeat|say (?:that|it) again|come again|once more|one more time",
    "what (?:did|was) (?:you|it|that)(?: say| said)?|what are you saying|excuse me",
    "(?:didnt|did not|couldnt|could not|cant|cannot) (?:hear|catch|get|understand|follow)",
    "(?:phir|fir|dobara|ek baar aur) (?:se )?(?:bol{x*}|kah{x*}|bata{x*})|phir se|fir se",
    "kya (?:kaha|bola|bole|kah rahe{x*})|(?:samajh|sunai|awaaz) (?:nahi|nahin)",
    "फिर से|दोबारा (?:बोल{x*}|कह{x*}|बता{x*})|क्या (?:कहा|बोला|बोले)|(?:समझ|सुनाई|आवाज) नहीं",
)
HELLO_ONLY = re.compile(r" (?:(?:hello|hi|hey|sorry|namaste|hallo|ji|हेलो|हैलो|नमस्ते) ?)+$")

UNSURE = any_of(
    "(?:i |we )?(?:do not|dont|didnt|wouldnt|cant) (?:really )?(?:know|remember|say|tell)",
    "not (?:so )?sure",
    "no idea|no clue|maybe|perhaps|depends|may be|let me think|umm+|hmm+|hm+|huh|uh|er+",
    "(?:pata|malum|maloom|yaad) (?:nahi|nahin|nai|nhi)|shayad|soch(?:na|kar|unga|ungi)",
    "(?:पता|मालूम|याद) नहीं|शायद|हम्म|सोच{x*}",
)
BLANK = {
    "what", "huh", "hmm", "hm", "mm", "um", "umm", "uh", "er", "ah", "oh", "hello", "so", "well",
    "like", "kya", "क्या", "हम्म", "hain", "acha", "accha", "achha", "अच्छा", "the", "a", "and",
}  # fmt: skip

YES = any_of(
    "yes|yeah|yep|yup|ya|yah|sure|correct|right|of course|definitely|absolutely|certainly|indeed",
    "i do|i am|i have|we do|we are|we have|it is|that is right|thats right|i would|i will|i can",
    "ok|okay|fine|true|exactly|please do|by all means|why not",
    "haan|han|haa|haanji|hanji|ji|ji haan|ji han|bilkul|zaroor|jaroor|sahi|theek|thik|hao",
    "हां|हा|जी|जी हां|बिल्कुल|बिलकुल|जरूर|सही|ठीक",
)
NO = any_of(
    "no|nope|nah|not|never|dont|do not|isnt|arent|havent|wont|negative|neither|no way",
    "nahi|nahin|nahee|nai|nhi|na|bilkul nahi|नहीं|नही|ना|मत",
)

_PLAIN_YES = any_of("yes|yeah|yep|yup|haan|han|haanji|हां")
_PLAIN_NO = any_of("no|nope|nah|nahi|nahin|नहीं|नही")


def plain_side(text: str) -> str | None:
    """``no`` of "No, it is rented": the word it begins with, where the rest may be read as its
    contrary but does not say so; else None."""
    heard = flat(text)
    for one, other, contrary in ((_PLAIN_YES, _PLAIN_NO, NO), (_PLAIN_NO, _PLAIN_YES, YES)):
        begins = one.match(heard, 1)
        if begins and contrary.search(heard) and not other.search(heard):
            return begins[0]
    return None


_QUESTION_WORDS = any_of(
    "what|whats|why|how|hows|who|whos|whose|when|where|which",
    "(?:do|does|did|can|could|will|would|should|are|have|has|may|shall) "
    "(?:you|i|we|it|this|they|there|the|your|my|that)",
    "is (?:this|it|that|there|the|your|my)",
    "kya|kyun|kyu|kyon|kaise|kaun|kitna|kitne|kitni|kab|kahan|kidhar",
    "क्या|क्यों|कैसे|कौन|कितना|कितने|कितनी|कब|कहां|किधर",
)

#: What callees ask of every caller, and the words an answer to it would hold.
TOPICS: Sequence[tuple[str, re.Pattern[str], str]] = (
    (
        "number",
        any_of(
            "(?:get|got|have|find|found|give|gave)(?: you)? my (?:phone )?(?:number|contact)",
            "(?:mera|mere) (?:phone )?(?:number|nambar)|number (?:kahan|kaha|kidhar|kaise|kisne)",
            "(?:मेरा|मेरे) (?:फोन )?नंबर|नंबर (?:कहां|कैसे|किसने)",
        ),
        "number contact enquiry enquired form website registered submitted gave customer नंबर",
    ),
    (
        "scam",
        any_of(
            "scam|fraud|spam|fake|cheat(?:ing)?|genuine|real company|legit|trust|dhokha|farzi",
            "फ्रॉड|धोखा|फर्जी|नकली|स्कैम",
        ),
        "scam fraud genuine licensed registered company office since founded trust real",
    ),
    (
        "who",
        any_of(
            "who (?:is|are|am i)(?: this| you| it| calling| speaking)?|whos (?:this|calling)",
            "(?:which|what) company|where are you calling from|your name|calling from",
            "(?:kaun|kon) (?:bol{x*}|hai|hain|ho)|kahan se (?:bol{x*}|call|phone)",
            "कौन (?:बोल{x*}|है|हैं|हो)|कहां से (?:बोल{x*}|कॉल|फोन)|आपका नाम",
        ),
        "company business calling behalf name team from we are",
    ),
    (
        "price",
        any_of(
            "how much|cost|costs|price|prices|charge|charges|fee|fees|pay|expensive|rate|free",
            "(?:kitne|kitna|kitni) (?:ka|ki|ke|paise|rupaye|rupees|kharcha|lagega|lagenge|hoga)",
            "kimat|keemat|daam|kharcha|paise|कितने (?:का|की|पैसे|रुपये)|कितना (?:खर्च|लगेगा|होगा)",
            "कीमत|दाम|खर्च|खर्चा|पैसे",
        ),
        "cost costs price charge charges fee rupees lakh free pay subsidy emi loan मुफ्त कीमत रुपये",
    ),
    (
        "about",
        any_of(
            "what (?:is|was) (?:this|it) (?:{x} )?(?:about|for)|whats (?:this|it) (?:about|for)",
            "why (?:are|did|do) you (?:call|calling|phone)|what do you want|purpose|regarding what",
            "kis (?:baare|bare|liye|cheez)|kyun (?:call|phone)|kya (?:kaam|baat|chahiye|matlab)",
            "किस (?:बारे|लिए)|क्यों (?:कॉल|फोन)|क्या (?:काम|बात|चाहिए)",
        ),
        "about offer visit service product calling help enquiry install",
    ),
    (
        "robot",
        any_of(
            "(?:are you|is this|am i (?:talking|speaking) (?:to|with)) (?:{x} ){0,3}"
            "(?:robot|bot|ai|machine|computer|human|person|real|recording|automated)",
            "(?:aap|tum|ye|yeh) (?:{x} ){0,3}(?:robot|bot|machine|insaan|insan|computer|recording)",
            "(?:आप|तुम|यह|ये) (?:{x} ){0,3}(?:रोबोट|बॉट|मशीन|इंसान|कंप्यूटर|रिकॉर्डिंग)",
        ),
        "",
    ),
)


def asks(text: str) -> bool:
    """The callee asks something; ``text`` as it was heard."""
    words = flat(text)
    if not words.strip() or set(words.split()) <= BLANK:
        return False
    if text.rstrip().endswith("?") or any(topic.search(words) for _, topic, _ in TOPICS[:3]):
        return True
    return bool(_QUESTION_WORDS.match(words, 1)) or TOPICS[5][1].search(words) is not None


def topic_of(text: str) -> tuple[str, str]:
    """(name, words of a fitting answer) of a known question; two empty texts of any other."""
    words = flat(text)
    for name, pattern, hints in reversed(TOPICS):
        if pattern.search(words):
            return name, hints
    return "", ""


_SIMILAR = 0.8


def named_choices(text: str, choices: Sequence[str]) -> list[str]:
    """The choices named in the text, or a close form of them: ``rent`` for ``rented``."""
    words = flat(text).split()
    whole = [choice for choice in choices if flat(choice) in flat(text)]
    if whole:
        # "flat" is also part of "flat roof": only the longest counts.
        return [
            each for each in whole if not any(flat(each) in flat(o) for o in whole if o != each)
        ]
    scored = {choice: _closeness(words, flat(choice).split(), choices) for choice in choices}
    best = max(scored.values(), default=0.0)
    if best:
        return [choice for choice, score in scored.items() if score == best]
    places = {_PLACES[word] for word in words if word in _PLACES}
    return [choices[place] for place in places if -len(choices) <= place < len(choices)]


#: "The second one": from the front, or from the end.
_PLACES: dict[str, int] = {
    flat(word).strip(): place
    for place, line in {
        0: "first pehla pehli पहला पहली",
        1: "second doosra dusra doosri dusri दूसरा दूसरी",
        2: "third teesra tisra teesri tisri तीसरा तीसरी",
        3: "fourth chautha chauthi चौथा चौथी",
        -1: "last aakhri akhri आखिरी आख़िरी",
    }.items()
    for word in line.split()
}


def _closeness(words: Sequence[str], choice: Sequence[str], choices: Sequence[str]) -> float:
    shared = [set(flat(each).split()) for each in choices]
    own = [word for word in choice if sum(word in others for others in shared) == 1]
    found = sum(any(_is_like(word, said) for said in words) for word in own)
    return found / len(own) if own else 0.0


def _is_like(word: str, said: str) -> bool:
    if said in SAME_AS.get(word, ()):
        return True
    if min(len(word), len(said)) < 4:
        return word == said or (len(said) >= 3 and word.startswith(said))
    if word.startswith(said[:5]) or said.startswith(word[:5]):
        return True
    return SequenceMatcher(None, word, said).ratio() >= _SIMILAR


#: Words of choices that are often said in the other language.
SAME_AS: dict[str, set[str]] = {
    flat(word).strip(): set(flat(others).split())
    for word, others in {
        "own": "apna apni khud अपना अपनी खुद owned mine ours",
        "owned": "apna apni khud अपना अपनी खुद own mine ours",
        "rented": "kiraye kiraya rent किराए किराये किराया rental",
        "rent": "kiraye kiraya rented किराए किराये किराया rental",
        "morning": "subah सुबह",
        "afternoon": "dopahar दोपहर",
        "evening": "shaam sham शाम",
        "flat": "seedhi samtal समतल सपाट",
        "house": "ghar makaan घर मकान",
        "apartment": "flat फ्लैट अपार्टमेंट",
        "shop": "dukaan dukan दुकान",
        "concrete": "कंक्रीट pakka pakki पक्का पक्की",
        "tin": "टिन टीन",
        "tiled": "tile tiles टाइल टाइल्स khaprail खपरैल",
        "sheet": "शीट chadar चादर",
        "petrol": "पेट्रोल",
        "diesel": "डीजल",
        "yes": "haan हां",
        "no": "nahi nahin नहीं",
    }.items()
}
