"""What a callee is told at the start whatever the campaign's own words leave out.

Compliance.md §1.14: announce that software talks, that the call is recorded, how to opt out. The
business names itself in the campaign's opening; no text of ours can.
"""

from __future__ import annotations

import re

from dialer.agent.sentences import Sentences
from dialer.agent.words import words_of

_DENIED = re.compile(
    r" (?:not|never|no|isn't|नहीं) (?:being |be |a |an |recorded )*(?:robot|machine|bot|computer|"
    r"recording|recorded|automated|ai) "
    r"| (?:robot|machine|computer|रोबोट|मशीन|कंप्यूटर|एआई|रिकॉर्ड) (?:nahi|nahin|नहीं) "
)
_AUTOMATED = re.compile(
    r" (?:ai|a i|artificial|automated|automatic|virtual|digital assistant|robot|bot|voicebot|"
    r"computer|computerised|computerized|machine|software|एआई|ए आई|स्वचालित|कंप्यूटर|कम्प्यूटर|रोबोट|"
    r"मशीन|वर्चुअल|आर्टिफिशियल|ऑटोमेटेड|swachalit) "
)
_RECORDED = re.compile(r" (?:record|recorded|recording|recordings|रिकॉर्ड|रिकार्ड|रिकॉर्डिंग) ")
_SAY = "say|saying|tell|telling|press|ask|asking|reply|बोलिए|कहिए|कहें|दबाएं|बोलें|kahiye|boliye"
_STOP = (
    "stop|opt out|unsubscribe|not call|do not call|don't call|remove|कॉल मत|फोन मत|call mat|"
    "phone mat|बंद|band"
)
_HOW_TO_STOP = re.compile(
    rf" (?:{_SAY}) (?:\S+ ){{0,6}}?(?:{_STOP}) "
    r"| to (?:stop|opt out|unsubscribe|be removed|not be called) "
    rf"| (?:बंद|मत|band|mat) (?:\S+ ){{0,6}}?(?:{_SAY}) "
)


def missing_disclosures(text: str, sentences: Sentences, *, is_recorded: bool) -> tuple[str, ...]:
    """Return the sentences to add to a campaign's opening and disclosure ``text``."""
    said = f" {' '.join(words_of(text))} "
    said = _DENIED.sub(" ", said)
    wanted = (
        (_AUTOMATED, sentences.i_am_automated, True),
        (_RECORDED, sentences.call_is_recorded, is_recorded),
        (_HOW_TO_STOP, sentences.how_to_stop, True),
    )
    return tuple(
        sentence for pattern, sentence, is_due in wanted if is_due and not pattern.search(said)
    )
