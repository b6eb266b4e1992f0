"""Run a profile on a device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.devices import runner
from edgekit.devices.frames import load_golden, pack_frames
from edgekit.devices.probe import probe
from edgekit.devices.workspace import installed, put_bytes
from edgekit.errors import WrongValueError
from edgekit.measurement import read_state
from edgekit.profile.report import make_profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgekit.artifacts import Bundle
    from edgekit.devices.device import Device
    from edgekit.devices.runner import ProfileSamples
    from edgekit.profile.report import Profile

    Progress = Callable[[str, float | None], None]

_INPUTS = "inputs.bin"
_SETTLE = 5  # seconds, at most, until the times are steady


def profile_bundle(
    bundle: Bundle,
    device: Device,
    *,
    warmup: int,
    runs: int,
    threads: int = 1,
    release: str | None = None,
    progress: Progress,
) -> Profile:
    """Time a bundle's model on a device, as a whole and step by step, on the first golden frame.

    Args:
        bundle: a bundle whose files were checked, for a CPU like the device's.
        device: where to run it. On an emulated one the times would mean nothing: use `count_bundle`.
        warmup: invocations before the first that counts, at least; more come until the times are steady.
        runs: invocations that count, 1 or more.
        threads: that share the work; with more than one, the model is timed with one thread too, unless
            none of its steps is worth sharing: one thread runs it then.
        release: a folder on the device that has the bundle's runner and library already.
        progress: told what is being done.

    Raises:
        WrongValueError: `warmup` or `runs` is too small.
        RunnerFailedError, LibraryRefusedError: the model does not run there.
        DeviceError: the device cannot be reached, or has no room.
    """
    if warmup < 0 or runs < 1:
        raise WrongValueError(
            f"A profile of {runs} runs after {warmup} cannot be made.",
            why="It takes at least one run, and no fewer than 0 before it.",
            fix="Use --runs 1 or more, and --warmup 0 or more.",
        )
    golden = load_golden(bundle.path, bundle.manifest)
    with installed(device, bundle, release) as model:
        inputs = model.scratch_file(_INPUTS)
        put_bytes(device, pack_frames([tensor[:1] for tensor in golden.inputs]), inputs)
        machine = probe(device)

        def timed(threads: int) -> ProfileSamples:
            of_threads = f"{runs} runs" if threads == 1 else f"{runs} runs of {threads} threads"
            progress(f"timing {of_threads} on {device.name}", None)
            places = (model.directory, model.library, inputs)
            return runner.profile(
                device, *places, warmup=warmup, settle_seconds=_SETTLE, runs=runs, threads=threads
            )

        before = read_state(device)
        samples = timed(threads)
        is_shared = threads > 1 and samples.is_shared
        one_thread = timed(1) if is_shared else None
        after = read_state(device)
    return make_profile(
        bundle.manifest,
        samples,
        threads=threads if is_shared else 1,
        one_thread=one_thread,
        device=device.name,
        machine=machine,
        before=before,
        after=after,
    )
