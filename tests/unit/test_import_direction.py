"""Who may import whom (design §3), read from the source itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PRODUCT = Path(__file__).parents[2] / "dialer"

GROUND = {"errors", "settings", "logs", "keys", "shipped"}
PURE = {"domain", "compliance", "agent", "audio"}
EDGES = {"providers", "store"}
WORK = {"call", "dialing", "leads", "reports", "webhooks"}
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "settings": {"errors"},
    "logs": set(),
    "keys": set(),
    "shipped": {"errors"},
    "domain": GROUND,
    "compliance": GROUND | {"domain"},
    "agent": GROUND | {"domain"},
    "audio": {"errors"},
    "providers": GROUND | PURE,
    "store": GROUND | PURE,
    "call": GROUND | PURE | EDGES,
    "dialing": GROUND | PURE | EDGES | {"call"},  # a pressed key is what a callback brings
    "leads": GROUND | PURE | EDGES,
    "reports": GROUND | PURE | EDGES,
    "webhooks": GROUND | PURE | EDGES,
    "web": GROUND | PURE | EDGES | WORK,
    "app": GROUND | PURE | EDGES | WORK | {"web"},
    "cli": GROUND | PURE | EDGES | WORK | {"web", "app"},
    "__main__": GROUND | {"app", "cli"},
    "twin": {"audio"},  # the far end of every socket: it must be able to disagree with us
    "__init__": set(),
}
#: What is imported where it runs, as nothing else may be. A worker serves no stream and no request,
#: and is to be back soon after a kill: the vendors' SDKs, the web server and the twin's client are
#: three quarters of a start.
LATE = {
    ("app/runtime.py", "dialer.app.talking"),
    ("app/runtime.py", "dialer.app.twin_process"),
    ("app/serve.py", "dialer.app.serve_web"),
    ("webhooks/deliver.py", "dialer.webhooks.post"),
}


def violations(product: Path) -> Iterator[str]:
    """Yield ``file:line: what is wrong`` for every import of ours that the table forbids."""
    for path in sorted(product.rglob("*.py")):
        inside = path.relative_to(product)
        part = inside.parts[0].removesuffix(".py")
        if part not in MAY_IMPORT:
            yield f"{inside}:1: {part} is no part of design §3; give it a row in this table"
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        inner = _inside_functions(tree)
        for node in ast.walk(tree):
            for target in _targets(node):
                where = f"{inside}:{getattr(node, 'lineno', 0)}"
                if target == "":
                    yield f"{where}: a relative import; name the part"
                elif target != part and target not in MAY_IMPORT[part]:
                    yield f"{where}: {part} may not import {target}"
                is_late = (inside.as_posix(), getattr(node, "module", None)) in LATE
                is_at_top = isinstance(node, ast.Import | ast.ImportFrom) and node not in inner
                if not is_at_top and not is_late:
                    yield f"{where}: {target or 'it'} is imported where it runs; move it to the top"


def _inside_functions(tree: ast.Module) -> set[ast.AST]:
    functions = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    return {inner for function in functions for inner in ast.walk(function)}


def _targets(node: ast.AST) -> Iterator[str]:
    """Yield the parts a statement imports; an empty name for a relative import."""
    names: list[str] = []
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        if node.level:
            yield ""
        elif node.module == "dialer":
            names = [f"dialer.{alias.name}" for alias in node.names]
        else:
            names = [node.module or ""]
    elif isinstance(node, ast.Call) and _name_of(node.func) in ("import_module", "__import__"):
        names = [str(each.value) for each in node.args if isinstance(each, ast.Constant)]
    for name in names:
        first, _, rest = name.partition(".")
        if first == "dialer" and rest:  # the bare package is empty: it only says where we lie
            yield rest.partition(".")[0]


def _name_of(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def test_every_import_points_down() -> None:
    found = list(violations(PRODUCT))
    assert not found, "\n".join(found)


def test_every_part_of_the_design_is_in_the_table_and_none_imports_upwards() -> None:
    assert set(MAY_IMPORT) >= GROUND | PURE | EDGES | WORK | {"web", "app", "cli", "twin"}
    done: set[str] = set()
    while left := [part for part in MAY_IMPORT if part not in done]:
        ready = {part for part in left if MAY_IMPORT[part] <= done}
        assert ready, f"a circle among {left}"
        done |= ready


def test_nobody_may_import_the_twin() -> None:
    assert not [part for part, allowed in MAY_IMPORT.items() if "twin" in allowed]


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("domain/lead.py", "from dialer.store import engine", "domain may not import store"),
        ("domain/lead.py", "from dialer import store", "domain may not import store"),
        ("store/leads.py", "import dialer.providers.plivo", "store may not import providers"),
        ("call/session.py", "from dialer.dialing import loop", "call may not import dialing"),
        ("web/pages.py", "from dialer.twin.server import Twin", "web may not import twin"),
        ("cli/up.py", "import dialer.twin", "cli may not import twin"),
        ("twin/server.py", "from dialer.errors import DialerError", "twin may not import errors"),
        (
            "compliance/facts.py",
            "if TYPE_CHECKING:\n    from dialer.store.engine import Tx",
            "compliance may not import store",
        ),
        (
            "leads/load.py",
            "async def f():\n    from dialer.store import engine",
            "store is imported where it runs",
        ),
        (
            "app/runtime.py",
            "async def f():\n    from dialer.app.serve import bind",
            "app is imported where it runs",
        ),
        (
            "leads/load.py",
            "import importlib\nimportlib.import_module('dialer.web.api')",
            "leads may not import web",
        ),
        ("store/leads.py", "from . import engine", "a relative import"),
        ("helpers.py", "", "helpers is no part"),
    ],
)
def test_a_planted_violation_is_caught(
    file: str, text: str, complaint: str, tmp_path: Path
) -> None:
    planted = tmp_path / "dialer" / file
    planted.parent.mkdir(parents=True)
    planted.write_text(text, encoding="utf-8")
    assert any(complaint in found for found in violations(tmp_path / "dialer"))


def test_what_the_table_allows_is_not_complained_about(tmp_path: Path) -> None:
    good = {
        "store/leads.py": "import dialer, polars\nfrom dialer.domain import lead",
        "twin/stream.py": "def f():\n    import numpy\nfrom dialer.audio import mulaw",
    }
    for file, text in good.items():
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).write_text(text, encoding="utf-8")
    assert list(violations(tmp_path)) == []
