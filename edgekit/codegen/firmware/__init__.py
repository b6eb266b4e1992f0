"""Codegen for microcontrollers: C that a firmware build compiles, with every byte of memory planned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.artifacts import Code, FirmwareBuild, FirmwareSources
from edgekit.codegen.firmware.description import description_source
from edgekit.codegen.firmware.firmware import Firmware
from edgekit.codegen.firmware.interface import interface_header
from edgekit.codegen.firmware.invocation import model_source
from edgekit.codegen.firmware.parts import operators_source, parts_header, weights_source
from edgekit.codegen.firmware.planning import describe_firmware
from edgekit.codegen.firmware.size import FLAGS, code_size
from edgekit.codegen.firmware.sources import kernel_sources

if TYPE_CHECKING:
    from edgekit.artifacts import QuantizedModel, TunedModule
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
