"""Tiles: how many pixels and channels one pass through the inner loop computes, and where they begin."""

from __future__ import annotations


def channel_lanes(channels: int) -> int:
    """Output channels per vector: the widest of 16, 8, 4 that divides them, else the least padding."""
    for lanes in (16, 8):
        if channels % lanes == 0:
            return lanes
    if channels <= 4:
        return 4
    if channels % 4 == 0 and channels < 16:
        return 4
    return min((16, 8), key=lambda lanes: (-(-channels // lanes) * lanes, -lanes))


def pixel_tile(width: int, lanes: int, accumulators: int) -> int:
    """Pixels per tile: what fits the registers, preferably a divisor of the width."""
    most = max(1, min(width, accumulators // lanes, 8))
    for tile in range(most, max(1, most // 2) - 1, -1):
        if width % tile == 0:
            return tile
    return most


def vector_split(extent: int, most: int) -> int:
    """The largest power of two up to `most` that divides an extent."""
    size = 1
    while size * 2 <= most and extent % (size * 2) == 0:
        size *= 2
    return size


def round_up(value: int, multiple: int) -> int:
    """The next multiple."""
    return -(-value // multiple) * multiple


def overlapping_starts(channels: int, lanes: int) -> list[int]:
    """Where vectors of channels begin: the last may overlap the one before it."""
    return [min(start, max(0, channels - lanes)) for start in range(0, channels, lanes)]
