"""What it changes when the carrier tells how a call ended after recovery had to suppose it. Pure.

Every callback was lost, and two looks at the carrier's lists did not show the call: it is over,
and its record is not there yet. Its slot and its lead cannot wait for that, so recovery ends the
attempt as a call that failed (``completed`` if it was answered), counts it, and notes that this is
supposed. The truth may come an hour later, in a hangup callback or in the carrier's record:

- The attempt becomes true, once. What the carrier has told once is never overwritten.
- The lead's count becomes right whatever the lead does by then: an end that burns no attempt (a
  refusal that is not about the number, a ring that we cut off) gives the attempt back.
- The lead's next step is decided anew only if the supposed outcome was what decided it: no newer
  attempt has begun, the talk established nothing (what it established holds however the call
  ended), and neither law nor person has taken the lead out since. A pause is counted from the end
  of the call, so that late news delay nobody; one that is over by now is due at once.
- A newer attempt is left alone. It goes on, and its own end decides.
- A campaign that has finished or was cancelled meanwhile stays so; `redial` calls those again who
  were not reached.
"""

from __future__ import annotations

from dialer.domain.attempt import Disposition
from dialer.domain.retry import EnrolmentState

# A lead that is blocked was by law or its own wish, one that is cancelled by a person.
_DECIDED_BY_OUTCOME = (EnrolmentState.WAITING, EnrolmentState.EXHAUSTED, EnrolmentState.DONE)


def decides_anew(*, is_newest: bool, lead: EnrolmentState, established: Disposition | None) -> bool:
    """True if the true end decides the lead's next step. established: what the call came to."""
    return is_newest and established is None and lead in _DECIDED_BY_OUTCOME


def recounted(counted: int, *, newer: int, did: int, does: int) -> int:
    """Return the lead's count once this attempt counts ``does`` instead of ``did``.

    newer: how many later attempts of the lead count. A count that holds no more than these began
    anew after this attempt (a redial), and never held it.
    """
    return counted if counted <= newer else counted - did + does
