"""Convolutions and matrix products on emulated microcontrollers: the assembly gives the right bytes too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from edgekit.schedule.templates.mcu_convolution import MCU_CONVOLUTION, MCU_CONVOLUTION_MVE
from edgekit.schedule.templates.mcu_dense import MCU_DENSE, MCU_DENSE_MVE
from edgekit.schedule.templates.mcu_plain import MCU_CONVOLUTION_PLAIN, MCU_DENSE_PLAIN
from edgekit.testing import mcu_bench
from edgekit.testing.mcu_cases import Case, convolution_reference, program, sources
from edgekit.testing.mcu_layers import DSP, MVE, PLAIN, constants_of, job_of, layer

if TYPE_CHECKING:
    from pathlib import Path

    from edgekit.compute.convolution import Convolution
    from edgekit.schedule.cpu import CpuClass
    from edgekit.schedule.template import Template

pytestmark = pytest.mark.emulator

CONVOLUTIONS = {
    "one pixel": layer((1, 1), (8, 4)),
    "pointwise": layer((5, 7), (16, 6)),
    "pointwise, odd": layer((3, 3), (30, 7)),
    "many taps": layer((2, 3), (150, 5)),
    "padded": layer((6, 5), (4, 8), (3, 3), same=True),
    "three channels": layer((7, 7), (3, 8), (3, 3)),
    "filter larger than the input": layer((2, 2), (5, 6), (5, 5), same=True),
    "strides and dilations": layer((9, 9), (3, 4), (3, 3), strides=(2, 1), dilations=(2, 3), same=True),
    "several images": layer((4, 4), (3, 4), (3, 3), same=True, images=3),
    "clamped": layer((4, 4), (8, 8), clamp=(-20, 31)),
}
VECTORS = {
    "one output": layer((1, 1), (320, 1)),
    "few outputs": layer((1, 1), (16, 3)),
    "outputs left over": layer((1, 1), (64, 10)),
    "inputs left over": layer((1, 1), (141, 8)),
    "two vectors": layer((1, 2), (9, 6)),
    "whole rows": layer((5, 1), (40, 32), (5, 1), strides=(3, 1)),
}
KERNELS = {
    "dsp": (MCU_CONVOLUTION, MCU_DENSE, DSP),
    "mve": (MCU_CONVOLUTION_MVE, MCU_DENSE_MVE, MVE),
    "plain": (MCU_CONVOLUTION_PLAIN, MCU_DENSE_PLAIN, PLAIN),
}


def case_of(name: str, load: Convolution, template: Template, cpu: CpuClass) -> Case:
    """A layer with random constants, half of its channels dead, and input."""
    constants = constants_of(load, seed=len(name), dead=0.3)
    shape = (load.batch, load.height, load.width, load.in_channels)
    x = np.random.default_rng(1).integers(-128, 127, shape, endpoint=True).astype(np.int8)
    job = job_of(load, constants)
    assert template.fits(job, cpu)
    return Case(
        name=name,
        scheduled=template.apply(job, cpu, template.space(job, cpu)[0]),
        inputs=(x,),
        constants=constants,
        expected=convolution_reference(x, constants, load),
    )


@pytest.mark.parametrize(
    ("core", "kernels", "compiler"),
    [
        ("cortex-m4", "dsp", "gcc"),
        ("cortex-m55", "mve", "gcc"),
        ("cortex-m0plus", "plain", "gcc"),
        pytest.param("cortex-m4", "dsp", "zig", marks=pytest.mark.full),
        pytest.param("cortex-m33", "dsp", "gcc", marks=pytest.mark.full),
        pytest.param("cortex-m55", "mve", "zig", marks=pytest.mark.full),
        pytest.param("riscv32imc", "plain", "gcc", marks=pytest.mark.full),
    ],
)
def test_kernels_are_exact_on_emulated_cores(core: str, kernels: str, compiler: str, tmp_path: Path) -> None:
    convolution, dense, cpu = KERNELS[kernels]
    cases = [case_of(name, load, convolution, cpu) for name, load in CONVOLUTIONS.items()]
    cases += [case_of(name, load, dense, cpu) for name, load in VECTORS.items()]
    main = tmp_path / "main.c"
    main.write_text(program(cases))
    files = [str(path) for path in (main, *sources(cases))]
    assert mcu_bench.main([*files, "--target", core, "--compiler", compiler]) == 0
