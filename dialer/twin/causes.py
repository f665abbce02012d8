"""How calls end: Plivo's hangup codes with the raw cause, source and CallStatus they come with.

Codes and names are plivo.md §2.4; its last paragraph pairs them with causes and statuses.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum


@dataclass(frozen=True, slots=True)
class End:
    """Why a call is over. ``status`` is the CallStatus of the hangup callback."""

    code: int
    name: str
    cause: str
    source: str
    status: str

    def by(self, source: str) -> End:
        return replace(self, source=source)


UNKNOWN = End(0, "Unknown", "NORMAL_CLEARING", "Unknown", "completed")
CANCELLED = End(1000, "Canceled", "ORIGINATOR_CANCEL", "API Request", "cancel")
LOOP = End(2060, "Loop Detected", "NORMAL_CLEARING", "Plivo", "completed")
UNREACHABLE = End(3000, "No Answer", "NO_ANSWER", "Carrier", "no-answer")
BUSY = End(3010, "Busy Line", "USER_BUSY", "Carrier", "busy")
REJECTED = End(3020, "Rejected", "CALL_REJECTED", "Callee", "busy")
UNKNOWN_CALLER = End(3030, "Unknown Caller ID", "CALL_REJECTED", "Carrier", "failed")
UNALLOCATED = End(3050, "Unallocated number", "UNALLOCATED_NUMBER", "Carrier", "failed")
NORMAL = End(4000, "Normal Hangup", "NORMAL_CLEARING", "Callee", "completed")
END_OF_XML = End(4010, "End Of XML Instructions", "NORMAL_CLEARING", "Plivo", "completed")
OVER_CAP = End(5030, "Concurrency Limit Breached", "NETWORK_OUT_OF_ORDER", "Plivo", "failed")
SCHEDULED = End(6000, "Scheduled Hangup", "NORMAL_CLEARING", "Plivo", "completed")
RING_TIMEOUT = End(6010, "Ring Timeout Reached", "NO_ANSWER", "Plivo", "no-answer")
LOST_RACE = End(9000, "Lost Race", "ORIGINATOR_CANCEL", "Plivo", "cancel")
MACHINE = End(9100, "Machine Detected", "NORMAL_CLEARING", "Plivo", "completed")
NOT_CONFIRMED = End(9110, "Confirm Key Challenge Failed", "NORMAL_CLEARING", "Plivo", "completed")


class Origin(IntEnum):
    """Where a document came from; the last digit of the codes for its failures."""

    ANSWER = 1
    ACTION = 2
    TRANSFER = 3
    REDIRECT = 4

    def _end(self, code: int, name: str) -> End:
        return End(code + self, name, "NORMAL_CLEARING", "Error", "completed")

    def unreachable(self) -> End:
        """7011-7014: non-2xx or no answer in time."""
        return self._end(7010, f"Error Reaching {self.name.title()} URL")

    def bad_url(self) -> End:
        """7022-7024: not http(s). An answer_url is checked when the call is made."""
        return self._end(7020, f"Invalid {self.name.title()} URL")

    def bad_method(self) -> End:
        """7032-7034: neither GET nor POST."""
        return self._end(7030, f"Invalid Method For {self.name.title()} URL")

    def bad_document(self) -> End:
        """8011-8014."""
        return self._end(8010, f"Invalid {self.name.title()} XML")
