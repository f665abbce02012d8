"""Words that make a call promotional, whatever its campaign calls itself.

One line of promotion turns the whole call promotional (compliance.md §7, TCCCPR reg 2(av)): the
category follows the content, not the label. What is found here is a question to the campaign's
owner, who answers it before the launch; words that sell nothing are answered in a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dialer.domain.definition import Definition, spoken_texts
from dialer.errors import FieldError, InvalidInput

#: Categories that promise not to promote anything.
PLAIN = frozenset({"service", "transactional", "informational", "government"})
_LATIN = (
    *(r"(?<!we )(?<!to )(?<!can )(?<!not )offers?", r"limited[- ](?:time|period)"),
    *(r"discounts?", r"\d+ ?(?:%|per ?cent) off", r"flat \d+", r"cash ?backs?", r"coupons?"),
    *(r"promo(?:tion(?:al)?|s)?", r"(?:on|mega|big|clearance|flash|diwali) sale"),
    *(r"buy (?:now|one|today)", r"order now", r"shop now", r"book now", r"apply now"),
    *(r"hurry", r"don'?t miss", r"last chance", r"free gifts?", r"lucky (?:draw|winner)"),
    *(r"win (?:a|an|exciting|prizes?|up to)", r"prizes?", r"lowest prices?"),
    *(r"best (?:price|deal)s?", r"(?:great|exclusive|special|exciting) deals?"),
    *(r"pre-?approved", r"upgrade (?:now|today|to)", r"introducing our"),
    *(r"new(?:ly)? launch(?:ed)?", r"low interest (?:rate|loan)s?", r"invest (?:now|today)"),
    r"interested in (?:buying|a (?:loan|new|home|credit))",
    # Hinglish
    *(r"ofar", r"chh?o?o?t (?:mil|pa|ka|par|hai)\w*", r"bhaa?ri chh?o?o?t", r"mu+ft", r"dhamak\w+"),
    *(r"sast[aei]", r"kh[ae]r[ie]+d(?:o|iye|iyega|en|ein|na)", r"sunehra mau?ka"),
    *(r"seemit samay", r"inaam", r"uphaar", r"je+t(?:o|iye|en|ein)", r"nayi? scheme"),
    *(r"faa?yda uthaa?(?:o|iye|yen|ein)", r"loan (?:chahiye|lijiye|le lo)"),
)
_DEVANAGARI = (
    *("ऑफर", "ऑफ़र", "डिस्काउंट", "कैशबैक", "कूपन", "मुफ्त", "मुफ़्त", "धमाका", "धमाकेदार"),
    *("सस्ता", "सस्ते", "सस्ती", "खरीदें", "ख़रीदें", "खरीदिए", "ख़रीदिए", "खरीदो", "इनाम", "उपहार"),
    *("सीमित समय", "सुनहरा मौका", "सुनहरा मौक़ा", "जीतें", "जीतिए", "भारी छूट", "विशेष छूट", "छूट पाएं"),
    *("छूट मिल", "प्रतिशत छूट", "प्रतिशत की छूट", "फायदा उठाएं", "फ़ायदा उठाएं", "लोन लीजिए", "महासेल"),
)
_FOUND = re.compile(
    rf"\b(?:{'|'.join(_LATIN)})(?!\w)|{'|'.join(map(re.escape, _DEVANAGARI))}", re.IGNORECASE
)


def promotional_words(definition: Definition) -> Iterator[tuple[str, str]]:
    """Yield (key path, the words found) of every text that promotes something, in a campaign
    whose category says that it does not."""
    if definition.campaign.category not in PLAIN:
        return
    texts = [*spoken_texts(definition)]
    if definition.agent is not None:
        texts += [
            ("agent.knowledge", definition.agent.knowledge),
            ("agent.style", definition.agent.style),
        ]
    for path, text in texts:
        words = dict.fromkeys(found[0].lower() for found in _FOUND.finditer(text))
        if words:
            yield path, ", ".join(words)


def promotion_warning(definition: Definition) -> str | None:
    """Return what must be answered before the launch, None if nothing must or it is."""
    found = [*promotional_words(definition)]
    if not found or definition.campaign.not_promotional is not None:
        return None
    places = "; ".join(f"{path} says {words}" for path, words in found)
    return (
        f"A {definition.campaign.category} campaign must not promote anything, and its words look "
        f"promotional: {places}. Take them out, change the category, or say in "
        "campaign.not_promotional why they are none."
    )


def require_answer(definition: Definition) -> None:
    """Raise `InvalidInput` for words that look promotional while nobody has said why not."""
    warning = promotion_warning(definition)
    if warning is not None:
        raise InvalidInput(warning, [FieldError("campaign.not_promotional", warning)])
