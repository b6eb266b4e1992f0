"""Kernels over pointers become one object file, by the LLVM inside TVM."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tvm

from edgekit.codegen.cpus import check_cpu, resolve_host_cpu
from edgekit.codegen.pointers import flatten_kernels
from edgekit.codegen.twins import merge_twins

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgekit.target import Target


@dataclasses.dataclass(frozen=True)
class KernelObject:
    """An object file of functions, and for each kernel its function, its scratch memory and who runs it."""

    content: bytes
    functions: Mapping[str, str]  # kernel -> function; kernels that are the same have one together
    workspaces: Mapping[str, tuple[int, ...]]  # kernel -> bytes of each extra pointer parameter
    shared: frozenset[str]  # kernels that several threads run together


def llvm_target(target: Target) -> Any:
    """TVM's description of a target.

    Raises:
        UnknownCpuError: LLVM does not know the CPU; it would silently compile for a generic one.
    """
    target = resolve_host_cpu(target)
    check_cpu(target)
    options: dict[str, Any] = {
        "kind": "llvm",
        "mtriple": target.triple,
        "mcpu": target.cpu,
        "mattr": list(target.features),
        "num-cores": target.cores,
        # Tensors may start anywhere in the arena (windows of a concatenation do): loads and stores
        # must not assume more than byte alignment, which costs nothing on any CPU we build for.
        "vector-width": 8,
    }
    if target.architecture == "armv7":
        options["mfloat-abi"] = "hard"
    return tvm.target.Target(options)


def compile_kernels(module: Any, target: Target) -> KernelObject:
    """Compile scheduled kernels for a target."""
    description = llvm_target(target)
    distinct, functions = merge_twins(module)
    flat = flatten_kernels(distinct, description)
    built = tvm.get_global_func("target.build.llvm")(flat.module, description)
    with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
        path = Path(folder) / "kernels.o"
        built.write_to_file(str(path), "o")
        content = path.read_bytes()
    return KernelObject(
        content,
        functions,
        {kernel: flat.workspaces[function] for kernel, function in functions.items()},
        frozenset(kernel for kernel, function in functions.items() if function in flat.shared),
    )
