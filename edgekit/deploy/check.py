"""The golden check: the model's outputs on the device against its reference's, the oracle or LiteRT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.deploy.upload import GOLDEN_INPUTS, GOLDEN_OUTPUTS
from edgekit.devices import runner
from edgekit.errors import OutputsDifferError

if TYPE_CHECKING:
    from edgekit.devices.device import Device
    from edgekit.devices.runner import CheckResult


def check_golden(device: Device, directory: str, library: str, *, is_checked: bool) -> int | None:
    """Run the golden vectors in a release's folder; return how many frames are right.

    Where the bundle was built without an oracle there is nothing to compare with: then the library
    is only loaded and asked what it is, and the result is None.

    Raises:
        OutputsDifferError: an output is not what it must be.
        LibraryRefusedError, RunnerFailedError: the model cannot be loaded, or crashed.
        DeviceError: the device cannot be reached or cannot start the runner.
    """
    if not is_checked:
        runner.describe(device, directory, library)
        return None
    result = runner.check(device, directory, library, GOLDEN_INPUTS, GOLDEN_OUTPUTS)
    if result.passes:
        return result.frames
    first = result.first_difference
    where = (
        f" The first is element {first.element} of output {first.output} in frame {first.frame}: "
        f"{first.actual} instead of {first.expected}."
        if first is not None
        else ""
    )
    differing = result.differing_elements
    reference = "LiteRT it was built with" if result.tolerance_steps else "oracle"
    raise OutputsDifferError(
        f"The model's outputs on {device.name} are not those of the {reference}.",
        why=f"{differing} elements differ in {result.frames} frames{_distance(result)}.{where}",
        fix="`edgekit verify` finds the operator that differs first.",
    )


def _distance(result: CheckResult) -> str:
    if result.largest_steps is None:
        return ""  # EdgeKit's engine, whose outputs must be equal
    return f", by up to {result.largest_steps:.3g} steps where {result.tolerance_steps:.3g} are allowed"
