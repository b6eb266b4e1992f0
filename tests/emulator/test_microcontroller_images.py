"""Bare-metal images start on every emulated core, count exactly, and do not hide what goes wrong."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import edgekit.testing
from edgekit.devices.emulated.microcontroller.execute import Executed, execute
from edgekit.devices.emulated.microcontroller.image import (
    WARNINGS,
    Compiler,
    Part,
    Source,
    build_image,
)
from edgekit.devices.emulated.microcontroller.machine import machine_of
from edgekit.devices.emulated.tools import find_tool
from edgekit.errors import CommandTimedOutError, EmulatorFailedError, NotEmulatedError
from edgekit.target import load_target
from edgekit.testing import mcu_bench

pytestmark = pytest.mark.emulator

CORES = ("cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "riscv32imc")
HEADERS = Path(edgekit.testing.__file__).parent
FAULT, STACK_OVERFLOW = 70, 71  # the exit codes of runtime/firmware/startup.h

# A loop whose instructions are known: two an iteration, in one block of assembly that every core takes.
LOOP = r"""
#include "mcu_bench.h"

static int initialised = 42;
static int zero[100];
static volatile uint32_t few = 1, many = 1001;

static void loop(uint32_t times) {
#if defined(__riscv)
  __asm__ volatile("1: addi %0, %0, -1\nbnez %0, 1b" : "+r"(times));
#else
  __asm__ volatile(".syntax unified\n1: subs %0, #1\nbne 1b" : "+l"(times) : : "cc");
#endif
}

