"""What callbacks carry: field names and formats of plivo.md §2. Pure."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from dialer.twin.calls import Call, billed_s
from dialer.twin.causes import End
from dialer.twin.clock import Clock, utc_stamp
from dialer.twin.config import TwinConfig

Params = dict[str, str]

COMPLIANCE_APPLICATION_ID = "a9f3c1de-0d6b-4f0e-9c5c-51c1d2a7e001"


class Wording:
    """Fills callbacks for one account."""

    def __init__(self, config: TwinConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock

    @property
    def bill_rate_usd(self) -> str:
        return self._config.bill_rate_usd

    def common(self, call: Call, event: str) -> Params:
        """The fields of every callback. SessionStart is the event's own time, in UTC."""
        headers = dict(call.request.headers) if call.request else {}
        return {
            "CallUUID": call.call_uuid,
            "RequestUUID": call.request_uuid,
            "From": call.from_.lstrip("+"),
            "To": call.to.lstrip("+"),
            "Direction": "outbound",
            "CallStatus": call.end.status if call.end else call.state.value,
            "Event": event,
            "ParentAuthID": self._config.auth_id,
            "SessionStart": utc_stamp(self._clock.now()),
            **headers,
        }

    def ring(self, call: Call) -> Params:
        """The only one whose From has a plus sign, and without ALeg fields."""
        name = call.request.caller_name if call.request else ""
        return {
            **self.common(call, "Ring"),
            "From": "+" + call.from_.lstrip("+"),
            "CallerName": name,
        }

    def in_call(self, call: Call, event: str = "StartApp") -> Params:
        """Answer, fallback, actions, redirects and transfers."""
        params = {**self.common(call, event), **self._a_leg(call), **self._rated()}
        if call.to.lstrip("+").startswith(self._config.country):
            params |= {
                "CountryCode": "IN",
                "RouteType": "Domestic_Anchored",
                "ComplianceApplicationId": COMPLIANCE_APPLICATION_ID,
                "ComplianceStatus": "accepted",
            }
        if call.machine:
            params["Machine"] = "true"
        return params

    def machine(self, call: Call, *, hangs_up: bool) -> Params:
        return {
            **self.common(call, "MachineDetection"),
            **self._a_leg(call),
            "Machine": "true",
            "IfMachine": "hangup" if hangs_up else "continue",
        }

    def hangup(self, call: Call, end: End) -> Params:
        """Times are the account zone's, without a zone; BillDuration is rounded up to 60 s."""
        started_at = call.started_at or call.accepted_at
        params = {
            **self.common(call, "Hangup"),
            **self._a_leg(call),
            **self._rated(),
            "HangupCause": end.cause,
            "HangupCauseCode": str(end.code),
            "HangupCauseName": end.name,
            "HangupSource": end.source,
            "Duration": str(call.talk_s),
            "BillDuration": str(billed_s(call.talk_s)),
            "TotalCost": money(self.cost(call)),
            "StartTime": self._clock.local(started_at),
            "EndTime": self._clock.local(self._ended_at(call)),
        }
        if call.answered_at is not None:
            params["AnswerTime"] = self._clock.local(call.answered_at)
        if call.machine:
            params["Machine"] = "true"
        return params

    def cost(self, call: Call) -> Decimal:
        return Decimal(self._config.bill_rate_usd) * (billed_s(call.talk_s) // 60)

    def _a_leg(self, call: Call) -> Params:
        """A B-leg, which has no request of its own, names its parent."""
        a_leg_uuid = call.call_uuid if call.request else call.parent_call_uuid
        return {"ALegUUID": a_leg_uuid, "ALegRequestUUID": call.request_uuid}

    def _rated(self) -> Params:
        return {
            "BillRate": self._config.bill_rate_usd,
            "STIRVerification": "Not Applicable",
            "STIRAttestation": "Not Applicable",
        }

    def _ended_at(self, call: Call) -> datetime:
        return call.ended_at or self._clock.now()


def money(amount: Decimal) -> str:
    """Five decimals, as everywhere in Plivo."""
    return f"{amount:.5f}"
