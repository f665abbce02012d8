"""OpenAI's prompt cache: what a repeated beginning of a prompt saves. Pure but for its memory."""

from __future__ import annotations

from collections import deque
from os.path import commonprefix

from dialer.twin.openai_chunks import tokens

LEAST_TOKENS = 1024  # shorter beginnings are not cached
STEP_TOKENS = 128
KEPT = 64  # prompts


class PromptCache:
    """The last prompts, by cache key."""

    def __init__(self) -> None:
        self._kept: deque[tuple[str, str]] = deque(maxlen=KEPT)

    def cached_tokens(self, key: str, prompt: str) -> int:
        """Tokens of ``prompt`` that a former one of the same key began with; it is kept too."""
        longest = max(
            (_shared(prompt, kept) for kept_key, kept in self._kept if kept_key == key),
            default=0,
        )
        self._kept.append((key, prompt))
        found = tokens(longest) // STEP_TOKENS * STEP_TOKENS
        return found if found >= LEAST_TOKENS else 0

    def reset(self) -> None:
        self._kept.clear()


def _shared(one: str, other: str) -> int:
    """How many characters two texts begin with in common."""
    return len(commonprefix([one, other]))  # noqa: RUF071 - texts, not paths
