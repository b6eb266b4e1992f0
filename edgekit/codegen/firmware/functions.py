"""Flat TIR kernels as C functions."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import TYPE_CHECKING, Any

import tvm_ffi
from tvm import tirx
from tvm.ir.expr import TensorLoad

from edgekit.artifacts import DType
from edgekit.codegen.firmware.c_text import C_TYPES, identifier
from edgekit.codegen.firmware.expressions import Expressions, UnprintableError
from edgekit.codegen.trees import mentions

if TYPE_CHECKING:
    from collections.abc import Sequence

# Of the arrays of a function. Further ones are parameters, which the planner places in the arena.
_STACK_LIMIT_BYTES = 64


@dataclasses.dataclass(frozen=True)
class CFunction:
    """A kernel in C. It takes pointers to what it reads, to what it writes, and to scratch memory."""

    name: str
    parameters: tuple[str, ...]
    body: str  # with the closing brace
    workspaces: tuple[int, ...]  # bytes of each scratch memory
    helpers: frozenset[tuple[str, str]]  # see expressions.helper_sources


def print_function(name: str, function: Any, *, reads: int) -> CFunction:
    """Print a flat kernel as a function called `name`, whose first `reads` parameters are only read."""
    return _Printer(name, function, reads).done()


class _Printer:
    def __init__(self, name: str, function: Any, reads: int) -> None:
        self._name = name
        self._function = function
        self._reads = reads
        self._names: dict[Any, str] = {}
        self._taken: set[str] = set()
        self._scalars: set[str] = set()
        self._undeclared: set[str] = set()  # scalars that are declared where they get their first value
        self._stack_bytes = 0
        self._workspaces: list[tuple[str, str, int]] = []  # C type, name, bytes
        self._expressions = Expressions(self._name_of, self._element)

    def done(self) -> CFunction:
        parameters = [(str(p.ty.dtype), self._new_name(p)) for p in self._function.params]
        lines = self._block(self._function.body, 1)
        text = "\n".join(lines)
        unused = [name for _, name in parameters if not re.search(rf"\b{name}\b", text)]
        lines = [*(f"  (void){name};" for name in unused), *lines]
        # Kernels that may work in place are told nothing of what overlaps.
        restrict = "" if self._function.attrs["edgekit.in_place"] else "restrict "
        listed = [
            f"{'const ' if i < self._reads else ''}{C_TYPES[dtype]} *{restrict}{name}"
            for i, (dtype, name) in enumerate(parameters)
        ]
        listed += [f"{kind} *restrict {name}" for kind, name, _ in self._workspaces]
        return CFunction(
            name=self._name,
            parameters=tuple(listed),
            body="\n".join([*lines, "}"]),
            workspaces=tuple(size for _, _, size in self._workspaces),
            helpers=frozenset(self._expressions.helpers),
        )

    # ---------------------------------------------------------------------------------------- names

    def _new_name(self, variable: Any, wanted: str | None = None) -> str:
        base = identifier(wanted or variable.name, otherwise="i")
        name, count = base, 1
        while name in self._taken:
            count += 1
            name = f"{base}_{count}"
        self._taken.add(name)
        self._names[variable] = name
        return name

    def _name_of(self, variable: Any) -> str:
        return self._names[variable]

    def _element(self, buffer: Any, index: str) -> str:
        name = self._names[buffer]
        return name if name in self._scalars else f"{name}[{index}]"

    # ----------------------------------------------------------------------------------- statements

    def _block(self, statement: Any, depth: int) -> list[str]:
        statements = list(statement.seq) if isinstance(statement, tirx.SeqStmt) else [statement]
        lines: list[str] = []
        for position, one in enumerate(statements):
            lines += self._statement(one, statements[position + 1 :], depth)
        return lines

    def _statement(self, statement: Any, following: Sequence[Any], depth: int) -> list[str]:
        match type(statement).__name__:
            case "SeqStmt":
                lines = self._block(statement, depth)
            case "DeclBuffer":
                self._names[statement.buffer] = self._names[statement.data.args[0]]
                lines = []
            case "AllocBuffer":
                lines = self._allocate(statement.buffer, following, depth)
            case "For":
                lines = self._loop(statement, depth)
            case "BufferStore":
                lines = self._store(statement, depth)
            case "Bind":
                before, (value,) = self._expressions.statement(statement.value)
                name = self._new_name(statement.var, self._expressions.new_name())
                lines = _indented(
                    [*before, f"const {C_TYPES[str(statement.var.ty)]} {name} = {value};"], depth
                )
            case "IfThenElse":
                lines = self._branch(statement, depth)
            case "AttrStmt":
                lines = self._statement(statement.body, following, depth)
            case _:
                raise UnprintableError(f"{type(statement).__name__}: {statement}")
        return lines

    def _allocate(self, buffer: Any, following: Sequence[Any], depth: int) -> list[str]:
        dtype = str(buffer.ty.dtype)
        elements = math.prod(int(extent) for extent in buffer.ty.shape)
        size_bytes = elements * DType(dtype).itemsize
        name = self._new_name(buffer)
        if elements == 1:
            self._scalars.add(name)
            first = _first_use(buffer, following)
            if isinstance(first, tirx.BufferStore) and not mentions(first.value, buffer):
                self._undeclared.add(name)
                return []
            return _indented([f"{C_TYPES[dtype]} {name};"], depth)
        self._stack_bytes += size_bytes
        if self._stack_bytes > _STACK_LIMIT_BYTES:
            self._stack_bytes -= size_bytes
            self._workspaces.append((C_TYPES[dtype], name, size_bytes))
            return []
        return _indented([f"{C_TYPES[dtype]} {name}[{elements}];"], depth)

    def _loop(self, loop: Any, depth: int) -> list[str]:
        name = self._new_name(loop.loop_var)
        before, (first, extent) = self._expressions.statement(loop.min, loop.extent)
        end = extent if first == "0" else f"{first} + {extent}"
        head = f"for (int32_t {name} = {first}; {name} < {end}; ++{name}) {{"
        body = self._block(loop.body, depth + 1)
        self._taken.discard(name)  # the next loop may have it
        return [*_indented([*before, head], depth), *body, *_indented(["}"], depth)]

    def _store(self, store: Any, depth: int) -> list[str]:
        (index,) = store.indices
        dtype = str(store.value.ty)
        name = self._names[store.buffer]
        added = _added(store) if dtype in ("int32", "int64", "float32") else None
        before, (place, value) = self._expressions.statement(index, store.value if added is None else added)
        target = self._element(store.buffer, place)
        if name in self._undeclared:
            self._undeclared.discard(name)
            target = f"{C_TYPES[str(store.buffer.ty.dtype)]} {target}"
        return _indented([*before, f"{target} {'=' if added is None else '+='} {value};"], depth)

    def _branch(self, branch: Any, depth: int) -> list[str]:
        before, (condition,) = self._expressions.statement(branch.condition)
        lines = [
            *_indented([*before, f"if ({condition}) {{"], depth),
            *self._block(branch.then_case, depth + 1),
        ]
        if branch.else_case is not None:
            lines += [*_indented(["} else {"], depth), *self._block(branch.else_case, depth + 1)]
        return [*lines, *_indented(["}"], depth)]


def _indented(lines: Sequence[str], depth: int) -> list[str]:
    return ["  " * depth + line for line in lines]


def _first_use(buffer: Any, statements: Sequence[Any]) -> Any:
    """The first of some statements that has to do with a buffer."""
    return next((statement for statement in statements if mentions(statement, buffer)), None)


def _added(store: Any) -> Any:
    """What a store adds to the element that it writes; None if it does something else."""
    value = store.value
    if type(value).__name__ != "Add" or not isinstance(value.a, TensorLoad):
        return None
    same = value.a.source.same_as(store.buffer) and tvm_ffi.structural_equal(value.a.indices, store.indices)
    return value.b if same else None
