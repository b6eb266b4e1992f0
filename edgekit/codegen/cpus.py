"""CPU and feature names, checked against LLVM's own lists, and what `native` stands for.

LLVM takes a misspelt CPU as `generic` and drops a misspelt feature, each with no more than a log
line; a board would silently run at a fraction of its speed.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from tvm.target import Target as TvmTarget
from tvm.target import codegen

from edgekit.errors import UnknownCpuError, UnknownFeatureError, nearest
from edgekit.target import NATIVE

if TYPE_CHECKING:
    from edgekit.target import Target

_CPUINFO = Path("/proc/cpuinfo")
# x86 features that vectorized code may use; a hypervisor can hide any of them from a CPU that has it.
_X86_VECTOR_PREFIXES = ("sse4", "avx", "fma", "f16c", "gfni", "vaes", "vpclmul", "amx")
# Those that micro-kernels ask for, whatever CPU LLVM takes this one for.
_X86_MATRIX_FEATURES = ("amx-int8", "amx-tile")


def check_cpu(target: Target) -> None:
    """Check that LLVM knows the target's CPU and each of its features.

    Raises:
        UnknownCpuError: LLVM has no such CPU for the target's platform; names the nearest one.
        UnknownFeatureError: LLVM has no such feature; names the nearest of those it has by default.
    """
    if target.cpu != NATIVE:
        known = sorted(str(name) for name in codegen.llvm_get_cpu_archlist(_tvm_target(target.triple)))
        if target.cpu not in known:
            raise UnknownCpuError(
                f"Target {target.name!r} has an unknown CPU {target.cpu!r}.",
                why=f"LLVM does not list it for {target.triple}, and would quietly use 'generic' instead.",
                fix=nearest(target.cpu, known, "Use 'generic' if LLVM has no name for this CPU."),
            )
    for feature in target.features:
        _check_feature(target, feature)


def resolve_host_cpu(target: Target) -> Target:
    """The target with `native` replaced by this machine's CPU: what the kernel reports of it."""
    if target.cpu != NATIVE:
        return target
    cpu = str(codegen.llvm_get_system_cpu()) or "generic"
    hidden = tuple(f"-{name}" for name in sorted(_hidden_features(target.triple, cpu)))
    more = tuple(f"+{name}" for name in _unexpected_features(target.triple, cpu))
    return dataclasses.replace(target, cpu=cpu, features=target.features + hidden + more)


def _tvm_target(triple: str, cpu: str = "generic", features: tuple[str, ...] = ()) -> TvmTarget:
    cpu = "x86-64" if triple.startswith("x86_64") and cpu == "generic" else cpu
    return TvmTarget({"kind": "llvm", "mtriple": triple, "mcpu": cpu, "mattr": list(features)})


def _check_feature(target: Target, feature: str) -> None:
    name = feature.lstrip("+-")
    # There is no list of all features: a known one shows in the set once it is turned on.
    with_it = codegen.llvm_get_cpu_features(_tvm_target(target.triple, features=(f"+{name}",)))
    known = {str(known) for known in with_it}
    if name not in known:
        raise UnknownFeatureError(
            f"Target {target.name!r} has an unknown feature {feature!r}.",
            why=f"LLVM has no such feature for {target.triple}, and would ignore it.",
            fix=nearest(name, known, "Delete it, or look its name up in LLVM's list for that platform."),
        )


def _hidden_features(triple: str, cpu: str) -> set[str]:
    """Features that LLVM gives the CPU and the kernel does not report."""
    if not triple.startswith("x86_64"):
        return set()
    reported = {_plain(flag) for flag in _cpuinfo_flags()}
    if not reported:
        return set()
    features = {str(name) for name in codegen.llvm_get_cpu_features(_tvm_target(triple, cpu))}
    vector = {name for name in features if name.startswith(_X86_VECTOR_PREFIXES)}
    return {name for name in vector if _plain(name) not in reported}


def _unexpected_features(triple: str, cpu: str) -> list[str]:
    """Features for matrices that the kernel reports and LLVM does not give the CPU."""
    if not triple.startswith("x86_64"):
        return []
    reported = {_plain(flag) for flag in _cpuinfo_flags()}
    features = {str(name) for name in codegen.llvm_get_cpu_features(_tvm_target(triple, cpu))}
    return [name for name in _X86_MATRIX_FEATURES if name not in features and _plain(name) in reported]


def _cpuinfo_flags() -> list[str]:
    for line in _CPUINFO.read_text(encoding="utf-8").splitlines() if _CPUINFO.is_file() else ():
        key, _, value = line.partition(":")
        if key.strip() == "flags":
            return value.split()
    return []


def _plain(name: str) -> str:
    """The same for both: `avx512_vnni` and `amx_int8` (the kernel), `avx512vnni` and `amx-int8` (LLVM)."""
    plain = name.replace("_", "").replace(".", "").replace("-", "")
    return "vpclmulqdq" if plain == "vpclmul" else plain
