"""Run a model built by EdgeKit from Python, on the board: this one file, numpy, nothing else.

    from edgekit_model import Model

    model = Model("libkeyword_spotting.so")
    print(model.inputs)                      # name, shape, dtype, scale, zero_point
    scores, = model.invoke(pixels)           # one array an input, one array an output
    model.reset()                            # forget what a streaming model remembers
    Model("libkeyword_spotting.so", threads=2)   # two threads share each invocation; same answers

Python 3.7 and up. Two `Model`s of one library have memory of their own each; one `Model` must not
be invoked from two threads at once.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from typing import Any, NamedTuple

import numpy as np

ABI_VERSION = 2

_TYPES = {
    1: np.int8,
    2: np.uint8,
    3: np.int16,
    4: np.int32,
    5: np.int64,
    6: np.float32,
    7: np.bool_,
}


class TensorInfo(NamedTuple):
    """An input or output: real = scale * (integer - zero_point); scale is 0 if not quantized."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    scale: float
    zero_point: int


class ModelError(Exception):
    """The library cannot be used, or an argument does not fit the model."""


class _Tensor(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("type", ctypes.c_int),
        ("rank", ctypes.c_uint32),
        ("shape", ctypes.POINTER(ctypes.c_int32)),
        ("bytes", ctypes.c_size_t),
        ("arena_offset", ctypes.c_size_t),
        ("scale", ctypes.c_float),
        ("zero_point", ctypes.c_int32),
    ]


_RESET = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_INVOKE = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p] * 4)
_INVOKE_WITH = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p] * 5)
_CREATE_POOL = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_uint32, use_errno=True)
_FREE_POOL = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class _Model(ctypes.Structure):
    _fields_ = [
        ("abi_version", ctypes.c_uint32),
        ("name", ctypes.c_char_p),
        ("digest", ctypes.c_char_p),
        ("target", ctypes.c_char_p),
        ("arena_bytes", ctypes.c_size_t),
        ("arena_alignment", ctypes.c_size_t),
        ("state_bytes", ctypes.c_size_t),
        ("input_count", ctypes.c_uint32),
        ("output_count", ctypes.c_uint32),
        ("operator_count", ctypes.c_uint32),
        ("inputs", ctypes.POINTER(_Tensor)),
        ("outputs", ctypes.POINTER(_Tensor)),
        ("operators", ctypes.c_void_p),
        ("reset", _RESET),
        ("invoke", _INVOKE),
        ("most_threads", ctypes.c_uint32),
        ("invoke_part", ctypes.c_void_p),
        ("create_pool", _CREATE_POOL),
        ("invoke_with", _INVOKE_WITH),
        ("free_pool", _FREE_POOL),
    ]


class Model:
    """One instance of a model: its library, an arena and a state of its own."""

    def __init__(self, path: Any, threads: int = 1) -> None:
        """Load a library, for example "./libmodel.so", to be run by so many threads; 0: one for each core.

        A model too small to share is run by one thread all the same. Raises ModelError if the library cannot
        be loaded here or has another interface version, or if threads cannot be started.
        """
        try:
            self._library = ctypes.CDLL(str(path))
            get = self._library.edgekit_model_get
        except (OSError, AttributeError) as error:
            raise ModelError(f"cannot use {path} as a model library: {error}") from None
        get.restype = ctypes.POINTER(_Model)
        self._model = get().contents
        if self._model.abi_version != ABI_VERSION:
            raise ModelError(
                f"{path} has version {self._model.abi_version} of the C interface, this file reads "
                f"version {ABI_VERSION}; take the edgekit_model.py of the library's own bundle"
            )
        self._arena = _aligned(self._model.arena_bytes, self._model.arena_alignment)
        self._state = _aligned(self._model.state_bytes, self._model.arena_alignment)
        self.inputs = _describe(self._model.inputs, self._model.input_count)
        self.outputs = _describe(self._model.outputs, self._model.output_count)
        self._input_views = self._views(self._model.inputs, self.inputs)
        self._output_views = self._views(self._model.outputs, self.outputs)
        # Looked up once: for a small model it would take longer than the model itself.
        self._invoke = self._model.invoke
        self._memory = [ctypes.c_void_p(m.ctypes.data) for m in (self._arena, self._state)]
        if threads != 1 and self._model.most_threads > 1:
            self._use_pool(threads)
        self.reset()

    def _use_pool(self, threads: int) -> None:
        if threads < 0:
            raise ModelError(f"threads is {threads}; it must be 0 or more")
        pool = self._model.create_pool(threads)
        if not pool:
            raise ModelError(f"{threads} threads cannot be started: {os.strerror(ctypes.get_errno())}")
        # The library stays loaded for as long as its threads run.
        weakref.finalize(self, self._model.free_pool, pool)
        self._invoke = self._model.invoke_with
        self._memory.insert(0, ctypes.c_void_p(pool))

    @property
    def name(self) -> str:
        """The model's name."""
        return str(self._model.name, "utf-8", "replace")

    def reset(self) -> None:
        """Set the state of a streaming model to its first value."""
        self._model.reset(self._state.ctypes.data)

    def invoke(self, *arrays: Any) -> list[np.ndarray[Any, Any]]:
        """Run the network once on one array an input; returns a list of one array an output.

        Types and shapes must be exactly those of `inputs`: nothing is converted or scaled.
        """
        if len(arrays) != len(self.inputs):
            raise ModelError(f"the model takes {len(self.inputs)} inputs, {len(arrays)} were given")
        # zip's `strict` came with Python 3.10.
        for array, view, info in zip(arrays, self._input_views, self.inputs):  # noqa: B905
            given = np.asarray(array)
            if given.shape != info.shape or given.dtype != info.dtype:
                raise ModelError(
                    f"input {info.name!r} takes {info.dtype} {info.shape}, "
                    f"{given.dtype} {given.shape} was given"
                )
            view[...] = given
        self.invoke_in_place()
        return [view.copy() for view in self._output_views]

    def invoke_in_place(self) -> None:
        """Run the network once on what its input memory holds, copying nothing; for measuring time."""
        status = self._invoke(*self._memory, None, None)
        if status != 0:
            raise ModelError(f"the model's invoke returned {status}")

    def _views(self, tensors: Any, infos: list[TensorInfo]) -> list[np.ndarray[Any, Any]]:
        views = []
        for i, info in enumerate(infos):
            start = tensors[i].arena_offset
            raw = self._arena[start : start + tensors[i].bytes]
            views.append(raw.view(info.dtype).reshape(info.shape))
        return views


def _describe(tensors: Any, count: int) -> list[TensorInfo]:
    return [
        TensorInfo(
            tensors[i].name.decode("utf-8", "replace"),
            tuple(tensors[i].shape[axis] for axis in range(tensors[i].rank)),
            np.dtype(_TYPES[tensors[i].type]),
            tensors[i].scale,
            tensors[i].zero_point,
        )
        for i in range(count)
    ]


def _aligned(size: int, alignment: int) -> np.ndarray[Any, Any]:
    """`size` bytes whose address is a multiple of `alignment`; numpy aligns to 16 at most."""
    block = np.zeros(size + alignment, np.uint8)
    start = -block.ctypes.data % alignment
    return block[start : start + size]
