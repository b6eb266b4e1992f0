"""A board with a debug probe as a device: where its memory is, and a bundle's model on it."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from edgekit.devices.debug_probe.openocd import OpenOcd
from edgekit.devices.emulated.microcontroller.device import Microcontroller
from edgekit.devices.emulated.microcontroller.machine import Memory, Place
from edgekit.devices.emulated.microcontroller.model_image import model_image
from edgekit.errors import EmulatorFailedError, ImageTooLargeError, NotProbedError
from edgekit.target import list_targets, target_from_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edgekit.artifacts import Bundle
    from edgekit.target import Target

    Progress = Callable[[str, float | None], None]

_KIB = 1 << 10
_OVERFLOW = re.compile(r"region `(FLASH|RAM)' overflowed by (\d+) bytes")  # GNU ld's


@contextmanager
def probed_board(bundle: Bundle, serial: str | None, progress: Progress) -> Iterator[Microcontroller]:
    """The board that a bundle was built for, with its model on it, by a debug probe.

    The probe is not looked for before the first run.

    Args:
        bundle: a bundle for a microcontroller, whose files were checked.
        serial: of the probe; None where there is only one.
        progress: told what is being done.

    Raises:
        NotProbedError: no probe is known for the target.
        ToolMissingError: the compiler is not installed.
        ImageTooLargeError: the board has less memory than the model and what runs it.
        EmulatorFailedError: the image cannot be made.
    """
    target = target_from_fields(bundle.manifest["target"])
    place = place_of(target)
    progress("making an image", None)
    with TemporaryDirectory(prefix="edgekit-image-") as folder:
        try:
            image = model_image(bundle, Path(folder), place)
        except EmulatorFailedError as error:
            _refuse_too_large(error, target)
            raise
        yield Microcontroller(bundle, image, OpenOcd(target=target, serial=serial))


def place_of(target: Target) -> Place:
    """A board's own flash and RAM.

    Raises:
        NotProbedError: no probe is known for the target.
    """
    board = target.microcontroller
    if board is None or not board.openocd:
        known = (each for each in list_targets() if each.microcontroller and each.microcontroller.openocd)
        raise NotProbedError(
            f"No debug probe is known for {target.name}.",
            why="Its target names no script of OpenOCD ('openocd').",
            fix=f"Build for a board that has one: {', '.join(each.name for each in known)}. "
            "Or give a target file of yours 'openocd', 'flash_origin' and 'ram_origin'.",
        )
    assert board.flash_origin is not None, target.name
    assert board.flash_kib is not None, target.name
    assert board.ram_origin is not None, target.name
    assert board.ram_kib is not None, target.name
    return Place(
        flash=Memory(origin=board.flash_origin, bytes=board.flash_kib * _KIB),
        ram=Memory(origin=board.ram_origin, bytes=board.ram_kib * _KIB),
    )


def _refuse_too_large(error: EmulatorFailedError, target: Target) -> None:
    overflows = _OVERFLOW.findall(error.why)
    if overflows:
        raise ImageTooLargeError(
            f"The model and what runs it do not fit {target.name}.",
            why=", ".join(f"{int(size):,} bytes too many for its {region}" for region, size in overflows)
            + ".",
            fix="Build with --patches auto, or for a larger board; --emulated runs it here all the same.",
        ) from error
