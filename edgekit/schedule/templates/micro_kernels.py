"""The kernel around a micro-kernel: its operands, the layout of constants, and the stage that calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from tvm import te, tirx

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from edgekit.compute.convolution import Convolution
    from edgekit.schedule.scheduled import Packer


def convolution_operands(load: Convolution, packed_bytes: int, width: int) -> list[te.Tensor]:
    """What a convolution reads: its input, packed weights, and `width` biases, multipliers and shifts."""
    x = te.placeholder((load.batch, load.height, load.width, load.in_channels), "int8", "x")
    weights = te.placeholder((packed_bytes,), "int8", "weights")
    factors = (te.placeholder((width,), "int32", name) for name in ("bias", "multiplier", "shift"))
    return [x, weights, *factors]


def constant_packers(pack_weights: Packer, width: int) -> dict[int, Packer]:
    """How the constants of `convolution_operands` are laid out.

    Channels past the last repeat its factors, so that these fit the kernel's exact form.
    """

    def fill(values: NDArray[Any]) -> NDArray[Any]:
        return np.pad(values, (0, width - len(values)), mode="edge")

    return {1: pack_weights, **dict.fromkeys((2, 3, 4), fill)}


def calling_stage(
    reads: Sequence[te.Tensor],
    results: Mapping[str, tuple[int, ...]],
    body: Callable[[list[Any], list[Any]], Any],
    *,
    dtype: str = "int8",
) -> te.Tensor:
    """A stage that calls functions on what it reads and on its results, of these names and shapes.

    `body` makes a statement of the buffers of both. The stage is called by the first result, which is given
    back; others are memory of the kernel's own.
    """
    name, *others = results
    made = te.extern(
        list(results.values()),
        list(reads),
        body,
        name=name,
        dtype=[dtype] * len(results),
        # Buffers of our own: te's would have offsets that nothing defines.
        in_buffers=[tirx.decl_buffer(tensor.shape, tensor.dtype, tensor.op.name) for tensor in reads],
        out_buffers=[tirx.decl_buffer(shape, dtype, result) for result, shape in results.items()],
    )
    return made[0] if others else made


def seen(buffer: Any, *positions: Any) -> Any:
    """A statement that only accesses an element: lowering shrinks a buffer to what it sees accessed."""
    return tirx.Evaluate(tirx.address_of(buffer[positions]))
