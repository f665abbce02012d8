"""Faults on demand: what the carrier does wrong, to whom and how many times (plivo.md §8)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from dialer.twin.errors import TwinError


class FaultKind(StrEnum):
    """Grouped by the moment they strike. ``delay_s`` is the twin's time (shortened by its time
    scale) but for replies to Make Call, which a customer's HTTP timeout races."""

    # Make Call: the first that matches decides the reply. Where the phone rings, the reply or the
    # loss of it comes `delay_s` real seconds later.
    ERROR_AFTER_PLACING = "error_after_placing"  # reply `status`, the phone rings
    ERROR_BEFORE_PLACING = "error_before_placing"  # reply `status`, it does not
    RESET_AFTER_PLACING = "reset_after_placing"  # connection reset, the phone rings
    RESET_BEFORE_PLACING = "reset_before_placing"
    LATE_REPLY = "late_reply"  # the phone rings, the reply is held `delay_s` real seconds
    NO_REQUEST_UUID = "no_request_uuid"  # placed, 201 without request_uuid
    REDIRECT_REPLY = "redirect_reply"  # 3xx (status, else 302), not placed
    RATE_LIMITED = "rate_limited"  # 429
    OVER_CAP = "over_cap"  # 5030
    UNAUTHORISED = "unauthorised"  # 401 with a body that is not JSON
    UUID_ARRAY = "uuid_array"  # request_uuid as an array for one destination
    # The call itself.
    UUID_DIFFERS = "uuid_differs"  # CallUUID is not request_uuid
    QUEUE_STUCK = "queue_stuck"  # stays `delay_s` in the queue
    CDR_DELAYED = "cdr_delayed"  # the CDR appears `delay_s` after the end
    HANG_UP_RACES = "hang_up_races"  # the callee hangs up first: DELETE gets 404
    # Callbacks; `callback` names one kind (ring, answer, hangup, ...), empty means any.
    CALLBACK_LOST = "callback_lost"
    CALLBACK_DOUBLED = "callback_doubled"
    CALLBACK_DELAYED = "callback_delayed"  # by `delay_s`
    NO_RING_CALLBACK = "no_ring_callback"
    ANSWER_TWICE = "answer_twice"
    HANGUP_BEFORE_ANSWER = "hangup_before_answer"  # hung up at once; answer_url is asked after
    TWO_SIGNATURES = "two_signatures"  # an old token's signature stands before ours
    SUBACCOUNT_SIGNED = "subaccount_signed"
    # Lists of calls (finished, live, queued) answer `status`.
    LIST_ERROR = "list_error"
    # A bidirectional stream; `delay_s` is real time from its start, as its media is.
    STREAM_REFUSED = "stream_refused"  # one connection attempt fails; three times: dropped
    STREAM_CUT = "stream_cut"  # the connection is gone after `delay_s`
    STREAM_STALLS = "stream_stalls"  # from `delay_s` on neither reads nor sends, for 20 s
    SECOND_STREAM = "second_stream"  # goes on over a second socket, the first stays open
    PLAYED_LOST = "played_lost"  # a checkpoint is reached and not told of
    MEDIA_GAPS = "media_gaps"  # one frame in 25 never comes
    MEDIA_BEFORE_START = "media_before_start"
    GARBAGE_MEDIA = "garbage_media"  # wrong messages between the right ones; another call's start
    # The language model. It knows no phone: leave `phone` null, and name in `said` what the
    # callee's last words must hold for the fault to strike one conversation only.
    LLM_REFUSED = "llm_refused"  # `status`; 429 brings retry-after-ms
    LLM_ERROR_FRAME = "llm_error_frame"  # in the middle of the reply, as all that follow
    LLM_CUT = "llm_cut"  # the connection is gone
    LLM_STALLS = "llm_stalls"  # `delay_s` of silence, 0: 60 s
    LLM_SLOW = "llm_slow"  # `delay_s` to the first token
    LLM_LENGTH = "llm_length"  # finish_reason length
    LLM_BAD_ARGUMENTS = "llm_bad_arguments"  # a tool call whose arguments are no JSON
    LLM_INVENTED_TOOL = "llm_invented_tool"  # a call of a tool that was not offered
    LLM_ENDLESS = "llm_endless"  # never stops talking
    # The recogniser. It knows no phone either: leave `phone` null. Each but the last two strikes
    # the whole of the next socket; `delay_s` is real time from the handshake.
    STT_REFUSED = "stt_refused"  # the handshake is answered with `status`
    STT_DIES = "stt_dies"  # closes with 1011 after `delay_s`
    STT_STALLS = "stt_stalls"  # reads and says nothing any more after `delay_s`
    STT_NO_SPEECH_FINAL = "stt_no_speech_final"  # final words come, the end of speech is not said
    STT_UNKNOWN_EVENTS = "stt_unknown_events"  # types nobody has heard of, before every result
    STT_GARBAGE = "stt_garbage"  # text that is no JSON, known types of a wrong shape, binary
    STT_LATE_FINALS = "stt_late_finals"  # final words come `delay_s` late; for each utterance
    STT_NO_WORDS = "stt_no_words"  # an utterance is heard as sound without words
    # The voice. `said` may name what the text must hold; `delay_s` is real time.
    TTS_REFUSED = "tts_refused"  # the handshake is answered with `status`
    TTS_DIES = "tts_dies"  # the socket closes with 1011 `delay_s` after the first text
    TTS_STALLS = "tts_stalls"  # no sound of a text ever comes, `delay_s` into it
    TTS_ERROR_EVENT = "tts_error_event"  # `status` instead of sound
    TTS_GARBAGE_AUDIO = "tts_garbage_audio"  # chunks whose data is no base64, and texts no JSON
    TTS_CHUNKS_AFTER_CANCEL = "tts_chunks_after_cancel"  # the whole text goes on coming
    TTS_SLOW = "tts_slow"  # `delay_s` to the first sound


