"""Run a float model on samples, and note each tensor's least and greatest value in each of them.

The interpreter's reference kernels compute, one thread an interpreter: what is noted depends neither on the
CPU's vector instructions nor on how many threads share the samples.
"""

from __future__ import annotations

import dataclasses
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

_MOST_THREADS = 8  # each keeps all tensors of the model
_OVERFLOWN = 3e38  # kernels that clamp their result turn an infinity into the greatest float, 3.4e38


@dataclasses.dataclass(frozen=True)
class Observed:
    """`minima` and `maxima` are [samples, tensors], of the tensors with these indices."""

    tensors: tuple[int, ...]
    minima: NDArray[np.float32]
    maxima: NDArray[np.float32]

    def first_not_finite(self) -> tuple[int, int] | None:
        """The sample and the tensor in which the first overflow or NaN was seen."""
        bad = ~((np.abs(self.minima) < _OVERFLOWN) & (np.abs(self.maxima) < _OVERFLOWN))  # NaN is not less
        if not bad.any():
            return None
        sample, position = np.argwhere(bad)[0]
        return int(sample), self.tensors[position]


def observe(
    flatbuffer: bytes,
    tensors: Sequence[int],
    inputs: Sequence[NDArray[np.float32]],
    tick: Callable[[float], None],
) -> Observed:
    """Feed every sample; `inputs` has one array an input, [samples, ...]. `tick` gets the share done."""
    count = len(inputs[0])
    minima = np.empty((count, len(tensors)), np.float32)
    maxima = np.empty_like(minima)
    local = threading.local()
    done = 0
    ticking = threading.Lock()

    def note(sample: int) -> None:
        nonlocal done
        if not hasattr(local, "interpreter"):
            local.interpreter = _interpreter(flatbuffer)
        interpreter = local.interpreter
        for detail, array in zip(interpreter.get_input_details(), inputs, strict=True):
            interpreter.set_tensor(detail["index"], array[sample].reshape(detail["shape"]))
        interpreter.invoke()
        for position, index in enumerate(tensors):
            values = interpreter.get_tensor(index)
            minima[sample, position] = values.min()
            maxima[sample, position] = values.max()
        with ticking:
            done += 1
            tick(done / count)

    with ThreadPoolExecutor(min(_MOST_THREADS, len(os.sched_getaffinity(0)), count)) as pool:
        for _ in pool.map(note, range(count)):
            pass
    return Observed(tuple(tensors), minima, maxima)


def _interpreter(flatbuffer: bytes) -> Any:
    interpreter = Interpreter(
        model_content=flatbuffer,
        num_threads=1,
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    return interpreter
