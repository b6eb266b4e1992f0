"""manifest.json: what a bundle holds, and the versions that decide who may read it.

Schema version 1:

    schema_version  1
    abi_version     version of the C interface (edgekit.h)
    engine          "edgekit", or "litert": LiteRT runs model.tflite on the device
    model           name, digest (SHA-256 of model.tflite)
    quantization    of a model that EdgeKit quantized: of what, with what tools, samples and choices: every
                    field of QuantizationRecord (edgekit/artifacts/graph.py)
    target          every field of the target, and its architecture ("aarch64", "armv7", "x86_64")
    files           for every file but this one: sha256, bytes
    tensors         inputs and outputs: name, shape, dtype, scale, zero_point (null if not quantized)
    memory          arena_bytes, state_bytes, library_bytes, code_bytes, weight_bytes; null where LiteRT
                    keeps its memory to itself. Of a firmware, library_bytes is what it takes of flash; its
                    code_bytes are with what it calls of memcpy and its like and of the compiler's library.
                    bound_bytes: no plan for these operators has a smaller arena. peak: the step (and its
                    operator) that needs the most, needed_bytes, and who needs them: tensors, scratch_bytes
    plan            what lies where in the arena: name (of a tensor; "scratch"), offset, bytes, first_step and
                    last_step that take it (-1: the caller gives it; the number of steps: it is left to him),
                    rows_only (of a tensor whose rows come in bands). Not where LiteRT plans
    interface       "file": inputs and outputs are the file's; "integer": its floats there are left to the
                    caller, who gives and takes integers
    firmware        for a microcontroller: prefix (of its functions in C), and the flags and the compiler that
                    code_bytes was taken with; the target's own flags come before them
    macs            multiply-accumulates of one invocation
    operators       one entry a step: index (in the model), kind, kernel, macs, output (tensor name), bytes
                    (of what it reads and writes, each once), elements (of what it writes), arena_bytes (taken
                    at once in it at most; not where LiteRT plans)
    tools           name and version of everything that had a part in the bytes
    tuning          tuned_share: the share of the MACs whose kernels were tuned; by: that share by the source
                    of the records ("board", "machine", "emulator"); nearest_by: the share that took another
                    shape's record
    golden          vectors, streaming, oracle (null if it gave no answers), checked, unchecked (why not),
                    and for LiteRT, whose oracle is LiteRT itself: tolerance_steps
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
from typing import TYPE_CHECKING, Any

from edgekit import __version__
from edgekit.artifacts import Engine
from edgekit.errors import BundleUnreadableError, BundleVersionError
from edgekit.package.arena_plan import bytes_in_use, plan_of
from edgekit.package.golden import is_streaming
from edgekit.package.interface import is_integer_by_choice
from edgekit.package.peak import peak_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgekit.artifacts import Code, Golden, QuantizedModel, Tensor
    from edgekit.target import Target

SCHEMA_VERSION = 1
ABI_VERSION = 2  # EDGEKIT_ABI_VERSION of runtime/edgekit.h
MANIFEST_NAME = "manifest.json"
# LiteRT's answers on the device may differ by so much from those of the machine that built. Measured over
# nine trained models of 20 vectors, LiteRT 2.3 on x86-64 against Cortex-A72 and A76: one element of all by
# one step, the others equal. Its kernels without XNNPACK differ by up to 70, which this does not let pass.
LITERT_TOLERANCE_STEPS = 2.0
_TOOLS = ("apache-tvm", "numpy", "tflite", "ziglang")


@dataclasses.dataclass(frozen=True)
class _Every:
    """In a schema: an object with keys of any name, whose values are all of this form."""

    form: Any


# What must be there to use a bundle, and of which type. More keys may be there.
_TENSOR = {"name": str, "shape": [int], "dtype": str}
_SCHEMA: dict[str, Any] = {
    "engine": str,
    "model": {"name": str, "digest": str},
    "target": {
        "name": str,
        "kind": str,
        "description": str,
        "architecture": str,
        "triple": str,
        "cpu": str,
        "features": [str],
        "glibc": str,
        "cores": int,
        "clock_mhz": int | None,
        "ram_mib": int | None,
        "emulated_cpu": str,
        "source": str,
    },
    "files": _Every({"sha256": str, "bytes": int}),
    "tensors": {"inputs": [_TENSOR], "outputs": [_TENSOR]},
    "memory": {
        "arena_bytes": int | None,
        "state_bytes": int | None,
        "library_bytes": int,
        "code_bytes": int | None,
        "weight_bytes": int,
    },
    "macs": int,
    "operators": [{"index": int, "kind": str, "kernel": str, "macs": int, "output": str}],
    "tools": dict,
    "golden": {"vectors": int, "streaming": bool, "oracle": str | None, "checked": bool},
}
# Likewise, of what manifests have since they tell the plan.
_PLANNED: dict[str, Any] = {
    "memory": {"arena_bytes": int, "state_bytes": int, "bound_bytes": int},
    "operators": [{"output": str, "arena_bytes": int}],
    "plan": [
        {
            "name": str,
            "offset": int,
            "bytes": int,
            "first_step": int,
            "last_step": int,
            "rows_only": bool,
        }
    ],
}


def make_manifest(
    model: QuantizedModel, code: Code, target: Target, golden: Golden, files: Mapping[str, bytes]
) -> dict[str, Any]:
    """The manifest of a bundle of EdgeKit's own engine with these files."""
    memory = {
        "arena_bytes": code.plan.arena_bytes,
        "state_bytes": code.plan.state_bytes,
        "library_bytes": _flash_bytes(code),
        "code_bytes": code.code_bytes,
        "weight_bytes": code.weight_bytes,
        "bound_bytes": code.plan.bound_bytes,
        "peak": peak_of(model, code),
    }
    return {
        **_common(model, target, golden, files),
        "engine": Engine.EDGEKIT.value,
        "interface": "integer" if is_integer_by_choice(model.graph) else "file",
        "memory": memory,
        "macs": code.macs,
        "plan": plan_of(model, code),
        "operators": [
            {**_operator(model, step.operator, step.kernel, step.macs), "arena_bytes": taken}
            for step, taken in zip(code.steps, bytes_in_use(code.plan, code.steps), strict=True)
        ],
        "tuning": {
            "tuned_share": round(code.tuning.tuned_share, 6),
            "by": _rounded(code.tuning.exact),
            "nearest_by": _rounded(code.tuning.nearest),
        },
        "golden": _golden(model, golden),
        **({"firmware": dataclasses.asdict(code.firmware)} if code.firmware is not None else {}),
    }


