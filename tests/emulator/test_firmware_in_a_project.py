"""A package in an empty CMake firmware project: three lines, linked by GCC, booted, and its self-test run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import edgekit
from edgekit.devices.emulated.microcontroller.execute import execute
from edgekit.devices.emulated.microcontroller.linker_script import linker_script
from edgekit.devices.emulated.microcontroller.machine import machine_of
from edgekit.errors import BudgetExceededError
from edgekit.project import Budgets
from edgekit.runtime import runtime_file
from edgekit.target import load_target
from edgekit.testing.models import model_path
from edgekit.testing.tiny_model import tiny_flatbuffer

if TYPE_CHECKING:
    from edgekit.artifacts import Bundle

pytestmark = pytest.mark.emulator

TARGET = "cortex-m4"
ROOT = Path(edgekit.__file__).parent.parent
STREAMING = "okay_nabu"
# Start-up code, linker script and main of an empty project; its owner adds the lines about models.
PROJECT = """\
cmake_minimum_required(VERSION 3.16)
project(firmware C)
add_executable(firmware main.c ${{BOARD}}/cortex_m.c ${{BOARD}}/semihosting.c ${{BOARD}}/memory.c)
target_include_directories(firmware PRIVATE ${{BOARD}})
target_link_options(firmware PRIVATE -nostdlib -nostartfiles -static -T ${{CMAKE_SOURCE_DIR}}/image.ld
                    -Wl,--gc-sections -Wl,-Map=firmware.map)
target_link_libraries(firmware PRIVATE gcc)
{lines}
"""
TOOLCHAIN = """\
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(CMAKE_C_COMPILER arm-none-eabi-gcc)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_C_FLAGS_INIT "{flags} -ffreestanding -fno-tree-loop-distribute-patterns")
"""
TWO_MODELS = """\
#include "okay_nabu.h"
#include "startup.h"
#include "tiny.h"

#define LARGER(a, b) ((a) > (b) ? (a) : (b))
_Static_assert(OKAY_NABU_ARENA_BYTES < 4096, "the arena is known to the compiler");

static uint8_t arena[LARGER(OKAY_NABU_ARENA_BYTES, TINY_ARENA_BYTES)] TINY_ALIGNED;
static uint8_t okay_nabu_state[OKAY_NABU_STATE_BYTES] OKAY_NABU_ALIGNED;
static uint8_t tiny_state[TINY_STATE_BYTES] TINY_ALIGNED;

int main(void) {
  for (int round = 0; round < 2; ++round) {
    if (okay_nabu_self_test(arena, okay_nabu_state) != 0)
      return 11;
    if (tiny_self_test(arena, tiny_state) != 0)
      return 12;
  }
  return 5;
}
"""
ONE_MODEL = """\
#include "startup.h"
#include "tiny.h"

static uint8_t arena[TINY_ARENA_BYTES] TINY_ALIGNED;
static uint8_t state[TINY_STATE_BYTES] TINY_ALIGNED;

int main(void) {
  return tiny_self_test(arena, state) == 0 ? 5 : 1;
}
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.tflite"
    path.write_bytes(tiny_flatbuffer())
    return path


@pytest.fixture(scope="module")
def packages(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Bundle]:
    output = tmp_path_factory.mktemp("build")
    return [edgekit.build(path, target=TARGET, output=output) for path in (tiny, model_path(STREAMING))]


def write_project(folder: Path, lines: str, main: str) -> None:
    target = load_target(TARGET)
    assert target.microcontroller is not None
    (folder / "CMakeLists.txt").write_text(PROJECT.format(lines=lines))
    flags = " ".join(target.microcontroller.compiler_flags)
    (folder / "toolchain.cmake").write_text(TOOLCHAIN.format(flags=flags))
    (folder / "image.ld").write_text(linker_script(machine_of(target), 8192))
    (folder / "main.c").write_text(main)


