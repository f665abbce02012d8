"""What a callee may ask for at any moment, found without a model.

A lawful product must not depend on a model to hear "stop calling me". Each pattern is precise
rather than complete: what none of them finds still goes to the model, whose tools do the same.
Patterns see the cleaned words of one turn, joined by single blanks, with a blank at each end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from dialer.agent.words import words_of


class Intent(StrEnum):
    OPT_OUT = "opt_out"  #: never call again
    ROBOT = "robot"  #: wants to know whether a machine talks
    HUMAN = "human"  #: wants to talk to a person
    REPEAT = "repeat"  #: did not hear what was said


def find_intent(text: str) -> Intent | None:
    """Return what ``text`` asks for; the first in the order of `Intent` wins."""
    words = words_of(text)
    said = f" {' '.join(words)} "
    if _is_opt_out(said):
        return Intent.OPT_OUT
    if _any(_ROBOT, said):
        return Intent.ROBOT
    if _any(_HUMAN, said) and not _NO_WISH.search(said):
        return Intent.HUMAN
    if said in _REPEAT_WHOLE or (len(words) <= 10 and _any(_REPEAT, said)):
        return Intent.REPEAT
    return None


def asks_for_callback(text: str) -> bool:
    """Whether ``text`` asks to be called at another time."""
    return _any(_CALLBACK, f" {' '.join(words_of(text))} ")


def asks_for_another_date(text: str) -> bool:
    """Whether ``text`` asks to move an appointment."""
    return _any(_RESCHEDULE, f" {' '.join(words_of(text))} ")


def is_only_a_greeting(text: str) -> bool:
    """Whether ``text`` is what people say when they pick up, and answers nothing."""
    words = words_of(text)
    return 0 < len(words) <= 6 and all(word in _GREETING for word in words)


def _any(patterns: Sequence[re.Pattern[str]], said: str) -> bool:
    return any(pattern.search(said) for pattern in patterns)


def _compiled(*patterns: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern) for pattern in patterns)


_ME = r"(?: (?:me|us|this number|here|my (?:phone|number|mobile)|on this number|to me))?"
# What may follow "don't call me" and still mean for good; a time of day after it means later.
_FOR_GOOD = (
    r"(?: (?:again|anymore|any more|ever|ever again|please|back|sir|madam|ji|bhai|okay|ok))*"
)
_CALL_NOUN = r"(?:calls?|phones?|fone|kaal|कॉल|काल|फोन|कॉल्स|call vaal|calling)"
_IMPERATIVE = (
    r"(?:karna|karo|karen|karein|kare|kariye|kariyega|kijiye|kijiyega|kijie|lagana|lagao|dena|"
    r"करना|करो|करे|करें|करिए|करिये|करिएगा|कीजिए|कीजिये|कीजिएगा|लगाना|लगाओ)"
)
_MAT = r"(?:mat|mt|nahi|nahin|nai|na|मत|नहीं|ना|न)"

_OPT_OUT_ANYWHERE = _compiled(
    rf" (?:do not|don't|dont|never)(?: ever| please)* "
    rf"(?:call|phone|ring|contact|disturb|bother|trouble){_ME} "
    r"(?:again|anymore|any more|ever)(?= )(?! (?:today|tonight|now|tomorrow|before|until|till|"
    r"this|in|on|at|later|so) )",
    r"(?<!n't)(?<! not)(?<! never)(?<! won't) (?:stop|quit) "
    r"(?:calling|phoning|ringing|contacting|bothering|disturbing|troubling|harassing)(?= )",
    r"(?<!n't)(?<! not)(?<! never) stop "
    r"(?:these |the |your |all |making |sending )+calls?(?= )",
    r"(?<!n't)(?<! not) (?:remove|delete|take off|erase) (?:me|my (?:phone |mobile )?number|"
    r"this number|my name|my details)(?= )",
    r"(?<!n't)(?<! not) take (?:me|my (?:phone |mobile )?number|this number|my name) "
    r"(?:off|out)(?= )",
    r"(?<!n't)(?<! not)(?<! to) unsubscribe(?= )",
    r" opt (?:me )?out(?= )",
    r" (?:do not|don't|dnd|no) call (?:list|register|registry)(?= )",
    r" (?:put|add|register) (?:me|my number|this number) (?:on|in|to) (?:the |your )?dnd(?= )",
    r" lose my number(?= )",
    r" no more calls?(?= )",
    rf" {_CALL_NOUN} (?:karna |करना )?(?:band|bund|बंद|बन्द) (?:karo|kare|karen|karein|kar do|"
    rf"kar dijiye|kariye|kijiye|करो|करे|करें|कर दो|कर दीजिए|करिए|कीजिए|कीजिये)",
    r" (?:number|no|naam|नंबर|नम्बर|नाम) (?:hata|hatao|hataiye|hata do|hata dijiye|delete|remove|"
    r"nikal|nikaal|nikalo|हटा|हटाओ|हटाइए|डिलीट|निकाल|निकालो)",
    r" (?:pareshan|pareshaan|tang|परेशान|तंग|डिस्टर्ब|disturb) (?:mat|na|मत|न|ना) ",
)
# These mean "for good" only when no time is named: "don't call me now, call tomorrow".
_OPT_OUT_UNTIMED = _compiled(
    rf" (?:do not|don't|dont|never)(?: you)?(?: ever| please)* "
    rf"(?:call|phone|ring|contact|disturb|bother|trouble){_ME}{_FOR_GOOD} $",
    r" (?:do not|don't|dont) want (?:to (?:get|receive|have) )?(?:any |your |these |more |such )*"
    r"(?:phone )?calls?(?= )",
    r" (?:do not|don't|dont) want (?:you|anyone|anybody) to call(?= )",
    rf" {_CALL_NOUN} (?:(?:ko|par|pe|mujhe|mujhko|hame|hamen|dobara|phir|phir se|fir se|kabhi|"
    rf"मुझे|मुझको|हमें|दोबारा|दुबारा|फिर से|फिर|कभी) )*{_MAT} {_IMPERATIVE} ",
)
_TIMED = re.compile(
    r" (?:now|right now|today|tonight|tomorrow|before|until|till|later|morning|afternoon|evening|"
    r"night|abhi|aaj|kal|parso|subah|dopahar|shaam|sham|raat|baad|tak|baje|अभी|आज|कल|परसों|सुबह|"
    r"दोपहर|शाम|रात|बाद|तक|बजे|monday|tuesday|wednesday|thursday|friday|saturday|sunday|weekend|"
    r"weekends|office|working|lunch|busy|driving|meeting) "
)
_FROM_NOW_ON = re.compile(
    r" (?:aaj ke baad|is ke baad|iske baad|ab se|aaj se|kal se|आज के बाद|इसके बाद|अब से|आज से|कल से|"
    r"from now on|from now|from today|after today) "
)
_STOP_WHOLE = re.compile(r" (?:(?:please|stop|just|बस|no) )*stop(?: (?:stop|please|now))* ")


def _is_opt_out(said: str) -> bool:
    if _any(_OPT_OUT_ANYWHERE, said) or _STOP_WHOLE.fullmatch(said):
        return True
    untimed = _FROM_NOW_ON.sub(" ", said)
    return _any(_OPT_OUT_UNTIMED, untimed) and not _TIMED.search(untimed)


_PERSON = (
    r"(?:person|human|human being|humans|people|operator|representative|executive|manager|"
    r"supervisor|someone|somebody|agent|customer care|customer service|real one|specialist|"
    r"colleague)"
)
_A = r"(?:a |an |the |some |your |any |one of your )?(?:real |live |actual |senior |sales )?"
_INSAAN = (
    r"(?:insaan|insan|aadmi|admi|vyakti|bande|banda|agent|manager|executive|senior|operator|human|"
    r"person|adhikari|officer|इंसान|इन्सान|आदमी|व्यक्ति|एजेंट|मैनेजर|अधिकारी|ऑपरेटर|सीनियर)"
)
_NO_WISH = re.compile(
    r" (?:do not|don't|dont|no need|not necessary|nahi karni|नहीं करनी) (?:\S+ ){0,3}"
    r"(?:talk|speak|human|person|agent|operator|to)"
)
_HUMAN = _compiled(
    rf" (?:talk|speak|speaking|talking|chat|connect|connected|transfer|transferred) (?:me )?"
    rf"(?:to|with) {_A}{_PERSON}(?= )",
    rf" (?:connect|transfer|put|pass|hand) (?:me |us )?(?:through |over |on )?(?:to|with) {_A}"
    rf"{_PERSON}(?= )",
    rf" (?:get|give|find) me {_A}{_PERSON}(?= )",
    rf" (?:want|need|like|prefer) {_A}(?:person|human|human being|operator|representative)(?= )",
    r" (?:real|live|actual) (?:person|human|agent)(?: please)? $",
    # Alone, "manager" may also be the answer to a question.
    rf"^ (?:please )?{_A}(?:person|human|human being|operator|representative)(?: please)? $",
    rf"^ {_A}(?:agent|manager|executive|supervisor) please $",
    rf" (?:{_INSAAN}|kisi {_INSAAN}) (?:se|sey|से) (?:baat|bat|बात)",
    r" (?:kisi|किसी|kisi aur|किसी और) (?:se|से) (?:baat|bat|बात) "
    r"(?:karao|karwao|karvao|kara|karwa|करा|कराओ|करवा|करवाओ|कराइए|करवाइए|karaiye|karwaiye)",
)
_MACHINE = (
    r"(?:robot|bot|machine|computer|ai|a i|recording|recorded|automated|automatic|chatbot|"
    r"real person|real human|human|real|person|a real voice)"
)
_ROBOT = _compiled(
    rf" (?:are|r) you (?:a |an |even |actually |really |some |some kind of )*{_MACHINE}(?= )",
    r" (?:is|was) (?:this|it|that) (?:a |an |some |really )*(?:robot|bot|machine|computer|ai|"
    r"recording|recorded|automated|real person|human)(?= )",
    rf" am i (?:talking|speaking) (?:to|with) (?:a |an |some )*{_MACHINE}(?= )",
    r" (?:aap|tum|app|kya aap|ye|yeh) (?:koi |ek |kya )*(?:robot|machine|computer|insaan|insan|ai|"
    r"recording|bot) (?:ho|hai|hain|he|bol)",
    r" (?:आप|तुम|ये|यह) (?:कोई |एक |क्या )*(?:रोबोट|मशीन|कंप्यूटर|कम्प्यूटर|इंसान|एआई|ए आई|रिकॉर्डिंग) "
    r"(?:हो|है|हैं|बोल)",
)
_REPEAT_WHOLE: Final = frozenset(
    f" {line} "
    for line in (
        "sorry",
        "sorry what",
        "what",
        "huh",
        "what was that",
        "excuse me",
        "hello",
        "hello hello",
        "kya",
        "क्या",
        "हेलो",
        "हैलो",
        "हेलो हेलो",
        "haan kya",
        "ji kya",
        "repeat",
        "once more",
        "once again",
        "one more time",
        "again please",
    )
)
_REPEAT = _compiled(
    r" pardon(?= )",
    r" come again(?= )",
    r" what (?:did|do) you (?:just )?(?:say|said|ask|asked)(?= )",
    r" (?:say|ask|tell me) (?:it|that|this|the question)(?: once)? again(?= )",
    r" (?:can|could|would|will|please|kindly)(?: you)?(?: please)? repeat(?= )",
    r" repeat (?:that|it|the question|please|again)(?= )",
    r" (?:didn't|did not|couldn't|could not|can't|cannot|can not) (?:\w+ )?"
    r"(?:hear|catch|get)(?: (?:you|that|it|what you said))? (?:$|properly|clearly|well|sorry)",
    r" (?:phir se|fir se|dobara|dubara|ek baar aur|ek baar phir) (?:boliye|bolo|bolna|kahiye|kaho|"
    r"bataiye|batao|puchiye|poochiye|bol)",
    r" (?:फिर से|दोबारा|दुबारा|एक बार और|एक बार फिर) (?:बोलिए|बोलिये|बोलो|कहिए|कहिये|बताइए|बताइये|पूछिए)",
    r" kya (?:bola|kaha|bole|bol rahe|kah rahe|puchha|poocha)(?= )",
    r" क्या (?:बोला|कहा|बोले|बोल रहे|कह रहे|पूछा) ",
    r" (?:sunai|suna|awaaz|सुनाई|आवाज) (?:nahi|nahin|नहीं) ",
)
_CALLBACK = _compiled(
    r" (?:call|phone|ring|contact)(?: me| us)? (?:back|later|tomorrow|another time|some other time|"
    r"in (?:a|an|the|\w+)|after|at|on|again)(?= )",
    r" (?:i am|i'm|am) (?:busy|driving|in a meeting)(?= )",
    r" (?:not now|later please|talk later|some other time)(?= )",
    r"^ (?:later|busy) $",
    r" (?:tomorrow|later)(?: please)? call ",
    r" (?:baad|bad) (?:mein|me|mai) ",
    r" (?:बाद में|व्यस्त) ",
    r" (?:abhi|अभी) (?:nahi|nahin|busy|नहीं|बिजी)(?= )",
    r" (?:kal|parso|कल|परसों) (?:\S+ ){0,4}(?:call|phone|कॉल|फोन)(?= )",
)
_RESCHEDULE = _compiled(
    r" reschedul",
    r" (?:another|different|other|new) (?:time|day|date|slot|appointment)(?= )",
    r" (?:change|move|shift|postpone|cancel) (?:it|the|my|this)(?= )",
    r" postpone(?= )",
    r" (?:can't|cannot|can not|won't|will not|not able to) "
    r"(?:come|make it|be there|attend|visit)(?= )",
    r" (?:doosra|dusra|doosri|dusri|koi aur|kisi aur) (?:samay|time|din|date|taarikh|tarikh)(?= )",
    r" (?:दूसरा|दूसरी|कोई और|किसी और) (?:समय|टाइम|दिन|तारीख) ",
    r" (?:samay|time|date|tarikh|समय|टाइम|तारीख) (?:badal|badlo|change|बदल)",
    r" (?:nahi|nahin|नहीं) (?:aa|आ) (?:\S+ )?(?:sak|paun|paung|सक|पाऊं)",
)
_GREETING = frozenset(
    words_of(
        "hello hi hey halo haan han ji yes yeah ok okay who is this that are you speaking from "
        "calling good morning afternoon evening namaste namaskar kaun kon bol raha rahe hai hain "
        "ho aap bolo boliye sir madam हां जी हेलो हैलो नमस्ते नमस्कार कौन बोल रहा रहे रही है हैं आप "
        "बोलिए बोलो"
    )
)
