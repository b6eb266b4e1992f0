"""TIR expressions as C expressions.

Values that come twice, and long ones, become constants before the statement that needs them; nothing is
moved out of a branch, where it might not be there to read.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING, Any

from edgekit.codegen.firmware.c_text import C_TYPES, float_literal, integer_literal

if TYPE_CHECKING:
    from collections.abc import Callable

_LONG = 56  # characters of a subexpression that gets a name of its own
# How tightly operators bind, and those whose operands may be what needs no parentheses for people either.
_ATOM, _CAST, _TIMES, _PLUS, _SHIFT, _COMPARE, _BITS, _AND, _OR, _CHOICE = range(10)
_OPERATORS: dict[str, tuple[str, int, int]] = {  # C, level, weakest operand without parentheses
    "Mul": ("*", _TIMES, _CAST),
    "Div": ("/", _TIMES, _CAST),
    "Mod": ("%", _TIMES, _CAST),
    "Add": ("+", _PLUS, _TIMES),
    "Sub": ("-", _PLUS, _TIMES),
    "RShift": (">>", _SHIFT, _CAST),
    "LT": ("<", _COMPARE, _PLUS),
    "LE": ("<=", _COMPARE, _PLUS),
    "GT": (">", _COMPARE, _PLUS),
    "GE": (">=", _COMPARE, _PLUS),
    "EQ": ("==", _COMPARE, _PLUS),
    "NE": ("!=", _COMPARE, _PLUS),
    "BitwiseAnd": ("&", _BITS, _CAST),
    "BitwiseOr": ("|", _BITS, _CAST),
    "BitwiseXor": ("^", _BITS, _CAST),
    "And": ("&&", _AND, _BITS),
    "Or": ("||", _OR, _BITS),
}
_CHAINS_LEFT = {"Add", "Sub", "Mul", "And", "Or"}  # a - b - c is (a - b) - c
_CHAINS_RIGHT = {"And", "Or"}  # a && (b && c) is a && b && c; sums and products might overflow elsewhere
_NARROW = {"int8", "uint8", "int16", "uint16"}  # C computes them as int
_HELPERS = {
    ("Min", "int32"): ("min32", "int32_t", "<"),
    ("Max", "int32"): ("max32", "int32_t", ">"),
    ("Min", "int64"): ("min64", "int64_t", "<"),
    ("Max", "int64"): ("max64", "int64_t", ">"),
    ("Min", "float32"): ("minf", "float", "<"),
    ("Max", "float32"): ("maxf", "float", ">"),
}


@dataclasses.dataclass(frozen=True)
class _Text:
    code: str
    level: int

    def inside(self, weakest: int, *, or_as: int | None = None) -> str:
        """The text as an operand: in parentheses if it binds more weakly than that, and not `or_as` this."""
        return self.code if self.level <= weakest or self.level == or_as else f"({self.code})"


class UnprintableError(Exception):
    """A node of TIR that no kernel of ours should have: a bug."""


class Expressions:
    """Prints the expressions of one function.

    `name_of` gives a variable's name in C, `element` the C of a buffer's element at an index.
    """

    def __init__(self, name_of: Callable[[Any], str], element: Callable[[Any, str], str]) -> None:
        self.helpers: set[tuple[str, str]] = set()  # keys of _HELPERS that are used
        self._name_of = name_of
        self._element = element
        self._constants = 0
        self._lines: list[str] = []
        self._named: dict[str, str] = {}
        self._often: set[str] = set()

    def statement(self, *roots: Any) -> tuple[list[str], list[str]]:
        """Lines of constants, and the C of each expression that uses them."""
        seen: Counter[str] = Counter()
        for root in roots:
            self._count(root, seen)
        self._often = {text for text, times in seen.items() if times > 1}
        self._lines, self._named = [], {}
        texts = [self._print(root, is_root=True, hoists=True).code for root in roots]
        return self._lines, texts

    def new_name(self) -> str:
        """A name that no other constant of the function has."""
        self._constants += 1
        return f"v{self._constants}"

    # ---------------------------------------------------------------------------- what comes twice

    def _count(self, node: Any, seen: Counter[str]) -> None:
        if not _is_work(node):
            return
        text = self._plain(node)
        seen[text] += 1
        if seen[text] > 1:
            return
        for child in _unconditional(node):
            self._count(child, seen)

    def _plain(self, node: Any) -> str:
        """The C of an expression in which nothing has a name yet: equal for equal expressions."""
        saved = self._named, self._often
        self._named, self._often = {}, set()
        text = self._print(node, is_root=True, hoists=False).code
        self._named, self._often = saved
        return text

    # ------------------------------------------------------------------------------------- printing

    def _print(self, node: Any, *, hoists: bool, is_root: bool = False) -> _Text:
        """An expression; where it `hoists`, parts may become constants before the statement."""
        if not self._often and not hoists:
            return self._written(node, hoists=False)
        key = self._plain(node) if _is_work(node) else ""
        if key in self._named:
            return _Text(self._named[key], _ATOM)
        text = self._written(node, hoists=hoists)
        worth = hoists and not is_root and _is_work(node) and str(node.ty) != "bool"
        if worth and (key in self._often or len(text.code) > _LONG):
            name = self.new_name()
            self._lines.append(f"const {C_TYPES[str(node.ty)]} {name} = {text.code};")
            self._named[key] = name
            return _Text(name, _ATOM)
        return text

    def _written(self, node: Any, *, hoists: bool) -> _Text:
        kind, dtype = type(node).__name__, str(getattr(node, "ty", ""))
        match kind:
            case "IntImm":
                value = int(node.value)
                return _Text(integer_literal(value, dtype), _ATOM if value >= 0 else _CAST)
            case "FloatImm":
                text = float_literal(float(node.value))
                return _Text(text, _CAST if text.startswith("-") else _ATOM)
            case "Var":
                return _Text(self._name_of(node), _ATOM)
            case "TensorLoad":
                (index,) = node.indices
                return _Text(self._element(node.source, self._print(index, hoists=hoists).code), _ATOM)
            case "Cast":
                return self._cast(node, dtype, hoists=hoists)
            case "Not":
                return _Text(f"!{self._print(node.a, hoists=hoists).inside(_CAST)}", _CAST)
            case "Select":
                return self._choice((node.condition, node.true_value, node.false_value), hoists=hoists)
            case "Min" | "Max":
                return self._helper(kind, node, dtype, hoists=hoists)
            case "LShift":
                return self._shift_left(node, dtype, hoists=hoists)
            case "Call":
                return self._call(node, hoists=hoists)
        if kind in _OPERATORS:
            return self._binary(kind, node, dtype, hoists=hoists)
        raise UnprintableError(f"{kind}: {node}")

    def _binary(self, kind: str, node: Any, dtype: str, *, hoists: bool) -> _Text:
        symbol, level, weakest = _OPERATORS[kind]
        inner = hoists and kind not in ("And", "Or")
        from_left = level if kind in _CHAINS_LEFT else None
        from_right = level if kind in _CHAINS_RIGHT else None
        left = self._print(node.a, hoists=inner).inside(weakest, or_as=from_left)
        if kind == "RShift":
            right = self._count_of_shift(node.b, hoists=inner)
        else:
            right = self._print(node.b, hoists=inner).inside(weakest, or_as=from_right)
        if kind == "Add" and right.startswith("-") and right[1:].isdigit():
            symbol, right = "-", right[1:]
        text = _Text(f"{left} {symbol} {right}", level)
        return _narrowed(text, dtype) if level < _COMPARE or level == _BITS else text

    def _shift_left(self, node: Any, dtype: str, *, hoists: bool) -> _Text:
        """As unsigned: shifting a negative number, or into the sign, has no meaning in C."""
        unsigned = "uint64_t" if dtype == "int64" else "uint32_t"
        value = self._print(node.a, hoists=hoists).inside(_ATOM)
        count = self._count_of_shift(node.b, hoists=hoists)
        return _Text(f"({C_TYPES[dtype]})(({unsigned}){value} << {count})", _CAST)

    def _count_of_shift(self, node: Any, *, hoists: bool) -> str:
        """Its type does not matter in C: a constant needs none."""
        if type(node).__name__ == "IntImm":
            return str(int(node.value))
        return self._print(node, hoists=hoists).inside(_CAST)

    def _cast(self, node: Any, dtype: str, *, hoists: bool) -> _Text:
        inner = self._print(node.value, hoists=hoists)
        if dtype == "bool":
            return _Text(f"{inner.inside(_PLUS)} != 0", _COMPARE)
        return _Text(f"({C_TYPES[dtype]}){inner.inside(_CAST)}", _CAST)

    def _helper(self, kind: str, node: Any, dtype: str, *, hoists: bool) -> _Text:
        key = kind, "int32" if dtype in _NARROW else dtype
        if key not in _HELPERS:
            raise UnprintableError(f"{kind} of {dtype}")
        self.helpers.add(key)
        left, right = (self._print(child, hoists=hoists).code for child in (node.a, node.b))
        return _narrowed(_Text(f"{_HELPERS[key][0]}({left}, {right})", _ATOM), dtype)

    def _call(self, node: Any, *, hoists: bool) -> _Text:
        name = node.op.name
        if name == "prim.if_then_else":
            return self._choice(tuple(node.args), hoists=hoists)
        if name == "tirx.isnan":
            return _Text(f"__builtin_isnan({self._print(node.args[0], hoists=hoists).code})", _ATOM)
        raise UnprintableError(name)

    def _choice(self, parts: tuple[Any, ...], *, hoists: bool) -> _Text:
        condition, yes, no = parts
        texts = [
            self._print(condition, hoists=hoists).inside(_COMPARE),
            self._print(yes, hoists=False).inside(_COMPARE),
            self._print(no, hoists=False).inside(_COMPARE),
        ]
        text = _Text(f"{texts[0]} ? {texts[1]} : {texts[2]}", _CHOICE)
        return _narrowed(text, str(yes.ty)) if "IntImm" in (type(yes).__name__, type(no).__name__) else text


def helper_sources(used: set[tuple[str, str]]) -> list[str]:
    """Definitions of the small functions that expressions call."""
    return [
        f"static inline {kind} {name}({kind} a, {kind} b) {{ return a {symbol} b ? a : b; }}"
        for key, (name, kind, symbol) in _HELPERS.items()
        if key in used
    ]


def _narrowed(text: _Text, dtype: str) -> _Text:
    """A result of C's arithmetic as the narrower type that it has in TIR."""
    return _Text(f"({C_TYPES[dtype]}){text.inside(_ATOM)}", _CAST) if dtype in _NARROW else text


def _is_work(node: Any) -> bool:
    return type(node).__name__ not in ("IntImm", "FloatImm", "Var")


def _unconditional(node: Any) -> list[Any]:
    """The operands of a node that are computed whenever it is."""
    match type(node).__name__:
        case "TensorLoad":
            return list(node.indices)
        case "Cast":
            return [node.value]
        case "Not":
            return [node.a]
        case "Select":
            return [node.condition]
        case "Call":
            return list(node.args[:1])
        case "And" | "Or":
            return []
    return [node.a, node.b]
