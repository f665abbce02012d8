"""One run of the tests against one mutant, in a process of its own that is forked for it.

The mutant is never written to a disk: the import system of the fork is given its text instead of
the file's, so that a run that is killed leaves nothing behind.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import traceback
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from types import ModuleType

import hypothesis
import pytest

from tests.mutation.mutants import Mutant

PACKAGE = "dialer.compliance"
#: Of one stage, five times what the dearest takes: a mutant that takes longer never ends.
CPU_LIMIT_S = 20
_OPTIONS = ("-q", "-x", "--noconftest", "--assert=plain", "-p", "no:xdist")


class _Given(MetaPathFinder, Loader):
    """Finds one module in a text."""

    def __init__(self, name: str, source: str, path: Path) -> None:
        self._name, self._source, self._path = name, source, path

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> object:
        if fullname != self._name:
            return None
        spec: ModuleSpec | None = spec_from_loader(fullname, self, origin=str(self._path))
        assert spec is not None
        spec.has_location = True
        return spec

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = str(self._path)
        exec(compile(self._source, self._path, "exec"), module.__dict__)


def start(mutant: Mutant | None, package: Path, stages: Sequence[Sequence[str]]) -> int:
    """Fork and return the child's process id; its exit code is that of the last stage it ran.

    stages: arguments of pytest; each is run only if the one before it passed, because collecting
    a test file costs as much as most of them take to run.
    """
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if mutant is not None:
            name = f"{PACKAGE}.{Path(mutant.module).stem}"
            sys.meta_path.insert(0, _Given(name, mutant.source, package / mutant.module))
            with open(os.devnull, "w") as nowhere:
                os.dup2(nowhere.fileno(), 1)
                os.dup2(nowhere.fileno(), 2)
        hypothesis.settings.register_profile(
            "mutation", derandomize=True, deadline=None, database=None
        )
        hypothesis.settings.load_profile("mutation")
        code = _run(stages)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _run(stages: Sequence[Sequence[str]]) -> int:
    code = 0
    for arguments in stages:
        used = resource.getrusage(resource.RUSAGE_SELF)
        limit = int(used.ru_utime + used.ru_stime) + CPU_LIMIT_S
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
        code = int(pytest.main([*_OPTIONS, *arguments]))
        if code != 0:
            break
    return code
