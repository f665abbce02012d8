"""What scripted people say, with what it must be stored as; three ways to talk.

Product time is Monday, 23 November 2026, shortly after 11:00 in India.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from dialer.agent.moves import Answer

Choice = Sequence[tuple[str, Answer]]

_INDIA = ZoneInfo("Asia/Kolkata")


def _at(day: int, hour: int, minute: int = 0) -> datetime:
    """A time in India, in November 2026."""
    return datetime(2026, 11, day, hour, minute, tzinfo=_INDIA).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Manner:
    """One way to talk. ``high`` and ``low`` are bills above and below 2000 rupees, ``loose`` words
    that answer nothing, ``again`` asks for a repetition, ``objections`` are questions."""

    language: str
    greets: Sequence[str]
    yes: Sequence[str]
    no: Sequence[str]
    high: Choice
    low: Choice
    roof: Choice
    day: Choice
    loose: Sequence[str]
    again: Sequence[str]
    objections: Sequence[str]
    waits: Sequence[str]
    human: Sequence[str]
    annoyed: Sequence[str]
    stops: Sequence[str]
    later: Sequence[tuple[str, datetime]]


ENGLISH = Manner(
    language="en-IN",
    greets=("", "Hello?", "Yes, hello?"),
    yes=("Yes, I do.", "Yes.", "Yeah, it is my own house.", "Of course.", "Sure, we do."),
    no=("No, I do not.", "No, it is rented.", "Not really.", "No, we live on rent."),
    high=(
        ("About five thousand rupees.", 5000),
        ("Four thousand five hundred.", 4500),
        ("Around three thousand two hundred rupees.", 3200),
        ("Two and a half thousand.", 2500),
        ("One lakh twenty thousand.", 120_000),
        ("It is 6500.", 6500),
        ("Twelve thousand.", 12_000),
        ("Maybe two thousand and fifty.", 2050),
    ),
    low=(
        ("Eight hundred rupees.", 800),
        ("About one thousand five hundred.", 1500),
        ("Nine hundred and fifty.", 950),
        ("A thousand.", 1000),
    ),
    roof=(
        ("Concrete.", "concrete"),
        ("It is a tin roof.", "tin"),
        ("The tiled one.", "tiled"),
        ("The second one.", "tin"),
        ("I think it is concrete.", "concrete"),
    ),
    day=(
        ("On Saturday.", "2026-11-28"),
        ("Tomorrow.", "2026-11-24"),
        ("Day after tomorrow.", "2026-11-25"),
        ("The fifth of December.", "2026-12-05"),
        ("Next Monday, please.", "2026-11-30"),
        ("Come on Friday.", "2026-11-27"),
    ),
    loose=("Let me think.", "It depends.", "I am not sure."),
    again=("Pardon?", "Sorry, could you repeat that?", "What did you say?"),
    objections=("How did you get my number?", "Is this a scam?", "How much does it cost?"),
    waits=("Wait, who is this?", "Which company is this?", "Why are you calling me?"),
    human=(
        "I want to talk to a human, please.",
        "Connect me to your manager.",
        "Can I speak to a real person?",
    ),
    annoyed=(
        "This is ridiculous, you are not listening.",
        "You are wasting my time!",
        "I am really fed up with this.",
    ),
    stops=("Stop calling me.", "Please remove my number.", "Do not call me again."),
    later=(
        ("I am driving, call me tomorrow at six in the evening.", _at(24, 18)),
        ("I am busy, call me today at five.", _at(23, 17)),
        ("Call me on Friday at eleven in the morning.", _at(27, 11)),
        ("Please call tomorrow at half past four.", _at(24, 16, 30)),
    ),
)

HINGLISH = Manner(
    language="hi-IN",
    greets=("", "haan ji?", "hello, kaun?"),
    yes=("haan ji", "haan, apna ghar hai", "ji bilkul", "haan"),
    no=("nahi ji", "nahi, kiraye ka hai", "ji nahi"),
    high=(
        ("paanch hazaar rupaye", 5000),
        ("saadhe teen hazaar", 3500),
        ("dhai hazaar", 2500),
        ("ek lakh bees hazaar", 120_000),
        ("chaar hazaar paanch sau", 4500),
        ("mera bill saat hazaar hai", 7000),
    ),
    low=(("aath sau rupaye", 800), ("dedh hazaar", 1500), ("nau sau pachaas", 950)),
    roof=(
        ("concrete hai ji", "concrete"),
        ("tin ki chhat hai", "tin"),
        ("pehla wala", "concrete"),
        ("tiled", "tiled"),
    ),
    day=(
        ("shanivar ko", "2026-11-28"),
        ("kal", "2026-11-24"),
        ("parso aaiye", "2026-11-25"),
        ("paanch december ko", "2026-12-05"),
        ("Friday ko", "2026-11-27"),
    ),
    loose=("sochna padega", "pata nahi"),
    again=("phir se boliye", "kya bola aapne?"),
    objections=("mera number kahan se mila?", "kitna kharcha lagega?", "yeh fraud to nahi?"),
    waits=("aap kaun bol rahe ho?", "kahan se call kar rahe ho?"),
    human=("kisi insaan se baat karao", "mujhe manager se baat karni hai"),
    annoyed=("yeh kya bakwaas hai", "kitni baar bataun"),
    stops=("mujhe call mat karo", "mera number hata do"),
    later=(
        ("abhi busy hoon, kal shaam chhe baje call karna", _at(24, 18)),
        ("kal subah gyarah baje phone karo", _at(24, 11)),
    ),
)

HINDI = Manner(
    language="hi-IN",
    greets=("", "नमस्ते।", "हेलो?"),
    yes=("जी हाँ।", "हाँ, अपना घर है।", "जी बिल्कुल।"),
    no=("जी नहीं।", "नहीं, किराए का है।"),
    high=(
        ("पाँच हज़ार रुपये।", 5000),
        ("साढ़े तीन हज़ार।", 3500),
        ("ढाई हज़ार।", 2500),
        ("एक लाख बीस हज़ार।", 120_000),
        ("चार हज़ार पाँच सौ।", 4500),
    ),
    low=(("आठ सौ रुपये।", 800), ("डेढ़ हज़ार।", 1500)),
    roof=(),  # not asked in Hindi
    day=(
        ("शनिवार को।", "2026-11-28"),
        ("परसों।", "2026-11-25"),
        ("कल आइए।", "2026-11-24"),
        ("पाँच दिसंबर को।", "2026-12-05"),
    ),
    loose=("पता नहीं।", "सोचना पड़ेगा।"),
    again=("फिर से बोलिए।", "क्या कहा आपने?"),
    objections=("मेरा नंबर कहाँ से मिला?", "कितना खर्च लगेगा?"),
    waits=("आप कौन बोल रहे हैं?",),
    human=("मुझे किसी इंसान से बात करनी है।", "मैनेजर से बात कराइए।"),
    annoyed=("यह क्या बकवास है।",),
    stops=("मुझे कॉल मत करना।", "मेरा नंबर हटा दो।"),
    later=(
        ("अभी व्यस्त हूँ, कल शाम छह बजे फोन कीजिए।", _at(24, 18)),
        ("कल सुबह ग्यारह बजे कॉल करना।", _at(24, 11)),
    ),
)

#: What the campaigns ask: the words a question is known by, per language.
ASKED: Mapping[str, Mapping[str, str]] = {
    "en": {
        "owns": r"own your house\?",
        "bill": r"monthly bill",
        "roof": r"tiled\?",
        "day": r"may we visit",
    },
    "hi": {
        "owns": r"आपका अपना है",
        "bill": r"कितने रुपये",
        "day": r"किस दिन",
    },
}
