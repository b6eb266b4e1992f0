"""What the rows' templates for ARM share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgekit.compute.convolution import Convolution


def is_convolution_by_rows(load: Convolution) -> bool:
    """Whether what an output pixel reads are runs of all input channels."""
    return not load.depthwise and load.groups == 1 and load.window.dilation_w == 1
