"""What a profile says: times where a clock was read, instructions where an emulator counted. Never both."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from edgekit.profile.statistics import Timing, summarize

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgekit.devices.probe import MachineFacts
    from edgekit.devices.runner import ProfileSamples

# Beyond this share of the median, the middle half of the runs is too wide to compare by.
_NOISY_SPREAD = 0.1


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepProfile:
    """The time of one step. `share` is of the sum over all steps, from 0 to 1."""

    index: int  # of the operator in the model
    kind: str
    kernel: str
    output: str
    macs: int
    time: Timing
    share: float
    macs_per_second: float | None  # None for a step that multiplies nothing


@dataclasses.dataclass(frozen=True, kw_only=True)
class Profile:
    """Measured times of a model on a device, and the machine's state before and after them."""

    model: str
    target: str
    device: str
    runs: int
    warmup: int
    total: Timing  # of whole invocations, measured without looking at the steps
    steps: tuple[StepProfile, ...]
    macs: int
    macs_per_second: float | None
    memory: Mapping[str, int]  # arena_bytes, state_bytes, library_bytes, code_bytes, weight_bytes
    machine: MachineFacts
    machine_after: MachineFacts
    warnings: tuple[str, ...]  # what makes the figures less than trustworthy


@dataclasses.dataclass(frozen=True, kw_only=True)
class InstructionStep:
    """The instructions that one step executed. `share` is of the sum over all steps, from 0 to 1."""

    index: int
    kind: str
    kernel: str
    output: str
    macs: int
    instructions: int
    share: float
    instructions_per_mac: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class InstructionProfile:
    """Executed instructions of one invocation under an emulator. They are no measure of time."""

    model: str
    target: str
    device: str
    emulator: str  # its name, version and the CPU it plays
    total_instructions: int
    steps: tuple[InstructionStep, ...]
    macs: int
    memory: Mapping[str, int]


def make_profile(
    manifest: Mapping[str, Any],
    samples: ProfileSamples,
    *,
    device: str,
    warmup: int,
    before: MachineFacts,
    after: MachineFacts,
) -> Profile:
    """Put a runner's timings and a bundle's manifest together."""
    total = summarize(samples.total_ns)
    times = [summarize(step) for step in samples.step_ns]
    whole = sum(time.median_ns for time in times)
    return Profile(
        **_heading(manifest, device),
        runs=samples.runs,
        warmup=warmup,
        total=total,
        steps=tuple(
            StepProfile(
                **_operator(operator),
                time=time,
                share=time.median_ns / whole if whole else 0.0,
                macs_per_second=_rate(operator["macs"], time.median_ns),
            )
            for operator, time in zip(manifest["operators"], times, strict=True)
        ),
        macs_per_second=_rate(manifest["macs"], total.median_ns),
        machine=before,
        machine_after=after,
        warnings=tuple(_warnings(total, before, after)),
    )


def make_instruction_profile(
    manifest: Mapping[str, Any], instructions: Sequence[int], *, device: str, emulator: str
) -> InstructionProfile:
    """Put an emulator's counts, one a step, and a bundle's manifest together."""
    whole = sum(instructions)
    return InstructionProfile(
        **_heading(manifest, device),
        emulator=emulator,
        total_instructions=whole,
        steps=tuple(
            InstructionStep(
                **_operator(operator),
                instructions=count,
                share=count / whole if whole else 0.0,
                instructions_per_mac=count / operator["macs"] if operator["macs"] else None,
            )
            for operator, count in zip(manifest["operators"], instructions, strict=True)
        ),
    )


def _heading(manifest: Mapping[str, Any], device: str) -> dict[str, Any]:
    return {
        "model": manifest["model"]["name"],
        "target": manifest["target"]["name"],
        "device": device,
        "macs": manifest["macs"],
        "memory": manifest["memory"],
    }


def _operator(operator: Mapping[str, Any]) -> dict[str, Any]:
    return {key: operator[key] for key in ("index", "kind", "kernel", "output", "macs")}


def _rate(macs: int, nanoseconds: float) -> float | None:
    return macs * 1e9 / nanoseconds if macs and nanoseconds else None


def _warnings(total: Timing, before: MachineFacts, after: MachineFacts) -> list[str]:
    warnings = []
    if total.median_ns and total.iqr_ns > _NOISY_SPREAD * total.median_ns:
        share = total.iqr_ns / total.median_ns
        warnings.append(
            f"The middle half of the runs spreads over {share:.0%} of the median: something else keeps the "
            "device busy, or its clock changes. Differences of that size mean nothing."
        )
    if before.governor not in (None, "performance"):
        warnings.append(
            f"The CPU's governor is {before.governor!r}, so its clock follows the load; with 'performance' "
            "the times are steadier."
        )
    if before.throttled_now or after.throttled_now:
        warnings.append("The device throttles its clock (temperature or supply voltage): times are too long.")
    return warnings
