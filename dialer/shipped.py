"""Files that come with the product beside its code: sample campaigns, migrations."""

from __future__ import annotations

from pathlib import Path

import dialer
from dialer.errors import Unavailable


def shipped_folder(name: str) -> Path:
    """Return the folder ``name``, from the checkout or from the installed package."""
    package = Path(dialer.__file__).parent
    for home in (package / "share", package.parent):
        if (home / name).is_dir():
            return home / name
    raise Unavailable(f"the folder {name} is missing; install dialer from its repository")
