"""Sharing a kernel's loops among threads.

A library is run by any number of threads together, chosen at each invocation: all of them walk through
the same calls, and each computes its share of every loop that is written with the bounds below, or that
is marked as `parallel` and stands at the top of a kernel's stage. The bounds are placeholders, which
codegen replaces. What has none is computed by the first thread alone. Shares of one loop do not overlap
and lie in the order of threads; with one thread its share is everything.

What a thread writes in a shared loop must be its alone: a part of the result, or of a buffer, that no
other share writes. Shares may be empty. Stages of a kernel are kept apart: all threads have finished one
before any starts the next.
"""

from __future__ import annotations

from typing import Any

from tvm import tirx

from edgekit.artifacts import SHARE_BEGIN, SHARE_END


def share_begin(extent: int) -> Any:
    """Where a thread's share of 0 .. `extent` begins."""
    return tirx.call_pure_extern("int32", SHARE_BEGIN, extent)


def share_end(extent: int) -> Any:
    """One past the last index of a thread's share of 0 .. `extent`."""
    return tirx.call_pure_extern("int32", SHARE_END, extent)


def shared_loop(variable: Any, extent: int, body: Any) -> Any:
    """A loop over a thread's share of 0 .. `extent`."""
    first = share_begin(extent)
    return tirx.For(variable, first, share_end(extent) - first, tirx.ForKind.SERIAL, body)


def shared_span(total: int, unit: int) -> tuple[Any, Any]:
    """First element and number of elements of a thread's share of a row of `total`.

    Shares are whole units, and the rest goes to the last one: a share that is not empty has at least
    `unit` elements, if the row has. One may be empty.
    """
    units = max(1, total // unit)
    first, end = share_begin(units), share_end(units)
    return first * unit, tirx.Select(end == units, total, end * unit) - first * unit
