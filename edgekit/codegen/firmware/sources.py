"""The files of kernels/mcu that a model needs, with the headers that they include."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from edgekit.kernels import kernel_folder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edgekit.artifacts import SharedKernel

_INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def kernel_sources(kernels: Iterable[SharedKernel]) -> dict[str, bytes]:
    """Content by name of everything that these kernels are compiled from."""
    wanted = [name for kernel in kernels for name in (kernel.header, *kernel.sources)]
    found: dict[str, bytes] = {}
    while wanted:
        name = wanted.pop()
        if name not in found:
            found[name] = (kernel_folder("mcu") / name).read_bytes()
            wanted += _INCLUDE.findall(found[name].decode())
    return dict(sorted(found.items()))