PLACING_FAULTS = (
    FaultKind.UNAUTHORISED,
    FaultKind.RATE_LIMITED,
    FaultKind.OVER_CAP,
    FaultKind.REDIRECT_REPLY,
    FaultKind.ERROR_BEFORE_PLACING,
    FaultKind.RESET_BEFORE_PLACING,
    FaultKind.ERROR_AFTER_PLACING,
    FaultKind.RESET_AFTER_PLACING,
    FaultKind.LATE_REPLY,
    FaultKind.NO_REQUEST_UUID,
    FaultKind.UUID_ARRAY,
)
REFUSING_FAULTS = frozenset(PLACING_FAULTS[:6])  # these place nothing
LLM_FAULTS = (
    FaultKind.LLM_REFUSED,
    FaultKind.LLM_SLOW,
    FaultKind.LLM_ERROR_FRAME,
    FaultKind.LLM_CUT,
    FaultKind.LLM_STALLS,
    FaultKind.LLM_LENGTH,
    FaultKind.LLM_BAD_ARGUMENTS,
    FaultKind.LLM_INVENTED_TOOL,
    FaultKind.LLM_ENDLESS,
)


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One thing that goes wrong ``times`` times (null: always)."""

    kind: FaultKind
    times: int | None = 1
    delay_s: float = 0.0
    status: int = 503
    callback: str = ""
    said: str = ""  # of the language model's faults; letter case does not matter


class ScopedFault(Fault, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A fault as the admin route takes it: for one ``phone``, or for all when it is null."""

    phone: str | None = None


@dataclass(slots=True, eq=False)
class _Armed:
    phone: str | None
    fault: Fault
    left: int | None
    number: int  # in the order of arming


class Faults:
    """The faults that are still to strike, oldest first.

    on_strike: told of each that strikes, with the phone it meets ("" where there is none).
    """

    def __init__(self, on_strike: Callable[[Fault, str], None] = lambda fault, phone: None) -> None:
        self._on_strike = on_strike
        # By phone: a run may arm thousands, of which a call has to ask for its own only.
        self._armed: dict[str | None, list[_Armed]] = {}
        self._count = 0

    def arm(self, fault: Fault, *, phone: str | None) -> None:
        if fault.times is not None and fault.times < 1:
            raise TwinError(f"times: expected 1 or more, or null for always; found {fault.times}")
        self._count += 1
        armed = _Armed(phone, fault, fault.times, self._count)
        self._armed.setdefault(phone, []).append(armed)

    def take(
        self, kind: FaultKind, phone: str, *, callback: str = "", said: str = ""
    ) -> Fault | None:
        """Use up one matching fault, or None if nothing is to go wrong."""
        found = min(
            (
                armed
                for whose in (phone, None)
                for armed in self._armed.get(whose, ())
                if _matches(armed.fault, kind, callback, said)
            ),
            key=lambda armed: armed.number,
            default=None,
        )
        if found is None:
            return None
        if found.left is not None:
            found.left -= 1
            if found.left == 0:
                self._forget(found)
        self._on_strike(found.fault, phone)
        return found.fault

    def take_any(self, kinds: tuple[FaultKind, ...], phone: str, *, said: str = "") -> Fault | None:
        found = (self.take(kind, phone, said=said) for kind in kinds)
        return next((fault for fault in found if fault is not None), None)

    def clear(self) -> None:
        self._armed.clear()

    def listing(self) -> list[dict[str, object]]:
        """Each fault with its phone and how often it will still strike (null: always)."""
        every = (armed for whose in self._armed.values() for armed in whose)
        return [
            {**msgspec.to_builtins(armed.fault), "phone": armed.phone, "left": armed.left}
            for armed in sorted(every, key=lambda armed: armed.number)
        ]

    def _forget(self, used_up: _Armed) -> None:
        left = [armed for armed in self._armed[used_up.phone] if armed is not used_up]
        if left:
            self._armed[used_up.phone] = left
        else:
            del self._armed[used_up.phone]


def _matches(fault: Fault, kind: FaultKind, callback: str, said: str) -> bool:
    return (
        fault.kind is kind
        and fault.callback in ("", callback)
        and (not fault.said or fault.said.lower() in said.lower())
    )
