"""The native runner, built by our compiler and run on this machine through its typed wrapper."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgekit.devices import runner
from edgekit.devices.frames import pack_frames, unpack_frames
from edgekit.devices.local import LocalDevice
from edgekit.errors import (
    DeviceRefusedError,
    ExitCode,
    InputsDoNotFitError,
    LibraryRefusedError,
    RunnerFailedError,
)
from edgekit.package.manifest import ABI_VERSION
from edgekit.package.runner_binary import build_runner
from edgekit.runtime import runtime_file
from edgekit.target import load_target
from edgekit.testing.tiny_model import LIBRARY_NAME, SHAPE, ZERO_POINT, tiny_library
from edgekit.toolchain import zig_cc

if TYPE_CHECKING:
    from numpy.typing import NDArray

FRAMES = np.arange(3 * 8, dtype=np.int8).reshape(3, *SHAPE) - 10
DEVICE = LocalDevice()


def answers(frames: NDArray[np.int8]) -> NDArray[np.int8]:
    """What the tiny model computes, in numpy."""
    previous = np.concatenate([np.full((1, *SHAPE), ZERO_POINT, np.int8), frames[:-1]])
    found: NDArray[np.int8] = np.maximum(np.maximum(frames, previous), np.int8(ZERO_POINT))
    return found


def install(directory: Path, *bugs: str) -> str:
    """A folder with runner, library and input frames, as it lies on a device."""
    target = load_target("host")
    (directory / "edgekit-runner").write_bytes(build_runner(target))
    (directory / "edgekit-runner").chmod(0o755)
    (directory / LIBRARY_NAME).write_bytes(tiny_library(target, *bugs))
    (directory / "in").write_bytes(pack_frames([FRAMES]))
    (directory / "out").write_bytes(pack_frames([answers(FRAMES)]))
    return str(directory)


@pytest.fixture
def good(tmp_path: Path) -> str:
    return install(tmp_path)


def test_a_library_describes_itself(good: str) -> None:
    model = runner.describe(DEVICE, good, LIBRARY_NAME)
    assert (model.abi_version, model.arena_bytes, model.arena_alignment, model.state_bytes) == (
        ABI_VERSION,
        136,
        64,
        8,
    )
    assert [(step.name, step.kernel, step.index) for step in model.operators] == [
        ("MAXIMUM", "tiny_maximum", 3),
        ("RELU", "tiny_relu", 4),
        ("ASSIGN_VARIABLE", "tiny_assign", 5),
    ]
    (given_tensor,) = model.inputs
    assert (given_tensor.name, given_tensor.dtype, given_tensor.shape) == ("input_0", "int8", SHAPE)
    assert (given_tensor.scale, given_tensor.zero_point) == (0.5, ZERO_POINT)


def test_quotes_in_names_survive_the_json(good: str) -> None:
    assert runner.describe(DEVICE, good, LIBRARY_NAME).name == 'tiny "model"'


def test_equal_outputs_are_found_equal_with_state_carried(good: str) -> None:
    result = runner.check(DEVICE, good, LIBRARY_NAME, "in", "out")
    assert result == runner.CheckResult(frames=3, equal=True, differing_elements=0, first_difference=None)


def test_the_first_differing_element_is_named(good: str) -> None:
    wrong = answers(FRAMES)
    wrong[1, 1, 2] ^= 4
    wrong[2, 0, 0] ^= 4
    Path(good, "out").write_bytes(pack_frames([wrong]))
    result = runner.check(DEVICE, good, LIBRARY_NAME, "in", "out")
    assert (result.equal, result.differing_elements) == (False, 2)
    right = int(answers(FRAMES)[1, 1, 2])
    assert result.first_difference == runner.Difference(
        frame=1, output=0, element=6, expected=right ^ 4, actual=right
    )


def test_run_writes_what_the_model_computes(good: str) -> None:
    assert runner.run(DEVICE, good, LIBRARY_NAME, "in", "result") == 3
    (found,) = unpack_frames(Path(good, "result").read_bytes(), [(SHAPE, "int8")])
    np.testing.assert_array_equal(found, answers(FRAMES))


def test_dump_writes_every_step_of_the_frame_asked_for(good: str) -> None:
    Path(good, "dumped").mkdir()
    assert runner.dump(DEVICE, good, LIBRARY_NAME, "in", "dumped", frame=1) == 3
    assert sorted(path.name for path in Path(good, "dumped").iterdir()) == ["1-0-0.bin", "1-1-0.bin"]
    loudest = np.fromfile(Path(good, "dumped", "1-0-0.bin"), np.int8).reshape(SHAPE)
    np.testing.assert_array_equal(loudest, np.maximum(FRAMES[0], FRAMES[1]))


def test_dump_of_all_frames_writes_each(good: str) -> None:
    Path(good, "dumped").mkdir()
    runner.dump(DEVICE, good, LIBRARY_NAME, "in", "dumped")
    assert len(list(Path(good, "dumped").iterdir())) == 3 * 2


def test_dump_of_a_frame_that_is_not_there_is_refused(good: str) -> None:
    Path(good, "dumped").mkdir()
    with pytest.raises(InputsDoNotFitError, match="no frame 3 among the 3"):
        runner.dump(DEVICE, good, LIBRARY_NAME, "in", "dumped", frame=3)


def test_profile_gives_one_time_a_run_and_step(good: str) -> None:
    samples = runner.profile(DEVICE, good, LIBRARY_NAME, "in", warmup=2, runs=5)
    assert samples.runs == len(samples.total_ns) == 5
    assert samples.warm_up_runs == 2
    assert [len(step) for step in samples.step_ns] == [5, 5, 5]
    assert all(time > 0 for time in samples.total_ns)


def test_a_warm_up_goes_on_until_ten_runs_show_that_times_are_steady(good: str) -> None:
    samples = runner.profile(DEVICE, good, LIBRARY_NAME, "in", warmup=0, runs=1, settle_seconds=60)
    assert samples.is_steady
    assert samples.warm_up_runs >= 10


def test_count_runs_through_all_steps(good: str) -> None:
    done = DEVICE.run(
        f"{good}/edgekit-runner", "count", f"{good}/{LIBRARY_NAME}", f"{good}/in", "--runs", "2"
    )
    assert (done.exit_code, done.stdout) == (0, b'{"runs": 2, "steps": 3}\n')


def test_the_mark_that_counters_watch_is_in_the_symbol_table(good: str) -> None:
    assert b"edgekit_step_mark" in Path(good, "edgekit-runner").read_bytes()


@pytest.mark.parametrize(("bug", "offset"), [("OVERRUN", "offset 136"), ("UNDERRUN", "offset -1")])
def test_a_model_that_leaves_its_arena_is_caught(tmp_path: Path, bug: str, offset: str) -> None:
    directory = install(tmp_path, bug)
    with pytest.raises(RunnerFailedError, match=f"wrote outside its arena of 136 bytes, at {offset};"):
        runner.check(DEVICE, directory, LIBRARY_NAME, "in", "out")
    with pytest.raises(RunnerFailedError, match="wrote outside its arena"):
        runner.profile(DEVICE, directory, LIBRARY_NAME, "in", warmup=0, runs=1)


def test_a_model_that_relies_on_zeroed_state_differs(tmp_path: Path) -> None:
    result = runner.check(DEVICE, install(tmp_path, "RESET"), LIBRARY_NAME, "in", "out")
    assert not result.equal


def test_another_interface_version_is_refused_with_both_versions(tmp_path: Path) -> None:
    directory = install(tmp_path, "ABI")
    with pytest.raises(
        LibraryRefusedError, match=r"has version 99 .* this runner reads version 2"
    ) as refused:
        runner.describe(DEVICE, directory, LIBRARY_NAME)
    assert refused.value.exit_code == ExitCode.DEVICE


def test_a_library_that_is_no_model_is_refused(tmp_path: Path) -> None:
    directory = install(tmp_path, "NO_SYMBOL")
    with pytest.raises(LibraryRefusedError, match="it has no edgekit_model_get"):
        runner.check(DEVICE, directory, LIBRARY_NAME, "in", "out")


def test_a_library_for_another_cpu_is_refused(tmp_path: Path) -> None:
    directory = install(tmp_path)
    (tmp_path / LIBRARY_NAME).write_bytes(tiny_library(load_target("generic-aarch64")))
    with pytest.raises(LibraryRefusedError, match="cannot load the library"):
        runner.describe(DEVICE, directory, LIBRARY_NAME)


def test_a_runner_for_another_cpu_is_a_refusal_of_the_device(tmp_path: Path) -> None:
    directory = install(tmp_path)
    (tmp_path / "edgekit-runner").write_bytes(b"\x7fELF of another kind")
    with pytest.raises(DeviceRefusedError, match="cannot start the EdgeKit runner"):
        runner.describe(DEVICE, directory, LIBRARY_NAME)


def test_a_crash_is_told_by_its_signal(tmp_path: Path) -> None:
    with pytest.raises(RunnerFailedError, match="ended with signal 6"):
        runner.check(DEVICE, install(tmp_path, "CRASH"), LIBRARY_NAME, "in", "out")


def test_a_failing_invoke_is_told_by_its_number(tmp_path: Path) -> None:
    with pytest.raises(RunnerFailedError, match="invoke returned -7"):
        runner.run(DEVICE, install(tmp_path, "FAILS"), LIBRARY_NAME, "in", "result")


def test_inputs_that_end_inside_a_frame_are_refused(good: str) -> None:
    Path(good, "in").write_bytes(bytes(12))
    with pytest.raises(InputsDoNotFitError, match="its last one has 4 bytes, the model's inputs take 8"):
        runner.run(DEVICE, good, LIBRARY_NAME, "in", "result")


def test_a_check_of_nothing_proves_nothing(good: str) -> None:
    Path(good, "in").write_bytes(b"")
    Path(good, "out").write_bytes(b"")
    with pytest.raises(InputsDoNotFitError, match="holds no frame"):
        runner.check(DEVICE, good, LIBRARY_NAME, "in", "out")


@pytest.mark.parametrize(
    ("size", "complaint"), [(23, "no outputs for frame 2"), (25, "more than the 3 frames")]
)
def test_expected_outputs_must_be_as_many_as_the_frames(good: str, size: int, complaint: str) -> None:
    content = Path(good, "out").read_bytes() + b"\0"
    Path(good, "out").write_bytes(content[:size])
    with pytest.raises(InputsDoNotFitError, match=complaint):
        runner.check(DEVICE, good, LIBRARY_NAME, "in", "out")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("fly",),
        ("check", "x.so"),
        ("describe", "x.so", "more"),
        ("profile", "x.so", "in", "--runs", "0"),
        ("profile", "x.so", "in", "--runs", "ten"),
        ("profile", "x.so", "in", "--runs"),
        ("count", "x.so", "in", "--warmup", "1"),
    ],
)
def test_wrong_arguments_print_the_usage(good: str, arguments: tuple[str, ...]) -> None:
    done = subprocess.run([f"{good}/edgekit-runner", *arguments], capture_output=True, check=False)
    assert done.returncode == 2
    assert b"edgekit-runner profile" in done.stderr
    assert done.stdout == b""


def test_an_answer_that_breaks_off_is_an_error(good: str) -> None:
    Path(good, "edgekit-runner").write_text("#!/bin/sh\nprintf '{\"frames\": 3'\n")
    with pytest.raises(RunnerFailedError, match="gave no readable answer"):
        runner.run(DEVICE, good, LIBRARY_NAME, "in", "result")


@pytest.mark.parametrize("target", ["generic-aarch64", "generic-armv7", "host"])
def test_the_runner_is_built_for_every_architecture(target: str) -> None:
    loaded = load_target(target)
    binary = build_runner(loaded)
    assert binary[:4] == b"\x7fELF"
    assert binary == build_runner(loaded)
    assert len(binary) < 300 * 1024  # armv7's has debug information of the compiler's support code


@pytest.mark.parametrize("language", ["c", "c++"])
def test_the_header_is_clean_c99_and_cpp11(tmp_path: Path, language: str) -> None:
    (tmp_path / "edgekit.h").write_bytes(runtime_file("edgekit.h").read_bytes())
    (tmp_path / "use.c").write_text('#include "edgekit.h"\n#include "edgekit.h"\nint unused;\n')
    standard = "-std=c99" if language == "c" else "-std=c++11"
    strict = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]
    zig_cc(
        ["-x", language, standard, *strict, "-Wno-unused-command-line-argument", "-c", "use.c"],
        triple="x86_64-linux-gnu",
        glibc="2.17",
        directory=tmp_path,
    )


def test_the_runner_compiles_without_a_strict_compilers_warning(tmp_path: Path) -> None:
    runtime = Path(runner.__file__).parents[1] / "runtime"
    sources = [runtime / "edgekit.h", *runtime.glob("runner*.[ch]")]
    for path in sources:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    strict = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]
    units = [path.name for path in sources if path.suffix == ".c"]
    zig_cc(
        ["-std=c99", "-D_POSIX_C_SOURCE=200809L", *strict, *units, "-ldl", "-o", "runner"],
        triple="armv7a-linux-gnueabihf",
        glibc="2.17",
        directory=tmp_path,
    )


def test_the_headers_interface_version_is_the_manifests() -> None:
    assert f"#define EDGEKIT_ABI_VERSION {ABI_VERSION}u" in runtime_file("edgekit.h").read_text()


TENSORS = st.lists(
    st.tuples(
        hnp.array_shapes(min_dims=0, max_dims=3, max_side=4),
        st.sampled_from(["int8", "uint8", "int16", "int32", "int64", "float32", "bool"]),
    ),
    min_size=1,
    max_size=3,
)


@given(data=st.data(), described=TENSORS, frames=st.integers(1, 4))
def test_packed_frames_unpack_to_the_same_arrays(
    data: st.DataObject, described: list[tuple[tuple[int, ...], str]], frames: int
) -> None:
    arrays = [data.draw(hnp.arrays(dtype, (frames, *shape))) for shape, dtype in described]
    found = unpack_frames(pack_frames(arrays), described)
    for array, unpacked in zip(arrays, found, strict=True):
        assert unpacked.dtype == array.dtype
        assert unpacked.shape == array.shape
        assert unpacked.tobytes() == array.tobytes()


def test_outputs_that_are_no_whole_frames_are_an_error() -> None:
    with pytest.raises(RunnerFailedError, match="It wrote 7 bytes; one frame takes 8"):
        unpack_frames(bytes(7), [(SHAPE, "int8")])
