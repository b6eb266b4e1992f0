"""A `.tflite` file as it is: well-formed, with names for its enums, not yet judged.

`structure.py` makes these values, `acceptance.py` judges them, and `graph.py` turns what was accepted into
EdgeKit's own graph. `inspect` shows them also for models that cannot be built.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


@dataclasses.dataclass(frozen=True, kw_only=True)
class ParsedQuantization:
    """A tensor's quantization parameters as they stand in the file, unchecked."""

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int
    has_details: bool  # a custom quantization scheme


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ParsedTensor:
    """One tensor. `data` holds the bytes of a constant, a read-only view of the file."""

    index: int
    name: str
    shape: tuple[int, ...]
    signature: tuple[int, ...]  # as `shape`, with -1 where the size is not fixed; or empty
    dtype: str  # the schema's name: "INT8"
    data: NDArray[Any] | None
    quantization: ParsedQuantization | None
    is_variable: bool
    is_sparse: bool
    is_outside: bool  # its constant lies behind the flatbuffer

    @property
    def elements(self) -> int:
        """Number of elements; 1 for a scalar."""
        return math.prod(self.shape)

    def __str__(self) -> str:
        return f"tensor {self.index} ({self.name!r})"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ParsedOperator:
    """One operator. `kind` is the schema's name; a custom operator is "CUSTOM" and has a `custom_name`."""

    index: int
    kind: str
    custom_name: str
    version: int
    inputs: tuple[int | None, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any]

    def __str__(self) -> str:
        name = f"{self.kind} {self.custom_name!r}" if self.custom_name else self.kind
        return f"operator {self.index} ({name})"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ParsedSubgraph:
    """A network: tensors by index, operators in the file's order, and its edges."""

    index: int
    name: str
    tensors: tuple[ParsedTensor, ...]
    operators: tuple[ParsedOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ParsedModel:
    """All subgraphs of a file; the first one is the network, others belong to its operators."""

    name: str
    description: str
    subgraphs: tuple[ParsedSubgraph, ...]
    metadata: tuple[str, ...]  # names of the metadata entries
    signatures: tuple[tuple[str, int], ...] = ()  # the name of each, and the subgraph that it calls

    @property
    def main(self) -> ParsedSubgraph:
        """The network that runs at every invocation."""
        return self.subgraphs[0]

    def place(self, graph: ParsedSubgraph) -> str:
        """How messages name one of the model's subgraphs."""
        return self.name if graph.index == 0 else f"{self.name}: subgraph {graph.index}"
