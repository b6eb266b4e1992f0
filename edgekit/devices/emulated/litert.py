"""Counting what LiteRT executes for a model, on an emulated CPU: the figure that EdgeKit's is held against.

LiteRT's own aarch64 wheel runs under the counting QEMU. XNNPACK, its delegate, silently steps aside where
there is no /sys/devices/system/cpu, and chooses kernels by /proc/cpuinfo; so the program sees files that
match QEMU's -cpu, and the runner refuses to count without the delegate.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.devices.emulated.counting import Surroundings, count_instructions
from edgekit.devices.emulated.identity import architecture_of, write_identity
from edgekit.devices.emulated.rootfs import userland
from edgekit.runtime import runtime_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edgekit.target import Target

    Progress = Callable[[str, float | None], None]

METHOD = 1  # raise it when what is counted changes: counts are kept
_RUNNER = "litert_runner.py"  # of `edgekit.runtime`; it marks by a system call
_GETPPID = {"aarch64": 173, "armv7": 64}
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}
_RUNS = 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class LiteRtCount:
    """Executed instructions of one invocation, without the Python around it."""

    instructions: int  # the median of those after the first
    lowest: int
    highest: int
    version: str  # "ai-edge-litert 2.3.0"
    cpu: str  # QEMU's -cpu
    qemu: str


def count_litert(model: Path, inputs: Path, target: Target, *, progress: Progress) -> LiteRtCount:
    """Count one invocation of a model by LiteRT with XNNPACK and one thread.

    Args:
        model: the .tflite file.
        inputs: a file with one frame, as `edgekit.devices.frames.pack_frames` makes it.
        target: gives QEMU's -cpu; aarch64, for which there is a wheel.
        progress: told what is being done.

    Raises:
        NotEmulatedError: the target is no ARM board.
        PackageUnavailableError: LiteRT's wheel cannot be downloaded.
        ToolMissingError: QEMU is not installed, or takes no plugins.
        EmulatorFailedError: LiteRT failed, or did not use XNNPACK.
    """
    rootfs = userland(architecture_of(target).debian, progress, litert=True)
    with _presented(rootfs, target) as tree:
        around = Surroundings(tree=tree, environment=_ENVIRONMENT, mark_syscall=_GETPPID[target.architecture])
        command = ("count", model.absolute(), inputs, "--runs", str(_RUNS))
        argv = (tree / "usr/bin/python3", runtime_file(_RUNNER), *command)
        counts = count_instructions(argv, target, progress=progress, surroundings=around)
    loop = statistics.median_low(counts.intervals[_RUNS + 1 :])
    invocations = [count - loop for count in counts.intervals[1:_RUNS]]
    return LiteRtCount(
        instructions=statistics.median_low(invocations),
        lowest=min(invocations),
        highest=max(invocations),
        version=json.loads(counts.stdout)["runtime"]["name"],
        cpu=counts.cpu,
        qemu=counts.qemu,
    )


@contextlib.contextmanager
def _presented(tree: Path, target: Target) -> Iterator[Path]:
    """A folder that shows a root filesystem's programs beside the /proc/cpuinfo and /sys of a board."""
    with tempfile.TemporaryDirectory(prefix="edgekit-litert-") as folder:
        shown = Path(folder)
        for name in ("bin", "etc", "lib", "usr"):
            (shown / name).symlink_to(tree / name)
        write_identity(shown, target)
        (shown / "proc").mkdir()
        (shown / "cpuinfo").rename(shown / "proc/cpuinfo")
        yield shown
