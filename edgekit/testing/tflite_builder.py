"""Writes small `.tflite` models for tests, a line a tensor or operator.

    model = ModelBuilder()
    x = model.input((1, 8, 8, 3), scale=0.5, zero_point=-3)
    w = model.constant(weights, scale=[0.1, 0.2, 0.3, 0.4])  # one scale a channel, along axis 0
    y = model.op("CONV_2D", [x, w], [spec((1, 8, 8, 4), scale=0.7)], padding="SAME", stride_w=1, stride_h=1)
    flatbuffer = model.build()

Options have the names and values that `edgekit.ingest` reads: snake_case fields, enums as their names.
What a correct writer never makes is reached through `to_object`, whose answer may be edited before `pack`.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import flatbuffers
import numpy as np
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

from edgekit.ingest.schema import OPTION_ENUMS, OPTIONS, OPTIONS_OF

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

TensorId = int  # a tensor's index in the main subgraph

_SCHEMA_VERSION = 3
_BUFFER_ALIGNMENT = 16  # the schema's force_align of Buffer.data
_LAST_BYTE_CODE = 127  # operators above it are in the second field of an operator code only


@dataclasses.dataclass(frozen=True, kw_only=True)
class TensorSpec:
    """What a tensor is like; see `spec`."""

    shape: tuple[int, ...]
    dtype: str
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int
    name: str
    signature: tuple[int, ...] | None


def spec(
    shape: Sequence[int],
    dtype: str = "int8",
    scale: float | Sequence[float] | None = None,
    zero_point: int | Sequence[int] = 0,
    *,
    axis: int = 0,
    name: str = "",
    signature: Sequence[int] | None = None,
) -> TensorSpec:
    """Describe a tensor: several scales quantize it along `axis`; no scale leaves it unquantized.

    `dtype` is a numpy name, or any TensorType of the schema in lower case. `signature` is
    the shape with -1 for sizes that are not fixed.
    """
    scales = () if scale is None else tuple(np.atleast_1d(np.asarray(scale, np.float64)).tolist())
    zeros = np.broadcast_to(np.asarray(zero_point, np.int64), (len(scales),)).tolist()
    return TensorSpec(
        shape=tuple(int(size) for size in shape),
        dtype=dtype,
        scales=scales,
        zero_points=tuple(zeros),
        axis=axis,
        name=name,
        signature=None if signature is None else tuple(signature),
    )


class ModelBuilder:
    """One model in the making. Methods that add a tensor give its index, to be used as an input."""

    def __init__(self, description: str = "made by a test") -> None:
        self._description = description
        self._buffers: list[Any] = [schema.BufferT()]  # buffer 0 is empty by convention
        self._codes: dict[tuple[int, str, int], int] = {}
        self._main = _Subgraph("main")
        self._init = _Subgraph("init")
        self._inputs: list[TensorId] = []
        self._outputs: list[TensorId] = []
        self._metadata: list[Any] = []

    # ------------------------------------------------------------------------------------ tensors

    def input(
        self,
        shape: Sequence[int],
        dtype: str = "int8",
        scale: float | None = None,
        zero_point: int = 0,
        **more: Any,
    ) -> TensorId:
        """Add an input of the model; `more` are the other fields of `spec`."""
        index = self._main.add_tensor(spec(shape, dtype, scale, zero_point, **{"name": "input", **more}))
        self._inputs.append(index)
        return index

    def constant(
        self,
        values: ArrayLike,
        scale: float | Sequence[float] | None = None,
        zero_point: int | Sequence[int] = 0,
        *,
        dtype: str | None = None,
        **more: Any,
    ) -> TensorId:
        """Add a constant; its type is that of `values`, or `dtype` with the bytes of `values` as they are."""
        array = np.asarray(values)
        described = spec(
            array.shape, dtype or array.dtype.name, scale, zero_point, **{"name": "constant", **more}
        )
        return self._main.add_tensor(described, buffer=self._add_buffer(array))

    def tensor(self, described: TensorSpec) -> TensorId:
        """Add a tensor that nothing writes yet; `op` adds its outputs itself."""
        return self._main.add_tensor(described)

    def state(
        self, shape: Sequence[int], dtype: str = "int8", scale: float | None = None, zero_point: int = 0
    ) -> TensorId:
        """Add a variable tensor, as SVDF has for its state."""
        described = spec(shape, dtype, scale, zero_point, name="state")
        return self._main.add_tensor(described, is_variable=True)

    # ---------------------------------------------------------------------------------- operators

    def op(
        self,
        kind: str,
        inputs: Sequence[TensorId | None],
        outputs: Sequence[TensorSpec] | TensorSpec,
        *,
        version: int = 1,
        custom_name: str = "",
        **options: Any,
    ) -> TensorId:
        """Add an operator and its outputs; the index of the first output (-1 if it has none).

        The others follow it: output i is the answer plus i. Absent inputs are None.
        """
        specs = [outputs] if isinstance(outputs, TensorSpec) else list(outputs)
        written = [self._main.add_tensor(described, fallback_name=kind.lower()) for described in specs]
        self._main.add_operator(
            _operator(self._code(kind, custom_name, version), kind, inputs, written, options)
        )
        return written[0] if written else -1

    def variable(
        self,
        name: str,
        described: TensorSpec,
        initial: NDArray[Any] | None = None,
        *,
        container: str = "",
    ) -> Variable:
        """Add a resource variable. `initial` is assigned by a CALL_ONCE, which becomes the first operator."""
        options: dict[str, Any] = {"container": container, "shared_name": name}
        handle = self.op("VAR_HANDLE", [], spec((), "resource", name=name), **options)
        if initial is not None:
            self._initialise(options, described, initial)
        return Variable(self, handle, described)

    def call_once(self, subgraph: int) -> None:
        """Add a CALL_ONCE by hand; variables with an initial value have theirs made for them."""
        self.op("CALL_ONCE", [], [], init_subgraph_index=subgraph)

    def _initialise(self, options: Mapping[str, str], described: TensorSpec, initial: NDArray[Any]) -> None:
        handle = self._init.add_tensor(spec((), "resource"))
        value = self._init.add_tensor(described, buffer=self._add_buffer(initial))
        self._init.add_operator(_operator(self._code("VAR_HANDLE"), "VAR_HANDLE", [], [handle], options))
        code = self._code("ASSIGN_VARIABLE")
        self._init.add_operator(_operator(code, "ASSIGN_VARIABLE", [handle, value], [], {}))

    # -------------------------------------------------------------------------------------- whole

    def output(self, *tensors: TensorId) -> ModelBuilder:
        """Name outputs of the model. By default they are what operators write and none reads."""
        self._outputs += tensors
        return self

    def metadata(self, name: str, content: bytes = b"") -> ModelBuilder:
        """Add a metadata entry."""
        buffer = self._add_buffer(np.frombuffer(content, np.uint8))
        self._metadata.append(schema.MetadataT(name=name, buffer=buffer))
        return self

    def build(self) -> bytes:
        """The model as a flatbuffer."""
        return pack(self.to_object())

    def to_object(self) -> Any:
        """The model as the schema's ModelT, a fresh one at every call."""
        subgraphs = [self._main]
        operators = list(self._main.operators)
        if self._init.operators:
            code = self._code("CALL_ONCE")
            operators.insert(0, _operator(code, "CALL_ONCE", [], [], {"init_subgraph_index": 1}))
            subgraphs.append(self._init)
        codes = [
            schema.OperatorCodeT(
                builtinCode=number,
                deprecatedBuiltinCode=min(number, _LAST_BYTE_CODE),
                customCode=custom_name or None,
                version=version,
            )
            for number, custom_name, version in self._codes
        ]
        main = schema.SubGraphT(
            tensors=list(self._main.tensors),
            operators=operators,
            inputs=list(self._inputs),
            outputs=list(self._outputs) or self._main.unread(),
            name="main",
        )
        return schema.ModelT(
            version=_SCHEMA_VERSION,
            description=self._description,
            operatorCodes=codes,
            subgraphs=[main, *(graph.to_object() for graph in subgraphs[1:])],
            buffers=list(self._buffers),
            metadata=list(self._metadata) or None,
        )

    def _code(self, kind: str, custom_name: str = "", version: int = 1) -> int:
        key = (getattr(schema.BuiltinOperator, kind), custom_name, version)
        return self._codes.setdefault(key, len(self._codes))

    def _add_buffer(self, values: NDArray[Any]) -> int:
        self._buffers.append(_AlignedBuffer(data=np.frombuffer(values.tobytes(), np.uint8)))
        return len(self._buffers) - 1


