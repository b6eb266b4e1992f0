"""Candidates on microcontrollers: images whose steps they are, and their instructions on emulated cores."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.codegen.firmware import generate_firmware
from edgekit.codegen.firmware.size import FLAGS
from edgekit.devices.emulated.microcontroller.comparison import compare_frames
from edgekit.devices.emulated.microcontroller.execute import emulator_name
from edgekit.devices.emulated.microcontroller.image import compiler_name
from edgekit.devices.emulated.microcontroller.image_run import run_image
from edgekit.devices.emulated.microcontroller.model_image import ModelSources, sources_image
from edgekit.devices.workspace import IMAGE_NAME
from edgekit.runtime import runtime_file
from edgekit.schedule.cpu import cpu_features
from edgekit.search.machine import Machine, feature_text
from edgekit.search.measure import CandidateDiffersError
from edgekit.store import Source, Unit

if TYPE_CHECKING:
    from edgekit.artifacts import QuantizedModel, Step, TunedModule
    from edgekit.search.build import Batch
    from edgekit.search.measure import Samples
    from edgekit.target import Target


def candidates_image(model: QuantizedModel, tuned: TunedModule) -> tuple[bytes, tuple[Step, ...]]:
    """The ELF file of a model whose steps are candidates, and the steps in the order that they run in.

    Raises:
        NotEmulatedError, ToolMissingError, EmulatorFailedError: as `build_image`.
    """
    sources = generate_firmware(model, tuned)
    files = {**sources.files, "include/edgekit.h": runtime_file("edgekit.h").read_bytes()}
    with tempfile.TemporaryDirectory(prefix="edgekit-image-") as scratch:
        folder = Path(scratch)
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        written = ModelSources(
            folder=folder,
            files=tuple(files),
            prefix=sources.prefix,
            arena_bytes=sources.plan.arena_bytes,
            state_bytes=sources.plan.state_bytes,
            flags=FLAGS,
        )
        return sources_image(written, tuned.target, folder).path.read_bytes(), sources.steps


class MicrocontrollerRunner:
    """Executed instructions on the machine of QEMU that stands in for a microcontroller: exact, never a time.

    Raises:
        NotEmulatedError: QEMU has no machine with such a core.
        ToolMissingError: the compiler or QEMU is not installed.
    """

    wants_quiet = False

    def __init__(self, target: Target) -> None:
        self._target = target
        compiled = " ".join((compiler_name(target), *(flag for flag in FLAGS if flag.startswith("-O"))))
        self.machine = Machine(
            source=Source.EMULATOR,
            name=f"{emulator_name(target)}, {compiled}",
            features=feature_text(cpu_features(target)),
            unit=Unit.INSTRUCTIONS,
        )

    def measure(self, batch: Batch, runs: int) -> Samples:  # noqa: ARG002
        """The instructions of every candidate; see `BatchRunner`."""
        with tempfile.TemporaryDirectory(prefix="edgekit-image-") as folder:
            image = Path(folder) / IMAGE_NAME
            image.write_bytes(batch.program)
            done = run_image(image, self._target, batch.inputs, 1, count=True)
        found = compare_frames(done.outputs, batch.expected * batch.steps, done.description.outputs)
        if found.first_difference is not None:
            raise CandidateDiffersError(found.first_difference.output, f"the emulated {self._target.name}")
        return batch.by_candidate([(count,) for count in done.steps_executed[0]])
