"""Padding and output sizes of operators that move a window over a plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.compute.convolution import Window
from edgekit.lower.rules import found

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgekit.lower.view import OperatorView


# An option that no file has: how much zero point is around the input, ((top, bottom), (left, right)).
EXPLICIT_PADDING = "explicit_padding"


def same_or_valid_padding(view: OperatorView, kernel: Sequence[int]) -> tuple[Window, tuple[int, int]]:
    """The window of an operator with TFLite's stride, dilation and padding options, and its output size.

    Source: `ComputePaddingHeightWidth` of tensorflow/lite/kernels/padding.h. What a PAD before it would add
    to the plane (`EXPLICIT_PADDING`, put there by a pass) comes first.
    """
    options = view.operator.options
    explicit = options.get(EXPLICIT_PADDING, ((0, 0), (0, 0)))
    same = options["padding"] == "SAME"
    sizes, pads = [], []
    for axis, letter in ((0, "h"), (1, "w")):
        size = view.input(0).shape[1 + axis] + sum(explicit[axis])
        stride = options[f"stride_{letter}"]
        reach = (kernel[axis] - 1) * options.get(f"dilation_{letter}_factor", 1) + 1
        out = (size + stride - 1) // stride if same else (size + stride - reach) // stride
        sizes.append(out)
        pads.append(explicit[axis][0] + max(0, ((out - 1) * stride + reach - size)) // 2)
    window = Window(
        kernel_h=kernel[0],
        kernel_w=kernel[1],
        stride_h=options["stride_h"],
        stride_w=options["stride_w"],
        dilation_h=options.get("dilation_h_factor", 1),
        dilation_w=options.get("dilation_w_factor", 1),
        pad_top=pads[0],
        pad_left=pads[1],
    )
    return window, (sizes[0], sizes[1])


def window_advances(view: OperatorView) -> str | None:
    """Strides, and dilations where there are any, must be from 1 to 32767."""
    options = view.operator.options
    names = ("stride_h", "stride_w", "dilation_h_factor", "dilation_w_factor")
    steps = {name: options[name] for name in names if name in options}
    # TFLite's kernels keep them in 16 bits.
    return found(
        not all(1 <= step < 1 << 15 for step in steps.values()),
        ", ".join(f"{name} {step}" for name, step in steps.items()),
    )


def padding_is_long(window: Window) -> str | None:
    """What is too long of the padding above and to the left of a plane, if anything: TFLite has 16 bits."""
    longest = max(window.pad_top, window.pad_left)
    return found(longest >= 1 << 15, f"{window.pad_top} above and {window.pad_left} to the left")
