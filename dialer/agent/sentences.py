"""Every sentence the agent says in fixed words, per language; campaigns bring the rest.

A call speaks one of them: `in_language` picks by the language tag. ``{...}`` is filled in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dialer.domain.definition import DEFAULT_GOODBYE, DEFAULT_REPLIES, KeyMeaning


@dataclass(frozen=True, slots=True)
class Sentences:
    """Named by what they are for. ``expects``: by question type, what an answer should be."""

    is_hindi: bool
    i_am_automated: str
    call_is_recorded: str
    how_to_stop: str
    expects: Mapping[str, str]
    not_heard: str
    say_again: str
    one_moment: str
    still_there: str
    let_us_go_on: str
    opted_out: str
    connecting: str
    connecting_qualified: str
    colleague_calls: str
    ask_when: str
    will_call_at: str  # {when}
    will_call_then: str  # {when}; what was asked for is not allowed
    will_call: str
    goodbye: str
    not_interested: str
    wrong_person: str
    nobody_there: str
    time_is_up: str
    apology: str
    announcement_goodbye: str
    key_replies: Mapping[KeyMeaning, str]


ENGLISH: Final = Sentences(
    is_hindi=False,
    i_am_automated="I am an automated assistant.",
    call_is_recorded="This call is recorded.",
    how_to_stop="If you do not want our calls, just say stop calling.",
    expects={
        "yes_no": "A yes or a no, please.",
        "number": "One number, please.",
        "choice": "Please choose one of these: {choices}.",
        "date": "A day, please, such as tomorrow, or the fifth of May.",
        "text": "Please tell me in a few words.",
    },
    not_heard="Sorry, I did not hear you well.",
    say_again="Sorry, could you say that again?",
    one_moment="One moment, please.",
    still_there="Are you still there?",
    let_us_go_on="All right, let us go on.",
    opted_out="I am sorry for the disturbance. We will not call you again. Goodbye.",
    connecting="I am connecting you to a colleague. Please stay on the line.",
    connecting_qualified="Thank you. I am connecting you to a colleague now. "
    "Please stay on the line.",
    colleague_calls="A colleague will call you back. Thank you. Goodbye.",
    ask_when="When may we call you? Please tell me a day and a time.",
    will_call_at="All right, we will call you {when}. Goodbye.",
    will_call_then="At that time we may not call. We will call you {when}. Goodbye.",
    will_call="All right, we will call you another time. Goodbye.",
    goodbye="Thank you for your time. Goodbye.",
    not_interested="All right. Thank you for your time. Goodbye.",
    wrong_person="I am sorry for the mistake. Goodbye.",
    nobody_there="I cannot hear you, so I end the call here. Goodbye.",
    time_is_up="I am sorry, our time is up. Thank you. Goodbye.",
    apology="I am sorry, we have a technical problem. We will call you back. Goodbye.",
    announcement_goodbye=DEFAULT_GOODBYE,
    key_replies=DEFAULT_REPLIES,
)

HINDI: Final = Sentences(
    is_hindi=True,
    i_am_automated="मैं एक स्वचालित सहायक हूँ।",
    call_is_recorded="यह कॉल रिकॉर्ड की जा रही है।",
    how_to_stop="अगर आप हमारी कॉल नहीं चाहते, तो बस कहिए, कॉल मत करना।",
    expects={
        "yes_no": "कृपया हाँ या नहीं में बताइए।",
        "number": "कृपया एक संख्या बताइए।",
        "choice": "कृपया इनमें से एक चुनिए: {choices}।",
        "date": "कृपया कोई दिन बताइए, जैसे कल, या पाँच मई।",
        "text": "कृपया थोड़े शब्दों में बताइए।",
    },
    not_heard="माफ़ कीजिए, आपकी आवाज़ ठीक से नहीं आई।",
    say_again="माफ़ कीजिए, क्या आप फिर से कहेंगे?",
    one_moment="एक क्षण दीजिए।",
    still_there="क्या आप लाइन पर हैं?",
    let_us_go_on="ठीक है, आगे बढ़ते हैं।",
    opted_out="असुविधा के लिए माफ़ कीजिए। हम आपको फिर कॉल नहीं करेंगे। नमस्ते।",
    connecting="मैं आपको हमारे सहकर्मी से जोड़ रही हूँ। कृपया लाइन पर बने रहिए।",
    connecting_qualified="धन्यवाद। मैं आपको अभी हमारे सहकर्मी से जोड़ रही हूँ। कृपया लाइन पर बने रहिए।",
    colleague_calls="हमारे सहकर्मी आपको वापस कॉल करेंगे। धन्यवाद। नमस्ते।",
    ask_when="हम आपको कब फ़ोन करें? कृपया दिन और समय बताइए।",
    will_call_at="ठीक है, हम आपको {when} कॉल करेंगे। नमस्ते।",
    will_call_then="उस समय हम कॉल नहीं कर सकते। हम आपको {when} कॉल करेंगे। नमस्ते।",
    will_call="ठीक है, हम आपको फिर कभी कॉल करेंगे। नमस्ते।",
    goodbye="आपके समय के लिए धन्यवाद। नमस्ते।",
    not_interested="ठीक है। आपके समय के लिए धन्यवाद। नमस्ते।",
    wrong_person="गलती के लिए माफ़ कीजिए। नमस्ते।",
    nobody_there="आपकी आवाज़ नहीं आ रही, इसलिए मैं कॉल यहीं समाप्त करती हूँ। नमस्ते।",
    time_is_up="माफ़ कीजिए, हमारा समय पूरा हो गया। धन्यवाद। नमस्ते।",
    apology="माफ़ कीजिए, तकनीकी समस्या आ गई है। हम आपको वापस कॉल करेंगे। नमस्ते।",
    announcement_goodbye="धन्यवाद। नमस्ते।",
    key_replies={
        "confirmed": "धन्यवाद, यह पक्का हो गया। नमस्ते।",
        "reschedule": "धन्यवाद। दूसरा समय तय करने के लिए हम आपसे संपर्क करेंगे। नमस्ते।",
        "opted_out": "आपको फिर कॉल नहीं की जाएगी। नमस्ते।",
        "callback": "धन्यवाद। हम आपको फिर कॉल करेंगे। नमस्ते।",
    },
)


def in_language(tag: str) -> Sentences:
    """Return the sentences for a tag such as en-IN or hi-IN; English where we have no other."""
    return HINDI if tag.partition("-")[0] == "hi" else ENGLISH