def _flash_bytes(code: Code) -> int:
    """What a model takes of flash: its library, or its code and weights in a firmware."""
    if code.firmware is not None:
        return code.code_bytes + code.weight_bytes
    return sum(len(content) for content in code.files.values())


def make_litert_manifest(
    model: QuantizedModel, macs: Mapping[int, int], target: Target, golden: Golden, files: Mapping[str, bytes]
) -> dict[str, Any]:
    """The manifest of a bundle with these files that LiteRT runs; `macs` are by operator."""
    constants = [tensor.data.nbytes for tensor in model.graph.tensors if tensor.data is not None]
    memory = {
        "arena_bytes": None,
        "state_bytes": None,
        "library_bytes": len(model.flatbuffer),
        "code_bytes": None,
        "weight_bytes": sum(constants),
    }
    return {
        **_common(model, target, golden, files),
        "engine": Engine.LITERT.value,
        "memory": memory,
        "macs": sum(macs.values()),
        "operators": [
            _operator(model, operator.index, Engine.LITERT.value, macs.get(operator.index, 0))
            for operator in model.graph.operators
        ],
        "tuning": {"tuned_share": 0.0},
        "golden": {**_golden(model, golden), "tolerance_steps": LITERT_TOLERANCE_STEPS},
    }


def _common(
    model: QuantizedModel, target: Target, golden: Golden, files: Mapping[str, bytes]
) -> dict[str, Any]:
    graph = model.graph
    return {
        "schema_version": SCHEMA_VERSION,
        "abi_version": ABI_VERSION,
        "model": {"name": model.name, "digest": model.digest},
        **({"quantization": dataclasses.asdict(model.quantization)} if model.quantization else {}),
        "target": describe_target(target),
        "files": {name: _fingerprint(content) for name, content in files.items()},
        "tensors": {
            "inputs": [_describe(graph.tensors[index]) for index in graph.inputs],
            "outputs": [_describe(graph.tensors[index]) for index in graph.outputs],
        },
        "tools": tool_versions(golden),
    }


def describe_target(target: Target) -> dict[str, Any]:
    """A manifest's entry for a target."""
    return {**dataclasses.asdict(target), "architecture": target.architecture}


def _golden(model: QuantizedModel, golden: Golden) -> dict[str, Any]:
    return {
        "vectors": golden.frames,
        "streaming": is_streaming(model.graph),
        "oracle": golden.oracle,
        "checked": golden.outputs is not None,
        "unchecked": golden.unchecked,
    }


def _rounded(shares: Mapping[str, float]) -> dict[str, float]:
    return {name: round(share, 6) for name, share in shares.items()}


