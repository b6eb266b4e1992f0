"""What client and worker say to each other: arrays by name and one JSON header, length first.

Nothing is pickled: the worker reads models that nobody trusts.
"""

from __future__ import annotations

import io
import json
import struct
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

Arrays = dict[str, "NDArray[Any]"]

_LENGTH = struct.Struct("<Q")
_HEADER = "header"


def write_message(stream: BinaryIO, header: Mapping[str, Any], arrays: Arrays) -> None:
    """Send a header and arrays whose names are not "header".

    Raises:
        BrokenPipeError: nobody reads the other end any more.
    """
    packed = io.BytesIO()
    encoded = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez(packed, allow_pickle=False, **{_HEADER: encoded}, **arrays)
    content = packed.getbuffer()
    stream.write(_LENGTH.pack(len(content)))
    stream.write(content)
    stream.flush()


def read_message(stream: BinaryIO) -> tuple[dict[str, Any], Arrays] | None:
    """The next message, or None when the other end is gone, even in the midst of a message."""
    length = stream.read(_LENGTH.size)
    if len(length) < _LENGTH.size:
        return None
    wanted: int = _LENGTH.unpack(length)[0]
    content = stream.read(wanted)
    if len(content) < wanted:
        return None
    with np.load(io.BytesIO(content), allow_pickle=False) as loaded:
        arrays = {name: loaded[name] for name in loaded.files}
    return json.loads(arrays.pop(_HEADER).tobytes()), arrays
