"""Numbers and dates the twin's model hears, in English, Hindi and Hinglish."""

from __future__ import annotations

from dialer.twin.model_words import any_of, flat

_UNITS = [
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
]
_TEENS = ["thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]

_HINDI = {
    1: "ek एक", 2: "do दो", 3: "teen tin तीन", 4: "char chaar चार", 5: "paanch panch पांच",
    6: "chhe che chhah chah छह छः छे", 7: "saat सात", 8: "aath आठ", 9: "nau नौ", 10: "das dus दस",
    11: "gyarah ग्यारह", 12: "barah baarah बारह", 13: "terah तेरह", 14: "chaudah चौदह",
    15: "pandrah पंद्रह", 16: "solah सोलह", 17: "satrah सत्रह", 18: "atharah अठारह",
    19: "unnis उन्नीस", 20: "bees बीस", 25: "pachees पच्चीस", 30: "tees तीस", 35: "paintees पैंतीस",
    40: "chalis चालीस", 45: "paintalis पैंतालीस", 50: "pachas pachaas पचास", 60: "saath साठ",
    70: "sattar सत्तर", 75: "pachattar पचहत्तर", 80: "assi अस्सी", 90: "nabbe नब्बे",
}  # fmt: skip

NUMBER_WORDS: dict[str, int] = {
    **{word: value for value, word in enumerate((*_UNITS, *_TEENS), start=1)},
    **{word: value * 10 for value, word in enumerate(_TENS, start=2)},
    **{flat(word).strip(): n for n, words in _HINDI.items() for word in words.split()},
}
_SCALES = any_of(
    "hundred|thousand|lakh|lakhs|lac|lacs|crore|crores|million|k|zero|dozen|half",
    "sau|hazaar|hazar|hajar|karod|crores|dedh|dhai|adhai|sava|saade|sadhe|paune|aadha",
    "सौ|हजार|लाख|करोड़|करोड|डेढ़|डेढ|ढाई|सवा|साढ़े|साढे|पौने|आधा|शून्य",
)
_PLAIN_ENGLISH = {"do", "saath", "char", "che", "panch", "tin", "one"}

_MONTHS = (
    "january|february|march|april|may|june|july|august|september|october|november|december|"
    "jan|feb|apr|jun|jul|aug|sept|sep|oct|nov|dec|"
    "जनवरी|फरवरी|मार्च|अप्रैल|मई|जून|जुलाई|अगस्त|सितंबर|अक्टूबर|नवंबर|दिसंबर"
)
_DATE_WORDS = any_of(
    _MONTHS,
    "today|tonight|tomorrow|yesterday|(?:next|this|coming|last|within|in) {x}",
    "(?:in|after|within) (?:{x} ){1,2}(?:days?|weeks?|months?|years?)",
    "(?:days?|weeks?|months?|years?)(?: from now| later)?|immediately|asap|as soon as possible|now",
    "aaj|kal|parso|parson|agle|agla|agli|is (?:hafte|mahine|saal)|hafte|mahine|mahina|saal|din|"
    "turant|abhi|diwali|holi",
    "आज|कल|परसों|अगले|अगली|हफ्ते|महीने|महीना|साल|दिन|तुरंत|अभी|दिवाली|होली",
    "monday|tuesday|wednesday|thursday|friday|saturday|sunday",
    "(?:som|mangal|budh|guru|veer|shukra|shukr|shani|ravi|it)(?:vaar|waar|var|war)",
    "सोमवार|मंगलवार|बुधवार|गुरुवार|शुक्रवार|शनिवार|रविवार|इतवार",
)


def has_number(text: str) -> bool:
    """A number is named, in digits or words."""
    words = flat(text)
    if any(sign.isdigit() for sign in words) or _SCALES.search(words):
        return True
    said = words.split()
    numbers = [word for word in said if word in NUMBER_WORDS]
    # "I do" and "that one" name no number; "do" by itself, or among Hindi words, does.
    sure = [word for word in numbers if word not in _PLAIN_ENGLISH]
    return bool(sure) or (bool(numbers) and len(said) <= 2 and said[0] != "i")


def has_date(text: str) -> bool:
    """A day is named, by number or word."""
    words = flat(text)
    return any(sign.isdigit() for sign in words) or _DATE_WORDS.search(words) is not None
