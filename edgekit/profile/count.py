"""Count the instructions of a built ARM model under QEMU on this machine, and check its answers there."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.devices.emulated.counting import count_instructions
from edgekit.devices.emulated.litert import count_litert
from edgekit.devices.emulated.programs import run_program
from edgekit.devices.frames import load_golden, pack_frames
from edgekit.devices.runner import RUNNER_NAME, RunnerExit
from edgekit.devices.workspace import is_litert, library_name
from edgekit.errors import EmulatorFailedError
from edgekit.profile.report import make_instruction_profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgekit.artifacts import Bundle
    from edgekit.profile.report import InstructionProfile
    from edgekit.target import Target

    Progress = Callable[[str, float | None], None]

# The first invocation touches everything for the first time; the second is like all that follow.
_RUNS = 2


def count_bundle(bundle: Bundle, target: Target, *, progress: Progress) -> InstructionProfile:
    """Count what each step of a bundle's model executes on the first golden frame.

    Args:
        bundle: a bundle whose files were checked, for an ARM target.
        target: the target that it was built for.
        progress: told what is being done.

    Returns:
        The counts; without steps where the engine is LiteRT, whose XNNPACK takes over most of them at once.

    Raises:
        NotEmulatedError: the target is no ARM board.
        ToolMissingError: QEMU is not installed.
        EmulatorFailedError: the model failed under it.
    """
    if is_litert(bundle.manifest):
        return _count_litert(bundle, target, progress)
    golden = load_golden(bundle.path, bundle.manifest)
    with tempfile.TemporaryDirectory(prefix="edgekit-count-") as folder:
        inputs = Path(folder) / "inputs.bin"
        inputs.write_bytes(pack_frames([tensor[:1] for tensor in golden.inputs]))
        runner, library = (bundle.path.absolute() / name for name in (RUNNER_NAME, library_name(bundle)))
        argv = (runner, "count", library, inputs, "--runs", str(_RUNS))
        counts = count_instructions(argv, target, progress=progress)
    return make_instruction_profile(
        bundle.manifest,
        counts.per_step(len(bundle.manifest["operators"]))[-1],
        device=f"emulated {target.name}",
        emulator=f"{counts.qemu}, -cpu {counts.cpu}",
    )


def check_emulated(bundle: Bundle, target: Target, *, progress: Progress) -> bool | None:
    """Whether EdgeKit's code in a bundle gives the oracle's bytes for every golden frame on the emulated CPU.

    Args:
        bundle: a bundle whose files were checked, for an ARM target.
        target: the target that it was built for.
        progress: told what is being done.

    Returns:
        Whether it does; None where the bundle has nothing of the oracle's to compare with.

    Raises:
        NotEmulatedError: the target is no ARM board.
        ToolMissingError: QEMU is not installed.
        EmulatorFailedError: the model failed under it.
    """
    golden = load_golden(bundle.path, bundle.manifest)
    if golden.outputs is None:
        return None
    progress(f"checking EdgeKit's answers on QEMU's {target.emulated_cpu}", None)
    with tempfile.TemporaryDirectory(prefix="edgekit-check-") as folder:
        inputs, outputs = Path(folder) / "inputs.bin", Path(folder) / "outputs.bin"
        inputs.write_bytes(pack_frames(golden.inputs))
        outputs.write_bytes(pack_frames(golden.outputs))
        runner, library = (bundle.path.absolute() / name for name in (RUNNER_NAME, library_name(bundle)))
        done = run_program((runner, "check", library, inputs, outputs), target, progress=progress)
    if done.returncode not in (RunnerExit.DONE, RunnerExit.DIFFERS):
        raise EmulatorFailedError(
            f"{bundle.manifest['model']['name']} failed under QEMU's {target.emulated_cpu}.",
            why=f"It ended with {done.returncode}: {done.stderr.decode(errors='replace').strip()}",
            fix="Build it again; if it fails again, please report it with the model.",
        )
    return done.returncode == RunnerExit.DONE


def _count_litert(bundle: Bundle, target: Target, progress: Progress) -> InstructionProfile:
    golden = load_golden(bundle.path, bundle.manifest)
    with tempfile.TemporaryDirectory(prefix="edgekit-count-") as folder:
        inputs = Path(folder) / "inputs.bin"
        inputs.write_bytes(pack_frames([tensor[:1] for tensor in golden.inputs]))
        counted = count_litert(bundle.path / library_name(bundle), inputs, target, progress=progress)
    return make_instruction_profile(
        bundle.manifest,
        (),
        total=counted.instructions,
        device=f"emulated {target.name}",
        emulator=f"{counted.qemu}, -cpu {counted.cpu}; {counted.version}",
    )
