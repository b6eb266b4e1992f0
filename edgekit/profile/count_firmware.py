"""Count the instructions of a model on an emulated microcontroller, and measure the memory it takes there."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from edgekit.devices.emulated.microcontroller.device import microcontroller
from edgekit.devices.frames import load_golden, pack_frames
from edgekit.profile.report import make_instruction_profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgekit.artifacts import Bundle
    from edgekit.profile.report import InstructionProfile

    Progress = Callable[[str, float | None], None]


def count_firmware(bundle: Bundle, *, progress: Progress) -> InstructionProfile:
    """Count what each step of a firmware bundle's model executes on the first golden frame.

    The RAM is what was found there: how much of the arena was written, and how deep the stack grew. The flash
    is the bundle's, since the image's code holds the marks between the steps too.

    Args:
        bundle: a bundle for a microcontroller, whose files were checked.
        progress: told what is being done.

    Raises:
        NotEmulatedError: QEMU has no machine with such a core.
        ToolMissingError: the compiler or QEMU is not installed.
        RunnerFailedError: the model failed on it.
    """
    golden = load_golden(bundle.path, bundle.manifest)
    with microcontroller(bundle, progress) as board:
        progress("counting instructions", None)
        done = board.invoke(pack_frames([tensor[:1] for tensor in golden.inputs]), count=True)
        counted = make_instruction_profile(
            bundle.manifest,
            done.steps_executed[0],
            device=board.name,
            emulator=f"{done.emulator}; {board.image.compiler}",
        )
        flash = bundle.manifest["memory"]
        memory = {
            "arena_bytes": done.memory.arena_bytes,
            "state_bytes": done.memory.state_bytes,
            "static_bytes": board.image.static_bytes,
            "stack_bytes": done.memory.stack_bytes,
            "code_bytes": flash["code_bytes"],
            "weight_bytes": flash["weight_bytes"],
        }
    return dataclasses.replace(counted, memory=memory)
