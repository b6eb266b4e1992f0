"""Explain: a profile, the machine's measured limits, and the causes that they tell."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from edgekit.devices import runner
from edgekit.devices.probe import probe
from edgekit.devices.workspace import installed, is_litert
from edgekit.errors import WrongValueError
from edgekit.profile.causes import Cause, Situation, rank
from edgekit.profile.run import profile_bundle

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgekit.artifacts import Bundle
    from edgekit.devices.device import Device
    from edgekit.devices.runner import Roofline
    from edgekit.profile.report import Profile

    Progress = Callable[[str, float | None], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class OperatorLimit:
    """How near an operator is to the machine's limits, with one thread. Shares are of its own time."""

    index: int
    kind: str
    output: str
    share: float  # of the whole time
    memory_share: float | None  # its bytes, each once, at the measured rate; over 1: it finds them in a cache
    multiply_share: float | None  # its products at the measured rate; None: it has none


@dataclasses.dataclass(frozen=True, kw_only=True)
class Explanation:
    """Why a model is not faster on a device, the cause that is worth most first."""

    model: str
    target: str
    device: str
    one_thread_ns: float  # of one invocation
    causes: tuple[Cause, ...]
    operators: tuple[OperatorLimit, ...]
    roofline: Roofline
    read_bytes_per_second: float  # for as much data as the model has
    profile: Profile


def explain_bundle(bundle: Bundle, device: Device, *, runs: int = 50, progress: Progress) -> Explanation:
    """Time a bundle's model on a device with one thread and with one for each core, and say why so long.

    Args:
        bundle: a bundle of EdgeKit's engine whose files were checked, for a CPU like the device's.
        device: where to run it; not an emulated one, whose times would mean nothing.
        runs: invocations that count.
        progress: told what is being done.

    Raises:
        WrongValueError: the engine is LiteRT, which tells no operator's time; or `runs` is too small.
        RunnerFailedError, LibraryRefusedError: the model does not run there.
        DeviceError: the device cannot be reached, or has no room.
    """
    if is_litert(bundle.manifest):
        raise WrongValueError(
            "A build with LiteRT as its engine cannot be explained.",
            why="LiteRT tells no operator's time.",
            fix="Build with EdgeKit's own engine; 'edgekit bench' compares the two.",
        )
    cores = probe(device).cores or 1
    profile = profile_bundle(bundle, device, warmup=10, runs=runs, threads=cores, progress=progress)
    progress(f"measuring the limits of {device.name}", None)
    with installed(device, bundle) as model:
        roofline = runner.roofline(device, model.directory)
    situation = Situation(manifest=bundle.manifest, profile=profile, roofline=roofline)
    return Explanation(
        model=profile.model,
        target=profile.target,
        device=profile.device,
        one_thread_ns=situation.total_ns,
        causes=rank(situation),
        operators=tuple(_limits(situation)),
        roofline=roofline,
        read_bytes_per_second=situation.read_rate,
        profile=profile,
    )


def _limits(situation: Situation) -> list[OperatorLimit]:
    multiply, limits = situation.roofline.multiply, []
    for step, entry, share in situation.steps():
        time_ns = share * situation.total_ns
        products = None
        if step.macs and multiply is not None and time_ns:
            products = 1e9 * step.macs / multiply.macs_per_second / time_ns
        limits.append(
            OperatorLimit(
                index=step.index,
                kind=step.kind,
                output=step.output,
                share=share,
                memory_share=situation.memory_share(entry) / share if share else None,
                multiply_share=products,
            )
        )
    return limits
