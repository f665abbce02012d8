"""The product's processes: started, killed, paused, and started again."""

from __future__ import annotations

import asyncio
import ctypes
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.acceptance.test_processes import free_port

Role = Literal["worker", "web"]

_LOOK_EVERY_S = 0.1
_AGAIN_AFTER_S = 0.5
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_SET_PARENT_DEATH_SIGNAL = 1  # <linux/prctl.h>


def _end_with_us() -> None:
    """In the child: a harness that is killed leaves nobody behind."""
    assert _LIBC is not None
    _LIBC.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)


@dataclass(slots=True, eq=False)
class Member:
    """One place in the fleet and the process that fills it now."""

    role: Role
    number: int
    port: int
    process: subprocess.Popen[bytes] | None = None
    since: float = 0.0
    was_ended: bool = False  # by us: killed, or told to end
    is_wanted: bool = True

    @property
    def is_up(self) -> bool:
        return self.process is not None and self.process.poll() is None


@dataclass(slots=True)
class Fleet:
    """``may_die``: whether a process that ends by itself since ``t`` (monotonic) has an excuse."""

    env: Mapping[str, str]
    logs: Path
    may_die: Callable[[float], bool]
    members: list[Member] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)
    deaths: list[str] = field(default_factory=list)  # by themselves, without excuse
    excused: int = 0
    starts: int = 0

    def grow(self, role: Role, count: int) -> None:
        for _ in range(count):
            self.members.append(Member(role, len(self.members), free_port()))

    def web_ports(self) -> list[int]:
        return [one.port for one in self.members if one.role == "web" and one.is_up]

    def up(self, role: Role | None = None) -> list[Member]:
        return [one for one in self.members if one.is_up and role in (None, one.role)]

    async def keep(self) -> None:
        """Fill every wanted place, for as long as this runs."""
        while True:
            for member in self.members:
                self._look_at(member)
            await asyncio.sleep(_LOOK_EVERY_S)

    def _look_at(self, member: Member) -> None:
        if member.process is not None and (code := member.process.poll()) is not None:
            member.process = None
            if not member.was_ended and member.is_wanted:
                self._note_death(member, code)
            member.since = time.monotonic() + _AGAIN_AFTER_S
        if member.process is None and member.is_wanted and time.monotonic() >= member.since:
            self._start(member)

    def _note_death(self, member: Member, code: int) -> None:
        if self.may_die(member.since):
            self.excused += 1
        else:
            lived_s = time.monotonic() - member.since
            self.deaths.append(
                f"{member.role} {member.number} ended by itself with {code} after {lived_s:.1f} s"
            )

    def _start(self, member: Member) -> None:
        path = self.logs / f"{member.role}-{member.number}.log"
        with path.open("ab") as log:
            member.process = subprocess.Popen(
                [sys.executable, "-m", "dialer", member.role],
                env={**self.env, "DIALER_BIND": f"127.0.0.1:{member.port}"},
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_end_with_us if sys.platform == "linux" else None,
            )
        self.starts += 1
        member.since = time.monotonic()
        member.was_ended = False

    def kill(self, member: Member) -> None:
        """SIGKILL; `keep` starts it again."""
        if member.process is not None and member.is_up:
            member.was_ended = True
            member.process.kill()
            self.kills[member.role] += 1

    async def pause(self, member: Member, for_s: float) -> None:
        """Stop it for a while, unless it is killed meanwhile."""
        process = member.process
        if process is None or not member.is_up:
            return
        process.send_signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(for_s)
        finally:
            process.send_signal(signal.SIGCONT)

    def resize(self, role: Role, count: int, dice: random.Random) -> None:
        """Want ``count`` of a role; those too many are told to end, or killed."""
        places = [one for one in self.members if one.role == role]
        for index, member in enumerate(places):
            member.is_wanted = index < count
            if member.is_wanted or not member.is_up or member.process is None:
                continue
            if dice.random() < 0.5:
                member.was_ended = True  # it may be wanted again before it is through
                member.process.terminate()
            else:
                self.kill(member)

    def end(self) -> None:
        """Kill what is left and wait for it."""
        for member in self.members:
            member.is_wanted = False
            if member.process is not None:
                with suppress(ProcessLookupError):
                    os.kill(member.process.pid, signal.SIGCONT)
                member.process.kill()
                member.process.wait()
