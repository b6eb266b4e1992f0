"""Records for microcontrollers: what they must save to be taken, and what a build makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edgekit.codegen.firmware import generate_firmware
from edgekit.devices.choice import DeviceChoice
from edgekit.errors import WrongValueError
from edgekit.ingest import read_tflite
from edgekit.lower import lower
from edgekit.schedule import candidates, schedule
from edgekit.schedule.cpu import cpu_class
from edgekit.schedule.tasks import batch, tasks
from edgekit.schedule.template import NO_PARAMETERS, Choice
from edgekit.search.lookup import StoreLookup
from edgekit.target import load_target
from edgekit.testing.convolution_cases import ConvolutionCase, Numbers, convolutions_model
from edgekit.testing.records import counted
from edgekit.testing.tunable import tunable_model
from edgekit.verbs.bench import bench
from edgekit.verbs.tune import tune

if TYPE_CHECKING:
    from pathlib import Path

    from edgekit.artifacts import QuantizedModel
    from edgekit.schedule.tasks import Task

CORE = load_target("cortex-m4")
PLANES, DIRECT, CANONICAL = (
    Choice(template, NO_PARAMETERS)
    for template in ("mcu_depthwise_planes", "mcu_depthwise_direct", "mcu_depthwise")
)


@pytest.fixture(scope="module")
def model() -> QuantizedModel:
    """A depthwise convolution without padding, which several kernels compute beside the canonical one."""
    case = ConvolutionCase(6, 5, 8, 8, (3, 3), padding="VALID", depth_multiplier=1)
    return read_tflite(convolutions_model([case], Numbers()), name="model")


@pytest.fixture(scope="module")
def task(model: QuantizedModel) -> Task:
    (only,) = tasks(lower(model), CORE)
    return only


def test_layers_have_several_kernels_to_measure(task: Task) -> None:
    found = candidates(task.job, cpu_class(CORE))
    assert found[:2] == (PLANES, DIRECT)
    assert found[-1] == CANONICAL


@pytest.mark.parametrize(
    ("untuned", "score", "function"),
    [
        (100_000.0, 98_900.0, "ek_depthwise_direct"),
        (100_000.0, 99_100.0, "ek_depthwise_3x3"),  # less than 1 %
        (1000.0, 890.0, "ek_depthwise_direct"),
        (1000.0, 910.0, "ek_depthwise_3x3"),  # less than 100 instructions
    ],
)
def test_what_saves_enough_to_pay_for_its_code_is_built(
    model: QuantizedModel, task: Task, untuned: float, score: float, function: str
) -> None:
    lookup = StoreLookup([counted(task, CORE, {PLANES: untuned, DIRECT: score})], CORE)
    tuned = schedule(lower(model), CORE, lookup)
    assert [kernel.function for kernel in tuned.shared.values()] == [function]
    sources = generate_firmware(model, tuned)
    assert f"{function}(" in sources.files[f"src/{sources.prefix}.c"].decode()
    assert sources.tuning.exact == {"emulator": pytest.approx(1.0)}


def test_the_candidates_of_a_task_read_their_own_constants(task: Task) -> None:
    _, tuned = batch([(task, choice) for choice in (PLANES, DIRECT, CANONICAL)], CORE)
    assert list(tuned.shared) == ["candidate000", "candidate001"]
    assert [variable.name_hint for variable in tuned.module.get_global_vars()] == ["candidate002"]
    constants = [[name for name in call.reads if name in tuned.constants] for call in tuned.calls]
    assert [len(names) for names in constants] == [2, 2, 4]
    assert len({name for names in constants for name in names}) == 8


def test_a_host_has_nothing_to_say_about_a_microcontroller(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(tunable_model())
    with pytest.raises(WrongValueError, match=r"cannot be tuned on pi\.local") as caught:
        tune(path, target=CORE, device=DeviceChoice(host="pi.local"), store=tmp_path / "store")
    assert caught.value.fix == "Leave --host out."


def test_a_debug_probe_tunes_nothing(tmp_path: Path) -> None:
    """It is refused before the model is read, which is not there, and QEMU is looked for."""
    probed = DeviceChoice(probe=True)
    with pytest.raises(WrongValueError, match="cortex-m4 cannot be tuned by a debug probe") as caught:
        tune(tmp_path / "model.tflite", target=CORE, device=probed)
    assert caught.value.fix == "Leave --probe out."
    with pytest.raises(WrongValueError, match="A debug probe cannot be used for this"):
        tune(tmp_path / "model.tflite", target="rpi4", device=probed)
    with pytest.raises(WrongValueError, match="A debug probe cannot be used for this"):
        bench(tmp_path / "model.tflite", target="rpi4", device=probed)
