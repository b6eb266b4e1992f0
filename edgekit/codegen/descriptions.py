"""A model as runtime/edgekit.h describes it: its tensors, its operators, and where to find them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.artifacts import DType
from edgekit.codegen.literals import exact_float, string_literal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edgekit.artifacts import Step, Tensor
    from edgekit.codegen.planned import PlannedModel

_TYPES = {
    DType.INT8: "EDGEKIT_INT8",
    DType.UINT8: "EDGEKIT_UINT8",
    DType.INT16: "EDGEKIT_INT16",
    DType.INT32: "EDGEKIT_INT32",
    DType.INT64: "EDGEKIT_INT64",
    DType.FLOAT32: "EDGEKIT_FLOAT32",
    DType.BOOL: "EDGEKIT_BOOL",
}


def tables(planned: PlannedModel, function_of: Callable[[Step], str]) -> list[str]:
    """Arrays `inputs` and `outputs` of edgekit_tensor, and `operators` of edgekit_operator.

    An array that would be empty is not there: that is no C.
    """
    lines = [
        *_tensor_table("inputs", [(planned.tensor(n), planned.plan.offsets[n]) for n in planned.inputs]),
        *_tensor_table("outputs", [(planned.tensor(n), planned.plan.offsets[n]) for n in planned.outputs]),
    ]
    rows = []
    for index, step in enumerate(planned.steps):
        results = planned.results(step)
        lines += _tensor_table(f"step{index}_outputs", results)
        rows.append(
            f"  {{{string_literal(step.kind)}, {string_literal(function_of(step))}, {step.operator}, "
            f"{step.macs}ull, {f'step{index}_outputs' if results else 'NULL'}, {len(results)}}},"
        )
    if rows:
        lines += ["static const edgekit_operator operators[] = {", *rows, "};"]
    return lines


def definition(
    planned: PlannedModel, getter: str, *, alignment: int, reset: str, threads: int, pool: Sequence[str]
) -> str:
    """The edgekit_model, and the function `getter` that returns it.

    It points to the arrays of `tables`, and to functions: `reset`, `invoke`, `invoke_part`, and those with
    which up to `threads` threads run the model, `pool`: create a pool, invoke with it, free it.
    """
    create, invoke_with, free = pool
    fields = [
        "EDGEKIT_ABI_VERSION",
        string_literal(planned.model.name),
        string_literal(planned.model.digest),
        string_literal(planned.target.name),
        str(planned.plan.arena_bytes),
        str(alignment),
        str(planned.plan.state_bytes),
        str(len(planned.inputs)),
        str(len(planned.outputs)),
        str(len(planned.steps)),
        "inputs" if planned.inputs else "NULL",
        "outputs" if planned.outputs else "NULL",
        "operators" if planned.calls else "NULL",
        reset,
        "invoke",
        str(threads),
        "invoke_part",
        create,
        invoke_with,
        free,
    ]
    rows = "".join(f"    {field},\n" for field in fields)
    return (
        f"static const edgekit_model model = {{\n{rows}}};\n\n"
        f"const edgekit_model *{getter}(void) {{ return &model; }}\n"
    )


def _tensor_table(name: str, tensors: Sequence[tuple[Tensor, int]]) -> list[str]:
    """An array `name` of edgekit_tensor, and the shapes that it points to; nothing for no tensors."""
    if not tensors:
        return []
    shapes = [
        f"static const int32_t {name}_shape{i}[] = {{{', '.join(map(str, tensor.shape)) or '1'}}};"
        for i, (tensor, _) in enumerate(tensors)
    ]
    rows = [f"  {_tensor_row(t, f'{name}_shape{i}', offset)}," for i, (t, offset) in enumerate(tensors)]
    return [*shapes, f"static const edgekit_tensor {name}[] = {{", *rows, "};"]


def _tensor_row(tensor: Tensor, shape: str, offset: int) -> str:
    scale, zero_point = (0.0, 0) if tensor.quantization is None else (tensor.scale, tensor.zero_point)
    return (
        f"{{{string_literal(tensor.name)}, {_TYPES[tensor.dtype]}, {len(tensor.shape)}, {shape}, "
        f"{tensor.size_bytes}, {offset}, {exact_float(scale)}, {zero_point}}}"
    )
