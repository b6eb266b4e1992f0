"""What `scripts/bench-mve` compiles, and what it makes of its measurements."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from benchmarks.mve import (
    SHIPPED,
    WAYS,
    Loops,
    MveRow,
    VectorUse,
    Way,
    document,
    main,
    ratios,
    show,
    vector_use,
    with_loops,
)
from edgekit.devices.emulated.microcontroller.image import Compiler, Part, Source

KERNEL = Source(path=Path("src/kernels/dense_mve.c"), part=Part.CODE, defines=("EDGEKIT_STEPS",))
TWINS = Way(Loops.TWINS, Compiler.GCC)
ROW = MveRow(
    model="net",
    way=SHIPPED.name,
    compiler="arm-none-eabi-gcc 12.2.1",
    instructions=1000,
    by_kind={"CONV_2D": 800},
    code_bytes=4000,
    exact=True,
    vectors={"convolution": VectorUse(products=6, predicated_loops=5)},
)


def row(**changes: Any) -> MveRow:
    return dataclasses.replace(ROW, **changes)


def test_shipped_kernels_are_compiled_as_they_are() -> None:
    assert with_loops(KERNEL, Loops.ASSEMBLY) is KERNEL


def test_twins_are_the_shipped_files_told_that_there_is_no_mve() -> None:
    twin = with_loops(KERNEL, Loops.TWINS)
    assert (twin.path, twin.defines) == (KERNEL.path, ("EDGEKIT_STEPS", "EK_HAS_MVE=0"))


@pytest.mark.parametrize("loops", [Loops.BLOCKS, Loops.INTRINSICS])
@pytest.mark.parametrize("kernel", ["convolution", "depthwise", "dense"])
def test_other_loops_stand_in_for_every_kernel(kernel: str, loops: Loops) -> None:
    shipped = dataclasses.replace(KERNEL, path=Path(f"src/kernels/{kernel}_mve.c"))
    other = with_loops(shipped, loops)
    assert other.path.is_file()
    assert other == dataclasses.replace(shipped, path=other.path)


@pytest.mark.parametrize("loops", Loops)
@pytest.mark.parametrize("name", ["quantize.c", "dense_dsp.c", "dense.c"])
def test_what_is_no_kernel_for_mve_is_left_alone(name: str, loops: Loops) -> None:
    source = dataclasses.replace(KERNEL, path=Path("src/kernels") / name)
    assert with_loops(source, loops) is source


def test_ways_have_names_of_their_own() -> None:
    assert len({way.name for way in WAYS}) == len(WAYS)


def test_products_of_vectors_and_tail_predicated_loops_are_told_from_other_instructions() -> None:
    disassembly = """
  2a8:\tdls\tlr, lr
  2ac:\tdlstp.8\tlr, fp
  2b0:\tvldrb.u8\tq0, [r9], #16
  2b4:\tvmlava.s8\tr2, q0, q1
  2b8:\tvmlavat.s8\tr2, q0, q1
  2bc:\tvmullb.s16\tq4, q2, q3
  2c0:\tvmov\tq0[2], q0[0], r0, r4
  2c4:\tletp\tlr, 2b0 <ek_multiply_lanes+0x78>
  2c8:\tsmlabb\tr0, r1, r2, r0
"""
    assert vector_use(disassembly) == VectorUse(products=3, predicated_loops=1)


def test_a_way_is_compared_model_by_model_and_kind_by_kind() -> None:
    other = row(model="other", instructions=100, by_kind={"CONV_2D": 40, "FULLY_CONNECTED": 50})
    slower = [
        row(way=TWINS.name, instructions=4000, by_kind={"CONV_2D": 3200}),
        dataclasses.replace(
            other, way=TWINS.name, instructions=900, by_kind={"CONV_2D": 640, "FULLY_CONNECTED": 100}
        ),
    ]
    found = ratios([ROW, other, *slower])
    assert found[SHIPPED.name] == {"all": 1.0, "CONV_2D": 1.0, "FULLY_CONNECTED": 1.0}
    assert found[TWINS.name] == pytest.approx({"all": 6.0, "CONV_2D": 8.0, "FULLY_CONNECTED": 2.0})


def test_a_wrong_answer_is_in_the_document_and_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [ROW, row(way=TWINS.name, exact=False)]
    assert (document(rows)["exact"], document([ROW])["exact"]) == (False, True)
    show(rows)
    assert "1,000 NOT EXACT" in capsys.readouterr().out


def test_a_name_that_no_model_has_is_the_users_to_correct(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "no_such_model"]) != 0
    assert "no_such_model" in capsys.readouterr().err
