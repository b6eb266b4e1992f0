"""Samples from a Python function of the user's, named `module:function` and called without arguments.

It gives an array, a dict of arrays as in a `.npz`, or yields samples one by one: each an array, a tuple or
list with an array for each input, or a dict of them by name. A first axis of 1 (the batch) may be there.
"""

from __future__ import annotations

import contextlib
import importlib
import re
import sys
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.samples.arrays import keyed
from edgekit.samples.errors import SamplesDoNotFitError, SamplesFunctionError, SamplesNotFoundError
from edgekit.samples.loaded import Loaded, check_size, check_type, shape_of_sample

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from edgekit.samples.samples import InputTensor

_NAME = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def is_function(where: str) -> bool:
    """Whether a text names a function in a module."""
    return _NAME.fullmatch(where) is not None


def read_function(where: str, tensors: Sequence[InputTensor]) -> Loaded:
    """What the function gives. Its module is looked for in the current folder first.

    Raises:
        SamplesNotFoundError: no such module or function.
        SamplesFunctionError: it raised something; says what, and in which line.
        SamplesDoNotFitError: what it gave is no samples of this model.
        SamplesTooLargeError: it gave too many.
    """
    function = _find(where)
    given = _guarded(where, function)
    if isinstance(given, Mapping):
        return keyed({str(key): np.asarray(value) for key, value in given.items()}, tensors, where)
    if hasattr(given, "__array__"):
        array = np.asarray(given)
        return keyed({"0": array if array.ndim else array.reshape(1)}, tensors, where)
    if not isinstance(given, Iterable):
        raise SamplesDoNotFitError(
            f"{where} gave {type(given).__name__}.",
            why="It must give an array, a dict of arrays, or samples one by one.",
            fix="Return numpy.stack(samples), or yield each.",
        )
    return _collected(where, iter(given), tensors)


def _collected(where: str, samples: Any, tensors: Sequence[InputTensor]) -> Loaded:
    columns: list[list[NDArray[Any]]] = [[] for _ in tensors]
    done = object()
    while (sample := _guarded(where, lambda: next(samples, done))) is not done:
        # Before it is kept: a generator need not end.
        check_size(len(columns[0]) + 1, tensors, where)
        for column, array, tensor in zip(columns, _parts(where, sample, tensors), tensors, strict=True):
            check_type(array.dtype, where)
            column.append(array.reshape(shape_of_sample(array.shape, tensor, where)).copy())
    if not columns[0]:
        raise SamplesNotFoundError(
            f"{where} gave no sample.", why="It ended at once.", fix="Yield at least one sample."
        )
    return Loaded(inputs=tuple(np.stack(column) for column in columns))


def _parts(where: str, sample: object, tensors: Sequence[InputTensor]) -> tuple[NDArray[Any], ...]:
    if isinstance(sample, Mapping):
        names = [tensor.name for tensor in tensors]
        parts = [sample[name] for name in names] if sample.keys() == set(names) else []
    elif isinstance(sample, tuple | list) and len(sample) == len(tensors):
        parts = list(sample)
    else:
        parts = [sample] if len(tensors) == 1 else []
    if not parts:
        raise SamplesDoNotFitError(
            f"{where} gave a sample that does not have an array for each input.",
            why=f"The model's inputs are: {', '.join(tensor.name for tensor in tensors)}.",
            fix="Yield a tuple in this order, or a dict with these keys.",
        )
    return tuple(np.asarray(part) for part in parts)


def _find(where: str) -> Callable[[], object]:
    module_name, name = where.split(":")
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    importlib.invalidate_caches()
    try:
        with contextlib.redirect_stdout(sys.stderr):
            module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise _failed(where, error) from error
        raise SamplesNotFoundError(
            f"There is no module {error.name!r}.",
            why=f"It is neither in {folder} nor installed.",
            fix="Run edgekit in the folder of the module's file, and name it without .py.",
        ) from error
    except (Exception, SystemExit) as error:  # it is the user's code
        raise _failed(where, error) from error
    function = getattr(module, name, None)
    if not callable(function):
        raise SamplesNotFoundError(
            f"The module {module_name!r} has no function {name!r}.",
            why=f"It was read from {getattr(module, '__file__', None) or 'Python itself'}.",
            fix="Correct the name.",
        )
    found: Callable[[], object] = function
    return found


def _guarded(where: str, call: Callable[[], object]) -> object:
    """What the user's code gives. What it prints goes to stderr: stdout is for the answer of the command."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return call()
    except (Exception, SystemExit) as error:  # it is the user's code
        raise _failed(where, error) from error


def _failed(where: str, error: BaseException) -> SamplesFunctionError:
    frames = traceback.extract_tb(error.__traceback__)
    inner = [frame for frame in frames if frame.filename != __file__ and "importlib" not in frame.filename]
    place = f" in {inner[-1].filename}, line {inner[-1].lineno}" if inner else ""
    return SamplesFunctionError(
        f"{where} failed.", why=f"{type(error).__name__}: {error}{place}.", fix="Correct the function."
    )
