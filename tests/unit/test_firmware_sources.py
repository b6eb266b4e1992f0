"""The C sources of a microcontroller's model as text: golden files, and what compilers say of them."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tvm
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from hypothesis import given
from hypothesis.extra.numpy import arrays
from hypothesis.strategies import integers, sampled_from

from edgekit.artifacts import SharedKernel
from edgekit.codegen.firmware import generate_firmware
from edgekit.codegen.firmware.c_text import filled, filled_integers, integer_literal
from edgekit.ingest import read_tflite
from edgekit.lower import lower
from edgekit.schedule import schedule
from edgekit.schedule.template import NO_PARAMETERS, Choice
from edgekit.target import load_target
from edgekit.testing.firmware import WARNINGS, write_sources
from edgekit.testing.tflite_builder import ModelBuilder, spec
from edgekit.toolchain import zig_bare

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

FREESTANDING = ("-ffreestanding", "-O2", "-c", "-Iinclude")
TARGETS = ("cortex-m0plus", "cortex-m4", "cortex-m55", "riscv32imc")


def small_net(name: str = "conv/out") -> bytes:
    """A convolution, a pooling, and operators that no shared kernel computes."""
    model = ModelBuilder()
    x = model.input((1, 4, 4, 2), scale=0.5, zero_point=-3)
    weights = model.constant(np.ones((4, 3, 3, 2), np.int8), scale=0.1)
    y = model.op(
        "CONV_2D", [x, weights], [spec((1, 4, 4, 4), scale=0.7, zero_point=1, name=name)],
        padding="SAME", stride_w=1, stride_h=1,
    )  # fmt: skip
    window: dict[str, Any] = {"stride_w": 2, "stride_h": 2, "filter_width": 2, "filter_height": 2}
    model.op("MAX_POOL_2D", [y], [spec((1, 2, 2, 4), scale=0.7, zero_point=1)], padding="VALID", **window)
    return model.build()


def sources(flatbuffer: bytes, name: str, target: str = "cortex-m4") -> Mapping[str, bytes]:
    model = dataclasses.replace(read_tflite(flatbuffer, name=name), digest="0" * 64)
    return generate_firmware(model, schedule(lower(model), load_target(target))).files


def fixed_sources() -> Mapping[str, bytes]:
    """Those of a net whose kernels stay as they are: one that claims to be shared, and printed ones."""
    model = dataclasses.replace(read_tflite(small_net(), name="small net"), digest="0" * 64)
    lowered = lower(model)
    tuned = schedule(lowered, load_target("cortex-m4"), lambda job: Choice(f"mcu_{job.kind}", NO_PARAMETERS))
    fields: dict[str, int | tuple[int, ...]] = {"height": 4, "width": 4, "low": -128, "taps": (3, 3)}
    shared = SharedKernel(
        function="ek_example", struct="ek_layer", fields=fields, sources=(), header="dsp.h", scratch_bytes=40
    )
    convolution = lowered.calls[0].kernel
    printed = {
        name: kernel for name, kernel in tuned.module.functions.items() if name.name_hint != convolution
    }
    tuned = dataclasses.replace(tuned, module=tvm.IRModule(printed), shared={convolution: shared})
    return generate_firmware(model, tuned).files


@pytest.mark.parametrize("part", ["_parts.h", "_weights.c", ".c", "_description.c", "_operators.c"])
def test_a_small_net_gives_the_golden_source(part: str, golden: Callable[[str, str], None]) -> None:
    golden(f"small_net{part}", fixed_sources()[f"src/small_net{part}"].decode())


def test_a_small_net_gives_the_golden_header(golden: Callable[[str, str], None]) -> None:
    golden("small_net.h", fixed_sources()["include/small_net.h"].decode())


def printed_net() -> bytes:
    """Operators for which there are no kernels of microcontrollers."""
    model = ModelBuilder()
    x = model.input((1, 4, 6), scale=0.5, zero_point=-3)
    axes = model.constant(np.array([0, 2, 1], np.int32))
    y = model.op("TRANSPOSE", [x, axes], [spec((1, 6, 4), scale=0.5, zero_point=-3)])
    model.op("L2_NORMALIZATION", [y], [spec((1, 6, 4), scale=1 / 128, zero_point=0)])
    return model.build()


@given(
    values=arrays(
        sampled_from([np.int8, np.uint8, np.int16, np.int32, np.uint32, np.int64, np.uint64, np.bool_]),
        integers(1, 200),
    ),
    indent=integers(0, 8),
)
def test_integers_are_written_as_they_would_be_one_by_one(values: NDArray[Any], indent: int) -> None:
    one_by_one = [integer_literal(int(value), str(values.dtype)) for value in values]
    assert filled_integers(values, indent=indent) == filled(one_by_one, indent=indent)


@pytest.mark.parametrize("name", ['*/ system("rm"); /*', 'quote " and \\ and ??/', "naïve\nname", "a*//*b"])
def test_names_from_the_file_cannot_escape_into_the_code(name: str, tmp_path: Path) -> None:
    files = sources(small_net(name), name)
    write_sources(tmp_path, files)
    names = [file for file in files if file.endswith(".c")]
    subprocess.run(["cc", *WARNINGS, "-Iinclude", "-fsyntax-only", *names], cwd=tmp_path, check=True)


@pytest.mark.parametrize("name", ["edgekit", "Stdint", "string", "float"])
def test_a_model_called_as_a_header_takes_nobodys_place(name: str, tmp_path: Path) -> None:
    files = sources(small_net(), name)
    write_sources(tmp_path, files)
    prefix = f"m_{name.lower()}"
    assert f"include/{prefix}.h" in files
    (tmp_path / "main.c").write_text(
        f'#include <stdint.h>\n#include <string.h>\n#include "edgekit.h"\n#include "{prefix}.h"\n'
        f"int {prefix}_run(void *arena, void *state);\n"
        f"int {prefix}_run(void *arena, void *state) {{\n"
        f"  const edgekit_model *model = {prefix}_describe();\n"
        f"  memset({prefix}_input(arena), 0, {prefix.upper()}_INPUT_BYTES);\n"
        f"  return model == NULL ? -1 : {prefix}_invoke(arena, state);\n}}\n"
    )
    names = [file for file in files if file.endswith(".c")]
    command = ["cc", *WARNINGS, "-Iinclude", "-fsyntax-only", "main.c"]
    subprocess.run([*command, *names], cwd=tmp_path, check=True)


def compilers(target: str) -> dict[str, list[str]]:
    """The commands that compile for a target without an operating system."""
    described = load_target(target)
    assert described.microcontroller is not None
    gcc = "riscv64-unknown-elf-gcc" if target.startswith("riscv") else "arm-none-eabi-gcc"
    assert shutil.which(gcc), f"{gcc} is missing: scripts/install-system-packages"
    return {
        "gcc": [gcc, *described.microcontroller.compiler_flags],
        "clang": zig_bare(described.triple, described.cpu, described.features),
    }


@pytest.mark.parametrize(
    ("target", "compiler"),
    [*((target, "gcc") for target in TARGETS), ("cortex-m4", "clang"), ("cortex-m55", "clang")],
)
def test_the_sources_compile_without_a_warning_and_a_c_library(
    target: str, compiler: str, tmp_path: Path
) -> None:
    files = {**sources(small_net(), "first", target), **sources(printed_net(), "second", target)}
    write_sources(tmp_path, files)
    command = [*compilers(target)[compiler], *WARNINGS, *FREESTANDING]
    subprocess.run([*command, *(name for name in files if name.endswith(".c"))], cwd=tmp_path, check=True)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_all_constants_of_a_model_go_to_the_section_that_the_user_names(
    compiler: str, tmp_path: Path
) -> None:
    write_sources(tmp_path, sources(small_net(), "small net"))
    command = [*compilers("cortex-m4")[compiler], *WARNINGS, *FREESTANDING, "src/small_net_weights.c"]

    def sizes(*flags: str) -> dict[str, int]:
        subprocess.run([*command, *flags, "-o", "weights.o"], cwd=tmp_path, check=True)
        with (tmp_path / "weights.o").open("rb") as file:
            loaded = [s for s in ELFFile(file).iter_sections() if s["sh_flags"] & SH_FLAGS.SHF_ALLOC]
            return {s.name: s["sh_size"] for s in loaded if s["sh_size"] and s["sh_type"] == "SHT_PROGBITS"}

    by_default = sizes()
    assert all(name.startswith(".rodata") for name in by_default)
    named = sizes('-DSMALL_NET_WEIGHTS=__attribute__((section(".qspi_flash")))')
    assert named.keys() == {".qspi_flash"}
    assert named[".qspi_flash"] >= 4 * 3 * 3 * 2


def test_the_header_is_c_plus_plus_too(tmp_path: Path) -> None:
    write_sources(tmp_path, sources(small_net(), "small net"))
    (tmp_path / "main.cpp").write_text(
        '#include "small_net.h"\nstatic_assert(SMALL_NET_ARENA_BYTES <= 1024, "it fits");\n'
        "int8_t *input(void *arena) { return small_net_input(arena); }\n"
    )
    command = [
        "arm-none-eabi-g++",
        "-std=c++11",
        "-ffreestanding",
        "-Wall",
        "-Wextra",
        "-Wpedantic",
        "-Werror",
    ]
    subprocess.run([*command, "-Iinclude", "-fsyntax-only", "main.cpp"], cwd=tmp_path, check=True)
