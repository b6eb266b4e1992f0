"""From bytes to `ParsedModel`: every part of the file that has a meaning is read, checked, and named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tflite
from flatbuffers import number_types

from edgekit.ingest.flatbuffer import Budget, CorruptDataError, check, integers, reading, tables, text
from edgekit.ingest.options import decode_options
from edgekit.ingest.parsed import (
    ParsedModel,
    ParsedOperator,
    ParsedQuantization,
    ParsedSubgraph,
    ParsedTensor,
)
from edgekit.ingest.schema import OPERATORS, TENSOR_TYPES

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SCHEMA_VERSION = 3
_BUILTIN_CODE_SLOT = 10  # OperatorCode.builtin_code in the vtable
_ABSENT = -1  # an optional input that is not there
_MAX_RANK = 8
_MAX_NAME_BYTES = 4096


def parse_model(flatbuffer: bytes, name: str) -> ParsedModel:
    """Read a whole file.

    Raises UnreadableModelError, naming the part, when any offset, length, index or enum in it is
    impossible. What comes back is consistent in itself; nothing says yet that it can be built.
    """
    budget = Budget(len(flatbuffer))
    with reading(name):
        model = check(tflite.Model.GetRootAs(flatbuffer, 0), budget)
        if model.Version() != _SCHEMA_VERSION:
            raise CorruptDataError(f"schema version {model.Version()} is not {_SCHEMA_VERSION}")
        description = text(model.Description())
        buffers = tuple(tables(model.BuffersLength(), model.Buffers, budget))
        codes = tuple(
            _operator_code(code) for code in tables(model.OperatorCodesLength(), model.OperatorCodes, budget)
        )
        metadata = tuple(
            text(entry.Name()) for entry in tables(model.MetadataLength(), model.Metadata, budget)
        )
        if not model.SubgraphsLength():
            raise CorruptDataError("it has no subgraph")
        subgraphs = tuple(
            _Subgraph(name, position, table, buffers, codes, budget).parse()
            for position, table in enumerate(tables(model.SubgraphsLength(), model.Subgraphs, budget))
        )
        signatures = tuple(
            (text(each.SignatureKey()), each.SubgraphIndex())
            for each in tables(model.SignatureDefsLength(), model.SignatureDefs, budget)
        )
    return ParsedModel(
        name=name, description=description, subgraphs=subgraphs, metadata=metadata, signatures=signatures
    )


def _operator_code(code: Any) -> tuple[str, str, int]:
    # Old files have the number in the first field, which is a byte; new ones in the second.
    # (tflite's own BuiltinCode() answers with the first field wherever that could hold the number.)
    new_number = code._tab.GetSlot(_BUILTIN_CODE_SLOT, 0, number_types.Int32Flags)
    number = max(code.DeprecatedBuiltinCode(), new_number)
    kind = OPERATORS.get(number, f"OPERATOR_{number}")
    return kind, text(code.CustomCode())[:_MAX_NAME_BYTES], code.Version()


class _Subgraph:
    """Reads one subgraph. `codes` are (kind, custom name, version) of the model's operator codes."""

    def __init__(
        self,
        model_name: str,
        index: int,
        table: Any,
        buffers: tuple[Any, ...],
        codes: tuple[tuple[str, str, int], ...],
        budget: Budget,
    ) -> None:
        self._place = model_name if index == 0 else f"{model_name}: subgraph {index}"
        self._index, self._table, self._budget = index, table, budget
        self._buffers, self._codes = buffers, codes
        self._tensor_count = table.TensorsLength()

    def parse(self) -> ParsedSubgraph:
        table, budget = self._table, self._budget
        with reading(self._place):
            tensors = tuple(
                self._tensor(position, tensor)
                for position, tensor in enumerate(tables(self._tensor_count, table.Tensors, budget))
            )
            operators = tuple(
                self._operator(position, operator)
                for position, operator in enumerate(tables(table.OperatorsLength(), table.Operators, budget))
            )
            return ParsedSubgraph(
                index=self._index,
                name=text(table.Name()),
                tensors=tensors,
                operators=operators,
                inputs=self._tensor_indices(integers(table.InputsAsNumpy(), budget)),
                outputs=self._tensor_indices(integers(table.OutputsAsNumpy(), budget)),
            )

    def _tensor(self, index: int, table: Any) -> ParsedTensor:
        with reading(f"{self._place}: tensor {index}"):
            name = text(table.Name())[:_MAX_NAME_BYTES]
        with reading(f"{self._place}: tensor {index} ({name!r})"):
            number = table.Type()
            if number not in TENSOR_TYPES:
                raise CorruptDataError(f"its element type {number} is unknown")
            shape = integers(table.ShapeAsNumpy(), self._budget)
            signature = integers(table.ShapeSignatureAsNumpy(), self._budget)
            if len(shape) > _MAX_RANK or len(signature) > _MAX_RANK:
                raise CorruptDataError(
                    f"it has {max(len(shape), len(signature))} axes, more than {_MAX_RANK}"
                )
            data, is_outside = self._constant(table.Buffer())
            return ParsedTensor(
                index=index,
                name=name,
                shape=shape,
                signature=signature,
                dtype=TENSOR_TYPES[number],
                data=data,
                quantization=self._quantization(table.Quantization()),
                is_variable=table.IsVariable(),
                is_sparse=table.Sparsity() is not None,
                is_outside=is_outside,
            )

    def _constant(self, index: int) -> tuple[NDArray[Any] | None, bool]:
        if index >= len(self._buffers):
            raise CorruptDataError(f"its buffer {index} is not one of the {len(self._buffers)} buffers")
        buffer = self._buffers[index]
        data = buffer.DataAsNumpy()
        # The schema keeps offsets 0 and 1 free to say that there is no data outside.
        is_outside = buffer.Offset() > 1
        return (None if isinstance(data, int) or not data.size else data), is_outside

    def _quantization(self, table: Any) -> ParsedQuantization | None:
        if table is None:
            return None
        check(table, self._budget)
        return ParsedQuantization(
            # float32 widened to float keeps its value exactly.
            scales=integers(table.ScaleAsNumpy(), self._budget),
            zero_points=integers(table.ZeroPointAsNumpy(), self._budget),
            axis=table.QuantizedDimension(),
            has_details=bool(table.DetailsType()),
        )

    def _operator(self, index: int, table: Any) -> ParsedOperator:
        with reading(f"{self._place}: operator {index}"):
            code = table.OpcodeIndex()
            if code >= len(self._codes):
                raise CorruptDataError(f"its code {code} is not one of the {len(self._codes)} operator codes")
            kind, custom_name, version = self._codes[code]
        with reading(f"{self._place}: operator {index} ({kind})"):
            inputs = integers(table.InputsAsNumpy(), self._budget)
            present = iter(self._tensor_indices(tuple(i for i in inputs if i != _ABSENT)))
            return ParsedOperator(
                index=index,
                kind=kind,
                custom_name=custom_name if kind == "CUSTOM" else "",
                version=version,
                inputs=tuple(None if i == _ABSENT else next(present) for i in inputs),
                outputs=self._tensor_indices(integers(table.OutputsAsNumpy(), self._budget)),
                options=decode_options(kind, table, self._budget),
            )

    def _tensor_indices(self, indices: tuple[int, ...]) -> tuple[int, ...]:
        for index in indices:
            if not 0 <= index < self._tensor_count:
                raise CorruptDataError(f"it refers to tensor {index}, and there are {self._tensor_count}")
        return indices
