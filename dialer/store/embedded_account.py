"""Who the embedded Postgres runs as. Postgres refuses to run as root, so root steps down."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dialer.errors import Unavailable

STEP_DOWN_TO = ("postgres", "nobody")  # existing accounts only; we never create one


@dataclass(frozen=True, slots=True)
class Account:
    """The account of the server process and the owner of its files."""

    name: str
    uid: int
    gid: int

    @property
    def is_ours(self) -> bool:
        return self.uid == os.geteuid()

    def run(
        self, argv: Sequence[str | Path], *, cwd: Path, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run to the end as this account; `OSError` if it may not execute the program."""
        return subprocess.run(
            argv,
            cwd=cwd,
            input=stdin,
            env=child_environment(),
            text=True,
            capture_output=True,
            check=False,
            user=None if self.is_ours else self.uid,
            group=None if self.is_ours else self.gid,
            extra_groups=None if self.is_ours else [],
        )

    def reaches(self, folder: Path) -> bool:
        """Whether this account may enter ``folder`` by its path, access lists included."""
        return self.is_ours or self.run(["test", "-x", folder], cwd=Path("/")).returncode == 0


def child_environment() -> dict[str, str]:
    """No PG* variable of the person leaks in, and messages are English so we can read them."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def server_account(cluster: Path) -> Account:
    """Ourselves, or for root the owner of ``cluster``, else the first of `STEP_DOWN_TO`."""
    if os.geteuid() != 0:
        return _account_of(os.geteuid(), os.getegid())
    if cluster.exists():
        owner = cluster.stat()
        if owner.st_uid == 0:  # a backup put back by root
            raise Unavailable(
                f"{cluster} belongs to root, which Postgres refuses to run as: give it back with "
                f"`chown -R {STEP_DOWN_TO[0]} {cluster}`"
            )
        return _account_of(owner.st_uid, owner.st_gid)
    for name in STEP_DOWN_TO:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise Unavailable(
        "Postgres refuses to run as root and neither account 'postgres' nor 'nobody' exists: "
        "run dialer as an ordinary user, or set DATABASE_URL"
    )


def _account_of(uid: int, gid: int) -> Account:
    try:
        return Account(pwd.getpwuid(uid).pw_name, uid, gid)
    except KeyError:  # a container started with a bare number as its user
        return Account(str(uid), uid, gid)
