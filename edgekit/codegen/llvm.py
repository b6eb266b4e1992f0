"""Kernels over pointers become one object file, by the LLVM inside TVM."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tvm

from edgekit.codegen.cpus import check_cpu, resolve_host_cpu
from edgekit.codegen.pointers import flatten_kernels

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgekit.target import Target


@dataclasses.dataclass(frozen=True)
class KernelObject:
    """An object file with one function per kernel, the scratch bytes each takes, and which threads share."""

    content: bytes
    workspaces: Mapping[str, tuple[int, ...]]
    shared: frozenset[str]


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
    flat = flatten_kernels(module, description)
    built = tvm.get_global_func("target.build.llvm")(flat.module, description)
    with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
        path = Path(folder) / "kernels.o"
        built.write_to_file(str(path), "o")
        return KernelObject(path.read_bytes(), flat.workspaces, flat.shared)
