"""Instruction counts repeat exactly, follow the work, and belong to the right step."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from edgekit.devices.emulated.counting import Counter, InstructionCounts, count_instructions
from edgekit.errors import EmulatorFailedError, ToolMissingError
from edgekit.target import Target, load_target
from edgekit.toolchain import zig_cc

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.emulator

# Two invocations of two steps. The second step works twice as long as the first; the
# first also calls the C library, so that what a step calls in a shared library is seen to count.
SOURCE = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile unsigned sink;
static char storage[4096];
static char *volatile buffer = storage;

__attribute__((noinline)) void MARK(void) { __asm__ volatile(""); }

__attribute__((noinline)) static void work(unsigned n) {
    for (unsigned i = 0; i < n; i++) sink += i;
}

int main(int argc, char **argv) {
    unsigned n = atoi(argv[1]);
    size_t bytes = argc > 2 ? atoi(argv[2]) : 0;
    for (int run = 0; run < 2; run++) {
        MARK(); work(n); memset(buffer, run, bytes);
        MARK(); work(2 * n);
        MARK();
    }
    puts("done");
    return argc > 3 ? atoi(argv[3]) : 0;
}
"""


@pytest.fixture(scope="module", params=["rpi4", "beaglebone-black"])
def target(request: pytest.FixtureRequest) -> Target:
    return load_target(request.param)


@pytest.fixture(scope="module")
def program(target: Target, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(target, tmp_path_factory.mktemp("program"), mark="edgekit_step_mark")


def compiled(target: Target, directory: Path, mark: str) -> Path:
    (directory / "program.c").write_text(SOURCE)
    options = ["-O2", f"-DMARK={mark}", "program.c", "-o", "program"]
    zig_cc(options, triple=target.triple, glibc=target.glibc, directory=directory)
    return directory / "program"


def count(
    program: Path,
    target: Target,
    *arguments: object,
    counter: Counter = Counter.AUTO,
    timeout_seconds: float = 60.0,
) -> InstructionCounts:
    argv: list[str | Path] = [program, *map(str, arguments)]
    try:
        return count_instructions(
            argv,
            target,
            progress=lambda stage, fraction: None,
            counter=counter,
            timeout_seconds=timeout_seconds,
        )
    except ToolMissingError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


def test_two_runs_give_the_same_counts_to_the_last_instruction(program: Path, target: Target) -> None:
    assert count(program, target, 1000, 512) == count(program, target, 1000, 512)


def test_the_plugin_and_qemus_own_log_agree_to_the_last_instruction(program: Path, target: Target) -> None:
    by_log = count(program, target, 1000, 512, counter=Counter.TRACE)
    assert by_log == count(program, target, 1000, 512)
    assert by_log.per_step(2)[1][1] > 8000


def test_a_program_that_never_ends_is_given_up(program: Path, target: Target) -> None:
    for counter in (Counter.AUTO, Counter.TRACE):
        with pytest.raises(EmulatorFailedError, match="did not end within 1 s"):
            count(program, target, 2**31, counter=counter, timeout_seconds=1.0)


def test_a_count_grows_with_the_work_by_whole_rounds_of_the_loop(program: Path, target: Target) -> None:
    short, long, longer = (count(program, target, n).per_step(2)[1] for n in (1000, 2000, 4000))
    round_of_loop = (long[0] - short[0]) // 1000
    assert 4 <= round_of_loop <= 12  # load, add, store, compare, branch, and what the compiler adds
    for step, twice in enumerate((1, 2)):
        assert long[step] - short[step] == twice * 1000 * round_of_loop
        assert longer[step] - long[step] == twice * 2000 * round_of_loop


def test_the_overhead_around_an_empty_step_is_a_few_instructions(program: Path, target: Target) -> None:
    assert all(count < 40 for count in count_of_nothing(program, target))


def count_of_nothing(program: Path, target: Target) -> tuple[int, ...]:
    return count(program, target, 0).per_step(2)[1]


def test_what_a_step_calls_in_a_shared_library_belongs_to_it(program: Path, target: Target) -> None:
    without = count(program, target, 100, 0).per_step(2)[1]
    with_call = count(program, target, 100, 4096).per_step(2)[1]
    assert with_call[0] > without[0] + 20
    assert with_call[1] == without[1]


def test_invocations_are_told_apart_and_the_programs_output_is_kept(program: Path, target: Target) -> None:
    counts = count(program, target, 100)
    assert len(counts.intervals) == 5
    assert [len(steps) for steps in counts.per_step(2)] == [2, 2]
    assert counts.stdout == b"done\n"
    assert counts.cpu == target.emulated_cpu
    assert " version " in counts.qemu


def test_a_wrong_number_of_steps_is_noticed(program: Path, target: Target) -> None:
    with pytest.raises(EmulatorFailedError, match="6 marks, which are no whole invocations of 3 steps"):
        count(program, target, 100).per_step(3)


def test_a_program_without_the_mark_is_refused(target: Target, tmp_path: Path) -> None:
    unmarked = compiled(target, tmp_path, mark="something_else")
    with pytest.raises(EmulatorFailedError, match="made no marks"):
        count(unmarked, target, 100)


def test_a_program_that_fails_is_reported_with_its_exit_code(program: Path, target: Target) -> None:
    with pytest.raises(EmulatorFailedError, match="ended with 9"):
        count(program, target, 1, 1, 9)
