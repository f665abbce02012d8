"""`dialer …`: read the settings, run one command, turn errors into one line and an exit code."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import sys
from collections.abc import Coroutine, Sequence
from typing import Any

from dialer.cli.parser import parser, require_text
from dialer.errors import DialerError, UsageError
from dialer.logs import configure_logs, hide
from dialer.settings import read_settings, secrets_of

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_STAYING = ("up", "web", "worker")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 ok, 1 failed, 2 the request makes no sense."""
    words = sys.argv[1:] if argv is None else list(argv)
    if words[:1] == ["twin"]:
        # Another program, which shares nothing with this one.
        os.execv(sys.executable, [sys.executable, "-m", "dialer.twin", *words[1:]])
    args = parser(words[0] if words else "").parse_args(words)
    configure_logs(logging.INFO if args.command in _STAYING else logging.ERROR)
    try:
        require_text(args)
        settings = read_settings(os.environ)
        for secret in secrets_of(settings):
            hide(secret)
        return _run(args.run(args, settings))
    except DialerError as error:
        print("error:", " ".join(str(error).splitlines()), file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 1
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        print(f"error: {error.strerror}; make room on the disk and run it again", file=sys.stderr)
        return 1


def _run(work: Coroutine[Any, Any, int]) -> int:
    """Run on uvloop where there is one."""
    if sys.platform == "win32":
        return asyncio.run(work)
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


if __name__ == "__main__":
    sys.exit(main())
