"""A .tflite file as objects that can be changed, and back: the object API of LiteRT's schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

if TYPE_CHECKING:
    from collections.abc import Iterator

_IDENTIFIER = b"TFL3"
_DATA_ALIGNMENT_BYTES = 16  # what the schema asks of a constant's bytes
_NO_TENSOR = -1

KINDS: dict[int, str] = {
    value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")
}
CODES: dict[str, int] = {name: value for value, name in KINDS.items()}
FLOAT32: int = schema.TensorType.FLOAT32


def read(flatbuffer: bytes) -> Any:
    """The file's objects. Constants that lie behind the flatbuffer are inside again when it is written."""
    model = flatbuffer_utils.read_model_from_bytearray(flatbuffer)
    for code in model.operatorCodes:
        # Old writers set only the old field, new ones both; the quantizer reads only the new one.
        code.builtinCode = max(code.builtinCode, code.deprecatedBuiltinCode)
    model.signatureDefs = (
        model.signatureDefs or []
    )  # the quantizer goes through them, if there are any or not
    return model


def write(model: Any) -> bytes:
    """The file: the same objects give the same bytes. Constants are inside, and aligned."""
    for buffer in model.buffers:
        if buffer.data is not None and not isinstance(buffer.data, np.ndarray):
            buffer.data = np.frombuffer(bytes(buffer.data), np.uint8)
    builder = _AligningBuilder(1024)
    builder.Finish(model.Pack(builder), file_identifier=_IDENTIFIER)
    return bytes(builder.Output())


class _AligningBuilder(flatbuffers.Builder):  # type: ignore[misc]  # flatbuffers has no types
    """Aligns vectors of bytes, as the schema asks; the Python code made of it does not."""

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> Any:  # noqa: N802, N803
        if elemSize == 1:
            alignment = _DATA_ALIGNMENT_BYTES
        return super().StartVector(elemSize, numElems, alignment)


def kind_of(model: Any, operator: Any) -> str:
    """The operator's name in the schema, "CONV_2D"; a number for one that is newer than the schema."""
    code = model.operatorCodes[operator.opcodeIndex].builtinCode
    return KINDS.get(code, str(code))


def tensors_of(operator: Any) -> Iterator[int]:
    """The indices of all tensors that an operator reads or writes."""
    for index in (*operator.inputs, *operator.outputs):
        if index != _NO_TENSOR:
            yield index


def name_of(tensor: Any) -> str:
    """A tensor's name, for messages."""
    return (tensor.name or b"").decode(errors="backslashreplace")
