"""The golden check: the model's outputs on the device against the oracle's, every byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.deploy.upload import GOLDEN_INPUTS, GOLDEN_OUTPUTS
from edgekit.devices import runner
from edgekit.errors import OutputsDifferError

if TYPE_CHECKING:
    from edgekit.devices.device import Device


def check_golden(device: Device, directory: str, library: str, *, is_checked: bool) -> int | None:
    """Run the golden vectors in a release's folder; return how many frames were equal.

    Where the bundle was built without an oracle there is nothing to compare with: then the library
    is only loaded and asked what it is, and the result is None.

    Raises:
        OutputsDifferError: an output byte is not the oracle's.
        LibraryRefusedError, RunnerFailedError: the model cannot be loaded, or crashed.
        DeviceError: the device cannot be reached or cannot start the runner.
    """
    if not is_checked:
        runner.describe(device, directory, library)
        return None
    result = runner.check(device, directory, library, GOLDEN_INPUTS, GOLDEN_OUTPUTS)
    if result.equal:
        return result.frames
    first = result.first_difference
    where = (
        f" The first is element {first.element} of output {first.output} in frame {first.frame}: "
        f"{first.actual} instead of {first.expected}."
        if first is not None
        else ""
    )
    raise OutputsDifferError(
        f"The model's outputs on {device.name} are not those of the oracle.",
        why=f"{result.differing_elements} elements differ in {result.frames} frames.{where}",
        fix="`edgekit verify` finds the operator that differs first.",
    )
