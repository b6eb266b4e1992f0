"""Codegen: scheduled kernels become a shared library, with every byte of memory planned."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from edgekit.artifacts import Code, state_name, steps_of
from edgekit.codegen.arena import Kernels, arrange, with_overread
from edgekit.codegen.constants import lay_out
from edgekit.codegen.cpus import resolve_host_cpu
from edgekit.codegen.entry import Entry, entry_source
from edgekit.codegen.link import link_library
from edgekit.codegen.llvm import compile_kernels

if TYPE_CHECKING:
    from edgekit.artifacts import QuantizedModel, TunedModule

__all__ = ["generate", "library_name", "resolve_host_cpu"]


def generate(model: QuantizedModel, tuned: TunedModule) -> Code:
    """Compile a tuned model for its target.

    Raises:
        UnknownCpuError: LLVM does not know the target's CPU.
        ToolMissingError: the C compiler is not installed.
    """
    lowered = tuned.lowered
    kernels = compile_kernels(tuned.module, tuned.target)
    arranged = arrange(
        tuned.calls, lowered.buffers, lowered.inputs, lowered.outputs, Kernels(kernels.workspaces)
    )
    initial = {state_name(v.name): v.initial for v in lowered.graph.variables}
    plan = with_overread(arranged.plan, tuned.overread_bytes)
    block = lay_out({**tuned.constants, **{f"initial:{name}": array for name, array in initial.items()}})
    source = entry_source(
        Entry(
            model=model,
            target=tuned.target,
            graph=lowered.graph,
            calls=arranged.calls,
            buffers=lowered.buffers,
            inputs=lowered.inputs,
            outputs=lowered.outputs,
            plan=plan,
            functions=kernels.functions,
            workspaces=kernels.workspaces,
            shared=kernels.shared,
            constant_offsets=block.offsets,
            initial_states={name: block.offsets[f"initial:{name}"] for name in initial},
        )
    )
    name = library_name(model.name)
    # Constants are operands too: what a kernel reads past the last of them must be there.
    constants = block.content + bytes(tuned.overread_bytes)
    library = link_library(name, source, kernels.content, constants, tuned.target, tuned.kernels)
    return Code(
        files={name: library.content},
        plan=plan,
        steps=steps_of(arranged.calls),
        code_bytes=library.code_bytes,
        weight_bytes=len(block.content),
        tuning=tuned.tuning,
    )


def library_name(model: str) -> str:
    """File name of a model's library."""
    return f"lib{re.sub(r'[^A-Za-z0-9_]+', '_', model)}.so"
