"""A person who asked to be forgotten is: everywhere, for good, and the proof still verifies."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, text

from dialer.dialing.erase import Erased, erase_person, finish_erasures
from dialer.dialing.optout import suppress, suppress_all
from dialer.domain.attempt import Refusal
from dialer.errors import NotFound
from dialer.leads.load import import_leads
from dialer.store.calls import add_recording
from dialer.store.checks import verify_checks
from dialer.store.engine import Tx
from dialer.store.suppressions import delete_suppression, list_suppressions, suppressed_among
from dialer.store.tables import answers, outbox, rejects, turns
from tests.integration.dialing_floor import ASHA, RAVI, Floor

DIGITS = ASHA.removeprefix("+91")


async def _erase(floor: Floor, phone: str) -> Erased:
    return await floor.db.run(lambda tx: erase_person(tx, phone, actor="test"))


async def _everything(floor: Floor) -> dict[str, str]:
    """Every row of every table as text, bytes decoded where they are text."""
    async with floor.db.begin() as tx:
        names = await tx.all(
            text("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        )
        found = {}
        for (name,) in names:
            rows = await tx.all(text(f'SELECT * FROM "{name}"'))
            found[name] = "\n".join(
                repr([bytes(v).decode("latin-1") if isinstance(v, bytes) else v for v in row])
                for row in rows
            )
        return found


def _record(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"a voice")


async def _talk(floor: Floor, attempt_id: Any, path: Path) -> None:
    """What a session would have written of a call."""
    _record(path)

    async def work(tx: Tx) -> None:
        mine = {"account_id": tx.account_id, "attempt_id": attempt_id}
        said = {"number": 1, "speaker": "callee", "said": "I am Asha", "starts_s": 1.0}
        await tx.execute(insert(turns).values(**mine, **said))
        given = {"question_id": "name", "value": "Asha", "turn_number": 1, "at": tx.now}
        await tx.execute(insert(answers).values(**mine, **given))
        await add_recording(tx, attempt_id, path="recordings/d/a.wav", seconds=1.0)

    await floor.db.run(work)


async def test_nothing_of_an_erased_person_is_left_but_the_proof(
    floor: Floor, tmp_path: Path
) -> None:
    await floor.launch([ASHA])
    attempt_id = await floor.ring_one()
    numbers = {"From": "911601200001", "To": ASHA.removeprefix("+"), "CallUUID": "c"}
    await floor.hear(attempt_id, "answer", CallStatus="in-progress", **numbers)
    await _talk(floor, attempt_id, tmp_path / "recordings/d/a.wav")
    await floor.hear(
        attempt_id,
        "hangup",
        HangupCauseCode="4000",
        Duration="9",
        CallStatus="completed",
        **numbers,
    )
    spaced = f"{DIGITS[:5]} {DIGITS[5:]}"

    async def more(tx: Tx) -> None:
        csv = f"phone,email\n{RAVI},{spaced} is my other number\n0{spaced},x\n12,{ASHA}\n"
        await import_leads(tx, name="others", data=csv.encode(), mapping={"email": "timezone"})
        await suppress(tx, phone=ASHA, source="test", reason="opt_out")
        event = {"data": {"lead_id": "1", "phone": ASHA}}
        await tx.execute(
            insert(outbox).values(
                account_id=tx.account_id, id=attempt_id, type="call.ended", payload=event, at=tx.now
            )
        )

    await floor.db.run(more)
    before = await _everything(floor)
    assert {n for n, rows in before.items() if DIGITS in rows} >= {
        "attempts", "carrier_events", "enrolments", "leads", "lines", "outbox", "rejects",
        "subjects", "suppressions",
    }  # fmt: skip

    erased = await _erase(floor, ASHA)
    await finish_erasures(floor.db, tmp_path)

    assert erased.is_done
    for name, rows in (await _everything(floor)).items():
        assert DIGITS not in rows and spaced not in rows, name
        assert "I am Asha" not in rows, name
        if name not in ("leads", "checks"):  # Ravi's are called Asha too, by `launch`
            assert "'Asha'" not in rows, name
    assert erased.files == ["recordings/d/a.wav"]
    async with floor.db.begin() as tx:
        count, faults = await verify_checks(tx, floor.law.keys.chain)
        event = await tx.scalar(select(outbox.c.payload).where(outbox.c.id == attempt_id))
    assert (count, list(faults)) == (1, [])
    assert event == {"data": {"lead_id": "1", "phone": None}}


async def test_their_suppression_stays_as_a_mark_that_claim_and_import_match(floor: Floor) -> None:
    campaign_id = await floor.launch([ASHA, RAVI])
    await _erase(floor, ASHA)

    intents = await floor.claim()
    assert [intent.phone for intent in intents] == [RAVI]
    async with floor.db.begin() as tx:
        assert await suppressed_among(tx, [ASHA, RAVI], campaign_id) == {ASHA}
        (row,) = await list_suppressions(tx, phone=ASHA)
        assert DIGITS not in row.phone

    csv = f"phone,name\n{DIGITS},Asha again\n{RAVI},Ravi\n"
    loaded = await floor.db.run(lambda tx: import_leads(tx, name="new", data=csv.encode()))
    assert (loaded.rows, loaded.loaded, loaded.rejected) == (2, 1, 1)
    assert not any(DIGITS in rows for rows in (await _everything(floor)).values())
    async with floor.db.begin() as tx:
        reject = await tx.one_or_none(select(rejects))
        await suppress(tx, phone=ASHA, source="test", reason="opt_out")
        one = {"scope": "campaign", "campaign_id": campaign_id}
        await suppress(tx, phone=ASHA, source="test", reason="opt_out", **one)
        added, _ = await suppress_all(tx, [ASHA, RAVI], source="test", reason="file")
        assert added == 1 and len(await list_suppressions(tx, phone=ASHA)) == 1
    assert not any(DIGITS in rows for rows in (await _everything(floor)).values())
    assert "asked to be erased" in reject.reason and reject.raw == ""


@pytest.mark.parametrize("by", ["a call", "a file"])
async def test_who_may_be_called_again_may_opt_out_again(floor: Floor, by: str) -> None:
    """Everywhere was lifted by hand; what stays is a mark for one campaign."""
    campaign_id = await floor.launch([ASHA])
    elsewhere = await floor.launch([RAVI], name="elsewhere")
    one = {"scope": "campaign", "campaign_id": campaign_id}
    await floor.db.run(lambda tx: suppress(tx, phone=ASHA, source="test", reason="opt_out", **one))
    await _erase(floor, ASHA)
    async with floor.db.begin() as tx:
        found = await list_suppressions(tx, phone=ASHA)
        (everywhere,) = [row.id for row in found if row.scope == "everywhere"]
        await delete_suppression(tx, everywhere)
    async with floor.db.begin() as tx:
        assert await suppressed_among(tx, [ASHA], elsewhere) == set()
        csv = f"phone,name\n{DIGITS},Asha again\n"
        assert (await import_leads(tx, name="new", data=csv.encode())).loaded == 1
        if by == "a call":
            await suppress(tx, phone=ASHA, source="test", reason="opt_out")
        else:
            assert (await suppress_all(tx, [ASHA], source="test", reason="file"))[0] == 1
        assert await suppressed_among(tx, [ASHA], elsewhere) == {ASHA}


async def test_a_lead_that_is_erased_after_its_claim_is_not_dialed(floor: Floor) -> None:
    await floor.launch([ASHA])
    attempt_id = await floor.claim_one()

    first = await _erase(floor, ASHA)
    await floor.place(attempt_id)

    assert not first.is_done  # its intent was live
    assert floor.carrier.placed == []
    assert (await floor.attempt(attempt_id)).refusal == Refusal.SUPPRESSED
    await finish_erasures(floor.db, Path("nowhere"))
    assert not any(DIGITS in rows for rows in (await _everything(floor)).values())
    async with floor.db.begin() as tx:
        assert (await verify_checks(tx, floor.law.keys.chain))[1] == []


async def test_a_call_that_is_up_is_ended_and_what_it_says_late_is_erased_too(
    floor: Floor, tmp_path: Path
) -> None:
    await floor.launch([ASHA])
    attempt_id = await floor.ring_one()

    waiting = await _erase(floor, ASHA)
    again = await _erase(floor, ASHA)
    assert not waiting.is_done and waiting.erasure_id == again.erasure_id
    assert [call.attempt_id for call in waiting.to_end] == [attempt_id]
    await finish_erasures(floor.db, tmp_path)
    assert (await floor.attempt(attempt_id)).phone == ASHA

    await floor.hear(attempt_id, "hangup", HangupCauseCode="1000", To=ASHA)
    await finish_erasures(floor.db, tmp_path)
    lead = await floor._one(text("SELECT state, phone FROM enrolments"))
    assert lead.state == "cancelled" and lead.phone == f"erased:{waiting.erasure_id}"

    await _talk(floor, attempt_id, tmp_path / "recordings/d/a.wav")
    await floor.hear(attempt_id, "hangup", HangupCauseCode="1000", To=ASHA, Duration="1")
    await finish_erasures(floor.db, tmp_path)
    left = await _everything(floor)
    assert not any(DIGITS in rows or "I am Asha" in rows for rows in left.values())
    assert not (tmp_path / "recordings/d/a.wav").exists()


async def test_two_erasures_and_a_claim_at_once_agree(floor: Floor) -> None:
    await floor.launch([ASHA, RAVI])
    results = await asyncio.gather(
        _erase(floor, ASHA), floor.claim(), _erase(floor, ASHA), return_exceptions=True
    )
    for result in results:
        assert not isinstance(result, BaseException) or isinstance(result, NotFound), result
    for intent in results[1]:  # type: ignore[union-attr]
        await floor.place(intent.attempt_id)
    assert [call.to for call in floor.carrier.placed] == [RAVI]


async def test_a_number_that_nobody_has_is_not_erased(floor: Floor) -> None:
    with pytest.raises(NotFound):
        await _erase(floor, ASHA)
