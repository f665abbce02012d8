"""A campaign definition: the TOML tables of design §8 as frozen values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from dialer.domain.attempt import Disposition, Outcome
from dialer.domain.duration import parse_duration
from dialer.domain.retry import RetryPlan
from dialer.domain.spread import Spread

Name = Annotated[str, Meta(min_length=1, max_length=80)]
E164 = Annotated[
    str,
    Meta(pattern=r"^\+[1-9]\d{6,14}$", description="a number in E.164 form such as +911601200001"),
]
Key = Annotated[str, Meta(pattern=r"^[0-9*#]$", description="one keypad key: 0-9, * or #")]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Section(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """One table of the file; an unknown key is an error, never ignored."""


class CampaignSection(Section, frozen=True):
    name: Name
    kind: Literal["notification", "qualification"]
    category: Name  # what the rule packs call it: service, promotional, transactional, ...
    rule_packs: Annotated[list[Name], Meta(min_length=1)]
    entity: Literal["bfsi", "government", "utility", "logistics", "other"] | None = None
    # Why words that look promotional are none: asked of a campaign that promises not to promote.
    not_promotional: Annotated[str, Meta(min_length=10, max_length=500)] | None = None
    sector: Annotated[int, Meta(ge=1, le=8)] | None = None  # TRAI preference category
    language: Annotated[
        str, Meta(pattern=r"^[a-z]{2}(-[A-Z]{2})?$", description="a tag such as en-IN or hi-IN")
    ] = "en-IN"


class DialingSection(Section, frozen=True):
    caller_ids: Annotated[list[E164], Meta(min_length=1)]
    max_concurrent: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    max_cps: Annotated[float, Meta(ge=0.001, le=1000)] | None = None
    weight: Annotated[float, Meta(ge=0.001, le=1000)] = 1.0
    hours: list[str] = []  # "10:00-13:00", in the lead's zone
    days: list[Day] = []
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    budget_usd: Annotated[float, Meta(gt=0, le=1e9)] | None = None
    max_opt_out_rate: Annotated[float, Meta(gt=0, le=1)] = 0.2  # of those who answered in 24 h
    ring_timeout_s: Annotated[int, Meta(ge=5, le=120)] = 30
    max_call_s: Annotated[int, Meta(ge=10, le=14400)] = 300


class RetrySection(Section, frozen=True):
    max_attempts: Annotated[int, Meta(ge=1, le=20)] = 1
    delays: dict[Outcome, list[str]] = {}
    spread: Spread | None = None


class VoicemailSection(Section, frozen=True):
    action: Literal["hang_up", "leave_message"] = "hang_up"
    message: str | None = None
    # async talks at once and is told of a machine a little later; sync lets the carrier find out
    # before the call says anything, which a person hears as a pause (plivo.md §6).
    detection: Literal["async", "sync"] = "async"


class Question(Section, frozen=True):
    id: Annotated[
        str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}$", description="lower-case letters, digits, _")
    ]
    ask: Annotated[str, Meta(min_length=1)]
    type: Literal["yes_no", "number", "choice", "text", "date"]
    required: bool = True
    choices: list[str] = []


class QualifiedWhen(Section, frozen=True):
    question: str
    op: Literal["==", "!=", ">=", "<=", "in"]
    value: bool | int | float | str | list[str | int | float]


# What a campaign may choose a model for; the second three are the trade's words for the first.
ModelUse = Literal["recogniser", "reply", "voice", "stt", "llm", "tts"]
VoiceLanguage = Annotated[
    str,
    Meta(
        pattern=r"^(default|[a-z]{2}(-[A-Z]{2})?)$",
        description="default, or a language tag such as en-IN or hi",
    ),
]
ProviderName = Annotated[str, Meta(min_length=1, max_length=200)]


class AgentSection(Section, frozen=True):
    opening: Annotated[str, Meta(min_length=1)]
    disclosure: Annotated[str, Meta(min_length=1)]
    goodbye: Annotated[str, Meta(min_length=1)] | None = None
    record: bool = True  # the agent announces it
    style: str = ""
    knowledge: str = ""
    models: dict[ModelUse, ProviderName] = {}  # use → the provider's id; absent: ours
    voices: dict[VoiceLanguage, ProviderName] = {}  # language → the voice provider's id
    questions: list[Question] = []
    qualified_when: list[QualifiedWhen] = []


class TransferSection(Section, frozen=True):
    to: Annotated[
        str,
        Meta(
            pattern=r"^(\+[1-9]\d{6,14}|sip:[^@\s]+@[^@\s]+)$",
            description="an E.164 number or sip:user@host",
        ),
    ]
    when: tuple[Literal["asked", "frustrated", "qualified"], ...] = ("asked",)
    operators: Annotated[int, Meta(ge=1, le=10_000)] | None = None  # who answer there; None: enough


DEFAULT_GOODBYE = "Thank you. Goodbye."
KeyMeaning = Literal["confirmed", "reschedule", "opted_out", "callback"]


class NotificationSection(Section, frozen=True):
    message: Annotated[str, Meta(min_length=1, max_length=3000)]
    delivery: Literal["xml", "stream", "sip", "phlo"] = "xml"
    keys: dict[Key, KeyMeaning] = {}
    replies: dict[KeyMeaning, Annotated[str, Meta(min_length=1)]] = {}
    goodbye: Annotated[str, Meta(min_length=1)] = DEFAULT_GOODBYE
    record: bool = False  # delivery stream only; the message is followed by its announcement
    key_timeout_s: Annotated[int, Meta(ge=5, le=60)] = 6  # plivo.md §3.2: executionTimeout 5-60
    sip_uri: str | None = None
    phlo_id: str | None = None


class Definition(Section, frozen=True):
    """The whole file. ``mode`` follows from it and cannot be set."""

    campaign: CampaignSection
    dialing: DialingSection
    retry: RetrySection = RetrySection()
    voicemail: VoicemailSection = VoicemailSection()
    agent: AgentSection | None = None
    transfer: TransferSection | None = None
    notification: NotificationSection | None = None

    @property
    def is_streamed(self) -> bool:
        return self.notification is None or self.notification.delivery == "stream"

    @property
    def mode(self) -> str:
        """The preference mode of compliance.md §1.5: robo for an AI voice, else auto_pre."""
        return "robo" if self.is_streamed else "auto_pre"

    @property
    def is_recorded(self) -> bool:
        """Whether a streamed call of this campaign is recorded."""
        section = self.agent if self.notification is None else self.notification
        return self.is_streamed and section is not None and section.record

    def model(self, *uses: ModelUse, default: str) -> str:
        """The model the campaign names for a use, by any of its words, else ``default``."""
        named: Mapping[ModelUse, str] = self.agent.models if self.agent is not None else {}
        return next((named[use] for use in uses if use in named), default)

    def voice_id(self, language: str) -> str:
        """The voice for a language tag: its own, that of "hi" for "hi-IN", "default", or ""."""
        voices: Mapping[str, str] = self.agent.voices if self.agent is not None else {}
        for key in (language, language.partition("-")[0], "default"):
            if key in voices:
                return voices[key]
        return ""

    @property
    def spans(self) -> tuple[tuple[str, str], ...]:
        """``dialing.hours`` as (start, end) pairs of HH:MM."""
        return tuple((text[:5], text[6:]) for text in self.dialing.hours)

    @property
    def retry_plan(self) -> RetryPlan:
        return RetryPlan(
            self.retry.max_attempts,
            {
                outcome: [parse_duration(text) or timedelta(0) for text in pauses]
                for outcome, pauses in self.retry.delays.items()
            },
            self.retry.spread,
        )


# What a person presses and hears when the file gives no reply of its own.
DEFAULT_REPLIES: Mapping[KeyMeaning, str] = {
    "confirmed": "Thank you, that is confirmed. Goodbye.",
    "reschedule": "Thank you. We will contact you to find another time. Goodbye.",
    "opted_out": "You will not be called again. Goodbye.",
    "callback": "Thank you. We will call you again. Goodbye.",
}
DISPOSITION_OF_KEY: Mapping[KeyMeaning, Disposition] = {
    "confirmed": Disposition.CONFIRMED,
    "reschedule": Disposition.RESCHEDULE,
    "opted_out": Disposition.OPTED_OUT,
    "callback": Disposition.CALLBACK,
}

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def to_tables(definition: Definition) -> dict[str, Any]:
    """Return plain JSON values that `parse_tables` reads back as the same definition."""
    tables: dict[str, Any] = msgspec.to_builtins(definition, builtin_types=())
    return tables


def placeholders(definition: Definition) -> dict[str, set[str]]:
    """Return key path → names used in ``{braces}`` there, for every text a lead will hear."""
    found: dict[str, set[str]] = {}
    for path, text in spoken_texts(definition):
        names = {name.strip() for name in _PLACEHOLDER.findall(text)}
        if names:
            found[path] = names
    return found


def fill(text: str, values: Mapping[str, object]) -> str:
    """Put lead values in place of ``{names}``. Launch has proved that each exists."""
    return _PLACEHOLDER.sub(lambda match: str(values.get(match[1].strip(), "")), text)


def spoken_texts(definition: Definition) -> Iterator[tuple[str, str]]:
    """Yield (key path, text) of everything a lead may hear."""
    if definition.notification is not None:
        yield "notification.message", definition.notification.message
        yield "notification.goodbye", definition.notification.goodbye
        for key, text in definition.notification.replies.items():
            yield f"notification.replies.{key}", text
    if definition.voicemail.message:
        yield "voicemail.message", definition.voicemail.message
    if definition.agent is not None:
        yield "agent.opening", definition.agent.opening
        yield "agent.disclosure", definition.agent.disclosure
        if definition.agent.goodbye is not None:
            yield "agent.goodbye", definition.agent.goodbye
        for index, question in enumerate(definition.agent.questions):
            yield f"agent.questions[{index}].ask", question.ask
