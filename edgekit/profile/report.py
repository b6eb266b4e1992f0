"""What a profile says: times where a clock was read, instructions where an emulator counted. Never both."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from edgekit.measurement import Assessment, Evidence, MachineState, Timing, judge, summarize

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgekit.devices.probe import MachineFacts
    from edgekit.devices.runner import ProfileSamples


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepProfile:
    """The time of one step. `share` is of the sum over all steps, from 0 to 1.

    With several threads, `one_thread` is its time with one, and `scaling` how many times faster it is now.
    """

    index: int  # of the operator in the model
    kind: str
    kernel: str
    output: str
    macs: int
    time: Timing
    share: float
    macs_per_second: float | None  # None for a step that multiplies nothing
    one_thread: Timing | None
    scaling: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Profile:
    """Measured times of a model on a device, and the machine's state before and after them."""

    model: str
    target: str
    engine: str
    device: str
    runs: int
    warmup: int  # invocations before the first that counts
    threads: int  # that shared the work of each run; 1 where no step is worth sharing
    total: Timing  # of whole invocations, measured without looking at the steps
    one_thread: Timing | None  # the same with one thread; None if `threads` is 1
    scaling: float | None
    steps: tuple[StepProfile, ...]  # none where the engine is LiteRT, which times no operator
    macs: int
    macs_per_second: float | None
    # arena_bytes, state_bytes, library_bytes, code_bytes, weight_bytes; None is what LiteRT keeps to itself
    memory: Mapping[str, int | None]
    machine: MachineFacts
    before: MachineState
    after: MachineState
    assessment: Assessment  # whether the figures can be believed, and why not


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
    steps: tuple[InstructionStep, ...]  # none where the engine is LiteRT
    macs: int
    memory: Mapping[str, int | None]


def make_profile(
    manifest: Mapping[str, Any],
    samples: ProfileSamples,
    *,
    threads: int = 1,
    one_thread: ProfileSamples | None = None,
    device: str,
    machine: MachineFacts,
    before: MachineState,
    after: MachineState,
) -> Profile:
    """Put a runner's timings and a bundle's manifest together; `one_thread` are those with one thread."""
    total = summarize(samples.total_ns)
    alone = None if one_thread is None else summarize(one_thread.total_ns)
    times = [summarize(step) for step in samples.step_ns]
    times_alone = [None] * len(times) if one_thread is None else [summarize(t) for t in one_thread.step_ns]
    whole = sum(time.median_ns for time in times)
    evidence = Evidence(
        before=before,
        after=after,
        series=(samples.total_ns,) if one_thread is None else (samples.total_ns, one_thread.total_ns),
        names=() if one_thread is None else (f"{threads} threads", "1 thread"),
        threads=threads,
        is_steady=samples.is_steady and (one_thread is None or one_thread.is_steady),
    )
    return Profile(
        **_heading(manifest, device),
        engine=manifest["engine"],
        runs=samples.runs,
        warmup=samples.warm_up_runs,
        threads=threads,
        total=total,
        one_thread=alone,
        scaling=_scaling(alone, total),
        steps=tuple(
            StepProfile(
                **_operator(operator),
                time=time,
                share=time.median_ns / whole if whole else 0.0,
                macs_per_second=_rate(operator["macs"], time.median_ns),
                one_thread=before_sharing,
                scaling=_scaling(before_sharing, time),
            )
            for operator, time, before_sharing in zip(
                manifest["operators"] if times else (), times, times_alone, strict=True
            )
        ),
        macs_per_second=_rate(manifest["macs"], total.median_ns),
        machine=machine,
        before=before,
        after=after,
        assessment=judge(evidence),
    )


def make_instruction_profile(
    manifest: Mapping[str, Any],
    instructions: Sequence[int],
    *,
    total: int | None = None,
    device: str,
    emulator: str,
) -> InstructionProfile:
    """Put an emulator's counts, one a step, and a bundle's manifest together.

    Where steps could not be told apart there are none, and `total` is what was counted.
    """
    whole = sum(instructions) if total is None else total
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
            for operator, count in zip(
                manifest["operators"] if instructions else (), instructions, strict=True
            )
        ),
    )


def _heading(manifest: Mapping[str, Any], device: str) -> dict[str, Any]:
    return {
        "model": manifest["model"]["name"],
        "target": manifest["target"]["name"],
        "device": device,
        "macs": manifest["macs"],
        # Of where the peak is, a manifest tells more.
        "memory": {name: size for name, size in manifest["memory"].items() if name.endswith("_bytes")},
    }


def _operator(operator: Mapping[str, Any]) -> dict[str, Any]:
    return {key: operator[key] for key in ("index", "kind", "kernel", "output", "macs")}


def _scaling(one_thread: Timing | None, time: Timing) -> float | None:
    """How many times faster several threads are than one."""
    return None if one_thread is None or not time.median_ns else one_thread.median_ns / time.median_ns


def _rate(macs: int, nanoseconds: float) -> float | None:
    return macs * 1e9 / nanoseconds if macs and nanoseconds else None
