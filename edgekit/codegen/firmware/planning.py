"""From a tuned model to what its C sources say: memory, kernels in C, names of constants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.artifacts import state_name
from edgekit.codegen.arena import BARE, Kernels, arrange
from edgekit.codegen.cpus import check_cpu
from edgekit.codegen.firmware.c_text import identifier, model_prefix
from edgekit.codegen.firmware.firmware import Constant, Firmware
from edgekit.codegen.firmware.flat import flatten
from edgekit.codegen.firmware.functions import CFunction, print_function

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from edgekit.artifacts import QuantizedModel, TunedModule
    from edgekit.codegen.arena import Arrangement


def describe_firmware(model: QuantizedModel, tuned: TunedModule) -> Firmware:
    """Plan a model's memory, print the kernels that are its own, and name its parts.

    Raises:
        UnknownCpuError, UnknownFeatureError: LLVM does not know the target's core.
    """
    check_cpu(tuned.target)
    lowered = tuned.lowered
    prefix = model_prefix(model.name)
    functions = _functions(tuned, prefix)
    arranged = _arranged(tuned, functions)
    states = {state_name(v.name): v.initial for v in lowered.graph.variables}
    filled = {name: byte for name, array in states.items() if (byte := _repeated_byte(array)) is not None}
    initial = {name: array for name, array in states.items() if name not in filled}
    return Firmware(
        model=model,
        prefix=prefix,
        target=tuned.target,
        graph=lowered.graph,
        calls=arranged.calls,
        buffers=lowered.buffers,
        inputs=lowered.inputs,
        outputs=lowered.outputs,
        plan=arranged.plan,
        functions=functions,
        shared=tuned.shared,
        constants=_constants(tuned, prefix),
        initial_states={
            name: Constant(symbol=f"{prefix}_initial_state_{i}", array=array)
            for i, (name, array) in enumerate(initial.items())
        },
        filled_states=filled,
        tuning=tuned.tuning,
    )


def _arranged(tuned: TunedModule, functions: Mapping[str, CFunction]) -> Arrangement:
    lowered = tuned.lowered
    scratch = {
        kernel: (shared.scratch_bytes,) for kernel, shared in tuned.shared.items() if shared.scratch_bytes
    }
    kernels = Kernels(
        workspaces={kernel: function.workspaces for kernel, function in functions.items()} | scratch,
        leads={kernel: shared.lead_bytes for kernel, shared in tuned.shared.items()},
        in_place={kernel for kernel, shared in tuned.shared.items() if shared.works_in_place},
    )
    return arrange(tuned.calls, lowered.buffers, lowered.inputs, lowered.outputs, kernels, BARE)


def _functions(tuned: TunedModule, prefix: str) -> dict[str, CFunction]:
    """Kernels in C; those with the same text are one function."""
    flat = flatten(tuned.module)
    reads = {call.kernel: len(call.reads) for call in tuned.calls}
    printed: dict[tuple[Any, ...], CFunction] = {}
    functions = {}
    for variable, kernel in flat.functions.items():
        name = variable.name_hint
        function = print_function(f"{prefix}_{name}", kernel, reads=reads[name])
        functions[name] = printed.setdefault((function.parameters, function.body), function)
    return functions


def _constants(tuned: TunedModule, prefix: str) -> dict[str, Constant]:
    """Names in C for what the calls read, after the operator that reads it first; equal data is kept once."""
    seen: dict[tuple[str, bytes], Constant] = {}
    named = {}
    for call in tuned.calls:
        roles = _roles(tuned, call.kernel)
        for position, name in enumerate(call.reads):
            if name in tuned.constants and name not in named:
                array = np.ascontiguousarray(tuned.constants[name])
                role = roles[position] if position < len(roles) else f"table_{position}"
                symbol = f"{prefix}_{identifier(call.kernel)}_{role}"
                constant = Constant(symbol=symbol, array=array)
                named[name] = seen.setdefault((str(array.dtype), array.tobytes()), constant)
    return named


def _roles(tuned: TunedModule, kernel: str) -> list[str]:
    """What a kernel calls the constants that it reads; a shared one may read others, in another order."""
    if kernel in tuned.shared:
        return []
    return [identifier(parameter.name) for parameter in tuned.module[kernel].params]


def _repeated_byte(array: NDArray[Any]) -> int | None:
    """The byte that an array consists of; None if there are several."""
    values = set(array.tobytes())
    return values.pop() if len(values) == 1 else None