class Variable:
    """A resource variable of a model in the making."""

    def __init__(self, model: ModelBuilder, handle: TensorId, described: TensorSpec) -> None:
        self._model, self.handle, self.spec = model, handle, described

    def read(self) -> TensorId:
        """Add a READ_VARIABLE; the tensor it writes."""
        return self._model.op("READ_VARIABLE", [self.handle], self.spec)

    def assign(self, value: TensorId) -> None:
        """Add an ASSIGN_VARIABLE."""
        self._model.op("ASSIGN_VARIABLE", [self.handle, value], [])


def pack(model: Any) -> bytes:
    """A ModelT as a flatbuffer with the mark of a `.tflite` file."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


class _Subgraph:
    """Tensors and operators of a subgraph in the making."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.tensors: list[Any] = []
        self.operators: list[Any] = []

    def add_tensor(
        self,
        described: TensorSpec,
        *,
        buffer: int = 0,
        is_variable: bool = False,
        fallback_name: str = "tensor",
    ) -> TensorId:
        quantization = None
        if described.scales:
            quantization = schema.QuantizationParametersT(
                scale=list(described.scales),
                zeroPoint=list(described.zero_points),
                quantizedDimension=described.axis,
            )
        index = len(self.tensors)
        self.tensors.append(
            schema.TensorT(
                shape=list(described.shape),
                shapeSignature=None if described.signature is None else list(described.signature),
                type=getattr(schema.TensorType, described.dtype.upper()),
                buffer=buffer,
                name=f"{described.name or fallback_name}_{index}",
                quantization=quantization,
                isVariable=is_variable,
                hasRank=True,
            )
        )
        return index

    def add_operator(self, operator: Any) -> None:
        self.operators.append(operator)

    def unread(self) -> list[TensorId]:
        """Tensors that operators write and none reads, apart from handles of variables."""
        read = {index for operator in self.operators for index in operator.inputs}
        return [
            index
            for operator in self.operators
            for index in operator.outputs
            if index not in read and self.tensors[index].type != schema.TensorType.RESOURCE
        ]

    def to_object(self) -> Any:
        return schema.SubGraphT(
            tensors=list(self.tensors), operators=list(self.operators), inputs=[], outputs=[], name=self.name
        )


