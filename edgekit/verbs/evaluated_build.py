"""A build on the devices that are to run it, answering samples; and what it costs there."""

from __future__ import annotations

import dataclasses
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from edgekit.deploy.fit import misfit
from edgekit.devices.choice import DeviceChoice
from edgekit.devices.emulated.microcontroller.device import microcontroller
from edgekit.devices.probe import probe
from edgekit.devices.workspace import is_firmware
from edgekit.errors import (
    BundleWrongDeviceError,
    EmulatedTimeError,
    EmulatorFailedError,
    NotEmulatedError,
    ToolMissingError,
)
from edgekit.evaluate import Answered, Cost, Kind, manifest_form, predict_bundle
from edgekit.profile import count_bundle, count_firmware, profile_bundle
from edgekit.samples.preprocessing import preprocessing_of
from edgekit.verbs.connect import connected, is_emulated, refuse_emulated_time, target_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from edgekit.artifacts import Bundle
    from edgekit.devices.device import Device
    from edgekit.devices.probe import MachineFacts
    from edgekit.evaluate import Form
    from edgekit.evaluate.batches import Arrays
    from edgekit.samples import Preprocessing

    Progress = Callable[[str, float | None], None]

_WARMUP, _RUNS = 10, 50


@dataclasses.dataclass(frozen=True)
class Host:
    """A device that a user named, connected."""

    device: Device
    facts: MachineFacts


@dataclasses.dataclass(frozen=True)
class BuildSubject:
    """A bundle; see `edgekit.evaluate.Subject`."""

    bundle: Bundle
    name: str
    hosts: tuple[Host, ...]  # those that it fits share its samples; none: this machine or the emulated board
    emulated: bool  # the emulated board, even where this machine could run it
    measures: bool  # its cost too
    kind = Kind.BUILD

    @property
    def digest(self) -> str:
        """Of the model that it was built from."""
        return str(self.bundle.manifest["model"]["digest"])

    @property
    def target(self) -> str:
        """What it was built for."""
        return str(self.bundle.manifest["target"]["name"])

    @property
    def preprocessing(self) -> Preprocessing | None:
        """What was done to the raw samples that it was calibrated with; None: it came quantized."""
        table = self.bundle.manifest.get("quantization", {}).get("preprocessing")
        return None if table is None else preprocessing_of(table, f"{self.bundle.path}, manifest.json")

    @property
    def inputs(self) -> tuple[Form, ...]:
        """What it takes."""
        return tuple(manifest_form(tensor) for tensor in self.bundle.manifest["tensors"]["inputs"])

    @property
    def outputs(self) -> tuple[Form, ...]:
        """What it answers."""
        return tuple(manifest_form(tensor) for tensor in self.bundle.manifest["tensors"]["outputs"])

    def answer(self, inputs: Arrays, progress: Progress) -> Answered:
        """Its answers, by one device or several, and its cost on the first of them if that is wanted.

        Raises:
            StatefulModelError, RunnerFailedError, LibraryRefusedError, DeviceError: as `predict_bundle`.
        """
        with self._devices(progress) as devices:
            outputs = predict_bundle(self.bundle, devices, inputs, progress=progress)
            cost = self._cost(devices[0], progress) if self.measures else None
        return Answered(
            outputs=outputs,
            engine=str(self.bundle.manifest["engine"]),
            devices=tuple(device.name for device in devices),
            cost=cost,
        )

    def fitting(self) -> tuple[Host, ...]:
        """The hosts that can run it."""
        if is_firmware(self.bundle.manifest):
            return ()
        return tuple(host for host in self.hosts if misfit(self.bundle.manifest, host.facts) is None)

    @contextmanager
    def _devices(self, progress: Progress) -> Iterator[tuple[Device, ...]]:
        hosts = self.fitting()
        with ExitStack() as stack:
            if hosts:
                yield tuple(host.device for host in hosts)
            elif is_firmware(self.bundle.manifest):
                yield (stack.enter_context(microcontroller(self.bundle, progress)),)
            else:
                choice = DeviceChoice(emulated=self.emulated)
                yield (stack.enter_context(connected(choice, [self.bundle], progress=progress)),)

    def _cost(self, device: Device, progress: Progress) -> Cost:
        if self._is_timed(device):
            return _timed(self.bundle, device, progress)
        try:
            return _counted(self.bundle, progress)
        except (NotEmulatedError, ToolMissingError, EmulatorFailedError) as error:
            return _unmeasured(self.bundle, error.what)

    def _is_timed(self, device: Device) -> bool:
        if is_firmware(self.bundle.manifest):
            return False
        if not self.fitting():
            return not is_emulated(DeviceChoice(emulated=self.emulated), target_of(self.bundle))
        try:
            refuse_emulated_time(probe(device), device.name, "edgekit evaluate")
        except EmulatedTimeError:
            return False
        return True


def refuse_idle_hosts(subjects: Sequence[BuildSubject], hosts: Sequence[Host]) -> None:
    """Return if every device that was named has a build to run.

    Raises:
        BundleWrongDeviceError: one has none.
    """
    busy = {id(host) for subject in subjects for host in subject.fitting()}
    for host in hosts:
        if id(host) not in busy:
            targets = ", ".join(sorted({subject.target for subject in subjects})) or "none"
            raise BundleWrongDeviceError(
                f"No build here is for {host.device.name}.",
                why=f"It is a machine of {host.facts.architecture}; the builds are for: {targets}.",
                fix="Build for a target like this device, or leave it out.",
            )


def _timed(bundle: Bundle, device: Device, progress: Progress) -> Cost:
    found = profile_bundle(bundle, device, warmup=_WARMUP, runs=_RUNS, progress=progress)
    return dataclasses.replace(
        _unmeasured(bundle, None),
        measured_on=device.name,
        latency_ns=found.total.median_ns,
        latency_mad_ns=found.total.mad_ns,
        verdict=found.assessment.verdict.value,
    )


def _counted(bundle: Bundle, progress: Progress) -> Cost:
    if is_firmware(bundle.manifest):
        found = count_firmware(bundle, progress=progress)
    else:
        found = count_bundle(bundle, target_of(bundle), progress=progress)
    return dataclasses.replace(
        _unmeasured(bundle, None),
        measured_on=f"{found.device} ({found.emulator})",
        instructions=found.total_instructions,
    )


def _unmeasured(bundle: Bundle, note: str | None) -> Cost:
    memory = bundle.manifest["memory"]
    arena, state = memory["arena_bytes"], memory["state_bytes"]
    return Cost(
        measured_on=None,
        latency_ns=None,
        latency_mad_ns=None,
        verdict=None,
        instructions=None,
        ram_bytes=None if arena is None else arena + (state or 0),
        flash_bytes=memory["library_bytes"],
        note=note,
    )
