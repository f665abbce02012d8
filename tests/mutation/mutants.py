"""Mutants of a module: each differs from it in one place, by an operator of cosmic-ray."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cosmic_ray.plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code

#: One wrong operator in place of a right one, the nearest: all the others are found more easily.
NEAREST = {
    "core/ReplaceBinaryOperator": (
        *("Add_Sub", "Sub_Add", "Mul_FloorDiv", "FloorDiv_Mul", "Div_Mul", "Mod_FloorDiv"),
        *("BitOr_BitAnd", "BitAnd_BitOr"),
    ),
    "core/ReplaceComparisonOperator": (
        *("Eq_NotEq", "NotEq_Eq", "Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt", "Lt_GtE", "GtE_Lt"),
        *("LtE_Gt", "Gt_LtE", "Is_IsNot", "IsNot_Is"),
    ),
}
OPERATORS = (
    *(f"{family}_{pair}" for family, pairs in NEAREST.items() for pair in pairs),
    *("core/AddNot", "core/NumberReplacer", "core/RemoveDecorator", "core/ReplaceAndWithOr"),
    *("core/ReplaceBreakWithContinue", "core/ReplaceContinueWithBreak"),
    *("core/ReplaceFalseWithTrue", "core/ReplaceOrWithAnd", "core/ReplaceTrueWithFalse"),
    *("core/ReplaceUnaryOperator_Delete_Not", "core/ReplaceUnaryOperator_USub_UAdd"),
    "core/ZeroIterationForLoop",
)
# What changes how fast or how large something is, never what it says.
_ONLY_SPEED = ("@lru_cache", "@cache")
_TOP = (0, 0, "")
_ONLY_SIZE = ("slots=True", "slots=False")


@dataclass(frozen=True)
class Mutant:
    """``where``: the class or function it stands in, dotted, "" at the top of the module.
    ``before`` and ``after``: the lines that differ, stripped."""

    module: str
    where: str
    source: str
    before: str
    after: str

    @property
    def name(self) -> tuple[str, str, str, str]:
        return self.module, self.where, self.before, self.after


def mutants_of(path: Path) -> Iterator[Mutant]:
    """Yield the mutants of a file that can make a difference to what it does.

    Annotations of functions are never looked at where they are not evaluated; a msgspec schema
    evaluates those of its fields.
    """
    source = path.read_text(encoding="utf-8")
    skipped = () if path.name == "schema.py" else _annotations(source)
    places_of, tree = [*_definitions(ast.parse(source))], get_ast(source)
    for name in OPERATORS:
        operator_class = cosmic_ray.plugins.get_operator(name)
        places = [
            start
            for node in ast_nodes(tree)
            for start, _ in operator_class().mutation_positions(node)
        ]
        for number, place in enumerate(places):
            if any(first <= place < last for first, last in skipped):
                continue
            changed = mutate_code(source, operator_class(), number)
            if changed is None:
                continue
            before, after = _difference(source, changed)
            is_size = after == before.replace(*_ONLY_SIZE)
            if not is_size and not before.startswith(_ONLY_SPEED):
                where = max(
                    (one for one in places_of if one[0] <= place[0] <= one[1]), default=_TOP
                )
                yield Mutant(path.name, where[2], changed, before, after)


def _definitions(node: ast.AST, outer: str = "") -> Iterator[tuple[int, int, str]]:
    """Yield first line, last line and dotted name of every class and function, outer ones first."""
    for child in ast.iter_child_nodes(node):
        name = outer
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            name = f"{outer}.{child.name}".removeprefix(".")
            first = min([child.lineno, *(one.lineno for one in child.decorator_list)])
            yield first, child.end_lineno or first, name
        yield from _definitions(child, name)


def _annotations(source: str) -> Sequence[tuple[tuple[int, int], tuple[int, int]]]:
    """Return (line, column) from and to of every annotation."""
    found: list[ast.expr | None] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.append(node.returns)
        elif isinstance(node, ast.arg | ast.AnnAssign):
            found.append(node.annotation)
    return [
        ((one.lineno, one.col_offset), (one.end_lineno or 0, one.end_col_offset or 0))
        for one in found
        if one is not None
    ]


def _difference(old: str, new: str) -> tuple[str, str]:
    """Return the lines that differ, as one text each."""
    left, right = _lines(old), new.splitlines()
    while left and right and left[0] == right[0]:
        left, right = left[1:], right[1:]
    while left and right and left[-1] == right[-1]:
        left, right = left[:-1], right[:-1]
    return " ".join(map(str.strip, left)).strip(), " ".join(map(str.strip, right)).strip()


@cache
def _lines(text: str) -> list[str]:
    return text.splitlines()
