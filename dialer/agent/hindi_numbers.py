"""Hindi's numbers 0 to 99, each a word of its own, as recognisers write them.

One line per number: Devanagari spellings, then Latin ones. A spelling that is also a common
other word of Hindi or English (``so``, ``no``, ``aath``/``at``) is left out or stands in
`AMBIGUOUS`; nukta and chandrabindu do not matter, see `dialer.agent.words`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dialer.agent.words import clean

_LINES = """
शून्य ज़ीरो shunya zero
एक वन ek
दो टू do
तीन थ्री teen tin
चार फोर char chaar
पांच पाँच फाइव panch paanch
छह छः छ छे छै सिक्स chhe chhah che cheh chheh chha
सात सेवन saat
आठ एट aath ath
नौ नाइन nau
दस टेन das dus
ग्यारह gyarah gyara
बारह barah baarah bara
तेरह terah tera
चौदह chaudah choudah chauda
पंद्रह पन्द्रह pandrah pandra
सोलह solah sola
सत्रह satrah satra
अठारह अट्ठारह atharah athara
उन्नीस unnis unnees
बीस bees bis
इक्कीस ikkis ikkees
बाईस बाइस bais baees
तेईस तेइस teis teyis
चौबीस chaubis chaubees
पच्चीस pachchis pachees pachis pacchis pachchees
छब्बीस chhabbis chabbis
सत्ताईस सत्ताइस sattais sattaees
अट्ठाईस अट्ठाइस अठाईस atthais athais
उनतीस unatis untees untis
तीस tees tis
इकतीस इकत्तीस ikatis iktees
बत्तीस battis battees
तैंतीस tentis taintees
चौंतीस chauntis chautis
पैंतीस paintis paintees
छत्तीस chhattis chattis
सैंतीस saintis saintees
अड़तीस adtis artis
उनतालीस untalis unchalis
चालीस chalis chaalis chalees chaalees
इकतालीस iktalis
बयालीस bayalis
तैंतालीस tentalis taintalis
चौवालीस चवालीस chauvalis chavalis
पैंतालीस paintalis paintalees
छियालीस chhiyalis chiyalis
सैंतालीस saintalis
अड़तालीस adtalis
उनचास unchas
पचास pachas pachaas
इक्यावन ikyavan ikyawan
बावन bavan bawan
तिरपन tirpan
चौवन chauvan chauwan
पचपन pachpan
छप्पन chhappan chappan
सत्तावन sattavan
अट्ठावन atthavan
उनसठ unsath
साठ saath sath
इकसठ iksath
बासठ basath
तिरसठ tirsath
चौंसठ chaunsath
पैंसठ painsath
छियासठ chhiyasath
सड़सठ sadsath
अड़सठ adsath
उनहत्तर unhattar
सत्तर sattar
इकहत्तर ikhattar
बहत्तर bahattar
तिहत्तर tihattar
चौहत्तर chauhattar
पचहत्तर pachhattar pichhattar
छिहत्तर chhihattar
सतहत्तर satahattar
अठहत्तर athahattar
उनासी उन्यासी unasi
अस्सी assi
इक्यासी ikyasi
बयासी bayasi
तिरासी tirasi
चौरासी chaurasi
पचासी pachasi
छियासी chhiyasi
सत्तासी sattasi
अट्ठासी atthasi
नवासी navasi
नब्बे nabbe nabe
इक्यानवे ikyanve
बानवे banve
तिरानवे tiranve
चौरानवे chauranve
पचानवे pachanve
छियानवे chhiyanve
सत्तानवे sattanve
अट्ठानवे atthanve
निन्यानवे ninyanve
"""

HINDI: Final[Mapping[str, int]] = {
    clean(word): number
    for number, line in enumerate(_LINES.strip().splitlines())
    for word in line.split()
}

#: Numbers only beside another word of a number: English "do", Hindi "tera" (yours), "saath" (with).
AMBIGUOUS: Final = frozenset({"do", "tin", "che", "saath", "sath", "tera", "bara", "टू", "वन"})