int main(void) {
  if (initialised != 42 || zero[99] != 0)
    return 1;
  BENCH("nothing", loop(few));
  BENCH("loop", loop(many));
  host_print("hello\n");
  return 7;
}
"""
UNALIGNED = r"""
#include "mcu_bench.h"
uint32_t words[4];
uint32_t offset = 1;
int main(void) { return *(volatile uint32_t *)(void *)((char *)words + offset) == 0 ? 0 : 1; }
"""
DEEP = r"""
#include "mcu_bench.h"
uint32_t deep(uint32_t n);
__attribute__((noinline)) uint32_t deep(uint32_t n) {
  volatile uint32_t local[64];
  local[n & 63] = n;
  return n == 0 ? local[0] : deep(n - 1) + local[n & 63];
}
int main(void) { return (int)deep(1000000); }
"""
# SysTick counts the processor's clock, which under -icount shift=0 is one instruction a nanosecond.
TICKS = r"""
#include "mcu_bench.h"
#define REGISTER(address) (*(volatile uint32_t *)(address##u))
static uint32_t ticks(void) { return 0xffffff - REGISTER(0xE000E018); }
int main(void) {
  volatile uint32_t sum = 0;
  REGISTER(0xE000E014) = 0xffffff;
  REGISTER(0xE000E018) = 0;
  REGISTER(0xE000E010) = 5; /* on, by the processor's clock */
  (void)ticks();            /* the first read is spurious */
  const uint32_t before = ticks();
  BENCH("work", for (uint32_t i = 0; i < 100000; i++) sum += i);
  host_print_hex((ticks() - before) & 0xffffff);
  return 0;
}
"""


def run(
    source: str, core: str, directory: Path, *, compiler: Compiler = Compiler.GCC, count: bool = False
) -> Executed:
    directory.mkdir(parents=True, exist_ok=True)
    program = directory / "program.c"
    program.write_text(source)
    target = load_target(core)
    sources = [Source(path=program, part=Part.HARNESS)]
    image = build_image(sources, target, directory, includes=[HEADERS], compiler=compiler, warnings=WARNINGS)
    return execute(image.path, target, directory, count=count, timeout_seconds=60)


@pytest.mark.parametrize("compiler", list(Compiler))
@pytest.mark.parametrize("core", CORES)
def test_an_image_runs_on_every_core_and_its_instructions_are_counted(
    core: str, compiler: Compiler, tmp_path: Path
) -> None:
    done = run(LOOP, core, tmp_path, compiler=compiler, count=True)
    assert (done.exit_code, done.printed.splitlines()[-1]) == (7, "hello")
    # But for what it takes to load one number or the other.
    assert abs(done.intervals[2] - done.intervals[0] - 2 * 1000) <= 4
    assert machine_of(load_target(core)).name in done.emulator


@pytest.mark.parametrize("core", CORES)
def test_a_stack_that_overflows_is_noticed(core: str, tmp_path: Path) -> None:
    done = run(DEEP, core, tmp_path)
    assert (done.exit_code, done.printed) == (STACK_OVERFLOW, "the stack overflowed\n")


def test_a_core_that_refuses_unaligned_words_does_so(tmp_path: Path) -> None:
    refused = run(UNALIGNED, "cortex-m0plus", tmp_path / "m0plus")
    assert refused.exit_code == FAULT
    assert refused.printed.startswith("unaligned access at 0x")
    assert run(UNALIGNED, "cortex-m3", tmp_path / "m3").exit_code == 0


def test_the_timer_of_the_core_agrees_with_the_count(tmp_path: Path) -> None:
    """TFLite Micro's figures were read from the timer, and ours are counted by the plugin."""
    counted = run(TICKS, "cortex-m4", tmp_path, count=True)
    machine = machine_of(load_target("cortex-m4"))
    timed = subprocess.run(
        [
            *(find_tool(machine.qemu), "-M", machine.name, "-display", "none", "-monitor", "none"),
            *("-serial", "none", "-icount", "shift=0", "-semihosting-config", "enable=on,target=native"),
            *("-kernel", str(tmp_path / "image.elf")),
        ],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    ticks = int(timed.stderr.decode().splitlines()[-1], 16)
    instructions_per_tick = 40  # 25 MHz
    assert abs(ticks * instructions_per_tick - counted.intervals[0]) <= 2 * instructions_per_tick


def test_an_image_that_hangs_is_given_up(tmp_path: Path) -> None:
    (tmp_path / "program.c").write_text("int main(void) { for (;;) {} }\n")
    target = load_target("cortex-m4")
    source = Source(path=tmp_path / "program.c", part=Part.HARNESS)
    image = build_image([source], target, tmp_path)
    with pytest.raises(CommandTimedOutError, match="did not end within 1 s on the emulated cortex-m4"):
        execute(image.path, target, tmp_path, timeout_seconds=1)


def test_what_the_compiler_says_is_in_the_message(tmp_path: Path) -> None:
    with pytest.raises(EmulatorFailedError, match=r"Compiling program\.c for cortex-m4 failed") as failed:
        run("int main(void) { return nothing; }", "cortex-m4", tmp_path)
    assert "'nothing' undeclared" in failed.value.why


def test_a_core_that_qemu_lacks_is_refused_by_its_name() -> None:
    with pytest.raises(NotEmulatedError, match="cortex-m85 cannot be emulated"):
        machine_of(load_target("cortex-m85"))


def test_the_bench_of_kernels_shows_counts_sizes_and_what_a_program_prints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "main.c").write_text(
        '#include "mcu_bench.h"\n#include "kernel.h"\n'
        "int main(void) {\n"
        "  int8_t out[8];\n"
        '  BENCH("clear", clear(out, 8));\n'
        '  static const int8_t zeros[8] = {0};\n  bench_expect("clear", out, zeros, 8);\n'
        '  out[3] = 1;\n  bench_expect("spoiled", out, zeros, 8);\n  return 0;\n}\n'
    )
    (tmp_path / "kernel.h").write_text("#include <stdint.h>\nvoid clear(int8_t *to, uint32_t n);\n")
    (tmp_path / "kernel.c").write_text(
        '#include "kernel.h"\n'
        "void clear(int8_t *to, uint32_t n) { while (n-- > 0) *(volatile int8_t *)to++ = 0; }\n"
    )
    code = mcu_bench.main([str(tmp_path / "main.c"), str(tmp_path / "kernel.c"), "-I", str(tmp_path)])
    shown = capsys.readouterr().out
    assert code == 3
    assert "spoiled: element 0x00000003 is 0x00000001 instead of 0x00000000" in shown
    assert "instructions  clear" in shown
    assert "bytes         clear" in shown
