"""Make a Plivo account ready for the dialer; running it again changes nothing.

Outbound calls carry their own URLs. The application is for what they do not cover: people who
call our numbers back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dialer.errors import InvalidInput
from dialer.providers.plivo_records import Application
from dialer.providers.plivo_rest import PlivoRest
from dialer.providers.plivo_values import tuned

APPLICATION_NAME = "dialer"


async def setup(
    rest: PlivoRest, *, public_url: str, caller_ids: Sequence[str], name: str = APPLICATION_NAME
) -> list[str]:
    """Create or update the application, attach the caller ids, and say what was done.

    public_url: where Plivo reaches us, without a path. caller_ids: E.164.
    """
    if not public_url.startswith(("https://", "http://")):
        raise InvalidInput("DIALER_PUBLIC_URL must start with https:// (or http:// on loopback)")
    inbound_url = tuned(f"{public_url.rstrip('/')}/plivo/inbound")
    wanted = Application(
        name=name, answer_url=inbound_url, hangup_url=inbound_url, fallback_url=inbound_url
    )
    said: list[str] = []
    app_id = await _application(rest, wanted, said)
    for number in dict.fromkeys(caller_ids):
        said.append(await _attach(rest, number, app_id, name))
    if not caller_ids:
        said.append("No caller id was given, so no number was attached.")
    return said


async def _application(rest: PlivoRest, wanted: Application, said: list[str]) -> str:
    """Return the id of the one application of that name, as wanted."""
    found = await rest.applications(wanted.name)
    if not found:
        app_id = await rest.create_application(wanted)
        said.append(f"Created the application {wanted.name} ({app_id}) for {wanted.answer_url}.")
        return app_id
    first = min(found, key=lambda app: app.app_id)  # the same one at every run
    wanted = replace(wanted, app_id=first.app_id)
    if first == wanted:
        said.append(f"The application {wanted.name} ({first.app_id}) is as it should be.")
    else:
        await rest.update_application(wanted)
        said.append(
            f"Updated the application {wanted.name} ({first.app_id}) to {wanted.answer_url}."
        )
    if len(found) > 1:
        said.append(
            f"There are {len(found)} applications named {wanted.name}; {first.app_id} is used,"
            " delete the others in the Plivo console."
        )
    return first.app_id


async def _attach(rest: PlivoRest, number: str, app_id: str, name: str) -> str:
    owned = await rest.number(number)
    if owned is None:
        return f"{number} is not rented on this account: rent it, or remove it from caller_ids."
    if owned.app_id == app_id:
        return f"{number} is attached to {name} already."
    await rest.attach_number(number, app_id)
    before = f" (it was on application {owned.app_id})" if owned.app_id else ""
    return f"Attached {number} to {name}{before}."
