"""Stage 6 for microcontrollers: C that a firmware build compiles, with every byte of memory planned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.artifacts import Code, FirmwareBuild, FirmwareSources
from edgekit.codegen.arena import BARE, Kernels, arrange
from edgekit.codegen.cpus import check_cpu
from edgekit.codegen.firmware.c_text import identifier, model_prefix
from edgekit.codegen.firmware.description import description_source
from edgekit.codegen.firmware.firmware import Constant, Firmware
from edgekit.codegen.firmware.flat import flatten
from edgekit.codegen.firmware.functions import CFunction, print_function
from edgekit.codegen.firmware.interface import interface_header
from edgekit.codegen.firmware.invocation import model_source
from edgekit.codegen.firmware.parts import operators_source, parts_header, weights_source
from edgekit.codegen.firmware.size import FLAGS, code_size
from edgekit.codegen.firmware.sources import kernel_sources

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from edgekit.artifacts import QuantizedModel, TunedModule
    from edgekit.codegen.arena import Arrangement
    from edgekit.target import Target

__all__ = ["Firmware", "compile_firmware", "describe_firmware", "generate_firmware", "write_firmware"]

# Arduino looks for a library's headers beside its sources.
_FORWARD = '#include "../include/{name}.h"\n'


def generate_firmware(model: QuantizedModel, tuned: TunedModule) -> FirmwareSources:
    """The C sources of a tuned model. Nothing is compiled.

    Raises:
        UnknownCpuError, UnknownFeatureError: LLVM does not know the target's core.
    """
    return write_firmware(describe_firmware(model, tuned))


def write_firmware(firmware: Firmware) -> FirmwareSources:
    """The C sources of a model whose memory is planned."""
    name = firmware.prefix
    sources = {
        f"include/{name}.h": interface_header(firmware),
        f"src/{name}.h": _FORWARD.format(name=name),
        f"src/{name}.c": model_source(firmware),
        f"src/{name}_parts.h": parts_header(firmware),
        f"src/{name}_weights.c": weights_source(firmware),
        f"src/{name}_description.c": description_source(firmware),
    }
    operators = operators_source(firmware)
    if operators is not None:
        sources[f"src/{name}_operators.c"] = operators
    kernels = kernel_sources(firmware.shared.values())
    needs = firmware.needs
    return FirmwareSources(
        prefix=name,
        files={
            **{path: text.encode() for path, text in sources.items()},
            **{f"src/kernels/{path}": content for path, content in kernels.items()},
        },
        plan=needs.plan,
        steps=needs.steps,
        weights=needs.weights,
        tuning=firmware.tuning,
    )


def compile_firmware(sources: FirmwareSources, target: Target) -> Code:
    """The sources and how much flash their code takes, by the compiler for the target's core.

    Raises:
        CompilerFailedError: it refused code of ours: a bug.
    """
    size = code_size(sources.files, sources.prefix, target)
    return Code(
        files=sources.files,
        plan=sources.plan,
        steps=sources.steps,
        code_bytes=size.code_bytes,
        weight_bytes=sources.weight_bytes,
        tuning=sources.tuning,
        firmware=FirmwareBuild(prefix=sources.prefix, flags=FLAGS, compiler=size.compiler),
    )


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
    states = {f"state:{v.name}": v.initial for v in lowered.graph.variables}
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
