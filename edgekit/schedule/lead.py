"""How far ahead of its reading a kernel writes, so that its result may overlap the operand it uses up.

A kernel works in steps. Each reads bytes of its first operand, and then writes a piece of its result. With
the result placed `lead_bytes` below the operand (result + lead_bytes <= operand), no step overwrites a byte
that a later one still reads; 0 is working in place. Source: Blacker, Bijl, Zhang and Jones, "Diagonal Memory
Optimisation for Machine Learning on Micro-controllers", 2020.

What is read but not used (bytes between the taps of a dilated window) does not count: whatever is there
will do.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from edgekit.compute.convolution import Window


@dataclasses.dataclass(frozen=True)
class Step:
    """What a kernel does at once: it reads its operand, then writes its result. Bytes from their starts.

    `lowest_read` is the first byte of the operand that the step uses, None where it uses none (all padding);
    `written_end` is one past the highest byte of the result that it writes.
    """

    lowest_read: int | None
    written_end: int


def lead_of_steps(steps: Iterable[Step]) -> int:
    """The least distance of a result below an operand that keeps whole what later steps read."""
    lead, still_read = 0, None
    for step in reversed(list(steps)):
        if still_read is not None:
            lead = max(lead, step.written_end - still_read)
        if step.lowest_read is not None:
            still_read = step.lowest_read if still_read is None else min(still_read, step.lowest_read)
    return lead


def lead_of_pixels(pixels: int, in_bytes: int, out_bytes: int, *, block: int = 1) -> int:
    """The lead of a kernel whose every pixel depends on its own alone, `block` pixels a step.

    A pixel is what repeats: all channels of a 1x1 convolution's position, one element of an elementwise
    kernel, one row of a softmax. It is `in_bytes` of the operand and `out_bytes` of the result.
    """
    before_the_last_step = (pixels - 1) // block * block
    return max(0, before_the_last_step * (out_bytes - in_bytes))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sweep:
    """A window that moves over a plane [batch, height, width], row after row of the result.

    A pixel of the plane is `in_bytes` long (all channels), one of the result `out_bytes`.
    """

    window: Window
    batch: int
    height: int
    width: int
    out_height: int
    out_width: int
    in_bytes: int
    out_bytes: int

    def lead(self, *, rows: int = 1, pixels: int | None = None) -> int:
        """The lead of a kernel whose steps make `rows` x `pixels` of the result (None: whole rows).

        Steps go from left to right, then down, then to the next of the batch; the last of a row and the last
        rows may be smaller.
        """
        return lead_of_steps(self._steps(rows, self.out_width if pixels is None else pixels))

    def _steps(self, rows: int, pixels: int) -> Iterator[Step]:
        window = self.window
        for n in range(self.batch):
            for top in range(0, self.out_height, rows):
                bottom = min(top + rows, self.out_height)
                row = _first_inside(
                    self.height,
                    (y * window.stride_h - window.pad_top for y in range(top, bottom)),
                    window.kernel_h,
                    window.dilation_h,
                )
                for left in range(0, self.out_width, pixels):
                    right = min(left + pixels, self.out_width)
                    column = _first_inside(
                        self.width,
                        (x * window.stride_w - window.pad_left for x in range(left, right)),
                        window.kernel_w,
                        window.dilation_w,
                    )
                    lowest = None
                    if row is not None and column is not None:
                        lowest = ((n * self.height + row) * self.width + column) * self.in_bytes
                    end = ((n * self.out_height + bottom - 1) * self.out_width + right) * self.out_bytes
                    yield Step(lowest, end)


def _first_inside(size: int, starts: Iterable[int], taps: int, dilation: int) -> int | None:
    """The lowest position inside 0 .. `size` that a tap of any window meets."""
    met = (start + tap * dilation for start in starts for tap in range(taps))
    return min((position for position in met if 0 <= position < size), default=None)