def configure(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    assert shutil.which("cmake"), "cmake is missing: scripts/install-system-packages"
    assert shutil.which("ninja"), "ninja is missing: scripts/install-system-packages"
    board = runtime_file("firmware")
    command = ["cmake", "-G", "Ninja", "-S", ".", "-B", "out", "-DCMAKE_TOOLCHAIN_FILE=toolchain.cmake"]
    return subprocess.run(
        [*command, f"-DBOARD={board}", *options], cwd=folder, capture_output=True, text=True, check=False
    )


def build(folder: Path) -> str:
    done = subprocess.run(
        ["cmake", "--build", "out", "--verbose"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def boot(folder: Path) -> int:
    return execute(folder / "out" / "firmware", load_target(TARGET), folder).exit_code


def test_two_models_in_one_firmware_share_an_arena_and_pass_their_self_tests(
    packages: list[Bundle], tmp_path: Path
) -> None:
    lines = [
        f"add_subdirectory({bundle.path} {bundle.manifest['firmware']['prefix']})" for bundle in packages
    ]
    lines.append("target_link_libraries(firmware PRIVATE edgekit::tiny edgekit::okay_nabu)")
    write_project(tmp_path, "\n".join(lines), TWO_MODELS)
    done = configure(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "warning" not in build(tmp_path)
    assert boot(tmp_path) == 5
    sizes = subprocess.run(
        ["arm-none-eabi-nm", "-S", "out/firmware"], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    arena = re.search(r"^\S+ (\S+) b arena$", sizes, re.MULTILINE)
    assert arena is not None, sizes
    assert int(arena[1], 16) == max(bundle.manifest["memory"]["arena_bytes"] for bundle in packages)


def test_a_wrong_weight_fails_the_self_test(packages: list[Bundle], tmp_path: Path) -> None:
    changed = tmp_path / "tiny"
    shutil.copytree(packages[0].path, changed)
    weights = changed / "src" / "tiny_weights.c"
    text = weights.read_text()
    # The last number of every table but 0: whatever it is, it is another one now.
    weights.write_text(re.sub(r"(-?\d+),\n\};", lambda m: f"{int(m[1]) ^ 64},\n}};", text))
    assert weights.read_text() != text
    write_project(
        tmp_path,
        "add_subdirectory(tiny)\ntarget_link_libraries(firmware PRIVATE edgekit::tiny)",
        ONE_MODEL,
    )
    assert configure(tmp_path).returncode == 0
    build(tmp_path)
    assert boot(tmp_path) == 1


def test_three_lines_build_a_model_within_a_cmake_project(tiny: Path, tmp_path: Path) -> None:
    shutil.copy(tiny, tmp_path / "tiny.tflite")
    write_project(
        tmp_path,
        "find_package(EdgeKit REQUIRED)\n"
        f"edgekit_add_model(tiny MODEL tiny.tflite TARGET {TARGET} MAX_RAM ${{MOST}} INTERFACE ${{FORM}})\n"
        "target_link_libraries(firmware PRIVATE edgekit::tiny)\n",
        ONE_MODEL,
    )
    command = tmp_path / "edgekit"  # as pip would install it
    command.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m edgekit "$@"\n')
    command.chmod(0o755)
    options = [f"-DEDGEKIT_COMMAND={command}", f"-DEdgeKit_DIR={runtime_file('cmake')}"]
    unknown = configure(tmp_path, *options, "-DMOST=8", "-DFORM=sideways")
    assert unknown.returncode != 0
    assert "'--interface': 'sideways' is not one of" in " ".join(unknown.stderr.split())
    refused = configure(tmp_path, *options, "-DMOST=8", "-DFORM=file")
    assert refused.returncode != 0
    assert "RAM (arena and state) needs" in " ".join(refused.stderr.split())
    done = configure(tmp_path, *options, "-DMOST=65536")
    assert done.returncode == 0, done.stderr
    build(tmp_path)
    assert boot(tmp_path) == 5


def test_a_budget_of_instructions_is_held_against_the_emulated_board(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(BudgetExceededError, match="an invocation executes"):
        edgekit.build(tiny, target=TARGET, output=tmp_path, budgets=Budgets(max_instructions=10))
    assert not (tmp_path / "tiny").exists()
    kept = edgekit.build(tiny, target=TARGET, output=tmp_path, budgets=Budgets(max_instructions=10_000_000))
    assert kept.path.is_dir()
