"""Lowering of operators whose output element depends on one 8-bit input element only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.artifacts import DType
from edgekit.compute.lookup import Lookup, flip_top_bit, inputs_of, lookup
from edgekit.lower.kernel import Alias, Kernel, KernelBuilder, Template

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edgekit.lower.view import OperatorView


def lower_table(view: OperatorView, table: NDArray[Any]) -> Sequence[Kernel | Alias]:
    """The cheapest form of output = table[input]: nothing at all, one bit flipped, or a table read.

    `table` holds 256 values of the output's type, in the order of `inputs_of` the input's.
    """
    data, out = view.input(0), view.output
    inputs = inputs_of(str(data.dtype))
    if data.dtype is out.dtype and data.data is None and np.array_equal(table, inputs):
        return [Alias(output=out.index, source=data.index)]
    kernel = KernelBuilder()
    x = kernel.read(data, (data.elements,))
    workload = None
    if out.dtype in (DType.INT8, DType.UINT8) and np.array_equal(np.abs(table - inputs), np.full(256, 128)):
        result = flip_top_bit(x)
    else:
        result = lookup(x, kernel.constant(table, "table"))
        workload = Lookup(str(data.dtype), str(out.dtype))
    same_size = data.dtype.itemsize == out.dtype.itemsize
    in_place = (0,) if same_size else ()
    return [kernel.finish(result, out, Template.ELEMENTWISE, in_place=in_place, workload=workload)]
