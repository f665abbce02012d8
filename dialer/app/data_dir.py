"""The data folder: made if missing, with secrets only their owner can read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from dialer.errors import Unavailable
from dialer.logs import hide


def make_data_dir(data_dir: Path) -> Path:
    """Make sure the folder is there and can be written; return it absolute."""
    data_dir = data_dir.absolute()
    try:
        data_dir.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        probe = data_dir / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise Unavailable(
            f"DIALER_DATA_DIR: cannot write to {data_dir} ({error.strerror}); "
            "choose a folder you may write to"
        ) from None
    return data_dir


def secret_of(data_dir: Path, name: str, given: str | None) -> str:
    """Return the secret ``name``: the one given, or one made once and kept as a 0600 file."""
    if given is None:
        given = _kept(data_dir / name)
    hide(given)
    return given


def _kept(path: Path) -> str:
    """Read a secret file, or write it whole and then link it: two starters get the same one."""
    try:
        draft = path.with_name(f".{path.name}-{os.getpid()}")
        draft.unlink(missing_ok=True)
        if not path.exists():
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_urlsafe(32))
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(draft, path)
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        text = path.read_text().strip()
    except OSError as error:
        raise Unavailable(f"DIALER_DATA_DIR: cannot use {path} ({error.strerror})") from None
    except UnicodeDecodeError:
        raise Unavailable(f"{path} is damaged; put the file back from a copy") from None
    if not text:
        raise Unavailable(f"{path} is empty; remove it to have a new one made")
    return text
