"""Show a model's operators, shapes and cost, and what of it cannot be built."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.errors import UnsupportedModelError
from edgekit.ingest import costs
from edgekit.ingest.acceptance import find_unsupported
from edgekit.ingest.graph import build_graph
from edgekit.ingest.tflite_reader import survey_tflite
from edgekit.package import read_bundle
from edgekit.package.litert import MODEL_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from edgekit.artifacts import Graph
    from edgekit.ingest.parsed import ParsedModel, ParsedOperator, ParsedTensor


@dataclasses.dataclass(frozen=True, kw_only=True)
class TensorSummary:
    """One tensor. A size that only the device knows is -1; an open batch is what the file says instead.

    `scale` and `zero_point` are None if it is not quantized, or has several.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float | None
    zero_point: int | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class OperatorSummary:
    """One operator in execution order. `inputs` leaves out constants; costs are those of one invocation."""

    index: int
    kind: str  # "CONV_2D"; a custom operator is "CUSTOM name"
    inputs: tuple[TensorSummary, ...]
    outputs: tuple[TensorSummary, ...]
    macs: int
    constant_bytes: int
    can_be_built: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class VariableSummary:
    """A piece of state that is carried from one invocation to the next."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    bytes: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProblemSummary:
    """One reason why the model cannot be built. `operator` is an index; None where none is at fault alone."""

    operator: int | None
    what: str
    why: str
    fix: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlannedBlock:
    """A piece of a build's arena, and the steps that take it, both included.

    -1: the caller gives it, before the first step. The number of steps: it is left to the caller.
    """

    name: str  # of the tensor; "scratch" of a kernel's own
    offset: int
    bytes: int
    first_step: int
    last_step: int
    rows_only: bool  # some rows of the tensor at a time, as its bands need them


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlannedStep:
    """What a step of a build takes of the arena at once at most."""

    operator: int  # its index in the model
    kind: str
    output: str
    arena_bytes: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlannedMemory:
    """The memory of a build: what lies where, and when."""

    target: str
    arena_bytes: int
    state_bytes: int
    bound_bytes: int  # no plan for these steps has a smaller arena
    steps: tuple[PlannedStep, ...]
    blocks: tuple[PlannedBlock, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inspection:
    """All that `inspect` finds out about a model."""

    name: str
    digest: str  # SHA-256 of the file
    file_bytes: int
    description: str
    inputs: tuple[TensorSummary, ...]
    outputs: tuple[TensorSummary, ...]
    operators: tuple[OperatorSummary, ...]
    variables: tuple[VariableSummary, ...]
    macs: int
    constant_bytes: int
    activation_peak_bytes: int  # see `ingest.costs.activation_peak_bytes`: a prediction, not the plan
    state_bytes: int
    problems: tuple[ProblemSummary, ...]
    memory: PlannedMemory | None = None  # of a bundle that EdgeKit planned

    @property
    def can_be_built(self) -> bool:
        """Whether `build` would take the model."""
        return not self.problems


def inspect(model: Path | str) -> Inspection:
    """Look into a .tflite file, whether or not it can be built; or into a bundle and its plan of memory.

    Raises:
        UnreadableModelError: the file is missing, damaged, or contradicts itself (exit code 7).
        BundleUnreadableError, BundleVersionError, BundleAlteredError: the folder is no usable bundle (2).
    """
    path = Path(model)
    if not path.is_dir():
        return _inspect_file(path)
    bundle = read_bundle(path)
    found = _inspect_file(bundle.path / MODEL_NAME)
    return dataclasses.replace(found, name=bundle.manifest["model"]["name"], memory=_memory(bundle.manifest))


def _memory(manifest: Mapping[str, Any]) -> PlannedMemory | None:
    """The plan in a manifest; None where another engine plans, or an older EdgeKit wrote none."""
    if "plan" not in manifest:
        return None
    memory = manifest["memory"]
    return PlannedMemory(
        target=manifest["target"]["name"],
        arena_bytes=memory["arena_bytes"],
        state_bytes=memory["state_bytes"],
        bound_bytes=memory["bound_bytes"],
        steps=tuple(
            PlannedStep(
                operator=step["index"],
                kind=step["kind"],
                output=step["output"],
                arena_bytes=step["arena_bytes"],
            )
            for step in manifest["operators"]
        ),
        blocks=tuple(
            PlannedBlock(**{field.name: block[field.name] for field in dataclasses.fields(PlannedBlock)})
            for block in manifest["plan"]
        ),
    )


def _inspect_file(path: Path) -> Inspection:
    parsed, flatbuffer = survey_tflite(path)
    problems, graph = _judge(parsed)
    main = parsed.main
    faulty = {problem.operator for problem in problems}
    operators = tuple(
        _operator(parsed, operator, operator.index not in faulty) for operator in main.operators
    )
    variables = () if graph is None else _variables(graph)
    return Inspection(
        name=parsed.name,
        digest=hashlib.sha256(flatbuffer).hexdigest(),
        file_bytes=len(flatbuffer),
        description=parsed.description,
        inputs=tuple(_tensor(main.tensors[index]) for index in main.inputs),
        outputs=tuple(_tensor(main.tensors[index]) for index in main.outputs),
        operators=operators,
        variables=variables,
        macs=sum(operator.macs for operator in operators),
        constant_bytes=costs.all_constant_bytes(main),
        activation_peak_bytes=costs.activation_peak_bytes(main),
        state_bytes=sum(variable.bytes for variable in variables),
        problems=problems,
    )


def _judge(parsed: ParsedModel) -> tuple[tuple[ProblemSummary, ...], Graph | None]:
    """What keeps the model from being built, and its graph if it can be read as an integer one."""
    findings = tuple(
        ProblemSummary(operator=each.operator, what=each.what, why=each.why, fix=each.fix)
        for each in find_unsupported(parsed)
    )
    if findings:
        return findings, None
    try:
        graph = build_graph(parsed)
    except UnsupportedModelError as error:
        return (ProblemSummary(operator=None, what=error.what, why=error.why, fix=error.fix),), None
    return _operators_that_cannot_be_lowered(graph), graph


def _operators_that_cannot_be_lowered(graph: Graph) -> tuple[ProblemSummary, ...]:
    from edgekit.lower import simplified
    from edgekit.lower.support import explain

    return tuple(
        ProblemSummary(
            operator=problem.operator,
            what=f"{graph.name}: {problem.where} cannot be built",
            why=f"{problem.rule} Found: {problem.found}.",
            fix="Change the layer in the model, or see docs/supported-ops.md for what is built.",
        )
        for problem in explain(simplified(graph))
    )


def _operator(parsed: ParsedModel, operator: ParsedOperator, can_be_built: bool) -> OperatorSummary:
    graph = parsed.main
    read = [graph.tensors[index] for index in operator.inputs if index is not None]
    return OperatorSummary(
        index=operator.index,
        kind=f"{operator.kind} {operator.custom_name}" if operator.custom_name else operator.kind,
        inputs=tuple(_tensor(tensor) for tensor in read if tensor.data is None),
        outputs=tuple(_tensor(graph.tensors[index]) for index in operator.outputs),
        macs=costs.macs(graph, operator),
        constant_bytes=costs.constant_bytes(graph, operator),
        can_be_built=can_be_built,
    )


def _tensor(tensor: ParsedTensor) -> TensorSummary:
    parameters = tensor.quantization
    is_plain = parameters is not None and len(parameters.scales) == len(parameters.zero_points) == 1
    return TensorSummary(
        name=tensor.name,
        shape=tensor.signature if -1 in tensor.signature[1:] else tensor.shape,
        dtype=tensor.dtype.lower(),
        scale=parameters.scales[0] if parameters is not None and is_plain else None,
        zero_point=parameters.zero_points[0] if parameters is not None and is_plain else None,
    )


def _variables(graph: Graph) -> tuple[VariableSummary, ...]:
    return tuple(
        VariableSummary(name=each.name, shape=each.shape, dtype=each.dtype.value, bytes=each.initial.nbytes)
        for each in graph.variables
    )
