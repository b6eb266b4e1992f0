"""What an emulated microcontroller is made of, without running one: machines, scripts, descriptions."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest

from edgekit.devices.emulated.microcontroller.comparison import compare_frames
from edgekit.devices.emulated.microcontroller.description import parse_description
from edgekit.devices.emulated.microcontroller.linker_script import linker_script
from edgekit.devices.emulated.microcontroller.machine import machine_of, traps_unaligned
from edgekit.devices.runner import Difference, TensorDescription
from edgekit.errors import NotEmulatedError, RunnerFailedError
from edgekit.target import TargetKind, list_targets, load_target

FIRMWARE_TARGETS = [target for target in list_targets() if target.kind is TargetKind.MICROCONTROLLER]


@pytest.mark.parametrize("target", FIRMWARE_TARGETS, ids=lambda target: target.name)
def test_a_target_has_a_machine_that_is_known_or_none(target: Any) -> None:
    if target.microcontroller.emulated_machine is None:
        with pytest.raises(NotEmulatedError, match=f"{target.name} cannot be emulated"):
            machine_of(target)
    else:
        machine = machine_of(target)
        assert machine.flash.origin + machine.flash.bytes <= machine.ram.origin
        assert traps_unaligned(target) == (target.cpu == "cortex-m0plus")


def test_vectors_lie_at_the_start_of_the_flash_or_where_the_core_looks_for_them() -> None:
    script = linker_script(machine_of(load_target("cortex-m4")), 4096)
    assert "VECTORS (r) : ORIGIN = 0x00000000, LENGTH = 64" in script
    assert "FLASH (rx) : ORIGIN = 0x00000040, LENGTH = 4194240" in script
    assert ". += 4096;" in script
    apart = linker_script(machine_of(load_target("cortex-m55")), 4096)
    assert "VECTORS (r) : ORIGIN = 0x10000000, LENGTH = 64" in apart
    assert "FLASH (rx) : ORIGIN = 0x11000000, LENGTH = 2097152" in apart


def words(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


def text(content: str) -> bytes:
    return words(len(content.encode())) + content.encode()


def tensor(name: str, dtype: int, shape: tuple[int, ...], size: int, offset: int) -> bytes:
    numbers = struct.pack("<fi", 0.5, -3)
    return text(name) + words(dtype, len(shape), *shape, size, offset) + numbers


def test_a_description_is_read_back() -> None:
    content = words(2) + text("Wörter") + text("ab12") + text("cortex-m4") + words(64, 8, 0)
    content += words(1) + tensor("in", 1, (2, 3), 6, 0)
    content += words(1) + tensor("out", 6, (), 4, 8)
    content += words(1) + text("RELU") + text("ek_relu") + words(4)
    content += struct.pack("<Q", 1 << 40) + words(1) + tensor("out", 6, (), 4, 8)
    found = parse_description(content)
    assert (found.abi_version, found.name, found.digest, found.target) == (2, "Wörter", "ab12", "cortex-m4")
    assert (found.arena_bytes, found.arena_alignment, found.state_bytes) == (64, 8, 0)
    (given,), (step,) = found.inputs, found.operators
    assert (given.name, given.dtype, given.shape, given.bytes) == ("in", "int8", (2, 3), 6)
    assert (given.scale, given.zero_point) == (0.5, -3)
    assert (step.name, step.kernel, step.index, step.macs) == ("RELU", "ek_relu", 4, 1 << 40)
    assert step.outputs == found.outputs
    assert (step.outputs[0].dtype, step.outputs[0].shape, step.outputs[0].arena_offset) == ("float32", (), 8)


def output(name: str, dtype: str, shape: tuple[int, ...]) -> TensorDescription:
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return TensorDescription(
        name=name, dtype=dtype, shape=shape, bytes=size, arena_offset=0, scale=0.0, zero_point=0
    )


OUTPUTS = (output("a", "int8", (3,)), output("b", "float32", (2,)))


def frame(a: list[int], b: list[float]) -> bytes:
    return np.array(a, np.int8).tobytes() + np.array(b, np.float32).tobytes()


def test_equal_frames_are_equal() -> None:
    content = frame([1, 2, 3], [1, 2]) + frame([4, 5, 6], [np.nan, 0])
    found = compare_frames(content, content, OUTPUTS)
    assert (found.frames, found.equal, found.differing_elements) == (2, True, 0)
    assert found.first_difference is None


def test_the_first_difference_is_that_of_the_earliest_frame_then_output() -> None:
    expected = frame([1, 2, 3], [1, 2]) + frame([4, 5, 6], [3, 4])
    actual = frame([1, 2, 3], [1, 7]) + frame([4, -5, 7], [3, 4])
    found = compare_frames(actual, expected, OUTPUTS)
    assert (found.equal, found.differing_elements) == (False, 3)
    assert found.first_difference == Difference(frame=0, output=1, element=1, expected=2.0, actual=7.0)


def test_bytes_are_compared_and_not_values() -> None:
    found = compare_frames(frame([0, 0, 0], [-0.0, np.inf]), frame([0, 0, 0], [0.0, np.nan]), OUTPUTS)
    assert found.differing_elements == 2
    second = compare_frames(frame([0, 0, 0], [0.0, np.inf]), frame([0, 0, 0], [0.0, np.nan]), OUTPUTS)
    assert second.first_difference is not None
    assert (second.first_difference.expected, second.first_difference.actual) == ("nan", "inf")


def test_outputs_that_are_no_whole_frames_are_refused() -> None:
    content = frame([1, 2, 3], [1, 2])
    with pytest.raises(RunnerFailedError, match="not of the model's size"):
        compare_frames(content[:-1], content, OUTPUTS)
