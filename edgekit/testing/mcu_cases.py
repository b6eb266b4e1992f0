"""Calls of microcontrollers' shared kernels with their right answers, as programs for emulated boards.

mcu_bench.py compiles and runs such a program; mcu_calls.py calls the same kernels in this process.
"""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.compute.fixed_point import Multiplier, scale_integers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edgekit.compute.convolution import Convolution
    from edgekit.compute.fixed_point import Requantization
    from edgekit.schedule.scheduled import Scheduled

KERNELS = Path(__file__).resolve().parents[1] / "kernels" / "mcu"
_C_TYPES = {"int8": "int8_t", "uint8": "uint8_t", "int16": "int16_t", "int32": "int32_t"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """A call of a shared kernel: its operands, its constants, and the right answer."""

    name: str
    scheduled: Scheduled
    inputs: tuple[NDArray[Any], ...]
    constants: tuple[NDArray[Any], ...]
    expected: NDArray[Any]


def convolution_reference(
    x: NDArray[np.int8], constants: tuple[NDArray[Any], ...], load: Convolution
) -> NDArray[np.int8]:
    """What a convolution gives, depthwise or not, summed in 64 bits: sums must not wrap."""
    weights, bias, multiplier, shift = constants
    window = load.window
    high, wide = window.padded_size(load.out_height, load.out_width)
    shape = (
        load.batch,
        max(high, window.pad_top + load.height),
        max(wide, window.pad_left + load.width),
        load.in_channels,
    )
    plane = np.full(shape, load.pad_value, np.int64)
    plane[
        :,
        window.pad_top : window.pad_top + load.height,
        window.pad_left : window.pad_left + load.width,
    ] = x
    sums = np.zeros((load.batch, load.out_height, load.out_width, load.out_channels), np.int64)
    for ky in range(window.kernel_h):
        for kx in range(window.kernel_w):
            top, left = ky * window.dilation_h, kx * window.dilation_w
            tap = plane[
                :,
                top : top + (load.out_height - 1) * window.stride_h + 1 : window.stride_h,
                left : left + (load.out_width - 1) * window.stride_w + 1 : window.stride_w,
            ]
            if load.depthwise:
                sums += np.repeat(tap, load.out_channels // load.in_channels, axis=3) * weights[ky, kx]
            else:
                sums += tap @ weights[:, ky, kx].astype(np.int64).T
    return requantize_reference(sums + bias, multiplier, shift, load.requantization)


def requantize_reference(
    sums: NDArray[np.int64], multiplier: NDArray[np.int32], shift: NDArray[np.int32], how: Requantization
) -> NDArray[np.int8]:
    """The outputs of sums [..., channel]."""
    scaled = [
        scale_integers(sums[..., i], Multiplier(int(multiplier[i]), int(shift[i])))
        for i in range(len(multiplier))
    ]
    return np.clip(np.stack(scaled, axis=-1) + how.zero_point, how.low, how.high).astype(np.int8)


# ---------------------------------------------------------------------------------------- program


def program(cases: Sequence[Case]) -> str:
    """A program that counts every case, and runs it again overlapping as far as it may, up to a wrong one."""
    headers = {case.scheduled.shared.header for case in cases if case.scheduled.shared}
    lines = ['#include "mcu_bench.h"', *(f'#include "{header}"' for header in sorted(headers))]
    lines.append(_COPY)
    calls = []
    for index, case in enumerate(cases):
        lines += _data(index, case)
        calls += _calls(index, case)
    return "\n".join([*lines, "int main(void) {", *calls, "  return 0;", "}", ""])


# Clang would make a call of a function that is not there out of a loop that it recognizes.
_COPY = """static void copy(int8_t *to, const int8_t *from, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    to[i] = from[i];
    __asm__ volatile("" ::: "memory");
  }
}"""


def sources(cases: Sequence[Case]) -> list[Path]:
    """The kernels' files."""
    names = {name for case in cases if case.scheduled.shared for name in case.scheduled.shared.sources}
    return [KERNELS / name for name in sorted(names)]


def _data(index: int, case: Case) -> list[str]:
    shared = case.scheduled.shared
    assert shared is not None, case.name
    assert case.scheduled.merge is not None, case.name
    fields = ", ".join(
        f".{name} = {'{' + ', '.join(map(str, value)) + '}' if isinstance(value, tuple) else value}"
        for name, value in shared.fields.items()
    )
    lines = [f"/* {case.name} */", f"static const {shared.struct} layer_{index} = {{{fields}}};"]
    for position, constant in enumerate(case.scheduled.merge(case.constants)):
        lines.append(_array(f"constant_{index}_{position}", constant))
    lines += [_array(f"input_{index}_{position}", array) for position, array in enumerate(case.inputs)]
    lines.append(_array(f"expected_{index}", case.expected))
    lines.append(f"static int8_t out_{index}[{case.expected.size}];")
    if shared.scratch_bytes:
        lines.append(f"static int32_t scratch_{index}[{-(-shared.scratch_bytes // 4)}];")
    if shared.lead_bytes is not None:
        lines.append(f"static int8_t arena_{index}[{_arena_bytes(case)}];")
    return lines


def _arena_bytes(case: Case) -> int:
    assert case.scheduled.shared is not None
    lead = case.scheduled.shared.lead_bytes
    assert lead is not None
    return max(lead + case.inputs[0].size, case.expected.size)


def _calls(index: int, case: Case) -> list[str]:
    shared = case.scheduled.shared
    assert shared is not None
    assert case.scheduled.merge is not None
    constants = [f"constant_{index}_{i}" for i in range(len(case.scheduled.merge(case.constants)))]
    scratch = [f"scratch_{index}"] if shared.scratch_bytes else []
    others = [f"input_{index}_{i}" for i in range(1, len(case.inputs))]

    def call(first: str, out: str) -> str:
        return (
            f"{shared.function}({', '.join([f'&layer_{index}', first, *others, *constants, out, *scratch])})"
        )

    apart = call(f"input_{index}_0", f"out_{index}")

    def expect(label: str, actual: str) -> str:
        return f'  bench_expect("{label}", {actual}, expected_{index}, sizeof expected_{index});'

    lines = [f'  BENCH("{case.name}", {apart});', expect(case.name, f"out_{index}")]
    if shared.lead_bytes is not None:
        start = f"arena_{index} + {shared.lead_bytes}"
        lines.append(f"  copy({start}, input_{index}_0, sizeof input_{index}_0);")
        lines.append(f"  {call(start, f'arena_{index}')};")
        lines.append(expect(f"{case.name}, overlapping", f"arena_{index}"))
    return lines


def _array(name: str, values: NDArray[Any]) -> str:
    flat = ", ".join(map(_literal, values.reshape(-1).tolist()))
    return f"static const {_C_TYPES[str(values.dtype)]} {name}[] = {{{flat}}};"


@functools.cache
def _literal(value: int) -> str:
    return f"{value + 1} - 1" if value == -(1 << 31) else str(value)
