"""Leads of kernels: with it no byte is overwritten that is still to be read, with one byte less one is."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.compute.convolution import Window
from edgekit.schedule.lead import Step, Sweep, lead_of_pixels, lead_of_steps

# Bytes of the operand that a step uses, and bytes of the result that it writes.
Traffic = Iterator[tuple[set[int], set[int]]]


def _survives(traffic: list[tuple[set[int], set[int]]], distance: int) -> bool:
    """Whether every byte is whole when it is read, with the result `distance` bytes below the operand."""
    written: set[int] = set()
    for reads, writes in traffic:
        if written.intersection(distance + byte for byte in reads):
            return False
        written |= writes
    return True


def _is_least(traffic: list[tuple[set[int], set[int]]], lead: int) -> bool:
    enough = all(_survives(traffic, lead + more) for more in range(64))
    return enough and (lead == 0 or not _survives(traffic, lead - 1))


def _windows(sweep: Sweep, rows: int, pixels: int) -> Traffic:
    """Every tap of every window, tried against the plane's borders."""
    w = sweep.window
    for n in range(sweep.batch):
        for top in range(0, sweep.out_height, rows):
            for left in range(0, sweep.out_width, pixels):
                reads: set[int] = set()
                writes: set[int] = set()
                for y in range(top, min(top + rows, sweep.out_height)):
                    for x in range(left, min(left + pixels, sweep.out_width)):
                        start = ((n * sweep.out_height + y) * sweep.out_width + x) * sweep.out_bytes
                        writes.update(range(start, start + sweep.out_bytes))
                        for ky in range(w.kernel_h):
                            for kx in range(w.kernel_w):
                                row = y * w.stride_h - w.pad_top + ky * w.dilation_h
                                column = x * w.stride_w - w.pad_left + kx * w.dilation_w
                                if 0 <= row < sweep.height and 0 <= column < sweep.width:
                                    pixel = (n * sweep.height + row) * sweep.width + column
                                    reads.update(range(pixel * sweep.in_bytes, (pixel + 1) * sweep.in_bytes))
                yield reads, writes


_small = st.integers(1, 3)
_sweeps = st.builds(
    Sweep,
    window=st.builds(
        Window,
        kernel_h=_small,
        kernel_w=_small,
        stride_h=_small,
        stride_w=_small,
        dilation_h=st.integers(1, 2),
        dilation_w=st.integers(1, 2),
        pad_top=st.integers(0, 2),
        pad_left=st.integers(0, 2),
    ),
    batch=st.integers(1, 2),
    height=st.integers(1, 5),
    width=st.integers(1, 5),
    out_height=st.integers(1, 5),
    out_width=st.integers(1, 5),
    in_bytes=st.integers(1, 4),
    out_bytes=st.integers(1, 4),
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(_sweeps, st.integers(1, 3), st.integers(1, 6))
def test_a_windows_lead_is_the_least_that_keeps_what_is_still_read(
    sweep: Sweep, rows: int, pixels: int
) -> None:
    assert _is_least(list(_windows(sweep, rows, pixels)), sweep.lead(rows=rows, pixels=pixels))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(_sweeps)
def test_steps_of_whole_rows_are_the_default(sweep: Sweep) -> None:
    assert sweep.lead() == sweep.lead(rows=1, pixels=sweep.out_width)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(1, 12), st.integers(1, 5), st.integers(1, 5), st.integers(1, 6))
def test_the_lead_of_pixels_is_the_least_that_keeps_what_is_still_read(
    pixels: int, in_bytes: int, out_bytes: int, block: int
) -> None:
    blocks = [range(first, min(first + block, pixels)) for first in range(0, pixels, block)]
    traffic = [
        (
            {pixel * in_bytes + byte for pixel in each for byte in range(in_bytes)},
            {pixel * out_bytes + byte for pixel in each for byte in range(out_bytes)},
        )
        for each in blocks
    ]
    assert _is_least(traffic, lead_of_pixels(pixels, in_bytes, out_bytes, block=block))


def test_a_kernel_that_reads_everything_again_and_again_leads_by_all_but_its_last_step() -> None:
    assert lead_of_steps([Step(0, 4), Step(0, 8), Step(0, 10)]) == 8


def test_a_kernel_that_reads_everything_first_works_in_place() -> None:
    assert lead_of_steps([Step(0, 0), Step(None, 100), Step(None, 200)]) == 0


def test_a_depthwise_convolution_leads_by_its_upper_rows() -> None:
    window = Window(kernel_h=3, kernel_w=3, pad_top=1, pad_left=1)
    sweep = Sweep(
        window=window, batch=1, height=10, width=10, out_height=10, out_width=10, in_bytes=8, out_bytes=8
    )
    row, pixel = 10 * 8, 8
    assert sweep.lead() == row  # what row 0 writes, row 1 still reads
    assert sweep.lead(pixels=1) == row + pixel  # what a pixel writes, the next one's left column still reads
