"""Depthwise convolution and pooling on emulated microcontrollers: the assembly gives the right bytes too."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edgekit.compute.pooling import Pooling
from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.template import NO_PARAMETERS
from edgekit.schedule.templates.mcu_depthwise import MCU_DEPTHWISE
from edgekit.schedule.templates.mcu_depthwise_direct import MCU_DEPTHWISE_DIRECT
from edgekit.schedule.templates.mcu_depthwise_mve import MCU_DEPTHWISE_MVE
from edgekit.schedule.templates.mcu_depthwise_plain import MCU_DEPTHWISE_PLAIN
from edgekit.schedule.templates.mcu_reduction import shared_kernel
from edgekit.testing import mcu_bench
from edgekit.testing.mcu_cases import Case, convolution_reference, program, sources
from edgekit.testing.mcu_layers import DSP, MVE, PLAIN, constants_of, job_of, layer

if TYPE_CHECKING:
    from pathlib import Path

    from edgekit.compute.convolution import Convolution
    from edgekit.schedule.cpu import CpuClass

pytestmark = pytest.mark.emulator

DEPTHWISE = {
    "3x3": layer((5, 6), (12, 12), (3, 3), same=True),
    "3x3, odd": layer((7, 5), (11, 11), (3, 3), same=True),
    "3x3 by two": layer((9, 8), (8, 8), (3, 3), strides=(2, 2), same=True),
    "3x3 by two, odd": layer((7, 13), (9, 9), (3, 3), strides=(2, 2), same=True),
    "one column": layer((4, 1), (8, 8), (3, 3), same=True),
    "nine in a row": layer((30, 1), (8, 8), (9, 1), same=True),
    "nine in a row, left over": layer((1, 13), (10, 10), (1, 9), same=True),
    "nine in a row by two": layer((59, 1), (8, 8), (9, 1), strides=(2, 1), same=True),
    "seventeen in a row": layer((21, 1), (8, 8), (17, 1), same=True),
    "5x5": layer((6, 7), (8, 8), (5, 5), same=True, images=2),
    "one output": layer((13, 1), (14, 14), (13, 1)),
    "dilated": layer((9, 9), (8, 8), (3, 3), dilations=(2, 2)),
    "clamped": layer((5, 6), (9, 9), (3, 3), same=True, clamp=(-7, 90)),
    "clamped, in a row": layer((13, 1), (8, 8), (9, 1), same=True, clamp=(-7, 90)),
    "three filters each": layer((6, 5), (5, 15), (3, 3), same=True),
}
TEMPLATES = (MCU_DEPTHWISE, MCU_DEPTHWISE_DIRECT, MCU_DEPTHWISE_MVE, MCU_DEPTHWISE_PLAIN)


def depthwise_cases(name: str, convolution: Convolution, cpu: CpuClass) -> list[Case]:
    """A layer with random constants, some of its channels dead, by each kernel that computes it."""
    load = dataclasses.replace(convolution, depthwise=True)
    window = load.window
    weights, *scales = constants_of(dataclasses.replace(load, in_channels=1), seed=len(name), dead=0.3)
    by_tap = weights.reshape(load.out_channels, window.kernel_h, window.kernel_w).transpose(1, 2, 0)
    constants = (np.ascontiguousarray(by_tap), *scales)
    shape = (load.batch, load.height, load.width, load.in_channels)
    x = np.random.default_rng(1).integers(-128, 127, shape, endpoint=True).astype(np.int8)
    job = dataclasses.replace(job_of(load, constants), kind="depthwise")
    expected = convolution_reference(x, constants, load)
    fitting = [template for template in TEMPLATES if template.fits(job, cpu)]
    assert fitting, name
    return [
        Case(
            name=f"{name}, {template.name}",
            scheduled=template.apply(job, cpu, NO_PARAMETERS),
            inputs=(x,),
            constants=constants,
            expected=expected,
        )
        for template in fitting
    ]


def pooling_case(cpu: CpuClass, *, is_average: bool) -> Case:
    """Windows of 2x2 over an odd plane, whose channels are no multiple of four."""
    window = layer((7, 9), (10, 10), (2, 2), strides=(2, 2)).window
    load = Pooling(
        batch=1,
        height=7,
        width=9,
        channels=10,
        out_height=3,
        out_width=4,
        window=window,
        is_average=is_average,
        low=-100,
        high=90,
    )
    x = np.random.default_rng(2).integers(-128, 127, (1, 7, 9, 10), endpoint=True).astype(np.int8)
    windows = x[:, :6, :8].astype(np.int64).reshape(1, 3, 2, 4, 2, 10)
    total = windows.sum(axis=(2, 4))
    average = np.sign(total) * ((np.abs(total) + 2) // 4)
    assert cpu.mcu is not None
    result = np.clip(average if is_average else windows.max(axis=(2, 4)), load.low, load.high)
    return Case(
        name="average" if is_average else "maximum",
        scheduled=Scheduled(None, shared=shared_kernel(load, cpu.mcu), merge=_nothing),
        inputs=(x,),
        constants=(),
        expected=result.astype(np.int8),
    )


def _nothing(constants: tuple[Any, ...]) -> tuple[Any, ...]:
    return constants


@pytest.mark.parametrize(
    ("core", "cpu", "compiler"),
    [
        ("cortex-m4", DSP, "gcc"),
        ("cortex-m55", MVE, "gcc"),
        ("cortex-m0plus", PLAIN, "gcc"),  # which refuses words at odd addresses
        pytest.param("cortex-m4", DSP, "zig", marks=pytest.mark.full),
        pytest.param("cortex-m33", DSP, "gcc", marks=pytest.mark.full),
        pytest.param("cortex-m55", MVE, "zig", marks=pytest.mark.full),
    ],
)
def test_kernels_are_exact_on_emulated_cores(core: str, cpu: CpuClass, compiler: str, tmp_path: Path) -> None:
    cases = [case for name, load in DEPTHWISE.items() for case in depthwise_cases(name, load, cpu)]
    cases += [pooling_case(cpu, is_average=is_average) for is_average in (True, False)]
    main = tmp_path / "main.c"
    main.write_text(program(cases))
    files = [str(path) for path in (main, *sources(cases))]
    assert mcu_bench.main([*files, "--target", core, "--compiler", compiler]) == 0
