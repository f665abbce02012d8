"""Who answers when nobody was scripted: a seeded mix of people.

A number's person depends on (seed, phone) alone, so a run repeats exactly whatever the order and
the timing of its calls. The default mix (shares, as a campaign on Indian mobiles might meet it):

    confirms 25 %          presses 1 after a few seconds
    reschedules 10 %       presses 2
    opts_out 5 %           presses 9
    wrong_then_right 5 %   presses 7, on the next prompt 1
    several_keys 3 %       presses 1 and 2 at once
    too_late 3 %           presses 1 when the prompts are long over
    silent 9 %             listens, presses nothing
    cuts_off 5 %           hangs up in the middle of the message
    talks_then_leaves 3 %  hangs up after some seconds of talk
    busy_then_confirms 6 % busy on the first ring, answers the second
    out_then_confirms 3 %  rings out first, answers the second
    busy 4 %, declines 4 %, rings_out 4 %, no_such_number 3 %, unreachable 3 %, voicemail 5 %

Asked questions over a stream, the same people answer in words: `people.TALKING_MIX` says who is
who, by the same seed and number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from msgspec.structs import replace

from dialer.twin.callee import Behaviour, Reaction, Script
from dialer.twin.errors import TwinError
from dialer.twin.people import TALKERS, TALKING_MIX, with_words

VOICES = 8  # so many that a crowd does not sound like one, so few that their words are kept


def _presses(name: str, *keys: str, after_s: float = 5.0) -> Script:
    return Script(name=name, reactions=tuple(Reaction(keys=k, after_s=after_s) for k in keys))


_CONFIRMS = _presses("confirms", "1")
_BUSY = Script(name="busy", behaviour=Behaviour.BUSY)
_RINGS_OUT = Script(name="rings_out", behaviour=Behaviour.RING_OUT)

PRESETS: dict[str, Script] = {
    script.name: script
    for script in (
        _CONFIRMS,
        _presses("reschedules", "2"),
        _presses("opts_out", "9"),
        _presses("wrong_then_right", "7", "1"),
        _presses("several_keys", "12"),
        _presses("too_late", "1", after_s=90.0),
        Script(name="silent"),
        Script(name="cuts_off", reactions=(Reaction(hang_up=True, after_s=1.5),)),
        Script(name="talks_then_leaves", hang_up_after_s=6.0),
        Script(name="busy_then_confirms", attempts=(_BUSY, _CONFIRMS)),
        Script(name="out_then_confirms", attempts=(_RINGS_OUT, _CONFIRMS)),
        _BUSY,
        Script(name="declines", behaviour=Behaviour.REJECT),
        _RINGS_OUT,
        Script(name="no_such_number", behaviour=Behaviour.INVALID),
        Script(name="unreachable", behaviour=Behaviour.UNREACHABLE),
        Script(name="voicemail", behaviour=Behaviour.VOICEMAIL),
    )
} | TALKERS

DEFAULT_MIX: dict[str, float] = {
    "confirms": 0.25,
    "reschedules": 0.10,
    "opts_out": 0.05,
    "wrong_then_right": 0.05,
    "several_keys": 0.03,
    "too_late": 0.03,
    "silent": 0.09,
    "cuts_off": 0.05,
    "talks_then_leaves": 0.03,
    "busy_then_confirms": 0.06,
    "out_then_confirms": 0.03,
    "busy": 0.04,
    "declines": 0.04,
    "rings_out": 0.04,
    "no_such_number": 0.03,
    "unreachable": 0.03,
    "voicemail": 0.05,
}


def person(
    seed: int, phone: str, mix: Mapping[str, float], presets: Mapping[str, Script]
) -> Script:
    """The same person for the same seed and phone, whoever else is called and when."""
    name = _pick(_unit(seed, phone, "who"), mix)
    talker = TALKERS[_pick(_unit(seed, phone, "talks"), TALKING_MIX)]
    return _humanised(presets[name], talker, seed, phone)


def check_mix(mix: Mapping[str, float], presets: Mapping[str, Script]) -> None:
    unknown = sorted(set(mix) - set(presets))
    if unknown:
        raise TwinError(
            f"population: no preset {unknown[0]!r}; there are {', '.join(sorted(presets))}"
        )
    if not mix or min(mix.values()) < 0 or sum(mix.values()) <= 0:
        raise TwinError("population: shares must not be negative and must add up to more than 0")


def _pick(at: float, mix: Mapping[str, float]) -> str:
    """The preset whose share covers ``at`` (0 ≤ at < 1) when shares are laid end to end."""
    left = at * sum(mix.values())
    for name in sorted(mix):
        left -= mix[name]
        if left < 0:
            return name
    return max(mix, key=lambda name: mix[name])


def _humanised(script: Script, talker: Script, seed: int, phone: str) -> Script:
    """The preset with this person's own words, voice and pace: rings 0.5-2 s late, picked up
    1-4 s after that, reactions up to 30 % quicker or slower."""
    pace = 0.7 + 0.6 * _unit(seed, phone, "pace")
    if script.behaviour is Behaviour.ANSWER and not script.talk and not script.attempts:
        script = with_words(script, talker)
    return replace(
        script,
        ring_s=round(0.5 + 1.5 * _unit(seed, phone, "ring"), 2),
        answer_after_s=round(1.0 + 3.0 * _unit(seed, phone, "answer"), 2),
        reactions=tuple(
            replace(each, after_s=round(each.after_s * pace, 2)) for each in script.reactions
        ),
        voice=script.voice or f"person {int(VOICES * _unit(seed, phone, 'voice'))}",
        attempts=tuple(_humanised(each, talker, seed, phone) for each in script.attempts),
    )


def _unit(seed: int, phone: str, what: str) -> float:
    """A number in [0, 1) that depends on its arguments only."""
    digest = hashlib.sha256(f"{seed}\n{phone}\n{what}".encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56
