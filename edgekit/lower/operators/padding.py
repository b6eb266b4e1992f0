"""PAD, PADV2 and MIRROR_PAD."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tvm import te, tirx

from edgekit.artifacts import DType
from edgekit.lower.kernel import Alias, Kernel, KernelBuilder, Template
from edgekit.lower.moves import MOVE, constant_integers, integers, move_all
from edgekit.lower.rules import Support, found

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgekit.lower.view import OperatorView


# --------------------------------------------------------------------------------------- rules


def paddings_are_constant(view: OperatorView) -> str | None:
    """Paddings must be constant int32 (for MIRROR_PAD also int64), two for each axis, none negative."""
    paddings, rank = view.input(1), len(view.input(0).shape)
    problem = constant_integers(paddings, or_int64=view.operator.kind == "MIRROR_PAD")
    if problem:
        return problem
    if paddings.elements != 2 * rank:
        return f"{paddings.elements} values for {rank} axes"
    return found(min(integers(paddings), default=0) < 0, f"{integers(paddings)}")


def padded_shape_agrees(view: OperatorView) -> str | None:
    """The output must be larger than the input by the paddings."""
    data = view.input(0).shape
    expected = tuple(n + before + after for n, (before, after) in zip(data, paddings_of(view), strict=True))
    return found(view.output.shape != expected, f"{list(view.output.shape)}, not {list(expected)}")


def padding_value_fits(view: OperatorView) -> str | None:
    """The padding value must be a single one, of the output's type, scale and zero point."""
    value, out = view.optional_input(2), view.output
    if value is None:
        return None
    if value.elements != 1 or value.dtype is not out.dtype:
        return f"{value.name!r} is {value.dtype}{list(value.shape)}"
    differs = out.dtype is DType.INT8 and value.quantization != out.quantization
    return found(differs, f"{value.name!r} has {value.quantization}, and {out.name!r} {out.quantization}")


def mirror_is_long_enough(view: OperatorView) -> str | None:
    """No padding may be longer than what is mirrored: the axis, without its edge for REFLECT."""
    edge = _edge(view)
    for axis, (extent, both) in enumerate(zip(view.input(0).shape, paddings_of(view), strict=True)):
        if max(both) > extent - edge:
            return f"{max(both)} along axis {axis} of {extent}"
    return None


# ------------------------------------------------------------------------------------- lowerings


def paddings_of(view: OperatorView) -> list[tuple[int, int]]:
    """Elements before and after, for each axis."""
    values = integers(view.input(1))
    return list(zip(values[::2], values[1::2], strict=True))


def constant_padding_value(view: OperatorView) -> int | None:
    """What PAD fills with: the given value (None if it is computed), or the output's zero point."""
    value = view.optional_input(2)
    if value is not None:
        return None if value.data is None else value.data.reshape(-1)[0].item()
    out = view.output
    return out.zero_point if out.quantization is not None and out.dtype in (DType.INT8, DType.UINT8) else 0


def lower_pad(view: OperatorView) -> Sequence[Kernel | Alias]:
    """The input with a frame of one value.

    Source: `PadPrepare` and `PadEval` of tensorflow/lite/micro/kernels: without a value, quantized
    tensors are filled with the output's zero point.
    """
    data, out = view.input(0), view.output
    if not data.shape or not any(map(any, paddings_of(view))):
        return [move_all(data, out)]
    kernel = KernelBuilder()
    x = kernel.read(data)
    value = constant_padding_value(view)
    fill = kernel.read(view.input(2), (1,))[0] if value is None else tirx.const(value, str(out.dtype))
    frames = list(zip(data.shape, paddings_of(view), strict=True))

    def element(*indices: Any) -> Any:
        inside = []
        for i, (extent, (before, after)) in zip(indices, frames, strict=True):
            inside += [i >= before] if before else []
            inside += [i < before + extent] if after else []
        position = (i - before for i, (_, (before, _)) in zip(indices, frames, strict=True))
        return tirx.if_then_else(tirx.all(*inside), x(*position), fill)

    return [kernel.finish(te.compute(out.shape, element, name="padded"), out, Template.ELEMENTWISE)]


def lower_mirror_pad(view: OperatorView) -> Sequence[Kernel | Alias]:
    """The input continued by its mirror image.

    Source: `GetInputDimension` of tensorflow/lite/micro/kernels/mirror_pad.cc.
    """
    data, out, edge = view.input(0), view.output, _edge(view)
    if not data.shape or not any(map(any, paddings_of(view))):
        return [move_all(data, out)]
    kernel = KernelBuilder()
    x = kernel.read(data)

    def mirrored(index: Any, extent: int, both: tuple[int, int]) -> Any:
        before, after = both
        position = index - before
        inside = position
        if before:
            inside = tirx.Select(position < 0, edge - 1 - position, inside)
        if after:
            inside = tirx.Select(position >= extent, 2 * extent - 1 - edge - position, inside)
        return inside

    def element(*indices: Any) -> Any:
        return x(*map(mirrored, indices, data.shape, paddings_of(view)))

    return [kernel.finish(te.compute(out.shape, element, name="mirrored"), out, Template.ELEMENTWISE)]


def _edge(view: OperatorView) -> int:
    """1 if the mirror image leaves out the element at the edge."""
    return 1 if view.option("mode") == "REFLECT" else 0


_PAD = (*MOVE, paddings_are_constant, padded_shape_agrees)

OPERATORS = {
    "PAD": Support((*_PAD, padding_value_fits), lower_pad),
    "PADV2": Support((*_PAD, padding_value_fits), lower_pad),
    "MIRROR_PAD": Support((*_PAD, mirror_is_long_enough), lower_mirror_pad),
}
