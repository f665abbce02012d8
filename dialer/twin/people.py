"""People who talk: presets for a campaign that asks questions over a <Stream>.

They answer any question that names its topic: yes or no, a number, one of several, a day, a word.
What they answer depends on the last question they heard, however often it is asked.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from dialer.twin.callee import Behaviour, Line, Script

_NUMBER: Final = (
    r"how (?:much|many)|what is your (?:bill|income|budget)|in rupees|कितन[ाीे]|kitn[aie]"
)
_CHOICE: Final = r"\bor\b|या|\bya\b"
_ROOF: Final = r"\broof\b|छत|\bchhat\b"
_DAY: Final = r"(?:which|what) (?:day|date)|\bwhen\b|किस दिन|कब|\bkab\b|kis din"
_WORD: Final = (
    r"\bwhere\b|(?:which|what) (?:city|town|area|company)|your name|कहाँ|किस शहर|\bkahan\b"
)
_YES_NO: Final = (
    r"(?:^|[.?!।,] )\W*(?:\w+ )?(?:do|does|did|are|is|have|has|can|could|would|will|may|shall)\b"
    r"|क्या|\bkya\b"
)


def _asked(topic: str) -> str:
    """The last question heard is about ``topic``; what follows it is no question."""
    return rf"(?:{topic})[^.?!।]*[?।][^?]*$"


def _answers(
    *, yes_no: str, number: str, roof: str, choice: str, day: str, word: str
) -> tuple[Line, ...]:
    topics = (
        (_NUMBER, number),
        (_ROOF, roof),
        (_DAY, day),
        (_WORD, word),
        (rf"(?:{_YES_NO})[^.?!।]*(?:{_CHOICE})", choice),
        (_YES_NO, yes_no),
    )
    again = Line(hears="a yes or a no|हाँ या नहीं", says=yes_no, times=None)
    return (*(Line(hears=_asked(t), says=answer, times=None) for t, answer in topics), again)


_WELL: Final = _answers(
    yes_no="Yes, I do.",
    number="Four thousand five hundred.",
    roof="Concrete.",
    choice="The first one.",
    day="On Saturday.",
    word="Pune.",
)
_BADLY: Final = _answers(
    yes_no="No, I do not.",
    number="About two hundred.",
    roof="It is tin.",
    choice="The last one.",
    day="On Monday.",
    word="Nagpur.",
)
_HINDI: Final = _answers(
    yes_no="जी हाँ।",
    number="चार हज़ार पाँच सौ।",
    roof="कंक्रीट।",
    choice="पहला वाला।",
    day="शनिवार को।",
    word="पुणे।",
)
_HINGLISH: Final = _answers(
    yes_no="haan ji",
    number="chaar hazaar paanch sau",
    roof="concrete hai",
    choice="pehla wala",
    day="shanivaar ko",
    word="Pune mein",
)
_SOME_QUESTION: Final = r"\?[^?]*$"

TALKERS: Final[dict[str, Script]] = {
    script.name: script
    for script in (
        Script(name="answers_well", greets="Hello?", talk=_WELL),
        Script(name="answers_badly", greets="Hello?", talk=_BADLY),
        Script(
            name="interrupts",
            greets="Hello?",
            talk=(Line(interrupts_after_ms=1500, says="Hello, who is this?"), *_WELL),
        ),
        Script(name="silent_listener"),
        Script(name="mumbler", greets="Hello?", mumbles=True, talk=(Line(times=None),)),
        Script(
            name="asks_pardon",
            greets="Hello?",
            talk=(Line(hears=_SOME_QUESTION, says="Sorry, could you repeat that?"), *_WELL),
        ),
        Script(
            name="wants_human",
            greets="Hello?",
            talk=(Line(hears=_SOME_QUESTION, says="Can I speak to a human, please?"),),
        ),
        Script(
            name="gets_annoyed",
            greets="Hello?",
            talk=(
                Line(hears=_SOME_QUESTION, says="Not again. This is really annoying."),
                Line(hears=_SOME_QUESTION, says="This is ridiculous. You are wasting my time!"),
            ),
        ),
        Script(
            name="stop_calling",
            greets="Hello?",
            talk=(Line(hears=_SOME_QUESTION, says="Stop calling me. Remove my number."),),
        ),
        Script(
            name="talks_over_greeting",
            greets="Hello? Hello, who is it?",
            talk=(Line(interrupts_after_ms=1500, says="Hello? Can you hear me?"), *_WELL),
        ),
        Script(name="presses_keys", greets="Hello?", talk=(Line(keys="1", times=None),)),
        Script(
            name="hangs_up_midway",
            greets="Hello?",
            talk=(replace(_WELL[-2], times=1), Line(interrupts_after_ms=800, hang_up=True)),
        ),
        Script(
            name="calls_back_tomorrow",
            greets="Hello?",
            talk=(
                Line(
                    hears=_SOME_QUESTION,
                    says="I am driving. Call me tomorrow at six in the evening.",
                ),
                Line(hears=_asked(_DAY), says="Tomorrow at six in the evening.", times=None),
            ),
        ),
        Script(
            name="objects",
            greets="Hello?",
            talk=(
                Line(hears=_SOME_QUESTION, says="Where did you get my number?"),
                Line(hears=_SOME_QUESTION, says="Is this a scam?"),
                *_WELL,
            ),
        ),
        Script(name="hindi_speaker", greets="नमस्ते।", language="hi-IN", talk=_HINDI),
        Script(name="hinglish_speaker", greets="haan ji?", language="hi-IN", talk=_HINGLISH),
        Script(name="voicemail_talks", behaviour=Behaviour.VOICEMAIL, greeting_s=5.0),
    )
}

#: Who people are when they are asked questions; those who press keys at a menu talk here.
TALKING_MIX: Final[dict[str, float]] = {
    **{name: 0.04 for name, one in TALKERS.items() if one.behaviour is Behaviour.ANSWER},
    "answers_well": 0.30,
    "answers_badly": 0.14,
}
_MENU: Final = r"\bpress\b|\bkey\b|दबा"


def with_words(script: Script, talker: Script) -> Script:
    """The person of ``script`` with the words of ``talker``: keys are for whoever says press."""
    keys = tuple(
        Line(hears=_MENU, keys=each.keys, after_ms=round(min(each.after_s, 5.0) * 300))
        for each in script.reactions
        if each.keys
    )
    leaves = tuple(
        Line(hang_up=True, interrupts_after_ms=round(each.after_s * 1000))
        for each in script.reactions
        if each.hang_up
    )
    return replace(
        script,
        greets=talker.greets,
        talk=(*leaves, *keys, *talker.talk),
        language=talker.language,
        mumbles=talker.mumbles,
    )
