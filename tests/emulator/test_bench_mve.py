"""`scripts/bench-mve` compiles the kernels several ways, and each gives the oracle's answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.contenders import trained
from benchmarks.mve import SHIPPED, Loops, Way, measure
from edgekit.devices.emulated.microcontroller.image import Compiler

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.emulator


# Two small models that have all three kernels between them.
@pytest.mark.parametrize(
    ("name", "products"),
    [("audio_example1", {"convolution": 6, "dense": 4}), ("hey_jarvis", {"depthwise": 2, "dense": 4})],
)
def test_every_kind_of_loops_gives_the_oracles_answers(
    tmp_path: Path, name: str, products: dict[str, int]
) -> None:
    (contender,) = trained([name])
    ways = (
        SHIPPED,
        Way(Loops.INTRINSICS, Compiler.ZIG),
        Way(Loops.INTRINSICS, Compiler.GCC),
        Way(Loops.BLOCKS, Compiler.ZIG),
        Way(Loops.TWINS, Compiler.GCC),
    )
    rows = measure(contender, tmp_path, ways=ways)
    assert [row.exact for row in rows] == [True] * len(ways)
    shipped, clang, gcc, *_ = rows
    assert {kernel: use.products for kernel, use in shipped.vectors.items()} == products
    for row in (clang, gcc):
        assert all(row.vectors[kernel].products >= least for kernel, least in products.items())
    assert clang.vectors["dense"].predicated_loops > 0