class _AlignedBuffer(schema.BufferT):  # type: ignore[misc]  # the schema has no types
    """A buffer whose data is aligned as the schema demands; the generated writer forgets to."""

    def Pack(self, builder: Any) -> Any:  # noqa: N802 - overrides
        content = self.data.tobytes()
        builder.StartVector(1, len(content), _BUFFER_ALIGNMENT)
        builder.head -= len(content)
        builder.Bytes[builder.head : builder.head + len(content)] = content
        data = builder.EndVector()
        schema.BufferStart(builder)
        schema.BufferAddData(builder, data)
        return schema.BufferEnd(builder)


def _operator(
    code: int,
    kind: str,
    inputs: Sequence[TensorId | None],
    outputs: Sequence[TensorId],
    options: Mapping[str, Any],
) -> Any:
    table = _options(kind, options)
    numbers = {name: number for number, name in OPTIONS.items()}
    return schema.OperatorT(
        opcodeIndex=code,
        inputs=[-1 if index is None else index for index in inputs],
        outputs=list(outputs),
        builtinOptionsType=numbers[OPTIONS_OF[kind]] if table is not None else 0,
        builtinOptions=table,
    )


def _options(kind: str, options: Mapping[str, Any]) -> Any:
    name = OPTIONS_OF.get(kind, "")
    if not name:
        if options:
            raise ValueError(f"{kind} has no options")
        return None
    fields = {_camel_case(field): _option_value(field, value) for field, value in options.items()}
    return getattr(schema, f"{name}T")(**fields)


def _option_value(field: str, value: Any) -> Any:
    if isinstance(value, str) and field in OPTION_ENUMS:
        return {name: number for number, name in OPTION_ENUMS[field].items()}[value]
    return list(value) if isinstance(value, tuple) else value


def _camel_case(snake_case: str) -> str:
    first, *others = snake_case.split("_")
    return first + "".join(word.title() for word in others)
