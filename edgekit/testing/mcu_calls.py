"""Microcontrollers' shared kernels, called in this process: for properties over many shapes.

mcu_cases.py makes programs of such calls, which run on emulated boards too.
"""

from __future__ import annotations

import ctypes
import functools
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.kernels import kernel_folder
from edgekit.target import load_target
from edgekit.toolchain import zig_cc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edgekit.artifacts import SharedKernel
    from edgekit.schedule.scheduled import Scheduled

_GUARD = 64  # bytes around what a kernel writes, which it must leave alone
_TRAPS = ("-fsanitize=undefined", "-fsanitize-trap=undefined", "-fno-sanitize=alignment")


def run_shared(
    scheduled: Scheduled,
    inputs: Sequence[NDArray[Any]],
    constants: Sequence[NDArray[Any]],
    out: NDArray[Any],
    *,
    offset: int | None = None,
) -> NDArray[Any]:
    """What a kernel writes into memory like `out`'s.

    `offset` is where the output starts, in bytes from the first input's start, in the same memory; without it
    they are apart, and nothing else may change. Scratch memory holds noise before, and nothing around it may
    change.
    """
    shared = scheduled.shared
    assert shared is not None
    merged = tuple(constants) if scheduled.merge is None else scheduled.merge(tuple(constants))
    memory, first, result = _memory(inputs[0], out, offset)
    scratch = np.random.default_rng(0).integers(0, 256, 2 * _GUARD + shared.scratch_bytes, np.uint8)
    before = memory.copy(), scratch.copy()
    arrays = [np.ascontiguousarray(array) for array in (*inputs[1:], *merged)]
    addresses = [memory.ctypes.data + first, *(array.ctypes.data for array in arrays)]
    addresses.append(memory.ctypes.data + result)
    if shared.scratch_bytes:
        addresses.append(scratch.ctypes.data + _GUARD)
    _call(shared, addresses)
    written = memory[result : result + out.nbytes].copy()
    if offset is None:
        memory[result : result + out.nbytes] = before[0][result : result + out.nbytes]
        assert np.array_equal(memory, before[0]), f"{shared.function} wrote outside its output"
    for guard in (slice(0, _GUARD), slice(len(scratch) - _GUARD, None)):
        assert np.array_equal(scratch[guard], before[1][guard]), f"{shared.function} wrote around its scratch"
    return written.view(out.dtype).reshape(out.shape)


def _memory(first: NDArray[Any], out: NDArray[Any], offset: int | None) -> tuple[NDArray[np.uint8], int, int]:
    """Memory with the first input in it, and the starts of the input and of the output."""
    align = max(first.itemsize, out.itemsize)
    low = _GUARD + (1 if align == 1 else 0)  # bytes may lie anywhere
    if offset is None:
        at, result = low, -(-(low + first.nbytes + _GUARD) // align) * align
        size = result + out.nbytes + _GUARD
    else:
        at = low + max(0, -offset)
        result = at + offset
        size = max(at + first.nbytes, result + out.nbytes) + _GUARD
    memory = np.random.default_rng(1).integers(0, 256, size, np.uint8)
    memory[at : at + first.nbytes] = np.frombuffer(first.tobytes(), np.uint8)
    return memory, at, result


def _call(shared: SharedKernel, addresses: Sequence[int]) -> None:
    sizes = tuple(len(value) if isinstance(value, tuple) else 0 for value in shared.fields.values())
    names = tuple(zip(shared.fields, sizes, strict=True))
    library = _library(shared.function, shared.struct, shared.header, shared.sources, names, len(addresses))
    flat = [n for v in shared.fields.values() for n in (v if isinstance(v, tuple) else (v,))]
    library.run((ctypes.c_int32 * max(1, len(flat)))(*flat), (ctypes.c_void_p * len(addresses))(*addresses))


@functools.cache
def _library(
    function: str,
    struct: str,
    header: str,
    sources: tuple[str, ...],
    names: tuple[tuple[str, int], ...],
    pointers: int,
) -> ctypes.CDLL:
    """The kernel, with a function that sets a layer's fields one by one, and calls it."""
    lines: list[str] = []
    for name, size in names:
        for target in [f"layer.{name}[{i}]" for i in range(size)] if size else [f"layer.{name}"]:
            value = f"values[{len(lines)}]"
            lines.append(f"  {target} = {value}; if ({target} != {value}) __builtin_trap();")
    given = ", ".join(f"memory[{i}]" for i in range(pointers))
    glue = [
        f'#include "{header}"',
        "void run(const int32_t *values, void *const *memory);",
        "void run(const int32_t *values, void *const *memory) {",
        f"  {struct} layer;",
        *lines,
        f"  {function}(&layer, {given});",
        "}",
    ]
    host, folder = load_target("host"), kernel_folder("mcu")
    with tempfile.TemporaryDirectory(prefix="edgekit-") as directory:
        Path(directory, "glue.c").write_text("\n".join(glue))
        code = [str(folder / source) for source in sources]
        flags = ["-std=c99", "-O1", "-shared", f"-I{folder}", *_TRAPS]
        zig_cc(
            [*flags, "-o", "kernel.so", "glue.c", *code],
            triple=host.triple,
            glibc=host.glibc or "2.17",
            directory=Path(directory),
        )
        return ctypes.CDLL(str(Path(directory, "kernel.so")))
