"""The same kernels scheduled for a target, and whose measurements chose how."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from edgekit.artifacts.lowered import KernelCall, LoweredModule
    from edgekit.target import Target


# Functions that stand in scheduled kernels for the bounds of a thread's share of 0 .. their argument.
SHARE_BEGIN, SHARE_END = "edgekit_share_begin", "edgekit_share_end"

SHARED = "edgekit.shared"  # attribute of a kernel: threads share its loops, since it does work enough


@dataclasses.dataclass(frozen=True)
class Origin:
    """Whose measurement chose a kernel's schedule."""

    source: str  # "board", "machine" (that EdgeKit ran on) or "emulator"
    is_exact: bool  # of the kernel's own shape, not of the nearest tuned one


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tuning:
    """The shares of the multiply-accumulates whose schedules were measured, by the source of the record."""

    exact: Mapping[str, float]
    nearest: Mapping[str, float]  # by the record of another shape

    @property
    def tuned_share(self) -> float:
        """The share that was measured in its own shape."""
        return sum(self.exact.values())


UNTUNED = Tuning(exact={}, nearest={})


@dataclasses.dataclass(frozen=True, kw_only=True)
class SharedKernel:
    """A kernel that is no function of its own: a constant struct, and a C function that all its like share.

    The function is `void function(const struct *layer, reads..., writes..., [void *scratch])`: typed pointers
    in the order of the call's reads and writes. Pointers to constants and to scratch memory are aligned to 4
    bytes; others to their element.
    """

    function: str  # "ek_convolution"
    struct: str  # the C type of its layers: "ek_convolution_layer"
    fields: Mapping[str, int | tuple[int, ...]]  # of the struct
    sources: tuple[str, ...]  # files of edgekit/kernels/mcu, without those that they include
    header: str  # the file there that declares both
    scratch_bytes: int = 0  # 0: it takes no scratch memory
    # The answer is right if the output starts at least so many bytes below the first input's start, or
    # apart from it. None: only apart.
    lead_bytes: int | None = None
    works_in_place: bool = False  # right too if the output starts exactly where the first input does


@dataclasses.dataclass(frozen=True, kw_only=True)
class TunedModule:
    """The same calls with scheduled kernels, and constants packed the way those read them."""

    lowered: LoweredModule
    target: Target
    module: Any  # tvm.IRModule of scheduled PrimFuncs
    calls: tuple[KernelCall, ...]
    constants: Mapping[str, NDArray[Any]]
    kernels: tuple[str, ...] = ()  # folders of micro-kernels that are called
    shared: Mapping[str, SharedKernel] = dataclasses.field(default_factory=dict)  # those not in `module`
    overread_bytes: int = 0  # how far past an operand a kernel may read
    tuning: Tuning = UNTUNED
