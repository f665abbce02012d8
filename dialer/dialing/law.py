"""What every decision of this process is made with: packs, keys, and who decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from dialer.compliance.packs import Pack, add_regions, cautions, find_packs, packs_by_hash
from dialer.domain.definition import Definition
from dialer.domain.promotional import promotion_warning
from dialer.errors import DialerError, FieldError, InvalidInput
from dialer.keys import Keys


@dataclass(frozen=True)
class Law:
    """``host``: the process that decides; ``pack_folders``: a user's own packs beside ours;
    ``missing_keys``: of providers of speech, without which no call that talks may start."""

    keys: Keys
    engine_version: str
    host: str
    pack_folders: tuple[Path, ...] = ()
    missing_keys: tuple[str, ...] = ()

    def packs_of(self, definition: Definition) -> Sequence[Pack]:
        """Return the campaign's packs, parents first, with those of the regions inside them."""
        return _packs(tuple(definition.campaign.rule_packs), self.pack_folders)

    def packs_at_hand(self) -> Mapping[str, Pack]:
        """Return every pack by its hash, older versions in the operator's folders too."""
        return packs_by_hash(self.pack_folders)

    def warnings(self, definition: Definition, now: datetime) -> list[str]:
        """Say what a person should know before a campaign calls: of its packs, and of words that
        its category forbids."""
        words = promotion_warning(definition)
        said = cautions(self.packs_of(definition), now.date())
        return [*said, *([] if words is None else [words])]

    def require_packs(self, definition: Definition, *, source: str) -> None:
        """Refuse a definition whose packs do not exist, naming those that do."""
        try:
            self.packs_of(definition)
        except DialerError as error:
            problem = FieldError("campaign.rule_packs", str(error), definition.campaign.rule_packs)
            raise InvalidInput(f"{source}: campaign.rule_packs: {error}", [problem]) from None


@lru_cache(maxsize=64)
def _packs(ids: tuple[str, ...], folders: tuple[Path, ...]) -> tuple[Pack, ...]:
    return add_regions(find_packs(ids, folders), folders)


def loaded_packs(definition: Definition) -> Sequence[Pack]:
    """Return the campaign's packs of those that come with the product; none if one is not among
    them. For hints alone: whoever decides asks its `Law`."""
    try:
        return _packs(tuple(definition.campaign.rule_packs), ())
    except DialerError:
        return ()
