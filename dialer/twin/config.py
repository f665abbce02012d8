"""How one twin is set up. Where plivo.md is silent, the choice is a knob here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

#: Well-known credentials of the right shape: MA or SA and 18 of [A-Z0-9].
DEFAULT_AUTH_ID = "MADIALERTWIN00000001"
DEFAULT_AUTH_TOKEN = "dialertwinmaintokendialertwinmaintoken01"
SUBACCOUNT_ID = "SADIALERTWIN00000001"
SUBACCOUNT_TOKEN = "dialertwinsubtokendialertwinsubtoken0001"

INDIA_CALLS_PER_CPS = 25  # India: CPS = concurrency ÷ 25 (plivo.md §6)


@dataclass(frozen=True, slots=True)
class OwnedNumber:
    """A caller id rented on the account. ``number`` is E.164 with its plus sign."""

    number: str
    compliance_status: str = "accepted"  # draft submitted accepted rejected suspended expired
    number_type: str = "fixed"


DEFAULT_NUMBERS = (
    OwnedNumber("+911601200001"),  # 1601 series: service and transactional calls
    OwnedNumber("+911600200001"),
    OwnedNumber("+911402000001"),  # 140 series: promotional calls
    OwnedNumber("+912241000001"),  # an ordinary landline
)


@dataclass(frozen=True, slots=True)
class TwinConfig:
    """Everything a twin is told at its start. Seconds are before ``time_scale``.

    ``time_scale`` shortens the waits of phones and people (0.1: ten times faster). It does not
    touch limits per second (CPS, REST rate), HTTP timeouts, the media of a <Stream> or the
    owner's grace: those meet a product that runs at real speed.
    """

    host: str = "127.0.0.1"
    port: int = 8900
    auth_id: str = DEFAULT_AUTH_ID
    auth_token: str = DEFAULT_AUTH_TOKEN
    subaccount_id: str = SUBACCOUNT_ID
    subaccount_token: str = SUBACCOUNT_TOKEN
    numbers: tuple[OwnedNumber, ...] = DEFAULT_NUMBERS

    india: bool = True
    cap: int = 50  # calls queued or up; more are refused with 5030, in India mode only
    cps: float = 2.0
    concurrency_status: int = 403  # HTTP status of the 5030 refusal; one third party's word
    requests_per_5s: int = 300
    plain_401: bool = False  # bad credentials get a text body instead of JSON

    seed: int = 1
    ledger_path: Path | None = None
    clock_offset_us: int = 0
    time_scale: float = 1.0

    owned: bool = False
    owner_grace_s: float = 60.0

    account_zone: str = "Asia/Kolkata"
    bill_rate_usd: str = "0.00475"  # per minute, India, 2026 capture
    country: str = "91"  # calling code that gets CountryCode, RouteType and Compliance*

    words_per_minute: float = 160.0
    play_s: float = 5.0  # length of every <Play>: the audio is not fetched
    digit_gap_s: float = 2.0  # GetInput digitEndTimeout="auto"
    speech_gap_s: float = 2.0  # GetInput speechEndTimeout="auto"
    post_empty_input: bool = False  # call the action when a GetInput times out
    record_s: float = 6.0  # how long a person speaks into <Record>
    dial_talk_s: float = 8.0  # how long a B-leg talks when its script does not say
    dial_timeout_s: float = 60.0
    strict_content_type: bool = True  # a document must be application/xml or text/xml

    jitter_ms: float = 0.0  # a stream's frames are up to so late, in order, in bursts
    stream_stop_event: bool = False  # say {"event":"stop"} before a stream's socket is closed

    answer_retries: int = 2  # answer_url without #rc: three tries in all
    answer_total_s: float = 60.0
    retry_gap_s: float = 0.2
    hangup_delay_s: float = 0.1  # from the end of a call to its hangup callback
    cdr_delay_s: float = 0.3  # from the end of a call to its CDR being readable
    hangup_code_after_api: int = 4000  # 4000 or 1000: both are reported for a REST hang-up
    cursor_paging: bool = False  # meta.next carries cursor= instead of offset=

    openai_api_key: str = ""  # what Bearer must carry; empty: anything
    llm_first_token_ms: float = 350.0  # median, of the standard tier (providers.md §5); 0: at once
    llm_first_token_p95_ms: float = 700.0
    llm_token_ms: float = 15.0  # between two tokens

    deepgram_api_key: str = ""  # what Token must carry; empty: anything
    stt_final_ms: float = (
        247.0  # median, end of speech to final words (providers.md §5); 0: at once
    )
    stt_final_p95_ms: float = 298.0
    stt_idle_s: float = 10.0  # without audio or KeepAlive: NET-0001

    cartesia_api_key: str = ""  # what Bearer must carry; empty: anything
    tts_first_audio_ms: float = 188.0  # median (providers.md §5); 0: at once
    tts_first_audio_iqr_ms: float = 100.0
    tts_speed: float = 4.0  # how many times faster than it is heard sound is made; 0: at once
    tts_context_s: float = 1.0  # a context expires so long after its last sound
