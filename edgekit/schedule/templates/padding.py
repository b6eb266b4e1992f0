"""The padded copy of an input plane, whose rows threads share.

It is a stage of the kernel, copied by vectors; or, where channels fill none, a function copies whole rows
(edgekit/kernels/common/pad_rows.c).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tvm import s_tir, tirx

from edgekit.compute.convolution import pad_plane
from edgekit.schedule.inspect import nodes
from edgekit.schedule.sharing import share_begin, share_end, share_stage
from edgekit.schedule.templates.micro_kernels import calling_stage, seen
from edgekit.schedule.tiles import vector_split

if TYPE_CHECKING:
    from tvm import te

    from edgekit.compute.convolution import Convolution

_LEAST_VECTOR_BYTES = 8
_LEAST_ROW_BYTES = 32  # to be worth a call
_COPY_BYTES = 64  # per vector; LLVM splits it into what the CPU has


def pad_rows(x: te.Tensor, load: Convolution) -> te.Tensor:
    """The input as windows read it, for kernels that call functions of edgekit/kernels."""
    high, wide = load.plane
    fills_vectors = load.in_channels == 1 or load.in_channels % _LEAST_VECTOR_BYTES == 0
    is_short = load.width * load.in_channels < _LEAST_ROW_BYTES
    is_all_padding = load.window.pad_left >= wide  # the function wants a row's input to begin in the plane
    if load.reads_input or fills_vectors or is_short or is_all_padding:
        return pad_plane(x, load)
    return calling_stage(
        [x],
        {"plane": (load.batch, high, wide, load.in_channels)},
        lambda inputs, outputs: _pad_rows(inputs[0], outputs[0], load),
    )


def _pad_rows(x: Any, plane: Any, load: Convolution) -> Any:
    n = tirx.Var("n", "int32")
    (high, wide), window, channels = load.plane, load.window, load.in_channels
    first, end = share_begin(high), share_end(high)
    call = tirx.call_extern(
        "void",
        "ek_pad_rows",
        tirx.address_of(x[n, 0, 0, 0]),
        tirx.address_of(plane[n, 0, 0, 0]),
        first,
        end,
        wide * channels,
        window.pad_top,
        load.height,
        load.width * channels,
        window.pad_left * channels,
        min(load.width, wide - window.pad_left) * channels,
        load.pad_value,
    )
    last = seen(plane, load.batch - 1, high - 1, wide - 1, channels - 1)
    part = tirx.SeqStmt([last, tirx.Evaluate(call)])
    body = tirx.IfThenElse(first < end, part, None)
    return tirx.For(n, 0, load.batch, tirx.ForKind.SERIAL, body)


def vectorize_padding(schedule: Any) -> None:
    """Vectorize the stage named "padded" along its channels, if the kernel has one."""
    blocks = schedule.get_child_blocks(schedule.get_sblock("root"))
    if all(schedule.get(block).name_hint != "padded" for block in blocks):
        return
    padded = schedule.get_sblock("padded")
    channel = schedule.get_loops(padded)[-1]
    size = vector_split(int(schedule.get(channel).extent), _COPY_BYTES)
    if size > 1:
        _, lane = schedule.split(channel, [None, size])
        schedule.vectorize(lane)
    share_stage(schedule, padded)


def vectorize_function_padding(function: Any) -> Any:
    """A kernel whose padding, if it has one, is vectorized, and nothing else."""
    if all(getattr(node, "name_hint", "") != "padded" for node in nodes(function.body)):
        return function
    schedule = s_tir.Schedule(function)
    vectorize_padding(schedule)
    return schedule.mod["main"]