def tool_versions(golden: Golden) -> dict[str, str]:
    """Versions of the packages that had a part in a bundle's bytes; those not installed are left out."""
    versions = {"edgekit": __version__}
    for name in _TOOLS:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    if golden.oracle is not None:
        name, version = golden.oracle.split(" ")[:2]
        versions[name] = version
    return versions


def manifest_bytes(manifest: Mapping[str, Any]) -> bytes:
    """The file's content: the same manifest gives the same bytes."""
    return json_bytes(manifest)


def json_bytes(document: Mapping[str, Any]) -> bytes:
    """Indented JSON with sorted keys and one newline at its end."""
    return (json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def parse_manifest(content: bytes, where: str) -> dict[str, Any]:
    """Read and check a manifest. `where` is how messages call the bundle.

    Versions are looked at first: what another version means by a key is not ours to judge.

    Raises:
        BundleUnreadableError: not JSON, or a key is missing or of the wrong type.
        BundleVersionError: another schema or C interface version.
    """
    try:
        manifest = json.loads(content)
    except ValueError as error:
        raise _unreadable(where, f"{MANIFEST_NAME} is not JSON ({error}).") from error
    if not isinstance(manifest, dict):
        raise _unreadable(where, f"{MANIFEST_NAME} is not a JSON object.")
    _check_version(manifest, "schema_version", SCHEMA_VERSION, where)
    _check_version(manifest, "abi_version", ABI_VERSION, where)
    problem = _mismatch(manifest, _SCHEMA, "")
    if problem is None and "plan" in manifest:
        problem = _mismatch(manifest, _PLANNED, "")
    if problem is not None:
        raise _unreadable(where, f"In {MANIFEST_NAME}, {problem}.")
    return manifest


def _check_version(manifest: Mapping[str, Any], key: str, ours: int, where: str) -> None:
    found = manifest.get(key)
    if found == ours and type(found) is int:
        return
    if type(found) is not int:
        raise _unreadable(where, f"{MANIFEST_NAME} names no {key}.")
    newer = found > ours
    raise BundleVersionError(
        f"The bundle {where} cannot be read by this EdgeKit.",
        why=f"Its {key} is {found}; this EdgeKit reads {ours}.",
        fix="Upgrade EdgeKit (`pip install -U edgekit-sdk`)."
        if newer
        else "Build it again with `edgekit build`.",
    )


def _mismatch(value: Any, expected: Any, path: str) -> str | None:
    """What is wrong with a value, or None. `expected` is a type, a list of one, or a dictionary of them."""
    if isinstance(expected, _Every):
        expected = dict.fromkeys(value, expected.form) if isinstance(value, dict) else {}
    if isinstance(expected, dict):
        if not isinstance(value, dict):
            return f"{path or 'the document'} is not an object"
        for key, inner in expected.items():
            inside = f"{path}.{key}" if path else key
            if key not in value:
                return f"{inside} is missing"
            if (problem := _mismatch(value[key], inner, inside)) is not None:
                return problem
        return None
    if isinstance(expected, list):
        if not isinstance(value, list):
            return f"{path} is not a list"
        problems = (_mismatch(item, expected[0], f"{path}[{i}]") for i, item in enumerate(value))
        return next((problem for problem in problems if problem is not None), None)
    # A bool is an int to Python, but not to us.
    if not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
        return f"{path} is not of type {getattr(expected, '__name__', expected)}"
    return None


def _unreadable(where: str, why: str) -> BundleUnreadableError:
    return BundleUnreadableError(
        f"The bundle {where} cannot be read.", why=why, fix="Build it again with `edgekit build`."
    )


def _fingerprint(content: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def _describe(tensor: Tensor) -> dict[str, Any]:
    quantized = tensor.quantization is not None and not tensor.quantization.is_per_channel
    return {
        "name": tensor.name,
        "shape": list(tensor.shape),
        "dtype": tensor.dtype.value,
        "scale": tensor.scale if quantized else None,
        "zero_point": tensor.zero_point if quantized else None,
    }


def _operator(model: QuantizedModel, index: int, kernel: str, macs: int) -> dict[str, Any]:
    graph = model.graph
    operator = graph.operators[index]
    touched = {i for i in (*operator.inputs, *operator.outputs) if i is not None}
    return {
        "index": index,
        "kind": operator.kind,
        "kernel": kernel,
        "macs": macs,
        "output": graph.tensors[operator.outputs[0]].name if operator.outputs else "",
        "bytes": sum(graph.tensors[i].size_bytes for i in touched),
        "elements": sum(graph.tensors[i].elements for i in operator.outputs),
    }
