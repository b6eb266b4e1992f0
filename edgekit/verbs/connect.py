"""From the user's choice to an open device: a host, the emulated board, or this machine."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from edgekit.deploy.fit import misfit
from edgekit.devices.emulated import connect_board
from edgekit.devices.emulated.board import board_up, only_board
from edgekit.devices.emulated.identity import ARCHITECTURES
from edgekit.devices.local import LocalDevice
from edgekit.devices.probe import probe
from edgekit.devices.ssh import SshAddress, connect
from edgekit.devices.workspace import is_litert
from edgekit.errors import EmulatedTimeError, WrongValueError
from edgekit.package.manifest import describe_target
from edgekit.target import target_from_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from edgekit.artifacts import Bundle
    from edgekit.devices.choice import DeviceChoice
    from edgekit.devices.device import Device
    from edgekit.devices.emulated.board import BoardInfo
    from edgekit.devices.probe import MachineFacts
    from edgekit.target import Target

    Progress = Callable[[str, float | None], None]


@contextmanager
def connected(
    choice: DeviceChoice, bundles: Sequence[Bundle] = (), *, progress: Progress
) -> Iterator[Device]:
    """The chosen device, open in the `with` block.

    With neither host nor emulation chosen it is this machine if it can run one of `bundles` (or
    there are none), else the emulated board of the newest of them, which is brought up if need be.

    Raises:
        WrongValueError: a debug probe was chosen.
        DeviceError: it cannot be reached; the subclass says why.
        NotEmulatedError, NoEmulationError, EmulatorFailedError: there is no emulated board for it here.
        BoardNotRunningError: emulation was chosen, no bundle says of which board, and not just one is up.
    """
    refuse_probe(choice)
    if choice.host is not None:
        progress(f"connecting to {choice.host}", None)
        with connect(_address(choice, choice.host)) as device:
            yield device
    elif not choice.emulated and can_run_here(bundles):
        yield LocalDevice()
    else:
        with connect_board(_board(bundles, progress)) as device:
            yield device


def refuse_probe(choice: DeviceChoice) -> None:
    """A debug probe runs and verifies builds for microcontrollers, and nothing else.

    Raises:
        WrongValueError: one was chosen.
    """
    if choice.probe:
        raise WrongValueError(
            "A debug probe cannot be used for this.",
            why="It runs and verifies builds for microcontrollers, which this is not.",
            fix="Leave --probe out; --target names a build for a board with a probe, if there is one.",
        )


def refuse_emulated_time(facts: MachineFacts, name: str, command: str) -> None:
    """A board that was reached by its address tells by its model that it is emulated.

    Raises:
        EmulatedTimeError: it is.
    """
    if facts.model is not None and "emulated" in facts.model.lower():
        raise EmulatedTimeError(
            f"{name} is an emulated board, so nothing can be timed on it.",
            why=f"It calls itself {facts.model!r}; its clock measures this machine, not a board.",
            fix=f"{command} --emulated counts the executed instructions instead.",
        )


def target_of(bundle: Bundle) -> Target:
    """The target that a bundle was built for, as its manifest tells it."""
    return target_from_fields(bundle.manifest["target"])


def _address(choice: DeviceChoice, host: str) -> SshAddress:
    return SshAddress(
        host=host,
        user=choice.user,
        port=choice.port,
        identity=choice.identity,
        jump=choice.jump,
        accept_new_host_key=choice.accept_new_host_key,
    )


def can_run_here(bundles: Sequence[Bundle]) -> bool:
    """Whether this machine can run one of the bundles, or there are none."""
    if not bundles:
        return True
    facts = probe(LocalDevice())
    return any(misfit(bundle.manifest, facts) is None for bundle in bundles)


def is_emulated(choice: DeviceChoice, target: Target) -> bool:
    """Whether what is built for a target would be emulated, with this choice of a device, by `connected`."""
    if choice.host is not None:
        return False
    return choice.emulated or misfit({"target": describe_target(target)}, probe(LocalDevice())) is not None


def _board(bundles: Sequence[Bundle], progress: Progress) -> BoardInfo:
    if bundles:
        # A build for this machine beside the board's is no reason to fail; one alone is.
        emulated = [b for b in bundles if b.manifest["target"]["architecture"] in ARCHITECTURES]
        newest = max(emulated or bundles, key=lambda b: (b.path / "manifest.json").stat().st_mtime_ns)
        return board_up(target_of(newest), litert=is_litert(newest.manifest), progress=progress)
    return only_board()
